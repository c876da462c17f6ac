"""Ctrl-C and SIGTERM while runs are open.

    signal ──▶ main thread ──▶ each open run: the first stops it with a grace, the second kills what is left
                        └────▶ then raised where the main thread is: KeyboardInterrupt, or SystemExit(143)

While the main thread waits for a run it is *held*: the signal stops the runs at once, and is raised when the wait is
over. So it is raised once, from one place, and never between two steps that belong together. Our handlers stand in only
for Python's own (and for that of asyncio, which is called too): a handler of the user's is left alone. They stand while
a run is open, and are put in and taken out by the main thread alone, since Python lets no other. A signal that finds no
open run meets what was there before; so does the third while the main thread is held.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from threading import get_ident, main_thread
from types import FrameType, TracebackType
from typing import Protocol

Handler = Callable[[int, FrameType | None], object] | int | None

STANDS_FOR: dict[int, Handler] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""What a handler of ours may replace."""


class Interruptible(Protocol):
    """An open run, as a signal sees it."""

    interruption: BaseException | None

    @property
    def running(self) -> bool: ...
    def interrupt(self, interruption: BaseException) -> None: ...


def in_main_thread() -> bool:
    """Whether signals are handled in this thread."""
    return get_ident() == main_thread().ident


class Signals:
    """The handlers of a process, and the runs that they stop."""

    def __init__(self) -> None:
        self.runs: set[Interruptible] = set()
        self.pending: int | None = None
        self._replaced: dict[int, Handler] = {}
        self._holds = self._held_signals = 0
        self._masks: dict[int, set[signal.Signals | int]] = {}
        self._raising: BaseException | None = None
        self._handler = self._handle  # one object, to be known again

    def watch(self) -> None:
        """Put our handlers in where Python's stand; from any other thread than the main one, do nothing."""
        if not in_main_thread():
            return
        if self.pending is None and not any(run.interruption for run in list(self.runs)):
            self._raising = None
        for number, default in STANDS_FOR.items():
            found = signal.getsignal(number)
            if found == default or _is_of_asyncio(found):
                self._replaced[number] = found
                signal.signal(number, self._handler)

    def settle(self) -> None:
        """Forget the runs that have ended; with the last one, put back what was there before `watch`."""
        self.runs.difference_update([run for run in list(self.runs) if not run.running])
        if not self.runs and not self._holds and in_main_thread():
            self._restore()

    def _restore(self) -> None:
        for number, found in self._replaced.items():
            if signal.getsignal(number) is self._handler:  # else somebody else has put in another
                signal.signal(number, STANDS_FOR[number] if _has_ended(found) else found)
        self._replaced.clear()

    def hold(self) -> None:
        """Hold the main thread: no signal is raised until `release`, but all stop the runs. The third is Python's."""
        if not self._holds:
            self._held_signals = 0
        self._holds += 1

    def release(self) -> None:
        """The end of `hold`, at which nothing is raised yet."""
        self._holds -= 1
        self.settle()

    def __enter__(self) -> Signals:
        """In the main thread: `hold` until the end of the block, where what has come meanwhile is raised."""
        if in_main_thread():
            self.hold()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not in_main_thread():
            return
        self._holds -= 1  # not `release`: the run that was waited for must still be known
        if not self._holds and self.pending is not None:
            self._raise(None)

    def absorb(self) -> None:
        """What came while held is not raised: something that says the same is on its way already."""
        self.pending = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.runs.difference_update([run for run in list(self.runs) if not run.running])
        self._held_signals += 1
        if self._held_signals > 2 if self._holds else not self.runs:
            self._restore()
            signal.raise_signal(number)
            return
        self.pending = number
        self._interrupt_runs(again=True)
        if not self._holds:
            self._raise(frame)

    def _interrupt_runs(self, again: bool) -> None:
        """Stop the runs; those that were stopped before only if the signal has come `again`."""
        assert self.pending is not None
        self._raising = self._raising or _error_of(self.pending)
        for run in list(self.runs):
            if again or run.interruption is None:
                run.interrupt(self._raising)

    def _raise(self, frame: FrameType | None) -> None:
        assert self.pending is not None
        self._interrupt_runs(again=False)  # those that were just being opened
        number, self.pending = self.pending, None
        replaced, error = self._replaced.get(number), self._raising
        if frame is not None and callable(replaced) and _is_of_asyncio(replaced):
            replaced(number, frame)  # it cancels the main task: nothing may be raised in the midst of the loop
            return
        assert error is not None
        raise error from None

    def interrupt_all(self) -> None:
        """As by Ctrl-C, which came before our handlers were there."""
        self.pending = signal.SIGINT
        self._interrupt_runs(again=False)
        self.pending = None

    def before_fork(self) -> None:
        """A signal for the child must not meet our handlers there: until they are gone, it waits."""
        if self._replaced:
            self._masks[get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, STANDS_FOR)

    def after_fork(self) -> None:
        """Signals come again."""
        mask = self._masks.pop(get_ident(), None)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def forget(self) -> None:
        """In a fork of this process: its runs are not ours, and none of their threads are here."""
        self.runs.clear()
        self._holds, self.pending = 0, None
        self._restore()
        self.after_fork()


def _error_of(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)


def _is_of_asyncio(handler: Handler) -> bool:
    return getattr(getattr(handler, "func", None), "__module__", None) == "asyncio.runners"


def _has_ended(handler: Handler) -> bool:
    """Whether it is that of an `asyncio.run` that is over, which would have put Python's back if ours had not stood."""
    main_task = getattr(handler, "keywords", {}).get("main_task") if _is_of_asyncio(handler) else None
    return main_task is not None and main_task.done()


SIGNALS = Signals()
os.register_at_fork(before=SIGNALS.before_fork, after_in_parent=SIGNALS.after_fork, after_in_child=SIGNALS.forget)
