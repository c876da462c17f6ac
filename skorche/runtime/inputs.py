"""Where items come from, as the coordinator sees it: queues users put into, iterables that are read, and ranges."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from skorche.kernel import Items
from skorche.log import say
from skorche.named import NamedTuple
from skorche.port import Inbox
from skorche.runtime.command import Fed
from skorche.runtime.engine import Lend
from skorche.runtime.source import Reader
from skorche.runtime.turns import Turns

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
    def take(self) -> Items: ...
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


def _length_of(iterable: Any) -> int | None:
    """How many items it has, where it can tell: the `len` of what wraps a generator raises."""
    try:
        return len(iterable)
    except Exception:  # noqa: BLE001  (whatever that raises, its items can be read)
        return None


class ReadInput:
    """An iterable, read on a thread of its own."""

    def __init__(
        self,
        iterable: Any,
        name: str,
        wake: Wake,
        leave: Wake,
        keeps: Keeps[Any] | None = None,
        declared: object = None,
    ) -> None:
        self._name = name
        length = _length_of(iterable)
        self.sized = length is not None
        self.length = length if keeps is None else None
        self._patient_until = math.inf
        if keeps is not None:
            from skorche.shard import sifted  # only who runs a part of a job needs it

            iterable = sifted(iterable, keeps)
        self._reader = Reader(iterable, name, wake, leave, declared)

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


class RangeInput:
    """A `range`. What is asked for is a part of it, another range: nobody reads it, and no item is kept anywhere."""

    error = None

    def __init__(self, numbers: range, wake: Wake) -> None:
        try:
            self.length: int | None = len(numbers)
        except OverflowError:  # more than anybody lives to see
            self.length = None
        self.sized = self.length is not None
        self._left, self._wake = numbers, wake
        self._asked = 0

    @property
    def ended(self) -> bool:
        return not self._left

    def ask(self, count: int) -> None:
        self._asked += count
        self._wake()

    def take(self) -> range:
        items, self._left = self._left[: self._asked], self._left[self._asked :]
        self._asked = 0
        return items

    def stop(self, error: BaseException) -> None:
        self._left = range(0)
        self._wake()

    def finish(self) -> None:
        pass


class Ready(NamedTuple):
    """A source has something, or has ended."""

    source: int


class Inputs:
    """All inputs of a run, by the number of their source. `ended` are those of which nothing more will come."""

    def __init__(self) -> None:
        self._inputs: list[Input] = []
        self.ended: set[int] = set()

    def open(self, makers: Sequence[InputMaker], turns: Turns, lend_of: Callable[[int], Lend | None]) -> None:
        """Begin to read. A thread that the stage behind a source lends handles what users put, if there is one."""
        for source, make in enumerate(makers):
            ready = Ready(source)
            self._inputs.append(make(partial(turns.emit, ready), partial(turns.post, ready, lend_of(source))))

    @property
    def length(self) -> int | None:
        """How many items there will be in all; None if an input does not tell."""
        lengths = [one.length for one in self._inputs]
        known = [length for length in lengths if length is not None]
        return sum(known) if len(known) == len(lengths) else None

    @property
    def live(self) -> list[int]:
        """Those that users may still put into."""
        return [source for source, one in self._open() if isinstance(one, LiveInput)]

    @property
    def reads_unsized(self) -> bool:
        """Whether one is being read that may have no end."""
        return any(not one.sized for _, one in self._open())

    def _open(self) -> list[tuple[int, Input]]:
        return [(source, one) for source, one in enumerate(self._inputs) if source not in self.ended]

    def ask(self, source: int, count: int) -> None:
        """Have an input give so many more items."""
        self._inputs[source].ask(count)

    def read(self, source: int) -> Fed | None:
        """What an input has given since it was read last, or that it has ended; None for neither."""
        if source in self.ended:
            return None
        one = self._inputs[source]
        items = one.take()
        ended = one.ended
        if ended:
            if more := one.take():  # what came between the two looks
                items = [*items, *more]
            self.ended.add(source)
        elif not items:
            return None
        return Fed(source, items, ended, one.error if ended else None)

    def give_up(self) -> list[Fed]:
        """Read once more those that have not ended, and never again."""
        left = self._open()
        self.ended.update([source for source, _ in left])
        return [Fed(source, one.take(), True) for source, one in left]

    def stop(self, error: BaseException) -> None:
        """Tell those that have not ended that the run takes no more."""
        for _, one in self._open():
            one.stop(error)

    def finish(self, error: BaseException | None = None) -> None:
        """Leave nothing behind; with an `error` all are stopped first."""
        for one in self._inputs:
            if error is not None:
                one.stop(error)
            one.finish()
