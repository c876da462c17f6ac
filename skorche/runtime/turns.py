"""Events, and a handler that takes them in one thread at a time: in turns.

    emit() ── a thread of skorche's own ──┐   puts its event, and takes a turn itself when nobody has one
    post() ── anybody else's thread ──────┼─▶ events ──▶ handle(events)   has a thread take a turn that was lent to it
    wait() ── the keeper ─────────────────┘   takes the turns that nobody else takes

Handing an event to another thread costs a wake-up and a fight for the GIL, more than handling it where it arises. So
while little goes on (`lend`), threads that bring events take turns. A thread that finds the turn taken leaves its event
there: whoever has the turn looks once more after giving it up, so no event stays behind. ("Flat combining": Hendler,
Incze, Shavit and Tzafrir, SPAA 2010.) While much goes on, the keeper takes all turns, and naps between them, so that it
handles many events at once and nobody has to wake it ("interrupt coalescing", as network cards do).
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, get_ident
from time import sleep
from typing import Any

from skorche.reserve import RESERVE
from skorche.runtime.engine import Lend

MOST_TURNS = 8
"""So many turns in a row may a thread be kept from its own work; then the keeper takes over."""
LONGEST_WAIT = 3600.0
"""Seconds the keeper waits without looking; the system knows no times of centuries."""
NAP_SECONDS = 0.0003
"""So long the keeper lets events gather while many are under way; longer than it takes to handle one."""


class Turns:
    """Calls `handle` with the events that have come; never twice at a time. `open` is the first.

    Where that raises, `fail` is called with the error, and the events of that turn are lost.

    >>> turns = Turns(print, print)
    >>> turns.open()
    []
    >>> turns.emit("an event")
    ['an event']
    """

    def __init__(self, handle: Callable[[list[Any]], None], fail: Callable[[BaseException], None]) -> None:
        self.lend = True
        self._handle, self._fail = handle, fail
        self._events: SimpleQueue[Any] = SimpleQueue()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._turn = Lock()
        self._turn.acquire()
        self._busy = False
        self.holder: int | None = None
        """The thread that handles events now, by its identity."""

    def open(self) -> None:
        """The keeper's: take the first turn, with what has come already, and let others take theirs."""
        self._handle_all()
        self._turn.release()
        self._take_all()

    def emit(self, event: Any) -> None:
        """Bring an event from a thread that may take a turn."""
        if not self.lend:
            self.post(event)
            return
        events, turn = self._events, self._turn
        if events.empty() and turn.acquire(blocking=False):
            try:
                self._handle_all([event])
            finally:
                turn.release()
        else:
            events.put(event)
        if not (events.empty() or self._take_turns(MOST_TURNS - 1)):
            self.ring()

    def post(self, event: Any, lend: Lend | None = None) -> None:
        """Bring an event from a thread that must not be kept. With `lend` another thread takes the turn, if one can."""
        self._events.put(event)
        if self._busy or self._turn.locked():
            return  # the keeper, or whoever has the turn, will see it
        if lend is None or not (self.lend and lend(self._take_lent)):
            self.ring()

    def _take_lent(self) -> None:
        """A lent thread's: handle what has come, but not for long."""
        if not self._take_turns(MOST_TURNS):
            self.ring()

    def ring(self) -> None:
        """Wake the keeper."""
        self._bell.put(None)

    def wait(self, timeout: float | None) -> None:
        """The keeper's: sleep until rung, or for `timeout` seconds (None: for ever); then handle what is there."""
        if self._busy:
            sleep(NAP_SECONDS)
        else:
            self._wait_rung(timeout)
        with self._turn:
            lend = self.lend
            self._busy = (self._handle_all() or 0) > 1 and not lend
        if not self._busy:
            self._take_all()

    def _wait_rung(self, timeout: float | None) -> None:
        bell = self._bell
        try:
            bell.get(timeout=None if timeout is None else min(timeout, LONGEST_WAIT))
        except Empty:
            return
        while not bell.empty():
            bell.get_nowait()

    def _take_all(self) -> None:
        while not self._take_turns(MOST_TURNS):
            pass

    def _take_turns(self, most: int) -> bool:
        """Handle what has come, until there is no more, somebody else is at it, or it fails.

        False if `most` were not enough.
        """
        events, turn = self._events, self._turn
        for _ in range(most):
            if events.empty() or not turn.acquire(blocking=False):
                return True
            try:
                if self._handle_all() is None:
                    return True
            finally:
                turn.release()
        return events.empty()

    def _handle_all(self, events: list[Any] | None = None) -> int | None:
        """Handle these, or all that there are; gives how many, None if it failed."""
        try:
            self.holder = get_ident()
            events = self._gather() if events is None else events
            self._handle(events)
            return len(events)
        except BaseException as error:  # noqa: BLE001  (whatever it is: nobody may wait for who failed)
            RESERVE.clear()
            self._fail(error)
            return None
        finally:
            self.holder = None

    def _gather(self) -> list[Any]:
        """All events there are. Only who has the turn takes any."""
        events = self._events
        found = []
        while not events.empty():
            found.append(events.get_nowait())
        return found
