"""Frozen records of what happened. They cross storeys, so they hold data only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from skorche.errors import shorten, text_of


class Failure(NamedTuple):
    """One item that failed: where, with what, why, and after how many attempts.

    `error` is the exception itself (or a `RemoteError` for one that cannot leave its process), `traceback` its text
    as it was printed where it was raised. A `queue_errors` carries these as ordinary items.
    """

    node: str
    item: Any  # Any: whatever the user's sources gave; a Failure is not generic because a report mixes them
    error: BaseException
    traceback: str
    attempts: int = 1

    def __str__(self) -> str:
        tries = "" if self.attempts == 1 else f" after {self.attempts} attempts"
        return f"{self.node} failed{tries} for {shorten(self.item, 80)}: {text_of(self.error)}"


class NodeTally(NamedTuple):
    """What one node did. Items unless the name says otherwise; seconds as float.

    `members` are what a batch's lists hold, or what an unbatch's inputs held; `divided` counts the batches that
    `isolate=True` broke in two (each adds an item).
    """

    received: int = 0
    emitted: int = 0
    filtered: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    divided: int = 0
    members: int = 0
    busy_seconds: float = 0.0
    cpu_seconds: float = 0.0
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None


class RunFinished(NamedTuple):
    """All that is known of a run at its end: what a report is made from."""

    name: str
    elapsed: float
    admitted: int
    delivered: int
    filtered: int
    failed: int
    cancelled: int
    rerun: int
    unhandled: int
    abandoned_threads: int
    failures: tuple[Failure, ...]
    nodes: Mapping[str, NodeTally]
    guarantees: tuple[str, ...] = ()
    error: BaseException | None = None
