"""Starts worker processes: fork and exec by the standard library, so that nothing is inherited but three files.

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

from skorche.engines.process.worker import SHARED_BYTES, SLOT_BYTES, SPOOLED

_BOOT = (
    "import sys; sys.path[:] = {path!r}; sys.argv[:] = {argv!r}; "
    "from skorche.engines.process.worker import main; main(*{files!r}, {parent})"
)
BURIAL_SECONDS = 1.0
"""A process whose pipe has ended is about to end too. If a task has closed the pipe, it is killed after this time."""


class WorkerProcess:
    """A worker, seen from its parent."""

    def __init__(self) -> None:
        here, there = socket.socketpair()
        with here, there, tempfile.TemporaryFile(prefix="skorche-slot-") as file:
            file.truncate(SHARED_BYTES)
            self._map = mmap(file.fileno(), SHARED_BYTES)
            self._view = memoryview(self._map)[:SLOT_BYTES]
            self.slot = self._view.cast("q")
            self.slot[1] = -1
            try:
                self._process, self._lifeline = _start(there.fileno(), file.fileno())
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
            os.close(self._lifeline)

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


def _start(channel: int, slot: int) -> tuple[subprocess.Popen[bytes], int]:
    """The process, and our end of its lifeline: a pipe that nobody writes to, and that we hold as long as we live."""
    end, lifeline = os.pipe()
    files = (channel, slot, end)
    path = [entry for entry in sys.path if isinstance(entry, str)]
    code = _BOOT.format(path=path, argv=list(sys.argv), files=files, parent=os.getpid())
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited, so Ctrl-C waits until it is ignored
    try:
        process = subprocess.Popen(
            [sys.executable, *flags, "-c", code],
            stdin=subprocess.DEVNULL,
            pass_fds=files,
            start_new_session=True,
        )
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(end)
    return process, lifeline
