"""What starts: chunks of what waits in front of the stages, as far as workers and room for the results allow.

Nothing starts here that has nowhere to leave its results: room is held for them in all targets before the chunk goes
to its engine. An item that enters a stage again has kept its room, and goes before fresh ones. Stages with limits start
one item at a time, by turns. A stage that is paused starts nothing: what waits stays where it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from skorche.runtime.chunk import Chunk
from skorche.runtime.command import Submit
from skorche.runtime.flow import Books
from skorche.runtime.limits import Limits
from skorche.runtime.stage import Again, Flight, Stage
from skorche.runtime.watchdog import Watchdog


class Starting:
    """Starts chunks; `flights` are those that are out, by ticket."""

    def __init__(self, stages: Sequence[Stage], books: Books, watchdog: Watchdog) -> None:
        self.flights: dict[int, Flight] = {}
        self._books, self._watchdog = books, watchdog
        self._unlimited = [stage for stage in reversed(stages) if not stage.plan.limits]
        self._stages = self._unlimited
        self.paused: list[Stage] = []
        self._limited = any(stage.plan.limits for stage in stages)
        self.limits = Limits(stages)
        self._tickets = 0

    def start(self, now: float) -> bool:
        """Start what can start, in the stages that stand last first; whether anything did."""
        started = False
        for stage in self._stages:
            waiting = stage.edge.waiting
            while (waiting.count or stage.due) and stage.in_flight < stage.slots and self._start_one(stage, now):
                started = True
        if self._limited:
            while (chosen := self.limits.choose(now)) is not None:
                started |= self._start_one(chosen, now)
                self.limits.enter(chosen)
        return started

    def stop(self) -> None:
        """Nothing will start any more, so nothing waits for its time either."""
        self.limits.wakes_at = math.inf

    def end(self, stage: Stage) -> None:
        """Nothing will ever wait for this stage again."""
        if stage.gates:
            self.limits.forget(stage)
        else:
            self._unlimited.remove(stage)
        self.pause(stage, paused=False)

    def pause(self, stage: Stage, *, paused: bool) -> None:
        """From now on the stage starts nothing, or goes on."""
        stage.paused = paused
        for node in stage.plan.nodes:
            self._books.tallies[node].paused = paused
        self.paused = [one for one in self.paused if one is not stage] + [stage] * paused
        self._stages = [one for one in self._unlimited if not one.paused]

    @property
    def holds_back(self) -> bool:
        """Whether items wait in front of what is paused."""
        return any(stage.edge.waiting.count or stage.due for stage in self.paused)

    def _start_one(self, stage: Stage, now: float) -> bool:
        if stage.due:
            flight = self._again_flight(stage)
        elif (count := stage.size(stage.edge.waiting.count)) > 0:
            flight = self._fresh_flight(stage, count)
        else:
            return False
        flight.since = now
        if not self.flights:
            self._watchdog.moved = now  # a run that had nothing to wait for has not stalled
        stage.in_flight += flight.workers
        self.flights[flight.ticket] = flight
        self._books.commands.append(Submit(flight.ticket, stage.plan.number, flight.chunk))
        return True

    def _fresh_flight(self, stage: Stage, count: int) -> Flight:
        items, places = stage.edge.waiting.take(count)
        holds = stage.hold(len(items))
        origins = None if stage.window is None else stage.window.open(len(items), holds)
        self._tickets += 1
        chunk = Chunk(items, places, 0, None, stage.portion(holds) if stage.plan.flows else None)
        return Flight(self._tickets, stage, chunk, holds, origins)

    def _again_flight(self, stage: Stage) -> Flight:
        """Items that enter again; the room for their results is held already."""
        share = stage.share_again()
        entry = stage.due[0].entry
        group: list[Again] = []
        while stage.due and len(group) < share and stage.due[0].entry == entry:
            group.append(stage.due.popleft())
        chunk = Chunk([one.item for one in group], [one.place for one in group], entry, [one.attempts for one in group])
        origins = [one.origin for one in group if one.origin is not None]
        self._tickets += 1
        return Flight(self._tickets, stage, chunk, [len(group)] * len(stage.targets), origins or None)
