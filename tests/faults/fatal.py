"""What ends a process, or only an item, at each point of an item's way; for workers to run, so without pytest."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from engines.deadly import write_whole
from engines.tasks import Interval, note, pause

from skorche.engines.process import slices, worker


def act(how: str) -> Any:
    """Raise, or end this process, in one of the ways there are."""
    if how == "raise":
        raise RuntimeError("not here")
    if how == "sys.exit":
        sys.exit(4)
    if how == "Ctrl-C":
        raise KeyboardInterrupt
    if how == "os._exit":
        os._exit(5)
    if how == "libc exit":
        ctypes.CDLL(None).exit(6)
    if how == "segmentation fault":
        ctypes.string_at(0)
    os.kill(os.getpid(), signal.Signals[how])
    threading.Event().wait()  # the signal is on its way


class Bomb:
    """Acts when it is pickled, when it is unpickled, or when it is thrown away in a process that is not its home.

    The last leaves a line in a log.
    """

    def __init__(self, when: str, how: str, home: int, log: str) -> None:
        self.when, self.how, self.home, self.log = when, how, home, log

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if self.when == "pickled":
            act(self.how)
        return (act, (self.how,)) if self.when == "unpickled" else (Bomb, (self.when, self.how, self.home, self.log))

    def __del__(self) -> None:
        if self.when == "thrown away" and os.getpid() != self.home:
            note(os.getpid(), self.log)
            act(self.how)

    def __repr__(self) -> str:
        return f"Bomb({self.when}, {self.how})"


class Call(NamedTuple):
    """An item that has the task act."""

    how: str


class Order(NamedTuple):
    """An item that has the task give a bomb."""

    when: str
    how: str
    home: int
    log: str


class Obey(NamedTuple):
    """A task: does what an item says, and gives every other one back. Numbers are noted in a log."""

    log: str

    def __call__(self, item: Any) -> Any:
        if isinstance(item, int):
            note(item, self.log)
        if isinstance(item, Call):
            act(item.how)
        return Bomb(*item) if isinstance(item, Order) else item


# -- deaths on the way of much data ------------------------------------------------------------------------------------


class DieOnTheWay(NamedTuple):
    """A task: the number and as many bytes again. From one item on the pipe is deadly: after 1 MB this process dies."""

    deadly_from: int
    function: str

    def __call__(self, item: tuple[int, bytes]) -> tuple[int, bytes]:
        number, data = item
        if number == self.deadly_from and not hasattr(worker, "real"):
            worker.real = getattr(os, self.function)  # type: ignore[attr-defined]  # put there for the test
            setattr(os, self.function, DeadlyPipe(worker.real))  # type: ignore[attr-defined]  # as above
        return number, bytes(len(data))


class DeadlyPipe:
    """In place of a function of `os`: kills this process when 1 MB has passed. A write takes no more than a part."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self.real, self.passed = real, 0

    def __call__(self, file: int, data: Any) -> Any:
        done = self.real(file, data[: 1 << 18])
        self.passed += done
        if self.passed > 1 << 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


class KeepBusy(NamedTuple):
    """A task: says in a log which item it is on and which process it is, then takes a while. Each runs but once."""

    log: str
    seconds: float

    def __call__(self, number: int) -> int:
        note(os.getpid() * 1000 + number, self.log)
        pause(self.seconds)
        return number


# -- memory ------------------------------------------------------------------------------------------------------------

LEAKED: list[bytes] = []


class Leak(NamedTuple):
    """A task that keeps so many bytes of each item for ever; gives its process and how much that has kept."""

    size: int

    def __call__(self, _: int) -> tuple[int, int]:
        LEAKED.append(b"x" * self.size)
        return os.getpid(), self.size * len(LEAKED)


def use_for_a_while(number: int) -> tuple[int, int, bytes]:
    """Much memory that is free again when the item is done; gives the number and the process too."""
    return number, os.getpid(), b"x" * 40_000_000


def want_too_much(number: int) -> int:
    """More memory than this process may have, for one number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, hard))
    try:
        return number + len(bytes(10 << 30) if number == 7 else b"")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def make_bytes(size: int) -> bytes:
    """So many bytes."""
    return bytes(size)


def make_bytes_in_any_case(size: int) -> bytes:
    """So many bytes, whatever limit this process has taken over from its parent."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return bytes(size)


def limit_room(data: bytes) -> int:
    """The size of the data. From the first item on, this process may have no more than 50 MB besides what it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        with open("/proc/self/statm") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + (50 << 20), hard))
    return len(data)


class Starve(NamedTuple):
    """A task: works a while, and tells when. On one item it tells so in a file, and ends as when memory has run out."""

    item: int
    moment: Path
    seconds: float

    def __call__(self, number: int) -> Interval:
        start = time.monotonic()
        if number == self.item:
            write_whole(self.moment, str(start))
            act("SIGKILL")
        pause(self.seconds)
        return Interval(start, time.monotonic())


# -- what never ends ---------------------------------------------------------------------------------------------------


class HangInC(NamedTuple):
    """A task: one item starts a program, ignores SIGTERM, and never comes back from C code, where it keeps the GIL."""

    item: int
    marker: Path

    def __call__(self, number: int) -> int:
        if number == self.item:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen(["sleep", "1000"])
            write_whole(self.marker, f"{os.getpid()} {child.pid}")
            ctypes.PyDLL(None).sleep(1000)
        return number


def hang_up(number: int) -> int:
    """For one number closes all files, those of others as well, and never comes back."""
    if number == 3:
        os.closerange(3, 256)
        threading.Event().wait()
    return number


def stay_on(_: int) -> int:
    """Starts a thread that keeps the process from ending; gives the process."""
    threading.Thread(target=threading.Event().wait).start()
    return os.getpid()


# -- workers that are good for nothing ---------------------------------------------------------------------------------


class DieBetween:
    """A task whose process dies whenever it is about to begin, when it is on no item yet."""

    __name__ = "die_between"

    def __call__(self, number: int) -> int:
        return number

    def __setstate__(self, _: Any) -> None:
        slices.Slicer.go_through = lambda self, job, stage: os._exit(9)  # type: ignore[assignment]  # dies instead

    def __getstate__(self) -> bool:
        return True


class DieLoading:
    """A task whose process says something and dies while it is loaded."""

    __name__ = "die_loading"

    def __init__(self, log: str) -> None:
        self.log = log

    def __call__(self, number: int) -> int:
        return number

    def __setstate__(self, state: dict[str, Any]) -> None:
        note(os.getpid(), state["log"])
        os.write(2, b"the library is not what it should be\n")
        os._exit(4)


def say(number: int) -> int:
    """Says something on stderr, as C code does."""
    os.write(2, b"said by a worker\n")
    return number
