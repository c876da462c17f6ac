"""`Overview`: what a status page and a status diagram tell of a run, also of one that goes on, in plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skorche.events import NOTHING_SEEN, NodeTally, Surroundings
from skorche.named import NamedTuple
from skorche.observe.picture import NOTHING, Picture

ENDS = ("admitted", "delivered", "filtered", "failed", "cancelled")


class FailureText(NamedTuple):
    """One item that failed, as text."""

    node: str
    item: str
    error: str
    traceback: str
    attempts: int = 1
    output: str = ""


class Overview(NamedTuple):
    """A run at a glance. `counts` are of source items, by their ends; `failures` the first of `failed` ones.

    `bottleneck` is exactly the name of the node that limits the run, or one of "cpu", "gil", "source", "sink" and
    "memory", or "" when that is not known; `verdict` says it in a sentence. `written`: when this was known.
    """

    name: str
    headline: str
    ok: bool
    running: bool
    elapsed: float
    counts: Mapping[str, int]
    nodes: Mapping[str, NodeTally]
    status: Mapping[str, str]
    picture: Picture = NOTHING
    failures: Sequence[FailureText] = ()
    failed: int = 0
    notes: Sequence[str] = ()
    surroundings: Surroundings = NOTHING_SEEN
    written: str = ""
    bottleneck: str = ""
    verdict: str = ""
