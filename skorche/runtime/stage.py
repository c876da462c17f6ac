"""One stage while running: how large its next chunk is, and when it may start.

Chunk size: what is waiting, shared among the workers while most are idle (fairly among all once no more will come),
capped so that a chunk takes about as long as the engine likes; one item until that is measured, then at most four times
the largest chunk measured so far; and never more than every target has room for. While an idle worker waits no chunk
waits to fill; one that would only stand in line does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from skorche.compile.plan import StagePlan
from skorche.kernel import Outcome
from skorche.place import Place
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Capabilities
from skorche.runtime.flow import Edge, Target
from skorche.runtime.gate import Gate
from skorche.runtime.order import Origin, Window
from skorche.runtime.resolve import Resolver

EDGE_SECONDS = 0.05
GROWTH = 4
AHEAD_SECONDS = 0.03
SETTLED = 0.05
"""A cost that changes by a smaller share changes no size."""


class Gaps(Protocol):
    """A way to a zip, which wants to know what will not come."""

    def tell_gaps(self, stage: Stage, chunk: Chunk, outcome: Outcome, resolver: Resolver, again: set[int]) -> None: ...


class Again(NamedTuple):
    """An item that enters a stage once more: to be retried, divided off, or given back by a dead worker."""

    item: Any
    place: Place
    attempts: int
    entry: int
    origin: Origin | None = None


class Flight:
    """A chunk out at an engine, with the room held for its results."""

    __slots__ = ("chunk", "holds", "origins", "since", "stage", "ticket", "timed_out")

    def __init__(self, ticket: int, stage: Stage, chunk: Chunk, holds: list[int], origins: list[Origin] | None) -> None:
        self.ticket, self.stage, self.chunk = ticket, stage, chunk
        self.holds, self.origins = holds, origins
        self.since, self.timed_out = 0.0, False


@dataclass(slots=True)
class Stage:
    """The state of a stage. `targets` are the ports, then the error queues; `error_target` says which, by node.

    `slots` chunks may be out at a time: one per worker, and as many again waiting in the engine, while these are short.
    """

    plan: StagePlan
    capabilities: Capabilities
    edge: Edge
    targets: list[Target]
    error_target: dict[int, int]
    floor: int
    window: Window | None = None
    in_flight: int = 0
    delayed: int = 0
    due: deque[Again] = field(default_factory=deque)
    cost: float | None = None
    slots: int = 0
    gates: tuple[Gate, ...] = ()
    paused: bool = False
    ways: list[Gaps] = field(default_factory=list)
    _largest: int = 0
    _settled: float = 0.0
    _ideal: int = 1
    _bytes: float = 0.0
    _expanding: bool = False
    _ratios: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ratios = [1.0] * len(self.targets)
        self.slots = self.plan.workers

    @property
    def unfinished(self) -> bool:
        """Whether anything may still come out of this stage."""
        return bool(
            self.edge.open
            or self.edge.waiting.count
            or self.in_flight
            or self.due
            or self.delayed
            or (self.window is not None and len(self.window))
        )

    @property
    def ready(self) -> bool:
        """Whether it has something to start, a worker to spare, and room for the results."""
        waiting = self.edge.waiting.count
        idle = self.in_flight < self.slots and not self.paused
        return idle and bool(self.due or (waiting and self.size(waiting)))

    def size(self, waiting: int) -> int:
        """How many of the waiting items the next chunk takes; 0 if there is no room, or it should grow first."""
        idle = self.plan.workers - self.in_flight
        size = 1 if waiting == 1 and idle > 0 else self._wish(waiting, idle)
        for target, ratio in zip(self.targets, self._ratios):  # noqa: B905  (per chunk: as long as each other)
            room = target.room
            if room < size * ratio:
                size = 0 if room < 1 else max(1, int(room / ratio))
        return size

    def _wish(self, waiting: int, idle: int) -> int:
        """The size that would be best, were there room."""
        if self.plan.timeout is not None or self.cost is None:
            return 1
        most = min(self._ideal, self._largest * GROWTH)
        if not self.edge.open:
            return min(most, self._share(waiting))
        if 2 * idle > self.plan.workers:
            return min(most, -(-waiting // idle))
        size = min(most, waiting)
        if idle <= 0 and 3 * size < 2 * most:
            return 0  # every worker has one: a small chunk can grow until somebody needs it
        return size

    def _share(self, items: int) -> int:
        """A fair share of these items: half of what each worker would get; all, for one that is alone.

        The rest is shared out as workers come back ("factoring": Hummel, Schonberg and Flynn, CACM 35(8), 1992).
        """
        workers = self.plan.workers
        return items if workers == 1 else -(-items // (2 * workers))

    def hold(self, count: int) -> list[int]:
        """Hold room in all targets for the results of `count` items."""
        holds = []
        for target, ratio in zip(self.targets, self._ratios):  # noqa: B905  (per chunk: as long as each other)
            hold = count if ratio == 1.0 else -int(-count * ratio // 1)
            target.hold(hold)
            holds.append(hold)
        return holds

    def learn(self, outcome: Outcome, count: int) -> None:
        """Take the cost of a chunk into account; a rise is believed sooner than a fall."""
        seconds = outcome.seconds
        if not count or not seconds:
            return
        if outcome.expansions or self._expanding:
            self._learn_ratios(outcome, count)
        if self.gates:
            return  # one item at a time and a short edge, as while nothing was measured: a limit, not the cost, decides
        cost = max(seconds / count, 1e-9)
        if self.cost is None:
            self.cost = cost
        else:
            self.cost += (0.5 if cost > self.cost else 0.3) * (cost - self.cost)
        if outcome.bytes_in or outcome.bytes_out:
            self._bytes = max(outcome.bytes_in, outcome.bytes_out) / count
        if count > self._largest or self._bytes or abs(self.cost - self._settled) > SETTLED * self._settled:
            self._largest = max(count, self._largest)
            self._settle()

    def _learn_ratios(self, outcome: Outcome, count: int) -> None:
        self._expanding = True
        for port, (items, _) in enumerate(outcome.ports):
            ratio = len(items) / count
            self._ratios[port] = max(1.0, ratio, 0.7 * self._ratios[port] + 0.3 * ratio)

    def _settle(self) -> None:
        """From the measured cost: how much the edge holds, how large chunks are, how many may be out."""
        assert self.cost is not None
        self._settled = self.cost
        workers, can = self.plan.workers, self.capabilities
        limit = min(can.edge_items, int(EDGE_SECONDS * workers / self.cost))
        ideal = round(can.chunk_seconds / self.cost)
        if can.chunk_bytes and self._bytes:
            limit = min(limit, int(4 * workers * can.chunk_bytes / self._bytes))
            ideal = min(ideal, int(can.chunk_bytes / self._bytes))
        limit = max(limit, self.floor)
        self.edge.limit = limit = limit if self.plan.maxsize is None else min(limit, self.plan.maxsize)
        self._ideal = max(1, min(ideal, self._share(limit)))
        short = self.cost * min(self._ideal, self._largest) <= AHEAD_SECONDS
        self.slots = 2 * workers if can.ahead and short and self.plan.timeout is None else workers
