"""The thread that talks to all workers: it hands out jobs, moves bytes both ways, and sees workers die.

    submit, kill ──▶ inbox ──▶ ┌─────────┐ ──private pipe──▶ worker      never waits to write: a pipe that is full
                               │   hub   │ ◀──private pipe── worker      is written to when there is room, and read
    emit ◀──Done, Lost──────── └─────────┘       ...                     meanwhile, so two full pipes cannot deadlock

When a worker dies, `blame.judge` tells from its slot what it was on. Of what it was given, the results that have come
back count, the item to blame fails, and the rest is done again. If the hub itself fails, so does the run, with all
tickets given back.
"""

from __future__ import annotations

import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread, get_ident
from typing import TYPE_CHECKING

from skorche.compile.plan import StagePlan
from skorche.engines.process import wire
from skorche.engines.process.blame import Verdict, explain_crash, given_up, judge, told_ending
from skorche.engines.process.breaker import Breaker, cannot_load
from skorche.engines.process.crew import Crew
from skorche.engines.process.job import Job, explain_size
from skorche.engines.process.launch import Ending, WorkerProcess
from skorche.engines.process.listener import Listener
from skorche.engines.process.member import Asked, Member
from skorche.engines.process.slot import LOADING, STEP, TICKET
from skorche.engines.transfer import load_error
from skorche.errors import WorkerCrash, WorkerStartError, blamed_on
from skorche.reserve import RESERVE
from skorche.runtime.engine import Broken, Died, Done, Emit, Lost, Noticed, Recycled, Started, Starved
from skorche.runtime.memory import count_memory_kills

if TYPE_CHECKING:
    from skorche.engines.process.kept import KeptWorkers  # only who keeps workers needs it

END_SECONDS = 5.0
PULSE_SECONDS = 0.5
"""How often it is looked whether a worker has died whose pipe is still open: a child of it may hold that."""


class Hub:
    """All workers of one engine. Only its own thread touches them. They may come from `kept`, and go there."""

    def __init__(
        self,
        stages: Sequence[StagePlan],
        kernels: dict[int, bytes],
        most: int,
        emit: Emit,
        kept: KeptWorkers | None = None,
    ) -> None:
        self._stages = {stage.number: stage for stage in stages}
        self._kernels, self._emit = kernels, emit
        self.out: dict[int, Job] = {}
        self._queued: dict[int, deque[Job]] = {stage.number: deque() for stage in stages}
        self._told_size: set[int] = set()
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._bell, self._ringer = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._kept, self._capture = kept, stages[0].capture
        pipe = None if kept is None else kept.pipe()
        self._listener = Listener({stage.number: stage.names for stage in stages}, self._capture, pipe)
        self._closing = self._resting = self._broken = False
        self._rested: list[WorkerProcess] = []
        self._breaker = Breaker(most)
        self.crew = Crew(most, self._breaker, self._selector, self._listener.mouth)
        self._last_pulse = time.monotonic()
        # A daemon: a run that is stuck in another engine must not hold the interpreter. Workers see their parent end.
        self._thread = Thread(target=self._run, name="skorche processes", daemon=True)

    def start(self, workers: int) -> None:
        """Start the thread, which starts so many workers at once."""
        for one in (self._bell, self._ringer):
            one.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self.crew.first = workers
        if self._kept is not None:
            self.crew.adopt(self._kept.take(self._capture, self.crew.most), partial(self._kept.look, self._capture))
        self._listener.start()
        self._thread.start()

    def call(self, action: Callable[[], None]) -> None:
        """Have the thread do something."""
        self._inbox.put(action)
        if get_ident() != self._thread.ident:  # else it is lent to the run, and will look
            self._ring()

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # it has been rung and not been heard yet
            self._ringer.send(b"!")

    def stop(self, *, rest: bool = False) -> None:
        """End the thread and all workers; or have those `rest` that can be kept, if they are wanted."""
        self.call(partial(self._begin_closing, rest))
        if self._thread.ident is not None:
            self._thread.join()
        else:
            self._dismiss_all()
        is_through = self._listener.finish()
        if self._kept is not None:
            self._kept.put(self._rested, is_sound=is_through)
        for one in (self._bell, self._ringer):
            one.close()
        self._selector.close()

    def _begin_closing(self, rest: bool) -> None:
        self._closing, self._resting = True, rest and self._kept is not None and self._kept.wanted

    # -- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._memory_kills = count_memory_kills()
            self.crew.hire_first()
            while not self._closing:
                self._assign()
                self._turn()
            if self._resting:
                self._rest()
        except BaseException as error:  # noqa: BLE001  (nobody may wait for a dead hub)
            RESERVE.clear()
            self._fail(error)
        finally:
            self._dismiss_all()
        while not self._closing:  # it has failed: what still comes is given back
            self._inbox.get()()

    def _turn(self) -> None:
        """Wait until something can be done, and do it."""
        for key, _ in self._selector.select(PULSE_SECONDS if self._inbox.empty() else 0):
            if key.fileobj is self._bell:
                self._bell.recv(4096)
            else:
                self._serve(key.data)
        while not self._inbox.empty():
            self._inbox.get_nowait()()
        if time.monotonic() - self._last_pulse > PULSE_SECONDS:
            self._look_for_dead()

    def _serve(self, member: Member, has_ended: bool = False) -> None:
        member.write()
        is_open = member.read()
        for message in member.frames():
            self._handle(member, message)
        if has_ended or not is_open:
            self._bury(member)
        else:
            self._watch(member)

    def _look_for_dead(self) -> None:
        self._last_pulse = time.monotonic()
        for member in self.crew.members[:]:
            if member.process.has_ended:
                self._serve(member, has_ended=True)
            elif member.called_at is not None and self._last_pulse > member.called_at + END_SECONDS:
                member.process.kill()  # a thread, a handler or a finalizer of the task keeps it from that

    def _watch(self, member: Member) -> None:
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if member.outgoing else 0)
        if self._selector.get_key(member.process.channel).events != wanted:
            self._selector.modify(member.process.channel, wanted, member)

    def _handle(self, member: Member, message: wire.Frame) -> None:
        if message.kind == wire.READY:
            if member.hear(message.first):
                self.crew.has_started = True
                self.crew.hire_first()
        elif message.kind == wire.REFUSED:
            raise cannot_load(self._stages[message.ticket].names[0], load_error(bytes(message.body)))
        elif message.kind == wire.BEGUN:
            self._emit(Started(message.ticket))
        elif message.kind == wire.UNREADABLE:
            self._again(member.jobs.popleft())
        elif message.kind == wire.RETIRED:
            self._retire(member, message)
        elif message.kind == wire.LARGE:
            self._tell_size(member.jobs[0].stage, message.first, result=True)
        else:
            self._take(member, message)
            if message.kind in (wire.END, wire.CUT):
                self._settle(member.jobs.popleft(), cut=message.kind == wire.CUT)

    def _take(self, member: Member, results: wire.Frame) -> None:
        """Results of the job that a worker is on."""
        member.tried = True
        job = member.jobs[0]
        job.frames.append(results)
        if self._breaker.deaths and not job.is_over(results):
            self._breaker.finish(job.stage.number)

    def _retire(self, member: Member, message: wire.Frame) -> None:
        """A worker has done enough and ends itself; what it has left undone is done by others."""
        if message.body:
            self._take(member, message)
        member.dismissed, member.called_at = True, time.monotonic()
        self._emit(Recycled(1))
        while member.jobs:
            self._settle(member.jobs.pop())  # the last first, so that they stand in line as before

    def _settle(self, job: Job, *, cut: bool = False) -> None:
        """A worker has done with a job: it is complete or cut short, or the rest of it is for another worker."""
        again = job.absorb()
        if again:
            job.outcome.rerun += len(again)
            self._again(job)
        elif job.left and not cut:
            self._return(job)
        else:
            self._give_back(job.done())

    def _again(self, job: Job) -> None:
        """Do what is left of a job once more, item by item."""
        job.careful = True
        self._return(job)

    def _fail(self, error: BaseException) -> None:
        """The engine cannot go on: say so, and give every ticket back."""
        self._broken = True
        error = blamed_on("the process engine", error)
        self._emit(Broken(error))
        for queue in self._queued.values():
            queue.clear()
        for job in [*self.out.values()]:
            self._give_back(job.broken_off(error))

    # -- handing out ------------------------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        """Take a job (in the hub's thread)."""
        self.out[job.ticket] = job
        if self._broken:
            self._give_back(job.lost(WorkerStartError("the process engine has failed."), None, 0))
        else:
            self._queued[job.stage.number].append(job)

    def resize(self, stage: int, workers: int, most: int) -> None:
        """Let a stage use so many workers, of `most` in all (in the hub's thread). Those too many stay idle."""
        self._stages[stage] = self._stages[stage]._replace(workers=workers)
        self.crew.most = max(1, most)

    def _give_back(self, event: Done | Lost) -> None:
        """Whatever has happened to it, a ticket comes back once."""
        del self.out[event.ticket]
        self._emit(event)

    def _assign(self) -> None:
        for number, queue in self._queued.items():
            while queue:
                member = self.crew.choose(self._stages[number], queue[0])
                if member is None:
                    break
                self._give(member, queue.popleft())

    def _give(self, member: Member, job: Job) -> None:
        request = job.request(alone=self._stages[job.stage.number].workers == 1)
        if not job.left:  # none of its items could be pickled
            self._give_back(job.done())
            return
        if job.largest > wire.LARGE_BYTES:
            self._tell_size(job.stage, job.largest, result=False)
        number = job.stage.number
        if number not in member.stages:
            member.stages.add(number)
            limits = job.stage.recycling
            kernel = self._kernels[number]
            member.queue(wire.frame(wire.STAGE, number, [kernel], limits.items or 0, limits.memory_bytes or 0))
        member.queue(request)
        member.jobs.append(job)
        job.worker, job.take = member.process.pid, member.take
        member.write()
        self._watch(member)

    def _tell_size(self, stage: StagePlan, size: int, *, result: bool) -> None:
        """An item or a result is large, which is told once per stage."""
        if stage.number not in self._told_size:
            self._told_size.add(stage.number)
            task = " + ".join(stage.names) if result else stage.names[0]
            self._emit(Noticed(explain_size(task, size, result=result)))

    def ask(self, ticket: int) -> Asked | None:
        """Ask the worker that is on this ticket what it does."""
        at_work = [one for one in self.crew.members if one.ready and one.jobs and one.jobs[0].ticket == ticket]
        return at_work[0].ask() if at_work else None

    # -- deaths -----------------------------------------------------------------------------------------------------

    def kill(self, ticket: int) -> None:
        """Stop the worker that has this ticket; what only waits is given back."""
        for queue in self._queued.values():
            for job in queue:
                if job.ticket == ticket:
                    queue.remove(job)
                    self._give_back(job.lost(given_up(), None, 0))
                    return
        for member in self.crew.members:
            for job in member.jobs:
                if job.ticket == ticket:
                    job.stopped = member.dismissed = True
                    member.process.kill()
                    return

    def _bury(self, member: Member) -> None:
        """A worker has died: find out what it was on, and give its jobs back."""
        self._selector.unregister(member.process.channel)
        self.crew.members.remove(member)
        member.save_spooled()
        slot = list(member.process.slot)
        ending = member.process.bury()
        member.dismissed |= member.was_kept
        if not member.dismissed:
            self._emit(Died(member.process.pid, told_ending(ending.code)))
        job = member.jobs.popleft() if member.jobs else None
        for waiting in reversed(member.jobs):
            self._return(waiting)
        if job is not None and member.ready and slot[STEP] != LOADING:
            if ending.code == -signal.SIGKILL and not (ending.hung_up or member.dismissed):
                self._emit(Starved(job.stage.number))
                self.crew.hire_first()  # so that nobody waits for one to start, now that there are no others at work
            self._blame(job, slot, ending)
        else:
            if job is not None:
                self._return(job)
            if not member.dismissed:
                self._count_start(member, slot, ending)

    def _blame(self, job: Job, slot: list[int], ending: Ending) -> None:
        """A worker has died with a job that it had begun."""
        if self._breaker.deaths and not all(map(job.is_over, job.frames)):
            self._breaker.finish(job.stage.number)
        job.outcome.rerun += len(job.absorb())
        verdict = judge(job.ticket, job.left, slot, job.chunk.entry)
        stopped = job.stopped
        crash = given_up() if stopped else self._explain(job, verdict, slot, ending)
        suspect = None if verdict.suspect is None else (job.stage.number, job.chunk.places[verdict.suspect])
        words = ending.words.get(verdict.suspect, "")
        if not stopped and (verdict.unclear or job.mourn(verdict.suspect, slot[STEP], crash, words)):
            job.outcome.rerun += verdict.rerun
            self._again(job)
        else:
            self._give_back(job.lost(crash, verdict.suspect, verdict.rerun, words))
        if not stopped:
            self._breaker.count_crash(crash, suspect)

    def _explain(self, job: Job, verdict: Verdict, slot: list[int], ending: Ending) -> WorkerCrash:
        item = () if verdict.suspect is None else (job.chunk.items[verdict.suspect],)
        kills = count_memory_kills() - self._memory_kills if ending.code == -signal.SIGKILL else 0
        return explain_crash(
            ending.code,
            job.task_at(slot[STEP]),
            slot,
            item,
            kills,
            hung_up=ending.hung_up,
            behind=slot[STEP] > job.chunk.entry,
        )

    def _count_start(self, member: Member, slot: list[int], ending: Ending) -> None:
        """A worker has died before its first item, or idle: then it could start."""
        if not member.ready:
            self._breaker.count_start(ending.code, ending.said)
        elif slot[STEP] == LOADING:
            task = self._stages[slot[TICKET]].names[0]
            self._breaker.count_load(slot[TICKET], task, ending.code, ending.said)

    def _return(self, job: Job) -> None:
        """It waits for another worker, first in line."""
        if job.stopped:
            self._give_back(job.lost(given_up(), None, 0))
        else:
            self._queued[job.stage.number].appendleft(job)

    def _rest(self) -> None:
        """The run is over: have the workers put down what is of it."""
        self.crew.lay_to_rest()
        end = time.monotonic() + END_SECONDS
        while not self.crew.are_at_rest and time.monotonic() < end:
            self._turn()
        self._rested = self.crew.release()

    def _dismiss_all(self) -> None:
        """End every worker: those at work, or not ready for any, are killed, the others end with their pipes."""
        for member in self.crew.members:
            if member.jobs or not member.ready:
                member.process.kill()
            self._selector.unregister(member.process.channel)
            member.process.hang_up()
        end = time.monotonic() + END_SECONDS
        for member in self.crew.members:
            member.process.finish(max(0.0, end - time.monotonic()))
        self.crew.members.clear()
