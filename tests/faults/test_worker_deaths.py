"""Workers that die in the middle of much data, under fire, or for want of memory: what is lost is one item each."""

import os
import signal
import threading
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from engines.runs import collect, mapping
from engines.tasks import effects, most_at_once, pause, same
from engines.waiting import wait_until

import skorche
from skorche.engines.process.blame import explain_crash
from skorche.engines.process.slot import INDEX, STEP
from skorche.runtime import memory
from skorche.runtime.memory import resident_bytes

from .fatal import Call, DieOnTheWay, KeepBusy, Obey, Starve, hang_up, want_too_much

pytestmark = pytest.mark.timeout(60)

LARGE = 5 << 20


# -- much data ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "victim", "told"),
    [("readv", 4, "while it was read and unpickled"), ("write", 3, "while its result was pickled and written")],
    ids=["reading", "writing"],
)
@pytest.mark.parametrize("idempotent", [True, False])
def test_a_worker_killed_in_the_middle_of_a_large_object_costs_that_item(
    function: str, victim: int, told: str, idempotent: bool
) -> None:
    items = [(number, bytes(LARGE)) for number in range(10)]  # each is a chunk of its own

    report, results = collect(DieOnTheWay(3, function), items, idempotent=idempotent, engine="process")

    (failure,) = report.failures
    assert failure.item is items[victim]
    assert isinstance(failure.error, skorche.WorkerCrash)
    assert (told in failure.error.what, failure.error.exit_code) == (True, -signal.SIGKILL)
    assert [(number, len(data)) for number, data in results] == [(one, LARGE) for one in range(10) if one != victim]
    assert report.elapsed < 5


def test_large_objects_both_ways_at_once_neither_lock_nor_pile_up() -> None:
    size, count = 4 << 20, 64
    with skorche.Pipeline("large") as pipeline:
        task = skorche.task(engine="process", max_workers=2)(same)
        source = (number.to_bytes(4) * (size // 4) for number in range(count))
        out = skorche.map(task, skorche.Queue(fixed_inputs=source), queue_out=skorche.Queue(maxsize=2))
    before = most = resident_bytes()

    arrived = []
    with pipeline.run() as run:
        for data in out:
            arrived.append((int.from_bytes(data[:4]), len(data), data[-4:] == data[:4]))
            most = max(most, resident_bytes())

    assert sorted(arrived) == [(number, size, True) for number in range(count)]
    assert most - before < 20 * size + (100 << 20)
    assert run.report is not None
    assert run.report.elapsed < 20


# -- under fire --------------------------------------------------------------------------------------------------------


def test_twenty_busy_workers_killed_at_random_cost_an_item_each_and_nothing_runs_twice(tmp_path: Path) -> None:
    log, random, kills = tmp_path / "log", Random(5), 0
    pipeline, out = mapping(KeepBusy(str(log), 0.02), range(200), max_workers=2, idempotent=False, engine="process")

    def hunt() -> None:
        nonlocal kills
        begun = 0
        while kills < 20:
            begun += random.randint(2, 8)
            wait_until(lambda enough=begun: len(effects(log)) >= enough)
            try:
                os.kill(effects(log)[-1] // 1000, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it has just been killed for another item
            kills += 1

    hunter = threading.Thread(target=hunt)
    hunter.start()
    report = pipeline.run(on_error="collect").wait()
    hunter.join()

    failed = {failure.item for failure in report.failures}
    assert kills == 20
    assert {type(failure.error) for failure in report.failures} == {skorche.WorkerCrash}
    assert 10 <= len(failed) <= 20  # a few were between two items
    assert out.flush() == [number for number in range(200) if number not in failed]
    runs = Counter(one % 1000 for one in effects(log))
    assert max(runs.values()) == 1
    assert set(runs) | failed == set(range(200))
    assert report.rerun == 0


# -- for want of memory ------------------------------------------------------------------------------------------------


def test_an_item_that_wants_more_memory_than_there_may_be_fails_as_any_other() -> None:
    report, results = collect(want_too_much, range(20), engine="process")

    (failure,) = report.failures
    assert (failure.item, type(failure.error)) == (7, MemoryError)
    assert "want_too_much" in failure.traceback
    assert results == [number for number in range(20) if number != 7]


@pytest.mark.parametrize(
    ("kills", "why"),
    [
        (0, "it was killed from outside, probably because memory ran out."),
        (
            2,
            (
                "it was killed from outside, probably because memory ran out: "
                "the system says that it killed 2 for that since the run began."
            ),
        ),
    ],
)
def test_a_death_by_sigkill_is_told_with_what_is_known(kills: int, why: str) -> None:
    crash = explain_crash(-9, "resize", {STEP: 0, INDEX: 3}, ("a.png",), kills)

    assert crash.what == "a worker process died (signal 9, SIGKILL) on the item 'a.png' of task 'resize'."
    assert crash.why == why
    assert crash.mend == "give it fewer workers or smaller items; max_worker_memory= replaces workers that have grown."


def test_a_death_on_a_huge_item_is_told_without_all_of_it() -> None:
    crash = explain_crash(3, "resize", {STEP: 0, INDEX: 0}, ([10**9] * 1_000_000,), 0)

    assert len(crash.what) < 200
    assert crash.why == "the task, or a library it calls, ended the process."


def test_after_a_death_for_want_of_memory_its_task_goes_on_with_one_worker_fewer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    moment = tmp_path / "moment"
    task = Starve(5, moment, 0.04)  # so long that no chunk holds two items, nor waits ahead

    report, intervals = collect(task, range(20), name="resize", max_workers=2, engine="process")

    after = [one for one in intervals if one.start > float(moment.read_text())]
    assert [failure.item for failure in report.failures] == [5]
    assert (len(intervals), most_at_once(after)) == (19, 1)
    assert report.nodes["resize"].shed_workers == 1
    assert str(report).splitlines()[-1] == (
        "resize went on with 1 worker fewer: so many were killed, probably because memory ran out"
    )
    (told,) = [record.getMessage() for record in caplog.records if record.name == "skorche"]
    assert told.startswith("engines: task 'resize' goes on with 1 worker at a time, not 2: one was killed from outside")


@pytest.mark.parametrize(
    ("task", "good", "bad", "options", "told"),
    [
        (pause, 0.0, 30.0, {"timeout": 0.5}, "the item was given up"),
        (Obey(os.devnull), 1, Call("segmentation fault"), {}, "ended the process"),
        (hang_up, 1, 3, {}, "closed the pipe to its parent, so it was not heard any more, and killed"),
    ],
    ids=["killed by us", "segmentation fault", "hung up"],
)
def test_after_another_death_all_workers_stay(
    task: Any, good: Any, bad: Any, options: Any, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    report, _ = collect(task, [good, bad], name="task", max_workers=2, engine="process", **options)

    (failure,) = report.failures
    assert (failure.item, told in failure.error.why) == (bad, True)
    assert report.nodes["task"].shed_workers == 0
    assert caplog.records == []


def test_kills_for_want_of_memory_are_counted_where_the_system_counts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "membership").write_text("4:memory:/elsewhere\n0::/batch/job\n")
    (tmp_path / "batch/job").mkdir(parents=True)
    (tmp_path / "batch/job/memory.events").write_text("low 0\noom 9\noom_kill 3\noom_group_kill 7\n")
    monkeypatch.setattr(memory, "MEMBERSHIP", str(tmp_path / "membership"))
    monkeypatch.setattr(memory, "GROUPS", str(tmp_path))

    counted = memory.count_memory_kills()

    assert counted == 3
