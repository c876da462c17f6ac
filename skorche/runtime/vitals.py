"""What the system says of a process: its memory, and how long it had to wait for a core."""

from __future__ import annotations

import os
from threading import get_native_id

from skorche.runtime.memory import PAGE_BYTES, resident_bytes


class Vitals:
    """This process and one of its threads, by default this one. The files are held open, so a look takes 2 us.

    >>> vitals = Vitals()
    >>> vitals.resident_bytes() > 1_000_000, vitals.seconds_in_line() >= 0.0
    (True, True)
    >>> vitals.close()
    """

    def __init__(self, thread: int | None = None) -> None:
        self._memory = _open("/proc/self/statm")
        self._line = _open(f"/proc/self/task/{thread or get_native_id()}/schedstat")

    def resident_bytes(self) -> int:
        """What of this process is in memory now."""
        return int(os.pread(self._memory, 128, 0).split()[1]) * PAGE_BYTES if self._memory >= 0 else resident_bytes()

    def seconds_in_line(self) -> float:
        """How long the thread has been ready to run and had no core; 0 where the system does not tell."""
        try:
            return int(os.pread(self._line, 128, 0).split()[1]) / 1e9 if self._line >= 0 else 0.0
        except (OSError, LookupError, ValueError):
            return 0.0

    def close(self) -> None:
        """Let go of the files."""
        for file in (self._memory, self._line):
            if file >= 0:
                os.close(file)


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _open(path: str) -> int:
    """A file of the system's, or -1 where there is none."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1
