"""What one limit or rate lets through while running: a *gate*, shared by all stages that name it. Numbers and times.

A rate is exact, not only on the average. When a chunk has been submitted, nobody knows when its work begins: it may lie
in an engine for a while. So a start *might still come* until the engine says that it has begun, or is done, and counts
from then on for `per` seconds. Between the engine's word and the first line of the user's function the system may give
the processor to somebody else; so a start is taken to be later by a small *margin*, or when the work was done at the
latest. (A bucket of tokens lets twice as many through at the border of two windows.)
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from typing import Protocol

from skorche.limits import AnyLimit, Limit

MARGIN_SHARE = 1 / 50
LONGEST_MARGIN = 0.02
"""Seconds by which a start is taken to be later than was said: a share of the window, but no more than this."""


class Gate(Protocol):
    """What one limit or rate lets through. `patience`: so many seconds it is kept for a stage that cannot start yet."""

    @property
    def patience(self) -> float: ...
    def room(self, now: float) -> int: ...
    def opens_at(self) -> float: ...
    def enter(self) -> None: ...
    def begin(self, begun: float | None, at: float) -> None: ...
    def leave(self, begun: float | None, at: float, now: float) -> None: ...


class LimitGate:
    """So many items at a time, each from its submission to its end."""

    patience = 0.0

    def __init__(self, most: int) -> None:
        self._free = most

    def room(self, now: float) -> int:
        """Items that may enter now."""
        return self._free

    def opens_at(self) -> float:
        """When one more may enter, if only time must pass: it is not time that this one waits for."""
        return math.inf

    def enter(self) -> None:
        """An item is submitted."""
        self._free -= 1

    def begin(self, begun: float | None, at: float) -> None:
        """Work on an item has begun, which makes no difference."""

    def leave(self, begun: float | None, at: float, now: float) -> None:
        """The item has come back."""
        self._free += 1


class RateGate:
    """So many starts in any window of `per` seconds.

    >>> gate = RateGate(2, per=1.0)
    >>> gate.enter(), gate.begin(None, at=10.0), gate.enter()
    (None, None, None)
    >>> gate.room(11.01), gate.room(11.02)  # one start has left the window, and its margin; one might still come
    (0, 1)
    """

    def __init__(self, most: int, per: float) -> None:
        self._most, self._per = most, per
        self._margin = min(LONGEST_MARGIN, MARGIN_SHARE * per)
        self.patience = per + self._margin
        self._might_come = 0
        self._leaving: list[float] = []

    def room(self, now: float) -> int:
        """Starts that the window takes now."""
        del self._leaving[: bisect_right(self._leaving, now)]
        return self._most - self._might_come - len(self._leaving)

    def opens_at(self) -> float:
        """When the next start leaves the window."""
        return self._leaving[0] if self._leaving else math.inf

    def enter(self) -> None:
        """An item is submitted: a start might come."""
        self._might_come += 1

    def begin(self, begun: float | None, at: float) -> None:
        """The engine says that the work begins; `begun` is when it said so before, if it did."""
        self._forget(begun)
        insort(self._leaving, at + self.patience)

    def leave(self, begun: float | None, at: float, now: float) -> None:
        """The item has come back, and so it is known that the start was about `at`, but not after `now`."""
        self._forget(begun)
        insort(self._leaving, min(now, at + self._margin) + self._per)

    def _forget(self, begun: float | None) -> None:
        """What was known of a start is about to be known better."""
        if begun is None:
            self._might_come -= 1
            return
        place = bisect_left(self._leaving, begun + self.patience)
        if place < len(self._leaving) and self._leaving[place] == begun + self.patience:
            del self._leaving[place]


def gate_of(one: AnyLimit) -> Gate:
    """The gate of a limit or rate, open."""
    return LimitGate(one.most) if isinstance(one, Limit) else RateGate(one.most, one.per)
