"""What do 100 items cost that kill their worker, among 5,000 on two processes?

Each death is a new worker, and the items around it must not run twice. Beside it what 100 bare interpreters take that
load what a worker is, one after the other.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from random import Random
from time import perf_counter
from typing import NamedTuple

import skorche
from benchmarks.harness.figure import Figure
from benchmarks.harness.turns import check

REPEATS = 5
COUNT, DEATHS, WORKERS = 5_000, 100, 2


class Poison(NamedTuple):
    """A task: the identity, but some items kill the process."""

    items: frozenset[int]

    def __call__(self, number: int) -> int:
        if number in self.items:
            os.kill(os.getpid(), signal.SIGKILL)
        return number


def seconds_of_run(items: frozenset[int]) -> float:
    """A run of all numbers, of which some are poison."""
    with skorche.Pipeline() as pipeline:
        task = skorche.task(engine="process", max_workers=WORKERS)(Poison(items))
        results = skorche.map(task, skorche.Queue(fixed_inputs=range(COUNT)))
    report = pipeline.run(on_error="collect", progress=False).wait()
    check(results.flush(), [number for number in range(COUNT) if number not in items])
    check(report.failed, len(items))
    return report.elapsed


def seconds_of_starts() -> float:
    """Interpreters that load what a worker is."""
    began = perf_counter()
    for _ in range(DEATHS):
        subprocess.run([sys.executable, "-c", "import skorche.engines.process.worker"], check=True)
    return perf_counter() - began


def measure(repeats: int) -> list[Figure]:
    """Seconds more than without poison, and how that stands to the bare starts."""
    poison = frozenset(Random(3).sample(range(COUNT), DEATHS))
    rounds = []
    for _ in range(repeats):
        more = seconds_of_run(poison) - seconds_of_run(frozenset())
        rounds.append((more, more / seconds_of_starts()))
    return [
        Figure.of(
            [more for more, _ in rounds],
            f"{DEATHS} items that kill their worker, more than none",
            "the same run without them",
            count=COUNT,
            unit="s",
            at_most=10,
        ),
        Figure.of(
            [share for _, share in rounds],
            f"{DEATHS} items that kill their worker, more than none",
            f"{DEATHS} bare interpreters that load a worker",
            count=COUNT,
            unit="of their time",
        ),
    ]
