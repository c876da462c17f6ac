"""`Waiters`: tasks of event loops that wait until a thread has changed something.

    thread ──change──▶ ring() ──call_soon_threadsafe──▶ event loop ──▶ attempt() once more

No thread waits for anybody, and nobody polls. There is one line of waiters for each thing that may change: an item has
come, there is room, a run has ended. While nobody is in line, `ring` costs one look.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import RLock, current_thread, main_thread
from typing import TypeVar

from skorche.errors import RunCancelled

T = TypeVar("T")


class Waiter:
    """One task in line, in the event loop that runs now."""

    def __init__(self) -> None:
        import asyncio  # an import of skorche does not load it

        self._loop, self._turn = asyncio.get_running_loop(), asyncio.Event()

    def call(self) -> bool:
        """Tell it from any thread; whether there is still somebody."""
        try:
            self._loop.call_soon_threadsafe(self._turn.set)
        except RuntimeError:
            if not self._loop.is_closed():
                raise
            return False  # whoever waited in it never will go on
        return True

    async def wait_called(self) -> None:
        """Until somebody has called."""
        await self._turn.wait()
        self._turn.clear()


class Waiters:
    """A line of waiters: first come, first served.

    >>> import asyncio
    >>> waiters, items = Waiters(), ["an item"]
    >>> asyncio.run(waiters.wait(lambda: items.pop() if items else None))
    'an item'
    """

    def __init__(self) -> None:
        self._lock = RLock()  # a signal handler in the thread of the loop may put an item, and so ring
        self._line: deque[Waiter] = deque()

    def ring(self, count: int | None = None) -> None:
        """Something has changed for the first `count` in line (None: for all). From any thread; it does not wait."""
        line = self._line
        if not line:
            return
        with self._lock:
            left = len(line) if count is None else count
            while left and line:
                left -= line.popleft().call()

    async def wait(self, attempt: Callable[[], T | None]) -> T:
        """What `attempt` gives as soon as it gives something: tried at once, and again after each change.

        It is called in the thread of the loop, and what it gives is given on at once: a task that is cancelled while it
        waits has taken nothing.
        """
        found = attempt()
        if found is not None:
            return found
        waiter = Waiter()
        try:
            while True:
                with self._lock:
                    self._line.append(waiter)  # before the attempt: no change may go unseen in between
                found = attempt()
                if found is not None:
                    if not self._leave(waiter):
                        self.ring(1)
                    return found
                await waiter.wait_called()
        except BaseException:
            self._leave(waiter)
            self.ring(1)  # if it was called, the change is there for the next one
            raise

    def _leave(self, waiter: Waiter) -> bool:
        """Out of the line; False if it was called meanwhile, for a change that is there for the next one."""
        with self._lock, suppress(ValueError):
            self._line.remove(waiter)
            return True
        return False


def cancel_after_signal(error: BaseException | None) -> None:
    """After a signal has cancelled a run, cancel the task that is about to be told of it as of a failure.

    asyncio answers Ctrl-C by cancelling the main task, and makes that a `KeyboardInterrupt` only if nothing else comes
    of it. In other threads than the main one nobody is cancelled by a signal: there the run's error is raised.
    """
    if isinstance(error, RunCancelled) and error.by_signal and current_thread() is main_thread():
        import asyncio

        raise asyncio.CancelledError
