"""mpire: `WorkerPool`, of threads and of forked processes. What leads through several steps is one function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from mpire import WorkerPool

from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS = {
    "chain": "a pool of one thread for each step, imap, chunks of 1,000",
    "processes": "imap, chunks of 10,000",
    "waits": "all three steps in one function, 48 threads, chunks of one",
    "arrays": "imap, chunks of one, 4 active",
    "cpu": "imap_unordered, chunks of 8",
    "skewed": "imap_unordered, chunks of one",
    "memory": "a pool of one thread for each step, imap, chunks of 1,000, 2,000 active",
    "photos": "processes, all three steps in one function, chunks of one",
}
COUNTS = {"chain": 200_000, "processes": 200_000}

IMPORT = "from mpire import WorkerPool"
_START = """
from mpire import WorkerPool

def increment(number):
    return number + 1

if __name__ == "__main__":
    with WorkerPool(2, start_method="{method}") as pool:
        print(pool.map(increment, range(10)))
"""
START_THREADS = _START.format(method="threading")
START_PROCESSES = _START.format(method="fork")


def chain(items: Iterable[int]) -> list[int]:
    """A pool for each step."""
    results: list[int] = []
    memory(items, results.append)
    return results


def processes(items: Iterable[int]) -> list[int]:
    """Chunks by hand."""
    with WorkerPool(2) as pool:
        return list(pool.imap(work.increment, items, chunk_size=10_000))


def waits(items: Iterable[int]) -> list[int]:
    """Forty-eight at a time."""
    with WorkerPool(48, start_method="threading") as pool:
        return list(pool.imap_unordered(work.wait_thrice, items, chunk_size=1))


def arrays(items: Iterable[Any]) -> Iterator[Any]:
    """A tuple is one argument; an array alone would be cut into rows."""
    with WorkerPool(2) as pool:
        yield from pool.imap(work.scale, ((item,) for item in items), chunk_size=1, max_tasks_active=4)


def cpu(items: list[int]) -> list[int]:
    """Chunks where the items are alike."""
    with WorkerPool(2) as pool:
        return list(pool.imap_unordered(work.spin, items, chunk_size=8 if len(set(items)) == 1 else 1))


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """A bound for what is active."""
    with ExitStack() as stack:
        for task in work.THREE:
            pool = stack.enter_context(WorkerPool(1, start_method="threading"))
            items = pool.imap(task, items, chunk_size=1_000, max_tasks_active=2_000)
        for result in items:
            end(result)


def photos(items: Iterable[files.Paths]) -> list[tuple[str, str]]:
    """Two processes; the tuple around the item keeps it from being taken for two arguments."""
    with WorkerPool(2) as pool:
        return list(pool.imap_unordered(files.all_three, [(item,) for item in items], chunk_size=1))
