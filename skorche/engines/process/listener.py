"""The parent's end of the pipe through which workers speak: a thread that hands on what they log and print.

    workers ──▶ pipe ──▶ what waits (bounded) ──▶ loggers, sys.stdout, sys.stderr of this process

Handlers and streams are the user's and may be slow. Then messages wait here, then in the pipe, then they are dropped,
which is told at the end in one line. So neither the workers nor the thread that serves them ever wait for it.
"""

from __future__ import annotations

import os
import pickle
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Thread
from typing import ParamSpec

from skorche.compile.plan import Capture
from skorche.engines.process.voice import ERR, HEADER, LAST, OUT, RECORD, Said
from skorche.log import say
from skorche.named import NamedTuple

P = ParamSpec("P")

PIPE_BYTES = 1 << 20
MOST_WAITING = 10_000
MOST_WAITING_BYTES = 8 << 20
MOST_PARTIAL = 64
"""Messages of which some pieces have come; the rest of one may have been dropped."""
READ_AFTER = 64
"""So many messages are handed on between two looks into the pipe, which has room for some thousands."""
LONGEST_LINE = 100_000
"""Characters of a line that is kept until it ends; a longer one is broken."""
FINISH_SECONDS = 5.0


class Mouth(NamedTuple):
    """What a worker needs to know to speak: into which pipe, and what is to become of its words."""

    pipe: int
    capture: Capture


class Listener:
    """Make it, `start` it, give `mouth` to workers, `finish` it when they have ended, or rest.

    `pipe`: the two ends of the one to use, which it closes.
    """

    def __init__(
        self, names: Mapping[int, Sequence[str]], capture: Capture = "stream", pipe: tuple[int, int] | None = None
    ) -> None:
        self._names = names
        self._ear, self.pipe = pipe or os.pipe()
        self.mouth = Mouth(self.pipe, capture)
        for end in (self._ear, self.pipe):
            os.set_blocking(end, False)
        _enlarge(self.pipe)
        self._buffer = bytearray()
        self._partial: dict[tuple[int, int], list[bytes]] = {}
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = self._dropped = 0
        self._seen: dict[int, tuple[int, int]] = {}
        self._lines: dict[tuple[int, str], str] = {}
        self._until: float | None = None
        self._is_late = False
        self._thread = Thread(target=self._run, name="skorche listener", daemon=True)

    def start(self) -> None:
        """Start the thread: a daemon, since a handler of the user's may hang. None where nobody speaks to us."""
        if self.mouth.capture != "off":
            self._thread.start()

    def finish(self) -> bool:
        """Hand on what is there, for some seconds at most; whether another listener may read on."""
        self._until = time.monotonic() + FINISH_SECONDS
        with suppress(BlockingIOError, BrokenPipeError):  # full, or left: then the thread is awake
            os.write(self.pipe, HEADER.pack(0, 0, 0, 0, 0))
        os.close(self.pipe)
        if self._thread.ident is None:
            os.close(self._ear)
        else:
            self._thread.join(FINISH_SECONDS + 1.0)
        return not (self._is_late or self._buffer or self._thread.is_alive())

    # -- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            poll = select.poll()
            poll.register(self._ear, select.POLLIN)
            while self._goes_on(poll):
                if not self._waiting:
                    poll.poll()
                self._read()
                self._hand_on()
            self._conclude()
        finally:
            os.close(self._ear)

    def _goes_on(self, poll: select.poll) -> bool:
        """Whether there is, or may be, anything to do. What a task has left running may speak for ever."""
        if self._until is None:
            return True
        if time.monotonic() > self._until:
            self._is_late = True
            return False
        return bool(self._waiting) or any(event & select.POLLIN for _, event in poll.poll(0))

    def _read(self) -> None:
        with suppress(BlockingIOError):
            self._buffer += os.read(self._ear, PIPE_BYTES)
        buffer, start, size = self._buffer, 0, HEADER.size
        while len(buffer) - start >= size:
            pid, number, index, pieces, length = HEADER.unpack_from(buffer, start)
            if len(buffer) < start + size + length:
                break
            start += size + length
            if pieces:
                self._collect(pid, number, index, pieces, bytes(buffer[start - length : start]))
        del buffer[:start]

    def _collect(self, pid: int, number: int, index: int, pieces: int, data: bytes) -> None:
        """Take a piece in; the pieces of a message come in order."""
        if pieces > 1:
            got = self._partial.setdefault((pid, number), [])
            got.append(data)
            if index < pieces - 1:
                if len(self._partial) > MOST_PARTIAL:
                    del self._partial[next(iter(self._partial))]
                return
            data = b"".join(self._partial.pop((pid, number)))
            if len(got) < pieces:
                return  # one was given up when there were too many
        self._note(pid, number)
        if len(self._waiting) < MOST_WAITING and self._waiting_bytes + len(data) <= MOST_WAITING_BYTES:
            self._waiting.append((pid, data))
            self._waiting_bytes += len(data)
        else:
            self._dropped += 1

    def _note(self, pid: int, number: int) -> None:
        count, expected = self._seen.get(pid, (0, 0))
        self._seen[pid] = count + 1, max(expected, number + 1)

    def _hand_on(self) -> None:
        for _ in range(min(READ_AFTER, len(self._waiting))):
            pid, data = self._waiting.popleft()
            self._waiting_bytes -= len(data)
            if self._until is not None and time.monotonic() > self._until:
                self._dropped += 1 + len(self._waiting)
                self._waiting.clear()
                return
            self._attempt(self._tell, pid, data)

    def _attempt(self, write: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Do what leads to streams and handlers of the user's: failures are counted, and told at the end."""
        try:
            write(*args, **kwargs)
        except Exception:  # noqa: BLE001  (whatever theirs raise)
            self._dropped += 1

    def _tell(self, pid: int, data: bytes) -> None:
        said = Said(*pickle.loads(data))
        names = self._names.get(said.stage, ())
        task = names[said.step] if 0 <= said.step < len(names) else "".join(names[:1])
        if said.kind == RECORD:
            from skorche.engines.process.records import handle  # with logging: only records need it

            handle(said.content, task, said.item)
        elif said.kind == LAST:
            self._end_lines(pid)
        else:
            self._print(pid, said, f"[{task or f'worker {pid}'}{' ' * bool(said.item)}{said.item}] ")

    def _print(self, pid: int, said: Said, tag: str) -> None:
        """Whole lines, each with the tag; the start of one waits for its end."""
        text = self._lines.pop((pid, said.kind), "") + said.content
        *lines, rest = text.split("\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest], ""
        if rest:
            self._lines[pid, said.kind] = rest
        if lines:
            _write(said.kind, "".join([f"{tag}{line}\n" for line in lines]))

    def _end_lines(self, pid: int) -> None:
        """A process has ended, and left lines that it has not."""
        for kind in (OUT, ERR):
            if text := self._lines.pop((pid, kind), ""):
                _write(kind, f"[worker {pid}] {text}\n")

    def _conclude(self) -> None:
        for pid in {pid for pid, _ in self._lines}:
            self._attempt(self._end_lines, pid)
        dropped = self._dropped + len(self._waiting) + sum(expected - count for count, expected in self._seen.values())
        if dropped:
            say(
                "at least %d log records or printed texts of workers were dropped: they came faster than they could be "
                "written here, or could not be written",
                dropped,
            )


def _write(kind: str, text: str) -> None:
    {OUT: sys.stdout, ERR: sys.stderr}[kind].write(text)


def _enlarge(pipe: int) -> None:
    """Give the pipe room for some thousand messages, where that is possible."""
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # this user's pipes have as much room already as they may
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
