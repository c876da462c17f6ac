"""`Run`: what people hold while a pipeline runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

from skorche.errors import RunCancelled
from skorche.events import NodeTally, RunFinished
from skorche.port import Inbox
from skorche.runtime.coordinator import Coordinator

R = TypeVar("R")

GRACE = 5.0
"""Seconds that work in flight gets after a cancel or Ctrl-C before it is killed."""

_open_runs: set[Run[object]] = set()


class Run(Generic[R]):
    """A pipeline that runs. As a context manager it closes the inputs, waits at the end and raises a failure.

    >>> with Pipeline() as pipeline:
    ...     numbers = Queue(fixed_inputs=[1, 2])
    ...     doubled = map(lambda number: 2 * number, numbers)
    >>> with pipeline.run() as run:
    ...     sorted(doubled)
    [2, 4]
    >>> run.report.delivered
    2
    """

    def __init__(
        self, coordinator: Coordinator, live: list[Inbox[object]], make_report: Callable[[RunFinished], R]
    ) -> None:
        self._coordinator, self._live, self._make_report = coordinator, live, make_report
        self._report: R | None = None
        coordinator.start()
        _open_runs.difference_update([run for run in _open_runs if not run.running])  # those that nobody asked about
        _open_runs.add(self)  # type: ignore[arg-type]  # a Run of any report

    @property
    def report(self) -> R | None:
        """The report, once the run has ended; None before."""
        if self._report is None and self._coordinator.ended.is_set():
            assert self._coordinator.record is not None
            self._report = self._make_report(self._coordinator.record)
            _open_runs.discard(self)
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
        if self._coordinator.error is not None:
            raise self._coordinator.error
        return report

    def join(self, timeout: float | None = None) -> R:
        """Like `wait`, but a failed run gives its report and does not raise."""
        try:
            if not self._coordinator.wait_ended(timeout):
                raise TimeoutError(f"the run goes on after {timeout} seconds")
        except KeyboardInterrupt:
            self._interrupt()
            raise
        report = self.report
        assert report is not None
        return report

    def _interrupt(self) -> None:
        """Ctrl-C: what is in flight gets a grace; a second one ends it."""
        self.cancel()
        try:
            self._coordinator.wait_ended()
        except KeyboardInterrupt:
            self.cancel(grace=0.0)
            self._coordinator.wait_ended()

    def cancel(self, grace: float = GRACE) -> None:
        """Stop: what waits is cancelled, what is in flight gets `grace` seconds to finish. Returns at once."""
        self._coordinator.stop(
            RunCancelled(
                "the run was cancelled.", "cancel() was called, or Ctrl-C pressed.", "see report for what was done."
            ),
            grace,
        )

    def close(self) -> None:
        """Close all live inputs of this run, and let bounded outputs take everything."""
        for inbox in self._live:
            inbox.close(for_this_run=True)
        for outbox in self._coordinator.outboxes:
            outbox.lift()

    def shutdown(self) -> R:
        """Close what is open and wait; see `wait` for what it raises."""
        self.close()
        return self.wait()

    def statistics(self) -> dict[str, NodeTally]:
        """What each node has done so far, by node name.

        >>> run.statistics()["double"].emitted  # doctest: +SKIP
        2
        """
        return self._coordinator.statistics()

    def __enter__(self) -> Run[R]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.shutdown()
            return
        self.cancel()
        self.join()


def _finish_open_runs() -> None:
    """The interpreter is about to end: close what is open, so that no run waits for input for ever."""
    for run in list(_open_runs):
        run.close()


threading._register_atexit(_finish_open_runs)  # type: ignore[attr-defined]  # atexit runs only after threads are joined
