"""What a graph means: one node after the other, no scheduler, nothing imported from skorche."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .behaviour import (
    Graph,
    Label,
    Node,
    branch,
    elements,
    fails,
    given_before_trouble,
    key_of,
    make,
    total,
    weight_of,
)


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
    totals: dict[str, list[Label]] = field(default_factory=dict)

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
        if node.op == "batch":
            items = batches(node, [item for item in items if not refused(node, *item, run, count)], count)
        for place, label in items:
            for where, made in divided(node, place, label):
                visit(node, where, made, run, count)
        if node.op == "reduce":
            give_total(node, Place((-1, graph.nodes.index(node)), frozenset()), run, count)
    for queue in graph.ends:
        for place, _ in run.queues[queue]:
            run.end(place, "delivered")
    return run


def visit(node: Node, place: Place, label: Label, run: Meaning, count: Counter[str]) -> None:
    """Take one item through one node."""
    if has_failed(node, label, run):
        if node.flows:
            early = made_of(node, place, label)[: given_before_trouble(node, label)]
            count["emitted"] += len(early)
            run.queues[node.outputs[0]] += early
        return fail(node, place, label, run, count)
    if node.op in ("sink", "reduce"):
        run.totals.setdefault(node.name, []).append(label)
        return run.end(place, "delivered")
    made, ports = made_of(node, place, label), [0]
    if node.op == "split":
        ports = [branch(node, label)]
    if node.op == "tee":
        ports = list(range(len(node.outputs)))
    if node.op == "filter" and branch(node, label):
        made = []
        count["filtered"] += 1
    if not made:
        run.end(place, "filtered")
    for port in ports:
        count["emitted"] += len(made)
        run.queues[node.outputs[port]] += made
    return None


def made_of(node: Node, place: Place, label: Label) -> list[tuple[Place, Label]]:
    """What a node makes of an item."""
    if node.op == "map":
        return [(place, make(node, label))]
    if node.op == "flat_map":  # of a generator nobody knows beforehand how many there will be
        parts = make(node, label)
        return [(place.element(index, -1 if node.lazy else len(parts)), one) for index, one in enumerate(parts)]
    if node.op == "unbatch":
        parts = elements(label) or []
        return [(place.element(index, len(parts)), one) for index, one in enumerate(parts)]
    return [(place, label)]


def has_failed(node: Node, label: Label, run: Meaning) -> bool:
    """Whether the item fails at this node."""
    if node.op == "unbatch" and elements(label) is None:
        return True
    if node.op == "split" and branch(node, label) == node.branches:
        return True
    return fails(node, label) or (node.name, repr(label)) in run.lost


def give_total(node: Node, place: Place, run: Meaning, count: Counter[str]) -> None:
    """What a `reduce` gives in the end: one item, whose place comes before all others."""
    labels = run.totals.get(node.name, [])
    if node.initial:
        labels = [("sum", 0), *labels]
    if labels:
        count["emitted"] += 1
        made = labels[0] if len(labels) == 1 else total(node, *labels)
        run.queues[node.outputs[0]].append((place, made))


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


def refused(node: Node, place: Place, label: Label, run: Meaning, count: Counter[str]) -> bool:
    """Whether a batch gets no proper key or weight for the item, which fails then."""
    if not fails(node, label):
        return False
    fail(node, place, label, run, count)
    return True


def batches(node: Node, items: list[tuple[Place, Label]], count: Counter[str]) -> list[tuple[Place, Label]]:
    """Lists of members and their places; each member on its own where nobody can know who meets whom."""
    groups = [[item] for item in items] if node.loose else list(grouped(node, items, count))
    places = [tuple(place for place, _ in group) for group in groups]
    wholes = [Place(parts[0].key, frozenset().union(*(part.roots for part in parts)), parts) for parts in places]
    return [(whole, [label for _, label in group]) for whole, group in zip(wholes, groups, strict=True)]


def grouped(node: Node, items: list[tuple[Place, Label]], count: Counter[str]) -> Iterator[list[tuple[Place, Label]]]:
    """The lists of a batch to which items come in order. Counts why each was closed."""
    lists: list[tuple[int, list[tuple[Place, Label]]]] = []
    for item in items:
        own, heavy = key_of(node, item[1]) if node.keys else 0, node.max_weight
        mine = [members for name, members in lists if name == own]
        if heavy and mine and load(node, [*mine[0], item]) > heavy:
            count["weight"] += 1
            lists.remove((own, mine[0]))
            yield mine.pop()
        members = mine[0] if mine else []
        members.append(item)
        if not mine:
            lists.append((own, members))
        if len(members) == node.size or (heavy and load(node, members) >= heavy):
            count["size" if len(members) == node.size else "weight"] += 1
            lists.remove((own, members))
            yield members
        if node.keys and len(lists) > node.max_keys:
            count["key"] += 1
            yield lists.pop(0)[1]
    count["end"] += len(lists)
    yield from [members for _, members in lists]


def load(node: Node, members: list[tuple[Place, Label]]) -> int:
    """What they weigh together."""
    return sum(weight_of(node, label) for _, label in members)


def divided(node: Node, place: Place, label: Label) -> list[tuple[Place, Label]]:
    """What an isolating task fails or makes at the end: single members."""
    if not (node.isolate and isinstance(label, list) and len(label) > 1):
        return [(place, label)]
    parts = [place.element(index, len(label)) for index in range(len(label))]
    kept = len(place.parts) == len(label)
    places = [Place(part.key, part.roots, (part,) if kept else ()) for part in parts]
    return [(where, [one]) for where, one in zip(places, label, strict=True)]
