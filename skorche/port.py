"""Where the user's threads and a run meet: `Inbox` for items going in, `Outbox` for results coming out.

    user threads ──put──▶ Inbox ──take──▶ coordinator          one lock each; the coordinator never waits here,
    user threads ◀──get── Outbox ◀─deliver── coordinator       user threads do: for room, or for an item

Closing is a state, never an item. An inbox that is *hungry* calls `wake` at the next change, so nobody polls. Tasks of
an event loop wait in line (`Waiters`), and try again when it is their turn.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from threading import Condition, Lock, RLock
from typing import Generic, NoReturn, TypeVar

from skorche.errors import AlreadyRunning, QueueClosed, RunCancelled, text_of
from skorche.input_order import in_order
from skorche.place import Places
from skorche.waiters import Waiters, cancel_after_signal

T = TypeVar("T")

LOOK_SECONDS = 0.5
SHARE = 8
"""Who reads a bounded output says so once an eighth of it is free, and when it is empty: not for each item."""


class Sentinel:
    """The one object that stands for the end of a queue. It equals nothing else, and pickles to itself."""

    def __repr__(self) -> str:
        return "QUEUE_SENTINEL"

    def __reduce__(self) -> str:
        return "QUEUE_SENTINEL"


QUEUE_SENTINEL = Sentinel()


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _left(deadline: float | None) -> float:
    """Seconds until the deadline, or until one should look again.

    A signal that comes a microsecond before a thread falls asleep is only heard when it wakes, so nobody sleeps long.
    """
    if deadline is None:
        return LOOK_SECONDS
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no item came in time")
    return min(left, LOOK_SECONDS)


def _take_now(take: Callable[[float], tuple[T] | None]) -> tuple[T] | tuple[()] | None:
    """What `take` gives without waiting: an item, `()` at the end, or None when there is nothing yet."""
    try:
        return take(0.0) or ()
    except TimeoutError:
        return None


class Inbox(Generic[T]):
    """Items put by users, taken by a run. Unbounded while no run is attached."""

    def __init__(self, title: str) -> None:
        self.title = title
        # Entered by the lock itself, here and below: it is C, so no signal comes between taking it and the block.
        self._lock = RLock()
        self._changed = Condition(self._lock)
        self._items: deque[T] = deque()
        self._closed = self._closed_for_run = self._bypassed = False
        self._keeps: Callable[[T], bool] | None = None
        self._stopped: BaseException | None = None
        self._bound: int | None = None
        self._wake: Callable[[], None] | None = None
        self._hungry = False
        self._readers, self._writers = Waiters(), Waiters()

    def refuse(
        self, reason: str, mend: str = "put items before closing the queue, and while its run goes on."
    ) -> NoReturn:
        """Raise the error for a `put` that cannot be."""
        raise QueueClosed(
            f"an item was put into {self.title}.", f"it takes no more items: {reason}.", mend
        ) from self._stopped

    def put(self, item: T, *, wait: bool = True) -> bool:
        """Add an item; waits for room while a run is attached, and raises when the run stops.

        Without `wait` it gives False when there is no room.
        """
        with self._lock:
            while True:
                if self._closed or self._closed_for_run:
                    self.refuse("it is closed")
                if self._stopped is not None:
                    failed = not isinstance(self._stopped, RunCancelled)
                    self.refuse(f"its run has stopped{f', by {text_of(self._stopped)}' if failed else ''}")
                if self._bound is None or len(self._items) < self._bound:
                    break
                if not wait:
                    return False
                self._changed.wait(LOOK_SECONDS)
            if self._keeps is None or self._keeps(item):
                self._items.append(item)
                self._tell()
            return True

    async def put_async(self, item: T) -> None:
        """Like `put`, in an event loop."""
        try:
            await self._writers.wait(lambda: self.put(item, wait=False) or None)
        except QueueClosed:
            cancel_after_signal(self._stopped)
            raise

    def close(self, *, for_this_run: bool = False) -> None:
        """No more items: for good, or until the attached run has ended, if there is one."""
        with self._lock:
            if for_this_run:
                self._closed_for_run = self._wake is not None or self._keeps is not None
            else:
                self._closed = True
            self._tell()
            self._writers.ring()

    def _tell(self) -> None:
        self._changed.notify_all()
        if self._hungry:
            self._hungry = False
            self._readers.ring()
            if self._wake is not None:
                self._wake()

    def next(self, timeout: float | None = None) -> tuple[T] | None:
        """One item, for a user who reads an unbound queue; None when closed and empty."""
        deadline = _deadline(timeout)
        with self._lock:
            while not self._items:
                if self._closed or self._bypassed:
                    return None
                self._hungry = True
                self._changed.wait(_left(deadline))
            self._changed.notify_all()
            if self._bound is not None:
                self._writers.ring(1)
            return (self._items.popleft(),)

    async def next_async(self) -> tuple[T] | tuple[()]:
        """Like `next`, in an event loop; `()` when closed and empty."""
        return await self._readers.wait(partial(_take_now, self.next))

    def bypass(self) -> None:
        """Nothing comes this way: a run brings results in an outbox. Whoever waits in `next` is woken."""
        with self._lock:
            self._bypassed = True
            self._changed.notify_all()
            self._readers.ring()

    def take(self, limit: int | None) -> list[T]:
        """Up to `limit` items (None: all) at once; never waits. Hungry afterwards when there were fewer."""
        with self._lock:
            items = self._items
            if limit is None or limit >= len(items):
                taken = list(items)
                items.clear()
            else:
                taken = [items.popleft() for _ in range(limit)]
            self._hungry = not items
            if taken:
                self._changed.notify_all()
                self._writers.ring(len(taken))
            return taken

    @property
    def attached(self) -> bool:
        """Whether a run takes the items now."""
        return self._wake is not None

    @property
    def ended(self) -> bool:
        """Closed, and every item taken."""
        with self._lock:
            return (self._closed or self._closed_for_run) and not self._items

    def sift(self, keeps: Callable[[T], bool]) -> None:
        """Of what was put, and of what is put until `detach`, keep only these items; the others go elsewhere."""
        with self._lock:
            self._items = deque(filter(keeps, self._items))
            self._keeps = keeps

    def attach(self, wake: Callable[[], None], bound: int, keeps: Callable[[T], bool] | None = None) -> None:
        """A run begins to take items; `wake` is called from the putting thread when a hungry inbox changes.

        With `keeps` it takes some of them only; see `sift`.
        """
        with self._lock:
            if self._wake is not None:
                raise AlreadyRunning(
                    f"{self.title} feeds a run that has not ended.",
                    "its items cannot go to two runs.",
                    "wait for the first run, or use a queue for each.",
                )
            if keeps is not None:
                self.sift(keeps)
            self._wake, self._bound, self._stopped = wake, bound, None

    def stop(self, error: BaseException) -> None:
        """The run takes no more: whoever waits in `put` is woken and told why."""
        with self._lock:
            self._stopped = error
            self._changed.notify_all()
            self._writers.ring()

    def detach(self) -> None:
        """The run has ended: back to a plain, unbounded queue, open unless the user closed it."""
        with self._lock:
            self._wake = self._bound = self._keeps = None
            self._closed_for_run = self._hungry = False
            self._changed.notify_all()
            self._writers.ring()
            self._readers.ring()


class Outbox(Generic[T]):
    """Results of one run, waiting for users. Keeps the order of arrival for `get`, places for `flush`."""

    def __init__(self, maxsize: int | None, taken: Callable[[int], None], *, keeps: bool = False) -> None:
        self._lock = Lock()
        self._changed, self._ended = Condition(self._lock), Condition(self._lock)
        self._pieces: deque[tuple[Sequence[T], Places]] = deque()
        self._kept: list[tuple[Sequence[T], Places]] | None = [] if keeps else None
        self._next = 0
        self._was_read = False
        self._closed = False
        self._readers = Waiters()
        self._bounded = maxsize is not None
        self._share = 1 if maxsize is None else max(1, maxsize // SHARE)
        self._untold = 0
        self._taken = taken
        self.error: BaseException | None = None
        self.told = False

    def deliver(self, items: Sequence[T], places: Places) -> None:
        """The coordinator adds results."""
        if type(items) is not range:
            items = tuple(items)  # in which the garbage collector looks once, if nothing in it can hold garbage
        with self._lock:
            self._pieces.append((items, places))
            if self._kept is not None:
                self._kept.append((items, places))
            self._changed.notify_all()
            self._readers.ring(len(items))

    def close(self, error: BaseException | None) -> None:
        """No more results come; `error` is why, if the run failed."""
        with self._lock:
            self._closed, self.error = True, error
            self._changed.notify_all()
            self._ended.notify_all()
            self._readers.ring()

    def next(self, timeout: float | None = None) -> tuple[T] | None:
        """The next result in order of arrival; None when closed and empty."""
        deadline = _deadline(timeout)
        with self._lock:
            while not self._pieces:
                if self._closed:
                    return None
                self._changed.wait(_left(deadline))
            items = self._pieces[0][0]
            item = items[self._next]
            self._next += 1
            self._was_read = True
            if self._next == len(items):
                self._pieces.popleft()
                self._next = 0
            count = self._count_read() if self._bounded else 0
        if count:
            self._taken(count)
        return (item,)

    def _count_read(self) -> int:
        """One more has been read of a bounded output; gives how many are to be told of now."""
        self._untold += 1
        if self._pieces and self._untold < self._share:
            return 0
        count, self._untold = self._untold, 0
        return count

    async def next_async(self) -> tuple[T] | tuple[()]:
        """Like `next`, in an event loop; `()` when closed and empty."""
        return await self._readers.wait(partial(_take_now, self.next))

    def tell(self) -> None:
        """Raise the run's error, if it failed."""
        if self.error is not None:
            self.told = True
            raise self.error

    def lift(self) -> None:
        """Stop pushing back: somebody wants it all."""
        if self._bounded:
            self._bounded = False
            self._taken(-1)

    def flush(self) -> list[T]:
        """Everything not yet read, in input order, once no more comes."""
        self.lift()
        with self._lock:
            while not self._closed:
                self._ended.wait(LOOK_SECONDS)
            pieces = [(items, places) for items, places in self._pieces]
            if self._next:
                items, places = pieces[0]
                pieces[0] = (items[self._next :], places[self._next :])
            self._was_read |= bool(pieces)
            self._pieces.clear()
            self._next = 0
        return in_order(pieces)

    def results(self) -> list[T] | None:
        """What came in, in input order, and stays here; None if some of it was read, and not kept."""
        with self._lock:
            pieces = self._kept if self._kept is not None else None if self._was_read else list(self._pieces)
        return None if pieces is None else in_order(pieces)
