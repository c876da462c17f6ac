"""Functions that specs of these tests name, and random pipelines made of them."""

from functools import partial

from hypothesis import strategies as st

import skorche
from skorche import Pipeline, Queue


class Refused(ValueError):
    """An error of this module."""


def double(number):
    return 2 * number


@skorche.task(retries=2, max_workers=3)
def decorated(number, by=1):
    return number * by


@skorche.task(name="under another name")
def renamed(number):
    return number


async def later(number):
    return number


@skorche.task
class Scale:
    def __init__(self, by=1):
        self.by = by

    def __call__(self, number):
        return number * self.by


class Plain:
    def __init__(self, by=1):
        self.by = by

    def __call__(self, number):
        return number


def several(number):
    return [number] * number


def add(left, right=0, *others, scale=1):
    return (left + right) * scale


def anything(*args, **named):
    return [args, named]


@skorche.task(retries=2)
def gathered(*args, by=1, **named):
    return [args, by, named]


def is_even(number):
    return number % 2 == 0


def is_above(number, least):
    return number > least


def _private(number):
    return number


TASKS = [
    double,
    decorated,
    renamed,
    later,
    Scale,
    Scale(3),
    Scale(by=2),
    skorche.task(Plain)(by=1),
    skorche.task(Plain),
]
PREDICATES = [is_even, partial(is_above, least=3), decorated]
ITEMS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
LIMITS = [skorche.limit("gpu", 1), skorche.rate("api", 5, per=2.0)]
OPTIONS = {
    "engine": st.sampled_from(["thread", "process", "inline"]),
    "max_workers": st.integers(1, 9),
    "retries": st.integers(0, 3),
    "backoff": st.floats(0, 10),
    "retry_on": st.sampled_from([OSError, (OSError, ValueError), (Refused,), Refused]),
    "timeout": st.floats(0.5, 100),
    "on_error": st.sampled_from(["raise", "collect"]),
    "ordered": st.booleans(),
    "idempotent": st.booleans(),
    "isolate": st.booleans(),
    "tag": st.sampled_from(["wide", "yes"]),
    "limits": st.lists(st.sampled_from(LIMITS), unique=True),
}
NAMES = st.sampled_from(["a", "b", "c", "no", "1", "_", "d e", "f:g", "ü", "- h", "#", "null"])


class _Drawing:
    """A pipeline under construction."""

    def __init__(self, draw):
        self.draw = draw
        self.names = set()
        self.open, self.shared = [], []
        self.pipeline = Pipeline(draw(st.sampled_from(["pipeline", "my: job", "yes"])), check_types=False)

    def flag(self):
        return self.draw(st.booleans())

    def queue(self, items=None, key=None):
        """A queue, perhaps with a name and a bound; None stands for one that the operator makes."""
        name = self.draw(st.none() | NAMES)
        name = None if name in self.names else name
        self.names.add(name)
        maxsize = self.draw(st.none() | st.integers(1, 9))
        return Queue(name, items, maxsize=maxsize, key=key)

    def output(self):
        return self.queue() if self.flag() else None

    def source(self):
        kinds = [st.none(), st.lists(ITEMS, max_size=3), st.just(range(3)), st.just("abc"), st.just((1, 2))]
        kinds += [st.just(skorche.files("*.jpg", root="photos", missing_ok=True)), st.just(skorche.lines("names.txt"))]
        items, key = self.draw(self.draw(st.sampled_from(kinds))), self.draw(st.none() | st.just(double))
        self.open.append(self.queue(items, key))

    def take(self):
        return self.open.pop(self.draw(st.integers(0, len(self.open) - 1)))

    def task(self, functions=TASKS):
        task = self.draw(st.sampled_from(functions))
        for name in self.draw(st.lists(st.sampled_from(sorted(OPTIONS)), max_size=3, unique=True)):
            task = (skorche.task(task) if not isinstance(task, skorche.Task) else task).options(
                **{name: self.draw(OPTIONS[name])}
            )
        if isinstance(task, skorche.Task) and self.flag():
            task = task.options(name="named")
        return task

    def errors(self):
        if not self.flag():
            return None
        queue = self.queue()
        self.open.append(queue)
        return queue

    def add(self):
        operator = self.draw(st.sampled_from(sorted(name for name in dir(self) if name.startswith("add_"))))
        getattr(self, operator)()

    def add_map(self):
        queue = self.take()
        bound = decorated.bind(by=self.draw(ITEMS))
        self.open.append(
            self.pipeline.map(self.task([*TASKS, bound]), queue, queue_out=self.output(), queue_errors=self.errors())
        )

    def add_chain(self):
        queue = self.take()
        self.open.append(self.pipeline.chain([double, decorated], queue, queue_out=self.output()))

    def add_flat_map(self):
        queue = self.take()
        task = self.task([several])
        self.open.append(self.pipeline.flat_map(task, queue, queue_out=self.output(), queue_errors=self.errors()))

    def add_reduce(self):
        queue, initial = self.take(), {"initial": self.draw(ITEMS)} if self.flag() else {}
        self.open.append(
            self.pipeline.reduce(add, queue, queue_out=self.output(), queue_errors=self.errors(), **initial)
        )

    def add_sink(self):
        queue = self.take()
        self.pipeline.sink(self.task(), queue, queue_errors=self.errors())
        self.source()

    def add_filter(self):
        queue, predicate = self.take(), self.draw(st.sampled_from(PREDICATES))
        self.open.append(self.pipeline.filter(predicate, queue, fuse=self.flag(), queue_out=self.output()))

    def add_split(self):
        values = self.draw(st.sampled_from([(True, False), ("a", "yes", 3), (1, (2, "b"))]))
        queue, outputs = self.take(), [self.output() for _ in values] if self.flag() else None
        options = {"predicate_values": values, "fuse": self.flag(), "queue_out": outputs}
        self.open += self.pipeline.split(self.draw(st.sampled_from(PREDICATES)), queue, **options)

    def add_batch(self):
        options = self.draw(
            st.sampled_from(
                [
                    {},
                    {"batch_size": 1},
                    {"batch_size": 7, "fill_batch": False},
                    {"timeout": 0.5},
                    {"batch_size": None, "weight": several, "max_weight": 3},
                    {"key": is_even, "max_keys": 5, "batch_size": 3},
                ]
            )
        )
        self.open.append(self.pipeline.batch(self.take(), queue_out=self.output(), **options))

    def add_unbatch(self):
        self.open.append(self.pipeline.unbatch(self.take(), queue_out=self.output()))

    def add_merge(self):
        queues = [self.take()]
        while self.open and self.flag():
            queues.append(self.take())
        self.open.append(self.pipeline.merge(queues, queue_out=self.output()))

    def add_tee(self):
        count, queue = self.draw(st.integers(2, 3)), self.take()
        outputs = [self.output() for _ in range(count)] if self.flag() else None
        self.open += self.pipeline.tee(queue, n=count, queue_out=outputs)

    def add_zip(self):
        if len(self.open) < 2:
            self.source()
        options = self.draw(st.sampled_from([{}, {"strict": True}, {"missing": None}, {"missing": {"a": [1]}}]))
        queues = (self.take(), self.take())
        self.open.append(self.pipeline.zip(queues, queue_out=self.output(), **options))

    def add_apply(self):
        """Of queues that other applies read too, of constants, and of both."""
        task = self.task([anything, gathered, gathered.bind(by=3)])
        args = [self._argument() for _ in range(self.draw(st.integers(0, 3)))]
        after = [self._argument(constants=False) for _ in range(self.draw(st.integers(0, 1)))]
        named = {"scale": self._argument()} if self.flag() else {}
        options = {"queue_out": self.output(), "queue_errors": self.errors(), "after": after}
        self.open.append(self.pipeline.apply(task, *args, **options, **named))

    def _argument(self, constants=True):
        if constants and self.flag():
            return self.draw(ITEMS)
        if not self.shared or self.flag():
            if not self.open:
                self.source()
            self.shared.append(self.take())
        return self.draw(st.sampled_from(self.shared))


@st.composite
def pipelines(draw):
    drawing = _Drawing(draw)
    for _ in range(draw(st.integers(1, 2))):
        drawing.source()
    for _ in range(draw(st.integers(1, 7))):
        if not drawing.open:
            drawing.source()
        drawing.add()
    return drawing.pipeline
