"""What does a run of ten items on two processes take where one has been before, with its workers kept and without?

Beside both a `ProcessPoolExecutor` that is kept open, which plans, counts and reports nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from statistics import median

import skorche
from benchmarks.harness.figure import Figure
from benchmarks.harness.turns import seconds_of, take_turns

REPEATS = 15
ITEMS, WORKERS = 10, 2
EXPECTED = [-number for number in range(ITEMS)]


def negative(number: int) -> int:
    """A task that costs nothing."""
    return -number


class Again:
    """A pipeline that is run again and again, with its workers kept or not."""

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        with skorche.Pipeline() as self.pipeline:
            task = skorche.task(engine="process", max_workers=WORKERS)(negative)
            self._results = skorche.map(task, skorche.Queue(fixed_inputs=range(ITEMS)))

    def run(self) -> list[int]:
        """One run."""
        self.pipeline.run(keep_workers=self._keep, progress=False).wait()
        return self._results.flush()


@contextmanager
def contestants() -> Iterator[list[partial[float]]]:
    """Workers that are kept, that are not, and an executor; each has been used once."""
    kept, anew = Again(keep=True), Again(keep=False)
    with ProcessPoolExecutor(WORKERS) as executor:
        jobs = [kept.run, anew.run, lambda: list(executor.map(negative, range(ITEMS)))]
        try:
            for job in jobs:
                job()
            yield [partial(seconds_of, job, EXPECTED) for job in jobs]
        finally:
            kept.pipeline.end_workers()


def measure(repeats: int) -> list[Figure]:
    """Milliseconds of a run, and how it stands to one that starts its workers."""
    with contestants() as ready:
        rounds = take_turns(repeats, *ready)
    kept, anew, executor = ([1e3 * seconds for seconds in column] for column in zip(*rounds, strict=True))
    what = "a run on two processes that were kept"
    return [
        Figure.of(
            [one / other for one, other in zip(kept, anew, strict=True)],
            what,
            f"a run that starts them ({median(anew):.0f} ms)",
            count=ITEMS,
            unit="of its time",
            at_most=0.5,
        ),
        Figure.of(
            kept,
            what,
            f"ProcessPoolExecutor({WORKERS}).map, kept open ({median(executor):.1f} ms)",
            count=ITEMS,
            unit="ms",
        ),
    ]
