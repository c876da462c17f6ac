"""The trace of a run, in a file that Perfetto and Chrome open: what each worker did when, and how full queues were.

    workers, turns ──note()──▶ notes ──▶ thread: lines, a few times a second ──▶ file

The file is right to read at any time, also of a run that was killed: only the bracket at its end is missing, which both
viewers do without.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Event, Thread
from typing import BinaryIO, ParamSpec

from skorche.compile.plan import Plan
from skorche.errors import GraphError, shorten
from skorche.events import Happened, Note, RunFinished, View
from skorche.observe.tracks import Tracks

P = ParamSpec("P")

WRITE_SECONDS = 0.25
MOST_NOTES = 50_000
"""Notes that wait to be written, some 20 MB. What comes when there are more is left out, and counted."""
PORTION = 1000
"""Notes written at once."""


class Trace:
    """Writes the trace of a run while it goes on; see `runtime.coordinator.Observer`. `note` is for its `Tap`."""

    def __init__(self, path: str | os.PathLike[str], plan: Plan, complain: Callable[[str], None]) -> None:
        """Open the file, which is written anew. `complain` is told when it cannot be written any more.

        Raises:
            GraphError: it cannot be opened.
        """
        self._tracks = Tracks(plan, time.monotonic())
        self._file: BinaryIO | None = _open(path)
        self._where, self._complain = str(path), complain
        self._notes: deque[Note] = deque()
        self._left_out = 0
        self._has_lines = False
        self._record: RunFinished | None = None
        self._ended = Event()
        # A daemon: a disk that hangs must not hold the interpreter.
        self._thread = Thread(target=self._serve, name=f"skorche trace {plan.name}", daemon=True)

    def note(self, note: Note) -> None:
        """Have it written. Comes back at once, in any thread."""
        if len(self._notes) < MOST_NOTES:
            self._notes.append(note)
        else:
            self._left_out += 1

    def start(self, view: View) -> None:
        """The run begins."""
        self._thread.start()

    def stop(self, record: RunFinished) -> None:
        """The run has ended: write what is left."""
        self._record = record
        self._ended.set()
        self._thread.join()

    def discard(self) -> None:
        """The run could not begin."""
        if self._thread.ident is None:
            self._write_end()

    # -- the thread -------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        self._write(self._tracks.first_lines)
        while not self._ended.wait(WRITE_SECONDS):
            self._write_notes()
        self._write_notes()
        self._write_end()

    def _write_notes(self) -> None:
        """Write what there is now; more may come meanwhile."""
        left = len(self._notes)
        while left > 0:
            notes = [self._notes.popleft() for _ in range(min(left, PORTION))]
            left -= len(notes)
            if self._file is not None:
                self._write(self._tracks.lines, notes)

    def _write_end(self) -> None:
        now = time.monotonic()
        if self._left_out:
            told = f"{self._left_out} notes, since more came than could be written"
            self._write(self._tracks.lines, [Happened(now, "left out", told=told)])
        if self._record is not None:
            self._write(self._tracks.last_lines, self._record, now)
        self._put("\n]\n" if self._has_lines else "[\n]\n")
        if self._file is not None:
            self._file.close()

    def _write(self, make: Callable[P, Iterable[str]], *args: P.args, **named: P.kwargs) -> None:
        """Lines with what goes between them. An error of ours ends the trace, as one of the disk does."""
        try:
            text = ",\n".join(make(*args, **named))
        except Exception as error:  # noqa: BLE001  (the run goes on without its trace)
            self._give_up(error)
            return
        if text:
            self._put((",\n" if self._has_lines else "[\n") + text)
            self._has_lines = True

    def _put(self, text: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write(text.encode())
            self._file.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        if self._file is not None:
            self._complain(f"the trace {self._where} cannot be written any more ({error}); the run goes on without it")
            with suppress(OSError):
                self._file.close()
            self._file = None


def _open(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        return open(os.fspath(path), "wb")
    except (OSError, TypeError, ValueError) as error:
        raise GraphError(
            f"run() was given trace={shorten(path)}, which cannot be written.",
            f"{error}.",
            "give the path of a file, in a folder that is there.",
        ) from error
