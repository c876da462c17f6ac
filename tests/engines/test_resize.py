"""Stages get other numbers of workers while they run: more work at once, or less, and nothing is lost."""

import asyncio
import threading
from pathlib import Path

import pytest

import skorche
from skorche.events import Decision
from skorche.runtime.command import Resize
from skorche.runtime.run import Run

from .tasks import Meeting, meet
from .waiting import wait_until

pytestmark = pytest.mark.timeout(60)


def resize(run: Run[skorche.Report], workers: int) -> None:
    """Give the only stage of a run so many workers."""
    (node,) = run.statistics()
    before = run.statistics()[node].workers
    run._coordinator.resize(Resize(0, workers, workers, Decision(0.0, node, before, workers, "it was wanted")))
    wait_until(lambda: run.statistics()[node].workers == workers)


def test_threads_that_were_added_work_beside_the_first():
    meeting = threading.Barrier(3)
    with skorche.Pipeline() as pipeline:
        skorche.map(lambda item: meeting.wait(30), skorche.Queue(fixed_inputs=range(3)))

    with pipeline.run() as run:
        resize(run, 3)  # the one there was waits for two others

    assert run.report is not None
    assert run.report.delivered == 3


def test_coroutines_that_were_added_go_beside_the_first():
    meeting = asyncio.Barrier(3)

    @skorche.task(max_workers=1)
    async def meet(item: int) -> int:
        return await meeting.wait()

    with skorche.Pipeline() as pipeline:
        skorche.map(meet, skorche.Queue(fixed_inputs=range(3)))

    with pipeline.run() as run:
        resize(run, 3)

    assert run.report is not None
    assert run.report.delivered == 3


def test_processes_that_were_added_work_beside_the_first(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    meetings = [Meeting(0, says=one, waits=other), Meeting(1, says=other, waits=one)]
    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(meet, engine="process"), skorche.Queue(fixed_inputs=meetings))

    with pipeline.run() as run:
        resize(run, 2)

    assert run.report is not None
    assert run.report.delivered == 2


def test_where_threads_were_taken_away_fewer_work_at_once():
    gate, working, most = threading.Event(), list[int](), list[int]()

    def work(item: int) -> int:
        working.append(item)
        most.append(len(working))
        gate.wait(30)
        working.remove(item)
        return item

    with skorche.Pipeline() as pipeline:
        numbers = skorche.map(skorche.task(work, max_workers=3), skorche.Queue(fixed_inputs=range(50)))

    with pipeline.run() as run:
        wait_until(lambda: len(working) == 3)
        resize(run, 1)
        gate.set()

    assert numbers.flush() == list(range(50))
    assert max(most) == 3
    assert set(most[-30:]) == {1}  # what had been handed out before was shared among three


def test_workers_come_and_go_and_nothing_is_lost():
    with skorche.Pipeline() as pipeline:
        numbers = skorche.Queue(name="numbers")
        doubled = skorche.map(skorche.task(lambda number: 2 * number, name="double", max_workers=2), numbers)

    with pipeline.run() as run:
        for count in range(40):
            numbers.put(count)
            resize(run, 1 + count % 5)

    assert doubled.flush() == [2 * count for count in range(40)]
    assert run.report is not None
    assert len(run.report.decisions) == 40
    assert str(run.report.decisions[0]) == "0.0 s: double 2 -> 1 workers: it was wanted"
    assert [thread for thread in threading.enumerate() if thread.name.startswith("skorche")] == []
