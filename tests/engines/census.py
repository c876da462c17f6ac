"""What this process holds: threads, processes and open files. What a run leaves behind is seen by counting twice.

Excepted are the resource trackers of loky and multiprocessing, by identity: each lives as long as this process.
"""

import gc
import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import loky.backend.resource_tracker
import multiprocessing.resource_tracker
import psutil

from .waiting import holds_within

FAMILY = f"SKORCHE_TEST_FAMILY={uuid.uuid4().hex}"
"""Stands in the environment of every process that these tests start, also of those whose parent has died."""

TRACKERS: tuple[ModuleType, ...] = (loky.backend.resource_tracker, multiprocessing.resource_tracker)


@dataclass(frozen=True)
class Census:
    """What there is now. Processes are told by their id and the moment they began, so a new one is never taken for old."""

    threads: frozenset[threading.Thread]
    processes: frozenset[tuple[int, float]]
    files: frozenset[tuple[int, str]]

    @classmethod
    def now(cls) -> "Census":
        """Count."""
        return cls(frozenset(threading.enumerate()), frozenset(_family()), frozenset(_open_files()))

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many threads, processes and files."""
        return len(self.threads), len(self.processes), len(self.files)

    def left_since(self, earlier: "Census") -> list[str]:
        """What was not there earlier, as text. A file that took another's number is no more than there was."""
        left = [f"thread {thread.name}" for thread in self.threads - earlier.threads]
        left += [f"process {_command(pid)}" for pid, _ in self.processes - earlier.processes]
        if len(self.files) > len(earlier.files):
            left += [f"file {number}: {target}" for number, target in sorted(self.files - earlier.files)]
        return left


def mark_family() -> None:
    """From now on the processes started here can be told from all others."""
    name, _, value = FAMILY.partition("=")
    os.environ[name] = value


def check_nothing_left(earlier: Census, seconds: float = 2.0) -> None:
    """Fail with a list of what is there and was not. What is about to end may take its time."""
    gc.collect()  # an executor of the standard library gives its pipes back only so
    if not holds_within(seconds, lambda: not Census.now().left_since(earlier)):
        left = Census.now().left_since(earlier)
        assert not left


def descendants() -> list[psutil.Process]:
    """The processes below this one, the trackers excepted."""
    apart = {module._resource_tracker._pid for module in TRACKERS}
    return [child for child in psutil.Process().children(recursive=True) if child.pid not in apart]


def _family() -> Iterator[tuple[int, float]]:
    """Descendants, and processes that were: a process whose parent has died keeps its environment."""
    apart = {os.getpid(), *(module._resource_tracker._pid for module in TRACKERS)}
    below = {child.pid for child in descendants()}
    for process in psutil.process_iter():
        try:
            if process.pid not in apart and (process.pid in below or _is_marked(process.pid)):
                yield process.pid, process.create_time()
        except (psutil.Error, OSError):
            continue  # it has ended meanwhile


def _is_marked(pid: int) -> bool:
    with open(f"/proc/{pid}/environ", "rb") as environment:
        return FAMILY.encode() in environment.read()


def _open_files() -> Iterator[tuple[int, str]]:
    apart = {module._resource_tracker._fd for module in TRACKERS}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the listing itself
        if int(name) not in apart:
            yield int(name), target


def _command(pid: int) -> str:
    try:
        return f"{pid}: {' '.join(psutil.Process(pid).cmdline())[:200]}"
    except psutil.Error:
        return str(pid)
