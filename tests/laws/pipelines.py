"""A random graph as a pipeline of skorche's, with items that are hard to handle."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import skorche
from skorche.testing import FakeClock, crash

from .behaviour import Bound, Graph, Label, Node, branch, given_before_trouble, key_of, make, total, trouble, weight_of

BRANCHES = ("left", "middle", "right")
KEYS = (None, "key", 3, ("a", "pair"))


class Thing:
    """An item known by its label only. It cannot be compared, hashed, iterated, or asked for its truth."""

    __hash__ = None  # type: ignore[assignment]  # how Python spells that it cannot be hashed

    def __init__(self, label: Label) -> None:
        self.label = label

    def __eq__(self, other: object) -> Any:
        if self.label == "array":
            return [self, other]  # as arrays do, which have no truth either
        raise AssertionError("an item was compared")

    def __bool__(self) -> bool:
        raise AssertionError("an item was asked for its truth")

    def __repr__(self) -> str:
        return "QUEUE_SENTINEL" if self.label == "sentinel" else f"Thing({self.label!r})"


ODD = {"none": None, "nan": float("nan"), "the end": skorche.QUEUE_SENTINEL, "exhausted": StopIteration}
LABEL_OF = {id(value): label for label, value in ODD.items()}


def build_item(label: Label) -> Any:
    """The item a label stands for."""
    if isinstance(label, int):
        return label
    if isinstance(label, list):
        return [build_item(one) for one in label]
    if isinstance(label, tuple) and label[0] == "row":
        return tuple(build_item(one) for one in label[1:])
    if isinstance(label, str) and label in ODD:
        return ODD[label]
    return Thing(label)


def label_of(item: Any) -> Label:
    """The label that stands for an item."""
    if isinstance(item, int | str):
        return item
    if isinstance(item, float):
        return "nan"  # another object when it comes back from a process
    if isinstance(item, list):
        return [label_of(one) for one in item]
    if isinstance(item, skorche.Failure):
        return ("failure", item.node, label_of(item.item))
    if isinstance(item, tuple):
        return ("row", *map(label_of, item))
    return item.label if isinstance(item, Thing) else LABEL_OF[id(item)]


def leaves(label: Label) -> list[Label]:
    """The members of a list, and of the lists in it; of anything else, itself."""
    return [leaf for one in label for leaf in leaves(one)] if isinstance(label, list) else [label]


def task_function(node: Node, clock: FakeClock | None = None) -> Callable[[Any], Any]:
    """What this node's task does, troubles included. It remembers how often it was called for an item."""
    calls: Counter[str] = Counter()

    def befall(label: Label) -> None:
        """Bring the item into its trouble, while it lasts. A list is in trouble as long as one of its members is."""
        now = None
        for leaf in leaves(label):
            found = trouble(node, leaf)
            if found is not None:
                calls[repr(leaf)] += 1
                now = found.kind if calls[repr(leaf)] <= found.times else now
        if now == "raise":
            raise ValueError(f"{node.name} does not like this")
        if now == "exit":
            raise SystemExit(0)
        if now == "crash":
            crash()
        if now == "slow":
            assert node.timeout is not None
            assert clock is not None
            clock.sleep(10 * node.timeout)

    def task(item: Any) -> Any:
        label = label_of(item)
        befall(label)
        return build_item(make(node, label))

    return task


def as_async(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same, as a coroutine that lets others go first."""

    async def task(item: Any) -> Any:
        await asyncio.sleep(0)
        return function(item)

    return task


def by_and_by(node: Node, function: Callable[[Any], Any]) -> Callable[[Any], Iterator[Any]]:
    """The same as a generator, which meets its trouble in the midst of it."""

    def generate(item: Any) -> Iterator[Any]:
        label = label_of(item)
        early = make(node, label)[: given_before_trouble(node, label)]
        yield from map(build_item, early)
        yield from function(item)[len(early) :]

    return generate


def folding(node: Node, function: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """The task of a reduce. What befalls the item, befalls it before it is added."""

    def fold(accumulator: Any, item: Any) -> Any:
        return build_item(total(node, label_of(accumulator), label_of(function(item))))

    return fold


def declare_limit(bound: Bound) -> Any:
    """A limit or a rate, as users make it. An equal one is the same."""
    if bound.per is None:
        return skorche.limit(bound.name, bound.most)
    return skorche.rate(bound.name, bound.most, per=bound.per)


class Gathering:
    """A task of several arguments: what the function does with a tuple of them."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, *items: Any) -> Any:
        return self.function(items)


class AwaitedGathering(Gathering):
    """The same for a coroutine function."""

    async def __call__(self, *items: Any) -> Any:
        return await self.function(items)


@dataclass
class Built:
    """A pipeline, its queues by number, the clock its tasks sleep by, and when tasks with limits were called."""

    pipeline: skorche.Pipeline
    queues: dict[int, Any]
    clock: FakeClock
    starts: list[tuple[Node, float]]


def build(graph: Graph) -> Built:
    """Declare the graph."""
    builder = Builder(graph)
    for node in graph.nodes:
        builder.add(node)
    return Built(builder.pipeline, builder.queues, builder.clock, builder.starts)


def _items_of(labels: Sequence[Label]) -> Sequence[Any]:
    return labels if type(labels) is range else [build_item(label) for label in labels]


class Builder:
    """Declares a graph, node by node. It may unbatch failures: mistakes are drawn too, and must be survived."""

    backoff = 0.5
    check_types = False

    def __init__(self, graph: Graph) -> None:
        self.pipeline, self.clock = skorche.Pipeline(check_types=self.check_types), FakeClock()
        self.bounds = graph.maxsizes
        self.starts: list[tuple[Node, float]] = []
        self.queues = {
            number: skorche.Queue(fixed_inputs=self.source(_items_of(labels)))
            for number, labels in enumerate(graph.sources)
        }

    def source(self, items: Sequence[Any]) -> Iterable[Any]:
        """What a source is given."""
        return items

    def function(self, node: Node) -> Callable[[Any], Any]:
        """What the task of a node does."""
        function = task_function(node, self.clock)

        def note_start(item: Any) -> Any:
            self.starts.append((node, self.clock()))
            return function(item)

        return note_start if node.limits else function

    def coroutine(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The same function, to be awaited."""
        return as_async(function)

    def add(self, node: Node) -> None:
        made = [skorche.Queue(name=f"q{number}", maxsize=self.bounds.get(number)) for number in node.outputs]
        self.queues |= dict(zip(node.outputs, made, strict=True))
        getattr(self, "add_" + node.op)(node, [self.queues[number] for number in node.inputs], made)

    def task(self, node: Node, function: Callable[..., Any], engine: str | None) -> Any:
        """The function as a task with the node's policies."""
        if engine == "async":
            function = self.coroutine(function)
        return skorche.task(
            name=node.name,
            engine=engine,
            max_workers=node.workers,
            retries=node.retries,
            backoff=0.0 if node.workers == 3 else self.backoff,
            timeout=node.timeout,
            ordered=node.ordered,
            idempotent=node.idempotent,
            isolate=node.isolate,
            limits=map(declare_limit, node.limits),
            fuse=node.fuse,
        )(function)

    def add_map(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        if node.applied:
            task = self.task(node, self.function(node), node.engine)
            gathering = AwaitedGathering if node.engine == "async" else Gathering
            applied = skorche.Task(gathering(task.function), task.name, task.settings)
            self.pipeline.apply(applied, *inputs[0], queue_out=made[0])
            return
        task = self.task(node, self.function(node), node.engine)
        if node.chained:
            self.pipeline.chain([task], inputs[0], queue_out=made[0])
        else:
            self.pipeline.map(task, inputs[0], queue_out=made[0], queue_errors=made[1] if node.errors else None)

    def add_flat_map(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        function = self.function(node)
        task = self.task(node, by_and_by(node, function) if node.lazy else function, node.engine)
        self.pipeline.flat_map(task, inputs[0], queue_out=made[0], queue_errors=made[1] if node.errors else None)

    def add_reduce(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        engine = node.engine if node.engine in ("thread", "inline") else None
        initial = {"initial": Thing(("sum", 0))} if node.initial else {}
        self.pipeline.reduce(
            self.task(node, folding(node, self.function(node)), engine),
            inputs[0],
            queue_out=made[0],
            queue_errors=made[1] if node.errors else None,
            **initial,
        )

    def add_sink(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        task = self.task(node, self.function(node), node.engine)
        self.pipeline.sink(task, inputs[0], queue_errors=made[0] if node.errors else None)

    def add_split(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        values: dict[str, Any] = {"predicate_values": BRANCHES} if node.branches > 2 else {}
        self.pipeline.split(self.predicate(node), inputs[0], fuse=node.fuse, queue_out=made, **values)

    def add_filter(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        self.pipeline.filter(self.predicate(node), inputs[0], fuse=node.fuse, queue_out=made[0])

    def add_batch(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        closing: dict[str, Any] = {"fill_batch": node.fill, "timeout": node.timeout}
        if node.size:
            closing["batch_size"] = node.size
        if node.keys:
            closing |= {"key": self.said(node, first=True), "max_keys": node.max_keys}
        if node.max_weight:
            closing |= {"weight": self.said(node, first=not node.keys), "max_weight": node.max_weight}
        self.pipeline.batch(inputs[0], queue_out=made[0], **closing)

    def add_unbatch(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        self.pipeline.unbatch(inputs[0], queue_out=made[0])

    def add_merge(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        self.pipeline.merge(inputs, queue_out=made[0])

    def said(self, node: Node, *, first: bool) -> Callable[[Any], Any]:
        """The key or the weight of an item. A batch's troubles befall the one function, or the other."""
        troubled = first == (not (node.keys and node.max_weight and node.size % 2))
        keyed = bool(node.keys) and first

        def say(item: Any) -> Any:
            label = label_of(item)
            found = trouble(node, label) if troubled else None
            if found is not None and found.kind == "exit":
                return Thing("unhashable")  # nor is it a number
            if found is not None:
                raise ValueError(f"{node.name} does not like this")
            return KEYS[key_of(node, label)] if keyed else float(weight_of(node, label))

        return say

    def add_tee(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        self.pipeline.tee(inputs[0], n=len(made), queue_out=made)

    def add_zip(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        if node.applied:
            self.queues[node.outputs[0]] = inputs  # for the map behind it
            return
        missing = {"missing": None} if node.fills else {}
        self.pipeline.zip(inputs, queue_out=made[0], **missing)

    def predicate(self, node: Node) -> Callable[[Any], Any]:
        def choose(item: Any) -> Any:
            label = label_of(item)
            found = trouble(node, label)
            if found is not None and found.kind == "exit":
                return Thing("raises")  # neither its truth nor its hash can be had
            if found is not None:
                raise ValueError(f"{node.name} does not like this")
            number = branch(node, label)
            if node.branches > 2:
                return (*BRANCHES, "nowhere")[number]
            return (number == 0) if node.size % 2 else [0] * (number == 0)

        choose.__name__ = node.name
        return choose
