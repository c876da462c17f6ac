"""A run that another process of the same program leads, as the processes see it that only served in it.

while the other runs        `run()` here does not come back
until `wait()` is called    the run goes on for the script, which is the same everywhere: `put` is ignored,
                            reading item by item is refused, `flush` gives the results
after `wait()`              all is as after any run
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event as Flag
from typing import Any

from skorche.compile.plan import Plan
from skorche.errors import EngineError
from skorche.events import RunFinished
from skorche.named import NamedTuple
from skorche.port import Inbox, Outbox

Results = list[Any] | BaseException
"""What a queue had when its run ended, in input order; or why that is not to be had."""


class Ending(NamedTuple):
    """How a run ended: what is known of it, and the results at each of its ends."""

    record: RunFinished
    results: Sequence[Results]


def results_of(outbox: Outbox[Any]) -> Results:
    """What all processes are given of an output: everything, or nothing if some of it was read meanwhile."""
    kept = outbox.results()
    return (
        _only_there("results were read there one by one while the run went on, and are gone.") if kept is None else kept
    )


def _only_there(why: str) -> EngineError:
    return EngineError(
        "an output was read in a process that only served in the run.",
        f"rank 0 leads it: {why}",
        "call shutdown() or wait() and then flush(), which give the same on every rank, or read on rank 0 only.",
    )


class Copy(Outbox[Any]):
    """The results of a run that went on elsewhere."""

    def __init__(self, results: Results, error: BaseException | None, *, keeps: bool) -> None:
        super().__init__(None, _ignore, keeps=keeps)
        self.waited = False
        self._missing = results if isinstance(results, BaseException) else None
        if isinstance(results, list) and results:
            self.deliver(results, range(len(results)))
        self.close(error)

    def next(self, timeout: float | None = None) -> tuple[Any] | None:
        """The next result, once the script has waited for the run."""
        if not self.waited:
            raise _only_there("items come there one by one, and are here all at once when the run has ended.")
        self._check()
        return super().next(timeout)

    def flush(self) -> list[Any]:
        """All the results."""
        self._check()
        return super().flush()

    def results(self) -> list[Any] | None:
        """The results, as far as they are here."""
        return None if self._missing is not None else super().results()

    def _check(self) -> None:
        if self._missing is not None:
            raise self._missing


def _ignore(count: int) -> None:
    """Nobody waits for room."""


class Served:
    """What drives a run here: nothing, for it has ended."""

    paused: Sequence[str] = ()
    reads_unsized = False

    def __init__(self, plan: Plan, ending: Ending, inboxes: Sequence[Inbox[Any]], *, keeps: bool = False) -> None:
        self.ended = Flag()
        self.ended.set()
        self.record: RunFinished = ending.record
        self.error = ending.record.error
        self.outboxes = [Copy(results, self.error, keeps=keeps) for results in ending.results]
        self._plan, self._inboxes = plan, inboxes
        for inbox in inboxes:
            inbox.sift(lambda item: False)

    def start(self, *, daemon: bool = False) -> None:
        """It is over."""

    def wait_ended(self, timeout: float | None = None) -> bool:
        """From now on the run is over for the script, too."""
        for outbox in self.outboxes:
            outbox.waited = True
        for inbox in self._inboxes:
            inbox.detach()
        return True

    async def wait_ended_async(self) -> None:
        """The same."""
        self.wait_ended()

    def stop(self, error: BaseException, grace: float | None) -> None:
        """It is over."""

    def pause(self, node: object, *, paused: bool) -> None:
        """It is over; but a name that is none is refused as ever."""
        self._plan.stage_of(node)

    def snapshot(self) -> RunFinished:
        """How it ended."""
        return self.record
