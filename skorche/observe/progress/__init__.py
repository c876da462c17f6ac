"""Progress of a run that goes on: bars on a terminal, a table in a notebook, else a line every few seconds.

`Progress` has the thread, and chooses who draws; each way of drawing is a module of its own, imported when it is first
to draw, so that a short run pays for none.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Mapping
from contextvars import copy_context
from threading import Event, Thread
from typing import Literal, Protocol

from skorche.events import RunFinished, View
from skorche.observe.outcome import Shape

How = Literal["auto", "lines"]
Kind = Literal["bars", "lines", "notebook"]

SECONDS = 5.0
"""Between two lines."""
FIRST_SECONDS: Mapping[Kind, float] = {"lines": 1.0, "bars": 0.5, "notebook": 0.5}
"""Before anything is shown: a short run says nothing."""
PATIENCE = 2.0
"""What the end of a run waits for the last drawing: a terminal may be held (Ctrl-S), or nobody reads a pipe."""


class Display(Protocol):
    """A way of drawing. All is called by one thread."""

    def draw(self, view: View, seconds: float) -> float:
        """Show what is known after so many seconds; gives how long to wait until it is drawn again."""
        ...

    def finish(self, record: RunFinished) -> None:
        """Show how it ended. Only if something was drawn before."""
        ...

    def close(self) -> None:
        """Undo what was done to streams, however drawing has ended."""
        ...


class Progress:
    """Shows how far a run is; see `runtime.coordinator.Observer`."""

    def __init__(
        self, name: str, seconds: float = SECONDS, *, shape: Shape | None = None, how: How | bool = "auto"
    ) -> None:
        """`seconds` between lines; `shape` of the graph, which tells what its tasks are, and how many items come."""
        self._name, self._seconds, self._shape, self._how = name, seconds, shape, how
        self._ended = Event()
        self._record: RunFinished | None = None
        self._thread: Thread | None = None

    def start(self, view: View) -> None:
        """Begin to draw, until stopped."""
        began = time.monotonic()
        kind = kind_of_display() if self._how != "lines" else "lines"
        name = f"skorche progress {self._name}"
        # The context says, in a notebook, to which cell an output belongs. A daemon: a stuck run holds no exit.
        watch, arguments = copy_context().run, (self._watch, view, kind, began)
        self._thread = Thread(target=watch, args=arguments, name=name, daemon=True)
        self._thread.start()

    def stop(self, record: RunFinished) -> None:
        """End the thread, which draws a last time."""
        self._record = record
        self._ended.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def _watch(self, view: View, kind: Kind, began: float) -> None:
        if self._ended.wait(min(FIRST_SECONDS[kind], self._seconds)):
            return
        try:
            display = self._display(kind, view)
            try:
                while not self._ended.wait(display.draw(view, time.monotonic() - began)):
                    pass
                if self._record is not None:
                    display.finish(self._record)
            finally:
                display.close()
        except (OSError, ValueError):  # the stream is closed or gone: nobody can see progress any more
            return
        except MemoryError:  # not even for a word about it
            return
        except Exception:  # whatever it is, the run goes on without it
            import logging  # 5 ms: only what goes wrong needs it

            logging.getLogger("skorche").exception("progress of the run cannot be shown any more")

    def _display(self, kind: Kind, view: View) -> Display:
        if kind == "lines":
            from skorche.observe.progress.lines import Lines

            return Lines(self._name, self._seconds)
        from skorche.observe.progress.rows import Rows

        rows = Rows(self._name, self._shape, view.total())
        if kind == "notebook":
            from skorche.observe.progress.notebook import Notebook

            return Notebook(rows)
        from skorche.observe.progress.bars import Bars

        return Bars(rows)


def kind_of_display() -> Kind:
    """What suits the place where the program runs.

    At an interactive prompt a run goes on while the next line is typed: there are no bars there.
    """
    if _in_notebook():
        return "notebook"
    stream = sys.stderr
    plain = os.environ.get("TERM", "dumb") in ("", "dumb", "unknown") or hasattr(sys, "ps1")
    # Only the interpreter's own kind of stream: what somebody has put in its place may not take a cursor that moves.
    if plain or not isinstance(stream, io.TextIOWrapper) or stream.closed or not stream.isatty():
        return "lines"
    return "bars"


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return any(one.__name__ == "ZMQInteractiveShell" for one in type(get_ipython()).__mro__)
