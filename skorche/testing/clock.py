"""Time that moves only when it is told to, and an agenda of what happens when."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from random import Random


class FakeClock:
    """Seconds since some beginning. `sleep` moves them on and returns at once, so a test never waits.

    >>> clock = FakeClock()
    >>> clock.sleep(90.0)
    >>> clock()
    90.0
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass. In a simulation: for the worker that calls it, and for nobody else."""
        self.now += seconds


class Agenda:
    """What will happen, each thing at its time; things of the same time in the order they were put down."""

    def __init__(self, clock: FakeClock, random: Random) -> None:
        self.clock, self.random = clock, random
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do this so many seconds from now."""
        self._number += 1
        heapq.heappush(self._entries, (self.clock.now + seconds, self._number, action))

    def soon(self, longest: float, action: Callable[[], None]) -> None:
        """Do this within `longest` seconds; often at once, and seldom late, as things are."""
        self.after(longest * self.random.random() ** 3, action)

    @property
    def next_time(self) -> float:
        """When the next thing happens; never, if nothing will."""
        return self._entries[0][0] if self._entries else math.inf

    def advance(self) -> None:
        """Move the clock to the next thing, and do it."""
        self.clock.now, _, action = heapq.heappop(self._entries)
        action()
