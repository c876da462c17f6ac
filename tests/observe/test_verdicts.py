"""The verdict against the truth: random pipelines in virtual time, each run again with one thing changed at a time.

What limits a pipeline is found out without the model: each task in turn gets one worker more, or the sources need half
the time. That which gains most is the true limit. The model has seen only the record of the first run.
"""

import os
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any, NamedTuple

import pytest

import skorche
from skorche.observe.analyze import Analysis, analyze, predict
from skorche.observe.report import Report
from skorche.testing import FakeClock, simulate

pytestmark = pytest.mark.timeout(900)

COUNT = int(os.environ.get("VERDICTS", "30"))
FIRST = int(os.environ.get("VERDICTS_FROM", "0"))
SAME = 0.02
"""Gains that differ by less are the same: either is the limit."""


class Draw:
    """A pipeline drawn from a seed, with so many workers more for some tasks, or quicker sources."""

    def __init__(self, seed: int, more: str = "", *, quicker: bool = False) -> None:
        self.seed, self.more, self.quicker = seed, more, quicker
        self.random, self.clock = Random(seed), FakeClock()
        self.names: list[str] = []
        self.workers: dict[str, int] = {}
        with skorche.Pipeline() as self.pipeline:
            queue = self._sources()
            left = self.random.randint(2, 6)
            while left > 0:
                queue, used = self._grow(queue, left)
                left -= used

    def _sources(self) -> skorche.Queue[Any]:
        """One source, or two that flow together; slow or at once."""
        items = self.random.randint(100, 300)
        slow = self.random.random() < 0.4
        seconds = 10 ** self.random.uniform(-3.0, -1.5) if slow else 0.0
        if self.random.random() < 0.2:
            halves = [range(items // 2), range(items // 2, items)]
            return skorche.merge([skorche.Queue(fixed_inputs=self._give(half, 2 * seconds)) for half in halves])
        return skorche.Queue(fixed_inputs=self._give(range(items), seconds))

    def _give(self, items: range, seconds: float) -> Iterator[int]:
        for item in items:
            if seconds:
                self.clock.sleep(seconds / 2 if self.quicker else seconds)
            yield item

    def _task(self) -> skorche.Task[Any, Any]:
        """Takes some milliseconds: always as many, about as many, or now and then much more."""
        name = f"task{len(self.names)}"
        seconds = 10 ** self.random.uniform(-3.0, -1.3)
        spread = self.random.choice(["none", "even", "exponential"])
        self.workers[name] = self.random.choice([1, 1, 2, 3, 4, 6]) + (name == self.more)
        self.names.append(name)

        def work(item: Any) -> Any:
            random = Random(f"{self.seed} {name} {item}")
            factor = {"none": 1.0, "even": random.uniform(0.5, 1.5), "exponential": random.expovariate(1.0)}[spread]
            self.clock.sleep(seconds * factor)
            return item

        return skorche.task(work, name=name, max_workers=self.workers[name])

    def _grow(self, queue: skorche.Queue[Any], left: int) -> tuple[skorche.Queue[Any], int]:
        """Something behind this queue, and how many tasks it has."""
        kind = self.random.choice(["map", "map", "filter", "batch", "split", "flat"])
        if kind == "filter":
            return skorche.map(self._task(), skorche.filter(partial(keeps, self.random.randint(2, 5)), queue)), 1
        if kind == "batch":
            lists = skorche.map(self._task(), skorche.batch(queue, batch_size=self.random.randint(2, 8)))
            return skorche.unbatch(lists), 1
        if kind == "split" and left > 1:
            one, other = skorche.split(partial(keeps, self.random.randint(2, 4)), queue)
            return skorche.merge([skorche.map(self._task(), one), skorche.map(self._task(), other)]), 2
        if kind == "flat":
            many = self.random.randint(2, 3)
            return skorche.map(self._task(), skorche.unbatch(skorche.map(partial(copies, many), queue))), 1
        return skorche.map(self._task(), queue), 1

    def run(self) -> Report:
        """Its report."""
        simulation = simulate(self.pipeline, seed=self.seed, clock=self.clock, calm=True)
        assert simulation.error is None
        return simulation.report


def keeps(divisor: int, item: int) -> bool:
    return item % divisor != 0


def copies(count: int, item: int) -> list[int]:
    return [item * count + number for number in range(count)]


class Case(NamedTuple):
    """What the model said of a pipeline, and what is so: the gain of each change.

    `predicted` is the gain of one more worker for `task`, which was named or, if that is the source, is the busiest.
    """

    seed: int
    analysis: Analysis
    gains: dict[str, float]
    task: str
    predicted: float

    @property
    def named(self) -> bool:
        """Whether nothing gains more than the relief of what was named."""
        return self.gains.get(self.analysis.bottleneck, 0.0) >= max(self.gains.values()) - SAME

    @property
    def foreseen(self) -> bool:
        """Whether the gain of one worker more was foreseen, within a fifth."""
        simulated = self.gains[self.task]
        return abs(self.predicted - simulated) <= 0.2 * simulated


def case_of(seed: int) -> Case:
    drawn = Draw(seed)
    report = drawn.run()
    analysis = analyze(report)
    gains = {name: report.elapsed / Draw(seed, name).run().elapsed for name in drawn.names}
    gains["source"] = report.elapsed / Draw(seed, quicker=True).run().elapsed
    tasks = [stage for stage in analysis.stages if stage.name in drawn.workers]
    busiest = max(tasks, key=lambda stage: stage.load).name
    task = analysis.bottleneck if analysis.bottleneck in drawn.workers else busiest
    return Case(seed, analysis, gains, task, predict(analysis, task, drawn.workers[task] + 1))


def told(case: Case) -> str:
    gains = ", ".join(f"{name} {gain:.2f}" for name, gain in case.gains.items())
    loads = ", ".join(f"{stage.nodes[0]} {stage.load:.2f}" for stage in case.analysis.stages)
    foreseen = f"{case.task} foreseen {case.predicted:.2f}"
    return f"{case.seed}: {case.analysis.bottleneck}, {foreseen}; gains {gains}; loads {loads}"


def test_the_verdict_names_the_true_limit_and_foresees_the_gain():
    cases = [case_of(seed) for seed in range(FIRST, FIRST + COUNT)]

    misnamed = [told(case) for case in cases if not case.named]
    unforeseen = [told(case) for case in cases if not case.foreseen]
    print(*misnamed, f"{len(misnamed)} misnamed", *unforeseen, f"{len(unforeseen)} unforeseen", sep="\n")
    assert len(misnamed) <= COUNT * 2 / 30
    assert len(unforeseen) <= COUNT * 6 / 30
