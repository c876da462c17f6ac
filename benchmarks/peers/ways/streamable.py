"""streamable: a chain of iterators. With a concurrency of 1 all happens in the thread that reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from streamable import stream

from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS = {
    "chain": "inline",
    "demo": "inline, split by hand between two streams",
    "processes": "a ProcessPoolExecutor, groups of 10,000",
    "waits": "all three steps in one function, 48 threads, as completed",
    "arrays": "a ProcessPoolExecutor",
    "cpu": "a ProcessPoolExecutor, groups of 8",
    "skewed": "a ProcessPoolExecutor, as completed",
    "memory": "inline, with a buffer of 1,000",
    "photos": "a ProcessPoolExecutor, all three steps in one function",
    "latency": "inline, with a buffer of one behind each step",
}
COUNTS: dict[str, int] = {}

IMPORT = "import streamable"
START_THREADS = """
from streamable import stream

def increment(number):
    return number + 1

if __name__ == "__main__":
    print(list(stream(range(10)).map(increment, concurrency=2)))
"""
START_PROCESSES = """
from concurrent.futures import ProcessPoolExecutor

from streamable import stream

def increment(number):
    return number + 1

if __name__ == "__main__":
    with ProcessPoolExecutor(2) as executor:
        print(list(stream(range(10)).map(increment, concurrency=executor)))
"""


def chain(items: Iterable[int]) -> Iterable[int]:
    """Threads make it slower."""
    return stream(items).map(work.increment).map(work.double).map(work.square)


def demo(items: Iterable[int]) -> Iterator[int]:
    """It knows neither split nor merge: images and documents stand in lists between the streams."""
    pictures, documents = [], []
    for number in stream(items).map(work.download).map(work.unzip):
        (pictures if work.is_image(number) else documents).append(number)
    yield from stream(pictures).group(work.BATCH).map(work.process_images).flatten()
    yield from stream(documents).filter(work.is_wanted).map(work.process_document)


def processes(items: Iterable[int]) -> Iterator[int]:
    """Groups by hand."""
    with ProcessPoolExecutor(2) as executor:
        yield from stream(items).group(10_000).map(_incremented, concurrency=executor).flatten()


def _incremented(numbers: list[int]) -> list[int]:
    return [work.increment(number) for number in numbers]


def _spun(items: list[int]) -> list[int]:
    return [work.spin(turns) for turns in items]


def waits(items: Iterable[int]) -> Iterable[int]:
    """Forty-eight at a time."""
    return stream(items).map(work.wait_thrice, concurrency=48, as_completed=True)


def arrays(items: Iterable[Any]) -> Iterator[Any]:
    """As many at a time as there are processes."""
    with ProcessPoolExecutor(2) as executor:
        yield from stream(items).map(work.scale, concurrency=executor)


def cpu(items: list[int]) -> Iterator[int]:
    """Groups where the items are alike."""
    size = 8 if len(set(items)) == 1 else 1
    with ProcessPoolExecutor(2) as executor:
        yield from stream(items).group(size).map(_spun, concurrency=executor, as_completed=True).flatten()


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """A buffer decouples source and end."""
    for result in stream(chain(items)).buffer(1_000):
        end(result)


def photos(items: Iterable[files.Paths]) -> Iterator[tuple[str, str]]:
    """Two processes."""
    with ProcessPoolExecutor(2) as executor:
        yield from stream(items).map(files.all_three, concurrency=executor, as_completed=True)


@contextmanager
def latency() -> Iterator[tuple[Callable[[int], object], Callable[[], int]]]:
    """With executors it asks for the next item before it gives one, so the threads are those of its buffers."""
    inputs: SimpleQueue[int | None] = SimpleQueue()
    flow: Any = stream(iter(inputs.get, None))
    for task in work.THREE:
        flow = flow.map(task).buffer(1)
    results = iter(flow)
    yield inputs.put, lambda: next(results)
    inputs.put(None)
    for _ in results:
        pass
