"""A worker as the hub sees it: the process, the jobs it was given, and the bytes on their way to and from it."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import NamedTuple

from skorche.engines.process import wire
from skorche.engines.process.job import Job
from skorche.engines.process.launch import WorkerProcess
from skorche.engines.process.listener import Mouth
from skorche.engines.process.slot import IDLE, INDEX, LOADING, STEP, TICKET
from skorche.engines.process.stacks import Question
from skorche.runtime.engine import Sight


class Asked(NamedTuple):
    """A worker that was asked what it does: where it was then, and the question for its stack."""

    position: int | None
    at: object
    question: Question

    def sight(self) -> Sight:
        """What it does, once it has answered."""
        return Sight(f"process {self.question.pid}", self.position, self.at, self.question.read())


READ_BYTES = 1 << 18
MOST_PARTS = 64
"""Pieces of bytes given to the system at once; it takes no more than 1,024."""


class Member:
    """A worker with the jobs it was given; the first is the one it works on.

    `tried`: it has come as far as an item. `dismissed`: it is about to end, and gets no more jobs.
    """

    def __init__(self, mouth: Mouth, keep_stderr: bool = False) -> None:
        self.process = WorkerProcess(mouth, keep_stderr)
        self.jobs: deque[Job] = deque()
        self.stages: set[int] = set()
        self.outgoing: deque[memoryview] = deque()
        self.incoming = bytearray()
        self.ready = self.tried = False
        self.dismissed = False
        self.retired_at: float | None = None

    @property
    def is_starting(self) -> bool:
        """Whether it has yet to show that a worker can start and load a task."""
        loading = bool(self.jobs) and not self.tried and self.process.slot[STEP] in (IDLE, LOADING)
        return loading or not self.ready

    def ask(self) -> Asked:
        """Ask what it does; it is ready, and at work."""
        at = tuple(self.process.slot)
        on_item = at[TICKET] == self.jobs[0].ticket and at[INDEX] >= 0
        return Asked(at[INDEX] if on_item else None, at, self.process.ask_stack())

    def queue(self, parts: list[bytes]) -> None:
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

    def save_spooled(self) -> None:
        """The worker has died: what it had finished of its job, and not sent, counts as come back."""
        if not self.jobs:
            return
        self.incoming = bytearray(self.process.spooled)
        job = self.jobs[0]
        sent = job.frames[-1].last if job.frames else -1  # the end may have come while it was sending
        job.frames += [one for one in self.frames() if one.ticket == job.ticket and one.first > sent]

    def frames(self) -> list[wire.Frame]:
        """The complete messages read so far."""
        found, start, buffer = [], 0, self.incoming
        size = wire.HEADER.size
        while len(buffer) - start >= size:
            length, kind, ticket, first, last = wire.HEADER.unpack_from(buffer, start)
            end = start + size + length
            if len(buffer) < end:
                break
            body: bytes | memoryview = memoryview(buffer)[start + size : end]
            if length > READ_BYTES:  # it is not copied, but keeps the buffer; what follows gets one of its own
                buffer, start = bytearray(memoryview(buffer)[end:]), 0
                self.incoming = buffer
            else:
                body, start = bytes(body), end
            found.append(wire.Frame(kind, ticket, first, last, body))  # type: ignore[arg-type]  # as good to loads()
        if start:
            del buffer[:start]
        return found
