"""How much memory processes have, and whether the system has killed some because there was none left."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress

HIGH, LOW = 0.85, 0.65
"""Marks of a budget, as Ray Data has them: above the first nothing new is taken in, below the other it is again."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MEMBERSHIP, GROUPS = "/proc/self/cgroup", "/sys/fs/cgroup"


def resident_bytes() -> int:
    """What of this process is in memory now; where the system does not tell, the most that ever was."""
    try:
        file = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    try:
        return int(os.read(file, 128).split()[1]) * PAGE_BYTES
    finally:
        os.close(file)


def count_memory_kills() -> int:
    """How many processes the system has killed for want of memory: in this control group, else at all; 0 if unknown."""
    for path in (_events_of_group(), "/proc/vmstat"):
        with suppress(OSError), open(path, encoding="ascii") as file:
            found = re.search(r"^oom_kill (\d+)$", file.read(), re.MULTILINE)
            if found:
                return int(found[1])
    return 0


def _events_of_group() -> str:
    """Where the control group of this process counts such events, if there is one of version 2."""
    with suppress(OSError), open(MEMBERSHIP, encoding="utf-8") as file:
        found = re.search(r"^0::(.*)$", file.read(), re.MULTILINE)
        if found:
            return f"{GROUPS}{found[1]}/memory.events"
    return ""


class MemoryBudget:
    """Has the sources held while memory is short, from the high mark down to the low one.

    >>> budget = MemoryBudget(100, print)
    >>> budget.weigh(80), budget.weigh(86), budget.weigh(70), budget.weigh(64)
    True
    False
    (None, None, None, None)
    """

    def __init__(self, most_bytes: int, hold: Callable[[bool], None]) -> None:
        self.most_bytes, self._hold = most_bytes, hold
        self._held = False

    def weigh(self, used_bytes: int) -> None:
        """So much is in use now."""
        if used_bytes > HIGH * self.most_bytes and not self._held:
            self._held = True
            self._hold(True)
        elif used_bytes < LOW * self.most_bytes and self._held:
            self._held = False
            self._hold(False)
