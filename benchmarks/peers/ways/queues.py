"""Threads and queues by hand: what one writes who uses no library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Queue, SimpleQueue
from threading import Thread
from typing import Any

from benchmarks.peers import work

SETTINGS = {
    "chain": "queues of 1,000 items",
    "waits": "16 threads for each step",
    "memory": "queues of 1,000 items",
    "latency": "SimpleQueues",
}
COUNTS = {"chain": 100_000}

BOUND = 1_000
END = object()


def chain(items: Iterable[int]) -> list[int]:
    """A thread for each step and one for the source."""
    results: list[int] = []
    _flow(items, work.THREE, 1, Queue, results.append)
    return results


def waits(items: Iterable[int]) -> list[int]:
    """Sixteen threads for each step."""
    results: list[int] = []
    _flow(items, [work.wait] * 3, 16, lambda bound: SimpleQueue(), results.append)
    return results


def memory(items: Iterable[int], end: Callable[[int], None]) -> None:
    """Bounded queues, and the slow end in this thread."""
    _flow(items, work.THREE, 1, Queue, end)


@contextmanager
def latency() -> Iterator[tuple[Callable[[int], object], Callable[[], int]]]:
    """Four queues and three threads."""
    queues: list[SimpleQueue[Any]] = [SimpleQueue() for _ in range(4)]
    threads = _threads(queues, work.THREE, 1)
    yield queues[0].put, queues[-1].get
    queues[0].put(END)
    for thread in threads:
        thread.join()


def _flow(
    items: Iterable[int],
    tasks: Iterable[Callable[[int], int]],
    workers: int,
    make: Callable[[int], Any],
    end: Callable[[int], None],
) -> None:
    tasks = list(tasks)
    queues = [make(BOUND) for _ in range(len(tasks) + 1)]
    threads = _threads(queues, tasks, workers)

    def feed() -> None:
        for item in items:
            queues[0].put(item)
        queues[0].put(END)

    source = Thread(target=feed)
    source.start()
    while (result := queues[-1].get()) is not END:
        end(result)
    for thread in (source, *threads):
        thread.join()


def _threads(queues: list[Any], tasks: Iterable[Callable[[int], int]], workers: int) -> list[Thread]:
    threads = []
    for stage, task in enumerate(tasks):
        group: list[Thread] = []
        here = (task, queues[stage], queues[stage + 1])
        group += [Thread(target=_serve, args=(*here, group)) for _ in range(workers)]
        threads += group
    for thread in threads:
        thread.start()
    return threads


def _serve(task: Callable[[int], int], inputs: Any, outputs: Any, group: list[Thread]) -> None:
    """The end goes round the threads of a step; the one that met it first waits for the others, and hands it on."""
    while (item := inputs.get()) is not END:
        outputs.put(task(item))
    if len(group) > 1:
        group.pop()
        inputs.put(END)
    else:
        outputs.put(END)
