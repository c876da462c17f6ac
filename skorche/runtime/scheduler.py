"""The scheduler: a pure state machine. Events and the time go in, commands come out; nothing here waits or runs.

For each stage, whatever happens:

* success: results go to the targets of the ports, where room was held since the chunk started;
* failure: `recovery` decides; an item that enters the stage again keeps the room held for it;
* a worker's death: what had left it counts, the item it was on fails, the others come back;
* a stop: what waits is cancelled at once, what is in flight finishes and counts (or is killed after a grace).

A stage ends when its edge is closed and nothing waits, is in flight, or will enter again; then it closes its targets.
All counters live here, so there are no locks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from skorche.compile.plan import Plan
from skorche.errors import InternalError
from skorche.kernel import Outcome, Trouble
from skorche.runtime.audit import audit, stuck
from skorche.runtime.build import build, resize
from skorche.runtime.command import Command, Diagnosed, Event, Fed, Hold, Pause, Resize, Stop, StopSources, Taken, Warn
from skorche.runtime.deadlines import Deadlines, timeout_error
from skorche.runtime.engine import (
    Broken,
    Capabilities,
    Done,
    Lost,
    Noticed,
    Recycled,
    Returned,
    Started,
    Starved,
)
from skorche.runtime.feed import pull, pull_one, take_fed
from skorche.runtime.flow import Edge
from skorche.runtime.ledger import End
from skorche.runtime.recovery import Policy, Recovery
from skorche.runtime.resolve import Resolver
from skorche.runtime.stage import Again, Flight, Stage, shed_worker
from skorche.runtime.starting import Starting
from skorche.runtime.watchdog import Watchdog


class Scheduler:
    """Moves the items of one run. Call `handle`, first with no event, then with those that come, until `finished`."""

    def __init__(
        self, plan: Plan, capabilities: Sequence[Capabilities], policy: Policy | None = None, seed: int | None = None
    ) -> None:
        self.plan = plan
        self.parts = build(plan, capabilities)
        self.books = self.parts.books
        self._unfinished = list(self.parts.stages)
        self.recovery = Recovery(self.books, policy or Policy(), seed)
        for one in self.parts.zips:
            one.reject = self.recovery.reject
        self.error: BaseException | None = None
        self.finished = self._backlogged = False
        self.rerun = self.abandoned_threads = self.recycled = 0
        self._watchdog = Watchdog(policy or Policy())
        self._starting = Starting(self.parts.stages, self.books, self._watchdog)
        self.flights = self._starting.flights
        self._deadlines = Deadlines(self.flights, self.books)

    def handle(self, events: Sequence[Event], now: float) -> list[Command]:
        """Take events in (none: a timer is due), give the commands that follow."""
        self.books.now = now
        for event in events:
            self._take(event, now)
        if self.recovery.timers:
            self.recovery.wake(now)
        if self._deadlines.due < math.inf:
            self._deadlines.expire(now)
        watchdog = self._watchdog
        if now - watchdog.moved >= watchdog.patience and now >= watchdog.due and self._is_watched:
            self._look(now)
        self._advance(now)
        commands, self.books.commands = self.books.commands, []
        return commands

    @property
    def next_timer(self) -> float | None:
        """When to call `handle` at the latest, events or not."""
        first = self._starting.limits.wakes_at
        timers = self.recovery.timers
        if timers and timers[0][0] < first:
            first = timers[0][0]
        if self._deadlines.due < first:
            first = self._deadlines.due
        if self.parts.groupers and self.parts.due < first:
            first = self.parts.due
        if (self.flights or self._is_watched) and (due := self._watchdog.due) < first:
            first = due
        return None if first == math.inf else first

    @property
    def _is_watched(self) -> bool:
        """Whether the run could go on, but for workers that do not come back, or a stage that was paused."""
        return bool(self.flights or (self._starting.paused and self._starting.holds_back))

    def _look(self, now: float) -> None:
        watchdog, paused = self._watchdog, self._starting.paused
        told = watchdog.ask(self.flights.values(), now) if self.flights else Warn(watchdog.tell_paused(paused))
        self.books.commands.append(told)

    def _take(self, event: Event, now: float) -> None:
        if isinstance(event, Done):
            self._watchdog.moved = now
            self._done(event, now)
        elif isinstance(event, Fed):
            self._fed(event)
        elif isinstance(event, Returned):
            self._watchdog.moved = now
            self._returned(event, now)
        elif isinstance(event, Lost):
            self._watchdog.moved = now
            self._lost(event, now)
        elif isinstance(event, Started):
            self._begun(event, now)
        else:
            self._take_rare(event, now)

    def _take_rare(self, event: Event, now: float) -> None:
        if isinstance(event, Taken):
            self.parts.outlets[event.end].read(event.count)
        elif isinstance(event, Stop | Broken):
            self._stop(event.error)
            if isinstance(event, Stop) and event.grace is not None:
                self._deadlines.end_grace(now + event.grace)
        elif isinstance(event, Recycled):
            self.recycled += event.workers
        elif isinstance(event, Starved):
            shed_worker(self.parts.stages[event.stage], self.books)
        elif isinstance(event, Noticed):
            self.books.commands.append(Warn(event.text))
        elif isinstance(event, Diagnosed):
            self._diagnosed(event, now)
        else:
            self._take_wish(event, now)

    def _take_wish(self, event: Event, now: float) -> None:
        """Somebody outside wants something changed."""
        if isinstance(event, Pause):
            self._pause(event, now)
        elif isinstance(event, Resize):
            resize(self.parts, event)
        elif isinstance(event, Hold):
            self.books.holding = event.held

    def _begun(self, event: Started, now: float) -> None:
        flight = self.flights.get(event.ticket)
        if flight is None:
            return
        if flight.stage.gates:
            self._starting.limits.begin(flight, now)
        self._deadlines.begin(flight, now)

    # -- what comes back from engines -------------------------------------------------------------------------------

    def _done(self, event: Done, now: float) -> None:
        ticket, outcome, _, behind = event
        flight = self.flights.pop(ticket, None)
        if flight is None:
            raise InternalError(f"an engine returned ticket {ticket}, which is not out.")
        stage = flight.stage
        if stage.gates:
            self._starting.limits.end(flight, now, outcome.seconds)
        if (limit := stage.plan.timeout) is not None and outcome.seconds > limit and not stage.capabilities.kill:
            outcome = Outcome.empty(stage.plan.kernel)
            outcome.troubles.append(self._suspicion(flight, 0, timeout_error(flight)))
        if behind:
            for waited in [self.flights.pop(other) for other in reversed(behind)]:
                self._land(waited, Outcome.empty(stage.plan.kernel), range(waited.count), now)
        self._land(flight, outcome, outcome.left, now)

    def _returned(self, event: Returned, now: float) -> None:
        flight = self.flights.get(event.ticket)
        if flight is None:
            raise InternalError(f"an engine returned a part of ticket {event.ticket}, which is not out.")
        if flight.count == len(event.indices):
            del self.flights[event.ticket]
            if flight.stage.gates:  # then it was one item
                self._starting.limits.end(flight, now, event.outcome.seconds)
        self._land(flight.detach(event.indices), event.outcome, (), now)

    def _lost(self, event: Lost, now: float) -> None:
        flight = self.flights.pop(event.ticket, None)
        if flight is None:
            raise InternalError(f"an engine lost ticket {event.ticket}, which is not out.")
        if flight.stage.gates:
            self._starting.limits.end(flight, now, None)
        outcome = event.finished or Outcome.empty(flight.stage.plan.kernel)
        self.rerun += event.rerun
        self.abandoned_threads += event.abandoned_thread
        left = list(event.left)
        if event.suspect is not None:
            if self._deadlines.killing and not flight.timed_out:
                left.append(event.suspect)
            else:
                cause = timeout_error(flight) if flight.timed_out else event.cause
                outcome.troubles.append(self._suspicion(flight, event.suspect, cause, event.output))
        if flight.count < len(flight.chunk.items):  # the others have come back: it was untimed, so nobody is to blame
            flight, left = flight.detach(left), list(range(len(left)))
        self._land(flight, outcome, left, now)

    def _suspicion(self, flight: Flight, index: int, cause: BaseException, output: str = "") -> Trouble:
        return Trouble(flight.chunk.entry, index, flight.chunk.items[index], cause, "", output)

    def _land(self, flight: Flight, outcome: Outcome, left: Sequence[int], now: float) -> None:
        """Everything a chunk leaves behind: counts, expansions, failures, items to do again, results."""
        stage, chunk = flight.stage, flight.chunk
        stage.in_flight -= flight.workers
        stage.learn(outcome, flight.count - len(left), now)
        tallies, entry = stage.tallies, chunk.entry
        for step, count in enumerate(outcome.counts):
            if count is not None:
                tallies[step].add(count, head=step == entry)
        if flight.origins is None and len(outcome.ports) == 1 and not (left or stage.ways or outcome.eventful):
            self._pass_on(flight, outcome)
            return
        resolver = Resolver(chunk.places, outcome.expansions, outcome.parts)
        again: set[int] = set()
        if left or outcome.eventful:
            self._account(flight, outcome, left, resolver, again, now)
        if stage.ways and not self.books.stopping:
            for way in stage.ways:
                way.tell_gaps(stage, chunk, outcome, resolver, again)
        self._route(flight, outcome, resolver, again)

    def _account(
        self, flight: Flight, outcome: Outcome, left: Sequence[int], resolver: Resolver, again: set[int], now: float
    ) -> None:
        """What did not simply go through; adds to `again` the indices of items that will enter the stage again."""
        self.rerun += outcome.rerun
        if outcome.expansions and not resolver.gives_members_back:
            for path, members in outcome.expansions:
                self.books.ledger.expand(resolver.place(path), members)
        if outcome.parts:
            flight.stage.settle_parts(outcome, resolver, self.books.ledger)
        if outcome.dropped:
            self.books.ledger.end(resolver.places(outcome.dropped), End.FILTERED)
        again.update([index for index in reversed(left) if self._give_back(flight, index)])
        for trouble in outcome.troubles:
            if self.recovery.handle(flight, trouble, resolver.place(trouble.path), now):
                again.add(trouble.path if type(trouble.path) is int else trouble.path[0])

    def _give_back(self, flight: Flight, index: int) -> bool:
        """An item that was not finished enters the stage again, unless the run is stopping; whether it does."""
        chunk, stage = flight.chunk, flight.stage
        if self.books.stopping:
            stage.cancel(chunk.entry, chunk.places[index], self.books.ledger)
            return False
        origin = flight.origins[index] if flight.origins else None
        attempts = chunk.attempts[index] if chunk.attempts else 0
        stage.due.appendleft(Again(chunk.items[index], chunk.places[index], attempts, chunk.entry, origin))
        return True

    def _pass_on(self, flight: Flight, outcome: Outcome) -> None:
        """All went through once, and by the only port: what `_route` does then."""
        targets = flight.stage.targets
        for target, hold in zip(targets, flight.holds):  # noqa: B905  (per chunk: as long as each other)
            target.release(hold)
        items, paths = outcome.ports[0]
        if items:
            places = flight.chunk.places
            targets[0].accept(items, places if len(items) == len(places) else Resolver(places, ()).places(paths))

    def _route(self, flight: Flight, outcome: Outcome, resolver: Resolver, again: set[int]) -> None:
        stage, origins = flight.stage, flight.origins
        if origins is None or stage.window is None:
            for target, hold in zip(stage.targets, flight.holds):  # noqa: B905  (per chunk: as long as each other)
                target.release(hold - len(again))
            for target, (items, paths) in zip(stage.targets, outcome.ports):  # noqa: B905  (error queues come last)
                if items:
                    target.accept(items, resolver.places(paths))
            return
        for port, (items, paths) in enumerate(outcome.ports):
            stage.window.add(origins, port, items, paths, resolver.places(paths))
        for index, (slot, _) in enumerate(origins):
            slot.pending -= index not in again
        self._send_in_order(stage)

    def _send_in_order(self, stage: Stage) -> None:
        assert stage.window is not None
        for slot in stage.window.complete():
            for target, hold in zip(stage.targets, slot.holds, strict=True):
                target.release(hold)
            for port, part in enumerate(slot.parts):
                if part:
                    stage.targets[port].accept([item for _, item, _ in part], [place for _, _, place in part])

    # -- what comes from sources and users --------------------------------------------------------------------------

    def _fed(self, event: Fed) -> None:
        take_fed(self.parts.feeds[event.source], event, self.books)
        if event.error is not None and self.error is None:
            self._stop(event.error)

    def _pause(self, event: Pause, now: float) -> None:
        stage = self.parts.stages[event.stage]
        if stage.unfinished and not self.books.stopping:
            self._starting.pause(stage, paused=event.paused)
            self._watchdog.moved = now

    def _stop(self, error: BaseException) -> None:
        """Cancel what waits, and take no more in."""
        if self.error is None:
            self.error = error
        if self.books.stopping:
            return
        self.books.stopping = True
        self._starting.stop()
        self.books.commands.append(StopSources(error))
        for stage in self.parts.stages:
            stage.edge.cancel(stage.edge.waiting.drain()[1])
            while stage.due:
                self._cancel(stage, stage.due.popleft())
        for stage, again in self.recovery.drop():
            self._cancel(stage, again)
        for one in self.parts.held:
            one.drop()

    def _cancel(self, stage: Stage, again: Again) -> None:
        stage.cancel(again.entry, again.place, self.books.ledger)
        if again.origin is None:
            for target in stage.targets:
                target.release(1)
        else:
            again.origin[0].pending -= 1
            self._send_in_order(stage)

    def _diagnosed(self, event: Diagnosed, now: float) -> None:
        """It is known what the run waits for: say so, or fail and kill it, as a stop without grace does."""
        verdict = self._watchdog.judge(event, self.flights, now)
        if isinstance(verdict, str):
            self.books.commands.append(Warn(verdict))
        elif verdict is not None:
            self._stop(verdict)
            self._deadlines.end_grace(now)

    # -- what starts and ends ---------------------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        """Close what has ended and start what can start, until nothing changes."""
        books = self.books
        while True:
            if books.fatal is not None and self.error is None:
                self._stop(books.fatal)
            flowed = self._flow()
            started = not books.stopping and self._starting.start(now)
            closed = books.closing and self._close_finished()
            if not (closed or ((flowed or started) and self._backlogged)):
                break
        if books.holding and not (self.flights or books.stopping):
            pull_one(self.parts.feeds, books)
        elif not (books.holding or books.stopping):
            pull(self.parts.feeds, books)
        if not (self.flights and self._unfinished):
            self._check_end()

    def _flow(self) -> bool:
        """Let sources and operators with memory pass on what they have; whether anything changed."""
        changed, backlogged = False, bool(self.parts.held)  # what may move when a chunk has left the edge behind
        for feed in self.parts.feeds:
            if feed.waiting.count or (not feed.ended and (feed.exhausted or (feed.fed and feed.unwanted))):
                changed |= feed.flow(stopping=self.books.stopping)
                backlogged |= feed.waiting.count > 0
        for one in self.parts.held:
            changed |= one.flow()
        self._backlogged = backlogged
        return changed

    def _close_finished(self) -> bool:
        closing = [stage for stage in self._unfinished if not stage.edge.open]
        ended = [stage for stage in closing if not stage.unfinished]
        self.books.closing = len(closing) > len(ended)
        for stage in ended:
            self._unfinished.remove(stage)
            self._starting.end(stage)
            for target in stage.targets:
                target.close()
        return bool(ended)

    def _check_end(self) -> None:
        parts = self.parts
        if not self._unfinished and all(feed.ended for feed in parts.feeds):
            if not self.finished and not any(outlet.open for outlet in parts.outlets):
                self.finished = True
                audit(self.parts, self.recovery)
        elif not self.flights and not self._starting.paused and self.next_timer is None:
            problem = stuck(self.parts)
            if problem is not None:
                raise InternalError(problem)

    def edges(self) -> list[Edge]:
        """The edges, in the order of the stages, for whoever watches."""
        return [stage.edge for stage in self.parts.stages]
