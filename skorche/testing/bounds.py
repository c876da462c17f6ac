"""What must hold after every step of a simulated run, beyond what the scheduler checks itself at the end."""

from __future__ import annotations

from collections.abc import Iterator

from skorche.compile.plan import Destination
from skorche.runtime.command import Command, Deliver, Event, Pause, Pull, Submit
from skorche.runtime.engine import Done, Lost, Returned
from skorche.runtime.scheduler import Scheduler
from skorche.testing.outside import Reader, Source
from skorche.testing.workers import Line


class BrokenPromise(AssertionError):
    """A simulated run broke a promise of skorche's, or would never end."""


class Bounds:
    """Watches the commands and events of one run.

    An edge or a bounded end holds at most its limit, and beyond that what nobody could know when the work began: what
    came of expansions that were in flight together, the halves of divided batches, and items that were taken from it
    and have come back in part.
    """

    def __init__(self, scheduler: Scheduler, lines: list[Line], sources: list[Source], readers: list[Reader]) -> None:
        self._scheduler, self._lines = scheduler, lines
        self._sources, self._readers = sources, readers
        self._out: dict[int, int] = {}
        self._paused: set[int] = set()
        self._stage_of: dict[int, int] = {}
        self._highest = [edge.limit for edge in scheduler.edges()]
        self._overflow: dict[tuple[str, int], int] = {}

    def happened(self, event: Event) -> None:
        """The scheduler is about to be told."""
        if isinstance(event, Done | Lost | Returned):
            self._returned(event)
        elif isinstance(event, Pause):
            (self._paused.add if event.paused else self._paused.discard)(event.stage)

    def _returned(self, event: Done | Lost | Returned) -> None:
        """A ticket comes back, once, or a part of it. What its expansions gave may overflow the edges behind."""
        if event.ticket not in self._out:
            raise BrokenPromise(f"ticket {event.ticket} came back, but was not out")
        outcome = event.finished if isinstance(event, Lost) else event.outcome
        line = self._lines[self._stage_of[event.ticket]]
        back = len(event.indices) if isinstance(event, Returned) else self._out[event.ticket]
        self._out[event.ticket] -= back
        if not self._out[event.ticket]:
            del self._out[event.ticket]
        if outcome is not None and outcome.parts:
            rests = 2 * line.most_workers * sum(part.rest is not None for part in outcome.parts)
            self._allow(Destination("stage", line.plan.number), rests)
        if outcome is not None and (outcome.expansions or (outcome.parts and not line.plan.flows)):
            for port, (items, _) in zip(line.plan.ports, outcome.ports, strict=True):
                self._allow(port, 2 * line.most_workers * len(items))

    def _allow(self, port: Destination, overflow: int) -> None:
        if port.kind == "gather":
            for output in self._scheduler.plan.gathers[port.number].outputs:
                self._allow(output, overflow)
        key = port.kind, port.number
        self._overflow[key] = max(self._overflow.get(key, 0), overflow)

    def commanded(self, command: Command) -> None:
        """The scheduler wants something."""
        if isinstance(command, Submit):
            if command.ticket in self._out or not command.chunk.items:
                raise BrokenPromise(f"ticket {command.ticket} is out already, or empty")
            if command.stage in self._paused:
                raise BrokenPromise(f"stage {command.stage} starts ticket {command.ticket}, but was paused")
            self._out[command.ticket] = len(command.chunk.items)
            self._stage_of[command.ticket] = command.stage
        elif isinstance(command, Pull) and command.count < 1:
            raise BrokenPromise(f"source {command.source} was asked for {command.count} items")
        elif isinstance(command, Deliver) and len(command.items) != len(command.places):
            raise BrokenPromise(f"end {command.end} was given {len(command.items)} items, {len(command.places)} places")

    def check(self) -> None:
        """Everything that must hold between two steps.

        Raises:
            BrokenPromise: something does not.
        """
        broken = [*self._too_much_out(), *self._too_full_edges(), *self._too_full_ends(), *self._too_much_asked()]
        if broken:
            raise BrokenPromise("; ".join(broken))

    def _too_much_out(self) -> Iterator[str]:
        for line in self._lines:
            ahead = line.capabilities.ahead and not line.plan.one_by_one
            allowed = line.most_workers * (2 if ahead else 1)
            if line.out > allowed:
                yield f"{line.out} chunks are out for {line.plan.edge}, {allowed} are allowed"

    def _too_full_edges(self) -> Iterator[str]:
        for number, edge in enumerate(self._scheduler.edges()):
            self._highest[number] = max(self._highest[number], edge.limit)
            allowed = self._highest[number] + self._overflow_at("stage", number)
            if edge.waiting.count > allowed:
                yield f"{edge.waiting.count} items wait in {self._lines[number].plan.edge}, {allowed} are allowed"

    def _too_full_ends(self) -> Iterator[str]:
        for number, reader in enumerate(self._readers):
            if reader.maxsize is not None:
                allowed = reader.maxsize + self._overflow_at("end", number)
                if reader.unread > allowed:
                    yield f"{reader.unread} results wait at end {number}, {allowed} are allowed"

    def _overflow_at(self, kind: str, number: int) -> int:
        divided = sum(tally.divided for tally in self._scheduler.books.tallies)
        return self._overflow.get((kind, number), 0) + divided

    def _too_much_asked(self) -> Iterator[str]:
        for feed, source in zip(self._scheduler.parts.feeds, self._sources, strict=True):
            if not source.ended and source.asked > feed.asked:
                yield f"source {feed.number} may read {source.asked} items, the scheduler expects {feed.asked}"
            output = self._scheduler.plan.sources[feed.number].output
            taken = feed.asked + feed.waiting.count
            if output.kind == "stage" and not feed.exhausted and taken > self._highest[output.number]:
                yield f"source {feed.number} was asked for {taken} items, {self._highest[output.number]} have room"
