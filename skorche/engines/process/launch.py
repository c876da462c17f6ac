"""Starts worker processes: fork and exec by the standard library, so that they inherit nothing but their `Files`.

A plain interpreter is ready in 20 ms. It imports neither the user's `__main__` nor anything the tasks do not need, so
no `__main__` guard is wanted. It gets a session of its own, so that Ctrl-C in a terminal does not reach it and that its
children can be stopped with it.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from mmap import mmap
from typing import IO

from skorche.compile.plan import Capture
from skorche.engines.process.listener import Mouth
from skorche.engines.process.slot import SHARED_BYTES, SLOT_BYTES, SPOOL_END, SPOOLED
from skorche.engines.process.stacks import Question, ask
from skorche.engines.process.transcript import read_transcript
from skorche.engines.process.worker import Files
from skorche.log import WARNING
from skorche.named import NamedTuple

_BOOT = (
    "import gc, marshal, os, sys; gc.disable(); "
    "sys.path[:], sys.argv[:], *known = marshal.loads(os.pread({slot}, {size}, {start})); "
    "from skorche.engines.process.worker import Files, main; "
    "main({files!r}, *known)"
)
"""What a worker must know is in the file behind its slot: a command line has no room for a program's own long one."""
MOST_SAID_BYTES = 2000
CHANNEL_BYTES = 1 << 20
"""So much may be on its way at once, if the system allows it: so the other side wakes less often for large objects."""
BURIAL_SECONDS = 1.0
"""A process whose pipe has ended is about to end too. If a task has closed the pipe, it is killed after this time."""


class Ending(NamedTuple):
    """How a process ended: its exit code, and what it said before its first task.

    `hung_up`: it had closed its pipe, and we killed it. `words`: what was kept of the item it was on, by its index.
    """

    code: int
    said: str
    hung_up: bool
    words: dict[int | None, str]


class WorkerProcess:
    """A worker, seen from its parent.

    `keep_stderr`: what it prints until it has loaded a task is kept, to be told. `born_with`: what it found as it
    started, where it may be kept. `calls`: how often it was called to rest, or to wake.
    """

    def __init__(self, mouth: Mouth, keep_stderr: bool = False) -> None:
        self._stderr: IO[bytes] | None = None
        self.born_with: object = None
        self.calls = 0
        here, there = socket.socketpair()
        for end in (here, there):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHANNEL_BYTES)
        with here, there:
            self._file = _nameless_file()
            os.truncate(self._file, SHARED_BYTES)
            self._map = mmap(self._file, SHARED_BYTES)
            self._view = memoryview(self._map)
            self.slot = self._view[:SLOT_BYTES].cast("q")
            self.slot[1] = -1
            try:
                if keep_stderr:
                    from tempfile import TemporaryFile  # only where workers die as they start

                    self._stderr = TemporaryFile(prefix="skorche-stderr-")  # noqa: SIM115  (_release ends it)
                self._process, self._lifeline = _start(there.fileno(), self._file, mouth, self._stderr)
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
    def keeps_stderr(self) -> bool:
        """Whether what it has printed was kept."""
        return self._stderr is not None

    @property
    def said(self) -> str:
        """The end of what was kept of its stderr."""
        if self._stderr is None:
            return ""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - MOST_SAID_BYTES))
        return self._stderr.read().decode(errors="replace").rstrip()

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

    def finish(self, timeout: float) -> Ending:
        """End the pipe, and wait for the end; kill when it takes longer than `timeout` seconds."""
        said = self.said
        self.hang_up()
        try:
            ended = self._wait_ended(timeout)
            if not ended:
                self.kill()
            code = self._process.wait()
            words = read_transcript(self.slot, self._view[SPOOL_END:])
            return Ending(code, said, not ended and code == -signal.SIGKILL, words)
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

    def bury(self) -> Ending:
        """Tell how a process ended that has died; end the children it leaves."""
        ending = self.finish(BURIAL_SECONDS)
        self.kill()
        return ending

    def forget(self) -> None:
        """In a fork of its parent: let go of a process that is not ours."""
        self.channel.close()
        self._process.poll()  # finds that it is no child of this process
        self._release()
        os.close(self._lifeline)

    def _release(self) -> None:
        if self._stderr is not None:
            self._stderr.close()
        self.slot.release()
        self._view.release()
        self._map.close()
        os.close(self._file)


def _nameless_file() -> int:
    """A file for two processes to share, which is gone when both have closed it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("skorche-slot")
    from tempfile import TemporaryFile  # 4 ms to import: only a system without files in memory needs it

    with TemporaryFile(prefix="skorche-slot-") as file:
        return os.dup(file.fileno())


def _start(channel: int, slot: int, mouth: Mouth, stderr: IO[bytes] | None) -> tuple[subprocess.Popen[bytes], int]:
    """The process, and our end of its lifeline: a pipe that nobody writes to, and that we hold as long as we live."""
    end, lifeline = os.pipe()
    real = -1 if stderr is None else os.dup(2)  # the worker takes it back when it has loaded a task
    try:
        return _launch(Files(channel, slot, end, mouth.pipe, real), mouth.capture, stderr), lifeline
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        for file in (end, real):
            if file >= 0:
                os.close(file)


def _launch(files: Files, capture: Capture, stderr: IO[bytes] | None) -> subprocess.Popen[bytes]:
    known = marshal.dumps((import_path(), list(map(str, sys.argv)), os.getpid(), *current_levels(), capture))
    os.pwrite(files.slot, known, SHARED_BYTES)  # where its stack will be told, if it hangs
    boot = _BOOT.format(slot=files.slot, size=len(known), start=SHARED_BYTES, files=files)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited, so Ctrl-C waits until it is ignored
    try:
        return subprocess.Popen(
            [sys.executable, *interpreter_flags(), "-c", boot],
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=[file for file in files if file >= 0],
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def import_path() -> list[str]:
    """Where a worker looks for modules."""
    return [str(entry) for entry in sys.path if isinstance(entry, str)]


def interpreter_flags() -> list[str]:
    """The options of this interpreter, which a worker's has too."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    return flags


def current_levels() -> tuple[dict[str, int], int]:
    """The levels of loggers that were set, and up to which one logging is switched off."""
    logging = sys.modules.get("logging")
    if logging is None:
        return {"": WARNING}, 0
    root = logging.getLogger()
    loggers = [one for one in root.manager.loggerDict.copy().values() if isinstance(one, logging.Logger) and one.level]
    return {"": int(root.level)} | {str(one.name): int(one.level) for one in loggers}, int(root.manager.disable)
