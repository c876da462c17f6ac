"""What is out for too long is killed: items past the `timeout` of their task, and everything after a stop's grace."""

from __future__ import annotations

import heapq
import math

from skorche.errors import TaskTimeout
from skorche.runtime.command import Kill
from skorche.runtime.flow import Books
from skorche.runtime.stage import Flight

GRACE = -1
"""Stands for the end of a stop's grace, where else is a ticket."""


class Deadlines:
    """When which flight is killed, soonest first: the next one at `due`.

    `killing`: a grace has ended, so whatever is lost is not to blame.
    """

    def __init__(self, flights: dict[int, Flight], books: Books) -> None:
        self._flights, self._books = flights, books
        self._entries: list[tuple[float, int]] = []
        self.killing = False
        self.due = math.inf

    def begin(self, flight: Flight, now: float) -> None:
        """Work on a chunk begins: its time runs from here, not from its submission."""
        if flight.stage.plan.timeout is not None:
            self._add(now + flight.stage.plan.timeout, flight.ticket)

    def end_grace(self, at: float) -> None:
        """From then on nothing is waited for."""
        self._add(at, GRACE)

    def _add(self, at: float, ticket: int) -> None:
        heapq.heappush(self._entries, (at, ticket))
        self.due = self._entries[0][0]

    def expire(self, now: float) -> None:
        """Kill what is out past its deadline, and forget the deadlines of what has come back.

        After a grace the latest goes first: what waits behind others in an engine must not begin when those are killed.
        """
        while self._entries and self._entries[0][0] <= now:
            _, ticket = heapq.heappop(self._entries)
            if ticket == GRACE:
                self.killing = True
            for number in reversed(self._flights) if ticket == GRACE else (ticket,):
                flight = self._flights.get(number)
                if flight is not None and flight.stage.capabilities.kill:
                    flight.timed_out = flight.timed_out or ticket != GRACE
                    self._books.commands.append(Kill(number, flight.stage.plan.number))
        while self._entries and self._entries[0][1] not in self._flights and self._entries[0][1] != GRACE:
            heapq.heappop(self._entries)
        self.due = self._entries[0][0] if self._entries else math.inf


def timeout_error(flight: Flight) -> TaskTimeout:
    """Why an item fails that took too long."""
    stage = flight.stage.plan
    return TaskTimeout(
        f"task {stage.names[0]!r} took longer than its timeout of {stage.timeout:g} s.",
        "the item was given up; a process is stopped, a coroutine cancelled, "
        "a thread cannot be and goes on in the background."
        if flight.stage.capabilities.kill
        else "this engine cannot stop an item, so its late result was dropped.",
        "raise timeout=, or look into what the task waits for.",
    )
