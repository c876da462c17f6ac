"""Do three tasks that wait 2 ms, 16 workers each, keep all 48 workers waiting all the time?

The measure is `sleepers`: 48 threads that sleep 250 times 2 ms each and do nothing else, which no pipeline of three
groups of 16 can beat. `hand_written` is what one would write instead: groups of threads between `queue.SimpleQueue`s.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

import skorche
from benchmarks.harness.figure import Figure
from benchmarks.harness.job import results_of
from benchmarks.harness.turns import median_of, ratios, seconds_of, take_turns

REPEATS = 7
COUNT, FEW = 4_000, 8
STAGES, WORKERS = 3, 16
WAIT = 0.002


def wait(number: int) -> int:
    """A task that does nothing for 2 ms."""
    time.sleep(WAIT)
    return number


def pipeline(count: int) -> list[int]:
    """Three waits with 16 workers each."""
    task = skorche.task(max_workers=WORKERS)(wait)
    (results,) = results_of(lambda: [skorche.chain([task] * STAGES, skorche.Queue(fixed_inputs=range(count)))])
    return results


def sleepers() -> None:
    """As many threads, each with its share of the waits and nothing else to do."""

    def sleep_share() -> None:
        for _ in range(COUNT // WORKERS):
            time.sleep(WAIT)

    _run_threads([sleep_share] * (STAGES * WORKERS))


def hand_written() -> list[int]:
    """Three groups of threads that pass items on through queues; `None` ends a thread."""
    queues: list[SimpleQueue[int | None]] = [SimpleQueue() for _ in range(STAGES + 1)]

    def serve(inputs: SimpleQueue[int | None], outputs: SimpleQueue[int | None]) -> None:
        while (number := inputs.get()) is not None:
            outputs.put(wait(number))

    def feed() -> None:
        for number in [*range(COUNT), *[None] * WORKERS]:
            queues[0].put(number)

    def group(stage: int) -> Callable[[], None]:
        def run() -> None:
            _run_threads([lambda: serve(queues[stage], queues[stage + 1])] * WORKERS)
            for _ in range(WORKERS):
                queues[stage + 1].put(None)

        return run

    _run_threads([feed, *map(group, range(STAGES))])
    return sorted(queues[-1].get() or 0 for _ in range(COUNT))


def _run_threads(targets: list[Callable[[], None]]) -> None:
    threads = [Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def loop_over_few() -> list[int]:
    """Eight items the plain way."""
    return [wait(wait(wait(number))) for number in range(FEW)]


def measure(repeats: int) -> list[Figure]:
    """Throughput as a share of the sleepers', and the time of a run of eight items."""
    everything, few = list(range(COUNT)), list(range(FEW))
    rounds = take_turns(
        repeats,
        lambda: seconds_of(lambda: pipeline(COUNT), everything),
        lambda: seconds_of(sleepers, None),
        lambda: seconds_of(hand_written, everything),
    )
    short = take_turns(
        3 * repeats,
        lambda: 1e3 * seconds_of(lambda: pipeline(FEW), few),
        lambda: 1e3 * seconds_of(loop_over_few, few),
    )
    sleeping = f"48 threads that only sleep ({median_of(rounds, 1) * 1e3:.0f} ms)"
    what, unit = "three waits of 2 ms, 16 workers each", "of their throughput"
    return [
        Figure.of(ratios(rounds, 1, 0), what, sleeping, count=COUNT, unit=unit, at_least=0.95),
        Figure.of(ratios(rounds, 1, 2), "the same, threads and queues by hand", sleeping, count=COUNT, unit=unit),
        Figure.of(
            [pipeline for pipeline, _ in short],
            "the same pipeline, start to end",
            f"for loop ({median_of(short, 1):.0f} ms)",
            count=FEW,
            unit="ms",
            at_most=25,
        ),
    ]
