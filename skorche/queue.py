"""`Queue`: an edge of the graph as people hold it. A declaration with a port that a run attaches; nothing here runs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from skorche.errors import GraphError, Location, shorten
from skorche.log import say
from skorche.port import QUEUE_SENTINEL, Inbox, Outbox, Sentinel
from skorche.waiters import cancel_after_signal

if TYPE_CHECKING:
    from skorche.shard import Key

T = TypeVar("T")

_NUMBERS = count()
"""Queues are numbered as they are declared: inputs are read, and their results given, in that order."""
T_co = TypeVar("T_co", covariant=True)

HINT_SECONDS = 5.0
"""Who has waited so long for results, while no run has begun, is told so: perhaps `run()` was forgotten."""
GIVE_WAY_EVERY = 100
"""So many items that wait already may an `async for` take before the event loop gets to do something else."""


class Readable(Protocol[T_co]):
    """A queue as one who only reads it sees it: a `Queue[list[int]]` is a `Readable[Iterable[int]]` too."""

    def get(self, timeout: float | None = None) -> T_co | Sentinel:
        """The next item."""
        ...


class Queue(Generic[T]):
    """An edge of the graph: one producer, one consumer. Also where items go in and come out.

    `fixed_inputs` is any iterable, read lazily while running; such a queue is closed from the start. Without it and
    without a producer the queue is a live input for `put`. A queue that nobody consumes collects results.
    `maxsize` (items) bounds it; an output with a bound pushes back on the pipeline until somebody reads it.
    `key` gives a text, a number or the like for each item; a run with `shard=` deals out the items by their keys, where
    there is none by the items themselves.

    >>> queue = Queue(name="letters", fixed_inputs="ab")
    >>> queue.get(), queue.get(), queue.get()
    ('a', 'b', QUEUE_SENTINEL)

    Raises:
        GraphError: the name is no text, `fixed_inputs` is not iterable, `maxsize` is below 1, or `key` is no function.
    """

    def __init__(
        self,
        name: str | None = None,
        fixed_inputs: Iterable[T] | None = None,
        *,
        maxsize: int | None = None,
        key: Key[T] | None = None,
    ) -> None:
        if name is not None and not isinstance(name, str):
            raise GraphError(
                f"a queue was given the name {shorten(name)}.",
                "a name is a text; items are given by keyword.",
                "write Queue(fixed_inputs=...).",
            )
        if fixed_inputs is not None and not isinstance(fixed_inputs, Iterable):
            raise GraphError(
                f"Queue(name={name!r}) was given {shorten(fixed_inputs)} as fixed_inputs.",
                f"{type(fixed_inputs).__name__} objects cannot be iterated.",
                "give a list, a generator or any other iterable; [x] for a single item.",
            )
        if maxsize is not None and maxsize < 1:
            raise GraphError(
                f"Queue(name={name!r}) was given maxsize={maxsize!r}.", "nothing fits in.", "give 1 or more, or None."
            )
        if key is not None and not callable(key):
            raise GraphError(
                f"Queue(name={name!r}) was given key={shorten(key)}.",
                f"{type(key).__name__} objects cannot be called.",
                "give a function that is given an item and gives its key.",
            )
        self.name, self.maxsize, self.fixed_inputs, self.key = name, maxsize, fixed_inputs, key
        self.declared, self.number = Location.of_caller(), next(_NUMBERS)
        self.inbox: Inbox[T] = Inbox(self.title)
        self.outbox: Outbox[T] | None = None
        self.filled_by: str | None = None
        self.pipeline = ""
        self.taken_by: str | None = None
        self._was_hinted = False
        self.started = False
        self._reading: Iterator[T] | None = None

    @property
    def title(self) -> str:
        """What to call the queue in a message."""
        return f"queue {self.name!r}" if self.name else f"the queue of {self.declared}"

    def __repr__(self) -> str:
        return f"<Queue {self.name or 'of ' + str(self.declared)}>"

    def __reduce__(self) -> str:
        raise TypeError(f"{self.title} cannot be pickled: it belongs to this process. Pass items, not the queue.")

    def nameit(self, name: str) -> Queue[T]:
        """Give the queue a name; returns the queue."""
        self.name = name
        self.inbox.title = self.title
        return self

    def put(self, item: T) -> None:
        """Put one item in, from any thread. While running it waits for room. `QUEUE_SENTINEL` closes the queue.

        Raises:
            QueueClosed: the queue is closed, has `fixed_inputs`, or its run has stopped.
        """
        if isinstance(item, Sentinel):
            self.close()
            return
        self._check_open()
        self.inbox.put(item)

    async def put_async(self, item: T) -> None:
        """Like `put`, in an async program: while it waits for room, the event loop goes on.

        A task that is cancelled while it waits has put nothing.

        Raises:
            QueueClosed: as `put` does.
        """
        if isinstance(item, Sentinel):
            self.close()
            return
        self._check_open()
        await self.inbox.put_async(item)

    def _check_open(self) -> None:
        if self.fixed_inputs is not None:
            self.inbox.refuse("its items were given as fixed_inputs", "put into a queue without fixed_inputs.")
        if self.filled_by:
            self.inbox.refuse(f"{self.filled_by} fills it", "put into a queue at the start of the pipeline.")

    def close(self) -> None:
        """Say that no more items come. Closing twice is fine."""
        self.inbox.close()

    def get(self, timeout: float | None = None) -> T | Sentinel:
        """The next item, in order of arrival; `QUEUE_SENTINEL`, each time, once the queue is closed and empty.

        Of a queue that a pipeline fills it waits for a run to begin, and logs a warning after 5 s.

        Raises:
            TimeoutError: nothing came within `timeout` seconds.
            GraphError: it lies between two nodes of a pipeline, where items are not for users.
        """
        found = self._next(timeout)
        return QUEUE_SENTINEL if found is None else found[0]

    def _next(self, timeout: float | None = None) -> tuple[T] | None:
        """The next item, wrapped, since it may be anything; None at the end."""
        if self.outbox is not None:
            return self.outbox.next(timeout)
        self._check_readable()
        if self.fixed_inputs is None:
            return self._next_put(timeout)
        if self._reading is None:
            self._reading = iter(self.fixed_inputs)
        for item in self._reading:
            return (item,)
        return None

    def _next_put(self, timeout: float | None) -> tuple[T] | None:
        """An item that was put; or a result, if a run begins while this waits."""
        began = time.monotonic()
        found = self._wait_filled(timeout) if self.filled_by else self.inbox.next(timeout)
        if found is None and self.outbox is not None:
            return self.outbox.next(None if timeout is None else timeout - (time.monotonic() - began))
        return found

    def _wait_filled(self, timeout: float | None) -> tuple[T] | None:
        """Wait for a run to bring its results, and look now and then whether they may still come."""
        while timeout is None or timeout > HINT_SECONDS:
            try:
                return self.inbox.next(HINT_SECONDS)
            except TimeoutError:
                self._check_readable()
                self._hint()
            timeout = None if timeout is None else timeout - HINT_SECONDS
        return self.inbox.next(timeout)

    def _hint(self) -> None:
        """Say once that there is nothing, if there can be nothing yet."""
        if self.filled_by and self.outbox is None and not self._was_hinted:
            self._was_hinted = True
            text = "%s is read, which %s fills, but no run has begun of pipeline %r: call its run()"
            say(text, self.title, self.filled_by, self.pipeline)

    def _check_readable(self) -> None:
        """At the end of a pipeline items are for users. Elsewhere they go to a task, and would be missed there."""
        if self.taken_by and self.filled_by:
            raise GraphError(
                f"{self.title} is read, which {self.filled_by} fills for {self.taken_by}.",
                "its items go there, so nothing would ever come.",
                "read what comes out at the end; or tee() the queue, and read one of the copies.",
            )
        if self.taken_by and self._would_be_missed:
            raise GraphError(
                f"{self.title} is read, whose items are for {self.taken_by}.",
                "each is given once, so what is read here would never get there.",
                "read what comes out at the end; or tee() the queue, and read one of the copies.",
            )

    @property
    def _would_be_missed(self) -> bool:
        """Whether a run that goes on, or has yet to begin, would miss what is read here."""
        given = self.fixed_inputs
        return iter(given) is given if given is not None else not self.started or self.inbox.attached

    def collect_in(self, outbox: Outbox[T]) -> None:
        """A run begins, and will bring its results there."""
        self.outbox = outbox
        self.inbox.bypass()

    def flush(self) -> list[T]:
        """All the queue has, in input order. During a run it waits for the queue to end (and lifts `maxsize`).

        Of a queue that a pipeline fills that is nothing before a run has begun, which a warning says.

        Raises:
            GraphError: as `get` does.
        """
        if self.outbox is not None:
            return self.outbox.flush()
        if self.fixed_inputs is not None:
            return list(self)
        self._check_readable()
        self._hint()
        return self.inbox.take(None)

    def __iter__(self) -> Iterator[T]:
        """Items as they come, until the queue ends. Raises the run's error if it failed."""
        while (found := self._next()) is not None:
            yield found[0]
        if self.outbox is not None:
            self.outbox.tell()

    def __aiter__(self) -> AsyncIterator[T]:
        """`async for item in queue`: items as they come, while the event loop goes on; ends as iteration does.

        Items go to whoever asks first, so leaving the loop early leaves the rest in the queue.

        >>> import asyncio
        >>> async def read(queue):
        ...     return [letter async for letter in queue]
        >>> asyncio.run(read(Queue(fixed_inputs="ab")))
        ['a', 'b']
        """
        return Arrivals(self)

    async def _next_async(self) -> tuple[T] | tuple[()]:
        """The next item, wrapped, since it may be anything; `()` at the end."""
        if self.outbox is None and self.fixed_inputs is not None:
            return self._next() or ()
        if self.outbox is None:
            self._check_readable()
            found = await (self._wait_filled_async() if self.filled_by else self.inbox.next_async())
            if found or self.outbox is None:
                return found
        return await self.outbox.next_async()

    async def _wait_filled_async(self) -> tuple[T] | tuple[()]:
        """The same in an event loop."""
        import asyncio  # an import of skorche does not load it

        while True:
            try:
                async with asyncio.timeout(HINT_SECONDS):
                    return await self.inbox.next_async()
            except TimeoutError:
                self._check_readable()
                self._hint()


class Arrivals(AsyncIterator[T]):
    """The items of a queue for `async for`."""

    def __init__(self, queue: Queue[T]) -> None:
        self._queue, self._given = queue, 0

    async def __anext__(self) -> T:
        self._given += 1
        if self._given % GIVE_WAY_EVERY == 0:
            import asyncio  # an import of skorche does not load it

            await asyncio.sleep(0)
        found = await self._queue._next_async()
        if found:
            return found[0]
        if self._queue.outbox is not None:
            cancel_after_signal(self._queue.outbox.error)
            self._queue.outbox.tell()
        raise StopAsyncIteration
