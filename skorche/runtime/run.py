"""`Run`: what people hold while a pipeline runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import current_thread, main_thread
from types import TracebackType
from typing import Generic, TypeVar

from skorche.errors import RunCancelled
from skorche.events import NodeTally, RunFinished
from skorche.log import say
from skorche.port import LOOK_SECONDS, Inbox
from skorche.runtime.driver import Driver
from skorche.runtime.exit import EXIT
from skorche.runtime.signals import SIGNALS, in_main_thread
from skorche.waiters import cancel_after_signal

R = TypeVar("R")

GRACE = 5.0
"""Seconds that work in flight gets after a cancel or Ctrl-C before it is killed."""
LAST_SECONDS = 5.0
"""What the end of a run may take after that. If it takes longer, it waits for a task that nothing can stop."""
CANCELLED = "cancel() was called, or Ctrl-C pressed."


class Run(Generic[R]):
    """A pipeline that runs. As a context manager it closes the inputs, waits at the end and raises a failure.

    In an async program `async with` does the same, and the event loop goes on meanwhile.

    >>> with Pipeline() as pipeline:
    ...     numbers = Queue(fixed_inputs=[1, 2])
    ...     doubled = map(lambda number: 2 * number, numbers)
    >>> with pipeline.run() as run:
    ...     sorted(doubled)
    [2, 4]
    >>> run.report.delivered
    2
    """

    def __init__(self, coordinator: Driver, live: list[Inbox[object]], make_report: Callable[[RunFinished], R]) -> None:
        self._coordinator, self._live, self._make_report = coordinator, live, make_report
        self._report: R | None = None
        self.interruption: BaseException | None = None
        self._give_up_at = math.inf
        self.told = False
        self._starter = current_thread()
        EXIT.admit(self)
        try:
            with SIGNALS:
                SIGNALS.watch()
                coordinator.start(daemon=not EXIT.begun)  # EXIT waits for it, and knows when not to
                SIGNALS.runs.add(self)
                EXIT.add(self)
        except (KeyboardInterrupt, SystemExit):
            self._see_out()
            raise
        finally:
            SIGNALS.settle()  # it may not have started

    @property
    def report(self) -> R | None:
        """The report, once the run has ended; None before."""
        if self._report is None and self._coordinator.ended.is_set():
            if (record := self._coordinator.record) is None:
                raise self._coordinator.error or AssertionError("a run has ended without a record")
            self._report = self._make_report(record)
        if self._report is not None:
            if not self.told:
                self.told = True
                EXIT.drop(self)
            SIGNALS.settle()
        return self._report

    @property
    def running(self) -> bool:
        """Whether the run has not ended."""
        return not self._coordinator.ended.is_set()

    def wait(self, timeout: float | None = None) -> R:
        """Wait for the end of the run, and give its report.

        Raises:
            TimeoutError: the run goes on after `timeout` seconds.
            Exception: the run failed; the task's own exception, or whatever stopped the run.
        """
        report = self.join(timeout)
        error = self._coordinator.error
        if self.interruption is not None and isinstance(error, RunCancelled) and in_main_thread():
            raise self.interruption from None  # the same one, so that a `finally: shutdown()` adds no second traceback
        if error is not None:
            raise error
        return report

    def join(self, timeout: float | None = None) -> R:
        """Like `wait`, but a failed run gives its report and does not raise, unless memory was too short for one."""
        SIGNALS.watch()
        try:
            with SIGNALS:
                self._wait(timeout)
        finally:
            SIGNALS.settle()
        report = self.report
        if report is None:
            after = f"after {timeout} seconds" if timeout is not None else "with a task that nothing can stop"
            raise TimeoutError(f"the run goes on {after}")
        return report

    def _wait(self, timeout: float | None = None) -> None:
        """Wait for the end: at most so long, and for a run that was interrupted until it has had its time to end."""
        until = math.inf if timeout is None else time.monotonic() + timeout
        try:
            while not self._coordinator.wait_ended(min(LOOK_SECONDS, max(0.0, self._limit(until) - time.monotonic()))):
                if time.monotonic() >= self._limit(until):
                    return
        except (KeyboardInterrupt, SystemExit) as error:  # from a signal handler of the user's
            if self.interruption is None:
                self.interrupt(error)
                self._wait()
            raise

    def _see_out(self) -> None:
        """Wait for the end of an interrupted run, if it has begun; signals that come meanwhile are not raised."""
        with SIGNALS:
            if self in SIGNALS.runs:
                self._wait()
            SIGNALS.absorb()

    def _limit(self, until: float) -> float:
        return until if self.interruption is None else self._give_up_at

    async def wait_async(self) -> R:
        """Like `wait`, in an async program: the event loop goes on meanwhile.

        A task that is cancelled while it waits here cancels the run, as `cancel()` does, and is held until the run has
        ended; cancelled once more, it kills what is in flight. To leave the run alone, use `asyncio.shield`.

        Raises:
            Exception: the run failed; the task's own exception, or whatever stopped the run.
        """
        import asyncio  # an import of skorche does not load it

        SIGNALS.watch()
        try:
            await self._coordinator.wait_ended_async()
        except asyncio.CancelledError:
            self.cancel()
            await self._see_out_async()
            raise
        report, error = self.report, self._coordinator.error
        if error is not None:
            cancel_after_signal(error)
            raise error
        assert report is not None
        return report

    async def _see_out_async(self) -> None:
        """Wait for the end of a run that was stopped; whoever is cancelled meanwhile has no patience."""
        import asyncio

        while self.running and time.monotonic() < self._give_up_at:
            try:
                await asyncio.wait_for(self._coordinator.wait_ended_async(), LOOK_SECONDS)
            except TimeoutError:
                continue  # a signal may have come, and with it a time to give up at
            except asyncio.CancelledError:
                self.cancel(0.0)
        if not self.running:
            self._coordinator.wait_ended()  # for its thread, which has nothing left to do
        SIGNALS.settle()

    def interrupt(self, interruption: BaseException) -> None:
        """Ctrl-C, or the like: what is in flight gets a grace; a second one ends it."""
        grace = GRACE if self.interruption is None else 0.0
        self.interruption = self.interruption or interruption
        self._give_up_at = time.monotonic() + grace + LAST_SECONDS
        self._stop(grace, by_signal=True)

    def cancel(self, grace: float = GRACE) -> None:
        """Stop: what waits is cancelled, what is in flight gets `grace` seconds to finish. Returns at once."""
        self._stop(grace, by_signal=False)

    def _stop(self, grace: float, *, by_signal: bool) -> None:
        error = RunCancelled("the run was cancelled.", CANCELLED, "see report for what was done.")
        error.by_signal = by_signal
        self._coordinator.stop(error, grace)

    def pause(self, node: str) -> None:
        """Have a task or predicate start nothing more, until `resume`. Give its name as in the report.

        When this returns, no further chunk of its items begins; what is in flight finishes. The rest of the pipeline
        goes on until queues are full in front of it and empty behind. What runs together with it (see `explain()`) is
        paused with it. `statistics()` says what is paused. Nothing happens if it is paused already, or has ended.

        >>> run.pause("double")  # doctest: +SKIP
        >>> run.statistics()["double"].paused  # doctest: +SKIP
        True

        A run does not end while items wait for what is paused: `shutdown()` and `wait()` wait for `resume`, called
        by another thread. The logger "skorche" tells of it, `cancel()` and Ctrl-C stop it.

        Raises:
            GraphError: no node has that name, or it does no work of its own (`Batch`, `Merge`).
        """
        self._coordinator.pause(node, paused=True)

    def resume(self, node: str) -> None:
        """Let a node go on that was paused. Nothing happens if it was not.

        Raises:
            GraphError: no node has that name, or it does no work of its own.
        """
        self._coordinator.pause(node, paused=False)

    def close(self) -> None:
        """Close all live inputs of this run, and let bounded outputs take everything. Nothing, once it has ended."""
        if not self.running:
            return  # its inputs are those of the next run
        if paused := self._coordinator.paused:
            told = " and ".join(map(repr, paused)) + (" is" if len(paused) == 1 else " are")
            say("the run is to end, but %s paused: it waits for run.resume()", told)
        for inbox in self._live:
            inbox.close(for_this_run=True)
        for outbox in self._coordinator.outboxes:
            outbox.lift()

    def shutdown(self) -> R:
        """Close what is open and wait; see `wait` for what it raises."""
        self.close()
        return self.wait()

    def statistics(self) -> dict[str, NodeTally]:
        """What each node has done so far, and what it waited for, by node name.

        >>> run.statistics()["double"].emitted  # doctest: +SKIP
        2
        """
        return dict(self._coordinator.snapshot().nodes)

    def snapshot(self) -> R:
        """The report so far; of a run that has ended, its report.

        >>> print(run.snapshot())  # doctest: +SKIP
        demo: running for 3.20 s; 310 admitted, 290 delivered
        """
        return self.report or self._make_report(self._coordinator.snapshot())

    def __enter__(self) -> Run[R]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.shutdown()
            return
        SIGNALS.watch()
        self.cancel()
        if not isinstance(error, (KeyboardInterrupt, SystemExit)):
            self.join()
            return
        if self.interruption is None:
            self.interrupt(error)
        self._see_out()
        SIGNALS.settle()
        self.told = True

    async def __aenter__(self) -> Run[R]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            await self.wait_async()
            return
        SIGNALS.watch()
        if isinstance(error, (KeyboardInterrupt, SystemExit)) and self.interruption is None:
            self.interrupt(error)
        else:
            self.cancel()
        await self._see_out_async()
        self.told = True

    # -- the end of the interpreter ---------------------------------------------------------------------------------

    @property
    def belongs_to_thread(self) -> bool:
        """Whether a thread started it that still goes on, and that the interpreter will wait for."""
        thread = self._starter
        return thread is not main_thread() and thread.is_alive() and not thread.daemon

    def finish_at_exit(self) -> None:
        """End as by `shutdown()`; a source that may have no end is read no longer than the grace."""
        while self.belongs_to_thread:
            self._starter.join(LOOK_SECONDS)
        self.close()
        if self._holds_exit is not None and self.interruption is None:
            self._wait(GRACE)
            if (held := self._holds_exit) is not None and self.interruption is None:
                self._coordinator.stop(held, GRACE)
        self._wait()

    @property
    def _holds_exit(self) -> RunCancelled | None:
        """What may keep the run from ever ending, now that nobody can do anything about it."""
        if self._coordinator.paused:
            names = " and ".join(map(repr, self._coordinator.paused))
            return _left(f"{names} was still paused.", "call run.resume() before the program ends.")
        if self._coordinator.reads_unsized:
            mend = "call shutdown(), which reads it to its end however long that takes."
            return _left("a source was still being read that may have no end.", mend)
        return None

    @property
    def untold(self) -> RunFinished | None:
        """The record of a run that has failed, if nobody has been told."""
        record = self._coordinator.record
        if record is None or self.told or any(outbox.told for outbox in self._coordinator.outboxes):
            return None
        if isinstance(record.error, RunCancelled) and record.error.why == CANCELLED:
            return None  # whoever cancelled it knows
        return record if record.error is not None or record.unhandled else None


def _left(why: str, mend: str) -> RunCancelled:
    return RunCancelled("the run was cancelled.", f"the program ended, and {GRACE:.0f} seconds later {why}", mend)
