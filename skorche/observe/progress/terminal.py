"""The last lines of a terminal, drawn again and again, while the program goes on to print above them.

    prints, log records,       ┌─ write ──▶ erase, then write, then draw again ─┐
    words of workers ──────────┤                                               ├──▶ the terminal
    bars of each run ──────────┴─ show ───▶ draw ──────────────────────────────┘

Whoever has a stream (`print`, a handler of `logging`) has the object, not its name in `sys`. So the stream itself gets
a `write` of ours while there is something to keep out of its way, and its own again afterwards. Streams that lead
elsewhere, to a pipe or a file, are not touched, so what is piped is the same as without.

The cursor rests where the first line begins: whatever goes past us (a program that a task starts, C code) is seen, and
at the next drawing nothing of it is taken back. A line that has been begun is left alone until it ends.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import RLock

Write = Callable[[str], int]

ERASE, REST_OF_LINE = "\r\x1b[J", "\x1b[K"
REDRAW_SECONDS = 0.005
"""Who prints pays for drawing again at most so often."""


class Terminal:
    """What is drawn on one terminal, by all runs that go on; each has a key of its own."""

    def __init__(self) -> None:
        # Taken again by a handler of a signal that prints in the middle of a print.
        self._lock = RLock()
        self._fd, self._encoding = -1, "utf-8"
        self._shown: dict[object, Sequence[str]] = {}
        self._guarded: list[tuple[io.TextIOWrapper, Write, Write | None]] = []
        self._drawn = self._line_begun = False
        self._drawn_at = 0.0
        os.register_at_fork(after_in_child=self._forget)

    def open(self, key: object, stream: io.TextIOWrapper) -> None:
        """Begin to draw on the terminal behind the stream; it raises OSError where there is none."""
        with self._lock:
            if not self._shown:
                self._fd, self._encoding = stream.fileno(), stream.encoding
                self._line_begun = False
                self._guard(stream)
            self._shown[key] = ()

    def show(self, key: object, lines: Sequence[str]) -> None:
        """Draw these lines in place of those that were there."""
        with self._lock:
            if key in self._shown:
                self._shown[key] = lines
                self._draw()

    def close(self, key: object) -> None:
        """Leave what was last shown for good, above what others draw. Does nothing the second time."""
        with self._lock:
            lines = self._shown.pop(key, None)
            try:
                if lines and not self._line_begun and self._in_foreground():
                    self._send(ERASE + "".join(f"{line}\n" for line in lines))
                    self._drawn = False
                    self._draw()
            finally:
                if not self._shown:
                    self._release()

    def size(self) -> os.terminal_size:
        """Columns and lines there are for each run."""
        columns, lines = os.get_terminal_size(self._fd)
        return os.terminal_size((columns or 80, (lines or 24) // max(1, len(self._shown))))

    # -- drawing ----------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        lines = [line for shown in self._shown.values() for line in shown]
        if self._line_begun or not lines or not self._in_foreground():
            return
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        self._send("\r" + f"{REST_OF_LINE}\n".join(lines) + f"\x1b[J\r{up}")
        self._drawn, self._drawn_at = True, time.monotonic()

    def _erase(self) -> None:
        if self._drawn:
            self._drawn = False
            self._send(ERASE)

    def _in_foreground(self) -> bool:
        """Whether the terminal is ours now, and not a shell's that has sent us to the background."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:  # it is not the one that the program is controlled from
            return True

    def _send(self, text: str) -> None:
        """Past the stream, whose lock a thread that dies with the interpreter might take along."""
        data = text.encode(self._encoding, "replace")
        while data:
            data = data[os.write(self._fd, data) :]

    # -- streams ----------------------------------------------------------------------------------------------------

    def _guard(self, *streams: object) -> None:
        place = os.fstat(self._fd)
        known = (*streams, sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
        for stream in {id(one): one for one in known}.values():
            if isinstance(stream, io.TextIOWrapper) and _leads_to(stream, place):
                before, ours = vars(stream).get("write"), self._guarded_write(stream, stream.write)
                self._guarded.append((stream, ours, before))
                vars(stream)["write"] = ours

    def _guarded_write(self, stream: io.TextIOWrapper, own: Write) -> Write:
        def write(text: str, /) -> int:
            with self._lock:
                with suppress(OSError):
                    self._erase()
                count = own(text)
                if text:
                    self._line_begun = not text.endswith("\n")
                    if not self._line_begun:
                        stream.flush()
                        self._draw_again()
                return count

        return write

    def _draw_again(self) -> None:
        if self._shown and time.monotonic() - self._drawn_at >= REDRAW_SECONDS:
            with suppress(OSError):
                self._draw()

    def _release(self) -> None:
        """Give the streams their own `write` again, unless somebody has put another in place of ours."""
        for stream, ours, before in self._guarded:
            own = vars(stream)
            if own.get("write") is ours:
                own.pop("write") if before is None else own.update(write=before)
        self._guarded.clear()
        self._drawn = False

    def _forget(self) -> None:
        """In a forked child: the lines are the parent's, and so may be whoever held the lock."""
        self._lock = RLock()
        self._shown.clear()
        self._release()


def _leads_to(stream: io.TextIOWrapper, place: os.stat_result) -> bool:
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or none of the system's
        return False
    return (found.st_dev, found.st_ino) == (place.st_dev, place.st_ino)


TERMINAL = Terminal()
