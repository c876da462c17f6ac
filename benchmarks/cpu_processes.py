"""How much of two CPUs does a task of pure CPU work get on two processes?

`even`: 1 ms for each item. `uneven`: every 100th takes 100 ms. The ideal is half of what one process takes alone,
measured before and after each run. Two CPUs of a shared host are often slower together than one alone, so the second
figure compares with two bare processes that each work on half of the items at the same time, told but not judged.

The clock runs from when the first item is read, just before it is submitted, until the last result is there.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from statistics import median
from time import perf_counter

import skorche
from benchmarks.harness.figure import Figure
from benchmarks.harness.fresh import PATIENCE, ROOT
from benchmarks.harness.turns import check

REPEATS = 5
COUNT, WORKERS = 4_000, 2
SECONDS = 0.001
HEAVY_EVERY, HEAVY_TIMES = 100, 100


def spin(turns: int) -> int:
    """A fixed number of turns of arithmetic; the result shows that they were done."""
    value = 1
    for _ in range(turns):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
    return value


def turns_per_millisecond() -> int:
    """How many turns take 1 ms here, alone."""
    trial = 20_000
    return round(trial * SECONDS / median(seconds_alone([trial]) for _ in range(51)))


def seconds_alone(items: list[int]) -> float:
    """What one process takes for the items, in a plain loop."""
    began = perf_counter()
    for turns in items:
        spin(turns)
    return perf_counter() - began


class Stamped:
    """Items that remember when the first of them was asked for."""

    def __init__(self, items: list[int]) -> None:
        self.items, self.began = items, 0.0

    def __iter__(self) -> Iterator[int]:
        self.began = perf_counter()
        yield from self.items


def seconds_of_pipeline(items: list[int], expected: list[int]) -> float:
    """From the first item read to the last result."""
    source = Stamped(items)
    with skorche.Pipeline() as pipeline:
        task = skorche.task(engine="process", max_workers=WORKERS)(spin)
        results = skorche.map(task, skorche.Queue(fixed_inputs=source))
    with pipeline.run():
        found = results.flush()
        seconds = perf_counter() - source.began
    check(found, expected)
    return seconds


BARE = """
import sys
from benchmarks.cpu_processes import seconds_alone
items = [int(word) for word in sys.stdin.readline().split()]
print("ready", flush=True)
sys.stdin.readline()
print(seconds_alone(items))
"""


def seconds_of_bare(items: list[int]) -> float:
    """Two processes with nothing between them, half of the items each, begun together: the slower one's seconds."""
    middle = len(items) // 2
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BARE], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(WORKERS)
    ]
    for process, part in zip(processes, (items[:middle], items[middle:]), strict=True):
        assert process.stdin is not None
        assert process.stdout is not None
        print(*part, file=process.stdin, flush=True)
        check(process.stdout.readline(), "ready\n")
    for process in processes:
        print(file=process.stdin, flush=True)
    return max(float(process.communicate(timeout=PATIENCE)[0]) for process in processes)


def compare(items: list[int], repeats: int) -> list[tuple[float, float]]:
    """Round by round: efficiency beside the ideal, and beside two bare processes."""
    results = {turns: spin(turns) for turns in set(items)}
    expected = [results[turns] for turns in items]
    rounds = []
    before = seconds_alone(items)
    for number in range(repeats):
        if number % 2:
            bare, taken = seconds_of_bare(items), seconds_of_pipeline(items, expected)
        else:
            taken, bare = seconds_of_pipeline(items, expected), seconds_of_bare(items)
        after = seconds_alone(items)
        rounds.append(((before + after) / 2 / WORKERS / taken, bare / taken))
        before = after
    return rounds


def measure(repeats: int) -> list[Figure]:
    """Even and uneven work, each beside the ideal and beside bare processes."""
    turns = turns_per_millisecond()
    even = [turns] * COUNT
    uneven = [turns if number % HEAVY_EVERY else turns * HEAVY_TIMES for number in range(COUNT)]
    figures = []
    for what, items, at_least in (("1 ms of CPU", even, 0.93), ("1 ms, every 100th 100 ms", uneven, 0.90)):
        rounds = compare(items, repeats)
        for side, (against, bound) in enumerate((("one process alone / 2", at_least), ("two bare processes", None))):
            figures.append(
                Figure.of(
                    [one[side] for one in rounds], what, against, count=COUNT, unit="of the ideal", at_least=bound
                )
            )
    return figures
