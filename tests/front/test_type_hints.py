"""Type hints of consecutive tasks: what surely cannot fit is refused when the second is bound."""

import functools
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

import pytest

import skorche
from skorche import Failure, GraphError, Pipeline, Queue

T = TypeVar("T")


@skorche.task
def size(word: str) -> int:
    return len(word)


@skorche.task
def name(number: int) -> str:
    return f"number {number}"


def total(numbers: list[int]) -> int:
    return sum(numbers)


def words_of(line: str) -> list[str]:
    return line.split()


def count_up(number: int) -> Iterator[int]:
    yield from range(number)


async def read_later(path: str) -> int:
    return len(path)


@skorche.task
class Scale:
    def __init__(self, by: float) -> None:
        self.by = by

    def __call__(self, number: float) -> float:
        return number * self.by


def is_long(item: object) -> bool:
    return len(str(item)) > 3


def same(item: T) -> T:
    return item


def take_numbers(pair: tuple[int, int]) -> int:
    return sum(pair)


def untyped(item):
    return item


@pytest.fixture
def bound():
    """Binds tasks one after the other; a text is the name of an operator."""
    operators = {
        "batch": lambda queue: skorche.batch(queue, batch_size=2),
        "unbatch": skorche.unbatch,
        "filter": lambda queue: skorche.filter(is_long, queue),
        "split": lambda queue: skorche.split(is_long, queue)[1],
        "merge": lambda queue: skorche.merge((Queue(), queue)),
    }

    def bind(*tasks):
        queue = Queue()
        for one in tasks:
            queue = operators[one](queue) if isinstance(one, str) else skorche.map(one, queue)
        return queue

    return bind


# -- what is found ---------------------------------------------------------------------------------------------------


def test_a_text_into_a_task_of_numbers_is_refused_with_both_functions_types_and_lines():
    pipeline = Pipeline()
    names = pipeline.map(name, Queue())

    with pytest.raises(GraphError) as caught:
        pipeline.map(total, names)

    first, second = (f"{__file__}:{one.__code__.co_firstlineno}" for one in (name.function, total))
    assert str(caught.value) == (
        f"task 'total' ({second}) cannot take what task 'name' ({first}) gives.\n"
        "  Why:  by its hint it takes numbers: list[int], but it would be given str.\n"
        "  Mend: put a task between them that makes the one of the other, or correct the hint that is wrong. "
        "Pipeline(check_types=False), or skorche.init(check_types=False), looks at no hints."
    )


def test_nothing_is_declared_by_a_call_that_is_refused():
    pipeline = Pipeline()
    names = pipeline.map(name, Queue())
    with pytest.raises(GraphError):
        pipeline.map(total, names)

    pipeline.map(size, names)

    assert [node.name for node in pipeline.graph.nodes] == ["name", "size"]


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        ((name, name), "takes number: int, but it would be given str."),
        ((size, size), "takes word: str, but it would be given int."),
        ((size, "filter", size), "takes word: str, but it would be given int."),
        ((size, "split", size), "takes word: str, but it would be given int."),
        ((size, "merge", size), "takes word: str, but it would be given int."),
        ((size, "batch", name), "takes number: int, but it would be given list[int], which Batch(2) made of int."),
        (
            (name, "batch", total),
            "takes numbers: list[int], but it would be given list[str], which Batch(2) made of str.",
        ),
        ((words_of, words_of), "takes line: str, but it would be given list[str]."),
        ((words_of, "unbatch", name), "takes number: int, but it would be given str, which Unbatch made of list[str]."),
        (
            (words_of, "unbatch", "filter", "batch", total),
            "takes numbers: list[int], but it would be given list[str], which Unbatch and Batch(2) made of list[str].",
        ),
        ((read_later, size), "takes word: str, but it would be given int."),
        ((Scale(by=2.0), size), "takes word: str, but it would be given float."),
        ((name, Scale(by=2.0)), "takes number: float, but it would be given str."),
        ((count_up, total), "takes numbers: list[int], but it would be given collections.abc.Iterator[int]."),
        (("batch", size), "takes word: str, but it would be given list[Any]."),
        ((size, str.upper), "takes self: str, but it would be given int."),
        ((str, name), "takes number: int, but it would be given str."),
        ((size.options(tag="a"), size.bind()), "takes word: str, but it would be given int."),
        ((size, functools.partial(size.function)), "takes word: str, but it would be given int."),
    ],
)
def test_what_a_task_gives_is_followed_through_operators(tasks, why, bound):
    with pytest.raises(GraphError, match=re.escape(why)):
        bound(*tasks)


def test_a_list_that_no_task_made_is_told_of_its_operator(told):
    lists = skorche.batch(Queue(), batch_size=2)

    with pytest.raises(GraphError) as caught:
        skorche.map(size, lists)

    assert "task 'size' (here) cannot take what op 'Batch(2)' (here) gives.\n" in told(caught)


def test_what_surely_has_no_elements_cannot_be_unbatched(told):
    sizes = skorche.map(size, Queue())

    with pytest.raises(GraphError) as caught:
        skorche.unbatch(sizes)

    assert told(caught) == (
        "unbatch cannot iterate what task 'size' (here) gives.\n"
        "  Why:  it would be given int, but int has no elements.\n"
        "  Mend: leave the unbatch out, or correct the hint. "
        "Pipeline(check_types=False), or skorche.init(check_types=False), looks at no hints."
    )


def test_each_queue_of_a_merge_must_fit():
    merged = skorche.merge((skorche.map(size, Queue()), skorche.map(name, Queue())))

    with pytest.raises(GraphError, match=r"'size' .* cannot take what task 'size' "):
        skorche.map(size, merged)


def test_an_error_queue_carries_failures():
    errors = Queue()
    skorche.map(size, Queue(), queue_errors=errors)

    with pytest.raises(GraphError, match=r"takes word: str, but it would be given skorche.events.Failure"):
        skorche.map(size, errors)


def test_both_branches_of_a_tee_carry_the_type():
    first, second = skorche.tee(skorche.map(size, Queue()))
    skorche.map(name, first)

    with pytest.raises(GraphError, match=r"'size' .* cannot take what task 'size' "):
        skorche.map(size, second)


def test_a_zip_makes_tuples_of_what_its_queues_carry(told):
    first, second = skorche.tee(Queue())
    pairs = skorche.zip((skorche.map(size, first), skorche.map(name, second)))

    with pytest.raises(GraphError) as caught:
        skorche.map(take_numbers, pairs)

    assert told(caught).startswith(
        "task 'take_numbers' (here) cannot take what task 'size' (here) and task 'name' (here) gives.\n"
        "  Why:  by its hint it takes pair: tuple[int, int], "
        "but it would be given tuple[int, str], which Zip made of Union[int, str].\n"
    )


def test_a_chain_is_checked_link_by_link():
    with pytest.raises(GraphError, match=r"'total' .* cannot take what task 'name' "):
        skorche.chain([size, name, total], Queue())


def test_the_end_may_be_declared_before_the_beginning():
    middle = Queue()
    skorche.map(size, skorche.filter(is_long, middle))

    with pytest.raises(GraphError, match=r"'size' .* cannot take what task 'size' "):
        skorche.map(size, Queue(), queue_out=middle)


# -- what is let be --------------------------------------------------------------------------------------------------


def take_failure(failure: Failure) -> str:
    return failure.node


def take_any_lines(lines: Iterable[str]) -> int:
    return len(list(lines))


def half(number: float) -> float:
    return number / 2


def maybe(number: int) -> int | None:
    return number or None


@pytest.mark.parametrize(
    "tasks",
    [
        (size, name, size),
        (size, half, name),
        (maybe, name),
        (words_of, take_any_lines),
        (words_of, "unbatch", size, "batch", total),
        (name, untyped, name),
        (name, same, name),
        (name, "batch", untyped, "unbatch", name),
        (untyped, "unbatch", size),
        ("batch", total),
        ("unbatch", size),
        (str, size),
        (lambda item: item, size),
    ],
)
def test_what_may_fit_is_bound(tasks, bound):
    bound(*tasks)


def test_failures_fit_a_task_of_failures():
    errors = Queue()
    skorche.map(size, Queue(), queue_errors=errors)

    skorche.map(take_failure, errors)


def test_a_split_may_sort_what_a_merge_has_mixed():
    """Nobody knows what a predicate lets through, so one of the types is enough."""
    merged = skorche.merge((skorche.map(size, Queue()), skorche.map(name, Queue())))

    numbers, texts = skorche.split(lambda item: isinstance(item, int), merged)
    skorche.map(name, numbers)
    skorche.map(size, texts)


def test_a_batch_of_a_merge_holds_either():
    merged = skorche.merge((skorche.map(size, Queue()), skorche.map(name, Queue())))

    skorche.map(total, skorche.batch(merged))


def test_what_a_zip_puts_in_place_of_a_missing_item_may_be_what_fits():
    first, second = skorche.tee(Queue())
    pairs = skorche.zip((skorche.map(size, first), skorche.map(name, second)), missing=0)

    skorche.map(take_numbers, pairs)


@pytest.mark.parametrize("bind", [skorche.map, skorche.flat_map, skorche.sink])
def test_a_task_that_unpacks_takes_the_tuples_of_a_zip(bind):
    @skorche.task(unpack=True)
    def repeat(number: int, word: str) -> list[str]:
        return [word] * number

    first, second = skorche.tee(Queue())
    pairs = skorche.zip((skorche.map(size, first), skorche.map(name, second)))

    bind(repeat, pairs)


def test_a_zip_of_what_nobody_knows_gives_pairs_all_the_same():
    first, second = skorche.tee(Queue())
    pairs = skorche.zip((skorche.map(untyped, first), skorche.map(size, second)))

    skorche.map(take_numbers, pairs)


def test_values_are_never_looked_at():
    sizes = skorche.map(name, Queue(fixed_inputs=["a", "b"]))
    skorche.run()
    skorche.shutdown()

    assert sizes.flush() == ["number a", "number b"]


def test_a_class_that_can_neither_be_hashed_nor_compared_does_no_harm():
    class Comparing(type):
        def __eq__(cls, other):
            raise RuntimeError("compared")

        __hash__ = None

    class Thing(metaclass=Comparing):
        pass

    def use(thing: Thing) -> Thing:
        return thing

    first = skorche.map(use, skorche.map(use, Queue()))
    second = skorche.map(Thing, Queue())
    merged = skorche.filter(is_long, skorche.merge((first, second)))
    skorche.map(untyped, skorche.unbatch(skorche.zip((merged, Queue()))))


# -- turned off, and what it costs -----------------------------------------------------------------------------------


def test_a_pipeline_can_look_at_no_hints():
    pipeline = Pipeline(check_types=False)

    pipeline.chain([name, str.title, name], Queue(fixed_inputs=[1]), queue_out=(made := Queue()))
    pipeline.chain([name, name], Queue(fixed_inputs=[1]))

    pipeline.run().wait()
    assert made.flush() == ["number Number 1"]


def test_the_default_pipeline_can_look_at_no_hints_until_the_next_one():
    skorche.init(check_types=False)
    skorche.chain([name, name], Queue())

    skorche.init()

    with pytest.raises(GraphError):
        skorche.chain([name, name], Queue())


def test_an_import_of_skorche_does_not_load_the_check():
    program = (
        "import skorche, sys; skorche.map, skorche.Pipeline; "
        "print([name for name in sys.modules if name.startswith('skorche.hints')])"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert said.stdout == "[]\n"


def test_a_worker_process_does_not_load_the_check():
    @skorche.task(engine="process")
    def loaded(word: str) -> list[str]:
        return [module for module in sys.modules if module.startswith("skorche.hints")]

    made = skorche.map(loaded, Queue(fixed_inputs=["a"]))
    skorche.run()
    skorche.shutdown()

    assert made.flush() == [[]]
