"""What this process holds: threads, processes, open files, shared memory, temporary files. Count twice to see a leak.

Excepted are the resource trackers of loky and multiprocessing, by identity: each lives as long as this process.
"""

import gc
import multiprocessing
import os
import re
import sys
import tempfile
import threading
import traceback
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from .waiting import holds_within

FAMILY = ("SKORCHE_TEST_FAMILY", uuid.uuid4().hex)
"""Stands in the environment of every process that these tests start, so that one whose parent has died is found too."""

TRACKERS = ("loky.backend.resource_tracker", "multiprocessing.resource_tracker")
SHARED_MEMORY = "/dev/shm"
_OWN_FOLDER = "SKORCHE_TEST_TEMPORARY"


@dataclass(frozen=True)
class Census:
    """What there is now. `bare`: the system's numbers of threads not started by `threading`; `pids`: everybody's."""

    threads: frozenset[threading.Thread]
    bare: frozenset[int]
    pids: frozenset[int]
    files: frozenset[tuple[int, str]]
    shared: frozenset[str]
    temporary: frozenset[str]

    @classmethod
    def now(cls) -> "Census":
        """Count."""
        threads = frozenset(threading.enumerate())
        return cls(
            threads,
            frozenset(map(int, _names_in("/proc/self/task"))) - {thread.native_id for thread in threads},
            frozenset(_listed_processes()),
            frozenset(_open_files()),
            frozenset(_names_in(SHARED_MEMORY)),
            frozenset(_names_in(tempfile.gettempdir()) if _OWN_FOLDER in os.environ else ()),
        )

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many threads, processes of this family, and files."""
        return len(self.threads), len(list(find_family())), len(self.files)

    def left_since(self, earlier: "Census") -> list[str]:
        """What was not there earlier, as text."""
        return [
            *(_describe_thread(thread) for thread in self.threads - earlier.threads),
            *(_describe_bare(number) for number in _lasting(self.bare - earlier.bare)),
            *(_describe_process(pid) for pid in sorted(self.pids - earlier.pids) if _is_family(pid)),
            *(f"file {number}: {target}" for number, target in sorted(self.files - earlier.files)),
            *(f"shared memory {name}" for name in sorted(self.shared - earlier.shared) if not _is_used_by_others(name)),
            *(f"temporary file {tempfile.gettempdir()}/{name}" for name in sorted(self.temporary - earlier.temporary)),
        ]


def mark_family() -> None:
    """From now on the processes started here can be told from all others."""
    name, value = FAMILY
    os.environ[name] = value


def use_own_folder(folder: Path) -> None:
    """From now on temporary files are made in this folder, here and in processes started here: none is a stranger's."""
    os.environ["TMPDIR"] = os.environ[_OWN_FOLDER] = tempfile.tempdir = str(folder)


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
    return (pid for pid in _listed_processes() if _is_family(pid))


def command_of(pid: int) -> str:
    """The command line of a process; nothing if it has ended."""
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace")


def is_gone(pid: int) -> bool:
    """Whether a process has ended, also if nobody has asked for its exit code yet."""
    return not _read(f"/proc/{pid}/cmdline")


def _listed_processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _is_family(pid: int) -> bool:
    """Whether it was started here, or by what was started here; also one that has ended and was not waited for."""
    if pid == os.getpid() or pid in {module._resource_tracker._pid for module in _trackers()}:
        return False
    return "=".join(FAMILY).encode() in _read(f"/proc/{pid}/environ") or _parent_of(pid) == os.getpid()


def _parent_of(pid: int) -> int | None:
    stat = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()  # a name may hold spaces, and stands in brackets
    return int(stat[1]) if stat else None


def _trackers() -> list[ModuleType]:
    return [sys.modules[name] for name in TRACKERS if name in sys.modules]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""  # it has ended meanwhile, or is none of ours


def _open_files() -> Iterator[tuple[int, str]]:
    apart = {module._resource_tracker._fd for module in _trackers()}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the listing itself
        if int(name) not in apart:
            yield int(name), target


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []  # a system without it


def _is_used_by_others(name: str) -> bool:
    """Whether it is gone meanwhile, or a process that was not started here has it mapped: then it is theirs.

    By its number, since a semaphore is mapped under the name it had before its own.
    """
    try:
        there = os.stat(f"{SHARED_MEMORY}/{name}")
    except OSError:
        return True
    device = f"{os.major(there.st_dev):02x}:{os.minor(there.st_dev):02x}"
    mapped = re.compile(rf"^\S+ \S+ \S+ {device} {there.st_ino} +{SHARED_MEMORY}/".encode(), flags=re.MULTILINE)
    strangers = (pid for pid in _listed_processes() if pid != os.getpid() and not _is_family(pid))
    return any(mapped.search(_read(f"/proc/{pid}/maps")) for pid in strangers)


def _describe_thread(thread: threading.Thread) -> str:
    return f"thread {thread.name}{_stack_of(thread.ident)}"


def _lasting(numbers: frozenset[int]) -> list[int]:
    """Those of these threads that stay: the system forgets a thread a moment after it was joined."""
    holds_within(0.1, lambda: not any(map(_is_thread, numbers)))
    return [number for number in sorted(numbers) if _is_thread(number)]


def _is_thread(number: int) -> bool:
    return os.path.exists(f"/proc/self/task/{number}")


def _describe_bare(number: int) -> str:
    known = {thread.ident for thread in threading.enumerate()}
    stacks = "".join(_stack_of(ident) for ident in sys._current_frames() if ident not in known)
    return f"thread {number}, which was not started by threading{stacks}"


def _stack_of(ident: int | None) -> str:
    frame = sys._current_frames().get(ident or 0)
    return "" if frame is None else f", at\n{''.join(traceback.format_stack(frame)).rstrip()}"


def _describe_process(pid: int) -> str:
    return f"process {pid}: {command_of(pid) or 'it has ended, and nobody has waited for it'}"
