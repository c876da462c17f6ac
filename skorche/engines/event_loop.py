"""Runs async tasks on one event loop, in a thread of its own: any number of stages, a coroutine for each item in hand.

    coordinator ──chunk──▶ inbox ──one wake-up for many──▶ ┌──────┐  each item is awaited in an asyncio task of its own
                                                           │ loop │
    emit ◀──Returned, Done: all of one turn of the loop─── └──────┘  the steps behind run over what has been answered

The items of a chunk go side by side, and come back as they are done, so nobody waits for a slow neighbour. At most
`workers` of a stage are in flight; a few more wait in its line, to begin at once when others end. An item is given up
by cancelling it, and is lost at once: what it makes of that, and when, is its own affair.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from threading import RLock, Thread
from time import perf_counter
from types import FrameType
from typing import Any, Literal

from skorche.call import Answer, Ends, await_ends, open_call, settle
from skorche.compile.plan import StagePlan
from skorche.errors import EngineError, InternalError, TaskTimeout, blamed_on
from skorche.kernel import Outcome
from skorche.log import complain, say
from skorche.named import NamedTuple
from skorche.reserve import RESERVE
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Broken, Capabilities, Done, Emit, Lost, Returned, Sight, Started

HURRY_SECONDS = 5.0
"""What a coroutine that was cancelled gets to end."""


MANY, GATHER_SECONDS = 50, 0.001
"""With more in flight, what is done is gathered for so long: one hand-over costs as much as several items."""


class _Stage:
    """An async stage: its function, which is made ready when the first item comes, and the steps behind.

    Only the loop's thread touches `line`, the items that have come, and `running`, those in flight.
    """

    def __init__(self, plan: StagePlan) -> None:
        self.kernel, self.timed = plan.kernel, plan.tells_start
        awaiting = getattr(plan.kernel.steps[0].work, "awaiting", None)
        if awaiting is None:
            raise InternalError(f"{plan.names} was given to the event loop, and is not async.")
        self._function: Callable[..., Any] = awaiting.function
        self._call: Callable[..., Any] | None = None
        self._error: BaseException | None = None
        self.workers = plan.workers
        self.line: deque[tuple[_Job, int]] = deque()
        self.running: set[asyncio.Task[None] | None] = set()
        self.ends: Ends = []

    def open(self) -> Callable[[Any], Any]:
        """What to await for an item. In the loop: a constructor may want it."""
        if self._error is not None:
            raise self._error
        if self._call is None:
            try:
                self._call = open_call(self._function, self.ends)
            except BaseException as error:
                self._error = error
                raise
        return self._call

    def finish(self, done: Sequence[_Done]) -> Outcome:
        """What becomes of items that were awaited: the steps behind, or failure."""
        answers = [one.answer for one in done]
        outcome = self.kernel.run(answers)
        count = outcome.counts[0]
        assert count is not None
        outcome.counts[0] = count._replace(seconds=count.seconds + sum([one.seconds for one in done]))
        if outcome.troubles:
            items = {id(answer): answer.item for answer in answers}
            outcome.troubles[:] = [one._replace(item=items.get(id(one.item), one.item)) for one in outcome.troubles]
        return outcome


class _Done(NamedTuple):
    """An item that has been awaited for so many seconds."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    answer: Answer
    seconds: float


Tasks = dict[int, "asyncio.Task[None] | None"]


class _Job:
    """A chunk under way: the indices of items that are out, with their tasks (None: not begun), and those just done."""

    __slots__ = ("chunk", "done", "given_up", "out", "stage", "ticket")

    def __init__(self, ticket: int, stage: _Stage, chunk: Chunk) -> None:
        self.ticket, self.stage, self.chunk = ticket, stage, chunk
        self.out: Tasks = dict.fromkeys(range(len(chunk.items)))
        self.done: list[_Done] = []
        self.given_up = False

    def lost(self, cause: BaseException, *, blamed: bool) -> Lost:
        """What is out does not come back; a single item that was begun may be to blame."""
        left = list(self.out)
        if blamed and len(left) == 1 and self.out[left[0]] is not None:
            return Lost(self.ticket, cause, left[0], ())
        return Lost(self.ticket, cause, None, left)


class AsyncEngine:
    """One event loop for all async tasks of a run."""

    capabilities = Capabilities(kill=True, ahead=True, chunk_seconds=0.0, side_by_side=True)

    def __init__(self) -> None:
        self._stages: dict[int, _Stage] = {}
        self._jobs: dict[int, _Job] = {}
        self._inbox: deque[_Job] = deque()
        self._finished: list[_Job] = []
        self._lock = RLock()  # of `_jobs` and what is out of them; one that gives up may be lent the turn of another
        self._rung = self._ending = self._gave_up = False
        self._handed_over = 0.0
        self._thread: Thread | None = None
        self._context = Context()

    def __repr__(self) -> str:
        return "AsyncEngine()"

    def open(self, stages: Sequence[StagePlan], emit: Emit) -> None:
        """Start the loop."""
        self._stages = {stage.number: _Stage(stage) for stage in stages}
        self._emit = emit
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._thread = Thread(target=self._run, name="skorche event loop", daemon=True)
        self._thread.start()

    def submit(self, ticket: int, stage: int, chunk: Chunk) -> None:
        """Put the chunk into the loop's inbox."""
        job = self._jobs[ticket] = _Job(ticket, self._stages[stage], chunk)
        self._put(job)

    def resize(self, stage: int, workers: int, most: int) -> None:
        """So many coroutines may be in flight from now on; what is in line begins with the next that comes or ends."""
        self._stages[stage].workers = workers

    def kill(self, ticket: int) -> None:
        """Cancel what is out of a chunk."""
        with self._lock:
            job = self._jobs.pop(ticket, None)
            if job is not None:
                self._gave_up = job.given_up = True
                self._emit(job.lost(TaskTimeout("the item was given up."), blamed=True))
                self._put(job)

    def _put(self, job: _Job) -> None:
        self._inbox.append(job)
        if not self._rung:  # else the loop has been rung, and has not looked yet
            self._rung = True
            self._loop.call_soon_threadsafe(self._look_into_inbox)

    def look(self, tickets: Sequence[int]) -> dict[int, Sight]:
        """Where the coroutines wait, or what the loop's thread does if it runs one of them."""
        assert self._thread is not None
        name = f"thread {self._thread.name!r} ({self._thread.ident})"
        running = asyncio.current_task(self._loop)
        stack = _stack(sys._current_frames().get(self._thread.ident or 0)) if running is not None else ""
        with self._lock:
            out = {ticket: dict(job.out) for ticket in tickets if (job := self._jobs.get(ticket))}
        sights = {ticket: _see(name, tasks, running, stack) for ticket, tasks in out.items()}
        return {ticket: sight for ticket, sight in sights.items() if sight is not None}

    def close(self, how: Literal["drain", "kill"]) -> None:
        """End the loop. A coroutine that was given up, and does not end for it, is not waited for."""
        if self._thread is None:
            return
        if self._thread.ident is None:  # it could not be started
            self._runner.close()
            return
        self._ending = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(None if how == "drain" and not self._gave_up else 2 * HURRY_SECONDS)
        if self._thread.is_alive():
            say("an async task that was given up holds its event loop, whose thread goes on in the background")

    # -- the loop's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ending:
            try:
                self._loop.run_forever()
            except (KeyboardInterrupt, SystemExit):
                continue  # raised in a task that a task has started: whoever awaits that gets it, the others go on
        if self._loop.run_until_complete(self._wind_up()):
            self._runner.close()
        else:
            say("a coroutine does not end, though it was cancelled; its event loop is closed all the same")
            self._loop.close()

    async def _wind_up(self) -> bool:
        """Cancel what is left, then close what was made for the stages. Whether everything has ended."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        pending = (await asyncio.wait(left, timeout=HURRY_SECONDS))[1] if left else ()
        for stage in self._stages.values():
            try:
                await await_ends(stage.ends)
            except Exception:  # noqa: BLE001  (the work is done, and its results count)
                complain("what was made for an async task could not be closed")
        return not pending

    def _look_into_inbox(self) -> None:
        """Begin what has come, and cancel what was given up."""
        self._rung = False
        inbox = self._inbox
        while inbox:
            job = inbox.popleft()
            if job.given_up:
                self._cancel(job)
            elif job.chunk.entry:  # the steps behind, once more
                self._come_back(job, list(job.out), job.stage.kernel.run(job.chunk.items, entry=job.chunk.entry))
            else:
                job.stage.line += [(job, index) for index in job.out]
                self._fill(job.stage)

    def _cancel(self, job: _Job) -> None:
        """Those in flight make room for others, also where they do not end for it."""
        for task in job.out.values():
            if task is not None:
                task.cancel()
                job.stage.running.discard(task)
        self._fill(job.stage)

    def _fill(self, stage: _Stage) -> None:
        """Begin what may begin."""
        start, context = self._loop.create_task, self._context
        while stage.line and len(stage.running) < stage.workers:
            job, index = stage.line.popleft()
            if job.given_up:
                continue
            try:
                call = context.run(stage.open)
            except BaseException as error:  # noqa: BLE001  (nobody may wait for a job that cannot begin)
                RESERVE.clear()
                self._give_up(job, error)
                continue
            if stage.timed:
                self._emit(Started(job.ticket))
            task = job.out[index] = start(self._work(job, call, index), context=context.copy())
            stage.running.add(task)

    async def _work(self, job: _Job, call: Callable[[Any], Any], index: int) -> None:
        began = perf_counter()
        answer = await settle(call, job.chunk.items[index])
        job.stage.running.discard(job.out[index])
        if job.given_up:
            return
        if not self._finished:
            self._plan_hand_over(len(job.stage.running) > MANY)
        if not job.done:
            self._finished.append(job)
        job.done.append(_Done(index, answer, perf_counter() - began))

    def _plan_hand_over(self, gathering: bool) -> None:
        if gathering:
            self._loop.call_at(self._handed_over + GATHER_SECONDS, self._hand_over)
        else:
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        """Say what has been done in this turn of the loop."""
        self._handed_over = self._loop.time()
        finished, self._finished = self._finished, []
        try:
            for stage in {job.stage for job in finished}:
                self._fill(stage)
            for job in finished:
                done, job.done = job.done, []
                self._come_back(job, [one.index for one in done], job.stage.finish(done))
        except BaseException as error:  # noqa: BLE001  (nobody may wait for what nobody will hand over)
            RESERVE.clear()
            for job in finished:
                self._give_up(job, error)

    def _come_back(self, job: _Job, indices: list[int], outcome: Outcome) -> None:
        """Some items of a job are done, maybe the last; unless it has been given up meanwhile."""
        with self._lock:
            if job.given_up:
                return
            for index in indices:
                del job.out[index]
            if not job.out:
                del self._jobs[job.ticket]
            whole = len(indices) == len(job.chunk.items) and indices == sorted(indices)
            self._emit(Done(job.ticket, outcome) if whole else Returned(job.ticket, indices, outcome))

    def _give_up(self, job: _Job, error: BaseException) -> None:
        """The task cannot be run at all, whatever the item: the run ends."""
        problem = blamed_on("the event loop", error, EngineError)
        self._emit(Broken(problem))
        with self._lock:
            if self._jobs.pop(job.ticket, None) is not None:
                job.given_up = True
                self._emit(job.lost(problem, blamed=False))


def _see(thread: str, out: Tasks, running: asyncio.Task[Any] | None, stack: str) -> Sight | None:
    """What the items of a chunk do: one holds the loop, whose stack this is, or they wait; or none has begun."""
    waiting = {index: task for index, task in out.items() if task is not None and not task.done()}
    for index, task in waiting.items():
        if task is running:
            return Sight(f"a coroutine that holds {thread}", index, (0, index), stack)
    if stack:
        return Sight(f"no coroutine that could go on, since another one holds {thread}", stack=stack)
    for index, task in waiting.items():
        return Sight(f"a coroutine in {thread}", index, (0, index), _waiting(task.get_coro()))
    return None


def _waiting(coroutine: Any) -> str:
    """The stack of a coroutine that waits, from the user's function on."""
    from traceback import StackSummary  # 8 ms to import: only a stall needs it

    frames: list[tuple[FrameType, int]] = []
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            frames.append((frame, frame.f_lineno))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return "".join(StackSummary.extract(iter(frames[2:])).format())  # behind `_work` and `settle`


def _stack(frame: FrameType | None) -> str:
    """The stack of the loop's thread, from the user's function on."""
    from traceback import StackSummary, walk_stack

    frames = []
    for one in walk_stack(frame):
        if one[0].f_code is settle.__code__:
            break
        frames.append(one)
    return "".join(StackSummary.extract(reversed(frames)).format())
