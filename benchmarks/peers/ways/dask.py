"""dask.bag: all steps of a partition run in one go, and all results come at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dask import bag

from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS = {
    "chain": "threads, 8 partitions",
    "demo": "threads, 8 partitions, lists of 10 made by hand",
    "processes": "processes, 8 partitions",
    "waits": "48 threads, 192 partitions",
    "arrays": "2 processes, partitions of one",
    "cpu": "2 processes, 100 partitions",
    "skewed": "2 processes, 200 partitions",
    "memory": "threads, 8 partitions",
    "photos": "2 processes, 100 partitions",
}
COUNTS: dict[str, int] = {}

IMPORT = "import dask.bag"
_START = """
from dask import bag

def increment(number):
    return number + 1

if __name__ == "__main__":
    print(bag.from_sequence(range(10), npartitions=2).map(increment).compute(scheduler="{kind}", num_workers=2))
"""
START_THREADS = _START.format(kind="threads")
START_PROCESSES = _START.format(kind="processes")


def chain(items: Iterable[int]) -> list[int]:
    """Each partition is one loop in a thread."""
    numbers = bag.from_sequence(items, npartitions=8)
    return _computed(numbers.map(work.increment).map(work.double).map(work.square), "threads")


def demo(items: Iterable[int]) -> list[int]:
    """It has filters for a split, and no batches within a partition but by hand."""
    unzipped = bag.from_sequence(items, npartitions=8).map(work.download).map(work.unzip)
    batches = unzipped.filter(work.is_image).map_partitions(_batches)
    documents = unzipped.remove(work.is_image).filter(work.is_wanted).map(work.process_document)
    return _computed(bag.concat([batches.map(work.process_images).flatten(), documents]), "threads")


def _batches(numbers: Iterable[int]) -> list[list[int]]:
    return list(work.in_groups(numbers, work.BATCH))


def processes(items: Iterable[int]) -> list[int]:
    """A few partitions for each process."""
    return _computed(bag.from_sequence(items, npartitions=8).map(work.increment), "processes")


def waits(items: Iterable[int]) -> list[int]:
    """Forty-eight at a time."""
    numbers = bag.from_sequence(items, npartitions=192)
    return _computed(numbers.map(work.wait).map(work.wait).map(work.wait), "threads", 48)


def arrays(items: Iterable[Any]) -> list[Any]:
    """It takes all inputs at once, and gives all results at once."""
    return _computed(bag.from_sequence(items, partition_size=1).map(work.scale), "processes")


def cpu(items: list[int]) -> list[int]:
    """Partitions large enough, and small enough to share out."""
    parts = 100 if len(set(items)) == 1 else 200
    return _computed(bag.from_sequence(items, npartitions=parts).map(work.spin), "processes")


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """All results come at once."""
    for result in chain(items):
        end(result)


def photos(items: Iterable[files.Paths]) -> list[tuple[str, str]]:
    """Two processes."""
    paths = bag.from_sequence(items, npartitions=100)
    return _computed(paths.map(files.read).map(files.shrink).map(files.write), "processes")


def _computed(made: bag.Bag, scheduler: str, workers: int = 2) -> list[Any]:
    return made.compute(scheduler=scheduler, num_workers=workers)
