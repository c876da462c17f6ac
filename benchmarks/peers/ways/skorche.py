"""skorche: nothing tuned. A task says how many workers it has, and whether they are threads or processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import skorche
from benchmarks.harness.job import results_of
from benchmarks.peers import photos as files
from benchmarks.peers import work

SETTINGS = {
    "chain": "nothing tuned",
    "demo": "nothing tuned",
    "processes": "nothing tuned",
    "waits": "max_workers=16 each",
    "arrays": "nothing tuned; results read from a queue of 4",
    "cpu": "nothing tuned",
    "skewed": "nothing tuned",
    "memory": "nothing tuned; results read from a queue of 1,000",
    "photos": "three tasks on processes, nothing tuned",
    "latency": "nothing tuned",
}
COUNTS: dict[str, int] = {}

IMPORT = "import skorche"
_START = """
import skorche

@skorche.task(engine="{engine}", max_workers=2)
def increment(number):
    return number + 1

if __name__ == "__main__":
    with skorche.Pipeline() as pipeline:
        results = skorche.map(increment, skorche.Queue(fixed_inputs=range(10)))
    pipeline.run().wait()
    print(results.flush())
"""
START_THREADS = _START.format(engine="thread")
START_PROCESSES = _START.format(engine="process")


def chain(items: Iterable[int]) -> list[int]:
    """Each task has a thread of its own."""
    return _results(lambda: skorche.chain(list(work.THREE), skorche.Queue(fixed_inputs=items)))


def demo(items: Iterable[int]) -> list[int]:
    """As the seed's readme has it."""

    def declare() -> skorche.Queue[int]:
        unzipped = skorche.chain([work.download, work.unzip], skorche.Queue(fixed_inputs=items))
        pictures, documents = skorche.split(work.is_image, unzipped)
        batches = skorche.batch(pictures, batch_size=work.BATCH)
        processed = skorche.unbatch(skorche.map(work.process_images, batches))
        wanted = skorche.filter(work.is_wanted, documents)
        return skorche.merge((processed, skorche.map(work.process_document, wanted)))

    return _results(declare)


def processes(items: Iterable[int]) -> list[int]:
    """Two processes."""
    return _results(lambda: skorche.map(_on_processes(work.increment), skorche.Queue(fixed_inputs=items)))


def waits(items: Iterable[int]) -> list[int]:
    """Sixteen workers for each task."""
    task = skorche.task(max_workers=16)(work.wait)
    return _results(lambda: skorche.chain([task] * 3, skorche.Queue(fixed_inputs=items)))


def arrays(items: Iterable[Any]) -> Iterator[Any]:
    """Results are read while it runs."""
    return _read(
        lambda out: skorche.map(_on_processes(work.scale), skorche.Queue(fixed_inputs=items), queue_out=out), 4
    )


def cpu(items: list[int]) -> list[int]:
    """Two processes."""
    return _results(lambda: skorche.map(_on_processes(work.spin), skorche.Queue(fixed_inputs=items)))


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """Whoever reads slowly holds up all the rest."""
    source = skorche.Queue(fixed_inputs=items)
    for result in _read(lambda out: skorche.chain(list(work.THREE), source, queue_out=out), 1_000):
        end(result)


def photos(items: Iterable[files.Paths]) -> list[tuple[str, str]]:
    """Three tasks that share two processes."""
    tasks = [_on_processes(task) for task in (files.read, files.shrink, files.write)]
    return _results(lambda: skorche.chain(tasks, skorche.Queue(fixed_inputs=items)))


@contextmanager
def latency() -> Iterator[tuple[Callable[[int], object], Callable[[], Any]]]:
    """Three tasks, running."""
    with skorche.Pipeline() as pipeline:
        inputs: skorche.Queue[int] = skorche.Queue(name="inputs")
        results = skorche.chain(list(work.THREE), inputs)
    with pipeline.run():
        yield inputs.put, results.get


def _on_processes(function: Callable[[Any], Any]) -> Any:
    return skorche.task(engine="process", max_workers=2)(function)


def _results(declare: Callable[[], skorche.Queue[Any]]) -> list[Any]:
    (results,) = results_of(lambda: [declare()])
    return results


def _read(declare: Callable[[skorche.Queue[Any]], object], maxsize: int) -> Iterator[Any]:
    """The results, one by one while it runs."""
    with skorche.Pipeline() as pipeline:
        results: skorche.Queue[Any] = skorche.Queue(name="results", maxsize=maxsize)
        declare(results)
    with pipeline.run():
        yield from results
