"""Contestants take turns, so that what the machine does meanwhile hits them all alike."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")


class WrongResult(Exception):
    """A contestant's result is not the expected one, so its time means nothing."""


def take_turns(rounds: int, *contestants: Callable[[], float]) -> list[tuple[float, ...]]:
    """What each contestant says, `rounds` times; every other round begins with the last contestant."""
    said: list[tuple[float, ...]] = []
    for number in range(rounds):
        if number % 2:
            said.append(tuple(reversed([contestant() for contestant in reversed(contestants)])))
        else:
            said.append(tuple(contestant() for contestant in contestants))
    return said


def seconds_of(job: Callable[[], T], expected: T) -> float:
    """The seconds the job takes. Its result is compared afterwards."""
    gc.collect()
    began = perf_counter()
    found = job()
    seconds = perf_counter() - began
    check(found, expected)
    return seconds


def check(found: object, expected: object) -> None:
    """Refuse a result that is not the expected one.

    Raises:
        WrongResult: they differ.
    """
    if found != expected:
        raise WrongResult(f"expected {str(expected)[:200]}, found {str(found)[:200]}")


def ratios(rounds: Sequence[tuple[float, ...]], one: int, other: int) -> list[float]:
    """What `one` takes for each second the `other` takes, round by round.

    >>> ratios([(3.0, 2.0), (4.0, 2.0)], 0, 1)
    [1.5, 2.0]
    """
    return [times[one] / times[other] for times in rounds]


def median_of(rounds: Sequence[tuple[float, ...]], contestant: int) -> float:
    """The median of one contestant."""
    return median(times[contestant] for times in rounds)


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample that this share of all samples does not exceed.

    >>> percentile(range(1, 101), 0.99)
    99
    """
    ordered = sorted(samples)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
