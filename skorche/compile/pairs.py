"""What belongs together at a `zip`: where its branches begin, and what lies on the way.

    one `tee` that all items of all inputs come through        pairs by place: copies of one item have the same
    none                                                       pairs by number, counted at the sources

On the way an item may be dropped, divided into batches or joined again, but never be replaced by others: those would
have no partners. So each queue on the way has a *depth*: how many batches are around an item there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from skorche.errors import GraphError
from skorche.graph import AnyQueue, Graph, Node
from skorche.named import NamedTuple


class Branch(NamedTuple):
    """The way to one input: its nodes, those of them before another zip on it, the depth of each queue, by identity.

    What is lost before another zip is that one's to tell: it may fill the gap.
    """

    nodes: frozenset[str]
    inner: frozenset[str]
    depths: dict[int, int]


class Pairs(NamedTuple):
    """How the inputs pair: by place if they have a `tee` in common, else by number, from these sources."""

    tee: Node | None
    branches: tuple[Branch, ...]
    sources: tuple[AnyQueue, ...]


def find_pairs(graph: Graph, node: Node, known: dict[str, Pairs] | None = None) -> Pairs:
    """What belongs together at this `zip`. Of zips before it that is `known`, by name, once it has been found.

    Raises:
        GraphError: there are no pairs.
    """
    known = {} if known is None else known
    if node.name in known:
        return known[node.name]
    tee = _common_tee(graph, node)
    if tee is not None:
        _Streams(graph, node, tee, known).of(tee.inputs[0])
    ways = [_Way(graph, node, tee, position, known) for position in range(len(node.inputs))]
    _check_meeting(node, ways)
    branches = tuple(Branch(frozenset(way.nodes), frozenset(way.inner), way.depths) for way in ways)
    sources = {id(one): one for way in ways for one in way.roots.values() if id(one) not in graph.producers}
    known[node.name] = pairs = Pairs(tee, branches, () if tee else tuple(sources.values()))
    return pairs


def _check_meeting(node: Node, ways: Sequence[_Way]) -> None:
    """Items of two inputs must be able to meet: not from different branches of a split, nor one item and many."""
    assert node.pairing is not None
    if len({way.is_single for way in ways}) > 1:
        one, many = (next(at for at, way in enumerate(ways, 1) if way.is_single is single) for single in (True, False))
        raise GraphError(
            f"{node.title} has no pairs to make.",
            f"its input {one} gives one item for all, and its input {many} any number: only one would be used.",
            "run one pipeline for the single result, and give it to the tasks of a second as a constant.",
        )
    chosen: dict[str, list[set[int]]] = {}
    for way in ways:
        for split, ports in way.ports.items():
            chosen.setdefault(split, []).append(ports)
    for split, choices in chosen.items():
        if node.pairing.drops and any(not one & other for one, other in combinations(choices, 2)):
            raise GraphError(
                f"{node.title} has no pairs to make.",
                f"two of its inputs come from different branches of {split!r}, and each item takes only one of them.",
                "merge the branches, or put a tee before the split.",
            )


def _common_tee(graph: Graph, node: Node) -> Node | None:
    """The last tee that everything comes through on the way to each input."""
    shared = set.intersection(*[{one.name for one in _upstream(graph, queue)} for queue in node.inputs])
    tees = [one for one in graph.nodes if one.name in shared and one.regrouping is not None and len(one.outputs) > 1]
    passed = [one for one in tees if all(_leads_only_through(graph, queue, one) for queue in node.inputs)]
    return max(passed, key=lambda one: len(list(_upstream(graph, one.inputs[0]))), default=None)


def _upstream(graph: Graph, queue: AnyQueue, until: Node | None = None) -> Iterator[Node]:
    """The nodes that items of a queue come through, each once; none before `until`, or where all become one."""
    ahead, seen = [queue], set()
    while ahead:
        node = graph.producers.get(id(ahead.pop()))
        if node is not None and node.name not in seen:
            seen.add(node.name)
            yield node
            if node.places != "one" and (until is None or node.name != until.name):
                ahead += node.inputs


def _leads_only_through(graph: Graph, queue: AnyQueue, tee: Node) -> bool:
    """Whether all items of a queue come through this tee."""
    met = list(_upstream(graph, queue, tee))
    return any(one.name == tee.name for one in met) and all(
        one.name == tee.name or (one.places != "one" and id(above) in graph.producers)
        for one in met
        for above in one.inputs
    )


class _Way:
    """The way to one input of a zip, walked from the input up to the tee, or to the sources."""

    def __init__(self, graph: Graph, zipped: Node, tee: Node | None, position: int, known: dict[str, Pairs]) -> None:
        self._graph, self._zip, self._tee, self._position, self._known = graph, zipped, tee, position, known
        self.nodes: set[str] = set()
        self.inner: set[str] = set()
        self.depths: dict[int, int] = {}
        self.roots: dict[int, AnyQueue] = {}
        self.ports: dict[str, set[int]] = {}
        self._copies: dict[int, frozenset[tuple[str, int]]] = {}
        self._roots: dict[int, frozenset[int]] = {}
        queue = zipped.inputs[position]
        if self._walk(queue):
            batches = next(one for one in _upstream(graph, queue) if one.places == "gathered")
            raise self._no_pairs(batches, "gathers them into lists, which have no partners")

    @property
    def is_single(self) -> bool:
        """Whether it is known that one item comes this way, at most."""
        roots = self.roots.values()
        producers = self._graph.producers
        return self._tee is None and all(id(one) in self._graph.single or id(one) in producers for one in roots)

    def _walk(self, queue: AnyQueue) -> int:
        """The depth of a queue; walks all that comes before it."""
        key = id(queue)
        if key not in self.depths:
            node = self._graph.producers.get(key)
            if node is None or (self._tee is None and node.places == "one"):
                self._begin(queue)
            elif self._tee is not None and node.name == self._tee.name:
                self._begin(queue, (node.name, _position(queue, node)))
            else:
                self.nodes.add(node.name)
                self.depths[key] = self._pass(queue, node)
        return self.depths[key]

    def _begin(self, queue: AnyQueue, *copy: tuple[str, int]) -> None:
        key = id(queue)
        self.depths[key], self._copies[key] = 0, frozenset(copy)
        self.roots[key], self._roots[key] = queue, frozenset({key} if not copy else ())

    def _pass(self, queue: AnyQueue, node: Node) -> int:
        """The depth behind a node on the way."""
        depths = [self._walk(above) for above in node.inputs]
        above = [id(one) for one in node.inputs]
        copies = [self._copies[one] for one in above]
        if node.pairing is not None:
            return self._pass_zip(queue, node)
        if len(above) > 1:
            self._check_merge(node, depths, copies)
        if node.work is not None and len(node.outputs) > 1 and queue is not node.errors:
            self.ports.setdefault(node.name, set()).add(_position(queue, node))
        self._roots[id(queue)] = self._roots[above[0]]
        self._copies[id(queue)] = copies[0]
        if node.regrouping is not None and len(node.outputs) > 1:
            self._copies[id(queue)] |= {(node.name, _position(queue, node))}
        depth = depths[0]
        if queue is node.errors:
            return depth
        if node.places in ("one", "new") or (node.places == "spread" and not depth):
            raise self._no_pairs(node, "makes other items of them, which have no partners")
        if not depth and node.task is not None and node.task.settings.isolate:
            raise self._no_pairs(node, "may divide them (isolate=True), and no partner belongs to a half")
        return depth + {"gathered": 1, "spread": -1}.get(node.places, 0)

    def _pass_zip(self, queue: AnyQueue, node: Node) -> int:
        """The depth behind another zip: that at which its own branches began."""
        inner = find_pairs(self._graph, node, self._known)
        if self._tee is not None and inner.tee is None:
            raise self._no_pairs(node, "makes tuples by number of them, which have no partners")
        self.inner.update(*[branch.nodes for branch in inner.branches])
        copies = [self._copies[id(one)] for one in node.inputs]
        self._copies[id(queue)] = frozenset.intersection(*copies)
        self._roots[id(queue)] = frozenset().union(*[self._roots[id(one)] for one in node.inputs])
        if inner.tee is None or (self._tee is not None and inner.tee.name == self._tee.name):
            return 0
        return self._walk(inner.tee.inputs[0])

    def _check_merge(self, node: Node, depths: list[int], copies: list[frozenset[tuple[str, int]]]) -> None:
        """A merge on the way brings parts of one stream together again: never two copies, nor two sources."""
        places: dict[str, set[int]] = {}
        if len(set(depths)) > 1:
            raise self._no_pairs(node, "merges lists of them with single ones")
        for position, copy in enumerate(copies):
            for tee, branch in copy:
                if places.setdefault(tee, {branch}) != {branch}:
                    raise self._no_pairs(node, f"merges several copies of each item of {tee!r} (input {position + 1})")
        if len({self._roots[id(one)] for one in node.inputs}) > 1:
            raise self._no_pairs(node, "merges several sources, whose numbers are the same")

    def _no_pairs(self, node: Node, deed: str) -> GraphError:
        start = f"{self._tee.title}" if self._tee else "the sources"
        return GraphError(
            f"{self._zip.title} has no pairs to make.",
            f"on the way from {start} to its input {self._position + 1}, {node.title} {deed}.",
            "zip before that, or keep what belongs together in one item.",
        )


class Stream(NamedTuple):
    """Items with a place each: which branches of which tees they are copies from, and what became of their places."""

    root: object
    copies: frozenset[tuple[str, int]] = frozenset()
    form: tuple[str, ...] = ()

    def changed(self, node: Node, queue: AnyQueue) -> Stream:
        """The same behind a node."""
        if queue is node.errors:
            return self
        if node.places == "one":
            return Stream(node.name)
        if node.regrouping is not None and len(node.outputs) > 1:
            return self._replace(copies=self.copies | {(node.name, _position(queue, node))})
        if node.places == "spread" and self.form[-1:] == ("list",):
            return self._replace(form=self.form[:-1])
        form = {"gathered": ("list",), "spread": ("element",), "new": ("element",)}.get(node.places, ())
        return self._replace(form=self.form + form)

    def may_meet(self, other: Stream) -> str | None:
        """The tee of which both have a copy of the same item, at the same place; None if there is none."""
        if (self.root, self.form) != (other.root, other.form):
            return None
        mine, others = dict(self.copies), dict(other.copies)
        return next((tee for tee in mine if tee in others and mine[tee] != others[tee]), None)


class _Streams:
    """What comes to the tee of a zip. No two items of it may be at one place, since partners are found by place."""

    def __init__(self, graph: Graph, zipped: Node, tee: Node, pairs: dict[str, Pairs]) -> None:
        self._graph, self._zip, self._tee, self._pairs = graph, zipped, tee, pairs
        self._known: dict[int, frozenset[Stream]] = {}

    def of(self, queue: AnyQueue) -> frozenset[Stream]:
        """The streams on a queue.

        Raises:
            GraphError: two of them are copies of the same items.
        """
        key = id(queue)
        if key not in self._known:
            node = self._graph.producers.get(key)
            self._known[key] = frozenset({Stream(key)}) if node is None else self._behind(node, queue)
        return self._known[key]

    def _behind(self, node: Node, queue: AnyQueue) -> frozenset[Stream]:
        if node.pairing is not None:
            tee = find_pairs(self._graph, node, self._pairs).tee
            return frozenset({Stream(node.name)}) if tee is None else self.of(tee.inputs[0])
        above = [self.of(one) for one in node.inputs]
        for one, other in combinations(above, 2):
            for first, second in product(one, other):
                if (copied := first.may_meet(second)) is not None:
                    raise self._merged(node, copied)
        return frozenset(stream.changed(node, queue) for streams in above for stream in streams)

    def _merged(self, node: Node, tee: str) -> GraphError:
        return GraphError(
            f"{self._zip.title} has no pairs to make.",
            f"before {self._tee.title}, {node.title} merges several copies of each item of {tee!r}, which are not told "
            "apart.",
            "zip before that, or keep what belongs together in one item.",
        )


def _position(queue: AnyQueue, node: Node) -> int:
    return next(position for position, one in enumerate(node.outputs) if one is queue)


def is_fed_only(graph: Graph, source: AnyQueue, node: Node) -> bool:
    """Whether all that becomes of a source's items goes to this node (failures left aside)."""
    ahead, seen = [source], {node.name}
    while ahead:
        consumer = graph.consumers.get(id(ahead.pop()))
        if consumer is None:
            return False
        if consumer.name not in seen:
            seen.add(consumer.name)
            ahead += consumer.outputs
    return True
