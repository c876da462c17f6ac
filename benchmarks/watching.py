"""What does it cost to watch a run: its progress, its statistics as it goes on, and a trace of every chunk?

Three trivial tasks on three threads, where nearly all of the time is skorche's own. Beside it the same with no progress
and no trace; what is counted and looked at in every run is part of both.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import skorche
from benchmarks.chain_threads import double, increment, square
from benchmarks.harness.figure import Figure
from benchmarks.harness.turns import median_of, ratios, seconds_of, take_turns

REPEATS = 15
COUNT = 2_000_000
LOOK_SECONDS = 0.5
"""How often the statistics are asked for, as a page that is drawn anew would do."""


def unwatched() -> list[int]:
    """The chain, and nothing else."""
    return _run(progress=False)


def watched(folder: Path) -> list[int]:
    """The chain with all of it."""
    return _run(progress=True, trace=folder / "trace.json", looking=True)


def traced(folder: Path) -> list[int]:
    """The chain with a trace alone."""
    return _run(progress=False, trace=folder / "trace.json")


def _run(*, looking: bool = False, **options: Any) -> list[int]:
    with skorche.Pipeline() as pipeline:
        tasks = [skorche.task(function) for function in (increment, double, square)]
        results = skorche.chain(tasks, skorche.Queue(fixed_inputs=range(COUNT)))
    run = pipeline.run(**options)
    ended = Event()
    looks = Thread(target=_look, args=(run, ended))
    if looking:
        looks.start()
    run.wait()
    if looking:
        ended.set()
        looks.join()
    return results.flush()


def _look(run: skorche.Run[skorche.Report], ended: Event) -> None:
    while not ended.wait(LOOK_SECONDS):
        run.statistics()


def measure(repeats: int) -> list[Figure]:
    """The ratios, in interleaved rounds."""
    expected = unwatched()
    with TemporaryDirectory() as named:
        folder = Path(named)
        rounds = take_turns(
            repeats,
            lambda: seconds_of(lambda: watched(folder), expected),
            lambda: seconds_of(lambda: traced(folder), expected),
            lambda: seconds_of(unwatched, expected),
        )
        size = os.path.getsize(folder / "trace.json") / 1e3
    against = f"the same, unwatched ({median_of(rounds, 2) * 1e3:.0f} ms)"
    return [
        Figure.of(
            ratios(rounds, 0, 2),
            "progress, statistics and trace together",
            against,
            count=COUNT,
            unit="times the unwatched run",
            at_most=1.05,
        ),
        Figure.of(
            ratios(rounds, 1, 2),
            f"the trace alone, {size:.0f} kB",
            against,
            count=COUNT,
            unit="times the unwatched run",
        ),
    ]
