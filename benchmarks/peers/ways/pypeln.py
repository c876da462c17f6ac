"""pypeln: stages of threads or processes, with bounded queues between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import pypeln as pl

from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS = {
    "chain": "maxsize=1,000",
    "demo": "maxsize=1,000, lists of 10 made by hand",
    "processes": "maxsize=1,000",
    "waits": "16 workers each, maxsize=32",
    "arrays": "2 workers, maxsize=2",
    "cpu": "2 workers, maxsize=100",
    "skewed": "2 workers, maxsize=100",
    "memory": "maxsize=1,000",
    "photos": "processes, all three steps in one function, maxsize=8",
    "latency": "",
}
COUNTS = {"chain": 50_000, "demo": 20_000, "processes": 10_000}

IMPORT = "import pypeln"
_START = """
import pypeln as pl

def increment(number):
    return number + 1

if __name__ == "__main__":
    print(sorted(pl.{kind}.map(increment, range(10), workers=2, maxsize=10)))
"""
START_THREADS = _START.format(kind="thread")
START_PROCESSES = _START.format(kind="process")


def chain(items: Iterable[int]) -> Iterable[int]:
    """A worker for each step."""
    stage: Any = items
    for task in work.THREE:
        stage = pl.thread.map(task, stage, workers=1, maxsize=1_000)
    return stage


def demo(items: Iterable[int]) -> list[int]:
    """It knows neither split nor batch: what one stage gives is told apart in the loop that reads it, and fed on."""
    unzipped = pl.thread.map(work.unzip, pl.thread.map(work.download, items, maxsize=1_000), maxsize=1_000)
    pictures, documents = _split(unzipped)
    batches = pl.thread.from_iterable(work.in_groups(pictures, work.BATCH), maxsize=1_000)
    processed = pl.thread.flat_map(work.process_images, batches, maxsize=1_000)
    wanted = pl.thread.filter(work.is_wanted, pl.thread.from_iterable(documents, maxsize=1_000), maxsize=1_000)
    return list(
        pl.thread.concat([processed, pl.thread.map(work.process_document, wanted, maxsize=1_000)], maxsize=1_000)
    )


def _split(stage: Iterable[int]) -> tuple[list[int], list[int]]:
    sides: tuple[list[int], list[int]] = ([], [])
    for number in stage:
        sides[0 if work.is_image(number) else 1].append(number)
    return sides


def processes(items: Iterable[int]) -> Iterable[int]:
    """It has no chunks."""
    return pl.process.map(work.increment, items, workers=2, maxsize=1_000)


def waits(items: Iterable[int]) -> Iterable[int]:
    """Sixteen workers for each step."""
    stage: Any = items
    for _ in range(3):
        stage = pl.thread.map(work.wait, stage, workers=16, maxsize=32)
    return stage


def arrays(items: Iterable[Any]) -> Iterable[Any]:
    """Two at a time."""
    return pl.process.map(work.scale, items, workers=2, maxsize=2)


def cpu(items: list[int]) -> Iterable[int]:
    """One by one."""
    return pl.process.map(work.spin, items, workers=2, maxsize=100)


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """Bounded queues."""
    for result in chain(items):
        end(result)


def photos(items: Iterable[files.Paths]) -> Iterable[tuple[str, str]]:
    """Two processes."""
    return pl.process.map(files.all_three, items, workers=2, maxsize=8)


@contextmanager
def latency() -> Iterator[tuple[Callable[[int], object], Callable[[], int]]]:
    """The source is an iterator that waits for the next item."""
    inputs: SimpleQueue[int | None] = SimpleQueue()
    stage: Any = iter(inputs.get, None)
    for task in work.THREE:
        stage = pl.thread.map(task, stage, workers=1)
    results = iter(stage)
    yield inputs.put, lambda: next(results)
    inputs.put(None)
    for _ in results:
        pass
