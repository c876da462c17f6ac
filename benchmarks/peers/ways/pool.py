"""`multiprocessing.Pool`, and its `ThreadPool`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import Pool
from multiprocessing.pool import ThreadPool
from queue import SimpleQueue
from typing import Any

from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS = {
    "chain": "a ThreadPool for each step, imap, chunks of 1,000",
    "processes": "imap, chunks of 5,000",
    "waits": "all three steps in one function, ThreadPool(48), imap_unordered",
    "arrays": "imap, one by one",
    "cpu": "imap_unordered, chunks of 8",
    "skewed": "imap_unordered, one by one",
    "memory": "a ThreadPool for each step, imap, chunks of 1,000",
    "photos": "processes, all three steps in one function, imap_unordered",
    "latency": "three ThreadPools, each applies to the next",
}
COUNTS: dict[str, int] = {}

IMPORT = "from multiprocessing import Pool; from multiprocessing.pool import ThreadPool"
_START = """
{statement}

def increment(number):
    return number + 1

if __name__ == "__main__":
    with {pool}(2) as pool:
        print(pool.map(increment, range(10)))
"""
START_THREADS = _START.format(statement="from multiprocessing.pool import ThreadPool", pool="ThreadPool")
START_PROCESSES = _START.format(statement="from multiprocessing import Pool", pool="Pool")


def chain(items: Iterable[int]) -> list[int]:
    """A pool of one thread for each step."""
    results: list[int] = []
    memory(items, results.append)
    return results


def processes(items: Iterable[int]) -> list[int]:
    """Chunks by hand."""
    with Pool(2) as pool:
        return list(pool.imap(work.increment, items, chunksize=5_000))


def waits(items: Iterable[int]) -> list[int]:
    """Forty-eight at a time."""
    with ThreadPool(48) as pool:
        return list(pool.imap_unordered(work.wait_thrice, items))


def arrays(items: Iterable[Any]) -> Iterator[Any]:
    """As its pipe takes them."""
    with Pool(2) as pool:
        yield from pool.imap(work.scale, items)


def cpu(items: list[int]) -> list[int]:
    """Chunks where the items are alike."""
    with Pool(2) as pool:
        return list(pool.imap_unordered(work.spin, items, chunksize=8 if len(set(items)) == 1 else 1))


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """Each pool has a thread that takes the inputs as fast as it can."""
    with ExitStack() as stack:
        for task in work.THREE:
            items = stack.enter_context(ThreadPool(1)).imap(task, items, chunksize=1_000)
        for result in items:
            end(result)


def photos(items: Iterable[files.Paths]) -> list[tuple[str, str]]:
    """Two processes."""
    with Pool(2) as pool:
        return list(pool.imap_unordered(files.all_three, items))


@contextmanager
def latency() -> Iterator[tuple[Callable[[int], object], Callable[[], int]]]:
    """What is done begins the next step."""
    results: SimpleQueue[int] = SimpleQueue()
    with ThreadPool(1) as one, ThreadPool(1) as two, ThreadPool(1) as three:

        def third(item: int) -> None:
            three.apply_async(work.square, (item,), callback=results.put)

        def second(item: int) -> None:
            two.apply_async(work.double, (item,), callback=third)

        yield lambda item: one.apply_async(work.increment, (item,), callback=second), results.get
