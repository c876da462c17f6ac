"""loky: an executor of processes that are started anew, not forked. It has no threads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from loky import get_reusable_executor

from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS = {
    "processes": "map, chunks of 10,000",
    "arrays": "map, one by one",
    "cpu": "map, one by one",
    "skewed": "map, one by one",
    "photos": "processes, all three steps in one function",
}
COUNTS: dict[str, int] = {}

IMPORT = "import loky"
START_PROCESSES = """
import loky

def increment(number):
    return number + 1

if __name__ == "__main__":
    print(list(loky.get_reusable_executor(2).map(increment, range(10))))
"""


def processes(items: Iterable[int]) -> list[int]:
    """Chunks by hand."""
    return list(get_reusable_executor(2).map(work.increment, items, chunksize=10_000))


def arrays(items: Iterable[Any]) -> Iterator[Any]:
    """It takes all inputs at once."""
    return get_reusable_executor(2).map(work.scale, items)


def cpu(items: list[int]) -> list[int]:
    """It gives each worker some ahead."""
    return list(get_reusable_executor(2).map(work.spin, items))


def photos(items: Iterable[files.Paths]) -> list[tuple[str, str]]:
    """Two processes."""
    return list(get_reusable_executor(2).map(files.all_three, items))


def put_away() -> None:
    """End the processes, which would wait for more."""
    get_reusable_executor(2).shutdown(wait=True)
