"""All that is known of a run, as a record."""

from __future__ import annotations

from collections.abc import Iterable

from skorche.compile.plan import Plan
from skorche.events import RunFinished
from skorche.runtime.gauges import Gauges
from skorche.runtime.ledger import End
from skorche.runtime.scheduler import Scheduler


def make_record(
    plan: Plan,
    scheduler: Scheduler,
    gauges: Gauges,
    elapsed: float,
    error: BaseException | None,
    *,
    guarantees: Iterable[str] = (),
    running: bool = False,
) -> RunFinished:
    """What is known after so many seconds; `running`: the run goes on. Only for who has the turn."""
    ledger = scheduler.books.ledger
    return RunFinished(
        name=plan.name,
        elapsed=elapsed,
        admitted=ledger.admitted,
        delivered=ledger.ended[End.DELIVERED],
        filtered=ledger.ended[End.FILTERED],
        failed=ledger.ended[End.FAILED],
        cancelled=ledger.ended[End.CANCELLED],
        rerun=scheduler.rerun,
        unhandled=scheduler.recovery.unhandled,
        abandoned_threads=scheduler.abandoned_threads,
        failures=tuple(scheduler.recovery.failures),
        nodes=gauges.tallies(),
        guarantees=tuple(dict.fromkeys(one for one in guarantees if one)),
        error=error,
        recycled=scheduler.recycled,
        shard=None if plan.shard is None else str(plan.shard),
        surroundings=gauges.surroundings(),
        running=running,
        decisions=tuple(scheduler.books.decisions),
    )
