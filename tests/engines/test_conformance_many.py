"""The suite for all engines, on operators that give many results for an item, one for all of them, or none."""

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import skorche

from . import failing, tasks
from .choices import Choice

pytestmark = pytest.mark.timeout(60)


def expanding(
    choice: Choice, function: Callable[[Any], Any], items: Any, **options: Any
) -> tuple[skorche.Pipeline, Any]:
    """A pipeline of one `flat_map`, and its output."""
    with skorche.Pipeline("expanding") as pipeline:
        out = skorche.flat_map(skorche.task(**options)(choice.form(function)), skorche.Queue(fixed_inputs=items))
    return pipeline, out


@pytest.mark.parametrize("function", [tasks.count_up, tasks.list_up])
def test_the_elements_of_all_items_come_in_input_order(choice: Choice, function: Callable[[int], Any]) -> None:
    pipeline, out = expanding(choice, function, range(60), max_workers=2)

    report = pipeline.run(engine=choice.engine).wait()

    assert out.flush() == [one for number in range(60) for one in range(number)]
    assert (report.admitted, report.delivered, report.filtered) == (60, 59, 1)
    tally = report.nodes[function.__name__]
    assert (tally.received, tally.emitted, tally.members) == (60, 1770, 1770)


def test_what_a_generator_gave_before_it_failed_goes_on(choice: Choice) -> None:
    pipeline, out = expanding(choice, tasks.count_to_three, [2, 5, 1])

    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    assert out.flush() == [0, 1, 0, 1, 2, 0]
    assert [(failure.item, str(failure.error)) for failure in report.failures] == [(5, "three is too many")]
    assert (report.admitted, report.delivered, report.failed) == (3, 2, 1)


def test_of_a_task_with_a_timeout_a_failed_item_gives_nothing(choice: Choice) -> None:
    pipeline, out = expanding(choice, tasks.count_to_three, [2, 5, 1], timeout=60)

    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    assert out.flush() == [0, 1, 0]
    assert (report.delivered, report.failed) == (2, 1)


def test_a_generator_that_is_tried_again_doubles_nothing(choice: Choice, tmp_path: Path) -> None:
    markers = [tmp_path / "one", tmp_path / "two"]
    pipeline, out = expanding(choice, tasks.count_at_the_second_attempt, markers, retries=1, backoff=0)

    report = pipeline.run(engine=choice.engine).wait()

    assert out.flush() == ["first", "second", "first", "second"]
    assert report.nodes["count_at_the_second_attempt"].retried == 2


def test_an_element_that_cannot_leave_a_worker_fails_alone(choice: Choice) -> None:
    pipeline, out = expanding(choice, lambda number: [number, threading.Lock()] if number == 2 else [number], [1, 2, 3])

    report = pipeline.run(engine=choice.engine, on_error="collect").wait()

    came = [one for one in out.flush() if isinstance(one, int)]
    assert came == [1, 2, 3]
    assert (report.admitted, report.failed) == (3, int(choice.borders))


def test_a_sink_is_called_once_for_every_item(choice: Choice, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with skorche.Pipeline("sinking") as pipeline:
        save = skorche.task(max_workers=2, name="note")(choice.form(functools.partial(tasks.note, log=str(log))))
        skorche.sink(save, skorche.Queue(fixed_inputs=range(300)))

    report = pipeline.run(engine=choice.engine).wait()

    assert sorted(tasks.effects(log)) == list(range(300))
    assert (report.ok, report.admitted, report.delivered) == (True, 300, 300)
    assert report.nodes["note"].emitted == 0


def test_an_item_that_a_sink_fails_on_is_one_failure(choice: Choice) -> None:
    errors: skorche.Queue[skorche.Failure] = skorche.Queue(name="errors")
    with skorche.Pipeline("sinking") as pipeline:
        skorche.sink(choice.form(failing.inverse), skorche.Queue(fixed_inputs=[1, 0, 2]), queue_errors=errors)

    report = pipeline.run(engine=choice.engine).wait()

    assert [(failure.item, type(failure.error)) for failure in errors.flush()] == [(0, ZeroDivisionError)]
    assert (report.ok, report.delivered, report.failed) == (True, 2, 1)


def engine_of(choice: Choice) -> Any:
    """What to run the other tasks on: a reduce is no coroutine, and the event loop finds its tasks by itself."""
    return None if choice.engine == "async" else choice.engine


def test_a_reduce_behind_any_engine_makes_one_of_all(choice: Choice) -> None:
    with skorche.Pipeline("adding") as pipeline:
        doubled = skorche.map(
            skorche.task(max_workers=2)(choice.form(tasks.double)), skorche.Queue(fixed_inputs=range(2000))
        )
        total = skorche.reduce(tasks.add, doubled)
        doubled_total = skorche.map(choice.form(tasks.double), total)

    report = pipeline.run(engine=engine_of(choice)).wait()

    assert doubled_total.flush() == [2 * sum(range(0, 4000, 2))]
    assert (report.admitted, report.delivered, report.nodes["add"].emitted) == (2000, 2000, 1)


def test_a_reduce_of_a_run_that_fails_gives_nothing(choice: Choice) -> None:
    with skorche.Pipeline("adding") as pipeline:
        inverses = skorche.map(choice.form(failing.inverse), skorche.Queue(fixed_inputs=[1, 2, 0, 4]))
        total = skorche.reduce(tasks.add, inverses, initial=0)

    with pytest.raises(ZeroDivisionError):
        pipeline.run(engine=engine_of(choice)).wait()

    assert total.flush() == []
