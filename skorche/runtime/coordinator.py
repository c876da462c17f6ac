"""The one thread that drives a run: it waits for events, asks the scheduler, and carries out its commands.

    source threads ─┐
    put() ──────────┤                ┌──────────────────────────┐ ──submit──▶ engines
    engines ────────┼──▶ inbox ──▶   │ coordinator: ONE thread  │ ──ask─────▶ sources
    timers, stops ──┘                │ scheduler.handle(events) │ ──deliver─▶ outboxes
                                     └──────────────────────────┘

It waits in one place only, with the scheduler's next timer as the limit. If it fails itself, every waiter gets an
`InternalError`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread
from typing import Any, NamedTuple, Protocol

from skorche.compile.plan import Plan, StagePlan
from skorche.errors import InternalError, SkorcheError
from skorche.events import NodeTally, RunFinished
from skorche.port import Inbox, Outbox
from skorche.runtime.command import Command, Deliver, Event, Fed, Kill, Pull, Stop, Submit, Taken, Tick, Warn
from skorche.runtime.engine import Done, Engine
from skorche.runtime.ledger import End
from skorche.runtime.recovery import Policy
from skorche.runtime.scheduler import Scheduler
from skorche.runtime.source import Reader

LOG = logging.getLogger("skorche")

SOURCE_PATIENCE = 1.0
"""Seconds a stopped run waits for an iterable that does not come back."""


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


class Input(Protocol):
    """A source as the coordinator sees it."""

    @property
    def error(self) -> BaseException | None: ...
    @property
    def ended(self) -> bool: ...
    def ask(self, count: int) -> None: ...
    def take(self) -> list[Any]: ...
    def stop(self, error: BaseException) -> None: ...
    def finish(self) -> None: ...


class LiveInput:
    """A queue that users put into while running."""

    error = None

    def __init__(self, inbox: Inbox[Any], bound: int, wake: Callable[[], None]) -> None:
        self._inbox, self._wake = inbox, wake
        self._asked, self._stopped = 0, False
        inbox.attach(wake, bound)

    @property
    def ended(self) -> bool:
        return self._stopped or self._inbox.ended

    def ask(self, count: int) -> None:
        self._asked += count
        self._wake()

    def take(self) -> list[Any]:
        items = self._inbox.take(None if self._stopped else self._asked)
        self._asked -= len(items)
        return items

    def stop(self, error: BaseException) -> None:
        self._inbox.stop(error)
        self._stopped = True
        self._wake()

    def finish(self) -> None:
        self._inbox.detach()


class ReadInput:
    """An iterable, read on a thread of its own."""

    def __init__(self, iterable: Any, name: str, wake: Callable[[], None]) -> None:
        self._name = name
        self._reader = Reader(iterable, name, wake)

    @property
    def error(self) -> BaseException | None:
        return self._reader.error

    @property
    def ended(self) -> bool:
        return self._reader.ended

    def ask(self, count: int) -> None:
        self._reader.ask(count)

    def take(self) -> list[Any]:
        return self._reader.take()

    def stop(self, error: BaseException) -> None:
        self._reader.stop()

    def finish(self) -> None:
        self._reader.stop()
        if not self._reader.join(SOURCE_PATIENCE):
            LOG.warning("the source %s did not come back from its iterable; its thread is left behind", self._name)


InputMaker = Callable[[Callable[[], None]], Input]


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
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.ended = Flag()
        self.record: RunFinished | None = None
        self.error: BaseException | None = None
        self._plan, self._engines, self._input_makers = plan, engines, inputs
        self._engine_of = {stage.number: engine for engine, stages in engines for stage in stages}
        capabilities = [self._engine_of[stage.number].capabilities for stage in plan.stages]
        self.scheduler = Scheduler(plan, capabilities, policy)
        self._inputs: list[Input] = []
        self.outboxes = [make(self._reporter(end)) for end, make in enumerate(outboxes)]
        self._finished_inputs: set[int] = set()
        self._give_up_at: float | None = None
        self._began = time.monotonic()
        self._observers = list(observers)

    def _reporter(self, end: int) -> Callable[[int], None]:
        return lambda count: self.inbox.put(Taken(end, count))

    def start(self) -> None:
        """Open engines and sources, then go on in a thread. Raises what an engine raises when it cannot open."""
        opened: list[Engine] = []
        try:
            for engine, stages in self._engines:
                opened.append(engine)
                engine.open(stages, self.inbox.put)
            for source, make in enumerate(self._input_makers):
                self._inputs.append(make(self._waker(source)))
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

    def _waker(self, source: int) -> Callable[[], None]:
        ready = Ready(source)
        return lambda: self.inbox.put(ready)

    def stop(self, error: BaseException, grace: float | None) -> None:
        """Stop the run from outside."""
        self.inbox.put(Stop(error, grace))

    def statistics(self) -> dict[str, NodeTally]:
        """The counts of the nodes now."""
        if not self.ended.is_set():
            answer: SimpleQueue[dict[str, NodeTally]] = SimpleQueue()
            self.inbox.put(Snapshot(answer))
            while not self.ended.is_set():
                try:
                    return answer.get(timeout=0.05)
                except Empty:
                    continue
        return self._tallies()

    def _tallies(self) -> dict[str, NodeTally]:
        return {tally.name: tally.freeze() for tally in self.scheduler.books.tallies}

    # -- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        scheduler, how = self.scheduler, "drain"
        try:
            self._execute(scheduler.begin(time.monotonic()))
            while not scheduler.finished:
                events = self._wait()
                self._execute(scheduler.handle(events, time.monotonic()))
            self.error = scheduler.error
        except BaseException as error:  # noqa: BLE001  (whatever it is: nobody may wait for a dead coordinator)
            self.error, how = _internal(error), "kill"
        try:
            self._close(how)
        except BaseException as error:  # noqa: BLE001  (as above)
            self.error = self.error or _internal(error)
        self._notify(lambda observer: observer.stop())
        self.record = self._make_record()
        self.ended.set()

    def _wait(self) -> list[Event]:
        inbox, limit = self.inbox, self._next_limit()
        try:
            events = [inbox.get(timeout=limit)]
        except Empty:
            self._abandon_inputs()
            return [Tick()]
        while not inbox.empty():  # nobody else takes from it
            events.append(inbox.get_nowait())
        return [known for event in events if (known := self._translate(event)) is not None]

    def _next_limit(self) -> float | None:
        times = [one for one in (self.scheduler.next_timer, self._give_up_at) if one is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

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

    def _abandon_inputs(self) -> None:
        """After a stop, an iterable that does not come back is not waited for."""
        if self._give_up_at is None or time.monotonic() < self._give_up_at:
            return
        self._give_up_at = None
        for source, one in enumerate(self._inputs):
            if source not in self._finished_inputs:
                self._finished_inputs.add(source)
                self._execute(self.scheduler.handle([Fed(source, one.take(), True)], time.monotonic()))

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
            else:
                self._stop_inputs(command.error)

    def _stop_inputs(self, error: BaseException) -> None:
        self._give_up_at = time.monotonic() + SOURCE_PATIENCE
        for source, one in enumerate(self._inputs):
            if source not in self._finished_inputs:
                one.stop(error)

    def _close(self, how: Any) -> None:
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
