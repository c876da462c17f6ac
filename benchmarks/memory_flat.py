"""Does memory stay flat when a million items pass through and none is kept?

A generator feeds three tasks, and a filter lets nothing through. What grows is then skorche's alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import skorche
from benchmarks.chain_threads import COUNT, double, increment, square
from benchmarks.harness import fresh
from benchmarks.harness.figure import Figure
from benchmarks.harness.job import results_of
from benchmarks.harness.memory import held_megabytes, peak_megabytes
from benchmarks.harness.turns import check, take_turns

REPEATS = 3


def numbers() -> Iterator[int]:
    """The items, one by one."""
    yield from range(COUNT)


def is_negative(number: int) -> bool:
    """True of none of them."""
    return number < 0


def growth_of_pipeline() -> float:
    """Megabytes this process grew to at most while the pipeline ran."""
    held = held_megabytes()
    found = results_of(
        lambda: [
            skorche.filter(
                is_negative, skorche.chain([increment, double, square], skorche.Queue(fixed_inputs=numbers()))
            )
        ]
    )
    check(found, [[]])
    return peak_megabytes() - held


def growth_of_loop() -> float:
    """The same for a plain loop."""
    held = held_megabytes()
    kept = []
    for number in numbers():
        result = square(double(increment(number)))
        if is_negative(result):
            kept.append(result)
    check(kept, [])
    return peak_megabytes() - held


def measure(repeats: int) -> list[Figure]:
    """Growth over what is held after the imports; each sample in a process of its own."""
    rounds = take_turns(
        repeats,
        lambda: fresh.call("benchmarks.memory_flat", "growth_of_pipeline"),
        lambda: fresh.call("benchmarks.memory_flat", "growth_of_loop"),
    )
    return [
        Figure.of(
            [pipeline for pipeline, _ in rounds],
            "growth of peak memory, nothing kept",
            f"for loop ({median(loop for _, loop in rounds):.1f} MB)",
            count=COUNT,
            unit="MB",
            at_most=60,
        )
    ]
