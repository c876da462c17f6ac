"""The process engine when processes die: exactly the item to blame fails, and what runs again is counted."""

import functools
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import pytest

import skorche

from . import deadly, fragile, tasks
from .census import command_of, find_family, is_gone
from .runs import collect, mapping
from .waiting import wait_file, wait_until

pytestmark = pytest.mark.timeout(60)


def workers() -> list[int]:
    """The worker processes there are, without those that have just died."""
    return [pid for pid in find_family() if "skorche.engines.process.worker" in command_of(pid)]


# -- in the call -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "told", "code"),
    [
        ("0", "exit code 0", 0),
        ("3", "exit code 3", 3),
        ("SIGKILL", "signal 9, SIGKILL", -9),
        ("segmentation fault", "signal 11, SIGSEGV", -11),
    ],
)
def test_a_death_in_the_call_fails_exactly_its_item_and_says_how(how: str, told: str, code: int) -> None:
    report, results = collect(deadly.Deadly(how, frozenset({70})), range(200), max_workers=2, engine="process")

    (failure,) = report.failures
    assert results == [number for number in range(200) if number != 70]
    assert (report.admitted, report.delivered, report.failed, report.cancelled) == (200, 199, 1, 0)
    assert (failure.item, type(failure.error), failure.attempts) == (70, skorche.WorkerCrash, 1)
    assert f"a worker process died ({told})" in str(failure.error)
    assert failure.error.exit_code == code


def test_a_death_is_raised_with_the_task_and_the_item() -> None:
    pipeline, _ = mapping(deadly.Deadly("3", frozenset({2})), range(5), name="fragile", engine="process")

    with pytest.raises(skorche.WorkerCrash) as caught:
        pipeline.run().wait()

    assert "in task 'fragile' (" in caught.value.__notes__[0]
    assert "for the item 2" in caught.value.__notes__[0]


def test_what_is_not_idempotent_never_runs_twice_whoever_dies(tmp_path: Path) -> None:
    log, last = tmp_path / "log", frozenset(range(5, 300, 30))

    report, results = collect(
        deadly.Deadly("9", last, str(log)), range(300), max_workers=2, idempotent=False, engine="process"
    )

    assert Counter(tasks.effects(log)) == Counter(range(300))
    assert results == [number for number in range(300) if number not in last]
    assert {failure.item for failure in report.failures} == last
    assert report.rerun == 0


def test_a_death_among_items_too_quick_to_mark_fails_exactly_its_item() -> None:
    report, results = collect(deadly.leave_at_150_000, range(200_000), max_workers=2, engine="process")

    (failure,) = report.failures
    assert results == [*range(150_000), *range(150_001, 200_000)]
    assert (failure.item, type(failure.error), failure.attempts) == (150_000, skorche.WorkerCrash, 1)
    assert (report.delivered, report.failed) == (199_999, 1)
    assert report.rerun > 0  # the slice, item by item: nobody knew which of them it was on


def test_what_runs_again_is_counted(tmp_path: Path) -> None:
    log, last = tmp_path / "log", frozenset(range(5, 1000, 100))

    report, results = collect(deadly.Deadly("9", last, str(log)), range(1000), max_workers=2, engine="process")

    assert len(tasks.effects(log)) == 1000 + report.rerun
    assert results == [number for number in range(1000) if number not in last]
    assert {failure.item for failure in report.failures} == last


def test_a_death_costs_about_a_millisecond_of_work(tmp_path: Path) -> None:
    log, last = tmp_path / "log", frozenset(range(17, 400, 40))

    report, _ = collect(deadly.Deadly("9", last, str(log), 0.0002), range(400), max_workers=2, engine="process")

    assert len(tasks.effects(log)) == 400 + report.rerun
    assert report.failed == len(last) == 10
    assert report.rerun <= 5 * len(last)  # five items of 0.2 ms make a millisecond


def test_twenty_poison_items_among_a_thousand_fail_alone_and_soon() -> None:
    poison = frozenset(Random(7).sample(range(1000), 20))

    report, results = collect(deadly.Deadly("11", poison), range(1000), max_workers=2, engine="process")

    assert {failure.item for failure in report.failures} == poison
    assert (report.failed, len(results)) == (20, 980)
    assert report.elapsed < 10


def test_a_predicate_that_kills_its_worker_is_to_blame_itself() -> None:
    with skorche.Pipeline("fused") as pipeline:
        doubled = skorche.map(skorche.task(engine="process")(tasks.double), skorche.Queue(fixed_inputs=range(100)))
        out = skorche.filter(deadly.Deadly("3", frozenset({84})), doubled, fuse=True)

    report = pipeline.run(on_error="collect").wait()

    (failure,) = report.failures
    assert (failure.node, failure.item, type(failure.error)) == ("Filter(Deadly)", 84, skorche.WorkerCrash)
    assert out.flush() == [number for number in range(2, 200, 2) if number != 84]
    assert report.filtered == 1


def test_a_retry_after_a_death_succeeds_in_a_new_process(tmp_path: Path) -> None:
    markers = [tmp_path / str(number) for number in range(3)]

    report, results = collect(deadly.die_once, markers, retries=1, backoff=0.001, engine="process")

    died = [int(marker.read_text()) for marker in markers]
    assert (report.ok, report.nodes["die_once"].retried) == (True, 3)
    assert len(results) == 3
    assert all(first != second for first, second in zip(died, results, strict=True))


def test_isolate_finds_the_member_that_kills_its_worker() -> None:
    with skorche.Pipeline("isolate") as pipeline:
        batches = skorche.batch(skorche.Queue(fixed_inputs=range(16)), batch_size=8)
        task = skorche.task(engine="process", isolate=True)(deadly.DeadlyForAll("3", frozenset({11})))
        out = skorche.unbatch(skorche.map(task, batches))

    report = pipeline.run(on_error="collect").wait()

    assert out.flush() == [number for number in range(16) if number != 11]
    assert [(failure.item, type(failure.error)) for failure in report.failures] == [([11], skorche.WorkerCrash)]


def test_order_is_kept_whoever_dies() -> None:
    with skorche.Pipeline("ordered") as pipeline:
        task = skorche.task(engine="process", max_workers=2, ordered=True)(deadly.Deadly("3", frozenset({30, 31, 77})))
        out = skorche.map(task, skorche.Queue(fixed_inputs=range(100)))

    with pipeline.run(on_error="collect"):
        arrived = list(out)

    assert arrived == [number for number in range(100) if number not in (30, 31, 77)]


def test_a_death_goes_to_the_queue_of_errors() -> None:
    with skorche.Pipeline("errors") as pipeline:
        errors: skorche.Queue[skorche.Failure] = skorche.Queue(name="errors")
        task = skorche.task(engine="process")(deadly.Deadly("3", frozenset({2})))
        out = skorche.map(task, skorche.Queue(fixed_inputs=range(4)), queue_errors=errors)

    report = pipeline.run().wait()

    assert [(failure.item, type(failure.error)) for failure in errors.flush()] == [(2, skorche.WorkerCrash)]
    assert (out.flush(), report.ok) == ([0, 1, 3], True)


# -- on the way there and back, all kinds at once; one by one in tests/faults/test_crash_matrix.py ---------------------


def test_a_chunk_may_hold_troubles_of_all_kinds() -> None:
    troubles = [
        fragile.Fragile("raise", "pickled"),
        fragile.Fragile("exit", "unpickled"),
        fragile.Order("raise", "pickled"),
        fragile.Order("exit", "pickled"),
        fragile.Order("raise", "unpickled"),
    ]
    items: list[Any] = list(range(100))
    for position, trouble in enumerate(troubles):
        items[50 + 3 * position] = trouble

    report, results = collect(fragile.obey, items, engine="process")

    assert {id(failure.item) for failure in report.failures} == {id(trouble) for trouble in troubles}
    assert results == [item for item in items if isinstance(item, int)]


# -- killed from outside -----------------------------------------------------------------------------------------------


def test_idle_workers_that_are_killed_are_replaced_and_nothing_is_lost() -> None:
    with skorche.Pipeline("live") as pipeline:
        numbers: skorche.Queue[int] = skorche.Queue()
        out = skorche.map(skorche.task(engine="process", max_workers=2)(tasks.double), numbers)

    run = pipeline.run()
    for number in range(4):
        numbers.put(number)
        assert out.get(timeout=20) == 2 * number
        victims = workers()
        assert victims
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        wait_until(lambda gone=victims: all(map(is_gone, gone)))
    numbers.close()
    report = run.wait()

    assert (report.delivered, report.failed) == (4, 0)


def test_a_worker_killed_from_outside_fails_the_item_it_was_on(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    pipeline, out = mapping(deadly.Hang(7, marker), range(50), max_workers=2, engine="process")

    run = pipeline.run(on_error="collect")
    wait_file(marker)
    os.kill(int(marker.read_text()), signal.SIGKILL)
    report = run.wait()

    (failure,) = report.failures
    assert failure.item == 7
    assert "killed from outside, probably because memory ran out" in str(failure.error)
    assert out.flush() == [number for number in range(50) if number != 7]


def test_the_death_of_a_worker_is_seen_within_a_second(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    pipeline, _ = mapping(deadly.Hang(0, marker), [0], engine="process")

    run = pipeline.run(on_error="collect")
    wait_file(marker)
    os.kill(int(marker.read_text()), signal.SIGKILL)
    killed = time.monotonic()
    run.wait()

    assert time.monotonic() - killed < 1


def test_the_death_of_a_worker_is_seen_also_when_a_child_of_it_holds_the_pipe(tmp_path: Path) -> None:
    marker = tmp_path / "marker"

    report, results = collect(deadly.DieWithChild(3, marker), range(10), engine="process")

    assert [failure.item for failure in report.failures] == [3]
    assert len(results) == 9
    assert report.elapsed < 4
    assert is_gone(int(marker.read_text()))


def test_a_task_that_closes_the_pipe_fails_its_item_and_holds_nobody_up() -> None:
    report, results = collect(deadly.close_all_files, range(10), engine="process")

    assert [failure.item for failure in report.failures] == [3]
    assert len(results) == 9
    assert report.elapsed < 4


@pytest.mark.parametrize("size", [1, 3 << 20])
def test_workers_killed_at_random_cost_at_most_an_item_each(size: int) -> None:
    random, kills, failed_to_kill = Random(11), 0, False

    def until_enough_kills() -> Iterator[int]:
        number = 0
        while kills < 12 and not failed_to_kill:
            yield number
            number += 1

    def hunt() -> None:
        nonlocal kills, failed_to_kill
        try:
            while kills < 12:
                victims = workers()
                if victims:
                    with suppress(ProcessLookupError):  # it was about to die of the last kill, and has
                        os.kill(random.choice(victims), signal.SIGKILL)
                        kills += 1
                before = done()
                wait_until(lambda reached=before: done() > reached)
        finally:
            failed_to_kill = kills < 12

    def done() -> int:
        tally = run.statistics()["stretch"]
        return tally.emitted + tally.failed

    pipeline, out = mapping(
        functools.partial(tasks.stretch, size), until_enough_kills(), max_workers=2, engine="process"
    )
    run = pipeline.run(on_error="collect")
    hunter = Thread(target=hunt)
    hunter.start()
    report = run.wait()
    hunter.join()

    failed = {failure.item for failure in report.failures}
    assert kills == 12
    assert {type(failure.error) for failure in report.failures} <= {skorche.WorkerCrash}
    assert len(failed) <= kills
    assert [number for number, _ in out.flush()] == [one for one in range(report.admitted) if one not in failed]
