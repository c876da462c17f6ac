"""Tasks that travel together through worker processes: each still is a task of its own, whatever happens to it."""

import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import skorche

from . import deadly, tasks
from .waiting import wait_until

pytestmark = pytest.mark.timeout(60)

WORKERS = os.cpu_count() or 1
"""With so many each task may use every process."""


def travelling(
    *functions: Any, items: Any, journey_options: dict[str, Any] | None = None, **options: Any
) -> tuple[skorche.Report, list[Any]]:
    """The report and the results of tasks, one after the other, on processes. The options are those of the last."""
    journey = [skorche.task(function) if not isinstance(function, skorche.Task) else function for function in functions]
    journey = [task.options(**journey_options or {}) for task in journey]
    journey[-1] = journey[-1].options(**options)
    with skorche.Pipeline("journey") as pipeline:
        queue = skorche.Queue(fixed_inputs=items)
        for task in journey:
            queue = skorche.map(task.options(engine="process", max_workers=WORKERS), queue)
    assert len(pipeline.plan().stages) == 1
    return pipeline.run(on_error="collect").wait(), queue.flush()


def named(name: str, function: Any) -> Any:
    """The function, under a name of its own."""
    return skorche.task(name=name)(function)


def lock_up(number: int) -> Any:
    """What can be used, but never pickled."""
    lock = threading.Lock()
    return (number, lock)


def take_lock(locked: Any) -> int:
    """Use it; three is too many."""
    number, lock = locked
    with lock:
        if number == 3:
            raise ValueError("three is too many")
        return int(number)


def refuse_ten(number: int) -> int:
    """Ten is refused."""
    if number == 10:
        raise ValueError("no ten")
    return number


def refuse_none(locked: Any) -> Any:
    """The same."""
    return locked


def take_lock_of_any(locked: Any) -> int:
    """Use it."""
    number, lock = locked
    with lock:
        return int(number)


def test_what_passes_between_them_never_leaves_the_worker() -> None:
    report, results = travelling(lock_up, refuse_none, take_lock_of_any, items=range(50))

    assert (report.ok, results) == (True, [*range(50)])


def test_a_failure_is_that_of_its_task_with_what_that_was_given() -> None:
    report, results = travelling(tasks.double, refuse_ten, tasks.double, items=range(8))

    (failure,) = report.failures
    assert (failure.node, failure.item, failure.attempts) == ("refuse_ten", 10, 1)
    assert results == [4 * number for number in range(8) if number != 5]
    counts = [(tally.received, tally.emitted, tally.failed) for tally in report.nodes.values()]
    assert counts == [(8, 8, 0), (8, 7, 1), (7, 7, 0)]
    with pytest.raises(ValueError, match="no ten"):
        failure.replay()


def test_only_the_task_that_failed_is_tried_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"

    report, _ = travelling(
        named("first", deadly.Deadly("", frozenset(), str(first))),
        named("second", Refusing(5, str(second))),
        items=range(20),
        retries=2,
        backoff=0.001,
    )

    assert Counter(tasks.effects(first)) == Counter(range(20))
    assert Counter(tasks.effects(second)) == Counter([*range(20), 5, 5])
    (failure,) = report.failures
    assert (failure.node, failure.item, failure.attempts) == ("second", 5, 3)
    assert report.nodes["second"].retried == 2


class Refusing(NamedTuple):
    """The identity, but one number is refused. Calls are noted in a log."""

    refused: int
    log: str

    def __call__(self, number: int) -> int:
        tasks.note(number, self.log)
        if number == self.refused:
            raise ValueError(f"no {number}")
        return number


def test_what_cannot_leave_the_worker_is_not_tried_again_and_says_so() -> None:
    report, results = travelling(lock_up, take_lock, items=range(6), retries=3)

    (failure,) = report.failures
    assert results == [0, 1, 2, 4, 5]
    assert (failure.node, failure.attempts, str(failure.error)) == ("take_lock", 1, "three is too many")
    assert failure.item.startswith("(3, <unlocked _thread.lock object")
    assert "not tried again: it cannot be pickled, so only its text came from the worker" in failure.error.__notes__


def test_a_death_is_that_of_its_task_with_what_that_was_given(tmp_path: Path) -> None:
    log, poison = tmp_path / "log", frozenset({20, 22, 140})

    report, results = travelling(
        tasks.double, named("deadly", deadly.Deadly("3", poison, str(log))), tasks.double, items=range(100)
    )

    assert {(one.node, one.item, one.attempts) for one in report.failures} == {("deadly", one, 1) for one in poison}
    assert all("on what came of the item" in str(one.error) for one in report.failures)
    assert results == [4 * number for number in range(100) if 2 * number not in poison]
    calls = Counter(tasks.effects(log))
    assert {one: calls[one] for one in poison} == dict.fromkeys(poison, 1)  # who has died of it once is not tried again
    assert [(one.received, one.emitted, one.failed) for one in report.nodes.values()] == [
        (100, 100, 0),
        (100, 97, 3),
        (97, 97, 0),
    ]


def test_what_runs_again_after_a_death_is_counted(tmp_path: Path) -> None:
    first, last = tmp_path / "first", frozenset(range(5, 400, 50))

    report, results = travelling(
        named("first", deadly.Deadly("", frozenset(), str(first))),
        named("deadly", deadly.Deadly("9", last)),
        items=range(400),
    )

    assert len(results) == 400 - len(last)
    assert {failure.item for failure in report.failures} == last
    assert len(tasks.effects(first)) == 400 + report.rerun


def test_after_a_death_only_its_task_is_tried_again(tmp_path: Path) -> None:
    log = tmp_path / "log"

    report, results = travelling(
        tasks.double,
        named("deadly", deadly.Deadly("3", frozenset({6}), str(log))),
        items=range(5),
        retries=2,
        backoff=0.0,
    )

    (failure,) = report.failures
    assert (failure.node, failure.item, failure.attempts) == ("deadly", 6, 3)
    assert Counter(tasks.effects(log))[6] == 3
    assert results == [0, 2, 4, 8]


def test_deaths_in_several_tasks_on_items_side_by_side_are_told_apart() -> None:
    report, results = travelling(
        named("first", deadly.Deadly("3", frozenset({4, 5}))),
        named("second", deadly.Deadly("4", frozenset({3, 6}))),
        named("third", deadly.Deadly("5", frozenset({2, 7}))),
        items=range(10),
    )

    blamed = {failure.item: (failure.node, failure.error.exit_code) for failure in report.failures}
    assert blamed == {
        4: ("first", 3),
        5: ("first", 3),
        3: ("second", 4),
        6: ("second", 4),
        2: ("third", 5),
        7: ("third", 5),
    }
    assert results == [0, 1, 8, 9]


def test_a_death_among_items_too_quick_to_mark_is_that_of_its_task() -> None:
    report, results = travelling(tasks.same, deadly.leave_at_150_000, items=range(160_000))

    (failure,) = report.failures
    assert (failure.node, failure.item) == ("leave_at_150_000", 150_000)
    assert len(results) == 159_999


def test_each_branch_of_a_split_that_goes_along_has_its_failures() -> None:
    errors = skorche.Queue(name="errors")
    with skorche.Pipeline("branches") as pipeline:
        task = skorche.task(engine="process", max_workers=WORKERS)
        doubled = skorche.map(task(tasks.double), skorche.Queue(fixed_inputs=range(12)))
        small, large = skorche.split(is_small, doubled, fuse=True)
        skorche.map(task(refuse_ten), small, queue_errors=errors, queue_out=skorche.Queue(name="small"))
        skorche.map(task(tasks.double), large, queue_out=skorche.Queue(name="large"))

    report = pipeline.run(on_error="collect").wait()

    assert len(pipeline.plan().stages) == 1
    assert report.results["small"] == [0, 2, 4, 6, 8]
    assert report.results["large"] == [4 * number for number in range(6, 12)]
    assert [(failure.node, failure.item) for failure in report.results["errors"]] == [("refuse_ten", 10)]


def is_small(number: int) -> bool:
    """At most ten."""
    return number <= 10


def test_a_stop_kills_what_hangs_behind_other_steps(tmp_path: Path) -> None:
    with skorche.Pipeline("stuck") as pipeline:
        task = skorche.task(engine="process", max_workers=WORKERS)
        doubled = skorche.map(task(tasks.double), skorche.Queue(fixed_inputs=range(3)))
        skorche.map(task(deadly.Hang(4, tmp_path / "hangs")), doubled)
    run = pipeline.run()
    wait_until((tmp_path / "hangs").exists)

    run.cancel(grace=0)

    with pytest.raises(skorche.RunCancelled):
        run.wait()
    assert run.report is not None
    assert run.report.admitted == run.report.delivered + run.report.failed + run.report.cancelled


def test_a_task_that_must_not_run_twice_does_not_when_a_predicate_dies_behind_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    once = skorche.task(engine="process", idempotent=False)(deadly.Deadly("", frozenset(), str(log)))
    with skorche.Pipeline("once") as pipeline:
        numbers = skorche.map(once, skorche.Queue(fixed_inputs=range(8)))
        out = skorche.filter(deadly.Deadly("3", frozenset({5})), numbers, fuse=True)

    report = pipeline.run(on_error="collect").wait()

    assert Counter(tasks.effects(log)) == Counter(range(8))
    assert (report.failed, report.rerun, out.flush()) == (1, 0, [1, 2, 3, 4, 6, 7])


def test_a_start_that_a_limit_counts_is_not_repeated(tmp_path: Path) -> None:
    log = tmp_path / "log"
    limited = skorche.task(engine="process", limits=[skorche.limit("one", 1)])(deadly.Deadly("", frozenset(), str(log)))
    with skorche.Pipeline("limited") as pipeline:
        numbers = skorche.map(limited, skorche.Queue(fixed_inputs=range(8)))
        skorche.filter(deadly.Deadly("3", frozenset({5})), numbers, fuse=True)

    report = pipeline.run(on_error="collect").wait()

    assert Counter(tasks.effects(log)) == Counter(range(8))
    assert report.failed == 1


def test_a_predicate_that_dies_on_every_item_is_a_broken_environment() -> None:
    with skorche.Pipeline("broken") as pipeline:
        numbers = skorche.map(skorche.task(engine="process")(tasks.same), skorche.Queue(fixed_inputs=range(1000)))
        skorche.filter(deadly.Deadly("3", frozenset(range(1000))), numbers, fuse=True)

    with pytest.raises(skorche.EngineError, match="10 different items"):
        pipeline.run(on_error="collect").wait()


def test_an_element_that_kills_its_worker_costs_the_item_it_came_from() -> None:
    with skorche.Pipeline("elements") as pipeline:
        lists = skorche.map(skorche.task(engine="process")(up_from), skorche.Queue(fixed_inputs=[10, 20]))
        out = skorche.filter(deadly.Deadly("3", frozenset({12})), skorche.unbatch(lists), fuse=True)

    report = pipeline.run(on_error="collect").wait()

    assert [(failure.node, failure.item) for failure in report.failures] == [("up_from", 10)]
    assert out.flush() == [20, 21, 22, 23]


def up_from(number: int) -> list[int]:
    """Four numbers."""
    return [*range(number, number + 4)]


def test_retries_that_enter_later_are_counted_when_they_run_again(tmp_path: Path) -> None:
    log, last = tmp_path / "log", tmp_path / "last"

    report, results = travelling(
        tasks.double,
        named("refusing", RefusingOnce(str(log))),
        named("deadly", deadly.Deadly("3", frozenset({20, 40}), str(last))),
        items=range(40),
        journey_options={"retries": 1, "backoff": 0.0},
    )

    calls = Counter(tasks.effects(log))
    assert {failure.item for failure in report.failures} == {20, 40}
    assert results == [number for number in range(0, 80, 2) if number not in (20, 40)]
    assert sum(calls.values()) == 2 * 40 + report.rerun


class RefusingOnce(NamedTuple):
    """The identity, at the second attempt. Calls are noted in a log."""

    log: str

    def __call__(self, number: int) -> int:
        first = number not in tasks.effects(Path(self.log))
        tasks.note(number, self.log)
        if first:
            raise ValueError(f"not yet {number}")
        return number


def test_what_was_said_on_an_item_that_a_worker_died_on_is_kept() -> None:
    everywhere = skorche.task(engine="process", max_workers=WORKERS)
    with skorche.Pipeline("said") as pipeline:
        spoken = skorche.map(everywhere(speak), skorche.Queue(fixed_inputs=range(4)))
        skorche.map(everywhere(speak_and_die), spoken)

    report = pipeline.run(on_error="collect", capture="item").wait()

    (failure,) = report.failures
    assert (failure.node, failure.output) == ("speak_and_die", "first 2\nsecond 2\n")


def speak(number: int) -> int:
    """Say something."""
    print("first", number)
    return number


def speak_and_die(number: int) -> int:
    """Say more; two is the end."""
    print("second", number)
    if number == 2:
        os._exit(3)
    return number


def test_a_worker_that_dies_elsewhere_while_an_item_is_to_be_found_out_forgets_none_of_them(tmp_path: Path) -> None:
    log = tmp_path / "log"

    report, results = travelling(
        named("first", DeadlySecondTime(7, str(log))),
        named("second", deadly.Deadly("4", frozenset({7, 9}))),
        items=range(20),
    )

    assert {failure.item: failure.node for failure in report.failures} == {7: "first", 9: "second"}
    assert results == [number for number in range(20) if number not in (7, 9)]


class DeadlySecondTime(NamedTuple):
    """The identity, but one number ends the process when it comes again."""

    number: int
    log: str

    def __call__(self, number: int) -> int:
        if number == self.number:
            if tasks.effects(Path(self.log)):
                os._exit(3)
            tasks.note(number, self.log)
        return number
