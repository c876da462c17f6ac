"""Those who watch a run. They cannot slow it, nor fail it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from skorche.events import RunFinished, View
from skorche.log import ERROR, say


class Observer(Protocol):
    """Watches a run from a thread of its own."""

    def start(self, view: View) -> None:
        """The run begins; what is known of it can be asked of `view` until it has ended."""
        ...

    def stop(self, record: RunFinished) -> None:
        """The run has ended, and this is how. Nobody who waits for it is told before."""
        ...


class Observers:
    """All of a run. One that is broken is told nothing more."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = list(observers)
        self._started = False

    def start(self, view: View) -> None:
        """The run begins."""
        self._started = True
        self._notify(lambda observer: observer.start(view))

    def stop(self, record: RunFinished) -> None:
        """The run has ended; nobody needs to be told of one that never began."""
        if self._started:
            self._notify(lambda observer: observer.stop(record))

    def _notify(self, tell: Callable[[Observer], None]) -> None:
        for observer in self._observers[:]:
            try:
                tell(observer)
            except Exception:  # noqa: BLE001  (whatever it raises, it is told and left out)
                say("an observer of the run failed; it is told nothing more", level=ERROR, with_error=True)
                self._observers.remove(observer)
