"""The thread that talks to all workers: it hands out jobs, moves bytes both ways, and sees workers die.

    submit, kill ──▶ inbox ──▶ ┌─────────┐ ──private pipe──▶ worker      never waits to write: a pipe that is full
                               │   hub   │ ◀──private pipe── worker      is written to when there is room, and read
    emit ◀──Done, Lost──────── └─────────┘       ...                     meanwhile, so two full pipes cannot deadlock

When a worker dies, its slot tells what it was on: before the first item nobody is to blame; in a step, that item;
while reading or writing more than one item, the rest is done again carefully, item by item, which tells.
"""

from __future__ import annotations

import selectors
import signal
import socket
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread

from skorche.compile.plan import StagePlan
from skorche.engines.process import wire
from skorche.engines.process.job import Job
from skorche.engines.process.launch import WorkerProcess
from skorche.engines.process.worker import IDLE, INDEX, LAST, READING, STEP, TICKET, WRITING
from skorche.engines.transfer import load_error
from skorche.errors import WorkerCrash, WorkerStartError
from skorche.runtime.engine import Broken, Emit, Started

READ_BYTES = 1 << 18
MOST_FAILED_STARTS = 3
END_SECONDS = 5.0


class Member:
    """A worker with the jobs it was given; the first is the one it works on."""

    def __init__(self) -> None:
        self.process = WorkerProcess()
        self.jobs: deque[Job] = deque()
        self.stages: set[int] = set()
        self.outgoing: deque[memoryview] = deque()
        self.incoming = bytearray()
        self.killed = False

    def queue(self, parts: list[bytes]) -> None:
        """Put bytes in line for this worker."""
        self.outgoing += [memoryview(part) for part in parts if part]

    def write(self) -> None:
        """Write what the pipe takes."""
        channel = self.process.channel
        try:
            while self.outgoing:
                sent = channel.send(self.outgoing[0])
                if sent < len(self.outgoing[0]):
                    self.outgoing[0] = self.outgoing[0][sent:]
                else:
                    self.outgoing.popleft()
        except BlockingIOError:
            return
        except OSError:
            self.outgoing.clear()  # it is dead, which reading will tell

    def read(self) -> bool:
        """Read what is there; whether the pipe is still open."""
        while True:
            try:
                data = self.process.channel.recv(READ_BYTES)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            self.incoming += data
            if len(data) < READ_BYTES:
                return True

    def frames(self) -> list[wire.Frame]:
        """The complete messages read so far."""
        found, start, buffer = [], 0, self.incoming
        size = wire.HEADER.size
        while len(buffer) - start >= size:
            length, kind, ticket, first, last = wire.HEADER.unpack_from(buffer, start)
            end = start + size + length
            if len(buffer) < end:
                break
            found.append(wire.Frame(kind, ticket, first, last, bytes(memoryview(buffer)[start + size : end])))
            start = end
        if start:
            del buffer[:start]
        return found


class Hub:
    """All workers of one engine. Only its own thread touches them."""

    def __init__(self, stages: Sequence[StagePlan], kernels: dict[int, bytes], most: int, emit: Emit) -> None:
        self._stages = {stage.number: stage for stage in stages}
        self._kernels, self._most, self._emit = kernels, most, emit
        self._queued: dict[int, deque[Job]] = {stage.number: deque() for stage in stages}
        self._members: list[Member] = []
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._bell, self._ringer = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._closing = self._broken = False
        self._failed_starts = self._first_workers = 0
        self._thread = Thread(target=self._run, name="skorche processes")

    def start(self, workers: int) -> None:
        """Start the thread, which starts so many workers at once."""
        for one in (self._bell, self._ringer):
            one.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._first_workers = workers
        self._thread.start()

    def call(self, action: Callable[[], None]) -> None:
        """Have the thread do something."""
        self._inbox.put(action)
        self._ring()

    def _ring(self) -> None:
        try:
            self._ringer.send(b"!")
        except BlockingIOError:
            pass  # it has been rung and not been heard yet

    def stop(self) -> None:
        """End the thread and all workers."""
        self.call(self._begin_closing)
        self._thread.join()
        for one in (self._bell, self._ringer):
            one.close()
        self._selector.close()

    def _begin_closing(self) -> None:
        self._closing = True

    # -- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            for _ in range(self._first_workers):
                self._hire()
            while not self._closing:
                self._assign()
                self._turn()
        except BaseException as error:  # noqa: BLE001  (nobody may wait for a dead hub)
            self._fail(error)
            while not self._closing:
                self._turn()
        finally:
            self._dismiss_all()

    def _turn(self) -> None:
        """Wait until something can be done, and do it."""
        for key, _ in self._selector.select():
            if key.fileobj is self._bell:
                self._bell.recv(4096)
            else:
                self._serve(key.data)
        while not self._inbox.empty():
            self._inbox.get_nowait()()

    def _serve(self, member: Member) -> None:
        member.write()
        is_open = member.read()
        for message in member.frames():
            self._handle(member, message)
        if not is_open:
            self._bury(member)
        else:
            self._watch(member)

    def _watch(self, member: Member) -> None:
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if member.outgoing else 0)
        if self._selector.get_key(member.process.channel).events != wanted:
            self._selector.modify(member.process.channel, wanted, member)

    def _handle(self, member: Member, message: wire.Frame) -> None:
        if message.kind == wire.READY:
            member.process.ready = True
            self._failed_starts = 0
        elif message.kind == wire.REFUSED:
            self._refuse(message)
        elif message.kind == wire.UNREADABLE:
            self._again(member.jobs.popleft())
            self._announce(member)
        else:
            member.jobs[0].frames.append(message)
            if message.kind == wire.END:
                self._complete(member.jobs.popleft())
                self._announce(member)

    def _complete(self, job: Job) -> None:
        again = job.absorb()
        if again:
            job.outcome.rerun += len(again)
            self._again(job)
        else:
            self._emit(job.done())

    def _again(self, job: Job) -> None:
        """Do what is left of a job once more, item by item."""
        job.careful = True
        self._queued[job.stage.number].appendleft(job)

    def _refuse(self, message: wire.Frame) -> None:
        stage = self._stages[message.ticket]
        cause = load_error(message.body)
        error = WorkerStartError(
            f"a worker process cannot load {stage.edge.rpartition(' into ')[2]!r}: {type(cause).__name__}: {cause}",
            "the function, or a module it needs, cannot be imported there.",
            "check that its module can be imported from sys.path without side effects that fail.",
        )
        error.__cause__ = cause
        self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """The engine cannot go on: say so, and give every ticket back."""
        if not self._broken:
            self._broken = True
            self._emit(Broken(error))
        jobs = [job for member in self._members for job in member.jobs]
        for member in self._members:
            member.jobs.clear()
        for queue in self._queued.values():
            jobs += queue
            queue.clear()
        for job in jobs:
            job.absorb()
            self._emit(job.lost(error, None, 0))

    # -- handing out ------------------------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        """Take a job (in the hub's thread)."""
        if self._broken:
            self._emit(job.lost(WorkerStartError("the process engine has failed."), None, 0))
        else:
            self._queued[job.stage.number].append(job)

    def _assign(self) -> None:
        if self._broken:
            return
        for number, queue in self._queued.items():
            while queue:
                member = self._choose(self._stages[number], queue[0])
                if member is None:
                    break
                self._give(member, queue.popleft())

    def _choose(self, stage: StagePlan, job: Job) -> Member | None:
        """An idle worker while the stage may use one more; else one that works for the stage and has none ahead."""
        busy = [member for member in self._members if member.jobs and member.jobs[0].stage is stage]
        if len(busy) < stage.workers:
            idle = next((member for member in self._members if not member.jobs and not member.killed), None)
            if idle is not None:
                return idle
            if len(self._members) < self._most:
                return self._hire()
        if stage.timeout is not None or job.careful:
            return None
        return next((one for one in busy if len(one.jobs) == 1 and not one.jobs[0].careful and not one.killed), None)

    def _hire(self) -> Member:
        member = Member()
        self._members.append(member)
        self._selector.register(member.process.channel, selectors.EVENT_READ, member)
        return member

    def _give(self, member: Member, job: Job) -> None:
        request = job.request()
        if not job.left:  # none of its items could be pickled
            self._emit(job.done())
            return
        number = job.stage.number
        if number not in member.stages:
            member.stages.add(number)
            member.queue(wire.frame(wire.STAGE, number, self._kernels[number]))
        member.queue(request)
        member.jobs.append(job)
        if len(member.jobs) == 1:
            self._announce(member)
        member.write()
        self._watch(member)

    def _announce(self, member: Member) -> None:
        if member.jobs and member.jobs[0].stage.timeout is not None:
            self._emit(Started(member.jobs[0].ticket))

    # -- deaths -----------------------------------------------------------------------------------------------------

    def kill(self, ticket: int) -> None:
        """Stop the worker that is on this ticket; one that only waits is given back."""
        for queue in self._queued.values():
            for job in queue:
                if job.ticket == ticket:
                    queue.remove(job)
                    self._emit(job.lost(WorkerCrash("the item was given up."), None, 0))
                    return
        for member in self._members:
            for job in member.jobs:
                if job.ticket == ticket:
                    job.stopped = True
                    member.killed = True
                    member.process.kill()
                    return

    def _bury(self, member: Member) -> None:
        """A worker has died: find out what it was on, and give its jobs back."""
        self._selector.unregister(member.process.channel)
        self._members.remove(member)
        slot = list(member.process.slot)
        if not member.process.ready and not member.killed:
            self._failed_starts += 1
        code = member.process.finish(END_SECONDS)
        if self._failed_starts >= MOST_FAILED_STARTS:
            self._give_up(member, code)
            return
        jobs = list(member.jobs)
        if jobs:
            self._blame(jobs[0], slot, code)
        for job in reversed(jobs[1:]):
            self._queued[job.stage.number].appendleft(job)

    def _give_up(self, member: Member, code: int) -> None:
        self._members.append(member)  # its jobs are given back with all others
        error = WorkerStartError(
            f"{MOST_FAILED_STARTS} worker processes in a row died before they were ready ({_ending(code)}).",
            "something in the environment, not an item, keeps workers from starting.",
            "see what they printed on stderr; try `python -c 'import skorche'`.",
        )
        self._fail(error)
        self._members.remove(member)

    def _blame(self, job: Job, slot: list[int], code: int) -> None:
        again = job.absorb()
        job.outcome.rerun += len(again)
        step, index = slot[STEP], slot[INDEX]
        began = slot[TICKET] == job.ticket and step != IDLE
        if not began or (index != -1 and index not in job.left):
            suspect, rerun = None, 0
        elif step in (READING, WRITING):
            started = [one for one in job.left if step == WRITING and one <= slot[LAST]]
            if index == -1 or (len(started) > 1 and not job.stopped):
                job.outcome.rerun += len(started)
                self._again(job)
                return
            suspect, rerun = index, 0
        else:
            run = [one for one in job.left if one <= (slot[LAST] if step else index)]
            suspect, rerun = index, len(run) - 1
        where = {READING: " while it was unpickled", WRITING: " while its result was pickled"}.get(step, "")
        self._emit(job.lost(_crash(code, where), suspect, rerun))

    def _dismiss_all(self) -> None:
        """End every worker: those at work are killed, the others end with their pipes."""
        for member in self._members:
            if member.jobs:
                member.process.kill()
            self._selector.unregister(member.process.channel)
            member.process.channel.close()
        for member in self._members:
            member.process.finish(END_SECONDS)
        self._members.clear()


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _crash(code: int, where: str) -> WorkerCrash:
    killed = code == -signal.SIGKILL
    return WorkerCrash(
        f"a worker process died{where} ({_ending(code)}).",
        "it was killed from outside, probably because memory ran out."
        if killed
        else "the task, or a library it calls, ended the process.",
        "give it fewer workers or smaller items." if killed else "retries= tries again in a new process.",
        exit_code=code,
    )
