"""What a graph means: one node after the other, no scheduler, nothing imported from skorche."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from .behaviour import Graph, Label, Node, branch, elements, fails, make


class Place(NamedTuple):
    """Where an item stands in the inputs, the source items it comes from, and the places of a batch's members."""

    key: tuple[int, ...]
    roots: frozenset[tuple[int, ...]]
    parts: tuple["Place", ...] = ()

    def element(self, index: int, count: int) -> "Place":
        """The place of an element: a batch that kept its length gives its members their own back."""
        return self.parts[index] if len(self.parts) == count else Place((*self.key, index), self.roots)


@dataclass
class Meaning:
    """What comes out at each queue, what each node counts, the failures, and the worst end of each source item."""

    queues: dict[int, list[tuple[Place, Label]]] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[tuple[str, Label]] = field(default_factory=list)
    lost: frozenset[tuple[str, str]] = frozenset()
    ends: dict[tuple[int, ...], str] = field(default_factory=dict)

    def end(self, place: Place, how: str) -> None:
        order = ["filtered", "delivered", "failed"]
        for root in place.roots:
            self.ends[root] = max(self.ends.get(root, how), how, key=order.index)

    def ended(self, how: str) -> int:
        return list(self.ends.values()).count(how)

    def flushed(self, queue: int) -> list[Label]:
        return [label for _, label in sorted(self.queues[queue], key=lambda item: item[0].key)]


def interpret(graph: Graph, lost: frozenset[tuple[str, str]] = frozenset()) -> Meaning:
    """Take all items through all nodes; `lost` are nodes with the text of labels that fail there all the same."""
    run = Meaning(lost=lost)
    used = [queue for node in graph.nodes for queue in node.inputs if queue < len(graph.sources)]
    for queue in used:
        keys = [(queue, number) for number in range(len(graph.sources[queue]))]
        places = [Place(key, frozenset({key})) for key in keys]
        run.queues[queue] = list(zip(places, graph.sources[queue], strict=True))
    for node in graph.nodes:
        items = [item for queue in node.inputs for item in run.queues[queue]]
        run.queues |= {queue: [] for queue in node.outputs}
        count = run.counts[node.name] = Counter(received=len(items))
        if node.op == "zip":
            pair(node, run, count)
            continue
        for place, label in batches(node, items) if node.op == "batch" else items:
            for where, made in divided(node, place, label):
                visit(node, where, made, run, count)
    for queue in graph.ends:
        for place, _ in run.queues[queue]:
            run.end(place, "delivered")
    return run


def visit(node: Node, place: Place, label: Label, run: Meaning, count: Counter[str]) -> None:
    """Take one item through one node."""
    made, port = [(place, label)], 0
    if fails(node, label) or (node.name, repr(label)) in run.lost or (node.op == "unbatch" and elements(label) is None):
        return fail(node, place, label, run, count)
    if node.op == "map":
        made = [(place, make(node, label))]
    if node.op == "unbatch":
        parts = elements(label) or []
        made = [(place.element(index, len(parts)), one) for index, one in enumerate(parts)]
    if node.op in ("split", "filter"):
        port = branch(node, label)
    if node.op == "split" and port == node.branches:
        return fail(node, place, label, run, count)
    if node.op == "filter" and port:
        made = []
        count["filtered"] += 1
    if not made:
        run.end(place, "filtered")
    if node.op == "tee":
        count["emitted"] += len(node.outputs)
        for queue in node.outputs:
            run.queues[queue].append((place, label))
        return None
    count["emitted"] += len(made)
    return run.queues[node.outputs[0 if node.op == "filter" else port]].extend(made)


def pair(node: Node, run: Meaning, count: Counter[str]) -> None:
    """Make rows of what has the same place, or number, on all lanes; the rest is filtered, or filled up."""
    lanes: list[dict[object, tuple[Place, Label]]] = []
    for queue in node.inputs:
        lanes.append({place.key[1] if node.numbered else place: (place, label) for place, label in run.queues[queue]})
    for key in dict.fromkeys(key for lane in lanes for key in lane):
        places = tuple(lane[key][0] for lane in lanes if key in lane)
        if len(places) < len(lanes) and not node.fills:
            count["filtered"] += len(places)
            for place in places:
                run.end(place, "filtered")
            continue
        parts = tuple(part for place in places for part in (place.parts or (place,)))
        whole = Place(parts[0].key, frozenset().union(*(part.roots for part in parts)), parts)
        row = ("row", *(lane[key][1] if key in lane else "none" for lane in lanes))
        run.queues[node.outputs[0]].append((whole if node.numbered else places[0], row))
        count["emitted"] += 1


def fail(node: Node, place: Place, label: Label, run: Meaning, count: Counter[str]) -> None:
    """The item fails, and goes on as a failure if the node has an error queue."""
    count["failed"] += 1
    run.failures.append((node.name, label))
    run.end(place, "failed")
    if node.errors:
        run.queues[node.outputs[-1]].append((place, ("failure", node.name, label)))


def batches(node: Node, items: list[tuple[Place, Label]]) -> list[tuple[Place, Label]]:
    """Lists of members and their places; each member on its own where nobody can know who meets whom."""
    size = 1 if node.loose else node.size
    groups = [items[start : start + size] for start in range(0, len(items), size)]
    places = [tuple(place for place, _ in group) for group in groups]
    wholes = [Place(parts[0].key, frozenset().union(*(part.roots for part in parts)), parts) for parts in places]
    return [(whole, [label for _, label in group]) for whole, group in zip(wholes, groups, strict=True)]


def divided(node: Node, place: Place, label: Label) -> list[tuple[Place, Label]]:
    """What an isolating task fails or makes at the end: single members."""
    if not (node.isolate and isinstance(label, list) and len(label) > 1):
        return [(place, label)]
    parts = [place.element(index, len(label)) for index in range(len(label))]
    kept = len(place.parts) == len(label)
    places = [Place(part.key, part.roots, (part,) if kept else ()) for part in parts]
    return [(where, [one]) for where, one in zip(places, label, strict=True)]
