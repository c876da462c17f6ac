"""Starts worker processes: fork and exec by the standard library, so that nothing is inherited but two files.

A plain interpreter is ready in 20 ms. It imports neither the user's `__main__` nor anything the tasks do not need, so
no `__main__` guard is wanted. It gets a session of its own, so that Ctrl-C in a terminal does not reach it and that its
children can be stopped with it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from mmap import mmap

from skorche.engines.process.records import current_levels
from skorche.engines.process.stacks import Question, ask
from skorche.engines.process.worker import SHARED_BYTES, SLOT_BYTES, SPOOLED

_BOOT = (
    "import sys; sys.path[:] = {path!r}; sys.argv[:] = {argv!r}; "
    "from skorche.engines.process.worker import main; main({channel}, {slot}, {parent}, {pipe}, {levels!r}, {disabled})"
)
BURIAL_SECONDS = 1.0
"""A process whose pipe has ended is about to end too. If a task has closed the pipe, it is killed after this time."""


class WorkerProcess:
    """A worker, seen from its parent. It speaks into `pipe`."""

    def __init__(self, pipe: int) -> None:
        here, there = socket.socketpair()
        with here, there, tempfile.TemporaryFile(prefix="skorche-slot-") as file:
            file.truncate(SHARED_BYTES)
            self._file = os.dup(file.fileno())
            self._map = mmap(self._file, SHARED_BYTES)
            self._view = memoryview(self._map)[:SLOT_BYTES]
            self.slot = self._view.cast("q")
            self.slot[1] = -1
            try:
                self._process = _start(there.fileno(), file.fileno(), pipe)
            except BaseException:
                self._release()
                raise
            self.channel = socket.socket(fileno=here.detach())
        self.channel.setblocking(False)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def spooled(self) -> bytes:
        """The results that had left the worker, and were not sent yet."""
        return self._map[SLOT_BYTES : SLOT_BYTES + self.slot[SPOOLED]]

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more, also when a child of it keeps the pipe open."""
        return self._process.poll() is not None

    def ask_stack(self) -> Question:
        """Ask for the stack of the process, which must be ready."""
        return ask(self.pid, self._file, SHARED_BYTES)

    def kill(self) -> None:
        """Stop the process and its children at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            self._process.kill()

    def hang_up(self) -> None:
        """End the pipe, at which an idle worker leaves."""
        with suppress(OSError):  # the worker may have been first
            self.channel.shutdown(socket.SHUT_RDWR)  # closing is not enough where a fork of this process has it too
        self.channel.close()

    def finish(self, timeout: float) -> int:
        """End the pipe, wait, and give the exit code; kill when it takes longer than `timeout` seconds."""
        self.hang_up()
        try:
            if not self._wait_ended(timeout):
                self.kill()
            return self._process.wait()
        finally:
            self._release()

    def _wait_ended(self, timeout: float) -> bool:
        """Wait for the end of the process, by the system where it can tell: Popen.wait looks again and again."""
        try:
            ending = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # not Linux, an old one, or out of files
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
            return self.has_ended
        try:
            poll = select.poll()
            poll.register(ending, select.POLLIN)
            return bool(poll.poll(1e3 * timeout))
        finally:
            os.close(ending)

    def bury(self) -> int:
        """Give the exit code of a process that has died, and end the children it leaves."""
        code = self.finish(BURIAL_SECONDS)
        self.kill()
        return code

    def _release(self) -> None:
        self.slot.release()
        self._view.release()
        self._map.close()
        os.close(self._file)


def _start(channel: int, slot: int, pipe: int) -> subprocess.Popen[bytes]:
    path = [entry for entry in sys.path if isinstance(entry, str)]
    levels, disabled = current_levels()
    numbers = {"channel": channel, "slot": slot, "pipe": pipe, "parent": os.getpid(), "disabled": disabled}
    code = _BOOT.format(path=path, argv=list(sys.argv), levels=levels, **numbers)
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    return subprocess.Popen(
        [sys.executable, *flags, "-c", code],
        stdin=subprocess.DEVNULL,
        pass_fds=(channel, slot, pipe),
        start_new_session=True,
    )
