"""Drives a run: takes events, asks the scheduler, and carries out its commands; one thread at a time.

    source threads ─┐               ┌──────────────────────────┐ ──submit──▶ engines
    engines ────────┼──▶ turns ──▶  │ scheduler.handle(events) │ ──ask─────▶ sources
    put(), stops ───┤               │ commands carried out     │ ──deliver─▶ outboxes
    timers ─────────┘               └──────────────────────────┘

A thread of skorche's own that brings an event takes the turn, if nobody has it. The coordinator's own thread takes the
others: events of user threads, timers, and the end. It waits in one place only, with the scheduler's next timer as the
limit. If it fails, every waiter gets an `InternalError`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread, get_ident
from typing import Any, NamedTuple, Protocol

from skorche.compile.plan import Plan, StagePlan
from skorche.errors import InternalError, SkorcheError
from skorche.events import NodeTally, RunFinished
from skorche.port import Outbox
from skorche.runtime.command import Command, Deliver, Diagnose, Event, Fed, Kill, Pull, Stop, Submit, Taken, Warn
from skorche.runtime.diagnosis import Diagnosis
from skorche.runtime.engine import Done, Engine
from skorche.runtime.inputs import SOURCE_PATIENCE, Input, InputMaker
from skorche.runtime.ledger import End
from skorche.runtime.recovery import Policy
from skorche.runtime.scheduler import Scheduler
from skorche.runtime.turns import Turns

LOG = logging.getLogger("skorche")

FEW_CHUNKS = 8
"""While no more are out, an engine's thread handles its events itself; with more, many are handled at once."""


class Ready(NamedTuple):
    """A source has something, or has ended."""

    source: int


class Snapshot(NamedTuple):
    """Somebody wants to see the counts."""

    answer: SimpleQueue[dict[str, NodeTally]]


class Observer(Protocol):
    """Watches a run from a thread of its own. It cannot slow the run, nor fail it."""

    def start(self, counts: Callable[[], dict[str, int]]) -> None:
        """The run begins; `counts` gives what has become of the source items so far."""
        ...

    def stop(self) -> None:
        """The run has ended."""
        ...


class Coordinator:
    """Runs a plan from start to end. Make it, `start` it, wait for `ended`."""

    def __init__(
        self,
        plan: Plan,
        engines: Sequence[tuple[Engine, Sequence[StagePlan]]],
        inputs: Sequence[InputMaker],
        outboxes: Sequence[Callable[[Callable[[int], None]], Outbox[Any]]],
        policy: Policy,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.ended = Flag()
        self.record: RunFinished | None = None
        self.error: BaseException | None = None
        self._plan, self._engines, self._input_makers = plan, engines, inputs
        self._engine_of = {stage.number: engine for engine, stages in engines for stage in stages}
        capabilities = [self._engine_of[stage.number].capabilities for stage in plan.stages]
        self._turns = Turns(self._handle)
        self._few = FEW_CHUNKS if all(can.returns for can in capabilities) else -1
        self.scheduler = Scheduler(plan, capabilities, policy)
        self._inputs: list[Input] = []
        self.outboxes = [make(self._reporter(end)) for end, make in enumerate(outboxes)]
        self._finished_inputs: set[int] = set()
        self._give_up_at = math.inf
        self._wakes_at = math.inf
        self._over = False
        self._diagnosis: Diagnosis | None = None
        self._began = time.monotonic()
        self._observers = list(observers)

    def _reporter(self, end: int) -> Callable[[int], None]:
        return lambda count: self._turns.post(Taken(end, count))

    def start(self) -> None:
        """Open engines and sources, then go on in a thread. Raises what an engine raises when it cannot open."""
        opened: list[Engine] = []
        try:
            for engine, stages in self._engines:
                opened.append(engine)
                engine.open(stages, self._turns.emit)
            for source, make in enumerate(self._input_makers):
                ready = Ready(source)
                self._inputs.append(make(partial(self._turns.emit, ready), partial(self._turns.post, ready)))
        except BaseException as error:
            for outbox in self.outboxes:
                outbox.close(error)
            for one in self._inputs:
                one.finish()
            for engine in opened:
                engine.close("kill")
            raise
        self._notify(lambda observer: observer.start(self.counts))
        self._thread = Thread(target=self._run, name=f"skorche {self._plan.name}")
        self._thread.start()

    def wait_ended(self, timeout: float | None = None) -> bool:
        """Wait for the end, and for the thread, which has nothing left to do then; whether it came in time."""
        if not self.ended.wait(timeout):
            return False
        self._thread.join()
        return True

    def _notify(self, tell: Callable[[Observer], None]) -> None:
        """Tell the observers; one that is broken is told nothing more."""
        for observer in self._observers[:]:
            try:
                tell(observer)
            except Exception:
                LOG.exception("an observer of the run failed; it is told nothing more")
                self._observers.remove(observer)

    def counts(self) -> dict[str, int]:
        """Source items admitted, and their ends, so far. A look without a lock, so a little behind."""
        ledger = self.scheduler.books.ledger
        return {"admitted": ledger.admitted} | {end.name.lower(): count for end, count in ledger.ended.items()}

    def stop(self, error: BaseException, grace: float | None) -> None:
        """Stop the run from outside."""
        self._turns.post(Stop(error, grace))

    def statistics(self) -> dict[str, NodeTally]:
        """The counts of the nodes now."""
        if not self.ended.is_set():
            answer: SimpleQueue[dict[str, NodeTally]] = SimpleQueue()
            self._turns.post(Snapshot(answer))
            while not self.ended.is_set():
                try:
                    return answer.get(timeout=0.05)
                except Empty:
                    continue
        return self._tallies()

    def _tallies(self) -> dict[str, NodeTally]:
        return {tally.name: tally.freeze() for tally in self.scheduler.books.tallies}

    # -- turns ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        """The coordinator's own thread."""
        self._turns.open()
        while not self._over:
            self._turns.wait(self._patience())
        try:
            self._close("drain" if self.scheduler.finished else "kill")
        except BaseException as error:  # noqa: BLE001  (whatever it is: nobody may wait for a dead coordinator)
            self.error = self.error or _internal(error)
        self._notify(lambda observer: observer.stop())
        self.record = self._make_record()
        self.ended.set()

    def _patience(self) -> float | None:
        """Seconds until a timer is due."""
        return None if self._wakes_at == math.inf else max(0.0, self._wakes_at - time.monotonic())

    def _handle(self, events: Sequence[Any]) -> None:
        """One turn, in whatever thread has it. Sees to it that the coordinator's own one wakes when it has to."""
        if self._over:
            return  # an engine that is being closed may still tell what it drops
        try:
            limit = self._advance(events, time.monotonic())
        except BaseException as error:  # noqa: BLE001  (whatever it is: nobody may wait for a dead coordinator)
            self.error, self._over, limit = _internal(error), True, 0.0
        if get_ident() == self._thread.ident:
            self._wakes_at = limit
        elif limit < self._wakes_at:
            self._wakes_at = limit
            self._turns.ring()

    def _advance(self, events: Sequence[Any], now: float) -> float:
        """Let the scheduler go on, and carry out its commands; gives when to look again, events or not."""
        known = [event for one in events if (event := self._translate(one)) is not None]
        if now >= self._give_up_at:
            known += self._abandoned()
        scheduler = self.scheduler
        self._execute(scheduler.handle(known, now))
        self.error = scheduler.error
        self._turns.lend = len(scheduler.flights) <= self._few
        if scheduler.finished:
            self._over = True
            return 0.0
        limit = scheduler.next_timer
        return self._give_up_at if limit is None or self._give_up_at < limit else limit

    def _translate(self, event: Any) -> Event | None:
        kind = type(event)
        if kind is Done:
            return event  # type: ignore[no-any-return]  # the common case first
        if kind is Ready:
            return self._read(event.source)
        if kind is Snapshot:
            event.answer.put(self._tallies())
            return None
        return event  # type: ignore[no-any-return]  # whatever else comes is an event

    def _read(self, source: int) -> Fed | None:
        if source in self._finished_inputs:
            return None
        one = self._inputs[source]
        items = one.take()
        ended = one.ended
        if ended:
            items += one.take()  # what came between the two looks
            self._finished_inputs.add(source)
        elif not items:
            return None
        return Fed(source, items, ended, one.error if ended else None)

    def _abandoned(self) -> list[Event]:
        """After a stop, an iterable that does not come back is not waited for."""
        self._give_up_at = math.inf
        left = [source for source in range(len(self._inputs)) if source not in self._finished_inputs]
        self._finished_inputs.update(left)
        return [Fed(source, self._inputs[source].take(), True) for source in left]

    def _execute(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if isinstance(command, Submit):
                self._engine_of[command.stage].submit(command.ticket, command.stage, command.chunk)
            elif isinstance(command, Deliver):
                self.outboxes[command.end].deliver(command.items, command.places)
            elif isinstance(command, Pull):
                self._inputs[command.source].ask(command.count)
            elif isinstance(command, Kill):
                self._engine_of[command.stage].kill(command.ticket)
            elif isinstance(command, Warn):
                LOG.warning("%s: %s", self._plan.name, command.text)
            elif isinstance(command, Diagnose):
                self._diagnosis = Diagnosis(command, self._engine_of, self._turns.post)
                self._diagnosis.start()
            else:
                self._stop_inputs(command.error)

    def _stop_inputs(self, error: BaseException) -> None:
        self._give_up_at = time.monotonic() + SOURCE_PATIENCE
        for source, one in enumerate(self._inputs):
            if source not in self._finished_inputs:
                one.stop(error)

    def _close(self, how: Any) -> None:
        if self._diagnosis is not None:
            self._diagnosis.finish()
        for outbox in self.outboxes:
            outbox.close(self.error)
        for one in self._inputs:
            if how == "kill":
                one.stop(self.error or InternalError("the run ended."))
            one.finish()
        for engine, _ in self._engines:
            engine.close(how)

    def _make_record(self) -> RunFinished:
        scheduler, ledger = self.scheduler, self.scheduler.books.ledger
        guarantees = [engine.capabilities.guarantee for engine, _ in self._engines]
        return RunFinished(
            name=self._plan.name,
            elapsed=time.monotonic() - self._began,
            admitted=ledger.admitted,
            delivered=ledger.ended[End.DELIVERED],
            filtered=ledger.ended[End.FILTERED],
            failed=ledger.ended[End.FAILED],
            cancelled=ledger.ended[End.CANCELLED],
            rerun=scheduler.rerun,
            unhandled=scheduler.recovery.unhandled,
            abandoned_threads=scheduler.abandoned_threads,
            failures=tuple(scheduler.recovery.failures),
            nodes=self._tallies(),
            guarantees=tuple(dict.fromkeys(one for one in guarantees if one)),
            error=self.error,
        )


def _internal(error: BaseException) -> BaseException:
    if isinstance(error, SkorcheError):
        return error
    wrapped = InternalError(f"the coordinator failed with {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
