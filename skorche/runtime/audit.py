"""The checks a run makes of itself: the laws at its end, and that it never stands still without a reason."""

from __future__ import annotations

from skorche.errors import InternalError
from skorche.runtime.build import Parts
from skorche.runtime.recovery import Recovery


def audit(parts: Parts, recovery: Recovery) -> None:
    """Check every law.

    Raises:
        InternalError: one does not hold.
    """
    books, ledger = parts.books, parts.books.ledger
    broken = [problem for tally in books.tallies for problem in tally.violations()]
    ended = sum(ledger.ended.values())
    if ledger.admitted != ended or ledger.open_roots:
        broken.append(f"run: admitted {ledger.admitted} != ended {ended} ({ledger.open_roots} open)")
    left = ledger.admitted + sum(tally.emitted + tally.handled for tally in books.tallies)
    came = sum(tally.received for tally in books.tallies) + books.arrived
    if left != came:
        broken.append(f"edges: {left} items left a node or a source, {came} came to a node or an end")
    held = [stage.edge.held for stage in parts.stages if stage.edge.held]
    if held:
        broken.append(f"edges: room for {held} items is still held")
    failed = sum(tally.failed for tally in books.tallies)
    if failed != len(recovery.failures):
        broken.append(f"failures: {failed} counted, {len(recovery.failures)} recorded")
    if broken:
        raise InternalError("the account of the run does not add up: " + "; ".join(broken) + ".")


def stuck(parts: Parts) -> str | None:
    """Why nothing can happen any more, if that is so. Nothing is in flight, and no timer is set."""
    if any((feed.asked or parts.books.stopping) and not feed.exhausted for feed in parts.feeds):
        return None  # a source may give something yet, or has yet to say that it has stopped
    if any(outlet.maxsize is not None and outlet.room < 1 for outlet in parts.outlets):
        return None  # a user may read something yet
    full = [f"{stage.plan.edge} ({stage.edge.waiting.count} waiting)" for stage in parts.stages if not stage.edge.idle]
    return f"nothing can happen any more, but items are left: {', '.join(full) or 'none on edges'}."
