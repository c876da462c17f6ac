"""Whose turn it is among stages with limits, and what their gates have let through.

Such stages start one item at a time, by turns: who has started nothing for longest is first. What is kept for a stage
that is first and cannot start yet is one item's worth of each of its gates, as far as that is worth the wait: nobody
is held up for long by one who waits for something else, and nobody starves.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skorche.limits import AnyLimit
from skorche.runtime.stage import Flight, Stage

if TYPE_CHECKING:
    from skorche.runtime.gate import Gate

LATEST_START = 1.0
"""Seconds within which work begins, once the engine has said so, however busy the machine is."""


class Limits:
    """The gates of one run, and whose turn it is. `wakes_at`: when time alone will let one more start."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        gates: dict[AnyLimit, Gate] = {}
        self._turns = [stage for stage in stages if stage.plan.limits]
        for stage in self._turns:
            from skorche.runtime.gate import gate_of  # only who has limits needs it

            stage.gates = tuple([gates.setdefault(one, gate_of(one)) for one in stage.plan.limits])
        self._begun: dict[int, float] = {}
        self.wakes_at = math.inf

    def choose(self, now: float) -> Stage | None:
        """Whose turn it is of the stages that could start an item, and may."""
        self.wakes_at = math.inf
        kept: Counter[Gate] = Counter()
        for stage in self._turns:
            if not stage.ready:
                continue
            closed = [gate for gate in stage.gates if gate.room(now) <= kept[gate]]
            if not closed:
                return stage
            opens_at = [gate.opens_at() for gate in closed]
            self.wakes_at = min(self.wakes_at, *opens_at)
            waits = [gate.patience if at == math.inf else at - now for gate, at in zip(closed, opens_at, strict=True)]
            kept.update([gate for gate in stage.gates if max(waits) <= gate.patience])
        return None

    def enter(self, stage: Stage) -> None:
        """An item of this stage is submitted; the others are first now."""
        self._turns.remove(stage)
        self._turns.append(stage)
        for gate in stage.gates:
            gate.enter()

    def begin(self, flight: Flight, now: float) -> None:
        """The engine says that work on an item begins."""
        begun = self._begun.get(flight.ticket)
        self._begun[flight.ticket] = now
        for gate in flight.stage.gates:
            gate.begin(begun, now)

    def end(self, flight: Flight, now: float, seconds: float | None) -> None:
        """An item has come back, after so many `seconds` of work (None: not known)."""
        begun = self._begun.pop(flight.ticket, None)
        if seconds is None:  # it died, and may have begun long after the engine said so
            at = now if begun is None else min(now, begun + LATEST_START)
        else:
            at = max(flight.since if begun is None else begun, now - seconds)
        for gate in flight.stage.gates:
            gate.leave(begun, at, now)

    def forget(self, stage: Stage) -> None:
        """Nothing will ever wait for this stage again."""
        self._turns.remove(stage)
