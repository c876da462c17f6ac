"""A worker as the hub sees it: the process, the jobs it was given, and the bytes on their way to and from it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from itertools import islice

from skorche.engines.process import wire
from skorche.engines.process.buffers import Buffers
from skorche.engines.process.job import Job
from skorche.engines.process.launch import WorkerProcess
from skorche.engines.process.packing import Piece, is_marked
from skorche.engines.process.slot import IDLE, INDEX, LINED, LOADING, RESIDENT, STEP, TICKET
from skorche.engines.process.stacks import Question
from skorche.named import NamedTuple
from skorche.runtime.engine import Sight, WorkerNow


class Asked(NamedTuple):
    """A worker that was asked what it does: where it was then, and the question for its stack."""

    position: int | None
    at: object
    question: Question

    def sight(self) -> Sight:
        """What it does, once it has answered."""
        return Sight(f"process {self.question.pid}", self.position, self.at, self.question.read())


READ_BYTES = 1 << 18
"""Into memory that is kept: for a new piece of this size the system would be asked each time, which takes 30 us."""
MOST_PARTS = 64
"""Pieces of bytes given to the system at once; it takes no more than 1,024."""


class Member:
    """A worker with the jobs it was given; the first is the one it works on.

    `ready`: it has answered the last call (0: none, it has been started). `tried`: it has come as far as an item.
    `dismissed`: it is about to end, or `rests`, and gets no more jobs. `called_at`: it is to end, or to answer, and not
    to take long.
    """

    def __init__(self, process: WorkerProcess) -> None:
        self.process = process
        self._lined_before = process.slot[LINED]
        self._call, self._wakes = 0, False
        self.jobs: deque[Job] = deque()
        self.stages: set[int] = set()
        self.outgoing: deque[memoryview] = deque()
        self._scratch = memoryview(bytearray(READ_BYTES))
        self._incoming = bytearray()
        self._body: _Body | None = None
        self._found: list[wire.Frame] = []
        self.take = Buffers().take
        self.ready = self.tried = False
        self.dismissed = self.rests = False
        self.called_at: float | None = None

    @property
    def is_starting(self) -> bool:
        """Whether it has yet to show that a worker can start and load a task."""
        loading = bool(self.jobs) and not self.tried and self.process.slot[STEP] in (IDLE, LOADING)
        return loading or not self.ready

    def now(self) -> WorkerNow:
        """What it says of itself, since it is a member."""
        slot = self.process.slot
        in_line = (slot[LINED] - self._lined_before) / 1e9
        return WorkerNow(self.process.pid, tuple(self.stages), slot[RESIDENT], in_line)

    def call_to(self, kind: int) -> None:
        """Have it rest, or wake; it is ready again when it has."""
        self.process.calls += 1
        self._call, self._wakes, self.ready = self.process.calls, kind == wire.WAKE, False
        self.called_at = time.monotonic()
        self.queue(wire.frame(kind, 0, [], self._call))
        self.write()

    def hear(self, answer: int) -> bool:
        """It has answered a call, perhaps one of an earlier run; whether it is the last."""
        if answer == self._call:
            self.ready, self.called_at = True, None
        return answer == self._call

    @property
    def was_kept(self) -> bool:
        """Whether it has yet to say that it is fit for the run: what becomes of it until then is no matter of that."""
        return self._wakes and not self.ready

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is on its way to or from it."""
        return not (self.jobs or self.outgoing or self._incoming or self._body)

    def ask(self) -> Asked:
        """Ask what it does; it is ready, and at work."""
        at = tuple(self.process.slot)
        on_item = at[TICKET] == self.jobs[0].ticket and at[INDEX] >= 0
        return Asked(at[INDEX] if on_item else None, at, self.process.ask_stack())

    def queue(self, parts: Sequence[Piece]) -> None:
        """Put bytes in line for this worker."""
        self.outgoing += [memoryview(part) for part in parts if part]

    def write(self) -> None:
        """Write what the pipe takes."""
        channel, outgoing = self.process.channel, self.outgoing
        try:
            while outgoing:
                sent = channel.sendmsg(islice(outgoing, MOST_PARTS))
                while outgoing and sent >= len(outgoing[0]):
                    sent -= len(outgoing.popleft())
                if sent:
                    outgoing[0] = outgoing[0][sent:]
        except BlockingIOError:
            return
        except OSError:
            outgoing.clear()  # it is dead, which reading will tell

    def read(self) -> bool:
        """Read what is there; whether the pipe is still open. A worker is killed for whose result there is no room."""
        try:
            return self._read()
        except MemoryError:
            self.process.kill()
            return False

    def _read(self) -> bool:
        channel = self.process.channel
        while True:
            try:
                if self._body is None:
                    count = channel.recv_into(self._scratch)
                else:
                    count = channel.recv_into(self._body.rest)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not count:
                return False
            if self._body is None:
                self._incoming += self._scratch[:count]
                self._parse()
                if count < READ_BYTES:
                    return True
            else:
                self._body.rest = self._body.rest[count:]
                self._end_body()

    def save_spooled(self) -> None:
        """The worker has died: what it had finished of its job, and not sent, counts as come back."""
        if not self.jobs:
            return
        self._incoming, self._body = bytearray(self.process.spooled), None
        self._parse()
        job = self.jobs[0]
        sent = job.frames[-1].last if job.frames else -1  # it may have died after sending, before it emptied the spool
        left = set(job.left)  # by then the job may even have been given to it once more
        found = [one for one in self.frames() if one.ticket == job.ticket and one.first in left]
        job.frames += [one for one in found if one.first > sent]

    def frames(self) -> list[wire.Frame]:
        """The complete messages read since this was asked last."""
        found, self._found = self._found, []
        return found

    def _parse(self) -> None:
        """Find the messages in what has come. A large one that is not complete gets its own memory, to be read into."""
        start, buffer, size = 0, self._incoming, wire.HEADER.size
        while len(buffer) - start >= size:
            length, kind, ticket, first, last = wire.HEADER.unpack_from(buffer, start)
            start += size
            end = start + length
            if len(buffer) < end and length <= READ_BYTES:
                start -= size
                break
            body = memoryview(buffer)[start:end]
            if len(buffer) >= end:
                kept = bytearray(body) if is_marked(body) else bytes(body)
                self._found.append(wire.Frame(kind, ticket, first, last, kept))
                start = end
                continue
            self._body = _Body(wire.Frame(kind, ticket, first, last, self.take(length)), body)
            start = len(buffer)
        if start:
            body = memoryview(b"")  # a buffer that is looked at cannot shrink
            del buffer[:start]

    def _end_body(self) -> None:
        if self._body is not None and not self._body.rest:
            self._found.append(self._body.frame)
            self._body = None


class _Body:
    """A large message of which a part has come: `rest` is where the rest of it goes."""

    def __init__(self, frame: wire.Frame, begun: memoryview) -> None:
        self.frame, whole = frame, memoryview(frame.body)
        whole[: len(begun)] = begun
        self.rest = whole[len(begun) :]
