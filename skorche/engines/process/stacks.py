"""The stack of a worker that hangs: the parent asks by a signal, the worker writes it into a file both have open.

    parent ──signal──▶ worker: faulthandler, in the thread that watches the parent
    parent ◀──file──── the stacks of all its threads

faulthandler needs no interpreter lock, so it works while C code holds that. Only the watching thread takes the signal:
what a task waits for in the system is not interrupted by it.

The file is the one behind the shared memory, from where that ends; its position is shared too, so the parent sets it
back before it asks. A signal that the worker does not handle would kill it: the parent looks first whether it does.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from contextlib import suppress

from skorche.named import NamedTuple

SIGNAL = signal.SIGRTMAX - 6 if hasattr(signal, "SIGRTMAX") else signal.SIGUSR2
"""One that neither programs nor libraries are known to use, where there are such."""

LONGEST_STACK = 1 << 16
ANSWER_SECONDS = 1.0
QUIET_SECONDS = 0.05
"""The answer comes in pieces, and is complete when for so long no more has come."""


def answer_in(file: int) -> None:
    """In the worker's main thread: write all stacks into this file when asked, but let another thread do it."""
    faulthandler.register(SIGNAL, file=file, all_threads=True, chain=False)
    signal.pthread_sigmask(signal.SIG_BLOCK, {SIGNAL})  # threads that tasks start take this over


def answer_here() -> None:
    """In a thread of the worker: it is the one that answers."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {SIGNAL})


class Question(NamedTuple):
    """A worker that was asked: its process id, and the file (to be closed) in which it answers from `start` on."""

    pid: int
    file: int
    start: int
    asked: bool

    def read(self) -> str:
        """Wait for the answer, and give it; what came instead of it if none does."""
        try:
            if not self.asked:
                return "(it does not handle the signal that asks for its stack)"
            return self._wait() or f"(it has not told its stack within {ANSWER_SECONDS:g} s)"
        finally:
            os.close(self.file)

    def _wait(self) -> str:
        end, size, grown = time.monotonic() + ANSWER_SECONDS, 0, 0.0
        while (now := time.monotonic()) < end and not (size and now > grown + QUIET_SECONDS):
            time.sleep(0.01)  # nothing tells when a file has grown
            if (latest := self._size) != size:
                size, grown = latest, now
        text = os.pread(self.file, min(size, LONGEST_STACK), self.start).decode(errors="replace")
        return "\n\n".join(part for part in text.split("\n\n") if " in _watch_parent" not in part)

    @property
    def _size(self) -> int:
        return os.lseek(self.file, 0, os.SEEK_CUR) - self.start


def ask(pid: int, file: int, start: int) -> Question:
    """In the parent: ask for the stack of a process that is there."""
    os.lseek(file, start, os.SEEK_SET)
    asked = _handles(pid)
    if asked:
        with suppress(ProcessLookupError):  # it has just died, which is told elsewhere
            os.kill(pid, SIGNAL)
    return Question(pid, os.dup(file), start, asked)


def _handles(pid: int) -> bool:
    """Whether the process catches the signal, where the system tells; else whoever says it is ready is believed."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as status:
            (mask,) = [line for line in status if line.startswith("SigCgt:")]
    except (OSError, ValueError):
        return not os.path.isdir("/proc/self")
    return bool(int(mask.split()[1], 16) >> (SIGNAL - 1) & 1)
