"""SPDL: stages on an event loop that call functions in threads, or in an executor of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from spdl.pipeline import PipelineBuilder
from spdl.pipeline.defs import Aggregate, Disaggregate, Pipe

from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS = {
    "chain": "no hooks, a buffer of 1,000",
    "demo": "path_variants, no hooks, a buffer of 1,000",
    "processes": "a ProcessPoolExecutor, aggregate(1,000)",
    "waits": "concurrency=16 each, 48 threads",
    "arrays": "a ProcessPoolExecutor, concurrency=2",
    "cpu": "a ProcessPoolExecutor, concurrency=2, aggregate(8)",
    "skewed": "a ProcessPoolExecutor, concurrency=2",
    "memory": "no hooks, a buffer of 1,000",
    "photos": "a ProcessPoolExecutor, all three steps in one function, concurrency=2",
    "latency": "no hooks, a buffer of one",
}
COUNTS = {"chain": 2_000, "demo": 2_000, "processes": 10_000, "memory": 5_000}

IMPORT = "import spdl.pipeline"
START_THREADS = """
from spdl.pipeline import PipelineBuilder

def increment(number):
    return number + 1

if __name__ == "__main__":
    builder = PipelineBuilder().add_source(range(10)).pipe(increment, concurrency=2, output_order="input")
    pipeline = builder.add_sink().build(num_threads=2)
    with pipeline.auto_stop():
        print(list(pipeline))
"""
START_PROCESSES = """
from concurrent.futures import ProcessPoolExecutor

from spdl.pipeline import PipelineBuilder

def increment(number):
    return number + 1

if __name__ == "__main__":
    with ProcessPoolExecutor(2) as executor:
        builder = PipelineBuilder().add_source(range(10))
        builder.pipe(increment, executor=executor, concurrency=2, output_order="input")
        pipeline = builder.add_sink().build(num_threads=2)
        with pipeline.auto_stop():
            print(list(pipeline))
"""
BUFFER = 1_000


def chain(items: Iterable[int]) -> Iterator[int]:
    """One at a time in each stage."""
    builder = PipelineBuilder().add_source(items)
    for task in work.THREE:
        builder.pipe(task)
    return _results(builder, 3)


def demo(items: Iterable[int]) -> Iterator[int]:
    """It has all that the shape asks for."""
    builder = PipelineBuilder().add_source(items).pipe(work.download).pipe(work.unzip)
    pictures = [Aggregate(work.BATCH), Pipe(work.process_images), Disaggregate()]
    documents = [Pipe(_wanted), Pipe(work.process_document)]
    return _results(builder.path_variants(_way, [documents, pictures]), 5)


def _way(number: int) -> int:
    return int(work.is_image(number))


def _wanted(number: int) -> int | None:
    """What is None is dropped."""
    return number if work.is_wanted(number) else None


def processes(items: Iterable[int]) -> Iterator[int]:
    """Lists of its own making."""
    return _on_processes(items, _incremented, 1_000)


def _incremented(numbers: list[int]) -> list[int]:
    return [work.increment(number) for number in numbers]


def _spun(items: list[int]) -> list[int]:
    return [work.spin(turns) for turns in items]


def waits(items: Iterable[int]) -> Iterator[int]:
    """Sixteen at a time in each stage."""
    builder = PipelineBuilder().add_source(items)
    for _ in range(3):
        builder.pipe(work.wait, concurrency=16)
    return _results(builder, 48)


def arrays(items: Iterable[Any]) -> Iterator[Any]:
    """Two at a time."""
    with ProcessPoolExecutor(2) as executor:
        builder = PipelineBuilder().add_source(items).pipe(work.scale, executor=executor, concurrency=2)
        yield from _results(builder, 2, buffer=2)


def cpu(items: list[int]) -> Iterator[int]:
    """Lists where the items are alike."""
    return _on_processes(items, _spun, 8 if len(set(items)) == 1 else 1)


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """Bounded queues."""
    for result in chain(items):
        end(result)


def photos(items: Iterable[files.Paths]) -> Iterator[tuple[str, str]]:
    """Two at a time."""
    with ProcessPoolExecutor(2) as executor:
        builder = PipelineBuilder().add_source(items).pipe(files.all_three, executor=executor, concurrency=2)
        yield from _results(builder, 2)


@contextmanager
def latency() -> Iterator[tuple[Callable[[int], object], Callable[[], int]]]:
    """The source is an iterator that waits for the next item."""
    inputs: SimpleQueue[int | None] = SimpleQueue()
    builder = PipelineBuilder().add_source(iter(inputs.get, None))
    for task in work.THREE:
        builder.pipe(task)
    results = _results(builder, 4, buffer=1)
    yield inputs.put, lambda: next(results)
    inputs.put(None)
    for _ in results:
        pass


def _on_processes(items: Iterable[int], task: Callable[[list[int]], list[int]], size: int) -> Iterator[int]:
    with ProcessPoolExecutor(2) as executor:
        builder = PipelineBuilder().add_source(items).aggregate(size)
        builder.pipe(task, executor=executor, concurrency=2).disaggregate()
        yield from _results(builder, 2)


def _results(builder: PipelineBuilder, threads: int, buffer: int = BUFFER) -> Iterator[Any]:
    pipeline = builder.add_sink(buffer).build(
        num_threads=threads, task_hook_factory=lambda stage: [], use_thread_output_queue=True
    )
    with pipeline.auto_stop():
        yield from pipeline
