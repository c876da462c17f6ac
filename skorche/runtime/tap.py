"""Writes down what happens in a run, chunk by chunk, for who wants all of it. A run without a tap pays nothing for it.

    engine ──event──▶ tap ──▶ coordinator ──▶ tap ──▶ scheduler.handle
                       │                       │
                       └──────── notes ────────┴──▶ whoever asked for them

It stands where engines speak, since only there the time is known at which a worker was done, and around the
scheduler's turns. It says numbers and texts only, never an item.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from skorche.errors import text_of
from skorche.events import Happened, Note, Queued, Worked
from skorche.kernel import Outcome
from skorche.place import SOURCE_STRIDE, Place, roots
from skorche.runtime.command import Command, Event, Hold, Pause, Submit, Warn
from skorche.runtime.engine import (
    Died,
    Done,
    Emit,
    Engine,
    EngineEvent,
    Lost,
    Recycled,
    Returned,
    Starved,
    has_workers,
)
from skorche.runtime.scheduler import Scheduler

LOOK_SECONDS = 0.005
"""Queues change with every chunk: between two notes of one pass so many seconds at least."""

Handle = Callable[[Sequence[Event], float], Sequence[Command]]
_BACK = frozenset({Done, Returned, Lost})


class Tap:
    """Hears all of one run, and calls `note`, from any thread."""

    def __init__(self, note: Callable[[Note], None]) -> None:
        self._note = note
        self._out: dict[int, tuple[Submit, float, int]] = {}

    def on_engine(self, engine: Engine, emit: Emit) -> Emit:
        """What the engine is to call in place of `emit`."""
        process, side_by_side = has_workers(engine), engine.capabilities.side_by_side

        def heard(event: EngineEvent) -> None:
            if type(event) in _BACK:
                self._hear(event, process, side_by_side)  # type: ignore[arg-type]  # it is one of these
            emit(event)

        return heard

    def on_scheduler(self, scheduler: Scheduler) -> Handle:
        """What is to be called in place of `scheduler.handle`."""
        return _Turns(scheduler, self._note, self._out).handle

    def _hear(self, event: Done | Returned | Lost, process: bool, side_by_side: bool) -> None:
        """A worker is done with a chunk, or with a part of it."""
        ended = monotonic()
        given = self._out.pop(event.ticket, None)
        if given is None:
            return  # whoever gave it has made a mistake, which the scheduler tells
        submit, began, items = given
        index, lost = 0, ""
        if type(event) is Done:
            worker, outcome = event.worker, event.outcome
        elif isinstance(event, Lost):
            worker, outcome, lost = event.worker, event.finished or _NOTHING, text_of(event.cause)
            items -= len(event.left)
        else:
            assert isinstance(event, Returned)
            worker, outcome, index, left = None, event.outcome, event.indices[0], items - len(event.indices)
            items = len(event.indices)
            if left:
                self._out[event.ticket] = (submit, began, left)
        if not items:
            return  # none of them had begun
        if not lost:  # of work that was cut off nobody knows how long it took
            began = max(began, ended - outcome.seconds / (items if side_by_side else 1))
        counts, place = outcome.counts, submit.chunk.places[index]
        self._note(
            Worked(
                submit.stage,
                event.ticket,
                worker,
                process,
                began,
                ended,
                items,
                place % SOURCE_STRIDE if type(place) is int else _source_item(place),
                [None if one is None else (one.received, one.seconds) for one in counts] if len(counts) > 1 else (),
                len(outcome.troubles),
                outcome.bytes_in,
                outcome.bytes_out,
                lost,
            )
        )


_NOTHING = Outcome([], [], [], [], [])


def _source_item(place: Place) -> int | None:
    """The number of the source item it comes from, the first one if there are several."""
    root = next(roots(place), None)
    return None if root is None else root % SOURCE_STRIDE


class _Turns:
    """The scheduler's turns: what changes from one to the next, and what goes `out`."""

    def __init__(
        self, scheduler: Scheduler, note: Callable[[Note], None], out: dict[int, tuple[Submit, float, int]]
    ) -> None:
        self._scheduler, self._note, self._out = scheduler, note, out
        self._seen = [(0, stage.workers) for stage in scheduler.parts.stages]
        self._looked = self._turned = monotonic()
        self._retried = [0] * len(scheduler.books.tallies)
        self._failed = 0
        self._stopped = False

    def handle(self, events: Sequence[Event], now: float) -> Sequence[Command]:
        """As `Scheduler.handle`."""
        at = monotonic()
        if at - self._turned >= LOOK_SECONDS:  # nothing has changed since the last turn: so it has been until now
            self._look(self._turned)
        scheduler = self._scheduler
        commands = scheduler.handle(events, now)
        self._turned = at = monotonic()
        if at - self._looked >= LOOK_SECONDS:
            self._look(at)
        troubled = False
        for event in events:
            if type(event) is Done or type(event) is Returned:
                troubled = troubled or bool(event.outcome.troubles)
            else:
                troubled = troubled or type(event) is Lost
                self._tell(event, at)
        if troubled:
            self._tell_retries(at)
        if len(scheduler.recovery.failures) > self._failed or scheduler.books.stopping:
            self._tell_failures(at)
        for command in commands:
            if type(command) is Submit:
                self._out[command.ticket] = (command, at, len(command.chunk.items))
            elif type(command) is Warn:
                self._note(Happened(at, "warning", told=command.text))
        return commands

    def _look(self, at: float) -> None:
        """Note what is not as it was when last looked at."""
        self._looked = at
        for number, stage in enumerate(self._scheduler.parts.stages):
            now = (stage.edge.waiting.count, stage.workers)
            if now != self._seen[number]:
                self._seen[number] = now
                self._note(Queued(at, number, *now))

    def _tell(self, event: Event, at: float) -> None:
        """Events that are rare."""
        if isinstance(event, Pause):
            self._note(Happened(at, "pause" if event.paused else "resume", self._name(event.stage)))
        elif isinstance(event, Hold):
            self._note(Happened(at, "sources held" if event.held else "sources go on"))
        elif isinstance(event, Died):
            self._note(Happened(at, "worker died", told=f"process {event.worker}, {event.text}"))
        elif isinstance(event, Starved):
            self._note(Happened(at, "memory ran out", self._name(event.stage)))
        elif isinstance(event, Recycled):
            self._note(Happened(at, "recycled", told=f"{event.workers} worker{'s' * (event.workers > 1)}"))

    def _name(self, stage: int) -> str:
        return " + ".join(self._scheduler.plan.stages[stage].names)

    def _tell_retries(self, at: float) -> None:
        for number, tally in enumerate(self._scheduler.books.tallies):
            if tally.retried > self._retried[number]:
                more = tally.retried - self._retried[number]
                self._note(Happened(at, "retry", tally.name, f"{more} item{'s' * (more > 1)}"))
                self._retried[number] = tally.retried

    def _tell_failures(self, at: float) -> None:
        failures = self._scheduler.recovery.failures
        for failure in failures[self._failed :]:
            self._note(Happened(at, "failure", failure.node, failure.error))
        self._failed = len(failures)
        if self._scheduler.books.stopping and not self._stopped:
            self._stopped = True
            self._note(Happened(at, "stop", told=self._scheduler.error))
