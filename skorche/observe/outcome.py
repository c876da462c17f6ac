"""What became of each node of a run, and what its ends gave: statuses, phases, results by name.

A *phase* is how many tasks stand before a node on the longest way to it: the tasks of phase 0 depend on none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from skorche.events import NodeTally
from skorche.graph import Graph, Node
from skorche.named import NamedTuple
from skorche.observe.pictured import Sketch
from skorche.port import Outbox
from skorche.queue import Queue

if TYPE_CHECKING:
    from skorche.observe.picture import Picture

Status = Literal["ok", "cached", "failed", "skipped", "cancelled"]
End = tuple[Queue[Any], Outbox[Any]]


class Seen(NamedTuple):
    """What pictures look at in a report; the report itself would be kept by its own picture."""

    status: Mapping[str, Status]
    nodes: Mapping[str, NodeTally]


class Shape(NamedTuple):
    """The nodes of a graph as they were when a run began, in order of declaration; `single` as in `Graph`."""

    nodes: tuple[Node, ...]
    single: Collection[int]

    def producers(self) -> dict[int, Node]:
        """Which node fills a queue, by identity."""
        return {id(queue): node for node in self.nodes for queue in _filled(node)}

    def graph(self, name: str) -> Graph:
        """The graph as it was, to be looked at."""
        graph = Graph(name)
        graph.nodes += self.nodes
        graph.producers |= self.producers()
        graph.consumers |= {id(queue): node for node in self.nodes for queue in node.inputs}
        graph.queues |= {id(queue): queue for node in self.nodes for queue in (*node.inputs, *_filled(node))}
        return graph

    def sketch(self, name: str, statuses: Mapping[str, Status], tallies: Mapping[str, NodeTally]) -> Sketch:
        """The picture of what became of it, which is made if somebody asks for it."""
        seen = Seen(statuses, tallies)

        def drawn() -> Picture:
            from skorche.observe.picture import picture_of  # a run does without it until somebody looks

            return picture_of(self.graph(name), status=seen)

        return Sketch(drawn)

    def before(self) -> dict[str, list[Node]]:
        """The nodes that fill the inputs of each node, by its name."""
        producers = self.producers()
        return {
            node.name: [producers[id(queue)] for queue in node.inputs if id(queue) in producers] for node in self.nodes
        }

    def edges(self) -> list[tuple[str, str]]:
        """Which node leads to which, by name, in order of declaration."""
        return [(one.name, name) for name, before in self.before().items() for one in before]

    def phases(self) -> dict[str, int]:
        """The phase of each node."""
        before = self.before()
        found: dict[str, int] = {}
        for node in self._in_order(before):
            found[node.name] = max([found[one.name] + (one.task is not None) for one in before[node.name]], default=0)
        return {node.name: found[node.name] for node in self.nodes}

    def statuses(self, tallies: Mapping[str, NodeTally]) -> tuple[dict[str, Status], dict[str, str]]:
        """What became of each node; and for one that was skipped, the failed node that is nearest before it."""
        before = self.before()
        causes: dict[str, str] = {}
        statuses: dict[str, Status] = {}
        for node in self._in_order(before):
            tally, name = tallies[node.name], node.name
            failed = [one.name for one in before[name] if tallies[one.name].failed]
            failed += [causes[one.name] for one in before[name] if one.name in causes]
            if failed:
                causes[name] = failed[0]
            statuses[name] = "cancelled" if tally.cancelled else "cached" if _is_cached(tally) else "ok"
            if tally.failed:
                statuses[name] = "failed"
            elif failed and not tally.received:
                statuses[name] = "skipped"
        skipped = {node.name: causes[node.name] for node in self.nodes if statuses[node.name] == "skipped"}
        return {node.name: statuses[node.name] for node in self.nodes}, skipped

    def _in_order(self, before: Mapping[str, list[Node]]) -> Iterator[Node]:
        """The nodes, none before those that fill its inputs. What was declared later may stand before."""
        seen: set[str] = set()
        ahead = [*reversed(self.nodes)]
        while ahead:
            node = ahead[-1]
            missing = [one for one in before[node.name] if one.name not in seen]
            ahead += missing
            if not missing:
                ahead.pop()
                if node.name not in seen:
                    seen.add(node.name)
                    yield node

    def is_single(self, queue: Queue[Any], producers: Mapping[int, Node]) -> bool:
        """Whether the queue is known to carry one item at most: from what runs once, or from a reduce."""
        node = producers.get(id(queue))
        if node is None:
            return id(queue) in self.single
        if node.places == "one":
            return True
        together = len(node.inputs) == 1 or node.pairing is not None
        return node.places == "kept" and together and all(self.is_single(one, producers) for one in node.inputs)


class Results(Mapping[str, Any]):
    """Results by the name of the end's node: a list in input order, or the value itself of what runs once.

    They are found by the name of their queue too. What failed or was skipped, and so gave nothing, is not there. Nor is
    what was read from its queue.
    """

    def __init__(self, shape: Shape | None, ends: Sequence[End], statuses: Mapping[str, Status]) -> None:
        self._shape, self._ends, self._statuses = shape, ends, statuses
        self._known: dict[str, Any] | None = None
        self._read: list[str] = []
        self._nodes: dict[str, str] = {}

    def _all(self) -> dict[str, Any]:
        """They are put in order when somebody first asks."""
        if self._known is None:
            self._known = dict(self._find(self._shape)) if self._shape is not None else {}
            self._shape, self._ends = None, ()
        return self._known

    def _find(self, shape: Shape) -> Iterator[tuple[str, Any]]:
        producers = shape.producers()
        for queue, outbox in self._ends:
            node = producers.get(id(queue))
            if node is None:
                continue  # nothing was done to its items
            name, given = end_name(node, queue), outbox.results()
            self._nodes[queue.name or name] = name
            if given is None:
                self._read.append(name)
            elif shape.is_single(queue, producers):
                yield from [(name, given[0])] if given else ()
            elif given or self._statuses[node.name] in ("ok", "cached"):
                yield name, given

    @property
    def nodes(self) -> Mapping[str, str]:
        """Under which name the results of a named queue stand."""
        self._all()
        return self._nodes

    def __getitem__(self, name: str) -> Any:
        known = self._all()
        if name not in known:
            name = self._nodes.get(name, name)
        if name in known:
            return known[name]
        if name in self._read:
            raise KeyError(f"{name}: its results were read from the queue, so who read them has them")
        raise KeyError(f"{name}: it gave none; there are results of {', '.join(known) or 'no end'}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return f"Results({self._all()!r})"

    def __getstate__(self) -> dict[str, Any]:
        self._all()
        return self.__dict__


def _is_cached(tally: NodeTally) -> bool:
    """Whether the task was called for no item: all results were found in the store."""
    return bool(tally.received) and tally.cached == tally.received


def _filled(node: Node) -> list[Queue[Any]]:
    return [*node.outputs, *([node.errors] if node.errors is not None else [])]


def end_name(node: Node, queue: Queue[Any]) -> str:
    """What results of a node go by: its name, and which of its outputs, if it has several.

    Failures that went to a queue of their own go by the node's name with `[errors]`.
    """
    if node.errors is queue:
        return f"{node.name}[errors]"
    if len(node.outputs) == 1:
        return node.name
    position = next(place for place, one in enumerate(node.outputs) if one is queue)
    return f"{node.name}[{node.edge_labels[position] if node.edge_labels else position}]"
