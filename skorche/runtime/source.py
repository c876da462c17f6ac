"""Reads an iterable on a thread of its own, by demand.

    coordinator ──ask(n)──▶ Reader thread ──items──▶ buffer ◀──take── coordinator

The thread never reads more than was asked for. Items are in the buffer as soon as the iterable gives them, also when it
then blocks; a hungry coordinator is woken by the first of them. This thread takes the turn itself, if it can: so an
item that comes alone begins at once. But when items come one upon the other, a turn for each would take many times as
long as to read it: then another thread is to take the turn, and this one reads on until it does.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from threading import Condition, Thread
from time import perf_counter
from typing import Any

from skorche.errors import TaskError, add_note, shorten
from skorche.reserve import RESERVE

QUICK = (list, tuple, str, bytes)
SOON_SECONDS = 50e-6
"""So long after it has told of an item this thread leaves the next to another. A turn takes 5 to 20 us."""


class Reader:
    """One source while running."""

    def __init__(
        self,
        iterable: Iterable[Any],
        name: str,
        wake: Callable[[], None],
        leave: Callable[[], None],
        declared: object = None,
    ) -> None:
        """`wake` may take a turn in this thread; `leave` has another take it. `declared` is the place of its queue."""
        self._iterable, self._name, self._wake, self._leave = iterable, name, wake, leave
        self._declared, self._given = declared, 0
        self._told_at = -math.inf
        self._buffer: deque[Any] = deque()
        self._portions: deque[list[Any]] = deque()
        self._changed = Condition()
        self._asked = 0
        self._hungry = True
        self._stopped = self._exhausted = False
        self.error: BaseException | None = None
        # A daemon only because a user's iterable may block for ever; it is joined unless it does.
        self._thread = Thread(target=self._read, name=f"skorche source {name}", daemon=True)
        self._thread.start()

    def ask(self, count: int) -> None:
        """Allow the thread to read so many more items."""
        with self._changed:
            self._asked += count
            self._changed.notify()

    def take(self) -> list[Any]:
        """What has been read; never waits. Items that come later wake the coordinator."""
        buffer, portions = self._buffer, self._portions
        self._hungry = True  # before looking, so that nothing can come unseen in between
        if not portions:
            return [buffer.popleft() for _ in range(len(buffer))]
        taken = portions.popleft()
        while portions:
            taken += portions.popleft()
        return taken

    @property
    def ended(self) -> bool:
        """The iterable is exhausted, failed or stopped, and everything it gave has been taken."""
        return self._exhausted and not self._buffer and not self._portions

    def stop(self) -> None:
        """Read no more."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def join(self, timeout: float) -> bool:
        """Wait for the thread, which may hang in the iterable; whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _read(self) -> None:
        iterator: Iterator[Any] | None = None
        try:
            iterator = iter(self._iterable)
            self._feed(iterator)
        except BaseException as error:  # noqa: BLE001  (whatever a source raises is the run's error, not this thread's)
            if type(error) is MemoryError:
                RESERVE.clear()
            self.error = error if isinstance(error, Exception) else self._unusual(error)
            where = "" if self._declared is None else f" ({self._declared})"
            after = "1 item" if self._given == 1 else f"{self._given} items"
            add_note(self.error, f"in the source of {self._name!r}{where}, after {after}")
        finally:
            self._close(iterator)
            self._exhausted = True
            self._wake()

    def _unusual(self, error: BaseException) -> TaskError:
        wrapped = TaskError(
            f"the source {self._name} raised {shorten(error)}.",
            "it is no ordinary exception, and must not end the program.",
            "raise an ordinary exception; to end the inputs, return.",
        )
        wrapped.__cause__ = error
        return wrapped

    def _feed(self, iterator: Iterator[Any]) -> None:
        quick = type(self._iterable) in QUICK
        while (count := self._wait_asked()) is not None:
            if self._feed_quickly(iterator, count) if quick else self._feed_slowly(iterator, count):
                return

    def _feed_quickly(self, iterator: Iterator[Any], count: int) -> bool:
        """All at once, from what cannot block; whether it has ended."""
        read = list(islice(iterator, count))
        self._given += len(read)
        if read:
            self._portions.append(read)
        self._tell()
        return len(read) < count

    def _feed_slowly(self, iterator: Iterator[Any], count: int) -> bool:
        """One by one, so that nothing is held back when the iterable blocks; whether it has ended."""
        append, wanted = self._buffer.append, count
        try:
            for item in islice(iterator, count):
                append(item)
                count -= 1
                if self._hungry:
                    self._tell()
                if self._stopped:
                    return True
        finally:
            self._given += wanted - count
        return count > 0

    def _tell(self) -> None:
        if self._hungry:
            self._hungry = False
            soon = perf_counter() < self._told_at + SOON_SECONDS
            (self._leave if soon else self._wake)()
            self._told_at = perf_counter()

    def _wait_asked(self) -> int | None:
        with self._changed:
            while not self._asked and not self._stopped:
                self._changed.wait()
            if self._stopped:
                return None
            count, self._asked = self._asked, 0
            return count

    def _close(self, iterator: Iterator[Any] | None) -> None:
        close = getattr(iterator, "close", None)
        if self._stopped and close is not None:
            try:
                close()
            except BaseException as error:  # noqa: BLE001  (as in _read; the run is stopping and has an error already)
                self.error = self.error or error
