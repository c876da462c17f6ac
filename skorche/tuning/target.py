"""How many workers each task should have, going by what a run has used of everything so far.

At a throughput that is `s` times the present one every task needs `s` times the workers it keeps busy now (utilisation
law), and so it is with cores, with Python's lock and with the source. So what is used up first bounds `s`, and workers
that a budget allows go one by one to the task that is then nearest to its bound: for stages in a row this greedy rule
is optimal (as in Plumber, MLSys 2022, whose linear program has the same answer up to rounding).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from skorche.named import NamedTuple
from skorche.observe.analyze import Analysis

ROOM = 0.97
"""How busy workers may be at the most: what comes irregularly needs some room."""
MOST_TIMES = 64.0
"""What is measured says little of a throughput that is so many times higher."""


class Target(NamedTuple):
    """The workers of each task, and how many times the present throughput they would bring."""

    workers: Mapping[str, int]
    speed: float


def find_target(analysis: Analysis, tasks: Mapping[str, int], budget: int) -> Target:
    """What is best for these tasks, of which the workers now are given, with at most `budget` workers in all.

    Loads of all other stages, of the cores, of the lock and of the source stay what they are, so they bound the speed.
    """
    work = {stage.name: stage.load * stage.workers for stage in analysis.stages if stage.name in tasks}
    fixed = [stage.load for stage in analysis.stages if stage.name not in tasks] + [*analysis.others.values()]
    most = min([MOST_TIMES, *(1 / load for load in fixed if load > 0)])
    found = dict.fromkeys(tasks, 1)
    while sum(found.values()) < budget:
        name = min(found, key=lambda one: _speed(found[one], work.get(one, 0.0)))
        if _speed(found[name], work.get(name, 0.0)) >= most:
            break
        found[name] += 1
    speed = min([most, *(_speed(count, work.get(name, 0.0)) for name, count in found.items())])
    return Target({name: max(1, _needed(work.get(name, 0.0), speed)) for name in found}, speed)


def present_speed(analysis: Analysis) -> float:
    """How many times the present throughput the present workers would bring, if nothing were in their way."""
    return min([MOST_TIMES, *(ROOM / load for load in analysis.loads if load > 0)])


def _speed(workers: float, work: float) -> float:
    return ROOM * workers / work if work > 0 else math.inf


def _needed(work: float, speed: float) -> int:
    return math.ceil(work * speed / ROOM - 1e-9)
