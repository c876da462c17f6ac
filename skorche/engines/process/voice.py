"""What a worker says: log records and printed lines, on their way to the parent through a pipe that all workers share.

    worker: logging, sys.stdout, sys.stderr ──pieces──▶ pipe ──▶ parent: `listener.py`

A worker never waits to speak. What the pipe has no room for is dropped, and missed, since messages are numbered. Only
for the last one, which tells how many there were, it waits at its end until there is room, a second at most. A message
goes in pieces that the system writes whole or not at all, so those of several workers, of their threads, of children
they fork and of workers that die are never mixed up. It leaves the process with the call that made it, so it survives
the process. An item that says nothing pays nothing: not even `logging` is imported for it.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from struct import Struct
from threading import get_ident, local
from types import ModuleType
from typing import Any, TextIO

from skorche.engines.process.transcript import Transcript, line_of
from skorche.errors import glance
from skorche.named import NamedTuple

INDEX, STEP, TICKET = 0, 1, 2
"""Where in its slot a worker says which item, step and chunk it is on."""

HEADER = Struct("<IIHHH")
"""Process id, number of the message, number of the piece, number of pieces, length."""
MOST_PIECES = 32
LONGEST_TEXT = 16_000
"""Characters of one message; a longer text is printed in several, of a longer log record the middle is left out."""

LONGEST_ITEM = 40
"""Characters of an item in front of what was said about it."""

RECORD, OUT, ERR, LAST = "record", "out", "err", "last"
LAST_SECONDS = 1.0
"""So long a worker that ends waits for room for its last message."""


class Said(NamedTuple):
    """A message: its kind, the stage, step and item that the worker was on (-1, -1, "": none), and what was said."""

    kind: str
    stage: int
    step: int
    item: str
    content: Any  # Any: a text, or the parts of a log record, all plain values


class At(NamedTuple):
    """What a worker works on: a stage, items, and their indices in the slot."""

    stage: int
    items: Sequence[Any]
    indices: Sequence[int]


class Voice:
    """The worker's end. It is told what the worker is `at`. With a `transcript` what is said on an item goes there."""

    def __init__(self, pipe: int, slot: Sequence[int], transcript: Transcript | None = None) -> None:
        self._pipe, self._slot, self.transcript = pipe, slot, transcript
        self._piece = os.fpathconf(pipe, "PC_PIPE_BUF") - HEADER.size
        self._numbers = count()
        os.register_at_fork(after_in_child=self._begin_anew)
        self._own = local()
        self.at: At | None = None
        self.has_open_lines = False
        self._streams: list[_Stream] = []
        self._has_spoken = False

    def take_over(self, levels: dict[str, int], disabled: int) -> None:
        """From now on what this process prints or logs goes to the parent; `levels` are those of the loggers there."""
        self._streams = [_Stream(self, OUT, sys.stdout), _Stream(self, ERR, sys.stderr)]
        sys.stdout, sys.stderr = self._streams
        _when_imported("logging", lambda: _take_logging(self, levels, disabled))

    def _begin_anew(self) -> None:
        self._numbers = count()

    def begin_run(self) -> None:
        """The next run has another listener, who knows of no message, and other items under the same numbers."""
        self._begin_anew()
        self._own, self._has_spoken = local(), False

    def rest(self) -> None:
        """A chunk is done: unfinished lines leave, and no item is held on to."""
        if self.has_open_lines:
            self.has_open_lines = False
            for stream in self._streams:
                stream.flush_lines()
        self.at = None
        if self.transcript is not None:
            self.transcript.clear()

    def say(self, kind: str, content: object) -> None:
        """Send a message, or drop it; or keep it with the item it was said on."""
        at = self.at
        position = -1 if at is None else self._position(at)
        if self.transcript is not None and at is not None and position >= 0:
            self.transcript.add(at.indices[position], line_of(content) if isinstance(content, dict) else str(content))
        else:
            self._send(pickle.dumps(tuple(Said(kind, *self._where(at, position), content)), 5))

    def end(self) -> None:
        """Nothing more will be said; tells the parent how much there was."""
        self.rest()
        if self._has_spoken:
            self._wait_for_room()
            self.say(LAST, None)

    def _wait_for_room(self) -> None:
        from select import POLLOUT, poll  # only who has spoken needs it

        room = poll()
        room.register(self._pipe, POLLOUT)
        room.poll(1000 * LAST_SECONDS)

    def _send(self, data: bytes) -> None:
        self._has_spoken = True
        number, pid = next(self._numbers) & 0xFFFFFFFF, os.getpid()
        pieces = range(0, len(data), self._piece)
        if len(pieces) > MOST_PIECES:
            return
        with suppress(OSError):  # there is no room, or no parent any more; nobody may wait or fail for that
            for index, start in enumerate(pieces):
                piece = data[start : start + self._piece]
                os.write(self._pipe, HEADER.pack(pid, number, index, len(pieces), len(piece)) + piece)

    def _position(self, at: At) -> int:
        """Which of the items the worker is on; -1 if on none, or if nobody knows."""
        index = self._slot[INDEX]
        return 0 if len(at.items) == 1 else at.indices.index(index) if index in at.indices else -1

    def _where(self, at: At | None, position: int) -> tuple[int, int, str]:
        if at is None:
            return -1, -1, ""
        step = self._slot[STEP]
        if position < 0:
            return at.stage, step, ""
        return at.stage, step, self._told((self._slot[TICKET], at.indices[position]), at.items[position])

    def _told(self, which: tuple[int, int], item: object) -> str:
        """The item in short; made once, however much is said. A `repr` that speaks itself finds none."""
        own = self._own.__dict__
        if own.get("which") != which:
            own |= {"which": which, "text": ""}
            own["text"] = glance(item, LONGEST_ITEM)
        text: str = own["text"]
        return text


class _Stream:
    """Stands for a text stream. Whole lines leave at once; the start of a line does with `flush`, or at a chunk's end.

    Bytes written to its `buffer`, or to the file itself, go the way they always went. Each thread has lines of its own.
    """

    def __init__(self, voice: Voice, kind: str, plain: TextIO) -> None:
        self._voice, self._kind, self._plain = voice, kind, plain
        self._lines: dict[int, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def isatty(self) -> bool:
        """No terminal: others write between the lines."""
        return False

    def write(self, text: str) -> int:
        """Take a text in."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self._voice.transcript is not None:
            self._say(text)  # the process may end in the middle of a line, and nobody else writes between
            return len(text)
        me = get_ident()
        waiting = self._lines.pop(me, "") + text
        whole, newline, rest = waiting.rpartition("\n")
        if len(rest) > LONGEST_TEXT:
            whole, newline, rest = waiting, "", ""
        if rest:
            self._lines[me] = rest
            self._voice.has_open_lines = True
        self._say(whole + newline)
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Take several texts in."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Let go what is held, here and behind `buffer`."""
        self._say(self._lines.pop(get_ident(), ""))
        if self._plain is not None:
            self._plain.flush()

    def flush_lines(self) -> None:
        """Let go what all threads have begun."""
        for thread in list(self._lines):
            self._say(self._lines.pop(thread, ""))

    def _say(self, text: str) -> None:
        for start in range(0, len(text), LONGEST_TEXT):
            self._voice.say(self._kind, text[start : start + LONGEST_TEXT])


def _take_logging(voice: Voice, levels: dict[str, int], disabled: int) -> None:
    from skorche.engines.process.records import take_logging  # it imports logging, which is there now

    take_logging(partial(voice.say, RECORD), levels, disabled)


def _when_imported(name: str, then: Callable[[], None]) -> None:
    """Call `then` as soon as a module has been imported, by whomever."""
    if name in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _Awaiting(name, then))


class _Awaiting:
    """Among the finders of modules: finds none, but is asked about each."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name, self._then = name, then

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """The module's spec as the other finders give it, with a loader that tells when it is done."""
        if name != self._name:
            return None
        found = (finder.find_spec(name, None) for finder in sys.meta_path if finder is not self)
        spec = next((one for one in found if one is not None), None)
        if spec is not None and spec.loader is not None:
            self._follow(spec.loader)
        return spec

    def _follow(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            sys.meta_path.remove(self)  # not before: who asks for a spec may only want to know whether it is there
            self._then()

        loader.exec_module = exec_module
