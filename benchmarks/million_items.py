"""Do memory, threads and open files stay where they are while a million items pass through five tasks?

The tasks do nothing, a filter lets nothing through, and the workers count too. What is held when a tenth of the items
has come to the filter is the measure: by then all workers have started.
"""

from __future__ import annotations

import itertools
import os
from threading import active_count
from typing import NamedTuple

import psutil

import skorche
from benchmarks.harness import fresh
from benchmarks.harness.figure import Figure
from benchmarks.harness.memory import MEGABYTE
from benchmarks.harness.turns import check

REPEATS = 1
COUNT = 1_000_000
ENGINES = ("thread", "process")
WARM_UP, LOOKS = 10, 50
"""Shares of the items: after how many the first look is, and between how many the others are."""


class Held(NamedTuple):
    """What this process and its workers hold; threads and files are this process's own."""

    megabytes: float
    threads: int
    files: int
    workers: int

    @classmethod
    def now(cls) -> Held:
        """Look."""
        workers = psutil.Process().children(recursive=True)
        resident = sum(_resident(one) for one in (psutil.Process(), *workers))
        return cls(resident / MEGABYTE, active_count(), len(os.listdir("/proc/self/fd")), len(workers))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0  # it has ended since it was listed


class Watch:
    """Looks each time so many items have come, once the warm-up is over."""

    def __init__(self, count: int) -> None:
        self.seen: list[Held] = []
        self._come = itertools.count(1)
        self._warm, self._step = count // WARM_UP, count // LOOKS

    def item_came(self) -> None:
        """One more."""
        come = next(self._come)
        if come >= self._warm and come % self._step == 0:
            self.seen.append(Held.now())

    def growth(self) -> list[float]:
        """How much more of each there was at most than at the first look."""
        first = self.seen[0]
        return [max(one[part] for one in self.seen) - first[part] for part in range(len(first))]


def nothing(item: int) -> int:
    """The task."""
    return item


def growth_of_pipeline(engine: str, count: int = COUNT) -> list[float]:
    """How many more megabytes, threads, files and workers there were than after the warm-up."""
    watch = Watch(count)

    def is_kept(item: int) -> bool:
        watch.item_came()
        return item < 0

    with skorche.Pipeline("million") as pipeline:
        made = skorche.chain([skorche.task(engine=engine)(nothing)] * 5, skorche.Queue(fixed_inputs=iter(range(count))))
        kept = skorche.filter(is_kept, made)
    report = pipeline.run(progress=False).wait()
    check((kept.flush(), report.filtered, report.rerun), ([], count, 0))
    return watch.growth()


def measure(repeats: int) -> list[Figure]:
    """What grew, by engine; each sample in a process of its own."""
    figures = []
    for engine in ENGINES:
        samples = [fresh.call("benchmarks.million_items", "growth_of_pipeline", engine) for _ in range(repeats)]
        for part, (unit, at_most) in enumerate((("MB", 50), ("threads", 0), ("files", 0), ("workers", 0))):
            figures.append(
                Figure.of(
                    [sample[part] for sample in samples],
                    f"growth after a tenth, five tasks, {engine}",
                    "itself",
                    count=COUNT,
                    unit=unit,
                    at_most=at_most,
                )
            )
    return figures
