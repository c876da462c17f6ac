"""Progress of a long run: a plain line on stderr every few seconds, written by a thread of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from threading import Event, Thread

from skorche.events import RunFinished, View

SECONDS = 5.0
"""Between two lines, and before the first: a short run says nothing."""


class Progress:
    """Writes lines while a run goes on; see `runtime.observers.Observer`."""

    def __init__(self, name: str, seconds: float = SECONDS) -> None:
        self._name, self._seconds = name, seconds
        self._ended = Event()
        self._thread: Thread | None = None

    def start(self, view: View) -> None:
        """Begin to write lines, until stopped; a run that only waits for inputs says for which."""
        self._began = time.monotonic()
        name = f"skorche progress {self._name}"
        self._thread = Thread(target=self._write, args=(view,), name=name, daemon=True)  # a stuck run holds no exit
        self._thread.start()

    def stop(self, record: RunFinished) -> None:
        """End the thread."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _write(self, view: View) -> None:
        while not self._ended.wait(self._seconds):
            try:
                line = progress_line(self._name, view.counts(), time.monotonic() - self._began)
                sys.stderr.write(f"{line}{waiting_for(view.awaited())}\n")
                sys.stderr.flush()
            except (OSError, ValueError):  # stderr is closed or gone: nobody can see progress any more
                return


def waiting_for(inputs: Sequence[str]) -> str:
    """What a line says of inputs that the run waits for.

    >>> waiting_for(["urls"]), waiting_for([])
    ('; waits for input urls, which is open: close() it, or call shutdown()', '')
    """
    several = len(inputs) > 1
    told = f"input{'s' * several} {', '.join(inputs)}, which {'are' if several else 'is'} open: close()"
    return f"; waits for {told} {'them' if several else 'it'}, or call shutdown()" if inputs else ""


def progress_line(name: str, counts: dict[str, int], seconds: float) -> str:
    """One line about a run that goes on.

    >>> progress_line("job", {"admitted": 40, "delivered": 30, "filtered": 0, "failed": 2, "cancelled": 0}, 6.0)
    'job: 6 s, 40 admitted, 30 delivered, 2 failed, 5.33 items/s'
    """
    ended = sum(counts.values()) - counts["admitted"]
    parts = [f"{count} {word}" for word, count in counts.items() if count or word in ("admitted", "delivered")]
    return f"{name}: {seconds:.0f} s, {', '.join(parts)}, {ended / max(seconds, 1e-9):.3g} items/s"
