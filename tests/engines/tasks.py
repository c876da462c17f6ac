"""Functions for workers to run. They stand apart so that a worker that imports them does not import pytest."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
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


def size_of(data: bytes) -> int:
    """How many bytes."""
    return len(data)


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


def note(number: int, log: str) -> None:
    """Add the number to a log: one write in append mode, which no other process can break up."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{number}\n".encode())
    finally:
        os.close(file)


def effects(log: Path) -> list[int]:
    """The numbers in a log, in the order of the file."""
    return [int(line) for line in log.read_text().split()] if log.exists() else []


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


def stretch(size: int, number: int) -> tuple[int, bytes]:
    """The number with many bytes, after a while."""
    pause(0.002)
    return number, bytes(size)


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


# -- many results, or none ------------------------------------------------------------------------------------------


def count_up(number: int) -> Iterator[int]:
    """The numbers below, one by one."""
    yield from range(number)


def list_up(number: int) -> list[int]:
    """The numbers below, in a list."""
    return list(range(number))


def count_to_three(number: int) -> Iterator[int]:
    """The numbers below; three is too many."""
    for one in range(number):
        if one == 3:
            raise ValueError("three is too many")
        yield one


def count_at_the_second_attempt(marker: Path) -> Iterator[str]:
    """Two names, if the marker is there; otherwise it puts it there, and fails after the first."""
    yield "first"
    if not marker.exists():
        marker.touch()
        raise OSError("not yet")
    yield "second"


def add(total: int, number: int) -> int:
    """The sum of both."""
    return total + number
