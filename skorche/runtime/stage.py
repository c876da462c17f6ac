"""One stage while running: how large its next chunk is, and when it may start.

Chunk size: what is waiting, shared among the workers while most are idle (fairly among all once no more will come),
capped so that a chunk takes about as long as the engine likes; one item until that is measured, then at most four times
the largest chunk measured so far; and never more than every target has room for. While an idle worker waits no chunk
waits to fill, nor for more room behind it; one that would only stand in line does the one, and the other if its workers
are near.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from skorche.compile.plan import StagePlan
from skorche.expansion import Portion
from skorche.kernel import Outcome
from skorche.named import NamedTuple
from skorche.place import Place
from skorche.runtime.chunk import Chunk
from skorche.runtime.command import Warn
from skorche.runtime.engine import Capabilities
from skorche.runtime.flow import Books, Edge, Target
from skorche.runtime.ledger import End, Ledger
from skorche.runtime.order import Origin, Window
from skorche.runtime.resolve import Resolver
from skorche.runtime.tally import Tally

if TYPE_CHECKING:
    from skorche.runtime.gate import Gate

EDGE_SECONDS, EDGE_CHUNKS = 0.05, 2.5
"""How long a stage works at what its edge holds: at least so many seconds, and so many chunks for each worker."""
LATELY_SECONDS, OF_LATELY = 0.05, 4
"""What an edge holds is also no more than so many times what was taken off it in such a time lately: a stage takes less
than it could where what follows is slower."""
GROWTH = 4
AHEAD_SECONDS = 0.03
"""Items that take longer do not wait in the engine: another worker may be idle before the one at work is done."""
REFILL_SECONDS = 0.01
"""Where items go side by side, as many wait in the engine as end meanwhile."""
SETTLED = 0.2
"""A cost that changes by a smaller share changes no size."""
LEAST_COST = 1e-9
"""Seconds an item takes, where the clock is too coarse to tell."""
LARGEST_PART = 1 << 14
"""Elements that come of a chunk at once, also when what follows has room without end."""


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
    """A chunk out at an engine, with the room held for its results.

    `count` of its items are still out, and take so many `workers`.
    """

    __slots__ = ("chunk", "count", "holds", "origins", "since", "stage", "ticket", "timed_out", "workers")

    def __init__(self, ticket: int, stage: Stage, chunk: Chunk, holds: list[int], origins: list[Origin] | None) -> None:
        self.ticket, self.stage, self.chunk = ticket, stage, chunk
        self.holds, self.origins = holds, origins
        self.count = count = len(chunk.items)
        self.workers = count if stage.side_by_side else 1
        self.since, self.timed_out = 0.0, False

    def detach(self, indices: Sequence[int]) -> Flight:
        """Some of its items have come back: they are a flight of their own, with their share of the room."""
        chunk, count = self.chunk, len(indices)
        attempts = None if chunk.attempts is None else [chunk.attempts[index] for index in indices]
        items, places = ([all_of[index] for index in indices] for all_of in (chunk.items, chunk.places))
        holds = [hold * count // self.count for hold in self.holds]
        self.holds = [hold - taken for hold, taken in zip(self.holds, holds, strict=True)]
        self.count -= count
        self.workers = self.count if self.stage.side_by_side else 1
        return Flight(self.ticket, self.stage, Chunk(items, places, chunk.entry, attempts), holds, None)


class Stage:
    """The state of a stage. `targets` are the ports, then the error queues; `error_target` says which, by node.
    `tallies` are those of its nodes.

    It has `workers` to use, of `given` that it was given. `slots` chunks may be out at a time: one per worker, and
    as many again waiting in the engine, while items are short. Workers are near if no chunk is copied on its way to
    them: who is done has the next one at once.
    """

    def __init__(
        self,
        plan: StagePlan,
        capabilities: Capabilities,
        edge: Edge,
        targets: list[Target],
        error_target: dict[int, int],
        floor: int,
        tallies: Sequence[Tally],
        window: Window | None = None,
    ) -> None:
        self.plan, self.capabilities, self.edge = plan, capabilities, edge
        self.targets, self.error_target, self.floor, self.window = targets, error_target, floor, window
        self.tallies = tallies
        self.in_flight = self.delayed = 0
        self.due: deque[Again] = deque()
        self.cost: float | None = None
        self.slots = self.workers = self.given = plan.workers
        self.side_by_side = capabilities.side_by_side and window is None and not plan.one_by_one
        self._is_near = capabilities.chunk_bytes is None
        self.gates: tuple[Gate, ...] = ()
        self.paused = False
        self.ways: list[Gaps] = []
        self.bytes_in = self.bytes_out = 0
        self._largest, self._ideal = 0, 1
        self._settled = self._bytes = self._unpaid = 0.0
        self._taken = self._most = 0
        self._taken_since, self._tells_at = -1.0, -math.inf
        self._expanding = plan.flows
        self._ratios = [1.0] * len(targets)

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
        idle = self.workers - self.in_flight
        wish = 1 if waiting == 1 and idle > 0 else self._wish(waiting, idle)
        size = self._fitting(wish)
        if idle <= 0 and size < wish and self._is_near and 3 * size < 2 * min(self._ideal, self._largest):
            return 0  # every worker has one: until somebody needs it there may be room for more
        return size

    def _fitting(self, size: int) -> int:
        """So many items, or as many as all targets have room for."""
        if not self._expanding:
            for target in self.targets:
                room = target.room
                if room < size:
                    size = max(0, room)
            return size
        if self.plan.flows and size > 1:
            size = max(1, min(size, int(LARGEST_PART / max(self._ratios))))
        for target, ratio in zip(self.targets, self._ratios):  # noqa: B905  (per chunk: as long as each other)
            room = target.room
            if room < size * ratio:
                size = 0 if room < 1 or (room < ratio and self._holds_results) else max(1, int(room / ratio))
        return size

    @property
    def _holds_results(self) -> bool:
        """Whether results wait in the window for an item that is tried again: then all will come at once."""
        return self.window is not None and len(self.window) > self.in_flight

    def _wish(self, waiting: int, idle: int) -> int:
        """The size that would be best, were there room."""
        if self.side_by_side:
            return min(waiting, self.slots - self.in_flight)
        if self.plan.one_by_one or self.cost is None:
            return 1
        most = min(self._ideal, self._largest * GROWTH)
        if not self.edge.open:
            return min(most, self._share(waiting))
        if 2 * idle > self.workers:
            return min(most, -(-waiting // idle))
        size = min(most, waiting)
        if idle <= 0 and 3 * size < 2 * most:
            return 0  # every worker has one: a small chunk can grow until somebody needs it
        return size

    def share_again(self) -> int:
        """How many of the items that enter again go together."""
        if self.side_by_side:
            return self.slots - self.in_flight
        alone = self.plan.one_by_one or not self.capabilities.chunk_seconds
        return 1 if alone else min(self._ideal, -(-len(self.due) // (2 * self.workers)))

    def _share(self, items: int) -> int:
        """A fair share of these items: half of what each worker would get; all, for one that is alone.

        The rest is shared out as workers come back ("factoring": Hummel, Schonberg and Flynn, CACM 35(8), 1992).
        """
        workers = self.given  # a chunk should not grow where workers die of what is in it
        return items if workers == 1 else -(-items // (2 * workers))

    def shed(self) -> bool:
        """Use one worker fewer from now on; whether there is one to do without.

        No chunk waits ahead in the engine any more: that has not heard of it, and would give the chunk to a worker.
        """
        if self.workers == 1:
            return False
        self.workers -= 1
        self.slots = self.workers
        return True

    def resize(self, workers: int) -> None:
        """Use so many workers from now on, but for those it has shed; then `settle`, when floors have been set anew."""
        self.workers = max(1, workers - (self.given - self.workers))
        self.given = workers
        self.slots = self.workers

    def settle(self) -> None:
        """How much its edge holds, and how many chunks may be out, with the workers there are now."""
        if self.cost is None:
            self.edge.limit = self.floor
        else:
            self._settle()

    def hold(self, count: int) -> list[int]:
        """Hold room in all targets for the results of `count` items."""
        if self.plan.flows:
            return self._hold_part(count)
        if not self._expanding:
            for target in self.targets:
                target.hold(count)
            return [count] * len(self.targets)
        holds = [-int(-count * ratio // 1) for ratio in self._ratios]
        for target, hold in zip(self.targets, holds, strict=True):
            target.hold(hold)
        return holds

    def _hold_part(self, count: int) -> list[int]:
        """Hold what there is in all targets, shared with the workers that are idle: items go on where they stopped."""
        ports = len(self.plan.ports)
        room = min(target.room for target in self.targets[:ports])
        part = min(LARGEST_PART, -(-room // max(1, self.workers - self.in_flight)))
        holds = [part] * ports + [count] * (len(self.targets) - ports)
        for target, hold in zip(self.targets, holds, strict=True):
            target.hold(hold)
        return holds

    def portion(self, holds: list[int]) -> Portion:
        """How much may come of a chunk, for which this is held, where items may give it by and by."""
        return Portion(holds[0], self.capabilities.chunk_seconds)

    def settle_parts(self, outcome: Outcome, resolver: Resolver, ledger: Ledger) -> None:
        """Account for items that gave a part of their elements; what is left of them goes back where it came from."""
        rests, places = [], []
        for part in outcome.parts:
            place = resolver.place(part.path)
            ledger.become(place, part.count + part.lives)
            if part.rest is not None:
                rests.append(part.rest)
                places.append(place)
        self.edge.put_back(rests, places)

    def cancel(self, entry: int, place: Place, ledger: Ledger) -> None:
        """An item will not enter again, which it would have done at this step."""
        self.tallies[entry].cancelled += 1
        ledger.end([place], End.CANCELLED)

    def learn(self, outcome: Outcome, count: int, now: float) -> None:
        """Take the cost of a chunk into account; a rise is believed sooner than a fall."""
        seconds, moved = outcome.seconds, outcome.bytes_in or outcome.bytes_out
        if moved:
            self.bytes_in += outcome.bytes_in
            self.bytes_out += outcome.bytes_out
        if self.plan.flows:  # the cost of an item is that of all its parts
            count -= sum(part.rest is not None for part in outcome.parts)
            seconds, self._unpaid = (seconds + self._unpaid, 0.0) if count else (0.0, seconds + self._unpaid)
        if not count or not seconds:
            return
        if self._expanding or outcome.expansions or outcome.parts:
            self._learn_ratios(outcome, count)
        if self.gates:
            return  # one item at a time and a short edge, as while nothing was measured: a limit, not the cost, decides
        cost, known = seconds / count, self.cost
        if cost < LEAST_COST:
            cost = LEAST_COST
        if known is not None:
            cost = known + (0.5 if cost > known else 0.3) * (cost - known)
        self.cost = cost
        if moved:
            self._bytes = max(outcome.bytes_in, outcome.bytes_out) / count
        self._taken += count
        news = now >= self._tells_at and self._look_back(now)
        if count > self._largest or self._bytes or news or abs(cost - self._settled) > SETTLED * self._settled:
            self._largest = max(count, self._largest)
            self._settle()

    def _look_back(self, now: float) -> bool:
        """How much was taken off the edge lately; whether that is news.

        Until that has been seen for a while, the edge may grow with what was.
        """
        known, since = self._most, self._taken_since
        if since < 0:
            self._taken_since = since = now
        if now - since < LATELY_SECONDS:
            self._most = OF_LATELY * self._taken
        else:
            self._most = int(OF_LATELY * self._edge_seconds * self._taken / (now - since))
            self._taken, self._taken_since, self._tells_at = 0, now, now + LATELY_SECONDS
        return abs(self._most - known) > SETTLED * known

    @property
    def _edge_seconds(self) -> float:
        """For so long should its edge have work."""
        return max(EDGE_SECONDS, EDGE_CHUNKS * self.capabilities.chunk_seconds)

    def _learn_ratios(self, outcome: Outcome, count: int) -> None:
        self._expanding = True
        for port, (items, _) in enumerate(outcome.ports):
            ratio = len(items) / count
            self._ratios[port] = max(1.0, ratio, 0.7 * self._ratios[port] + 0.3 * ratio)

    def _settle(self) -> None:
        """From the measured cost: how much the edge holds, how large chunks are, how many may be out."""
        assert self.cost is not None
        self._settled = self.cost
        workers, can = self.workers, self.capabilities
        limit = min(can.edge_items, int(self._edge_seconds * workers / self.cost), self.floor + self._most)
        ideal = round(can.chunk_seconds / self.cost)
        if can.chunk_bytes and self._bytes:
            limit = min(limit, int(4 * workers * can.chunk_bytes / self._bytes))
            ideal = min(ideal, int(can.chunk_bytes / self._bytes))
        limit = max(limit, self.floor)
        self.edge.limit = limit = limit if self.plan.maxsize is None else min(limit, self.plan.maxsize)
        self._ideal = max(1, min(ideal, self._share(limit)))
        if self.side_by_side:
            self.slots = workers + min(workers, int(workers * REFILL_SECONDS / self.cost))
            return
        ahead = can.ahead and self.cost <= AHEAD_SECONDS and not self.plan.one_by_one and workers == self.given
        self.slots = 2 * workers if ahead else workers


def shed_worker(stage: Stage, books: Books) -> None:
    """Memory does not suffice for all workers of a stage: it goes on with one fewer, which is told the first time."""
    tally = stage.tallies[0]
    if stage.shed():
        tally.shed_workers += 1
        if tally.shed_workers == 1:
            books.commands.append(Warn(_explain_shedding(stage)))


def _explain_shedding(stage: Stage) -> str:
    """What to tell when a stage has begun to shed workers."""
    workers = "1 worker" if stage.workers == 1 else f"{stage.workers} workers"
    return (
        f"task {stage.plan.names[0]!r} goes on with {workers} at a time, not {stage.given}: one was killed from "
        "outside, probably because memory ran out. Each such death takes one more, down to the last; give it fewer "
        "workers (max_workers=), or smaller items."
    )
