"""How near does a run that finds its own workers come to one whose workers were set by hand?

Three tasks that wait 1, 4 and 2 ms, under a budget of 14 workers: 2, 8 and 4 are best, which the tuned runs do not
know: they begin with one each. The first figure has all of the run in it, the beginning too; `late` is the throughput
from the 10th second on. Then three tasks of pure CPU work, 1, 2 and 1 ms, on processes, which two cores bound; and two
tasks whose loads change places halfway.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import skorche
from benchmarks.cpu_processes import spin, turns_per_millisecond
from benchmarks.harness.figure import Figure
from benchmarks.harness.turns import check, take_turns

REPEATS = 3
COUNT, MANY, FEWER = 12_000, 24_000, 4_000
BUDGET = 14
SECONDS, BY_HAND = (0.001, 0.004, 0.002), (2, 8, 4)
LATE_SECONDS = 10.0

Work = Callable[[int], int]


def waiting(seconds: float) -> Work:
    """A task that waits."""

    def wait(item: int) -> int:
        time.sleep(seconds)
        return item

    return wait


class Computing:
    """A task that computes: so many turns of arithmetic."""

    def __init__(self, turns: int) -> None:
        self.turns = turns

    def __call__(self, item: int) -> int:
        spin(self.turns)
        return item


def seconds_of(
    works: Sequence[Work], workers: Sequence[int], count: int, *, engine: str = "thread", tuned: bool = False
) -> tuple[float, float, skorche.Report]:
    """What a chain of these takes in all, items per second from the 10th second on (0: it was over), its report."""
    with skorche.Pipeline() as pipeline:
        tasks = [
            skorche.task(work, name=name, engine=engine, max_workers=number)
            for name, work, number in zip("abc", works, workers, strict=False)
        ]
        results = skorche.chain(tasks, skorche.Queue(fixed_inputs=range(count)))
    began, came = time.perf_counter(), []
    workers_now: Literal["auto"] | None = "auto" if tuned else None
    with pipeline.run(progress=False, workers=workers_now, max_workers=BUDGET if tuned else None) as run:
        found = []
        for item in results:
            found.append(item)
            came.append(time.perf_counter() - began)
    check(sorted(found), list(range(count)))
    assert run.report is not None
    late = [at for at in came if at >= LATE_SECONDS]
    return came[-1], len(late) / (came[-1] - LATE_SECONDS) if len(late) > 1 else 0.0, run.report


def changing(first: float, then: float) -> Work:
    """A task that waits another time from the middle of the items on."""

    def wait(item: int) -> int:
        time.sleep(first if item < FEWER // 2 else then)
        return item

    return wait


def flaps(report: skorche.Report) -> int:
    """How often a task was given more workers and then fewer, or the other way round, after the 10th second."""
    ways: dict[str, list[bool]] = {}
    for one in report.decisions:
        if one.seconds >= LATE_SECONDS:
            ways.setdefault(one.node, []).append(one.after > one.before)
    return sum(one != other for way in ways.values() for one, other in pairwise(way))


def measure(repeats: int) -> list[Figure]:
    """Ratios to the run by hand, in the same round."""
    waits = [waiting(seconds) for seconds in SECONDS]
    turns = turns_per_millisecond()
    computing = [Computing(turns), Computing(2 * turns), Computing(turns)]
    moving = [changing(0.004, 0.001), changing(0.001, 0.004)]
    seen: list[int] = []

    def late() -> float:
        _, rate, report = seconds_of(waits, (1, 1, 1), MANY, tuned=True)
        seen.append(flaps(report))
        return rate

    rounds = take_turns(
        repeats,
        lambda: seconds_of(waits, BY_HAND, COUNT)[0],
        lambda: seconds_of(waits, (1, 1, 1), COUNT, tuned=True)[0],
        late,
        lambda: seconds_of(computing, (2, 2, 2), FEWER, engine="process")[0],
        lambda: seconds_of(computing, (1, 1, 1), FEWER, engine="process", tuned=True)[0],
        lambda: seconds_of(moving, (5, 5), FEWER)[0],
        lambda: seconds_of(moving, (1, 1), FEWER, tuned=True)[0],
    )
    by_hand = "2, 8 and 4 workers by hand"
    return [
        Figure.of(
            [one[1] / one[0] for one in rounds],
            "waits of 1, 4, 2 ms from one worker each",
            by_hand,
            count=COUNT,
            unit="times as long",
            at_most=1 / 0.6,
        ),
        Figure.of(
            [one[2] / (COUNT / one[0]) for one in rounds],
            "the same from the 10th second on",
            by_hand,
            count=MANY,
            unit="of its throughput",
            at_least=0.85,
        ),
        Figure.of(
            [float(count) for count in seen],
            "the same: changes taken back after it",
            "none",
            count=MANY,
            unit="changes",
            at_most=1,
        ),
        Figure.of(
            [one[3] / one[4] for one in rounds],
            "1, 2, 1 ms of CPU on processes, from one worker each",
            "two workers each",
            count=FEWER,
            unit="of its throughput",
            at_least=0.85,
        ),
        Figure.of(
            [one[6] / one[5] for one in rounds],
            "loads that change places halfway",
            "5 workers each, which suits neither half",
            count=FEWER,
            unit="times as long",
        ),
    ]
