"""What runs in a worker process: read a chunk, run the stage's kernel over it in slices, write the results.

    parent ──STAGE, WORK──▶ main thread ──PARTS, END──▶ parent            one private pipe

A slice is about a millisecond of measured work, so that no more than that is lost when the process dies; where items
suddenly take much longer it is cut. The *slot*, memory shared with the parent, says at any time which ticket, which
item and which step the worker is on; the *spool* behind it keeps the results of slices until the chunk's last one, so
that the parent need not wake for each. The parent reads both when the worker has died. A worker ignores Ctrl-C, ends
with the pipe, and is killed when its parent dies. It also ends when it has done enough: so many items of a task, or
when it has grown too large. Between two runs it may be kept: then it has put down all that was the first one's.
"""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from mmap import PAGESIZE, mmap
from threading import Thread
from typing import TYPE_CHECKING, Any

from skorche.call import Ends, close_all
from skorche.cut import Cut
from skorche.engines.process.buffers import Buffers
from skorche.engines.process.packing import TAKEN_BYTES, Piece, Sealing, size_of, unpack
from skorche.engines.process.slices import Assignment, LoadedStage, Slicer
from skorche.engines.process.slot import (
    AT_REST,
    IDLE,
    INDEX,
    LINED,
    LOADING,
    NONE,
    READING,
    RESIDENT,
    SHARED_BYTES,
    SLOT_BYTES,
    SPOOL_END,
    STEP,
    TICKET,
)
from skorche.engines.process.stacks import answer_here, answer_in
from skorche.engines.process.transcript import Transcript
from skorche.engines.process.voice import Voice
from skorche.engines.process.wire import (
    BEGUN,
    HEADER,
    READY,
    REFUSED,
    REST,
    RETIRED,
    STAGE,
    UNREADABLE,
    WORK,
    Frame,
    frame,
    read_work,
)
from skorche.engines.transfer import dump_error, loads
from skorche.errors import WorkerStartError, describe
from skorche.named import NamedTuple
from skorche.runtime.memory import resident_bytes
from skorche.runtime.vitals import Vitals

if TYPE_CHECKING:
    from skorche.compile.plan import Capture  # which a worker does without

WATCH_SECONDS = 0.1
REST_SECONDS = 1.0
"""The same while there is no run."""


class Files(NamedTuple):
    """The descriptors a worker inherits. `stderr`: the real one, while what is printed is kept, or -1."""

    channel: int
    slot: int
    lifeline: int
    pipe: int
    stderr: int


def main(files: Files, parent: int, levels: dict[str, int], disabled: int, capture: Capture) -> None:
    """Serve until the parent ends the pipe, or dies. `capture` says where goes what is logged and printed.

    Garbage is collected from here on. What was imported before is no garbage until the end, and is not looked at: so
    a worker starts and ends 5 ms sooner.
    """
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    for file in files[:4]:
        os.set_inheritable(file, False)  # a program that a task starts must not hold the pipe open
    _hang_on(files.lifeline)
    answer_in(files.slot)
    cut = Cut()
    Thread(target=_watch_parent, args=(parent, files.slot, cut), name="skorche parent watch", daemon=True).start()
    with (
        mmap(files.slot, SHARED_BYTES) as shared,
        memoryview(shared) as view,
        view[:SLOT_BYTES].cast("q") as numbers,
        view[SLOT_BYTES:SPOOL_END] as spool,
        view[SPOOL_END:] as region,
        suppress(ConnectionError),
    ):
        voice = Voice(files.pipe, numbers, Transcript(numbers, region) if capture == "item" else None)
        take_over = partial(voice.take_over, levels, disabled) if capture != "off" else lambda: None
        _Worker(files, numbers, spool, voice, take_over, cut).serve()
        voice.end()  # the parent is gone, or wants no more
    # The pipe stays open: its end tells the parent that this process has ended, which then need not wait for it.


def _hang_on(lifeline: int) -> None:
    """Have the system kill this process and its children when the parent's end of the lifeline is closed.

    It needs no thread of ours, so it works where a task holds the GIL in C for minutes. It works at once, but where a
    fork of the parent holds that end too, or a task has closed this one, or the system is none that can do it.
    """
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpid())  # minus: the whole group
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def _watch_parent(parent: int, slot: int, cut: Cut) -> None:
    """Tell the parent what this process needs; and where the lifeline does not do it, end when the parent has died.

    What takes far too long is cut.
    """
    answer_here()
    vitals = Vitals(os.getpid())  # the main thread has the number of the process
    numbers = memoryview(mmap(slot, PAGESIZE)).cast("q")
    while os.getppid() == parent:
        numbers[RESIDENT] = vitals.resident_bytes()
        numbers[LINED] = round(1e9 * vitals.seconds_in_line())
        cut.look()
        time.sleep(REST_SECONDS if numbers[AT_REST] else WATCH_SECONDS)  # nothing tells that a parent has died
    try:
        os.killpg(os.getpid(), signal.SIGKILL)  # the task cannot be asked, and nobody is left to want its result
    finally:
        os._exit(1)


class _Worker:
    def __init__(
        self, files: Files, slot: memoryview, spool: memoryview, voice: Voice, take_over: Callable[[], None], cut: Cut
    ) -> None:
        self._channel, self._stderr = files.channel, files.stderr
        self._born = os.fstat(files.lifeline).st_mtime_ns  # by the clock that files have: a pipe's is when it was made
        self._slot, self._voice, self._take_over = slot, voice, take_over
        self._slicer = Slicer(slot, spool, voice, self._channel, self._send, cut)
        if self._stderr < 0:
            take_over()
        self._stages: dict[int, LoadedStage] = {}
        self._sources: dict[str, _Source | None] = {}
        self._ends: Ends = []
        self._take = Buffers().take

    def serve(self) -> None:
        try:
            self._serve()
        finally:
            close_all(self._ends, _complain)

    def _serve(self) -> None:
        self._send(frame(READY, 0, []))
        while (message := self._receive()) is not None:
            stage = None
            if message.kind == WORK:
                stage = self._work(message)
            elif message.kind == STAGE:
                self._load_stage(message)
            elif message.kind == REST:
                self._rest(message.first)
            elif not self._wake(message.first):
                return
            self._slot[STEP] = IDLE
            self._voice.rest()
            del message  # an idle worker must not keep items alive
            if stage is not None and self._retires(stage):
                return

    def _load_stage(self, message: Frame) -> None:
        try:
            kernel, ports = loads(message.body)
            stage = LoadedStage(loads(kernel).opened(self._ends), Sealing(ports), message.first, message.last)
            if not self._stages and stage.is_bloated:
                raise _never_small_enough(stage.most_bytes)
            self._stages[message.ticket] = stage
        except BaseException as error:  # noqa: BLE001  (a module that fails to import must be told, not hung on)
            if isinstance(error, WorkerStartError) and error.__cause__ is not None:
                error.add_note(f"where it was raised, in a worker process:\n{describe(error.__cause__)}")
            self._send(frame(REFUSED, message.ticket, [dump_error(error)]))
        self._give_stderr_back()

    def _rest(self, call: int) -> None:
        """The run is over: put down all that is of it, garbage too, which may have words to say at its end."""
        close_all(self._ends, _complain)
        self._stages.clear()
        self._take = Buffers().take
        gc.collect()
        self._voice.end()
        self._voice.begin_run()
        self._sources = _look_at_sources()
        self._slot[AT_REST] = 1
        self._send(frame(READY, 0, [], call))

    def _wake(self, call: int) -> bool:
        """Whether this process serves in a new run: not where one that starts now would import something else."""
        now = _look_at_sources()
        if now != self._sources or any(file is not None and file.changed_at > self._born for file in now.values()):
            return False
        self._slot[AT_REST] = 0
        self._send(frame(READY, 0, [], call))
        return True

    def _give_stderr_back(self) -> None:
        """What was kept goes where it belongs, and all that follows with it."""
        if self._stderr < 0:
            return
        kept = os.pread(2, 1 << 20, 0)
        os.dup2(self._stderr, 2)
        os.close(self._stderr)
        self._stderr = -1
        os.write(2, kept)
        self._take_over()

    def _retires(self, stage: LoadedStage) -> bool:
        """Whether this process has done enough. With its last item it has said so already."""
        if stage.items_left and stage.is_bloated:
            self._take = Buffers().take  # what was remembered is not the task's memory
            if stage.is_bloated:
                self._send(frame(RETIRED, 0, []))
                return True
        return not stage.items_left

    def _work(self, message: Frame) -> LoadedStage | None:
        """Work on a chunk; gives its stage."""
        ticket = message.ticket
        work, packed = read_work(message)
        stage = self._stages.get(work.stage)
        if stage is None:
            return None  # it was refused, which ends the run
        if work.timed:
            self._send(frame(BEGUN, ticket, []))
        try:
            items: Sequence[Any] = packed if work.sizes is not None else unpack(packed[0], self._take)
        except BaseException as error:  # noqa: BLE001  (asked again item by item, to find which one it is)
            self._send(frame(UNREADABLE, ticket, [dump_error(error)]))
            return stage
        indices = range(len(items)) if work.indices is None else work.indices
        self._slot[STEP] = IDLE
        self._slicer.go_through(Assignment(ticket, work, items, indices), stage)
        return stage

    def _send(self, parts: Sequence[Piece]) -> None:
        if size_of(parts) <= SPOOL_END:
            parts = [b"".join(parts)]  # the parent wakes once
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(self._channel, view) :]

    def _receive(self) -> Frame | None:
        header = self._read(HEADER.size)
        if header is None:
            return None
        length, kind, ticket, first, last = HEADER.unpack(header)
        self._slot[INDEX], self._slot[TICKET] = NONE, ticket
        self._slot[STEP] = LOADING if kind == STAGE else READING
        body = self._read(length)
        return None if body is None else Frame(kind, ticket, first, last, body)

    def _read(self, count: int) -> bytes | bytearray | memoryview | None:
        if not count:
            return b""
        buffer = bytearray(count) if count < TAKEN_BYTES else self._take(count)
        view, got = memoryview(buffer), 0
        while got < count:
            try:
                more = os.readv(self._channel, [view[got:]])
            except ConnectionError:
                return None
            if not more:
                return None
            got += more
        return buffer


class _Source(NamedTuple):
    """A file that a module was imported from, and when it was written, moved here or renamed, in nanoseconds."""

    device: int
    number: int
    changed_at: int


def _look_at_sources() -> dict[str, _Source | None]:
    """The files of all modules; None for one that is gone, or lies in an archive."""
    found: dict[str, _Source | None] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str):
            found[file] = None
            with suppress(OSError, ValueError):
                seen = os.stat(file)
                found[file] = _Source(seen.st_dev, seen.st_ino, max(seen.st_mtime_ns, seen.st_ctime_ns))
    return found


def _complain(text: str) -> None:
    from skorche.log import complain  # with logging: only what goes wrong at the end needs it

    complain(text)


def _never_small_enough(most_bytes: int) -> WorkerStartError:
    return WorkerStartError(
        f"max_worker_memory is {most_bytes / 1e6:.0f} MB, but a worker has {resident_bytes() / 1e6:.0f} MB already.",
        "that is what it takes to load the task, before the first item.",
        "give max_worker_memory= a good deal more than that.",
    )
