"""What happened between two looks at a run: the difference of two records."""

from __future__ import annotations

from typing import Any, TypeVar

from skorche.events import RunFinished
from skorche.named import NamedTuple

R = TypeVar("R", bound=NamedTuple)

LATEST = frozenset({"workers", "worker_bytes", "shed_workers", "p50", "p90", "p99", "cores", "resident_bytes"})
"""What is so now, and does not add up."""


def since(earlier: RunFinished, later: RunFinished) -> RunFinished:
    """The record of what happened after `earlier`. Quantiles are those of the whole run.

    >>> from skorche.events import NodeTally
    >>> before = RunFinished("job", 1.0, 10, 8, 0, 0, 0, 0, 0, 0, (), {"a": NodeTally(10, 8, busy_seconds=0.5)})
    >>> after = RunFinished("job", 3.0, 70, 68, 0, 0, 0, 0, 0, 0, (), {"a": NodeTally(70, 68, busy_seconds=2.0)})
    >>> window = since(before, after)
    >>> window.elapsed, window.delivered, window.nodes["a"].emitted, window.nodes["a"].busy_seconds
    (2.0, 60, 60, 1.5)
    """
    nodes = {name: _less(tally, earlier.nodes[name]) for name, tally in later.nodes.items()}
    for name, tally in nodes.items():
        whole, before = later.nodes[name], earlier.nodes[name]
        if tally.watched_seconds > 0:
            seconds = whole.mean_waiting * whole.watched_seconds - before.mean_waiting * before.watched_seconds
            nodes[name] = tally._replace(mean_waiting=max(0.0, seconds / tally.watched_seconds))
    return _less(later, earlier)._replace(nodes=nodes, surroundings=_less(later.surroundings, earlier.surroundings))


def _less(later: R, earlier: R) -> R:
    """What adds up is what has been added; all else is as it is now."""
    changes: dict[str, Any] = {}
    for name, now, before in zip(later._fields, later, earlier, strict=True):
        if type(now) in (int, float) and name not in LATEST:
            changes[name] = now - before
    return later._replace(**changes)
