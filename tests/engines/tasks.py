"""Functions for workers to run. They stand apart so that a worker that imports them does not import pytest."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import skorche

from .waiting import wait_file

ORIGIN = "as imported"
"""Tests change this in their own process: a function that travels by name sees what was imported."""


# -- ordinary work --------------------------------------------------------------------------------------------------


def same(item: Any) -> Any:
    """The item itself."""
    return item


def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


def square_all(numbers: list[int]) -> list[int]:
    """The squares."""
    return [number * number for number in numbers]


def is_none(item: object) -> bool:
    """Whether it is None."""
    return item is None


def inverse(number: float) -> float:
    """1 / number, which fails for 0."""
    return 1 / number


def size_of(data: bytes) -> int:
    """How many bytes."""
    return len(data)


def grow(size: int) -> bytes:
    """So many bytes."""
    return bytes(size)


class Scale:
    """Something with a method."""

    def __init__(self, by: int) -> None:
        self.by = by

    def apply(self, number: int) -> int:
        """The number, scaled."""
        return self.by * number

    def __call__(self, number: int) -> int:
        return self.by * number


@skorche.task
def origin(_: object) -> str:
    """Where the function came from."""
    return ORIGIN


@skorche.task
def has_cloudpickle(_: object) -> bool:
    """Whether this process needed cloudpickle."""
    return "cloudpickle" in sys.modules


# -- work that tells when and where it was done --------------------------------------------------------------------


class Interval(NamedTuple):
    """When an item was worked on. The clock is the same in all processes of a machine."""

    start: float
    end: float


def work_a_while(_: object) -> Interval:
    """A little work, and when it was done."""
    start = time.monotonic()
    sum(range(20_000))
    return Interval(start, time.monotonic())


def most_at_once(intervals: list[Interval]) -> int:
    """How many of the intervals overlap at the worst moment."""
    moments = sorted([(one.start, 1) for one in intervals] + [(one.end, -1) for one in intervals])
    most = now = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most


def process_id(_: object) -> int:
    """Who does it."""
    return os.getpid()


class Meeting(NamedTuple):
    """An item that is done only when another one has been begun: `says` is written first, then `waits` waited for."""

    number: int
    says: Path
    waits: Path


def meet(meeting: Meeting) -> int:
    """The number of the item, once the other one is there too."""
    meeting.says.touch()
    wait_file(meeting.waits)
    return meeting.number


class Effect(NamedTuple):
    """An item whose work leaves a line in a file."""

    number: int
    log: str


def note_effect(effect: Effect) -> None:
    """Add the number to the log: one write in append mode, which no other process can break up."""
    log = os.open(effect.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(log, f"{effect.number}\n".encode())
    finally:
        os.close(log)


def effects(log: Path) -> list[int]:
    """The numbers in a log, in the order of the file."""
    return [int(line) for line in log.read_text().split()] if log.exists() else []


# -- failures -------------------------------------------------------------------------------------------------------


class TwoPart(Exception):
    """An exception that pickle cannot rebuild, because its constructor wants something else than `args`."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{detail} (code {code})")
        self.code, self.detail = code, detail


class Doubling(Exception):
    """An exception that pickle rebuilds with another text than it had."""

    def __init__(self, text: str, mark: str = "!") -> None:
        super().__init__(text + mark)


class Locked(Exception):
    """An exception that cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class Unspeakable(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise ValueError("no words")


def raise_two_part(_: object) -> None:
    """Fails."""
    raise TwoPart(7, "no disk")


def raise_doubling(_: object) -> None:
    """Fails."""
    raise Doubling("oh")


def raise_locked(_: object) -> None:
    """Fails."""
    raise Locked("held")


def raise_unspeakable(_: object) -> None:
    """Fails."""
    raise Unspeakable


def raise_annotated(_: object) -> None:
    """Fails with a cause and a note."""
    try:
        raise KeyError("deep")
    except KeyError as error:
        outer = ValueError("outer")
        outer.add_note("a note of the task's")
        raise outer from error


def raise_in_context(_: object) -> None:
    """Fails while another failure is handled."""
    try:
        raise KeyError("first")
    except KeyError:
        raise ValueError("second")  # noqa: B904  (a context, and no cause, is what is wanted)


def raise_group(_: object) -> None:
    """Fails with two exceptions, one of which has a cause and a note."""
    inner = ValueError("one")
    inner.__cause__ = KeyError("why")
    inner.add_note("of the first")
    raise ExceptionGroup("both", [inner, TwoPart(2, "two")])


def raise_long_chain(length: int) -> None:
    """Fails with a chain of so many causes, each of which is the context as well."""
    try:
        if length:
            raise_long_chain(length - 1)
    except ValueError as error:
        raise ValueError(length) from error
    raise ValueError(length)


def leave(item: Any) -> Any:
    """Tries to end the program, well."""
    raise SystemExit(0)


def interrupt(item: Any) -> Any:
    """Behaves like Ctrl-C."""
    raise KeyboardInterrupt


def stop_iterating(item: Any) -> Any:
    """Behaves like an iterator at its end."""
    return next(iter(()))


def fail_first(marker: Path) -> str:
    """Fails, unless it has been tried before: a file says so."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return marker.name
    raise ConnectionError(f"{marker.name} is busy")


def refuse_odd(number: int) -> int:
    """Fails for odd numbers."""
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def refuse_with(bad: int, numbers: list[int]) -> list[int]:
    """Fails for a list that holds the bad number."""
    if bad in numbers:
        raise ValueError(f"{bad} among {len(numbers)}")
    return numbers


# -- objects that make trouble on their way ------------------------------------------------------------------------


def _act(what: str) -> Any:
    """What an object does at the moment chosen for it."""
    if what == "raise":
        raise RuntimeError("not on my watch")
    if what == "exit":
        os._exit(5)
    if what == "leave":
        raise SystemExit(0)
    raise AssertionError(what)


class Fragile:
    """Does something bad when it is pickled, or when it is unpickled."""

    def __init__(self, what: str, when: str) -> None:
        self.what, self.when = what, when

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        if self.when == "pickled":
            _act(self.what)
        return _act, (self.what,)

    def __repr__(self) -> str:
        return f"Fragile({self.what}, {self.when})"


class Order(NamedTuple):
    """An item that asks for a fragile result."""

    what: str
    when: str


def obey(item: Any) -> Any:
    """The fragile result that was asked for; any other item as it is."""
    return Fragile(item.what, item.when) if isinstance(item, Order) else item


def lock_for(number: int) -> Any:
    """A result that cannot be pickled, for one number; else the number."""
    return threading.Lock() if number == 3 else number


# -- the ends of processes -----------------------------------------------------------------------------------------


def die(how: str) -> None:
    """End this process: with an exit code, or by a signal."""
    if how.isdigit():
        os._exit(int(how))
    os.kill(os.getpid(), signal.Signals[how])
    threading.Event().wait()  # the signal is on its way


class Deadly(NamedTuple):
    """A task: the identity, but some items end the process. Each item's work is noted in a log, if there is one."""

    how: str
    items: frozenset[int]
    log: str = ""
    seconds: float = 0.0

    def __call__(self, number: int) -> int:
        if self.log:
            note_effect(Effect(number, self.log))
        end = time.perf_counter() + self.seconds
        while time.perf_counter() < end:
            pass
        if number in self.items:
            die(self.how)
        return number


class Hang(NamedTuple):
    """A task: the identity, but one item never ends. It says in a file which process it is in."""

    item: int
    marker: Path

    def __call__(self, number: int) -> int:
        if number == self.item:
            write_whole(self.marker, str(os.getpid()))
            threading.Event().wait()
        return number


def write_whole(path: Path, text: str) -> None:
    """Write a file that is there only when all of it is."""
    half = path.with_suffix(".half")
    half.write_text(text)
    half.rename(path)


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


def close_all_files(number: int) -> int:
    """What makes a program a daemon, for one number: it closes all files, those of others as well."""
    if number == 3:
        os.closerange(3, 256)
    return number


def die_once(marker: Path) -> int:
    """Dies, unless it has died before: then it gives its process id."""
    if not marker.exists():
        write_whole(marker, str(os.getpid()))
        os._exit(3)
    return os.getpid()


def pause(seconds: float) -> float:
    """Wait."""
    time.sleep(seconds)
    return seconds


# -- pipelines inside tasks ----------------------------------------------------------------------------------------


def run_inside(engine: str, number: int) -> list[int]:
    """A pipeline of its own."""
    with skorche.Pipeline("inner") as pipeline:
        doubled = skorche.map(skorche.task(engine=engine)(double), skorche.Queue(fixed_inputs=range(number)))
    pipeline.run().wait()
    return doubled.flush()


def counting(taken: list[int]) -> Iterator[int]:
    """0, 1, 2 and so on without an end; `taken` tells how many were read."""
    number = 0
    while True:
        taken[0] += 1
        yield number
        number += 1


class HangFrom(NamedTuple):
    """A task: the identity, but from some number on nothing ends. Each that hangs leaves a file."""

    number: int
    folder: Path

    def __call__(self, number: int) -> int:
        if number >= self.number:
            (self.folder / str(number)).touch()
            threading.Event().wait()
        return number


class TouchAndPause(NamedTuple):
    """A task: waits so many seconds, after it has left a file."""

    marker: Path

    def __call__(self, seconds: float) -> float:
        self.marker.touch()
        return pause(seconds)


def stretch(size: int, number: int) -> tuple[int, bytes]:
    """The number with many bytes, after a while."""
    pause(0.002)
    return number, bytes(size)


class NoteAndObey(NamedTuple):
    """A task: obeys, and leaves a line in a log for each call."""

    log: str

    def __call__(self, item: Any) -> Any:
        note_effect(Effect(0, self.log))
        return obey(item)


def describe_process(_: object) -> tuple[int, int, int, list[str]]:
    """The parent, the session, the id and the open files of this process."""
    return os.getppid(), os.getsid(0), os.getpid(), _files_of("self")


def list_files_of_a_child(_: object) -> list[str]:
    """The files that a program has open which is started without closing any."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, close_fds=False) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"!")
        child.stdout.read(1)  # it has started
        files = _files_of(str(child.pid))
        child.stdin.close()
    return files


def _files_of(process: str) -> list[str]:
    """The open files by number, without the one that this listing needs."""
    with os.scandir(f"/proc/{process}/fd") as listing:
        numbers = [entry.name for entry in listing]
    return sorted(number for number in numbers if os.path.lexists(f"/proc/{process}/fd/{number}"))


def fill(value: int, size: int) -> bytes:
    """So many bytes of one value."""
    return bytes([value]) * size


def list_with_lock(number: int) -> list[Any]:
    """A result of which one element cannot be pickled."""
    return [number, threading.Lock(), number]


class DeadlyForAll(NamedTuple):
    """A task on lists: the identity, but some members end the process."""

    how: str
    members: frozenset[int]

    def __call__(self, numbers: list[int]) -> list[int]:
        if self.members.intersection(numbers):
            die(self.how)
        return numbers


class RunHanging(NamedTuple):
    """A task that runs a pipeline on processes of its own, which does not end."""

    marker: Path

    def __call__(self, item: int) -> None:
        with skorche.Pipeline("inner") as pipeline:
            skorche.map(skorche.task(engine="process")(Hang(item, self.marker)), skorche.Queue(fixed_inputs=[item]))
        pipeline.run().wait()
