"""How many items each node will get in all, where that is known.

It is known behind sources with a length, as long as each item gives one: through tasks, merges and tees, up to the
first operator that filters, splits, gathers or spreads. Behind that it is known when everything before has ended. What
may still fail on the way is counted as coming, so a total may go down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from graphlib import TopologicalSorter

from skorche.events import NodeTally
from skorche.graph import Node
from skorche.observe.outcome import Shape
from skorche.queue import Queue


class Expected:
    """Asked again and again while the run goes on."""

    def __init__(self, shape: Shape, total: int | None) -> None:
        """`total` is None if some source does not tell its length."""
        self._makers = shape.producers()
        nodes = {node.name: node for node in shape.nodes}
        before = {name: [one.name for one in makers] for name, makers in shape.before().items()}
        self._order = [nodes[name] for name in TopologicalSorter(before).static_order()]
        self._lengths: dict[int, int] = {}
        for queue in [queue for node in shape.nodes for queue in node.inputs if id(queue) not in self._makers]:
            given: object = queue.fixed_inputs
            if total is not None and isinstance(given, Sized):
                self._lengths[id(queue)] = len(given)

    def items(self, tallies: Mapping[str, NodeTally]) -> dict[str, int]:
        """By name of the node, for those of which it is known. Parts of a divided item are items of their own."""
        found: dict[str, int] = {}
        for node in self._order:
            coming = [self._through(queue, found, tallies) for queue in node.inputs]
            known = [count for count in coming if count is not None]
            if len(known) == len(coming) and node.pairing is None:
                found[node.name] = sum(known) + tallies[node.name].divided
            elif all(self._ended(queue, found, tallies) for queue in node.inputs):
                found[node.name] = came_to(tallies[node.name])
        return found

    def _through(self, queue: Queue[object], found: Mapping[str, int], tallies: Mapping[str, NodeTally]) -> int | None:
        """How many items the queue will have carried."""
        maker = self._makers.get(id(queue))
        if maker is None:
            return self._lengths.get(id(queue))
        if maker.name not in found or not _gives_one_for_one(maker, queue):
            return None
        tally = tallies[maker.name]
        return tally.passed + max(0, found[maker.name] - done_by(tally))

    def _ended(self, queue: Queue[object], found: Mapping[str, int], tallies: Mapping[str, NodeTally]) -> bool:
        """Whether nothing comes through the queue any more."""
        maker = self._makers.get(id(queue))
        if maker is None:
            return False
        return maker.name in found and done_by(tallies[maker.name]) >= found[maker.name]


def _gives_one_for_one(node: Node, queue: Queue[object]) -> bool:
    """Whether each item that gets through gives one for this queue: of a task, and of what only passes them on."""
    if node.places != "kept" or node.pairing is not None or queue is node.errors:
        return False
    return node.task is not None or (node.regrouping is not None and node.work is None)


def done_by(tally: NodeTally) -> int:
    """How many of its items the node is done with, whatever became of them."""
    return tally.passed + tally.filtered + tally.failed + tally.cancelled


def came_to(tally: NodeTally) -> int:
    """How many items the node has had to do with so far."""
    return tally.received + tally.divided
