"""Engines without threads or processes: the real kernels, on virtual time, by workers that may die.

    scheduler ──submit──▶ line of the stage ──▶ at most `workers` jobs at a time ──Done | Lost──▶ scheduler

A job's kernel runs when a worker takes it, in the slices in which a process would give its results back; then the
agenda decides when, and whether, the slices arrive. Only a process engine's workers die, as in the real engines. On an
event loop the items of a job are slices that end each in its own time, and come back in groups.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, pairwise
from random import Random
from typing import Any, NoReturn

from skorche.call import Ends, close_all
from skorche.compile.plan import StagePlan
from skorche.deadly import Deadly, go_again
from skorche.errors import EngineError, TaskTimeout, WorkerCrash
from skorche.kernel import Kernel, Outcome, StepCount, Trouble
from skorche.log import complain
from skorche.named import NamedTuple
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Broken, Capabilities, Done, EngineEvent, Lost, Returned, Started, Starved
from skorche.testing.clock import Agenda

CAPABILITIES = {
    "inline": Capabilities(kill=False, ahead=False, chunk_seconds=0.005),
    "thread": Capabilities(kill=True, ahead=True, chunk_seconds=0.005),
    "process": Capabilities(kill=True, ahead=True, chunk_seconds=0.03, chunk_bytes=1 << 20),
    "async": Capabilities(kill=True, ahead=True, chunk_seconds=0.0, side_by_side=True),
}
ITEM_SECONDS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1.0)
ITEM_BYTES = (0, 10, 10_000, 600_000)
STARVED = 0.3
"""The share of deaths that look as if memory had run out."""


class WorkerDied(BaseException):
    """What `crash` raises: no `Exception`, so that a task does not catch it by accident."""


def crash() -> NoReturn:
    """Called by a task in a simulation: the worker dies on this item. Only the workers of processes can."""
    raise WorkerDied


class Job(NamedTuple):
    """A chunk at a worker. `ends` are the times at which its slices are done, `slices` their results."""

    ticket: int
    chunk: Chunk
    bounds: Sequence[int]
    slices: list[Outcome]
    ends: list[float]


class Loop:
    """A chunk on an event loop: the items that are out, those of them in flight, and what has been done but not sent.

    It takes a ticket's place in `Line.working` until the last item has come back.
    """

    def __init__(self, ticket: int, chunk: Chunk) -> None:
        self.ticket, self.chunk = ticket, chunk
        self.out = list(range(len(chunk.items)))
        self.begun: set[int] = set()
        self.done: list[int] = []
        self.outcome: Outcome | None = None


class Line:
    """The jobs of one stage: some with a worker, the others waiting."""

    def __init__(self, plan: StagePlan, random: Random, ends: Ends, *, calm: bool = False) -> None:
        self.plan = plan
        self.kernel = plan.kernel.opened(ends)
        self.workers = self.most_workers = plan.workers
        self.kind: str = plan.engine if plan.engine in CAPABILITIES else "thread"
        self.capabilities = CAPABILITIES[self.kind]
        self.waiting: deque[tuple[int, Chunk]] = deque()
        self.working: dict[int, Job] = {}
        self.loops: dict[int, Loop] = {}
        seconds = random.choice(ITEM_SECONDS)
        self.item_seconds = seconds if plan.timeout is None else min(seconds, plan.timeout / 20)
        self.item_bytes = random.choice(ITEM_BYTES) if self.kind == "process" else 0
        if calm:
            self.item_seconds, self.item_bytes = 0.0, 0

    @property
    def out(self) -> int:
        """Tickets that have not come back; on an event loop, items."""
        return len(self.waiting) + len(self.working) + sum(len(loop.out) for loop in self.loops.values())


class SimulatedEngine:
    """All stages of a plan. `losses` and `crashes` are the chances that a process dies with a chunk, `cuts` that one is
    cut short.

    While it is `calm`, an item takes the time its task sleeps, and no more.
    """

    def __init__(
        self,
        stages: Sequence[StagePlan],
        agenda: Agenda,
        emit: Callable[[EngineEvent], None],
        losses: float = 0.0,
        crashes: float = 0.0,
        cuts: float = 0.0,
        *,
        calm: bool = False,
    ) -> None:
        self._agenda, self._emit = agenda, emit
        self._losses, self._crashes, self._cuts = losses, crashes, cuts
        self._ends: Ends = []
        self.lines = [Line(stage, agenda.random, self._ends, calm=calm) for stage in stages]

    def close(self) -> None:
        """Close what was made for the tasks."""
        close_all(self._ends, complain)

    def submit(self, ticket: int, stage: int, chunk: Chunk) -> None:
        """Put the chunk into its stage's line."""
        line = self.lines[stage]
        if line.kind == "async":
            line.loops[ticket] = Loop(ticket, chunk)
            self._fill(line)
            return
        line.waiting.append((ticket, chunk))
        self._serve(line)

    def resize(self, stage: int, workers: int) -> None:
        """Let a line have so many workers; those that are at work finish what they have."""
        line = self.lines[stage]
        line.workers = workers
        line.most_workers = max(workers, line.most_workers)
        if line.kind == "async":
            self._fill(line)
        else:
            self._serve(line)

    def kill(self, ticket: int, stage: int) -> None:
        """Stop work on a ticket a little later, if it has not come back by then."""
        line = self.lines[stage]
        patience = 0.1 if line.plan.timeout is None else line.plan.timeout / 20
        self._agenda.soon(patience, lambda: self._stop(line, ticket))

    def break_down(self) -> None:
        """Say that nothing works any more, and give all tickets back."""
        self._emit(Broken(EngineError("the engine broke down.", "the simulation wanted it to.")))
        for line in self.lines:
            for ticket in [*line.working, *line.loops, *(ticket for ticket, _ in line.waiting)]:
                self._stop(line, ticket, blame=False)

    def _serve(self, line: Line) -> None:
        workers = 1 if line.kind == "inline" else line.workers
        while line.waiting and len(line.working) < workers:
            self._begin(line, *line.waiting.popleft())

    def _begin(self, line: Line, ticket: int, chunk: Chunk) -> None:
        bounds = self._cut_short(line, chunk, self._cut(line, len(chunk.items)))
        slices, seconds, crashed = [], [], None
        if line.plan.tells_start and line.capabilities.kill:
            self._emit(Started(ticket))
        for start, stop in pairwise(bounds):
            outcome, took = self._run(line, chunk, start, stop)
            crashed = _crashed(outcome) if line.kind == "process" else None
            seconds.append(took)
            if crashed is not None:
                break
            slices.append(outcome)
        ends = [self._agenda.clock.now + end for end in accumulate(seconds)]
        line.working[ticket] = job = Job(ticket, chunk, bounds, slices, ends)
        self._plan_end(line, job, crashed)

    def _cut(self, line: Line, count: int) -> Sequence[int]:
        """Where the slices of a chunk begin and end: the chunk as a whole, unless it goes to a process."""
        if line.kind != "process":
            return (0, count)
        if not line.plan.idempotent:
            return range(count + 1)
        random = self._agenda.random
        return sorted({0, count, *(random.randrange(count + 1) for _ in range(random.randrange(3)))})

    def _cut_short(self, line: Line, chunk: Chunk, bounds: Sequence[int]) -> Sequence[int]:
        """The same, or what is done of a chunk of which the rest goes back, since it takes too long."""
        random = self._agenda.random
        alone = line.kind in ("inline", "process") and line.most_workers == 1
        if not self._cuts or alone or chunk.portion is not None or random.random() >= self._cuts:
            return bounds
        stop = random.randint(1, len(chunk.items))
        return [*(bound for bound in bounds if bound < stop), stop]

    def _run(self, line: Line, chunk: Chunk, start: int, stop: int) -> tuple[Outcome, float]:
        """The results of a slice, and the virtual seconds they took, waiting: there is no CPU to run short of."""
        clock, random = self._agenda.clock, self._agenda.random
        began = clock.now
        portion = chunk.portion and chunk.portion._replace(seconds=math.inf)  # real time has no say here
        outcome = line.kernel.run(chunk.items[start:stop], range(start, stop), chunk.entry, portion=portion)
        took = clock.now - began + (stop - start) * line.item_seconds * random.uniform(0.5, 2.0)
        clock.now = began
        reached = [count for count in outcome.counts if count is not None]
        share = took / max(1, len(reached))
        outcome.counts = [count and count._replace(seconds=share, cpu_seconds=0.0) for count in outcome.counts]
        outcome.bytes_in = outcome.bytes_out = (stop - start) * line.item_bytes
        return outcome, took

    def _plan_end(self, line: Line, job: Job, crashed: Trouble | None) -> None:
        """Decide how the job ends, and put that on the agenda."""
        random, now = self._agenda.random, self._agenda.clock.now
        end = job.ends[-1]
        if crashed is not None:
            index = crashed.path if isinstance(crashed.path, int) else int(crashed.path[0])
            behind = crashed.step if crashed.step > job.chunk.entry else None
            self._agenda.after(end - now, lambda: self._die(line, job, len(job.slices), index, behind=behind))
        elif line.kind == "process" and random.random() < self._losses:
            stop = random.randrange(len(job.slices) + 1)
            self._agenda.after(end - now, lambda: self._die(line, job, stop, None))
        elif line.kind == "process" and random.random() < self._crashes:
            index = random.randrange(job.bounds[-1])
            first = not job.chunk.attempts or not job.chunk.attempts[index]
            done = sum(bound <= index for bound in job.bounds) - 1
            self._agenda.after(end - now, lambda: self._die(line, job, done, index if first else None))
        else:
            inline = line.kind == "inline"
            self._agenda.after(0.0 if inline else end - now, lambda: self._finish(line, job))

    def _finish(self, line: Line, job: Job) -> None:
        if line.working.pop(job.ticket, None) is None:
            return
        outcome = join_outcomes(line.plan.kernel, job.slices)
        outcome.left = range(job.bounds[-1], len(job.chunk.items))
        behind: list[int] = []
        if outcome.left and line.kind == "thread" and line.most_workers == 1:
            behind = [ticket for ticket, _ in line.waiting]
            line.waiting.clear()
        self._emit(Done(job.ticket, outcome, behind=behind))
        self._serve(line)

    def _die(
        self,
        line: Line,
        job: Job,
        done: int,
        suspect: int | None,
        *,
        killed: bool = False,
        behind: int | None = None,
    ) -> None:
        """The worker dies when `done` slices were worked on; a part of them had left it.

        If it was in a step `behind` the first, it is found out at once what the suspect was there.
        """
        if line.working.pop(job.ticket, None) is None:
            return
        arrived = self._agenda.random.randint(0, done) if line.plan.idempotent else done
        start, stop = job.bounds[arrived], job.bounds[done]
        finished = join_outcomes(line.plan.kernel, job.slices[:arrived]) if arrived else None
        again = [index for index in range(start, len(job.chunk.items)) if index != suspect]
        rerun = sum(index < (stop if suspect is None else suspect) for index in again)
        if not killed and self._agenda.random.random() < STARVED:
            self._emit(Starved(line.plan.number))
        cause = TaskTimeout("the item was given up.") if killed else WorkerCrash("the worker died.", exit_code=-9)
        if suspect is not None and behind is not None:
            found = self._find_out(line, job.chunk, suspect, behind)
            finished = join_outcomes(line.plan.kernel, [*([finished] if finished else []), found])
            suspect, rerun = None, rerun + 1
        self._emit(Lost(job.ticket, cause, suspect, again, finished, rerun, killed and line.kind == "thread"))
        self._serve(line)

    def _find_out(self, line: Line, chunk: Chunk, index: int, step: int) -> Outcome:
        """An item goes once more as far as the step that a worker died in."""
        deadly = Deadly(step, WorkerCrash("the worker died.", exit_code=-9))
        return go_again(line.kernel, deadly, chunk.items[index], index, chunk.entry)

    def _stop(self, line: Line, ticket: int, *, blame: bool = True) -> None:
        """The scheduler's kill arrives, or the engine has broken down."""
        loop = line.loops.pop(ticket, None)
        if loop is not None:
            blamed = blame and len(loop.out) == 1 and loop.out[0] in loop.begun
            suspect = loop.out.pop() if blamed else None
            self._emit(Lost(ticket, TaskTimeout("the item was given up."), suspect, loop.out))
            self._fill(line)
            return
        for place, (number, chunk) in enumerate(line.waiting):
            if number == ticket:
                del line.waiting[place]
                self._emit(Lost(ticket, WorkerCrash("it never began."), None, range(len(chunk.items))))
                return
        job = line.working.get(ticket)
        if job is not None:
            done = sum(end <= self._agenda.clock.now for end in job.ends[: len(job.slices)])
            done = min(done, len(job.bounds) - 2)
            self._die(line, job, done, job.bounds[done] if blame else None, killed=True)

    # -- an event loop ----------------------------------------------------------------------------------------------

    def _fill(self, line: Line) -> None:
        """Begin items as long as fewer than `workers` are in flight, those of the oldest chunk first."""
        for loop in [*line.loops.values()]:
            for index in loop.out:
                if sum(len(one.begun) for one in line.loops.values()) >= line.workers:
                    return
                if index not in loop.begun and index not in loop.done:
                    self._begin_item(line, loop, index)

    def _begin_item(self, line: Line, loop: Loop, index: int) -> None:
        loop.begun.add(index)
        took = line.item_seconds * self._agenda.random.uniform(0.5, 2.0)
        if line.plan.tells_start:  # a chunk of one, whose task may sleep
            self._emit(Started(loop.ticket))
            outcome, took = self._run(line, loop.chunk, index, index + 1)
            loop.outcome = outcome
        self._agenda.after(took, lambda: self._end_item(line, loop, index))

    def _end_item(self, line: Line, loop: Loop, index: int) -> None:
        """An item is done; it is sent at once, or with those that are done a little later."""
        if loop.ticket not in line.loops:
            return
        loop.begun.remove(index)
        loop.done.append(index)
        if len(loop.done) == len(loop.out) or self._agenda.random.random() < 0.5:
            self._send(line, loop)
        self._fill(line)

    def _send(self, line: Line, loop: Loop) -> None:
        done, loop.done = loop.done, []
        loop.out = [index for index in loop.out if index not in done]
        items = [loop.chunk.items[index] for index in done]
        outcome = loop.outcome or self._run(line, loop.chunk._replace(items=items), 0, len(items))[0]
        if not loop.out:
            del line.loops[loop.ticket]
        whole = len(done) == len(loop.chunk.items) and done == sorted(done)
        self._emit(Done(loop.ticket, outcome) if whole else Returned(loop.ticket, done, outcome))


def _crashed(outcome: Outcome) -> Trouble | None:
    """The item on which a task called `crash`, and where."""
    return next((one for one in outcome.troubles if isinstance(one.error.__cause__, WorkerDied)), None)


def join_outcomes(kernel: Kernel, outcomes: Sequence[Outcome]) -> Outcome:
    """One outcome for all slices of a chunk."""
    if len(outcomes) == 1:
        return outcomes[0]
    ports = [
        (_chained(one.ports[port][0] for one in outcomes), _chained(one.ports[port][1] for one in outcomes))
        for port in range(kernel.ports)
    ]
    joined = Outcome(
        [*ports], [_sum([one.counts[step] for one in outcomes]) for step in range(len(kernel.steps))], [], [], []
    )
    for one in outcomes:
        joined.troubles += one.troubles
        joined.expansions += one.expansions
        joined.dropped = [*joined.dropped, *one.dropped]
        joined.parts += one.parts
        joined.bytes_in += one.bytes_in
        joined.bytes_out += one.bytes_out
    return joined


def _chained(parts: Iterable[Iterable[Any]]) -> list[Any]:
    return list(chain.from_iterable(parts))


def _sum(counts: Sequence[StepCount | None]) -> StepCount | None:
    reached = [count for count in counts if count is not None]
    return StepCount(*map(sum, zip(*reached, strict=True))) if reached else None
