"""`concurrent.futures`: executors of threads and of processes. What leads through several steps is one function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import Any

from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS = {
    "chain": "an executor for each step, map",
    "processes": "map, chunks of 10,000",
    "waits": "all three steps in one function, 48 threads",
    "arrays": "map, one by one",
    "cpu": "map, chunks of 8",
    "skewed": "map, one by one",
    "memory": "an executor for each step, map",
    "photos": "processes, all three steps in one function",
    "latency": "three executors, each submits to the next",
}
COUNTS = {"chain": 20_000}

IMPORT = "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor"
_START = """
from concurrent.futures import {executor}

def increment(number):
    return number + 1

if __name__ == "__main__":
    with {executor}(2) as executor:
        print(list(executor.map(increment, range(10))))
"""
START_THREADS = _START.format(executor="ThreadPoolExecutor")
START_PROCESSES = _START.format(executor="ProcessPoolExecutor")


def chain(items: Iterable[int]) -> list[int]:
    """A pool of one thread for each step."""
    results: list[int] = []
    memory(items, results.append)
    return results


def processes(items: Iterable[int]) -> list[int]:
    """Chunks by hand."""
    with ProcessPoolExecutor(2) as executor:
        return list(executor.map(work.increment, items, chunksize=10_000))


def waits(items: Iterable[int]) -> list[int]:
    """Forty-eight at a time."""
    with ThreadPoolExecutor(48) as executor:
        return list(executor.map(work.wait_thrice, items))


def arrays(items: Iterable[Any]) -> Iterator[Any]:
    """It takes all inputs at once."""
    with ProcessPoolExecutor(2) as executor:
        yield from executor.map(work.scale, items)


def cpu(items: list[int]) -> list[int]:
    """Chunks where the items are alike."""
    with ProcessPoolExecutor(2) as executor:
        return list(executor.map(work.spin, items, chunksize=8 if len(set(items)) == 1 else 1))


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """Each `map` takes all inputs at once."""
    with ExitStack() as stack:
        for task in work.THREE:
            items = stack.enter_context(ThreadPoolExecutor(1)).map(task, items)
        for result in items:
            end(result)


def photos(items: Iterable[files.Paths]) -> list[tuple[str, str]]:
    """Two processes."""
    with ProcessPoolExecutor(2) as executor:
        return list(executor.map(files.all_three, items))


@contextmanager
def latency() -> Iterator[tuple[Callable[[int], object], Callable[[], int]]]:
    """What is done submits the next step."""
    results: SimpleQueue[int] = SimpleQueue()
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two, ThreadPoolExecutor(1) as three:

        def pass_on(task: Callable[[int], int], executor: Executor, then: Callable[[int], object]) -> Any:
            def begin(item: int) -> None:
                executor.submit(task, item).add_done_callback(lambda done: then(done.result()))

            return begin

        last = pass_on(work.square, three, results.put)
        yield pass_on(work.increment, one, pass_on(work.double, two, last)), results.get
