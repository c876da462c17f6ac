"""Would any chunk size set by hand be better than the sizes skorche finds out by itself?

Each kind of work is done with each of some sizes, which every chunk has as far as so many items wait, and with those
found out, in turns. There is no option for it: the rule is replaced here (`Stage._wish`). The figure is the time of the
found ones against the best of the others; 1.0 or less says that there was nothing to tune.

But for the cheap items, the clock runs from when each worker has done one item until the last result is there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Event
from typing import Any, NamedTuple
from unittest.mock import patch

import skorche
from benchmarks.chain_threads import increment
from benchmarks.cpu_processes import HEAVY_EVERY, HEAVY_TIMES, spin, turns_per_millisecond
from benchmarks.harness.figure import Figure
from benchmarks.harness.turns import check, median_of, ratios, take_turns
from benchmarks.waits_threads import wait
from skorche.runtime.stage import Stage

REPEATS = 5
PATIENCE = 60.0
BURSTS, PAUSE = 5, 0.1
LARGE_BYTES = 200_000


class Work(NamedTuple):
    """A task, its items, and the sizes to try. `bursts`: the items come in so many, with pauses between them."""

    what: str
    task: skorche.Task[Any, Any]
    items: Sequence[Any]
    sizes: tuple[int, ...]
    warmed: bool = True
    bursts: int = 1


def reverse(data: bytes) -> bytes:
    """Large in, large out."""
    return data[::-1]


class Source:
    """Some items to begin with, and the others when `go` is set; it remembers when."""

    def __init__(self, first: Sequence[Any], items: Sequence[Any], bursts: int) -> None:
        self._first, self._items, self._bursts = first, items, bursts
        self.go, self.began = Event(), 0.0

    def __iter__(self) -> Iterator[Any]:
        yield from self._first
        self.go.wait(PATIENCE)
        self.began = time.perf_counter()
        size = -(-len(self._items) // self._bursts)
        for start in range(0, len(self._items), size):
            if start:
                time.sleep(PAUSE)  # what makes bursts of them
            yield from self._items[start : start + size]


def seconds_of(work: Work, size: int | None, expected: list[Any]) -> float:
    """One run; without a size skorche finds it out."""
    first = work.items[: work.task.workers] if work.warmed else []
    source = Source(first, work.items, work.bursts) if work.warmed else work.items
    with skorche.Pipeline() as pipeline:
        results = skorche.map(work.task, skorche.Queue(fixed_inputs=source))
    began = time.perf_counter()
    with _sized(size), pipeline.run(progress=False):
        if isinstance(source, Source):
            for _ in first:
                results.get(timeout=PATIENCE)
            source.go.set()
        found = results.flush()
        seconds = time.perf_counter() - (source.began if isinstance(source, Source) else began)
    check(found, expected)
    return seconds


def _sized(size: int | None) -> AbstractContextManager[object]:
    """All chunks have this size, as far as so much waits."""
    if size is None:
        return nullcontext()
    return patch.object(Stage, "_wish", lambda stage, waiting, idle: min(waiting, size))


def works() -> list[Work]:
    """Cheap, even, uneven, in bursts, few, large; on processes and threads."""
    turns = turns_per_millisecond()
    uneven = [turns * (1 if number % HEAVY_EVERY else HEAVY_TIMES) for number in range(1_000)]
    processes, thread = skorche.task(engine="process", max_workers=2), skorche.task(max_workers=1)
    spinning, waiting = processes(spin), skorche.task(max_workers=16)(wait)
    cheap = range(500_000)
    large = [bytes([number % 256]) * LARGE_BYTES for number in range(400)]
    return [
        Work("cheap, 2 processes", processes(increment), cheap, (100, 1_000, 4_000, 16_000), warmed=False),
        Work("cheap, a thread", thread(increment), cheap, (100, 1_000, 4_000, 16_000), warmed=False),
        Work("0.1 ms of CPU, 2 processes", spinning, [turns // 10] * 5_000, (1, 10, 50, 200, 1_000)),
        Work("1 ms of CPU, 2 processes", spinning, [turns] * 1_000, (1, 4, 16, 64, 250)),
        Work("1 ms, every 100th 100 ms, 2 processes", spinning, uneven, (1, 4, 16, 64)),
        Work("0.3 ms in 5 bursts, 2 processes", spinning, [turns // 3] * 1_500, (1, 8, 32, 150), bursts=BURSTS),
        Work("20 of 5 ms of CPU, 2 processes", spinning, [5 * turns] * 20, (1, 2, 5, 10)),
        Work("200 kB in and out, 2 processes", processes(reverse), large, (1, 2, 5, 20, 100)),
        Work("2 ms of waiting, 16 threads", waiting, range(2_000), (1, 2, 4, 8, 16)),
    ]


def measure(repeats: int) -> list[Figure]:
    """The sizes found out against the best of those set by hand."""
    return [_compare(work, repeats) for work in works()]


def _compare(work: Work, repeats: int) -> Figure:
    expected = [work.task(item) for item in work.items]
    settings = (None, *work.sizes)
    rounds = take_turns(repeats, *[partial(seconds_of, work, size, expected) for size in settings])
    seconds, best = min((median_of(rounds, place), place) for place in range(1, len(settings)))
    return Figure.of(
        ratios(rounds, 0, best),
        work.what,
        f"chunks of {settings[best]:,}, the best of {len(work.sizes)} sizes ({seconds * 1e3:.0f} ms)",
        count=len(work.items),
        unit="of their time",
        at_most=1.1,
    )
