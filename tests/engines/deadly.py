"""Functions that end their process, or never end."""

import ctypes
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple

import skorche

from .tasks import note, pause


def die(how: str) -> None:
    """End this process: with an exit code, by a signal, or by reading memory that is not there."""
    if how.isdigit():
        os._exit(int(how))
    if how == "segmentation fault":
        ctypes.string_at(0)
    os.kill(os.getpid(), signal.Signals[how])
    threading.Event().wait()  # the signal is on its way


def leave_at_150_000(number: int) -> int:
    """The identity, as quick as can be, but one item ends the process."""
    if number == 150_000:
        os._exit(3)
    return number


class Deadly(NamedTuple):
    """A task: the identity, but some items end the process. Each item's work is noted in a log, if there is one."""

    how: str
    items: frozenset[int]
    log: str = ""
    seconds: float = 0.0

    def __call__(self, number: int) -> int:
        if self.log:
            note(number, self.log)
        end = time.perf_counter() + self.seconds
        while time.perf_counter() < end:
            pass
        if number in self.items:
            die(self.how)
        return number


class DeadlyForAll(NamedTuple):
    """A task on lists: the identity, but some members end the process."""

    how: str
    members: frozenset[int]

    def __call__(self, numbers: list[int]) -> list[int]:
        if self.members.intersection(numbers):
            die(self.how)
        return numbers


def die_once(marker: Path) -> int:
    """Dies, unless it has died before: then it gives its process id."""
    if not marker.exists():
        write_whole(marker, str(os.getpid()))
        os._exit(3)
    return os.getpid()


def close_all_files(number: int) -> int:
    """What makes a program a daemon, for one number: it closes all files, those of others as well."""
    if number == 3:
        os.closerange(3, 256)
    return number


class DieWithChild(NamedTuple):
    """A task: the identity, but one item forks a child, which holds all open files, and dies."""

    item: int
    marker: Path

    def __call__(self, number: int) -> int:
        if number == self.item:
            child = os.fork()
            if not child:
                time.sleep(1000)
            write_whole(self.marker, str(child))
            os._exit(3)
        return number


def write_whole(path: Path, text: str) -> None:
    """Write a file that is there only when all of it is."""
    half = path.with_suffix(".half")
    half.write_text(text)
    half.rename(path)


class Hang(NamedTuple):
    """A task: the identity, but one item never ends. It says in a file which process it is in."""

    item: int
    marker: Path

    def __call__(self, number: int) -> int:
        if number == self.item:
            write_whole(self.marker, str(os.getpid()))
            threading.Event().wait()
        return number


class HangWithChild(NamedTuple):
    """A task: the identity, but one item starts a program and never ends. It says in a file which process that is."""

    item: int
    marker: Path

    def __call__(self, number: int) -> int:
        if number == self.item:
            child = subprocess.Popen(["sleep", "1000"])
            write_whole(self.marker, str(child.pid))
            threading.Event().wait()
        return number


class HangFrom(NamedTuple):
    """A task: the identity, but from some number on nothing ends. Each that hangs leaves a file."""

    number: int
    folder: Path

    def __call__(self, number: int) -> int:
        if number >= self.number:
            (self.folder / str(number)).touch()
            threading.Event().wait()
        return number


class RunHanging(NamedTuple):
    """A task that runs a pipeline on processes of its own, which does not end."""

    marker: Path

    def __call__(self, item: int) -> None:
        with skorche.Pipeline("inner") as pipeline:
            skorche.map(skorche.task(engine="process")(Hang(item, self.marker)), skorche.Queue(fixed_inputs=[item]))
        pipeline.run().wait()


class TouchAndPause(NamedTuple):
    """A task: waits so many seconds, after it has left a file."""

    marker: Path

    def __call__(self, seconds: float) -> float:
        self.marker.touch()
        return pause(seconds)


class DeadlyAtFirst(NamedTuple):
    """A task: the identity, but every third item ends the process when it is worked on for the first time.

    The log tells when each work began, in nanoseconds of the clock that all processes share.
    """

    folder: Path

    def __call__(self, number: int) -> int:
        note(time.monotonic_ns(), str(self.folder / "starts"))
        marker = self.folder / f"tried {number}"
        if number % 3 == 0 and not marker.exists():
            marker.touch()
            die("SIGKILL")
        return number
