"""pyper: a pipeline of generator functions, with a thread or process pool for each task that is not the first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from pyper import task

from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS = {
    "chain": "one worker each",
    "demo": "split by hand between two pipelines",
    "processes": "2 workers, lists of 10,000 made by hand",
    "waits": "all three steps in one function, 5 workers: on 2 CPUs it has 6 threads",
    "arrays": "2 workers",
    "cpu": "2 workers, lists of 8 made by hand",
    "skewed": "2 workers",
    "memory": "one worker each, throttle=1,000",
    "photos": "processes, all three steps in one function",
    "latency": "one worker each",
}
COUNTS = {"chain": 200_000, "demo": 200_000, "waits": 500}

IMPORT = "import pyper"
_START = """
from pyper import task

def items():
    yield from range(10)

def increment(number):
    return number + 1

if __name__ == "__main__":
    pipeline = task(items, branch=True) | task(increment, workers=2, multiprocess={multiprocess})
    print(sorted(pipeline()))
"""
START_THREADS = _START.format(multiprocess=False)
START_PROCESSES = _START.format(multiprocess=True)


def chain(items: Iterable[int], **settings: Any) -> Iterable[int]:
    """A worker for each step."""
    return _pipeline(items, *(task(one, **settings) for one in work.THREE))


def demo(items: Iterable[int]) -> list[int]:
    """It knows neither split nor merge: what one pipeline gives is told apart in a loop, and fed to two others."""
    pictures, documents = [], []
    for number in _pipeline(items, task(work.download), task(work.unzip)):
        (pictures if work.is_image(number) else documents).append(number)
    batches = work.in_groups(pictures, work.BATCH)
    processed = _pipeline(batches, task(work.process_images, branch=True))
    wanted = _pipeline(documents, task(_wanted, branch=True), task(work.process_document))
    return [*processed, *wanted]


def _wanted(number: int) -> Iterator[int]:
    if work.is_wanted(number):
        yield number


def processes(items: Iterable[int]) -> Iterator[int]:
    """Lists by hand."""
    for group in _pipeline(work.in_groups(items, 10_000), task(_incremented, workers=2, multiprocess=True)):
        yield from group


def _incremented(numbers: list[int]) -> list[int]:
    return [work.increment(number) for number in numbers]


def _spun(items: list[int]) -> list[int]:
    return [work.spin(turns) for turns in items]


def waits(items: Iterable[int]) -> Iterable[int]:
    """With more workers than it has threads they stand in line."""
    return _pipeline(items, task(work.wait_thrice, workers=5))


def arrays(items: Iterable[Any]) -> Iterable[Any]:
    """Two at a time."""
    return _pipeline(items, task(work.scale, workers=2, multiprocess=True))


def cpu(items: list[int]) -> Iterator[int]:
    """Lists where the items are alike."""
    size = 8 if len(set(items)) == 1 else 1
    for group in _pipeline(work.in_groups(items, size), task(_spun, workers=2, multiprocess=True)):
        yield from group


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """Bounded queues."""
    for result in chain(items, throttle=1_000):
        end(result)


def photos(items: Iterable[files.Paths]) -> Iterable[tuple[str, str]]:
    """Two processes."""
    return _pipeline(items, task(files.all_three, workers=2, multiprocess=True))


@contextmanager
def latency() -> Iterator[tuple[Callable[[int], object], Callable[[], int]]]:
    """The source is an iterator that waits for the next item."""
    inputs: SimpleQueue[int | None] = SimpleQueue()
    results = iter(chain(iter(inputs.get, None)))
    yield inputs.put, lambda: next(results)
    inputs.put(None)
    for _ in results:
        pass


def _pipeline(items: Iterable[Any], *tasks: Any) -> Iterable[Any]:
    pipeline = task(_Source(items), branch=True)
    for one in tasks:
        pipeline = pipeline | one
    return pipeline()


class _Source:
    """The first task, which gives the items."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = items

    def __call__(self) -> Iterator[Any]:
        yield from self.items
