"""What this process holds: threads, processes and open files. What a run leaves behind is seen by counting twice.

Excepted are the resource trackers of loky and multiprocessing, by identity: each lives as long as this process.
"""

import gc
import multiprocessing
import multiprocessing.resource_tracker
import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import loky.backend.resource_tracker

from .waiting import holds_within

FAMILY = ("SKORCHE_TEST_FAMILY", uuid.uuid4().hex)
"""Stands in the environment of every process that these tests start, so that one whose parent has died is found too."""

TRACKERS: tuple[ModuleType, ...] = (loky.backend.resource_tracker, multiprocessing.resource_tracker)


@dataclass(frozen=True)
class Census:
    """What there is now."""

    threads: frozenset[threading.Thread]
    processes: frozenset[int]
    files: frozenset[tuple[int, str]]

    @classmethod
    def now(cls) -> "Census":
        """Count."""
        return cls(frozenset(threading.enumerate()), frozenset(find_family()), frozenset(_open_files()))

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many threads, processes and files."""
        return len(self.threads), len(self.processes), len(self.files)

    def left_since(self, earlier: "Census") -> list[str]:
        """What was not there earlier, as text. A file that took another's number is no more than there was."""
        left = [f"thread {thread.name}" for thread in self.threads - earlier.threads]
        left += [f"process {pid}: {command_of(pid)}" for pid in self.processes - earlier.processes]
        if len(self.files) > len(earlier.files):
            left += [f"file {number}: {target}" for number, target in sorted(self.files - earlier.files)]
        return left


def mark_family() -> None:
    """From now on the processes started here can be told from all others."""
    name, value = FAMILY
    os.environ[name] = value


def check_nothing_left(earlier: Census, seconds: float = 2.0) -> None:
    """Fail with a list of what is there and was not. What is about to end may take its time."""
    if not holds_within(0.2, lambda: not Census.now().left_since(earlier)):
        # Executors of processes give their last pipes back only so. Of ours, a file that was not closed is told now.
        multiprocessing.active_children()
        gc.collect()
    if not holds_within(seconds, lambda: not Census.now().left_since(earlier)):
        left = Census.now().left_since(earlier)
        assert not left, "\n".join(["something is left:", *left])


def find_family() -> Iterator[int]:
    """The processes that were started here, the trackers excepted."""
    apart = {os.getpid(), *(module._resource_tracker._pid for module in TRACKERS)}
    mark = "=".join(FAMILY).encode()
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in apart and mark in _read(f"/proc/{name}/environ"):
            yield int(name)


def command_of(pid: int) -> str:
    """The command line of a process; nothing if it has ended."""
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace")


def is_gone(pid: int) -> bool:
    """Whether a process has ended, also if nobody has asked for its exit code yet."""
    return not _read(f"/proc/{pid}/cmdline")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""  # it has ended meanwhile, or is none of ours


def _open_files() -> Iterator[tuple[int, str]]:
    apart = {module._resource_tracker._fd for module in TRACKERS}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the listing itself
        if int(name) not in apart:
            yield int(name), target
