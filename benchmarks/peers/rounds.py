"""Rounds: each peer once, in turn. A round during which the host stole CPU time is taken again, whoever it hit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.harness import fresh
from benchmarks.harness.machine import Moment, shares
from benchmarks.peers.rows import Row, Setting

STOLEN = 0.02
"""The share of all CPU time above which a round is taken again."""

Round = dict[str, list[float]]
"""The figures of each peer; none of one that failed."""


@dataclass(frozen=True)
class Taken:
    """The rounds of a row, how many were taken again, which peers failed, and what the machine did meanwhile."""

    rounds: list[Round]
    again: int
    failed: list[str]
    steal: float
    others: float


@dataclass
class Turns:
    """One row, all peers. One that fails is left out of the rounds that follow."""

    row: Row
    counts: dict[str, int]
    setting: Setting
    failed: list[str] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    def once(self, backwards: bool) -> tuple[Round, float]:
        """One round, and the share of CPU time that was stolen during it."""
        before = Moment.now()
        found = {}
        names = [name for name in self.counts if name not in self.failed]
        for name in reversed(names) if backwards else names:
            try:
                found[name] = fresh.call(
                    "benchmarks.peers.sample", "measure", self.row.name, name, self.counts[name], self.setting
                )
            except fresh.FreshFailed as error:
                print(f"  {name} failed: {error}", file=sys.stderr, flush=True)
                self.failed.append(name)
        meanwhile = shares(before, Moment.now())
        self.others.append(meanwhile["others"] or 0.0)
        return found, meanwhile["steal"] or 0.0


def take_turns(row: Row, counts: dict[str, int], setting: Setting, wanted: int) -> Taken:
    """So many rounds of the row, by these peers with so many items each."""
    turns = Turns(row, counts, setting)
    taken = take_rounds(wanted, turns.once)
    kept = least_disturbed(taken, wanted)
    return Taken(
        [found for found, _ in kept],
        len(taken) - wanted,
        turns.failed,
        max(stolen for _, stolen in kept),
        max(turns.others),
    )


def take_rounds(wanted: int, once: Callable[[bool], tuple[Round, float]]) -> list[tuple[Round, float]]:
    """Rounds until so many were undisturbed, but no more than twice as many. Every other one goes backwards.

    >>> stolen = iter([0.0, 0.3, 0.01])
    >>> [share for _, share in take_rounds(2, lambda backwards: ({}, next(stolen)))]
    [0.0, 0.3, 0.01]
    """
    taken: list[tuple[Round, float]] = []
    while len(taken) < 2 * wanted and sum(stolen <= STOLEN for _, stolen in taken) < wanted:
        taken.append(once(bool(len(taken) % 2)))
    return taken


def least_disturbed(taken: Sequence[tuple[Round, float]], wanted: int) -> list[tuple[Round, float]]:
    """So many of the rounds, in the order in which they were taken: the undisturbed ones, and if need be others.

    >>> least_disturbed([({}, 0.5), ({}, 0.01), ({}, 0.3)], 2)
    [({}, 0.01), ({}, 0.3)]
    """
    best = sorted(range(len(taken)), key=lambda number: taken[number][1])[:wanted]
    return [taken[number] for number in sorted(best)]
