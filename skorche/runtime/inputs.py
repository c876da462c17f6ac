"""Where items come from, as the coordinator sees it: a queue that users put into, or an iterable that is read."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from skorche.port import Inbox
from skorche.runtime.log import say
from skorche.runtime.source import Reader

if TYPE_CHECKING:
    from skorche.shard import Keeps

SOURCE_PATIENCE = 1.0
"""Seconds a stopped run waits for an iterable that does not come back."""
LAST_PATIENCE = 0.05
"""Of them, those that are left for each when the first have waited."""


Wake = Callable[[], None]
InputMaker = Callable[[Wake, Wake], "Input"]
"""Makes an input, given how to wake the run from a thread of skorche's own, and from one of a user's."""


class Input(Protocol):
    """A source as the coordinator sees it. `sized`: it has an end, or has one once it is closed.

    `length` is how many items it will give, if that is known.
    """

    sized: bool
    length: int | None

    @property
    def error(self) -> BaseException | None: ...
    @property
    def ended(self) -> bool: ...
    def ask(self, count: int) -> None: ...
    def take(self) -> list[Any]: ...
    def stop(self, error: BaseException) -> None: ...
    def finish(self) -> None: ...


class LiveInput:
    """A queue that users put into while running."""

    error = None
    sized = True
    length: int | None = None

    def __init__(self, inbox: Inbox[Any], bound: int, wake: Wake, keeps: Keeps[Any] | None = None) -> None:
        """`wake` is called from the threads of users, too."""
        self._inbox, self._wake = inbox, wake
        self._asked, self._stopped = 0, False
        inbox.attach(wake, bound, keeps)

    @property
    def ended(self) -> bool:
        return self._stopped or self._inbox.ended

    def ask(self, count: int) -> None:
        self._asked += count
        self._wake()

    def take(self) -> list[Any]:
        items = self._inbox.take(None if self._stopped else self._asked)
        self._asked -= len(items)
        return items

    def stop(self, error: BaseException) -> None:
        self._inbox.stop(error)
        self._stopped = True
        self._wake()

    def finish(self) -> None:
        self._inbox.detach()


class ReadInput:
    """An iterable, read on a thread of its own."""

    def __init__(self, iterable: Any, name: str, wake: Wake, keeps: Keeps[Any] | None = None) -> None:
        self._name = name
        self.sized = hasattr(iterable, "__len__")
        self.length: int | None = len(iterable) if self.sized and keeps is None else None
        self._patient_until = math.inf
        if keeps is not None:
            from skorche.shard import sifted  # only who runs a part of a job needs it

            iterable = sifted(iterable, keeps)
        self._reader = Reader(iterable, name, wake)

    @property
    def error(self) -> BaseException | None:
        return self._reader.error

    @property
    def ended(self) -> bool:
        return self._reader.ended

    def ask(self, count: int) -> None:
        self._reader.ask(count)

    def take(self) -> list[Any]:
        return self._reader.take()

    def stop(self, error: BaseException) -> None:
        self._patient_until = min(self._patient_until, time.monotonic() + SOURCE_PATIENCE)
        self._reader.stop()

    def finish(self) -> None:
        self._reader.stop()
        patience = min(SOURCE_PATIENCE, self._patient_until - time.monotonic())
        if not self._reader.join(max(LAST_PATIENCE, patience)):
            say("the source %s did not come back from its iterable; its thread is left behind", self._name)
