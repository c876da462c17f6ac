"""Starts worker processes: fork and exec by the standard library, so nothing of this process is inherited but two files.

A plain interpreter is ready in 20 ms. It imports neither the user's `__main__` nor anything the tasks do not need, so no
`__main__` guard is wanted. It gets a session of its own, so that Ctrl-C in a terminal does not reach it and that its
children can be stopped with it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from mmap import mmap

from skorche.engines.process.worker import SLOT_BYTES

_BOOT = (
    "import sys; sys.path[:] = {path!r}; sys.argv[:] = {argv!r}; "
    "from skorche.engines.process.worker import main; main({channel}, {slot}, {parent})"
)


class WorkerProcess:
    """A worker, seen from its parent."""

    def __init__(self) -> None:
        here, there = socket.socketpair()
        with tempfile.TemporaryFile(prefix="skorche-slot-") as file:
            file.truncate(SLOT_BYTES)
            self._map = mmap(file.fileno(), SLOT_BYTES)
            self._view = memoryview(self._map)
            self.slot = self._view.cast("q")
            self.slot[1] = -1
            try:
                self._process = _start(there.fileno(), file.fileno())
            except BaseException:
                here.close()
                raise
            finally:
                there.close()
        here.setblocking(False)
        self.channel = here
        self.ready = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def kill(self) -> None:
        """Stop the process and its children at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            self._process.kill()

    def finish(self, timeout: float | None) -> int:
        """End the pipe, wait, and give the exit code; kill when it takes longer than `timeout` seconds."""
        self.channel.close()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()
        finally:
            self.slot.release()
            self._view.release()
            self._map.close()


def _start(channel: int, slot: int) -> subprocess.Popen[bytes]:
    path = [entry for entry in sys.path if isinstance(entry, str)]
    code = _BOOT.format(path=path, argv=list(sys.argv), channel=channel, slot=slot, parent=os.getpid())
    options = [f"-W{option}" for option in sys.warnoptions]
    options += ["-X", "dev"] if sys.flags.dev_mode else []
    options += ["-" + "O" * sys.flags.optimize] if sys.flags.optimize else []
    return subprocess.Popen(
        [sys.executable, *options, "-c", code],
        stdin=subprocess.DEVNULL,
        pass_fds=(channel, slot),
        start_new_session=True,
    )
