"""Where items go: to the edge of a stage, through an operator with memory, or to an end.

The three obey one protocol. A stage *holds* room in all its targets before it starts a chunk, so no worker ever has a
result it cannot leave; when the chunk is done it *releases* the room and the targets *accept* the results. An operator
with memory passes holds on to its own target, translated into its own outputs.
"""

from __future__ import annotations

from typing import Any, Protocol

from skorche.compact import pack
from skorche.compile.plan import Plan
from skorche.events import Decision
from skorche.kernel import Items
from skorche.place import Places
from skorche.regrouping import Regrouping
from skorche.runtime.chunk import Waiting
from skorche.runtime.command import Command, Deliver
from skorche.runtime.ledger import End, Ledger
from skorche.runtime.tally import Tally

UNBOUNDED = 1 << 60


class Books:
    """What all parts of the scheduler share: counts, commands to give, the time, whether it is stopping or closing."""

    def __init__(self, plan: Plan, tallies: list[Tally]) -> None:
        self.plan, self.tallies = plan, tallies
        self.ledger = Ledger()
        self.commands: list[Command] = []
        self.stopping = self.closing = self.holding = False
        self.arrived, self.now = 0, 0.0
        self.fatal: BaseException | None = None
        self.decisions: list[Decision] = []


class Target(Protocol):
    """What a port leads to."""

    @property
    def room(self) -> int: ...
    @property
    def idle(self) -> bool: ...
    def hold(self, count: int) -> None: ...
    def release(self, count: int) -> None: ...
    def accept(self, items: Items, places: Places) -> None: ...
    def close(self) -> None: ...


class Edge:
    """Items waiting for a stage. `limit` follows the measured cost of the stage (see `stage.Stage`)."""

    def __init__(self, books: Books, node: int, limit: int) -> None:
        self._books, self._tally = books, books.tallies[node]
        self.waiting = Waiting()
        self.limit = limit
        self.held = 0
        self.open = True

    @property
    def room(self) -> int:
        """Items that may still come."""
        return self.limit - self.waiting.count - self.held

    @property
    def idle(self) -> bool:
        """Nothing waits here."""
        return not self.waiting.count

    def hold(self, count: int) -> None:
        """Keep room for results to come."""
        self.held += count

    def release(self, count: int) -> None:
        """Give up room that was held."""
        self.held -= count

    def accept(self, items: Items, places: Places) -> None:
        """Items have come; when the run is stopping they are cancelled here."""
        self._tally.received += len(items)
        if self._books.stopping:
            self.cancel(places)
        elif items:
            self.waiting.add(items, places)

    def put_back(self, items: list[Any], places: Places) -> None:
        """Items that were taken from here, and are not done with."""
        if self._books.stopping:
            self.cancel(places)
        elif items:
            self.waiting.put_back(items, places)

    def cancel(self, places: Places) -> None:
        """Items that will not be worked on."""
        self._tally.cancelled += len(places)
        self._books.ledger.end(places, End.CANCELLED)

    def close(self) -> None:
        """No more items come."""
        self.open = False
        self._books.closing = True


class Limit(Protocol):
    """A bound on what is under way behind a point that so many items have passed."""

    def room(self, begun: int) -> int: ...


class Gather:
    """An operator with memory between its feeders and its own targets, each of which gets all it gives."""

    def __init__(self, books: Books, node: int, regrouping: Regrouping, feeders: int) -> None:
        self._books, self._tally = books, books.tallies[node]
        self._regrouping = regrouping
        self._tally.closed = regrouping.closed
        self._feeders = feeders
        self._targets: list[Target] = []
        self._shares: list[tuple[Target, int]] = []
        self.limits: list[Limit] = []
        self._held = self._reserved = 0
        self.open = True

    @property
    def targets(self) -> list[Target]:
        """Where everything goes; one that stands there twice gets everything twice."""
        return self._targets

    @targets.setter
    def targets(self, targets: list[Target]) -> None:
        self._targets = targets
        times = [sum(one is target for one in targets) for target in targets]
        self._shares = list(zip(targets, times, strict=True))

    @property
    def room(self) -> int:
        """Items that may still come without overfilling a target."""
        room = self._regrouping.inputs(
            min([-(-target.room // times) for target, times in self._shares]) + self._reserved
        )
        for limit in self.limits:
            room = min(room, limit.room(self._tally.received))
        return room - self._held

    @property
    def idle(self) -> bool:
        """Whether a reader behind has nothing to do."""
        return any(target.idle for target in self.targets)

    def holding(self, depth: int) -> int:
        """Items of the group under construction; at a depth the items in so many batches."""
        return self._regrouping.held if not depth else self._regrouping.held_within(depth)

    def hold(self, count: int) -> None:
        """Keep room for results to come, here and behind."""
        self._held += count
        self._reserve()

    def release(self, count: int) -> None:
        """Give up room that was held."""
        self._held -= count
        self._reserve()

    def _reserve(self) -> None:
        wanted = self._regrouping.outputs(self._held) if self._held else 0
        if wanted != self._reserved:
            for target in self.targets:
                target.hold(wanted - self._reserved)
            self._reserved = wanted

    def accept(self, items: Items, places: Places) -> None:
        """Regroup; what is complete goes on."""
        self._tally.received += len(items)
        if self._books.stopping:
            self._cancel(places)
        else:
            self._send(*self._regrouping.feed(items, places))

    def _send(self, items: Items, places: Places) -> None:
        members = self._regrouping.members(items)
        self._tally.passed += members
        self._tally.members += members
        self._tally.emitted += len(self.targets) * len(items)
        if items:
            if len(self.targets) > 1:
                self._books.ledger.multiply(places, len(self.targets))
            for target in self.targets:
                target.accept(items, places)
        self._reserve()

    def flow(self) -> bool:
        """Let a group go that is not full, early or as the last one; then close. Whether anything changed."""
        held = self._regrouping.held
        fits = not held or min([target.room for target in self.targets]) > 0
        early = self._regrouping.eager and held and fits and self.idle
        last = not self._feeders and self.open and fits
        if early or last:
            self._send(*self._regrouping.close("end" if last else "early"))
        if last:
            self.open = False
            for target in self.targets:
                target.close()
        return bool(early or last)

    def _cancel(self, places: Places) -> None:
        self._tally.cancelled += len(places)
        self._books.ledger.end(places, End.CANCELLED)

    def drop(self) -> None:
        """Cancel what is held: the run stops."""
        self._cancel(self._regrouping.drop())

    def close(self) -> None:
        """One feeder has ended; after the last one what is held goes on, as soon as there is room."""
        self._feeders -= 1


class Outlet:
    """An end of the graph, which users read. Bounded by `maxsize` (until lifted), else not at all."""

    def __init__(self, books: Books, end: int, maxsize: int | None) -> None:
        self._books, self._end = books, end
        self.maxsize = maxsize
        self._unread = self._held = 0
        self.open = True

    @property
    def room(self) -> int:
        """Results that may still come."""
        return UNBOUNDED if self.maxsize is None else self.maxsize - self._unread - self._held

    @property
    def unread(self) -> bool:
        """Whether nothing more may come because of results that nobody has read."""
        return bool(self.open and self._unread) and self.room < 1

    @property
    def idle(self) -> bool:
        """Whether users would take one more result."""
        return self.room > 0

    def hold(self, count: int) -> None:
        """Keep room for results to come."""
        self._held += count

    def release(self, count: int) -> None:
        """Give up room that was held."""
        self._held -= count

    def accept(self, items: Items, places: Places) -> None:
        """Results are delivered, also while the run is stopping."""
        if items:
            places = pack(places)
            self._books.arrived += len(items)
            self._unread += len(items)
            self._books.ledger.end(places, End.DELIVERED)
            self._books.commands.append(Deliver(self._end, items, places))

    def read(self, count: int) -> None:
        """A user has read results; -1 lifts the bound."""
        if count < 0:
            self.maxsize = None
        else:
            self._unread -= count

    def close(self) -> None:
        """No more results come."""
        self.open = False
