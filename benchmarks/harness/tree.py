"""The peak memory of a process with all its descendants, shared memory included.

Another process looks, some thirty times a second: `python -m benchmarks.harness.tree PID` until it is given a line.
What it adds up: the pages that each process has to itself, its share of those it has with others, and by how much the
shared memory of the machine has grown, mapped or not.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from benchmarks.harness.fresh import ROOT
from benchmarks.harness.memory import MEGABYTE

INTERVAL = 0.03


class PeakOfTree:
    """While it is open somebody looks at this process and its descendants; `megabytes` is there when it has closed."""

    megabytes: float

    def __enter__(self) -> PeakOfTree:
        words = [sys.executable, "-m", "benchmarks.harness.tree", str(os.getpid())]
        self._looker = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._looker.stdout is not None
        self._looker.stdout.readline()  # it has looked once
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A line and not the end of its input: workers that were forked meanwhile hold that open.
        said, _ = self._looker.communicate("enough\n", timeout=10)
        self.megabytes = float(said)


def family(ancestor: int, parents: dict[int, int]) -> set[int]:
    """The process and its descendants, given the parent of each.

    >>> sorted(family(1, {1: 0, 2: 1, 3: 2, 4: 0}))
    [1, 2, 3]
    """
    found = {ancestor}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _parents() -> dict[int, int]:
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                words = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            found[int(entry)] = int(words[1])
    return found


def _kilobytes(path: str, *names: str) -> dict[str, int]:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return dict.fromkeys(names, 0)
    found = {line.partition(":")[0]: line.split()[1] for line in lines[1:] if ":" in line}
    return {name: int(found.get(name, 0)) for name in names}


def _shared() -> int:
    return _kilobytes("/proc/meminfo", "Shmem")["Shmem"]


def _held(ancestor: int, shared_before: int) -> int:
    """Kilobytes. Shared memory counts by what is mapped, or by how much the machine has more of it than before."""
    own = mapped = 0
    for pid in family(ancestor, _parents()) - {os.getpid()}:
        held = _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss_Anon", "Pss_File", "Pss_Shmem")
        own += held["Pss_Anon"] + held["Pss_File"]
        mapped += held["Pss_Shmem"]
    return own + max(mapped, _shared() - shared_before)


def _look(ancestor: int) -> None:
    before = _shared()
    peak = _held(ancestor, before)
    print("looking", flush=True)
    while not select.select([sys.stdin], [], [], INTERVAL)[0]:
        peak = max(peak, _held(ancestor, before))
    print(peak * 1024 / MEGABYTE)


if __name__ == "__main__":
    _look(int(sys.argv[1]))
