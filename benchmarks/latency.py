"""How long is one item on its way through a running pipeline of three tasks on threads?

Items go one at a time: the next is put in when the last has come out. Beside it the same with three threads and four
`queue.SimpleQueue`s by hand, which has no coordinator.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from statistics import median
from threading import Thread
from time import perf_counter

import skorche
from benchmarks.chain_threads import double, increment, square
from benchmarks.harness.figure import Figure
from benchmarks.harness.turns import check, percentile

REPEATS = 5
COUNT, WARM_UP = 2_000, 200


def through_pipeline() -> list[float]:
    """Seconds of each item on its way through skorche."""
    with skorche.Pipeline() as pipeline:
        inputs: skorche.Queue[int] = skorche.Queue(name="inputs")
        outputs = skorche.chain([increment, double, square], inputs)
    with pipeline.run():
        return _travel(inputs.put, outputs.get)


def through_threads() -> list[float]:
    """The same by hand."""
    queues: list[SimpleQueue[int | None]] = [SimpleQueue() for _ in range(4)]

    def serve(task: Callable[[int], int], inputs: SimpleQueue[int | None], outputs: SimpleQueue[int | None]) -> None:
        while (number := inputs.get()) is not None:
            outputs.put(task(number))
        outputs.put(None)

    threads = [
        Thread(target=serve, args=(task, queues[stage], queues[stage + 1]))
        for stage, task in enumerate((increment, double, square))
    ]
    for thread in threads:
        thread.start()
    taken = _travel(queues[0].put, queues[3].get)
    queues[0].put(None)
    for thread in threads:
        thread.join()
    return taken


def _travel(put: Callable[[int], None], get: Callable[[], object]) -> list[float]:
    taken, results = [], []
    for number in range(WARM_UP + COUNT):
        began = perf_counter()
        put(number)
        result = get()
        taken.append(perf_counter() - began)
        results.append(result)
    check(results, [square(double(increment(number))) for number in range(WARM_UP + COUNT)])
    return taken[WARM_UP:]


def measure(repeats: int) -> list[Figure]:
    """p50 and p99 in milliseconds, the median over the rounds."""
    rounds = [(through_pipeline(), through_threads()) for _ in range(repeats)]
    return [
        _figure(rounds, "p50", 0.5, at_most=0.2),
        _figure(rounds, "p99", 0.99, at_most=2.0),
    ]


def _figure(rounds: list[tuple[list[float], list[float]]], name: str, share: float, at_most: float) -> Figure:
    pipelines, threads = ([1e3 * percentile(one[side], share) for one in rounds] for side in (0, 1))
    against = f"threads and queues by hand ({median(threads):.3f} ms)"
    return Figure.of(
        pipelines, f"{name} of one item through three tasks", against, count=COUNT, unit="ms", at_most=at_most
    )
