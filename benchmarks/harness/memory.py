"""How much memory this process holds, and how much it ever held."""

from __future__ import annotations

import resource
from pathlib import Path

MEGABYTE = 1_000_000


def held_megabytes() -> float:
    """What is resident now."""
    return _status("VmRSS")


def peak_megabytes() -> float:
    """The most that ever was.

    Not `ru_maxrss` where Linux says it better: that one begins with the size of the process that started this one.
    """
    return _status("VmHWM")


def _status(name: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / MEGABYTE
