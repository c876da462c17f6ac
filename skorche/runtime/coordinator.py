"""Drives a run: takes events, asks the scheduler, and carries out its commands; one thread at a time.

    source threads ─┐               ┌──────────────────────────┐ ──submit──▶ engines
    engines ────────┼──▶ turns ──▶  │ scheduler.handle(events) │ ──ask─────▶ sources
    put(), stops ───┤               │ commands carried out     │ ──deliver─▶ outboxes
    timers ─────────┘               └──────────────────────────┘

A thread of skorche's own that brings an event takes the turn, if nobody has it; for what users put an engine may lend
one. The coordinator's own thread takes the others: what else users do, timers, and the end. It waits in one place only,
with the scheduler's next timer as the limit. If it fails, every waiter gets an `InternalError`, or is told that memory
ran out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread, get_ident
from typing import TYPE_CHECKING, Any, Literal

from skorche.compile.plan import Plan, StagePlan
from skorche.errors import InternalError, blamed_on
from skorche.events import RunFinished
from skorche.log import say
from skorche.named import NamedTuple
from skorche.port import Outbox
from skorche.reserve import RESERVE, keep
from skorche.runtime.command import (
    Command,
    Deliver,
    Diagnose,
    Event,
    Hold,
    Kill,
    Pause,
    Pull,
    Resize,
    Stop,
    Submit,
    Taken,
    Warn,
)
from skorche.runtime.diagnosis import Diagnosis
from skorche.runtime.engine import Engine, Lend, can_lend, can_resize, close_engines, is_shared
from skorche.runtime.gauges import Gauges
from skorche.runtime.inputs import SOURCE_PATIENCE, InputMaker, Inputs, Ready
from skorche.runtime.lookout import Lookout
from skorche.runtime.memory import MemoryBudget
from skorche.runtime.observers import Observer, Observers
from skorche.runtime.record import make_record
from skorche.runtime.recovery import Policy
from skorche.runtime.scheduler import Scheduler
from skorche.runtime.turns import Turns
from skorche.waiters import Waiters

if TYPE_CHECKING:
    from skorche.runtime.tap import Tap

FEW_CHUNKS = 8
"""While no more are out, an engine's thread handles its events itself; with more, many are handled at once."""
LATE_SECONDS = 1.0
"""When no thread has looked for so long after a timer was due, the whole process was stopped (SIGSTOP, Ctrl-Z)."""
CATCH_UP_SECONDS = 0.2
"""What came meanwhile is then read before any timer ends."""


class Snapshot(NamedTuple):
    """Somebody wants to see what is known."""

    answer: SimpleQueue[RunFinished]


_OURS = frozenset({Ready, Snapshot})  # the scheduler hears nothing of these, or something else


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
        memory_bytes: int | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.ended = Flag()
        self._waiters = Waiters()
        self.record: RunFinished | None = None
        self.error: BaseException | None = None
        self._plan, self._engines, self._input_makers = plan, engines, inputs
        self._engine_of = {stage.number: engine for engine, stages in engines for stage in stages}
        capabilities = [self._engine_of[stage.number].capabilities for stage in plan.stages]
        self._turns = Turns(self._handle, self._fail)
        self._few = FEW_CHUNKS if all(can.returns for can in capabilities) else -1
        self._turns.lend = self._few >= 0
        self.scheduler = Scheduler(plan, capabilities, policy)
        self._tap = tap
        self._step = self.scheduler.handle if tap is None else tap.on_scheduler(self.scheduler)
        self._inputs = Inputs()
        self.outboxes = [make(self._reporter(end)) for end, make in enumerate(outboxes)]
        self._give_up_at = math.inf
        self._wakes_at = math.inf
        self._stopped_seconds = 0.0
        self._over = False
        self._keeper = 0
        self._diagnosis: Diagnosis | None = None
        self._began = time.monotonic()
        self._observers = Observers(observers)
        numbered = [(engine, [stage.number for stage in stages]) for engine, stages in engines]
        self._gauges = Gauges(self.scheduler.parts, numbered)
        budget = None if memory_bytes is None else MemoryBudget(memory_bytes, self._hold)
        self._lookout = Lookout(self._gauges, plan.name, budget, [engine for engine, _ in engines])
        self._shared = [engine for engine, _ in engines if is_shared(engine)]

    def _reporter(self, end: int) -> Callable[[int], None]:
        return lambda count: self._turns.post(Taken(end, count))

    def start(self, *, daemon: bool = False) -> None:
        """Open engines and sources, then go on in a thread. Raises what an engine raises when it cannot open."""
        opened: list[Engine] = []
        try:
            keep()
            for engine, stages in self._engines:
                opened.append(engine)
                emit = self._turns.emit
                engine.open(stages, emit if self._tap is None else self._tap.on_engine(engine, emit))
            self._inputs.open(self._input_makers, self._turns, self._lend_of)
            self._thread = Thread(target=self._run, name=f"skorche {self._plan.name}", daemon=daemon)
            self._observers.start(self)
            self._thread.start()
        except BaseException as error:
            self._give_up(opened, error)
            raise

    def _lend_of(self, source: int) -> Lend | None:
        """What has an idle thread of the stage behind a source do something, if its engine can."""
        behind = self._plan.sources[source].output
        engine = self._engine_of[behind.number] if behind.kind == "stage" else None
        return partial(engine.lend, behind.number) if engine is not None and can_lend(engine) else None

    def _give_up(self, opened: Sequence[Engine], error: BaseException) -> None:
        """The run does not begin; observers that ask it something need not wait for it."""
        self.error, self._over = error, True
        for outbox in self.outboxes:
            outbox.close(error)
        self._inputs.finish()
        try:
            close_engines(opened, "kill")
        finally:
            self._observers.stop(self._make_record(running=False))

    def wait_ended(self, timeout: float | None = None) -> bool:
        """Wait for the end, and for the thread, which has nothing left to do then; whether it came in time."""
        if not self.ended.wait(timeout):
            return False
        self._thread.join()
        return True

    async def wait_ended_async(self) -> None:
        """Wait for the end in an event loop."""
        await self._waiters.wait(lambda: self.ended.is_set() or None)
        self.wait_ended()

    def counts(self) -> dict[str, int]:
        """Source items admitted, and their ends, so far. A look without a lock, so a little behind."""
        ledger = self.scheduler.books.ledger
        return {"admitted": ledger.admitted} | {end.name.lower(): count for end, count in ledger.ended.items()}

    def awaited(self) -> list[str]:
        """The open inputs, by name, if there is nothing to do but to wait for them. A look without a lock."""
        counts = self.counts()
        if 2 * counts["admitted"] != sum(counts.values()):
            return []
        return [self._plan.sources[number].name for number in self._inputs.live]

    def total(self) -> int | None:
        """How many source items there will be in all; None if a source does not tell."""
        return self._inputs.length

    def stop(self, error: BaseException, grace: float | None) -> None:
        """Stop the run from outside."""
        self._turns.post(Stop(error, grace))

    def pause(self, node: object, *, paused: bool) -> None:
        """Have the stage of this node start nothing, or go on. When this returns, it has come into force.

        Raises:
            GraphError: there is no such node, or it does no work.
        """
        self._turns.post(Pause(self._plan.stage_of(node), paused))
        self.snapshot()  # comes back only after the turn that takes what was posted before

    def resize(self, wanted: Resize) -> None:
        """Have a stage use another number of workers. Its engine must be `Resizable`."""
        self._turns.post(wanted)

    def _hold(self, held: bool) -> None:
        self._turns.post(Hold(held))

    @property
    def paused(self) -> list[str]:
        """The nodes that are paused. A look without a lock, so a little behind."""
        return [tally.name for tally in self.scheduler.books.tallies if tally.paused]

    @property
    def reads_unsized(self) -> bool:
        """Whether a source is being read that may have no end. A look without a lock, so a little behind."""
        return self._inputs.reads_unsized

    def snapshot(self) -> RunFinished:
        """What is known now. Who has the turn, and calls user code that asks, would wait for itself."""
        if not self._over and get_ident() not in (self._keeper, self._turns.holder):
            answer: SimpleQueue[RunFinished] = SimpleQueue()
            self._turns.post(Snapshot(answer))
            while not self._over:
                try:
                    return answer.get(timeout=0.05)
                except Empty:
                    continue
        return self.record or self._make_record(running=True)

    # -- turns ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        """The coordinator's own thread."""
        self._keeper = get_ident()
        try:
            for act in (self._drive, self._close, self._conclude):
                self._attempt(act)
        finally:
            self.ended.set()
            self._waiters.ring()

    def _attempt(self, act: Callable[[], None]) -> None:
        """Do this; whatever it raises is the run's error, if it has none yet."""
        try:
            act()
        except BaseException as error:  # noqa: BLE001  (whatever it is: nobody may wait for a dead coordinator)
            RESERVE.clear()
            first = self.error
            self._fail(error)
            self.error = first or self.error

    def _fail(self, error: BaseException) -> None:
        """The run is over, and why: at once, since to say more takes memory, of which there may be none left."""
        self.error, self._over = error, True
        try:
            self._turns.ring()
            self.error = blamed_on("the coordinator", error)
        except MemoryError:  # then it stays as it is
            return

    def _drive(self) -> None:
        """From the first turn to the last."""
        if self._few < 0:
            self._lookout.begin(early=True)  # an engine that does not return may do all the work within one turn
        self._turns.open()
        while not self._over:
            self._turns.wait(self._lookout.patience(self._patience()))
            if not self._over:
                self._lookout.begin()

    def _patience(self) -> float | None:
        """Seconds until a timer is due."""
        if self._wakes_at == math.inf:
            return None
        return max(0.0, self._wakes_at - (time.monotonic() - self._stopped_seconds))

    def _now(self) -> float:
        """The clock of this run, for who has the turn. It stands still while the process is stopped: nobody is late."""
        now = time.monotonic() - self._stopped_seconds
        late = now - self._wakes_at
        if late < LATE_SECONDS or self._few < 0:  # an engine that works in our turns is what is late
            return now
        self._stopped_seconds += late + CATCH_UP_SECONDS
        return self._wakes_at - CATCH_UP_SECONDS

    def _handle(self, events: Sequence[Any]) -> None:
        """One turn, in whatever thread has it."""
        if self._over:
            self._turns.ring()  # whoever found that it is over may have had no memory to
            return  # an engine that is being closed may still tell what it drops
        scheduler, now = self.scheduler, self._now()
        known = events if _OURS.isdisjoint(map(type, events)) else self._translate(events)
        if now >= self._give_up_at:
            self._give_up_at = math.inf  # after a stop, an iterable that does not come back is not waited for
            known = [*known, *self._inputs.give_up()]
        self._execute(self._step(known, now))
        self.error = scheduler.error  # from here on whoever was woken comes to life, which takes longer than this
        self._turns.lend = len(scheduler.flights) <= self._few
        self._watch_clock(scheduler.next_timer)
        if scheduler.finished:
            self._over = True
            self._turns.ring()

    def _watch_clock(self, limit: float | None) -> None:
        """See to it that the coordinator's own thread wakes in time."""
        if limit is None or self._give_up_at < limit:
            limit = self._give_up_at
        if self._turns.holder == self._keeper:
            self._wakes_at = limit
        elif limit < self._wakes_at:
            self._wakes_at = limit
            self._turns.ring()

    def _translate(self, events: Sequence[Any]) -> list[Event]:
        """What the scheduler is told of these events."""
        known: list[Event] = []
        for event in events:
            if type(event) is Ready:
                fed = self._inputs.read(event.source)
                if fed is not None:
                    known.append(fed)
            elif type(event) is Snapshot:
                event.answer.put(self._make_record(running=True))
            else:
                known.append(event)
        return known

    def _execute(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if isinstance(command, Submit):
                ticket, stage, chunk = command
                self._engine_of[stage].submit(ticket, stage, chunk)
            elif isinstance(command, Deliver):
                self.outboxes[command.end].deliver(command.items, command.places)
            elif isinstance(command, Pull):
                self._inputs.ask(command.source, command.count)
            elif isinstance(command, Kill):
                self._engine_of[command.stage].kill(command.ticket)
            elif isinstance(command, Warn):
                say("%s: %s", self._plan.name, command.text)  # in the thread that has the turn
            elif isinstance(command, Resize):
                engine = self._engine_of[command.stage]
                assert can_resize(engine)
                engine.resize(command.stage, command.workers, command.most)
            elif isinstance(command, Diagnose):
                self._diagnosis = Diagnosis(command, self._engine_of, self._turns.post)
                self._diagnosis.start()
            else:
                self._stop_inputs(command.error)

    def _stop_inputs(self, error: BaseException) -> None:
        self._give_up_at = self._now() + SOURCE_PATIENCE
        self._turns.ring()
        self._inputs.stop(error)

    def _close(self) -> None:
        how: Literal["drain", "kill"] = "drain" if self.scheduler.finished else "kill"
        if self._diagnosis is not None:
            self._diagnosis.finish()
        if not self._shared:
            self._close_outboxes()
        self._inputs.finish(None if how == "drain" else self.error or InternalError("the run ended."))
        close_engines([engine for engine, _ in self._engines], how)

    def _conclude(self) -> None:
        try:
            self._lookout.stop()
            self.record = record = self._make_record(running=False)
            if self._shared:
                self._tell_others(record)
            self._observers.stop(record)
        finally:
            self._close_outboxes()  # if anything went wrong before they were

    def _close_outboxes(self) -> None:
        for outbox in self.outboxes:
            outbox.close(self.error)

    def _tell_others(self, record: RunFinished) -> None:
        """Other processes served in this run: they know its end before anybody here does, who might begin the next."""
        from skorche.runtime.served import Ending, results_of  # only who shares a run with other processes needs it

        ending = Ending(record, [results_of(outbox) for outbox in self.outboxes])
        for engine in self._shared:
            engine.tell(ending)
        self._close_outboxes()

    def _make_record(self, *, running: bool) -> RunFinished:
        return make_record(
            self._plan,
            self.scheduler,
            self._gauges,
            time.monotonic() - self._began,
            self.error,
            guarantees=[engine.capabilities.guarantee for engine, _ in self._engines],
            running=running,
        )
