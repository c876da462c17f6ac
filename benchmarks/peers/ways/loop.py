"""A plain `for` loop: what all others are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS: dict[str, str] = {}
COUNTS = {"waits": 100}

IMPORT = "pass"
START_THREADS = START_PROCESSES = """
def increment(number):
    return number + 1

print([increment(number) for number in range(10)])
"""


def chain(items: Iterable[int]) -> list[int]:
    """Three calls for each item."""
    results = []
    for number in items:
        results.append(work.square(work.double(work.increment(number))))
    return results


def demo(items: Iterable[int]) -> list[int]:
    """Two calls, and then one or the other way."""
    results, images = [], []
    for number in items:
        unzipped = work.unzip(work.download(number))
        if work.is_image(unzipped):
            images.append(unzipped)
            if len(images) == work.BATCH:
                results += work.process_images(images)
                images = []
        elif work.is_wanted(unzipped):
            results.append(work.process_document(unzipped))
    return results + work.process_images(images)


def processes(items: Iterable[int]) -> list[int]:
    """One process: this one."""
    results = []
    for number in items:
        results.append(work.increment(number))
    return results


def waits(items: Iterable[int]) -> list[int]:
    """One wait after the other."""
    return [work.wait_thrice(number) for number in items]


def arrays(items: Iterable[Any]) -> Iterable[Any]:
    """One after the other, and none kept."""
    return map(work.scale, items)


def cpu(items: Iterable[int]) -> list[int]:
    """One CPU."""
    return [work.spin(turns) for turns in items]


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """Nothing is kept."""
    for number in items:
        end(work.square(work.double(work.increment(number))))


def photos(items: Iterable[files.Paths]) -> list[tuple[str, str]]:
    """One photo at a time."""
    return [files.write(files.shrink(files.read(paths))) for paths in items]
