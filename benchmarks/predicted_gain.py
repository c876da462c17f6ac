"""Is what the verdict foresees of one more worker what it gains, when tasks wait on real threads?

A pipeline runs as it is, and says what limits it and what one more worker there would gain; then it runs with that. The
figure is how far one gain is from the other: 1 is no distance, and which of the two is larger makes no difference.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import skorche
from benchmarks.harness.figure import Figure
from benchmarks.harness.turns import check
from skorche.observe.analyze import analyze, predict

REPEATS = 5
COUNT = 100
NAMES = "abc"
PIPELINES = {
    "waits of 5, 20 and 10 ms, one worker each": ((0.005, 0.02, 0.01), (1, 1, 1), "b"),
    "waits of 5, 40 and 10 ms, one, two and one": ((0.005, 0.04, 0.01), (1, 2, 1), "b"),
    "waits of 30, 10 and 20 ms, three, one and one": ((0.03, 0.01, 0.02), (3, 1, 1), "c"),
}


def run(seconds: Sequence[float], workers: Sequence[int]) -> skorche.Report:
    """The report of a chain of waits."""

    def waiting(name: str, duration: float, count: int) -> skorche.Task[int, int]:
        def wait(number: int) -> int:
            time.sleep(duration)
            return number

        return skorche.task(wait, name=name, max_workers=count)

    with skorche.Pipeline() as pipeline:
        tasks = [waiting(*one) for one in zip(NAMES, seconds, workers, strict=True)]
        skorche.chain(tasks, skorche.Queue(fixed_inputs=range(COUNT)))
    return pipeline.run(progress=False).wait()


def distance(seconds: Sequence[float], workers: Sequence[int], limit: str) -> float:
    """How far the gain that was foreseen is from the one that came."""
    now = run(seconds, workers)
    check(now.bottleneck, limit)
    more = [count + (name == limit) for name, count in zip(NAMES, workers, strict=True)]
    foreseen = predict(analyze(now), limit, more[NAMES.index(limit)])
    gained = now.elapsed / run(seconds, more).elapsed
    return max(foreseen / gained, gained / foreseen)


def measure(repeats: int) -> list[Figure]:
    """The distances."""
    return [
        Figure.of(
            [distance(*pipeline) for _ in range(repeats)],
            what,
            "the gain of one more worker where it limits",
            count=COUNT,
            unit="times off",
            at_most=1.2,
        )
        for what, pipeline in PIPELINES.items()
    ]
