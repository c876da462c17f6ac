"""One suite for all engines: whatever runs the tasks, a run keeps the same promises and gives the same results."""

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

import skorche
from skorche.engines import find_engine
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Done, Returned

from . import failing, tasks
from .census import Census
from .choices import Choice
from .runs import collect, mapping

pytestmark = pytest.mark.timeout(60)


# -- results ---------------------------------------------------------------------------------------------------------


def is_even(number: int) -> bool:
    return number % 2 == 0


def is_not_ninth(number: int) -> bool:
    return number % 9 != 0


INLINE = Choice("inline", "inline")


def everything(choice: Choice, numbers: range) -> tuple[skorche.Pipeline, Any]:
    """A graph with all operators: even numbers are squared in batches, odd ones filtered and scaled; both merge."""
    with skorche.Pipeline("everything") as pipeline:
        doubled = skorche.map(skorche.task(max_workers=2)(choice.form(tasks.same)), skorche.Queue(fixed_inputs=numbers))
        even, odd = skorche.split(is_even, doubled)
        squares = skorche.map(
            skorche.task(max_workers=2)(choice.form(tasks.square_all)), skorche.batch(even, batch_size=7)
        )
        scaled = skorche.map(skorche.task(choice.form(tasks.double)), skorche.filter(is_not_ninth, odd))
        merged = skorche.merge((skorche.unbatch(squares), scaled))
        left, right = skorche.tee(merged)
        kept = skorche.filter(is_even, skorche.map(skorche.task(choice.form(tasks.double)), left))
        pairs = skorche.zip((kept, right), missing=None, queue_out=skorche.Queue(name="out"))
    return pipeline, pairs


def test_a_graph_of_all_operators_gives_what_the_inline_engine_gives(choice: Choice) -> None:
    expected_pipeline, expected = everything(INLINE, range(300))
    pipeline, out = everything(choice, range(300))

    expected_report = expected_pipeline.run(engine="inline").wait()
    report = pipeline.run(engine=choice.engine).wait()

    assert out.flush() == expected.flush()
    assert (report.delivered, report.filtered) == (expected_report.delivered, expected_report.filtered)
    for name, tally in report.nodes.items():
        wanted = expected_report.nodes[name]
        assert (tally.received, tally.emitted, tally.filtered) == (wanted.received, wanted.emitted, wanted.filtered)


def by_tens(number: int) -> int:
    return number // 10 if number != 13 else 1 // 0


def in_lists(choice: Choice, numbers: range) -> tuple[skorche.Pipeline, Any]:
    """Numbers batched by key and weight, squared, and taken out of their lists again. One has no key."""
    with skorche.Pipeline("lists") as pipeline:
        same = skorche.map(
            skorche.task(max_workers=2, ordered=True)(choice.form(tasks.same)), skorche.Queue(fixed_inputs=numbers)
        )
        lists = skorche.batch(same, batch_size=7, key=by_tens, weight=float, max_weight=900, max_keys=2)
        squares = skorche.map(skorche.task(max_workers=2)(choice.form(tasks.square_all)), lists)
        made = skorche.unbatch(squares, queue_out=skorche.Queue(name="out"))
    return pipeline, made


def test_lists_by_key_and_weight_are_those_of_the_inline_engine(choice: Choice) -> None:
    expected_pipeline, expected = in_lists(INLINE, range(300))
    pipeline, out = in_lists(choice, range(300))

    expected_report = expected_pipeline.run(engine="inline", on_error="collect").wait()
    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    assert out.flush() == expected.flush() == [number * number for number in range(300) if number != 13]
    assert [type(failure.error) for failure in report.failures] == [ZeroDivisionError]
    closed = report.nodes["Batch(7)"].closed
    assert closed == expected_report.nodes["Batch(7)"].closed
    assert set(closed) == {"size", "weight", "key", "end"}


def test_a_list_does_not_wait_longer_than_its_timeout(choice: Choice) -> None:
    with skorche.Pipeline("in time") as pipeline:
        numbers = skorche.Queue(name="numbers")
        lists = skorche.batch(
            skorche.map(skorche.task(choice.form(tasks.double)), numbers), batch_size=100, timeout=0.01
        )
        sums = skorche.map(skorche.task(choice.form(tasks.square_all)), lists, queue_out=skorche.Queue(name="out"))

    with pipeline.run(engine=choice.engine) as run:
        numbers.put(1)
        first = sums.get(timeout=20)
        numbers.put(2)
        second = sums.get(timeout=20)

    assert (first, second) == ([4], [16])
    assert run.report.nodes["Batch(100)"].closed == {"timeout": 2}


def test_flush_gives_input_order_also_when_items_end_in_another_order(choice: Choice, tmp_path: Path) -> None:
    if choice.engine == "inline":
        pytest.skip("one item after the other: none can overtake another")
    first, second = tmp_path / "first", tmp_path / "second"
    meetings = [tasks.Meeting(0, first, second), tasks.Meeting(1, second, first)]

    pipeline, out = mapping(choice.form(tasks.meet), meetings, max_workers=2)
    pipeline.run(engine=choice.engine).wait()

    assert out.flush() == [0, 1]


def test_many_workers_keep_input_order_in_flush(choice: Choice) -> None:
    pipeline, out = mapping(choice.form(tasks.double), range(500), max_workers=4)

    pipeline.run(engine=choice.engine).wait()

    assert out.flush() == [2 * number for number in range(500)]


def test_an_empty_source_ends_at_once(choice: Choice) -> None:
    pipeline, out = mapping(choice.form(tasks.double), [])

    report = pipeline.run(engine=choice.engine).wait()

    assert out.flush() == []
    assert (report.admitted, report.ok) == (0, True)


def test_one_item_is_enough(choice: Choice) -> None:
    pipeline, out = mapping(choice.form(tasks.double), [21], max_workers=4)

    pipeline.run(engine=choice.engine).wait()

    assert out.flush() == [42]


def test_none_is_an_ordinary_item(choice: Choice) -> None:
    pipeline, out = mapping(choice.form(tasks.same), [None, 1, None])
    asking, answers = mapping(choice.form(tasks.is_none), [None, 1, None])

    pipeline.run(engine=choice.engine).wait()
    asking.run(engine=choice.engine).wait()

    assert out.flush() == [None, 1, None]
    assert answers.flush() == [True, False, True]


def test_five_thousand_tiny_items_all_come_back(choice: Choice) -> None:
    pipeline, out = mapping(choice.form(tasks.double), range(5000), max_workers=2)

    report = pipeline.run(engine=choice.engine).wait()

    assert out.flush() == list(range(0, 10_000, 2))
    assert report.delivered == 5000


def test_two_workers_take_large_items_both_ways_within_bounds(choice: Choice) -> None:
    given, taken, most = 0, 0, 0

    def blobs() -> Iterator[bytes]:
        nonlocal given
        for number in range(64):
            given += 1
            yield bytes([number]) * (4 << 20)

    with skorche.Pipeline("blobs") as pipeline:
        out = skorche.map(
            skorche.task(max_workers=2)(choice.form(tasks.same)),
            skorche.Queue(fixed_inputs=blobs()),
            queue_out=skorche.Queue(name="blobs", maxsize=2),
        )
    with pipeline.run(engine=choice.engine):
        seen = []
        for blob in out:
            taken += 1
            most = max(most, given - taken)
            seen.append((blob[0], len(blob)))

    assert sorted(seen) == [(number, 4 << 20) for number in range(64)]
    if choice.borders:
        assert most <= 16


# -- functions of all kinds -----------------------------------------------------------------------------------------


def test_lambdas_closures_partials_and_methods_are_tasks(choice: Choice) -> None:
    by = 3

    def closure(number: int) -> int:
        return by * number

    functions = [
        lambda number: 3 * number,
        closure,
        functools.partial(pow, 3),
        tasks.Scale(3).apply,
        tasks.Scale(3),
    ]
    with skorche.Pipeline("kinds") as pipeline:
        outs = [skorche.map(choice.form(function), skorche.Queue(fixed_inputs=[1, 2])) for function in functions]

    pipeline.run(engine=choice.engine).wait()

    assert [out.flush() for out in outs] == [[3, 6], [3, 6], [3, 9], [3, 6], [3, 6]]


# -- the protocol ---------------------------------------------------------------------------------------------------


def test_every_ticket_comes_back_once(choice: Choice) -> None:
    pipeline, _ = mapping(choice.form(tasks.double), [], max_workers=2)
    plan, engine = pipeline.plan(engine=choice.engine), find_engine(choice.engine)()
    events: SimpleQueue[Any] = SimpleQueue()

    engine.open(plan.stages, events.put)
    for ticket in range(1, 21):
        engine.submit(ticket, 0, Chunk(range(ticket), range(ticket)))
    made = {ticket: [] for ticket in range(1, 21)}
    while sum(map(len, made.values())) < sum(made):
        event = events.get(timeout=20)
        assert isinstance(event, Done | Returned)
        indices = range(event.ticket) if isinstance(event, Done) else event.indices
        made[event.ticket] += zip(indices, event.outcome.ports[0][0], strict=True)
    engine.close("drain")

    assert all(sorted(made[ticket]) == [(index, 2 * index) for index in range(ticket)] for ticket in made)
    assert events.empty()


def test_an_engine_that_was_never_opened_can_be_closed(choice: Choice) -> None:
    find_engine(choice.engine)().close("kill")


class Gone(ThreadPoolExecutor):
    """An executor that cannot be ended without trouble."""

    def shutdown(self, *args: Any, **options: Any) -> None:
        super().shutdown(*args, **options)
        raise ConnectionError("the cluster is gone")


def test_an_engine_that_cannot_be_closed_leaves_no_other_open(choice: Choice) -> None:
    with skorche.Pipeline("left") as pipeline:
        first = skorche.task(engine=lambda: Gone(1))(tasks.double)
        second = skorche.task(engine=None if choice.engine == "async" else choice.engine)(choice.form(tasks.double))
        out = skorche.chain([first, second], skorche.Queue(fixed_inputs=range(3)))

    with pytest.raises(skorche.InternalError, match="the cluster is gone"):
        pipeline.run().wait()

    assert out.flush() == [0, 4, 8]


# -- life --------------------------------------------------------------------------------------------------------------


def test_a_cancel_ends_a_run_that_has_no_end(choice: Choice) -> None:
    taken = [0]
    with skorche.Pipeline("endless") as pipeline:
        out = skorche.map(
            skorche.task(max_workers=2)(choice.form(tasks.double)),
            skorche.Queue(fixed_inputs=tasks.counting(taken)),
            queue_out=skorche.Queue(name="out", maxsize=10),
        )

    run = pipeline.run(engine=choice.engine)
    first = [out.get() for _ in range(3)]
    run.cancel()

    assert all(isinstance(one, int) for one in first)
    with pytest.raises(skorche.RunCancelled):
        run.wait()
    report = run.report
    assert report is not None
    assert (report.failed, report.ok) == (0, False)
    assert report.admitted == report.delivered + report.cancelled


def test_no_more_calls_run_at_once_than_max_workers_says(choice: Choice) -> None:
    with skorche.Pipeline("bounded") as pipeline:
        numbers = [skorche.Queue(fixed_inputs=range(300)) for _ in range(2)]
        one = skorche.map(skorche.task(max_workers=1, name="one")(choice.form(tasks.work_a_while)), numbers[0])
        three = skorche.map(skorche.task(max_workers=3, name="three")(choice.form(tasks.work_a_while)), numbers[1])

    pipeline.run(engine=choice.engine).wait()

    assert tasks.most_at_once(one.flush()) == 1
    assert tasks.most_at_once(three.flush()) <= 3


def test_two_pipelines_run_at_once(choice: Choice, tmp_path: Path) -> None:
    if choice.engine == "inline":
        pytest.skip("its tasks run in the thread that drives the run: nothing else goes on in the pipeline")
    first, second = tmp_path / "first", tmp_path / "second"
    one, one_out = mapping(choice.form(tasks.meet), [tasks.Meeting(1, first, second)])
    two, two_out = mapping(choice.form(tasks.meet), [tasks.Meeting(2, second, first)])

    runs = [one.run(engine=choice.engine), two.run(engine=choice.engine)]
    for run in runs:
        run.wait()

    assert (one_out.flush(), two_out.flush()) == ([1], [2])


@pytest.mark.parametrize("inner", ["thread", "process"])
def test_a_task_may_run_a_pipeline(choice: Choice, inner: str) -> None:
    pipeline, out = mapping(choice.form(functools.partial(tasks.run_inside, inner)), [3, 1], max_workers=2)

    pipeline.run(engine=choice.engine).wait()

    assert out.flush() == [[0, 2, 4], [0]]


def test_a_pipeline_runs_again_and_again_and_leaves_nothing(choice: Choice) -> None:
    pipeline, out = everything(choice, range(40))
    counts = []

    expected: list[int] = []
    for _ in range(20):
        pipeline.run(engine=choice.engine).wait()
        expected = expected or out.flush()
        counts.append(Census.now().counts)

    assert len(expected) == 38
    assert counts == [counts[0]] * 20


def test_a_failed_run_leaves_nothing_and_can_be_followed_by_another(choice: Choice) -> None:
    numbers = [1, 2, 0, 4]
    pipeline, out = mapping(choice.form(failing.inverse), numbers)
    before = Census.now()

    with pytest.raises(ZeroDivisionError):
        pipeline.run(engine=choice.engine).wait()
    if choice.name != "thread pool":  # whose threads are the user's
        assert Census.now().left_since(before) == []
    numbers[2] = 3
    pipeline.run(engine=choice.engine).wait()

    assert len(out.flush()) == 4


def test_an_executor_says_in_the_report_what_it_does_not_promise(choice: Choice) -> None:
    report, _ = collect(choice.form(tasks.double), [1], engine=choice.engine)

    if choice.name in ("inline", "thread", "process", "async", "async inline"):
        assert report.guarantees == ()
    elif choice.name == "mpi":
        (guarantee,) = report.guarantees
        assert "one process alone: tasks ran on its threads; a timeout cannot stop an item" in guarantee
    else:
        (guarantee,) = report.guarantees
        assert "when a worker dies, items in flight run again" in guarantee
