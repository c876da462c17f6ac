"""The suite for all engines, on failures: whatever runs the tasks, one is told in full and costs its item only."""

import functools
import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import skorche

from . import failing, fragile, tasks
from .choices import Choice
from .runs import collect, mapping

pytestmark = pytest.mark.timeout(60)


def the_error_of(choice: Choice, function: Callable[[Any], Any]) -> BaseException:
    """What the one item of a run failed with."""
    report, _ = collect(choice.form(function), ["item"], engine=choice.engine)
    (failure,) = report.failures
    return failure.error


def test_a_generator_that_would_have_to_travel_is_met_with_flat_map() -> None:
    report, _ = collect(lambda number: (one for one in range(number)), [3], engine="process")

    (failure,) = report.failures
    assert "skorche.flat_map" in failure.error.mend


def test_a_failure_is_raised_as_itself_with_notes_that_explain_it(choice: Choice) -> None:
    pipeline, _ = mapping(choice.form(failing.raise_annotated), ["item"])

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
    pipeline, out = mapping(choice.form(failing.inverse), [1, 0, 2, 0, 4])

    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    assert out.flush() == [1, 0.5, 0.25]
    assert (report.admitted, report.delivered, report.failed, report.ok) == (5, 3, 2, False)
    assert [type(failure.error) for failure in report.failures] == [ZeroDivisionError] * 2
    assert all("in inverse\n    return 1 / number" in failure.traceback for failure in report.failures)


@pytest.mark.parametrize("capture", ["stream", "item", "off"])
def test_whatever_becomes_of_its_words_a_task_does_the_same(choice: Choice, capture: Any) -> None:
    pipeline, out = mapping(choice.form(failing.inverse_aloud), [1, 0, 2])

    report = pipeline.run(engine=choice.engine, on_error="collect", capture=capture).wait()

    (failure,) = report.failures
    kept = "the inverse of 0\n" if (choice.name, capture) == ("process", "item") else ""
    assert (out.flush(), failure.item, type(failure.error)) == ([1, 0.5], 0, ZeroDivisionError)
    assert failure.output == kept


def test_the_first_failure_stops_a_source_without_end(choice: Choice) -> None:
    taken = [0]
    pipeline, _ = mapping(choice.form(failing.inverse), itertools.chain([1, 2, 0], tasks.counting(taken)))

    run = pipeline.run(engine=choice.engine)
    with pytest.raises(ZeroDivisionError):
        run.wait()

    report = run.report
    assert report is not None
    assert report.admitted == report.delivered + report.failed + report.cancelled
    assert taken[0] < 100_000


def test_an_exception_of_two_arguments_stays_itself(choice: Choice) -> None:
    error = the_error_of(choice, failing.raise_two_part)

    assert type(error) is failing.TwoPart
    assert (str(error), error.code, error.detail) == ("no disk (code 7)", 7, "no disk")


def test_an_exception_with_a_default_argument_keeps_its_text(choice: Choice) -> None:
    error = the_error_of(choice, failing.raise_doubling)

    assert (type(error), str(error)) == (failing.Doubling, "oh!")


def test_an_exception_that_holds_a_lock_fails_only_its_item(choice: Choice) -> None:
    error = the_error_of(choice, failing.raise_locked)

    if choice.borders:
        assert type(error) is skorche.RemoteError
        assert f"{failing.__name__}.Locked: held" in str(error)
    else:
        assert (type(error), str(error)) == (failing.Locked, "held")


def test_an_exception_without_words_fails_only_its_item(choice: Choice) -> None:
    report, _ = collect(choice.form(failing.raise_unspeakable), ["item"], engine=choice.engine)

    assert report.failed == 1
    assert "Unspeakable" in str(report)


def test_the_context_of_an_exception_survives(choice: Choice) -> None:
    error = the_error_of(choice, failing.raise_in_context)

    assert (type(error), type(error.__cause__), type(error.__context__)) == (ValueError, type(None), KeyError)


def test_groups_keep_their_members_notes_and_causes(choice: Choice) -> None:
    error = the_error_of(choice, failing.raise_group)

    assert isinstance(error, ExceptionGroup)
    first, second = error.exceptions
    assert (type(first), first.__notes__, type(first.__cause__)) == (ValueError, ["of the first"], KeyError)
    assert (type(second), str(second)) == (failing.TwoPart, "two (code 2)")


def test_a_long_chain_of_causes_is_told(choice: Choice) -> None:
    pipeline, _ = mapping(choice.form(failing.raise_long_chain), [40])

    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    (failure,) = report.failures
    assert [type(failure.error), type(failure.error.__cause__)] == [ValueError, ValueError]
    assert failure.error.__cause__ is failure.error.__context__


@pytest.mark.parametrize(
    ("function", "kind"),
    [(failing.leave, SystemExit), (failing.interrupt, KeyboardInterrupt), (failing.stop_iterating, StopIteration)],
)
def test_what_would_end_a_program_or_a_loop_fails_its_item(
    choice: Choice, function: Callable[[Any], Any], kind: type[BaseException]
) -> None:
    error = the_error_of(choice, function)

    if choice.is_async and kind is StopIteration:  # of which Python itself makes a RuntimeError in a coroutine
        assert type(error) is RuntimeError
    else:
        assert type(error) is skorche.TaskError
    assert type(error.__cause__) is kind


def test_an_item_that_cannot_be_pickled_fails_alone_where_it_has_to_travel(choice: Choice) -> None:
    items = [0, fragile.Fragile("raise", "pickled"), 2, threading.Lock(), 4]

    pipeline, out = mapping(choice.form(tasks.same), items)
    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    if choice.borders:
        assert out.flush() == [0, 2, 4]
        assert {failure.item for failure in report.failures} == {items[1], items[3]}
        assert {type(failure.error) for failure in report.failures} == {skorche.TransferError}
    else:
        assert (out.flush(), report.ok) == (items, True)


def test_a_result_that_cannot_be_pickled_fails_its_item_alone_where_it_has_to_travel(choice: Choice) -> None:
    pipeline, out = mapping(choice.form(fragile.lock_for), range(50))

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
    pipeline, out = mapping(choice.form(failing.fail_first), markers, retries=1, backoff=0.001, max_workers=2)

    report = pipeline.run(engine=choice.engine).wait()

    assert out.flush() == ["0", "1", "2", "3", "4"]
    assert (report.nodes["fail_first"].retried, report.ok) == (5, True)


def test_retries_end(choice: Choice) -> None:
    report, _ = collect(
        choice.form(failing.raise_two_part),
        ["item"],
        retries=2,
        backoff=0.001,
        retry_on=failing.TwoPart,
        engine=choice.engine,
    )

    (failure,) = report.failures
    assert failure.attempts == 3


def test_failures_go_to_their_queue(choice: Choice) -> None:
    with skorche.Pipeline("errors") as pipeline:
        errors: skorche.Queue[skorche.Failure] = skorche.Queue(name="errors")
        numbers = skorche.Queue(fixed_inputs=range(6))
        out = skorche.map(skorche.task(choice.form(failing.refuse_odd)), numbers, queue_errors=errors)

    report = pipeline.run(engine=choice.engine).wait()

    assert out.flush() == [0, 2, 4]
    assert [(failure.node, failure.item) for failure in errors.flush()] == [
        ("refuse_odd", 1),
        ("refuse_odd", 3),
        ("refuse_odd", 5),
    ]
    assert (report.failed, report.ok) == (3, True)


def test_isolate_finds_the_bad_member_of_a_batch(choice: Choice) -> None:
    refuse_five = functools.partial(failing.refuse_with, 5)
    with skorche.Pipeline("isolate") as pipeline:
        batches = skorche.batch(skorche.Queue(fixed_inputs=range(8)), batch_size=8)
        out = skorche.unbatch(skorche.map(skorche.task(isolate=True)(choice.form(refuse_five)), batches))

    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    assert out.flush() == [0, 1, 2, 3, 4, 6, 7]
    assert [(failure.item, str(failure.error)) for failure in report.failures] == [([5], "5 among 1")]


def test_an_item_that_takes_longer_than_its_timeout_fails_whether_or_not_it_can_be_stopped(choice: Choice) -> None:
    report, results = collect(choice.form(tasks.pause), [0.0, 1.0, 0.0], timeout=0.5, engine=choice.engine)

    (failure,) = report.failures
    assert (failure.item, type(failure.error), results) == (1.0, skorche.TaskTimeout, [0.0, 0.0])
    assert "task 'pause' took longer than its timeout of 0.5 s" in str(failure.error)
