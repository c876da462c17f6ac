"""Knows when a run stands still: chunks are out, and for a long time none has come back, nor gone on inside a worker.

    nothing back for `stall_timeout` ──Diagnose──▶ workers are looked at ──Diagnosed──▶ warn, fail, or wait on

Without chunks out a run waits for input, or for a reader: that is no stall. Nor is it one when the run was paused, but
that is told too, since somebody may have forgotten. One stall is told once. A chunk of many
items may rightly be out for long, so one whose worker has moved on since the last look does not count. No clock here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from skorche.errors import StallError
from skorche.runtime.command import Diagnose, Diagnosed, Wait
from skorche.runtime.engine import Sight
from skorche.runtime.recovery import Policy
from skorche.runtime.stage import Flight, Stage

SHOWN_WAITS = 5


class Watchdog:
    """Set `moved` to the time whenever something comes back; from `due` on, `ask`, and `judge` the answer."""

    def __init__(self, policy: Policy) -> None:
        self.moved = 0.0
        self.patience = math.inf if policy.stall_timeout is None else policy.stall_timeout
        self._raises = policy.on_stall == "raise"
        self._asked: float | None = None
        self._is_open = False
        self._seen: dict[int, object] = {}

    @property
    def due(self) -> float:
        """When it will have been too long; never for a stall that has been asked about, or before the answer is in."""
        return math.inf if self._is_open or self._asked == self.moved else self.moved + self.patience

    def ask(self, flights: Iterable[Flight], now: float) -> Diagnose:
        """What is to be found out: the oldest chunks first."""
        self._asked, self._is_open = self.moved, True
        oldest = sorted(flights, key=lambda flight: flight.since)
        shown = tuple(
            Wait(one.ticket, one.stage.plan.number, one.stage.plan.edge, one.chunk.items, now - one.since)
            for one in oldest[:SHOWN_WAITS]
        )
        return Diagnose(now - self.moved, shown, len(oldest) - len(shown))

    def tell_paused(self, stages: Sequence[Stage]) -> str:
        """Nothing is out, and these hold back what waits: the run stands still because it was told to."""
        self._asked = self.moved
        holding = [(one.plan.names[0], count) for one in stages if (count := one.edge.waiting.count + len(one.due))]
        told = ", ".join(f"{name!r} ({count} {'items wait' if count > 1 else 'item waits'})" for name, count in holding)
        verb = "is" if len(holding) == 1 else "are"
        return f"the run waits for run.resume(): {told} {verb} paused, and nothing else goes on"

    def judge(self, answer: Diagnosed, flights: Mapping[int, Flight], now: float) -> StallError | str | None:
        """The error to fail with, the text to warn with, or None since work has gone on inside a worker."""
        self._is_open = False
        if self._asked != self.moved:  # something has come back meanwhile: it stood still, but does no more
            return answer.text
        if self._has_gone_on(answer, flights):
            self.moved = now
            return None
        return self._error(answer.text) if self._raises else answer.text

    def _has_gone_on(self, answer: Diagnosed, flights: Mapping[int, Flight]) -> bool:
        earlier, self._seen = self._seen, {ticket: sight.at for ticket, sight in answer.sights.items()}
        return any(
            sight.at is not None and (earlier[ticket] != sight.at if ticket in earlier else _may_go_on(sight, flight))
            for ticket, sight in answer.sights.items()
            if (flight := flights.get(ticket)) is not None
        )

    def _error(self, diagnosis: str) -> StallError:
        return StallError(
            f"the run stands still: {diagnosis}",
            f"a task hangs, or takes longer than stall_timeout={self.patience:g} allows, and on_stall is 'raise'.",
            "see the stack for what it waits for; give the task a timeout= to fail one item, or raise stall_timeout=.",
            diagnosis,
        )


def _may_go_on(sight: Sight, flight: Flight) -> bool:
    """Seen for the first time: whether it may have come to this item a short time ago."""
    return len(flight.chunk.items) > 1 and sight.position != 0
