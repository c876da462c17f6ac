"""One stage while running: how large its next chunk is, and when it may start.

Chunk size: what is waiting, shared fairly among the workers, capped so that a chunk takes about as long as the engine
likes; one item until that is measured, then at most four times the largest chunk measured so far; and never more than
every target has room for.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from skorche.compile.plan import StagePlan
from skorche.kernel import Outcome
from skorche.place import Place
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Capabilities
from skorche.runtime.flow import Edge, Target
from skorche.runtime.order import Origin, Window

EDGE_SECONDS = 0.05
GROWTH = 4
AHEAD_SECONDS = 0.03


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
    """The state of a stage. `targets` are the ports, then the error queues; `error_target` says which, by node."""

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
    finished: bool = False
    cost: float | None = None
    _largest: int = 0
    _bytes: float = 0.0
    _ratios: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ratios = [1.0] * len(self.targets)

    @property
    def slots(self) -> int:
        """Chunks that may be out: one per worker, and some ahead while chunks are short."""
        workers = self.plan.workers
        if not self.capabilities.ahead or self.plan.timeout is not None or self.cost is None:
            return workers
        seconds = self.cost * max(1, min(self._largest, int(self.capabilities.chunk_seconds / self.cost)))
        return workers if seconds > AHEAD_SECONDS else 2 * workers

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

    def size(self, waiting: int) -> int:
        """How many of the waiting items the next chunk takes; 0 if there is no room for one."""
        if self.plan.timeout is not None or self.cost is None:
            size = 1
        else:
            workers = self.plan.workers
            share = waiting if workers == 1 else -(-waiting // (2 * workers))  # alone, there is nobody to share with
            size = max(1, min(share, int(self.capabilities.chunk_seconds / self.cost), self._largest * GROWTH))
            if self.capabilities.chunk_bytes and self._bytes:
                size = max(1, min(size, int(self.capabilities.chunk_bytes / self._bytes)))
        if self.in_flight >= self.plan.workers and 2 * size < self._largest:
            return 0  # every worker has one: a small chunk can grow until somebody needs it
        for target, ratio in zip(self.targets, self._ratios, strict=True):
            room = target.room
            if room < size * ratio:
                size = 0 if room < 1 else max(1, int(room / ratio))
        return size

    def hold(self, count: int) -> list[int]:
        """Hold room in all targets for the results of `count` items."""
        holds = []
        for target, ratio in zip(self.targets, self._ratios, strict=True):
            hold = count if ratio == 1.0 else -int(-count * ratio // 1)
            target.hold(hold)
            holds.append(hold)
        return holds

    def learn(self, outcome: Outcome, count: int) -> None:
        """Take the cost of a chunk into account; a rise is believed sooner than a fall."""
        seconds = outcome.seconds
        if not count or not seconds:
            return
        cost = max(seconds / count, 1e-9)
        if self.cost is None:
            self.cost = cost
        else:
            self.cost += (0.5 if cost > self.cost else 0.3) * (cost - self.cost)
        self._largest = max(self._largest, count)
        if outcome.bytes_in or outcome.bytes_out:
            self._bytes = max(outcome.bytes_in, outcome.bytes_out) / count
        for port, (items, _) in enumerate(outcome.ports):
            ratio = len(items) / count
            if outcome.expansions and ratio > self._ratios[port]:
                self._ratios[port] = ratio
            elif self._ratios[port] != 1.0:
                self._ratios[port] = max(1.0, 0.7 * self._ratios[port] + 0.3 * ratio)
        self.edge.limit = self._limit()

    def _limit(self) -> int:
        assert self.cost is not None
        workers = self.plan.workers
        limit = min(self.capabilities.edge_items, int(EDGE_SECONDS * workers / self.cost))
        if self.capabilities.chunk_bytes and self._bytes:
            limit = min(limit, int(4 * workers * self.capabilities.chunk_bytes / self._bytes))
        limit = max(limit, self.floor)
        return limit if self.plan.maxsize is None else min(limit, self.plan.maxsize)
