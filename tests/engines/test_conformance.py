"""One suite for all engines: whatever runs the tasks, a run keeps the same promises and gives the same results."""

import functools
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import skorche

from . import tasks
from .census import Census
from .choices import NAMES, Choice, choose

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=NAMES)
def choice(request: pytest.FixtureRequest) -> Iterator[Choice]:
    with choose(request.param) as made:
        yield made


def mapping(function: Callable[[Any], Any], items: Iterable[Any], **options: Any) -> tuple[skorche.Pipeline, Any]:
    """A pipeline of one task, and its output."""
    with skorche.Pipeline("conformance") as pipeline:
        out = skorche.map(skorche.task(**options)(function), skorche.Queue(fixed_inputs=items))
    return pipeline, out


def collect(choice: Choice, function: Callable[[Any], Any], items: Iterable[Any], **options: Any) -> skorche.Report:
    """The report of a run that lists its failures."""
    pipeline, _ = mapping(function, items, **options)
    return pipeline.run(engine=choice.engine, on_error="collect").wait()


def the_error_of(choice: Choice, function: Callable[[Any], Any]) -> BaseException:
    """What the one item of a run failed with."""
    (failure,) = collect(choice, function, ["item"]).failures
    return failure.error


# -- results ---------------------------------------------------------------------------------------------------------


def is_even(number: int) -> bool:
    return number % 2 == 0


def is_not_ninth(number: int) -> bool:
    return number % 9 != 0


def everything(numbers: range) -> tuple[skorche.Pipeline, Any]:
    """A graph with all operators: even numbers are squared in batches, odd ones filtered and scaled; both merge."""
    with skorche.Pipeline("everything") as pipeline:
        doubled = skorche.map(skorche.task(max_workers=2)(tasks.same), skorche.Queue(fixed_inputs=numbers))
        even, odd = skorche.split(is_even, doubled)
        squares = skorche.map(skorche.task(max_workers=2)(tasks.square_all), skorche.batch(even, batch_size=7))
        scaled = skorche.map(skorche.task(tasks.double), skorche.filter(is_not_ninth, odd))
        merged = skorche.merge((skorche.unbatch(squares), scaled), queue_out=skorche.Queue(name="out"))
    return pipeline, merged


def test_a_graph_of_all_operators_gives_what_the_inline_engine_gives(choice: Choice) -> None:
    expected_pipeline, expected = everything(range(300))
    pipeline, out = everything(range(300))

    expected_report = expected_pipeline.run(engine="inline").wait()
    report = pipeline.run(engine=choice.engine).wait()

    assert out.flush() == expected.flush()
    assert (report.delivered, report.filtered) == (expected_report.delivered, expected_report.filtered)
    for name, tally in report.nodes.items():
        wanted = expected_report.nodes[name]
        assert (tally.received, tally.emitted, tally.filtered) == (wanted.received, wanted.emitted, wanted.filtered)


def test_flush_gives_input_order_also_when_items_end_in_another_order(choice: Choice, tmp_path: Path) -> None:
    if choice.name == "inline":
        pytest.skip("one item after the other: none can overtake another")
    first, second = tmp_path / "first", tmp_path / "second"
    meetings = [tasks.Meeting(0, first, second), tasks.Meeting(1, second, first)]

    pipeline, out = mapping(tasks.meet, meetings, max_workers=2)
    pipeline.run(engine=choice.engine).wait()

    assert out.flush() == [0, 1]


def test_many_workers_keep_input_order_in_flush(choice: Choice) -> None:
    pipeline, out = mapping(tasks.double, range(500), max_workers=4)

    pipeline.run(engine=choice.engine).wait()

    assert out.flush() == [2 * number for number in range(500)]


def test_an_empty_source_ends_at_once(choice: Choice) -> None:
    pipeline, out = mapping(tasks.double, [])

    report = pipeline.run(engine=choice.engine).wait()

    assert out.flush() == []
    assert (report.admitted, report.ok) == (0, True)


def test_one_item_is_enough(choice: Choice) -> None:
    pipeline, out = mapping(tasks.double, [21], max_workers=4)

    pipeline.run(engine=choice.engine).wait()

    assert out.flush() == [42]


def test_none_is_an_ordinary_item(choice: Choice) -> None:
    pipeline, out = mapping(tasks.same, [None, 1, None])
    asking, answers = mapping(tasks.is_none, [None, 1, None])

    pipeline.run(engine=choice.engine).wait()
    asking.run(engine=choice.engine).wait()

    assert out.flush() == [None, 1, None]
    assert answers.flush() == [True, False, True]


def test_five_thousand_tiny_items_all_come_back(choice: Choice) -> None:
    pipeline, out = mapping(tasks.double, range(5000), max_workers=2)

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
            skorche.task(max_workers=2)(tasks.same),
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
        outs = [skorche.map(function, skorche.Queue(fixed_inputs=[1, 2])) for function in functions]

    pipeline.run(engine=choice.engine).wait()

    assert [out.flush() for out in outs] == [[3, 6], [3, 6], [3, 9], [3, 6], [3, 6]]


# -- failures --------------------------------------------------------------------------------------------------------


def test_a_failure_is_raised_as_itself_with_notes_that_explain_it(choice: Choice) -> None:
    pipeline, _ = mapping(tasks.raise_annotated, ["item"])

    with pytest.raises(ValueError, match="outer") as caught:
        pipeline.run(engine=choice.engine).wait()

    notes = "\n".join(caught.value.__notes__)
    assert caught.value.args == ("outer",)
    assert type(caught.value) is ValueError
    assert notes.startswith("a note of the task's\nin task 'raise_annotated' (")
    assert "for the item 'item'" in notes
    assert "to keep going after a failure: run(on_error='collect')" in notes
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.__cause__.args == ("deep",)


def test_collect_lists_failures_and_goes_on(choice: Choice) -> None:
    pipeline, out = mapping(tasks.inverse, [1, 0, 2, 0, 4])

    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    assert out.flush() == [1, 0.5, 0.25]
    assert (report.admitted, report.delivered, report.failed, report.ok) == (5, 3, 2, False)
    assert [type(failure.error) for failure in report.failures] == [ZeroDivisionError] * 2
    assert all("in inverse\n    return 1 / number" in failure.traceback for failure in report.failures)


def test_the_first_failure_stops_a_source_without_end(choice: Choice) -> None:
    taken = [0]
    pipeline, _ = mapping(tasks.inverse, itertools.chain([1, 2, 0], tasks.counting(taken)))

    run = pipeline.run(engine=choice.engine)
    with pytest.raises(ZeroDivisionError):
        run.wait()

    report = run.report
    assert report is not None
    assert report.admitted == report.delivered + report.failed + report.cancelled
    assert taken[0] < 100_000


def test_an_exception_of_two_arguments_stays_itself(choice: Choice) -> None:
    error = the_error_of(choice, tasks.raise_two_part)

    assert type(error) is tasks.TwoPart
    assert (str(error), error.code, error.detail) == ("no disk (code 7)", 7, "no disk")


def test_an_exception_with_a_default_argument_keeps_its_text(choice: Choice) -> None:
    error = the_error_of(choice, tasks.raise_doubling)

    assert (type(error), str(error)) == (tasks.Doubling, "oh!")


def test_an_exception_that_holds_a_lock_fails_only_its_item(choice: Choice) -> None:
    error = the_error_of(choice, tasks.raise_locked)

    if choice.borders:
        assert type(error) is skorche.RemoteError
        assert f"{tasks.__name__}.Locked: held" in str(error)
    else:
        assert (type(error), str(error)) == (tasks.Locked, "held")


def test_an_exception_without_words_fails_only_its_item(choice: Choice) -> None:
    report = collect(choice, tasks.raise_unspeakable, ["item"])

    assert report.failed == 1
    assert "Unspeakable" in str(report)


def test_the_context_of_an_exception_survives(choice: Choice) -> None:
    error = the_error_of(choice, tasks.raise_in_context)

    assert (type(error), type(error.__cause__), type(error.__context__)) == (ValueError, type(None), KeyError)


def test_groups_keep_their_members_notes_and_causes(choice: Choice) -> None:
    error = the_error_of(choice, tasks.raise_group)

    assert isinstance(error, ExceptionGroup)
    first, second = error.exceptions
    assert (type(first), first.__notes__, type(first.__cause__)) == (ValueError, ["of the first"], KeyError)
    assert (type(second), str(second)) == (tasks.TwoPart, "two (code 2)")


def test_a_long_chain_of_causes_is_told(choice: Choice) -> None:
    pipeline, _ = mapping(tasks.raise_long_chain, [40])

    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    (failure,) = report.failures
    assert [type(failure.error), type(failure.error.__cause__)] == [ValueError, ValueError]
    assert failure.error.__cause__ is failure.error.__context__


@pytest.mark.parametrize(
    ("function", "kind"),
    [(tasks.leave, SystemExit), (tasks.interrupt, KeyboardInterrupt), (tasks.stop_iterating, StopIteration)],
)
def test_what_would_end_a_program_or_a_loop_fails_its_item(
    choice: Choice, function: Callable[[Any], Any], kind: type[BaseException]
) -> None:
    error = the_error_of(choice, function)

    assert type(error) is skorche.TaskError
    assert type(error.__cause__) is kind


def test_an_item_that_cannot_be_pickled_fails_alone_where_it_has_to_travel(choice: Choice) -> None:
    items = [0, tasks.Fragile("raise", "pickled"), 2, threading.Lock(), 4]

    pipeline, out = mapping(tasks.same, items)
    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    if choice.borders:
        assert out.flush() == [0, 2, 4]
        assert {failure.item for failure in report.failures} == {items[1], items[3]}
        assert {type(failure.error) for failure in report.failures} == {skorche.TransferError}
    else:
        assert (out.flush(), report.ok) == (items, True)


def test_a_result_that_cannot_be_pickled_fails_its_item_alone_where_it_has_to_travel(choice: Choice) -> None:
    pipeline, out = mapping(tasks.lock_for, range(50))

    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    if choice.borders:
        (failure,) = report.failures
        assert out.flush() == [number for number in range(50) if number != 3]
        assert (failure.item, type(failure.error)) == (3, skorche.TransferError)
        assert "a result cannot be pickled" in str(failure.error)
        assert "The function did run" in str(failure.error)
    else:
        assert (len(out.flush()), report.ok) == (50, True)


def test_retries_try_again_until_it_works(choice: Choice, tmp_path: Path) -> None:
    markers = [tmp_path / str(number) for number in range(5)]
    pipeline, out = mapping(tasks.fail_first, markers, retries=1, backoff=0.001, max_workers=2)

    report = pipeline.run(engine=choice.engine).wait()

    assert out.flush() == ["0", "1", "2", "3", "4"]
    assert (report.nodes["fail_first"].retried, report.ok) == (5, True)


def test_retries_end(choice: Choice) -> None:
    report = collect(choice, tasks.raise_two_part, ["item"], retries=2, backoff=0.001, retry_on=tasks.TwoPart)

    (failure,) = report.failures
    assert failure.attempts == 3


def test_failures_go_to_their_queue(choice: Choice) -> None:
    with skorche.Pipeline("errors") as pipeline:
        errors: skorche.Queue[skorche.Failure] = skorche.Queue(name="errors")
        numbers = skorche.Queue(fixed_inputs=range(6))
        out = skorche.map(skorche.task(tasks.refuse_odd), numbers, queue_errors=errors)

    report = pipeline.run(engine=choice.engine).wait()

    assert out.flush() == [0, 2, 4]
    assert [(failure.node, failure.item) for failure in errors.flush()] == [
        ("refuse_odd", 1),
        ("refuse_odd", 3),
        ("refuse_odd", 5),
    ]
    assert (report.failed, report.ok) == (3, True)


def test_isolate_finds_the_bad_member_of_a_batch(choice: Choice) -> None:
    refuse_five = functools.partial(tasks.refuse_with, 5)
    with skorche.Pipeline("isolate") as pipeline:
        batches = skorche.batch(skorche.Queue(fixed_inputs=range(8)), batch_size=8)
        out = skorche.unbatch(skorche.map(skorche.task(isolate=True)(refuse_five), batches))

    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    assert out.flush() == [0, 1, 2, 3, 4, 6, 7]
    assert [(failure.item, str(failure.error)) for failure in report.failures] == [([5], "5 among 1")]


# -- life --------------------------------------------------------------------------------------------------------------


def test_a_cancel_ends_a_run_that_has_no_end(choice: Choice) -> None:
    taken = [0]
    with skorche.Pipeline("endless") as pipeline:
        out = skorche.map(
            skorche.task(max_workers=2)(tasks.double),
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
        one = skorche.map(skorche.task(max_workers=1, name="one")(tasks.work_a_while), numbers[0])
        three = skorche.map(skorche.task(max_workers=3, name="three")(tasks.work_a_while), numbers[1])

    pipeline.run(engine=choice.engine).wait()

    assert tasks.most_at_once(one.flush()) == 1
    assert tasks.most_at_once(three.flush()) <= 3


def test_two_pipelines_run_at_once(choice: Choice, tmp_path: Path) -> None:
    if choice.name == "inline":
        pytest.skip("its tasks run in the thread that drives the run: nothing else goes on in the pipeline")
    first, second = tmp_path / "first", tmp_path / "second"
    one, one_out = mapping(tasks.meet, [tasks.Meeting(1, first, second)])
    two, two_out = mapping(tasks.meet, [tasks.Meeting(2, second, first)])

    runs = [one.run(engine=choice.engine), two.run(engine=choice.engine)]
    for run in runs:
        run.wait()

    assert (one_out.flush(), two_out.flush()) == ([1], [2])


@pytest.mark.parametrize("inner", ["thread", "process"])
def test_a_task_may_run_a_pipeline(choice: Choice, inner: str) -> None:
    pipeline, out = mapping(functools.partial(tasks.run_inside, inner), [3, 1], max_workers=2)

    pipeline.run(engine=choice.engine).wait()

    assert out.flush() == [[0, 2, 4], [0]]


def test_a_pipeline_runs_again_and_again_and_leaves_nothing(choice: Choice) -> None:
    times = 20 if choice.name not in ("process pool factory", "loky factory") else 3
    pipeline, out = everything(range(40))
    counts = []

    expected: list[int] = []
    for _ in range(times):
        pipeline.run(engine=choice.engine).wait()
        expected = expected or out.flush()
        counts.append(Census.now().counts)

    assert len(expected) == 38
    assert counts == [counts[0]] * times


def test_a_failed_run_leaves_nothing_and_can_be_followed_by_another(choice: Choice) -> None:
    numbers = [1, 2, 0, 4]
    pipeline, out = mapping(tasks.inverse, numbers)
    before = Census.now()

    with pytest.raises(ZeroDivisionError):
        pipeline.run(engine=choice.engine).wait()
    if choice.name != "thread pool":  # whose threads are the user's
        assert Census.now().left_since(before) == []
    numbers[2] = 3
    pipeline.run(engine=choice.engine).wait()

    assert len(out.flush()) == 4


def test_an_executor_says_in_the_report_what_it_does_not_promise(choice: Choice) -> None:
    report = collect(choice, tasks.double, [1])

    if choice.name in ("inline", "thread", "process"):
        assert report.guarantees == ()
    else:
        (guarantee,) = report.guarantees
        assert "when a worker dies, items in flight run again" in guarantee
