"""What became of each node in a run, as pictures show it: a colour, a line, words, and how many items went where.

The colours are of Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), which people tell apart however they see
colours; what a colour says, the words say too. A count stands only where the accounts of the nodes leave one
possibility.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from skorche.errors import GraphError, nearest, shorten
from skorche.events import NodeTally
from skorche.graph import Graph, Node
from skorche.named import NamedTuple
from skorche.queue import Queue


class Outcomes(Protocol):
    """What a picture asks of a `Report`."""

    @property
    def status(self) -> Mapping[str, str]:
        """By node name: "ok", "cached", "failed", "skipped" or "cancelled"."""
        ...

    @property
    def nodes(self) -> Mapping[str, NodeTally]:
        """By node name, the counts."""
        ...


class Look(NamedTuple):
    """How a node of one outcome is drawn: two colours, how thick its border is, and whether that is broken."""

    fill: str
    border: str
    thick: bool = False
    dashed: bool = False


LOOKS = {
    "ok": Look("#d5efe6", "#009e73"),
    "cached": Look("#d6eaf7", "#0072b2"),
    "failed": Look("#fbdcc6", "#d55e00", thick=True),
    "skipped": Look("#f4f4f4", "#777777", dashed=True),
    "cancelled": Look("#faf6cf", "#a08c00", dashed=True),
}


def check_outcomes(graph: Graph, status: Outcomes) -> None:
    """Refuse what is no report, and the report of another pipeline.

    Raises:
        GraphError: it is one of these.
    """
    if not isinstance(getattr(status, "nodes", None), Mapping) or not hasattr(status, "status"):
        raise GraphError(
            f"render was given status={shorten(status)}.",
            f"{type(status).__name__} objects do not tell what became of the nodes.",
            "give the report that run.wait() and shutdown() return.",
        )
    strange = next((node for node in graph.nodes if node.name not in status.nodes), None)
    if strange is not None:
        raise GraphError(
            f"render was given the report of a run that had no {strange.title}.",
            f"it tells of {len(status.nodes)} nodes of other names, and says nothing of this one.",
            f"{nearest(strange.name, status.nodes)}Draw the pipeline that ran, as it was when it ran.",
        )


def words_of(outcome: str, tally: NodeTally | None) -> str:
    """What became of the node, in words.

    >>> words_of("failed", NodeTally(received=10, failed=2, emitted=8))
    'failed: 2 of 10'
    >>> words_of("ok", NodeTally(received=10, filtered=3, emitted=7))
    'ok, 3 filtered'
    """
    if tally is None:
        return outcome
    counts = {name: getattr(tally, name) for name in ("cached", "failed", "filtered", "cancelled")}
    if outcome == "cached":
        del counts["cached"]
    if outcome == "failed" and tally.failed:
        outcome = f"failed: {counts.pop('failed')} of {tally.received}"
    return ", ".join([outcome, *(f"{count} {name}" for name, count in counts.items() if count)])


class _Sum(NamedTuple):
    """So many items went over these queues together."""

    queues: tuple[Queue[Any], ...]
    total: int


def counts_of(graph: Graph, tallies: Mapping[str, NodeTally]) -> dict[int, int]:
    """How many items went over each queue, by the queue's identity; without those that cannot be known.

    What a node received came over its inputs, what it emitted went over its outputs: nothing is lost on a queue. So a
    count is known when it is the only one in such a sum that is not.
    """
    known: dict[int, int] = {}
    sums = [one for node in graph.nodes if node.name in tallies for one in _sums(node, tallies[node.name])]
    found = True
    while found:
        found = False
        for queues, total in sums:
            unknown = [queue for queue in queues if id(queue) not in known]
            if len(unknown) == 1:
                known[id(unknown[0])] = total - sum(known.get(id(queue), 0) for queue in queues)
                found = True
    return {own: count for own, count in known.items() if count >= 0}


def _sums(node: Node, tally: NodeTally) -> Iterator[_Sum]:
    yield _Sum(node.inputs, tally.received)
    yield from _out(node.outputs, tally, each=bool(not node.edge_labels))
    if node.errors is not None:
        yield _Sum((node.errors,), tally.failed)


def _out(outputs: Sequence[Queue[Any]], tally: NodeTally, *, each: bool) -> Iterator[_Sum]:
    """Where several outputs carry no values, each item goes to all of them; that is to be seen in the counts."""
    if each and len(outputs) > 1 and tally.emitted == len(outputs) * (tally.received - tally.cancelled):
        yield from (_Sum((queue,), tally.emitted // len(outputs)) for queue in outputs)
    else:
        yield _Sum(tuple(outputs), tally.emitted)
