"""joblib: `Parallel`, on threads and on loky's processes. What leads through several steps is one function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS = {
    "chain": "all three steps in one function, 2 threads, batches of 10,000",
    "processes": "batches of 10,000",
    "waits": "all three steps in one function, 48 threads, batches of one",
    "arrays": "as generator, batches of one",
    "cpu": "batch_size='auto'",
    "skewed": "batches of one",
    "memory": "all three steps in one function, 2 threads, batches of 1,000, as generator",
    "photos": "processes, all three steps in one function, batches of one",
}
COUNTS: dict[str, int] = {}

IMPORT = "import joblib"
_START = """
from joblib import Parallel, delayed

def increment(number):
    return number + 1

if __name__ == "__main__":
    print(Parallel(n_jobs=2, backend="{backend}")(delayed(increment)(number) for number in range(10)))
"""
START_THREADS = _START.format(backend="threading")
START_PROCESSES = _START.format(backend="loky")


def chain(items: Iterable[int]) -> list[int]:
    """With one thread it would be a plain loop."""
    return _parallel(work.all_three, items, n_jobs=2, backend="threading", batch_size=10_000)


def processes(items: Iterable[int]) -> list[int]:
    """Batches by hand."""
    return _parallel(work.increment, items, n_jobs=2, batch_size=10_000)


def waits(items: Iterable[int]) -> list[int]:
    """Forty-eight at a time."""
    return _parallel(work.wait_thrice, items, n_jobs=48, backend="threading", batch_size=1, pre_dispatch="4*n_jobs")


def arrays(items: Iterable[Any]) -> Iterator[Any]:
    """Inputs go through files in shared memory, results through a pipe."""
    return _parallel(work.scale, items, n_jobs=2, batch_size=1, return_as="generator")


def cpu(items: list[int]) -> list[int]:
    """It finds the batch itself; where items differ, one by one is better."""
    return _parallel(work.spin, items, n_jobs=2, batch_size="auto" if len(set(items)) == 1 else 1)


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """Results are given as they come, and kept until somebody takes them."""
    for result in _parallel(
        work.all_three, items, n_jobs=2, backend="threading", batch_size=1_000, return_as="generator"
    ):
        end(result)


def photos(items: Iterable[files.Paths]) -> list[tuple[str, str]]:
    """Two processes."""
    return _parallel(files.all_three, items, n_jobs=2, batch_size=1)


def put_away() -> None:
    """End the processes, which would wait for more."""
    get_reusable_executor().shutdown(wait=True)


def _parallel(task: Callable[[Any], Any], items: Iterable[Any], **settings: Any) -> Any:
    return Parallel(**settings)(delayed(task)(item) for item in items)
