"""Limits and rates on every engine, measured by the tasks' own clocks: `time.monotonic` is one for all processes."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import skorche

from . import tasks
from .choices import Choice
from .deadly import DeadlyAtFirst

PER = 0.5
MOST = 20


async def wait_a_while(_: object) -> tasks.Interval:
    """Others are at work meanwhile."""
    start = time.monotonic()
    await asyncio.sleep(0.002)
    return tasks.Interval(start, time.monotonic())


def side_by_side(choice: Choice, *limits: Any, count: int) -> tuple[skorche.Pipeline, list[skorche.Queue[Any]]]:
    """Two tasks that tell when they worked on each of so many items, and share the limits."""
    function: Callable[[object], Any] = wait_a_while if choice.is_async else tasks.work_a_while
    with skorche.Pipeline("limited") as pipeline:
        outs = [
            skorche.map(
                skorche.task(name=name, max_workers=4, limits=limits)(function),
                skorche.Queue(fixed_inputs=range(count)),
            )
            for name in ("one", "other")
        ]
    return pipeline, outs


def windows_exceeded(starts: list[float], most: int, per: float) -> list[float]:
    """How long it took from a start to the one `most` later, where that is less than a window."""
    starts = sorted(starts)
    return [later - one for one, later in zip(starts, starts[most:], strict=False) if later - one < per]


def test_no_window_sees_more_starts_than_a_rate_allows(choice: Choice) -> None:
    pipeline, outs = side_by_side(choice, skorche.rate("api", MOST, per=PER), count=30)

    pipeline.run(engine=choice.engine).wait()
    starts = [one.start for out in outs for one in out.flush()]

    assert len(starts) == 60
    assert windows_exceeded(starts, MOST, PER) == []


def test_no_more_items_are_at_work_than_a_limit_allows(choice: Choice) -> None:
    pipeline, outs = side_by_side(choice, skorche.limit("places", 2), count=60)

    pipeline.run(engine=choice.engine).wait()
    intervals = [one for out in outs for one in out.flush()]

    assert len(intervals) == 120
    assert tasks.most_at_once(intervals) <= 2


def test_a_task_of_one_engine_shares_its_limit_with_a_task_of_another() -> None:
    gpu = skorche.limit("gpu", 1)
    with skorche.Pipeline("both") as pipeline:
        outs = [
            skorche.map(
                skorche.task(engine=engine, max_workers=4, limits=[gpu])(tasks.work_a_while),
                skorche.Queue(fixed_inputs=range(60)),
            )
            for engine in ("thread", "process")
        ]

    pipeline.run().wait()

    assert tasks.most_at_once([one for out in outs for one in out.flush()]) == 1


def test_work_that_begins_again_because_a_process_died_is_a_start(tmp_path: Path) -> None:
    with skorche.Pipeline("deadly") as pipeline:
        task = skorche.task(
            engine="process", max_workers=2, retries=1, backoff=0.0, limits=[skorche.rate("api", 4, per=PER)]
        )
        out = skorche.map(task(DeadlyAtFirst(tmp_path)), skorche.Queue(fixed_inputs=range(9)))

    pipeline.run().wait()
    starts = [nanoseconds / 1e9 for nanoseconds in tasks.effects(tmp_path / "starts")]

    assert out.flush() == list(range(9))
    assert len(starts) == 12
    assert windows_exceeded(starts, 4, PER) == []
