"""Faults of user code and of data: whatever a task raises and an item is, it costs that item, and the run goes on."""

import math
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import skorche

from . import zoo

pytestmark = pytest.mark.timeout(60)

ENGINES = ["inline", "thread", "process"]
NOTE = ["a note of the task's"]


def running(pipeline: skorche.Pipeline, **options: Any) -> skorche.Report:
    """The report of a run that lists its failures."""
    return pipeline.run(on_error="collect", progress=False, **options).wait(30)


# -- what tasks raise ------------------------------------------------------------------------------------------------


def the_failure_of(kind: str, engine: str) -> skorche.Failure:
    """How the exception of that kind is told, when one of seven items raises it. The other six go through."""
    items = [0, 1, 2, zoo.Order((kind, os.getpid())), 4, 5, 6]
    with skorche.Pipeline("zoo") as pipeline:
        out = skorche.map(skorche.task(engine=engine)(zoo.obey), skorche.Queue(fixed_inputs=items))

    report = running(pipeline)

    (failure,) = report.failures
    assert out.flush() == [0, 1, 2, 4, 5, 6]
    assert (report.delivered, report.failed, failure.item) == (6, 1, items[3])
    return failure


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "type_", "text"),
    [
        ("particular", zoo.Particular, "no disk (code 7)"),
        ("irreducible", zoo.Irreducible, "stays"),
        ("disguised", zoo.Disguised, "as a number"),
        ("undecided", zoo.Undecided, "well"),
        ("incomparable", zoo.Incomparable, "alone"),
        ("group", ExceptionGroup, "both (2 sub-exceptions)"),
        ("memory", MemoryError, ""),
        ("syntax", SyntaxError, "odd"),
        ("unicode", UnicodeDecodeError, "'utf-8' codec can't decode byte 0xff in position 0: bad"),
        ("surrogate", ValueError, "\udcff"),
        ("os", FileNotFoundError, "[Errno 2] No such file: 'name'"),
    ],
)
def test_an_exception_keeps_its_type_text_cause_and_notes(
    kind: str, type_: type[Exception], text: str, engine: str
) -> None:
    error = the_failure_of(kind, engine).error

    assert (type(error), str(error), error.__notes__) == (type_, text, NOTE)
    assert (type(error.__cause__), error.__cause__.args) == (KeyError, ("the cause",))


@pytest.mark.parametrize(("kind", "told"), [("locked", "Locked: held"), ("homesick", "Homesick: abroad")])
def test_an_exception_that_cannot_come_home_is_told_with_its_text_cause_and_notes(kind: str, told: str) -> None:
    failure = the_failure_of(kind, "process")

    error = failure.error
    assert (type(error), error.what, error.__notes__) == (skorche.RemoteError, f"faults.zoo.{told}", NOTE)
    assert (type(error.__cause__), error.__cause__.args) == (KeyError, ("the cause",))
    assert f"faults.zoo.{told}\na note of the task's" in failure.traceback


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("exit", SystemExit),
        ("interrupt", KeyboardInterrupt),
        ("generator exit", GeneratorExit),
        ("stop async", StopAsyncIteration),
        ("base group", BaseExceptionGroup),
    ],
)
def test_what_would_end_a_program_is_the_cause_of_a_task_error(
    kind: str, type_: type[BaseException], engine: str
) -> None:
    cause = the_failure_of(kind, engine).error.__cause__

    assert cause is not None
    assert (type(cause), cause.__notes__) == (type_, NOTE)
    assert (type(cause.__cause__), cause.__cause__.args) == (KeyError, ("the cause",))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stop_iteration_does_not_pass_for_the_end_of_the_chunk(engine: str) -> None:
    error = the_failure_of("stop", engine).error

    assert (type(error), type(error.__cause__)) == (skorche.TaskError, StopIteration)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "cause"),
    [("caused by the undecided", zoo.Undecided), ("caused by the locked", zoo.Locked), ("circle", ValueError)],
)
def test_an_odd_cause_fails_no_more_than_its_item(kind: str, cause: type[Exception], engine: str) -> None:
    error = the_failure_of(kind, engine).error

    carried = zoo.Locked not in (cause,) or engine != "process"
    assert type(error) is ValueError
    assert type(error.__cause__) is (cause if carried else skorche.RemoteError)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("policy", ["collect", "raise"])
def test_an_exception_whose_class_is_frozen_is_raised_and_told_as_any_other(policy: Any, engine: str) -> None:
    with skorche.Pipeline("zoo") as pipeline:
        items = [0, zoo.Order(("frozen", os.getpid()))]
        skorche.map(skorche.task(engine=engine)(zoo.obey), skorche.Queue(fixed_inputs=items))
    run = pipeline.run(progress=False, on_error=policy)

    report = run.join(30)

    error = report.failures[0].error
    assert (type(error), error.key) == (zoo.Frozen, 7)
    assert len(getattr(error, "__notes__", ())) == (0 if policy == "collect" else 2 + (engine == "process"))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["mute note", "no list of notes"])
def test_notes_that_cannot_be_told_fail_no_more_than_their_item(kind: str, engine: str) -> None:
    error = the_failure_of(kind, engine).error

    assert (type(error), str(error)) == (ValueError, "noted")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_chain_of_two_thousand_causes_is_told(engine: str) -> None:
    failure = the_failure_of("long chain", engine)

    assert (type(failure.error), str(failure.error)) == (ValueError, "1999")
    assert "ValueError: 0\n" in failure.traceback


@pytest.mark.parametrize("engine", ENGINES)
def test_an_exception_that_cannot_be_asked_for_anything_is_told_by_its_text(engine: str) -> None:
    error = the_failure_of("secretive", engine).error

    assert isinstance(error, skorche.TaskError)
    assert error.what == "a task raised Secretive: box"
    assert "__notes__ is nobody's business" in error.why


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", sorted(zoo.MAKERS))
def test_any_exception_ends_a_run_that_stops_at_the_first_failure(kind: str, engine: str) -> None:
    with skorche.Pipeline("zoo") as pipeline:
        items = [0, zoo.Order((kind, os.getpid())), 2]
        skorche.map(skorche.task(engine=engine)(zoo.obey), skorche.Queue(fixed_inputs=items))

    run = pipeline.run(progress=False)
    with pytest.raises(Exception) as caught:  # noqa: PT011  (its type is another for each kind)
        run.wait(30)

    assert isinstance(run.report, skorche.Report)
    assert caught.value is run.report.failures[0].error
    assert run.report.to_dict()["failed"] == 1
    assert "failure 0: obey failed for" in str(run.report)


def test_a_thread_that_fails_itself_ends_the_run_and_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: Any) -> None:
        raise MemoryError("no room for a failure")

    monkeypatch.setattr("skorche.kernel.Record.fail", run_out)
    with skorche.Pipeline("broken") as pipeline:
        skorche.map(skorche.task(engine="thread")(zoo.obey), skorche.Queue(fixed_inputs=[0, zoo.Order(("os", 0)), 2]))

    run = pipeline.run(progress=False)
    with pytest.raises(skorche.EngineError, match="memory ran out in a thread of the thread engine") as caught:
        run.wait(20)

    assert type(caught.value.__cause__) is MemoryError
    assert run.report is not None
    assert run.report.admitted == run.report.delivered + run.report.cancelled == 3


# -- what items are --------------------------------------------------------------------------------------------------


class Array:
    """Compares like an array: to something that has no truth. It cannot be hashed."""

    __hash__ = None  # type: ignore[assignment]  # how Python spells that it cannot be hashed

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers

    def __eq__(self, other: object) -> Any:
        return Array(*(number == other for number in self.numbers))

    def __bool__(self) -> bool:
        raise ValueError("the truth of an array is ambiguous")

    def __len__(self) -> int:
        return 0


class LookAlike:
    """Claims to be equal to everything, the end of a stream for one."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


ODD = [
    None,
    math.nan,
    Array(1, 2),
    skorche.QUEUE_SENTINEL,
    LookAlike(),
    StopIteration,
    StopIteration(),
    ...,
    (),
    [],
    "",
]
"""Items that have been taken for the end of a stream, or for nothing, elsewhere."""


def keep(item: Any) -> Any:
    """The item itself."""
    return item


def is_odd_place(item: Any) -> bool:
    """Whether it stands at an odd place in `ODD`, found by what it is, since nothing can be compared."""
    return [type(one) for one in ODD].index(type(item)) % 2 == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_items_that_look_like_an_end_pass_through_every_operator(engine: str) -> None:
    task = skorche.task(engine=engine, max_workers=2)(keep)
    with skorche.Pipeline("odd") as pipeline:
        odd, even = skorche.split(is_odd_place, skorche.map(task, skorche.Queue(fixed_inputs=ODD)))
        batches = skorche.batch(skorche.filter(lambda item: True, odd), batch_size=2)
        out = skorche.merge((skorche.unbatch(skorche.map(task, batches)), skorche.map(task, even)))

    report = running(pipeline)

    made = out.flush()
    assert (report.ok, report.delivered) == (True, len(ODD))
    assert [type(item) for item in made] == [type(item) for item in ODD]
    assert engine == "process" or all(one is other for one, other in zip(made, ODD, strict=True))


@pytest.mark.parametrize("engine", ENGINES)
def test_items_that_look_like_an_end_can_be_put_and_read_one_by_one(engine: str) -> None:
    items: skorche.Queue[Any] = skorche.Queue()
    with skorche.Pipeline("odd") as pipeline:
        out = skorche.map(skorche.task(engine=engine)(keep), items)

    with pipeline.run(progress=False):
        skorche.push_to_queue([item for item in ODD if item is not skorche.QUEUE_SENTINEL], items)
        read = list(out)

    assert [type(one) for one in read] == [type(one) for one in ODD if one is not skorche.QUEUE_SENTINEL]


def grow(size: int) -> bytes:
    """So many bytes."""
    return bytes(size)


def test_an_item_of_a_hundred_megabytes_goes_to_a_process_and_back_among_small_ones() -> None:
    big = 100 << 20
    items = [b"a", bytes(big), b"b"]
    with skorche.Pipeline("huge") as pipeline:
        out = skorche.map(skorche.task(engine="process")(keep), skorche.Queue(fixed_inputs=items))

    report = running(pipeline)

    assert (report.ok, [len(one) for one in out.flush()]) == (True, [1, big, 1])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_result_that_memory_has_no_room_for_fails_its_item(engine: str) -> None:
    with skorche.Pipeline("too big") as pipeline:
        out = skorche.map(skorche.task(engine=engine)(grow), skorche.Queue(fixed_inputs=[1, 1 << 60, 2]))

    report = running(pipeline)

    assert [(failure.item, type(failure.error)) for failure in report.failures] == [(1 << 60, MemoryError)]
    assert out.flush() == [b"\0", b"\0\0"]


# -- what operators are given ----------------------------------------------------------------------------------------


def first_letter(word: str) -> str:
    """Where a word goes; an empty one has no letter."""
    return word[0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fuse", [True, False])
def test_a_predicate_that_raises_and_a_value_without_a_branch_fail_their_items(engine: str, fuse: bool) -> None:
    with skorche.Pipeline("split") as pipeline:
        words = skorche.map(skorche.task(engine=engine)(keep), skorche.Queue(fixed_inputs=["ab", "", "cd", "xy", "az"]))
        branches = skorche.split(first_letter, words, predicate_values=("a", "c"), fuse=fuse)

    report = running(pipeline)

    failures = {failure.item: (failure.node, type(failure.error)) for failure in report.failures}
    assert [branch.flush() for branch in branches] == [["ab", "az"], ["cd"]]
    assert failures == {"": ("Split(first_letter)", IndexError), "xy": ("Split(first_letter)", skorche.SplitError)}
    assert (report.admitted, report.delivered, report.failed) == (5, 3, 2)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_item_that_cannot_be_unbatched_fails_alone(engine: str) -> None:
    with skorche.Pipeline("unbatch") as pipeline:
        lists = skorche.map(skorche.task(engine=engine)(keep), skorche.Queue(fixed_inputs=[[1, 2], 3, [], None, [4]]))
        out = skorche.unbatch(lists)

    report = running(pipeline)

    assert out.flush() == [1, 2, 4]
    assert [(failure.item, type(failure.error)) for failure in report.failures] == [(3, TypeError), (None, TypeError)]
    assert (report.delivered, report.filtered, report.failed) == (2, 1, 2)


# -- where items come from -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_a_source_that_raises_ends_the_run_and_what_it_gave_is_accounted_for(engine: str) -> None:
    def read() -> Iterator[int]:
        yield from range(50)
        raise OSError("the disk is gone")

    with skorche.Pipeline("source") as pipeline:
        out = skorche.map(skorche.task(engine=engine)(keep), skorche.Queue(fixed_inputs=read()))

    run = pipeline.run(on_error="collect", progress=False)
    with pytest.raises(OSError, match="the disk is gone"):
        run.wait(30)

    made = out.flush()
    assert run.report is not None
    assert (run.report.ok, run.report.admitted, run.report.failed) == (False, 50, 0)
    assert run.report.admitted == run.report.delivered + run.report.cancelled
    assert (len(made), made) == (run.report.delivered, sorted(set(made)))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_generator_is_touched_by_one_thread_only_from_its_start_to_its_end(engine: str) -> None:
    touched: list[int] = []

    def read() -> Iterator[int]:
        try:
            for number in range(200):
                touched.append(threading.get_ident())
                yield number
        finally:
            touched.append(threading.get_ident())

    with skorche.Pipeline("one thread") as pipeline:
        task = skorche.task(engine=engine, max_workers=2)(keep)
        out = skorche.map(task, skorche.map(task, skorche.Queue(fixed_inputs=read())))

    running(pipeline)

    assert len(out.flush()) == 200
    assert (len(touched), len(set(touched))) == (201, 1)
    assert threading.get_ident() not in touched


def test_a_generator_that_is_stopped_is_closed_by_the_thread_that_read_it() -> None:
    touched: list[int] = []

    def read() -> Iterator[int]:
        try:
            while True:
                touched.append(threading.get_ident())
                yield 1
        finally:
            touched.append(threading.get_ident())

    with skorche.Pipeline("stopped") as pipeline:
        out = skorche.map(keep, skorche.Queue(fixed_inputs=read()), queue_out=skorche.Queue(maxsize=2))
    run = pipeline.run(progress=False)
    out.get(timeout=20)
    run.cancel()

    report = run.join(20)

    assert len(set(touched)) == 1
    assert report.admitted == len(touched) - 1


def test_a_source_that_raises_when_it_is_closed_hides_no_error_and_holds_nobody_up() -> None:
    def read() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            raise OSError("cannot be closed")

    with skorche.Pipeline("unclosable") as pipeline:
        skorche.map(lambda number: 1 / number, skorche.Queue(fixed_inputs=read()))

    with pytest.raises(ZeroDivisionError):
        pipeline.run(progress=False).wait(20)


def test_a_source_may_give_exceptions_as_items() -> None:
    items = [ValueError("an item"), KeyboardInterrupt(), StopIteration()]
    with skorche.Pipeline("exceptions") as pipeline:
        out = skorche.map(keep, skorche.Queue(fixed_inputs=iter(items)))

    running(pipeline)

    assert out.flush() == items
