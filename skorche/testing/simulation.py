"""`simulate`: a pipeline on the real scheduler, with everything around it played from a seed.

    agenda ──▶ simulated workers, sources, readers ──events──▶ Scheduler.handle ──commands──▶ back to them

One loop, no thread, no real time; after each step the bounds are checked (see `bounds`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from skorche.api import Pipeline
from skorche.compact import in_a_row
from skorche.compile.planner import make_plan
from skorche.engines import EngineNames
from skorche.errors import RunCancelled
from skorche.events import Decision, RunFinished
from skorche.input_order import in_order
from skorche.observe.report import Report
from skorche.options import EngineChoice, OnError
from skorche.queue import Queue
from skorche.runtime.command import Command, Deliver, Event, Hold, Kill, Pause, Pull, Resize, Stop, StopSources, Submit
from skorche.runtime.gauges import Gauges
from skorche.runtime.record import make_record
from skorche.runtime.recovery import Policy
from skorche.runtime.scheduler import Scheduler
from skorche.testing.bounds import Bounds, BrokenPromise
from skorche.testing.clock import Agenda, FakeClock
from skorche.testing.outside import Reader, Source
from skorche.testing.workers import Line, SimulatedEngine
from skorche.tuning.pilot import LOOK_SECONDS, Pilot

STEP_LIMIT = 20_000
PAUSE_SECONDS = 2.0
MOST_WORKERS = 5
LATEST = 0.01
"""Seconds by which a busy coordinator may come late to an event."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong by chance, as shares between 0 and 1. What tasks do themselves (raise, `crash`) comes on top.

    `losses`: a process dies between two items; `crashes`: it dies on an item that is worked on for the first time;
    `stop`: the run is cancelled at a random moment; `breakdown`: the engine breaks down at a random moment;
    `cuts`: a chunk is cut short, and what has not begun goes back;
    and at each step of the run: `pauses`, that a stage is paused, for up to two seconds; `resizes`, that a task gets
    another number of workers; `holds`, that the sources are held, for up to two seconds.
    """

    losses: float = 0.0
    crashes: float = 0.0
    cuts: float = 0.0
    stop: float = 0.0
    breakdown: float = 0.0
    pauses: float = 0.0
    resizes: float = 0.0
    holds: float = 0.0


@dataclass(frozen=True)
class Simulation:
    """A simulated run that has ended. `error` is what a real run would have raised.

    `trace` tells all that happened, in numbers: two simulations with the same seed have equal traces.
    """

    report: Report
    error: BaseException | None
    trace: tuple[tuple[object, ...], ...]
    ends: dict[int, Reader]

    def arrived(self, queue: Queue[Any]) -> list[Any]:
        """What came out at this queue, in order of arrival."""
        return in_a_row([items for items, _ in self.ends[id(queue)].pieces])

    def flush(self, queue: Queue[Any]) -> list[Any]:
        """What came out at this queue, in input order."""
        return in_order(self.ends[id(queue)].pieces)


def simulate(
    pipeline: Pipeline,
    *,
    seed: int = 0,
    faults: Faults = Faults(),
    clock: FakeClock | None = None,
    on_error: OnError = "raise",
    max_failures: float | None = None,
    engine: EngineChoice = None,
    max_workers: int | None = None,
    calm: bool = False,
) -> Simulation:
    """Run a pipeline without threads, processes or waiting; everything random is drawn from the seed.

    Tasks run for real, whatever their engine; one may call `clock.sleep`, or `crash`. A run that fails does not raise
    here. A live input gives what was put into it before, and ends. While it is `calm`, nothing takes time but the tasks
    and sources that sleep, for as long as they sleep: so can be told what a pipeline would take. `max_workers` has the
    run tuned within that budget, as `run(workers="auto", max_workers=...)` does.

    >>> with Pipeline() as pipeline:
    ...     doubled = pipeline.map(lambda number: 2 * number, Queue(fixed_inputs=[1, 2, 3]))
    >>> simulate(pipeline, seed=7).flush(doubled)
    [2, 4, 6]

    Raises:
        BrokenPromise: a bound was exceeded, or the run would not have ended.
        InternalError: the scheduler found its own account broken.
        GraphError: the pipeline cannot run.
    """
    policy = Policy(on_error, max_failures)
    return _Play(pipeline, Random(seed), clock or FakeClock(), faults, policy, engine, max_workers, calm=calm).run()


class _Play:
    """One simulation while it goes on."""

    def __init__(
        self,
        pipeline: Pipeline,
        random: Random,
        clock: FakeClock,
        faults: Faults,
        policy: Policy,
        engine: EngineChoice,
        budget: int | None,
        *,
        calm: bool,
    ) -> None:
        self._random, self._clock, self._pipeline = random, clock, pipeline
        resizing = faults.resizes > 0 or budget is not None
        names, cores = EngineNames(), 1  # so that the same tasks travel together on every machine
        self._plan = plan = make_plan(pipeline.graph, engine=engine, engines=names, resizing=resizing, cores=cores)
        self._agenda = Agenda(clock, random)
        self._events: list[Event] = []
        self._trace: list[tuple[object, ...]] = []
        emit = self._events.append
        chances = faults.losses, faults.crashes, faults.cuts
        self._engine = SimulatedEngine(plan.stages, self._agenda, emit, *chances, calm=calm)
        sources, ends = pipeline.graph.sources(), pipeline.graph.ends()
        self._sources = [
            Source(number, _items(queue), self._agenda, emit, calm=calm) for number, queue in enumerate(sources)
        ]
        self._readers = [
            Reader(number, queue.maxsize, self._agenda, emit, calm=calm) for number, queue in enumerate(ends)
        ]
        self._latest = 0.0 if calm else LATEST
        self._scheduler = Scheduler(
            plan, [line.capabilities for line in self._engine.lines], policy, random.randrange(1 << 30)
        )
        self._gauges, self._seen_at = Gauges(self._scheduler.parts), clock.now
        self._bounds = Bounds(self._scheduler, self._engine.lines, self._sources, self._readers)
        self._stop_at = self._moment(faults.stop)
        self._break_at = self._moment(faults.breakdown)
        self._faults = faults
        self._resizable = [line for line in self._engine.lines if line.plan.resizes and line.kind != "inline"]
        if budget is not None:
            steered = [line.plan.number for line in self._resizable]
            self._tune(Pilot(plan, steered, budget, [[stage.number for stage in plan.stages]]))

    def _tune(self, pilot: Pilot) -> None:
        """Have the pilot look, now and again."""
        wanted = pilot.look(self._record())
        if wanted is not None:
            self._events.append(wanted)
        self._agenda.after(LOOK_SECONDS, lambda: self._tune(pilot))

    def _moment(self, chance: float) -> int | None:
        """A step of the run, likelier an early one; None if it is not to be."""
        return int(10 ** self._random.uniform(0.0, 2.3)) if self._random.random() < chance else None

    def run(self) -> Simulation:
        """Play to the end."""
        try:
            return self._play()
        finally:
            self._engine.close()

    def _play(self) -> Simulation:
        scheduler, step = self._scheduler, 0
        self._execute(scheduler.handle((), self._clock.now))
        while not scheduler.finished:
            step += 1
            if step > STEP_LIMIT:
                raise BrokenPromise(f"the run has not ended after {step} steps")
            self._disturb(step)
            events = self._next_events()
            self._gauges.look(self._clock.now - self._seen_at)
            self._seen_at = self._clock.now
            for event in events:
                self._bounds.happened(event)
            self._execute(scheduler.handle(events, self._clock.now))
            self._bounds.check()
        return self._finish()

    def _disturb(self, step: int) -> None:
        if step == self._stop_at:
            grace = self._random.choice([None, 0.0, 1e-3, 1.0])
            self._events.append(Stop(RunCancelled("the run was cancelled."), grace))
        if step == self._break_at:
            self._engine.break_down()
        if self._plan.stages and self._happens(self._faults.pauses):
            stage = self._random.randrange(len(self._plan.stages))
            self._events.append(Pause(stage, paused=True))
            self._agenda.soon(PAUSE_SECONDS, lambda: self._events.append(Pause(stage, paused=False)))
        if self._resizable and self._happens(self._faults.resizes):
            self._resize(self._random.choice(self._resizable), self._random.randint(1, MOST_WORKERS))
        if self._happens(self._faults.holds):
            self._events.append(Hold(held=True))
            self._agenda.soon(PAUSE_SECONDS, lambda: self._events.append(Hold(held=False)))

    def _happens(self, chance: float) -> bool:
        return bool(chance) and self._random.random() < chance

    def _resize(self, line: Line, workers: int) -> None:
        decision = Decision(self._clock.now, line.plan.names[0], line.workers, workers, "the simulation wanted it")
        self._events.append(Resize(line.plan.number, workers, workers, decision))

    def _next_events(self) -> list[Event]:
        """What happens next: one event, several at once, as a busy coordinator sees them, or none: a timer is due."""
        timer, agenda = self._scheduler.next_timer, self._agenda
        due = False
        while not (self._events or due):
            if timer is not None and timer < agenda.next_time:
                self._clock.now, due = max(self._clock.now, timer), True
            elif agenda.next_time < math.inf:
                agenda.advance()
            else:
                raise BrokenPromise(f"the run hangs: nothing will ever happen, and {self._open_ends()}")
        latest = self._clock.now + self._latest
        while agenda.next_time < latest and self._random.random() < 0.3:
            agenda.advance()
        events = self._events[:]
        self._events.clear()
        for event in events:
            self._note(event)
        return events

    def _open_ends(self) -> str:
        waiting = [
            f"{edge.waiting.count} wait in {stage.edge}"
            for stage, edge in zip(self._plan.stages, self._scheduler.edges(), strict=True)
            if edge.waiting.count
        ]
        return ", ".join(waiting) or "something has not ended"

    def _execute(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self._note(command)
            self._bounds.commanded(command)
            if isinstance(command, Submit):
                self._engine.submit(command.ticket, command.stage, command.chunk)
            elif isinstance(command, Deliver):
                self._readers[command.end].deliver(command.items, command.places)
            elif isinstance(command, Pull):
                self._sources[command.source].ask(command.count)
            elif isinstance(command, Kill):
                self._engine.kill(command.ticket, command.stage)
            elif isinstance(command, Resize):
                self._engine.resize(command.stage, command.workers)
            elif isinstance(command, StopSources):
                for source in self._sources:
                    source.stop()

    def _note(self, what: Event | Command) -> None:
        """Write down what happened in numbers, never looking at an item."""
        sizes = [len(part) if isinstance(part, list | range) else part for part in what if type(part) in _TOLD]
        self._trace.append((self._clock.now, type(what).__name__, *sizes))

    def _record(self) -> RunFinished:
        scheduler = self._scheduler
        running = not scheduler.finished
        now = self._clock.now
        record = make_record(self._plan, scheduler, self._gauges, now, scheduler.error, running=running)
        around = record.surroundings._replace(cpu_seconds=0.0)  # ours is no part of what is played
        return record._replace(surroundings=around)

    def _finish(self) -> Simulation:
        scheduler = self._scheduler
        record = self._record()
        ends = {id(queue): reader for queue, reader in zip(self._pipeline.graph.ends(), self._readers, strict=True)}
        return Simulation(Report.of(record), scheduler.error, tuple(self._trace), ends)


_TOLD = frozenset({int, bool, list, range})


def _items(queue: Queue[Any]) -> Any:
    return queue.fixed_inputs if queue.fixed_inputs is not None else queue.inbox.take(None)
