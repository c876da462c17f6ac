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
from typing import TypeVar
from weakref import finalize

from skorche.compile.plan import Capture
from skorche.engines.process.launch import WorkerProcess, current_levels, import_path, interpreter_flags
from skorche.named import NamedTuple

T = TypeVar("T")

END_SECONDS = 5.0


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


class KeptWorkers:
    """The workers that wait for the next run of their pipeline. `wanted`: the run that goes on is to keep its own.

    What is in its lists is taken out by `pop`, which is one step: it may be ended at any moment, by any thread, when
    the pipeline is garbage.
    """

    def __init__(self, pipeline: object) -> None:
        self.wanted = False
        self._idle: list[WorkerProcess] = []
        self._pipe: list[int] = []
        self._owner = os.getpid()
        finalize(pipeline, self.end)

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
        )

    def pipe(self) -> tuple[int, int]:
        """The two ends of the pipe that all of them speak into, the one to read from first."""
        self._leave_to_parent()
        if not self._pipe:
            self._pipe += os.pipe()
        ear, mouth = self._pipe
        return ear, mouth

    def take(self, capture: Capture, most: int) -> list[WorkerProcess]:
        """Those that are as new ones would be, at most so many, for the run that begins. The others end."""
        self._leave_to_parent()
        now = self.look(capture)
        fit: list[WorkerProcess] = []
        others: list[WorkerProcess] = []
        for process in _emptied(self._idle):
            (fit if len(fit) < most and process.born_with == now else others).append(process)
        _end(others)
        return fit

    def put(self, processes: Sequence[WorkerProcess], *, is_sound: bool) -> None:
        """Keep these, if they are wanted and their pipe is sound; else end them all."""
        self._idle += processes
        if not (processes and self.wanted and is_sound):
            self.end()

    def end(self) -> None:
        """End those that wait; if a run goes on, its workers end with it."""
        self.wanted = False
        self._leave_to_parent()
        _end(_emptied(self._idle))
        self._close_pipe()

    def _close_pipe(self) -> None:
        for file in _emptied(self._pipe):
            os.close(file)

    def _leave_to_parent(self) -> None:
        """In a fork of the process that has started them: they are not ours."""
        if self._owner != os.getpid():
            self._owner = os.getpid()
            for process in _emptied(self._idle):
                process.forget()
            self._close_pipe()


def _emptied(things: list[T]) -> list[T]:
    """All that were in a list, the first of them first."""
    taken: list[T] = []
    with suppress(IndexError):  # somebody else was quicker
        while things:
            taken.append(things.pop())
    return taken[::-1]


def _end(processes: Sequence[WorkerProcess]) -> None:
    """End workers that are at rest, all at a time."""
    for process in processes:
        process.hang_up()
    until = time.monotonic() + END_SECONDS
    for process in processes:
        process.finish(max(0.0, until - time.monotonic()))


def _identity(file: str | int) -> tuple[int, int] | None:
    """What tells a file from others; None if there is none."""
    with suppress(OSError):
        status = os.stat(file)
        return status.st_dev, status.st_ino
    return None
