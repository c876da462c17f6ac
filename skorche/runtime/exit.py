"""The end of the interpreter: runs that were left open are finished, and failures that nobody was told of are told.

    main thread ends ──▶ each open run: finish_at_exit() ──▶ stderr: failures ──▶ threads joined, atexit ──▶ end

Python offers no way to change the exit code this late, so that stays what the main thread made it. Only a signal that
came while the runs were being finished ends the process by that signal, as it would have without us.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Protocol

from skorche.errors import RunCancelled, describe
from skorche.events import RunFinished
from skorche.runtime.signals import SIGNALS

SHOWN_FAILURES = 10
MOST_KEPT = 10
"""Runs that have failed, and that nobody asked about, are kept to be told of at the end: the latest ones."""


class Leftover(Protocol):
    """A run, as the end of the interpreter sees it. `told`: somebody knows how it ended."""

    told: bool

    @property
    def running(self) -> bool: ...
    @property
    def belongs_to_thread(self) -> bool: ...
    @property
    def untold(self) -> RunFinished | None: ...
    def finish_at_exit(self) -> None: ...


class Exit:
    """What is left to do when the interpreter ends. `begun`: it is being done."""

    def __init__(self) -> None:
        self.runs: list[Leftover] = []
        self.begun = self._registered = False

    def admit(self, run: Leftover) -> None:
        """A run is about to start.

        Raises:
            RunCancelled: it would be cut off, for the interpreter ends and does not wait for this thread.
        """
        self._register()
        if self.begun and threading.current_thread().daemon:
            raise RunCancelled(
                "a run was started while the interpreter ends.",
                "it does not wait for daemon threads, such as this one.",
                "join the thread before the program ends, or make it no daemon.",
            )
        untold = [one for one in self.runs if not one.running and one.untold is not None]
        self.runs = untold[-MOST_KEPT:] + [one for one in self.runs if one.running]

    def _register(self) -> None:
        """Not when imported: exits run backwards, and this one must come before those of executors that runs use."""
        if self._registered or self.begun:
            return
        try:
            # atexit itself comes only after all threads have been joined
            threading._register_atexit(self._leave)  # type: ignore[attr-defined]  # as concurrent.futures does
        except RuntimeError:  # the main thread has ended: a thread that goes on begins the first run
            self.begun = True
        else:
            self._registered = True
            atexit.register(self._die)

    def come_first(self) -> None:
        """Go before what has been registered since, such as by an executor that a run is about to use."""
        if self._registered and not self.begun:
            threading._register_atexit(self._leave)  # type: ignore[attr-defined]  # a second call finds nothing to do

    def add(self, run: Leftover) -> None:
        """A run has started."""
        self.runs.append(run)
        if self.begun:
            self._take_care(run)

    def drop(self, run: Leftover) -> None:
        """There is nothing left to tell of it, and so nothing to keep it for."""
        with suppress(ValueError):  # it was none of them any more
            self.runs.remove(run)

    def _leave(self) -> None:
        self.begun = True
        SIGNALS.watch()
        SIGNALS.hold()  # from here on signals only stop runs
        if isinstance(getattr(sys, "last_value", None), KeyboardInterrupt):
            SIGNALS.interrupt_all()  # also those of threads, where no handler of ours stood
        for run in self._open_runs():
            if not run.belongs_to_thread:
                run.finish_at_exit()
        others = self._open_runs()
        for run in others:
            self._take_care(run)
        if not others:
            SIGNALS.release()
        for run in self.runs:
            _tell(run)

    def _open_runs(self) -> list[Leftover]:
        return [run for run in self.runs if run.running]

    def _take_care(self, run: Leftover) -> None:
        """It belongs to a thread that the interpreter will wait for, perhaps one that waits for the main thread to end.

        So it is finished by one more such thread.
        """
        threading.Thread(target=_finish, args=(run,), name="skorche exit").start()

    def _die(self) -> None:
        """End by the signal that came while the runs were finished."""
        if SIGNALS.pending is not None:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError, AttributeError):
                    stream.flush()
            signal.signal(SIGNALS.pending, signal.SIG_DFL)
            signal.raise_signal(SIGNALS.pending)

    def forget(self) -> None:
        """In a fork of this process: its runs are not ours."""
        self.runs = []


def _finish(run: Leftover) -> None:
    run.finish_at_exit()
    _tell(run)


def _tell(run: Leftover) -> None:
    record = run.untold
    if record is None or record.error is getattr(sys, "last_value", run):
        return
    run.told = True
    with suppress(OSError, ValueError, AttributeError):  # stderr is closed, or there is none
        sys.stderr.write(failure_text(record))
        sys.stderr.flush()


def failure_text(record: RunFinished) -> str:
    """What stderr is told of a failure that nobody has seen."""
    counts = f"{record.admitted} admitted, {record.delivered} delivered, {record.failed} failed"
    lines = [f"skorche: {record.name!r} was not waited for, and failed ({counts}, {record.cancelled} cancelled)."]
    if record.error is not None:
        lines += describe(record.error).splitlines()
        lines.append("shutdown() or wait() would have raised it, and ended the program with 1.")
    else:
        lines += [str(failure) for failure in record.failures[:SHOWN_FAILURES]]
    return "\n".join([*lines, ""])


EXIT = Exit()
os.register_at_fork(after_in_child=EXIT.forget)
