"""What do three trivial tasks on three threads cost, beside a `for` loop that calls the same three functions?

Nearly all of the time is skorche's own, and the loop runs on one CPU without any hand-over: the hardest comparison.
"""

from __future__ import annotations

import skorche
from benchmarks.harness.figure import Figure
from benchmarks.harness.job import results_of
from benchmarks.harness.turns import median_of, ratios, seconds_of, take_turns

REPEATS = 9
COUNT = 1_000_000


def increment(number: int) -> int:
    """The first task."""
    return number + 1


def double(number: int) -> int:
    """The second task."""
    return number * 2


def square(number: int) -> int:
    """The third task."""
    return number * number


def loop() -> list[list[int]]:
    """The plain way."""
    results = []
    for number in range(COUNT):
        results.append(square(double(increment(number))))
    return [results]


def pipeline() -> list[list[int]]:
    """The same with skorche: each task has a thread of its own."""
    tasks = [skorche.task(function) for function in (increment, double, square)]
    return results_of(lambda: [skorche.chain(tasks, skorche.Queue(fixed_inputs=range(COUNT)))])


def measure(repeats: int) -> list[Figure]:
    """The ratio, in interleaved pairs."""
    expected = loop()
    rounds = take_turns(repeats, lambda: seconds_of(pipeline, expected), lambda: seconds_of(loop, expected))
    against = f"for loop ({median_of(rounds, 1) / COUNT * 1e6:.2f} us per item)"
    return [
        Figure.of(
            ratios(rounds, 0, 1),
            "three trivial tasks, three threads",
            against,
            count=COUNT,
            unit="times the loop",
            at_most=2.2,
        )
    ]
