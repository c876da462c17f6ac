"""bytewax: a dataflow in Rust that calls the functions in one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from benchmarks.peers import work

SETTINGS = {
    "chain": "one thread, batches of 1,000",
    "demo": "one thread, batches of 1,000, lists of 10 made of each batch by hand",
    "memory": "one thread, batches of 1,000",
}
COUNTS: dict[str, int] = {}

IMPORT = "import bytewax.dataflow, bytewax.operators"
START_THREADS = """
import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

def increment(number):
    return number + 1

if __name__ == "__main__":
    results = []
    flow = Dataflow("program")
    numbers = op.input("numbers", flow, TestingSource(range(10), 10))
    op.output("results", op.map("increment", numbers, increment), TestingSink(results))
    run_main(flow)
    print(results)
"""

SOURCE_BATCH = 1_000


def chain(items: Iterable[int]) -> list[int]:
    """Three steps."""
    results: list[int] = []
    _run(items, _three_steps, results.extend)
    return results


def demo(items: Iterable[int]) -> list[int]:
    """Its own lists need keys and clocks, so those of ten are cut from what comes in one go."""
    results: list[int] = []
    _run(items, _demo_shape, results.extend)
    return results


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """The sink is the slow end."""
    _run(items, _three_steps, lambda batch: [end(result) for result in batch])


def _three_steps(numbers: Any) -> Any:
    for task in (work.increment, work.double, work.square):
        numbers = op.map(task.__name__, numbers, task)
    return numbers


def _demo_shape(numbers: Any) -> Any:
    unzipped = op.map("unzip", op.map("download", numbers, work.download), work.unzip)
    ways = op.branch("is_image", unzipped, work.is_image)
    batches = op.flat_map_batch("batch", ways.trues, lambda batch: work.in_groups(batch, work.BATCH))
    processed = op.flat_map("process_images", batches, work.process_images)
    wanted = op.filter("is_wanted", ways.falses, work.is_wanted)
    return op.merge("merge", processed, op.map("process_document", wanted, work.process_document))


def _run(items: Iterable[int], steps: Callable[[Any], Any], end: Callable[[list[int]], object]) -> None:
    flow = Dataflow("flow")
    op.output("end", steps(op.input("items", flow, _Source(items))), _Sink(end))
    run_main(flow, epoch_interval=timedelta(seconds=10))


class _Source(DynamicSource):
    """The items, some at a time."""

    def __init__(self, items: Iterable[int]) -> None:
        self.items = items

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Reading:
        return _Reading(self.items)


class _Reading(StatelessSourcePartition):
    def __init__(self, items: Iterable[int]) -> None:
        self.groups = work.in_groups(items, SOURCE_BATCH)

    def next_batch(self) -> list[int]:
        return next(self.groups)  # its StopIteration is the end


class _Sink(DynamicSink):
    """A function that is given what comes."""

    def __init__(self, end: Callable[[list[int]], object]) -> None:
        self.end = end

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Writing:
        return _Writing(self.end)


class _Writing(StatelessSinkPartition):
    def __init__(self, end: Callable[[list[int]], object]) -> None:
        self.end = end

    def write_batch(self, items: list[int]) -> None:
        self.end(items)
