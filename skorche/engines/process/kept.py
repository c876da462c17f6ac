"""Worker processes between two runs of one pipeline: who waits, where they speak, and what new ones would find.

    run ends ──put──▶ KeptWorkers ──take──▶ next run          idle processes, no thread of ours

They are at rest: they have put down all that was of the run, and wait for a word on their pipe. One that would not be
what a new worker would be is ended. They all end with the pipeline, and with this process.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import RLock
from weakref import finalize

from skorche.compile.plan import Capture
from skorche.engines.process.launch import WorkerProcess, current_levels, import_path, interpreter_flags
from skorche.named import NamedTuple

END_SECONDS = 5.0
HURRY_SECONDS = 0.5
"""The same where somebody waits who did not ask for it."""


class Birth(NamedTuple):
    """What a worker finds when it starts. `folder`, `output` and `errors` as the system knows them."""

    parent: int
    interpreter: str
    flags: list[str]
    path: list[str]
    arguments: list[str]
    levels: tuple[dict[str, int], int]
    capture: Capture
    environment: dict[str, str]
    folder: tuple[int, int] | None
    output: tuple[int, int] | None
    errors: tuple[int, int] | None
    cores: set[int]
    limits: dict[int, tuple[int, int]]
    niceness: int
    mask: str


class KeptWorkers:
    """The workers that wait for the next run of their pipeline. `wanted`: the run that goes on is to keep its own.

    It may be ended at any moment, by any thread: also by one that is in here already, when the pipeline is garbage.
    """

    def __init__(self, pipeline: object) -> None:
        self.wanted = False
        self._idle: list[WorkerProcess] = []
        self._pipe: list[int] = []
        self._owner = os.getpid()
        self._lock = RLock()
        finalize(pipeline, self.end, HURRY_SECONDS)

    def look(self, capture: Capture) -> Birth:
        """What a worker would find that starts now."""
        return Birth(
            os.getpid(),
            sys.executable,
            interpreter_flags(),
            import_path(),
            list(sys.argv),
            current_levels(),
            capture,
            dict(os.environ),
            _identity("."),
            _identity(1),
            _identity(2),
            os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(),
            _limits(),
            os.nice(0),
            _mask(),
        )

    def pipe(self) -> tuple[int, int]:
        """Copies of both ends of the pipe that all of them speak into, the one to read from first."""
        self._leave_to_parent()
        with self._lock:
            if not self._pipe:
                self._pipe += os.pipe()
            ear, mouth = self._pipe
            return os.dup(ear), os.dup(mouth)

    def take(self, capture: Capture, most: int) -> list[WorkerProcess]:
        """Those that are as new ones would be, at most so many, for the run that begins. The others end."""
        self._leave_to_parent()
        now = self.look(capture)
        fit: list[WorkerProcess] = []
        others: list[WorkerProcess] = []
        for process in self._empty()[0]:
            (fit if len(fit) < most and process.born_with == now else others).append(process)
        try:
            _end(others)
        except BaseException:
            self._idle += fit  # the run will not begin; who ends it ends them
            raise
        return fit

    def put(self, processes: Sequence[WorkerProcess], *, is_sound: bool) -> None:
        """Keep these, if they are wanted and their pipe is sound; else end them all."""
        with self._lock:
            self._idle += processes
            kept = processes and self.wanted and is_sound
        if not kept:
            self.end()

    def end(self, patience: float = END_SECONDS) -> None:
        """End those that wait; if a run goes on, its workers end with it."""
        self._leave_to_parent()
        with self._lock:
            self.wanted = False
            idle, pipe = self._empty(pipe=True)
        for file in pipe:
            os.close(file)
        _end(idle, patience)

    def _empty(self, *, pipe: bool = False) -> tuple[list[WorkerProcess], list[int]]:
        """Take them out, so that nobody else does; and with the pipe, so that nobody speaks into it from now on."""
        with self._lock:
            idle, self._idle = self._idle, []
            ends: list[int] = []
            if pipe:
                ends, self._pipe = self._pipe, ends
            return idle, ends

    def _leave_to_parent(self) -> None:
        """In a fork of the process that has started them: they are not ours, and whoever had the lock is not here."""
        if self._owner != os.getpid():
            self._owner, self._lock = os.getpid(), RLock()
            idle, pipe = self._empty(pipe=True)
            for process in idle:
                process.forget()
            for file in pipe:
                os.close(file)


def _end(processes: Sequence[WorkerProcess], patience: float = END_SECONDS) -> None:
    """End workers that are at rest, all at a time; those that take too long are killed, or all, at a Ctrl-C."""
    until, ended = time.monotonic() + patience, 0
    try:
        for process in processes:
            process.hang_up()
        for process in processes:
            ended += 1
            process.finish(max(0.0, until - time.monotonic()))
    except BaseException:
        for process in processes[max(0, ended - 1) :]:
            process.kill()
        for process in processes[ended:]:
            process.finish(0.0)
        raise


def _limits() -> dict[int, tuple[int, int]]:
    """What the system lets a process use."""
    import resource

    kinds = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
    return {kind: resource.getrlimit(kind) for kind in kinds}


def _mask() -> str:
    """Which permissions new files do not get; "" where it can only be read by setting it, which others would notice."""
    with suppress(OSError), open("/proc/self/status", encoding="utf-8", errors="replace") as status:
        return next((line for line in status if line.startswith("Umask")), "")
    return ""


def _identity(file: str | int) -> tuple[int, int] | None:
    """What tells a file from others; None if there is none."""
    with suppress(OSError):
        status = os.stat(file)
        return status.st_dev, status.st_ino
    return None
