"""Random graphs, as Hypothesis draws and shrinks them.

A queue is of a kind: of any *item*; of *lists* whose members are the same in every run; or *loose*, of lists of which
only the members are known, since who meets whom depends on what arrives when. `in_order`: its items (or members, if
loose) arrive in the same order in every run.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from hypothesis import strategies as st

from .behaviour import NEVER, Bound, Graph, Node, Trouble

WEIRD = ["none", "nan", "raises", "array", "sentinel", "the end", "exhausted", "unhashable", []]
LABELS = st.one_of(st.integers(0, 9), st.sampled_from(WEIRD))
SOURCE = st.integers(0, 20).flatmap(lambda size: st.lists(LABELS, min_size=size, max_size=size)).map(tuple)
RANGE = st.builds(range, st.integers(0, 20), st.integers(0, 20), st.sampled_from([1, 2, 3, -1]))
"""A source that is given to the run as it is, and of which parts are worked on."""
ENDS = ["flat_map", "reduce", "sink"]
OPERATORS = {
    "item": ["map", "map", "batch", "batch", "split", "filter", "merge", "unbatch", "tee", "diamond", "rows", *ENDS],
    "lists": ["map", "map", "unbatch", "unbatch", "split", "filter", "batch", "merge", *ENDS],
    "loose": ["map", "map", "unbatch", "unbatch", "merge", *ENDS],
}
JOURNEYS = OPERATORS | {"item": ["map", "map", "map", "map", "split", "filter", "unbatch", "sink", "merge", "batch"]}
"""Many tasks that follow each other."""
MAKES = {"item": ["wrap", "wrap", "same", "none", "fan"], "lists": ["each", "each", "grow", "wrap"], "loose": ["each"]}


class Open(NamedTuple):
    """A queue that no node consumes yet; copies of its items may be in others that name the same tees."""

    number: int
    kind: str
    in_order: bool
    tees: frozenset[str] = frozenset()


class _Drawing:
    """A graph under construction."""

    def __init__(self, draw: Any, sources: list[int], ordered: bool, operators: Mapping[str, list[str]]) -> None:
        self.draw, self.ordered, self.sources, self.operators = draw, ordered, sources, operators
        self.nodes: list[Node] = []
        self.open = [Open(number, "item", True) for number in range(len(sources))]
        self.queues = len(sources)
        self.fans = 0
        self.has_rows = False  # tuples of several sources, whose elements go back to where these stand
        self.limits = self.draw_limits() if self.flag() else []

    def flag(self, one_in: int = 2) -> bool:
        return self.draw(st.integers(0, one_in - 1)) == one_in - 1

    def pick(self, choices: list[Any]) -> Any:
        return self.draw(st.sampled_from(choices))

    def draw_limits(self) -> list[Bound]:
        """What tasks of this graph may share."""
        most = st.integers(1, 4)
        return [
            Bound("places", self.draw(most)),
            Bound("calls", self.draw(most), self.pick([0.001, 0.01])),
            Bound("visits", self.draw(most), 0.05),
        ]

    def add(self) -> None:
        queue = self.pick(self.open)
        self.open.remove(queue)
        getattr(self, "add_" + self.pick(self.operators[queue.kind]))(queue)

    def put(self, op: str, inputs: list[Open], outputs: list[tuple[str, bool]], **traits: Any) -> Node:
        """Add a node whose outputs are of these kinds, in order or not."""
        numbers = range(self.queues, self.queues + len(outputs))
        self.queues += len(outputs)
        node = Node(op, f"n{len(self.nodes)}", tuple(queue.number for queue in inputs), tuple(numbers), **traits)
        self.nodes.append(node)
        tees = frozenset().union(*(queue.tees for queue in inputs), [node.name] if op == "tee" else [])
        self.open += [Open(number, *known[:2], tees) for number, known in zip(numbers, outputs, strict=True)]
        return node

    def take(self, node: Node) -> Open:
        """Take back the (first) output of a node, to go on with it."""
        (found,) = [one for one in self.open if one.number == node.outputs[0]]
        self.open.remove(found)
        return found

    def add_map(self, queue: Open) -> None:
        makes = self.pick(MAKES[queue.kind] if self.fans < 2 else MAKES[queue.kind][:4])
        self.fans += makes == "fan"
        isolate = makes == "each" and self.flag()
        loose = isolate or queue.kind == "loose"
        traits = self.policies(permanent=queue.kind != "loose" or isolate)
        traits |= {"makes": makes, "isolate": isolate, "loose": loose}
        kind = {"fan": "lists", "each": "lists", "grow": "lists"}.get(makes, "item")
        outputs = [("loose" if loose else kind, queue.in_order and traits["ordered"])]
        if self.flag(4):
            self.put("map", [queue], [*outputs, ("item", False)], errors=True, **traits)
        else:
            self.put("map", [queue], outputs, chained=self.flag(4), **traits)

    def add_flat_map(self, queue: Open) -> None:
        makes = self.pick({"item": ["fan"], "lists": ["each", "grow"], "loose": ["each"]}[queue.kind])
        self.fans += makes == "fan"
        loose = queue.kind == "loose"
        traits = self.policies(permanent=not loose) | {"makes": makes, "loose": loose}
        lazy = not loose and self.flag()
        if lazy and self.flag():
            traits |= {
                "engine": self.pick(["thread", "inline"]),
                "retries": 0,
                "timeout": None,
                "ordered": self.ordered,
            }
            found: tuple[Trouble, ...] = traits["troubles"]
            traits["troubles"] = tuple(Trouble("exit" if one.kind == "exit" else "raise", NEVER) for one in found)
        in_order = queue.in_order and traits["ordered"] and not self.has_rows
        self.put_task("flat_map", queue, [("item", in_order)], lazy=lazy, **traits)

    def add_reduce(self, queue: Open) -> None:
        loose = queue.kind == "loose"
        traits = self.policies(permanent=not loose)
        traits |= {"engine": self.pick(["thread", "inline"]), "workers": 1, "makes": "same", "loose": loose}
        initial = loose or self.flag()
        if not initial:  # nobody knows which item comes first, which then meets no trouble
            traits |= {"troubles": ()}
        self.put_task("reduce", queue, [("item", True)], initial=initial, **traits)

    def add_sink(self, queue: Open) -> None:
        loose = queue.kind == "loose"
        self.put_task("sink", queue, [], loose=loose, makes="same", **self.policies(permanent=not loose))

    def put_task(self, op: str, queue: Open, outputs: list[tuple[str, bool]], **traits: Any) -> None:
        """Add a node with a task, and perhaps with an error queue."""
        errors = self.flag(4)
        self.put(op, [queue], [*outputs, ("item", False)] if errors else outputs, errors=errors, **traits)

    def policies(self, *, permanent: bool) -> dict[str, Any]:
        """How a task runs, and what troubles its items meet. Retries outlast what is not permanent."""
        engine = self.pick(["thread", "process", "process", "inline", "async"])
        timeout = 1.0 if self.flag(3) else None
        kinds = ["raise", "exit", "crash"] if timeout is None else ["slow", "slow", "raise", "crash"]
        times = [1, 2, NEVER, NEVER] if permanent else [1, 2]
        found = [Trouble(self.pick(kinds), self.pick(times)) for _ in range(self.draw(st.integers(0, 2)))]
        outlasted = max((one.times for one in found if one.times < NEVER), default=0)
        return {
            "engine": engine,
            "timeout": timeout,
            "troubles": tuple(found),
            "rarity": self.pick([2, 4, 6, 1]),
            "retries": outlasted + (engine == "process"),
            "workers": self.draw(st.integers(1, 4)),
            "ordered": self.ordered or self.flag(4),
            "idempotent": not self.flag(4),
            "limits": tuple(one for one in self.limits if self.flag()),
        }

    def predicate(self) -> dict[str, Any]:
        kinds = [self.pick(["raise", "exit"])] if self.flag(4) else []
        troubles = tuple(Trouble(kind, NEVER) for kind in kinds)
        return {"fuse": self.flag(), "troubles": troubles, "rarity": self.draw(st.integers(2, 4))}

    def add_split(self, queue: Open) -> None:
        branches = self.pick([2, 3])
        self.put("split", [queue], [queue[1:]] * branches, branches=branches, **self.predicate())

    def add_filter(self, queue: Open) -> None:
        self.put("filter", [queue], [queue[1:]], **self.predicate())

    def add_batch(self, queue: Open) -> None:
        traits: dict[str, Any] = {"size": self.draw(st.integers(1, 5)), "fill": self.flag()}
        if self.flag():
            traits |= self.closing()
        keyed = "keys" in traits
        loose = not (traits["fill"] and queue.in_order and traits.get("timeout") is None)
        self.put(
            "batch", [queue], [("loose" if loose else "lists", queue.in_order and not keyed)], loose=loose, **traits
        )

    def closing(self) -> dict[str, Any]:
        """What closes the lists of a batch besides their size, and what troubles the functions that tell it."""
        traits: dict[str, Any] = {}
        if self.flag():
            traits |= {"keys": self.draw(st.integers(1, 4)), "max_keys": self.draw(st.integers(1, 4))}
        if self.flag():
            traits["max_weight"] = self.draw(st.integers(1, 6))
        if traits and self.flag(4):
            trouble = Trouble(self.pick(["raise", "exit"]), NEVER)
            traits |= {"troubles": (trouble,), "rarity": self.draw(st.integers(2, 4))}
        if self.flag(3):
            traits["timeout"] = self.pick([1e-4, 0.01, 10.0])
        if traits and self.flag():
            traits["size"] = 0
        return traits

    def add_unbatch(self, queue: Open) -> None:
        self.put("unbatch", [queue], [("item", queue.in_order and not self.has_rows)], loose=queue.kind == "loose")

    def add_merge(self, queue: Open) -> None:
        listed = queue.kind != "item"
        others = [one for one in self.open if (one.kind != "item") == listed and not one.tees & queue.tees]
        others = [one for place, one in enumerate(others) if not any(one.tees & other.tees for other in others[:place])]
        chosen = [queue, *(one for one in others[:3] if self.flag())]
        self.open = [one for one in self.open if one not in chosen]
        kinds = {one.kind for one in chosen}
        kind = "loose" if "loose" in kinds else queue.kind
        self.put("merge", chosen, [(kind, len(chosen) == 1 and queue.in_order)], loose=kind == "loose")

    def add_tee(self, queue: Open) -> None:
        self.put("tee", [queue], [queue[1:]] * self.pick([2, 2, 3]))

    def add_diamond(self, queue: Open) -> None:
        """A tee, something on each branch, and a zip."""
        node = self.put("tee", [queue], [queue[1:]] * self.pick([2, 2, 3]))
        lanes = [one for one in self.open if one.number in node.outputs]
        self.open = [one for one in self.open if one not in lanes]
        self.zip([self.walk(lane) for lane in lanes], numbered=False)

    def add_rows(self, queue: Open) -> None:
        """A zip of two sources, if there are two that nobody has read."""
        sources = [one for one in self.open if one.in_order and not one.tees and one.number < len(self.sources)]
        if queue.number >= len(self.sources) or not sources:
            self.add_filter(queue)
            return
        self.open.remove(sources[0])
        uneven = self.sources[queue.number] != self.sources[sources[0].number]  # what is read of the rest is not known
        self.zip([self.walk(queue, 1), self.walk(sources[0], 1)], numbered=True, fills=uneven)

    def zip(self, lanes: list[Open], *, numbered: bool, fills: bool = False) -> None:
        fills = fills or self.flag()
        in_order = all(lane.in_order for lane in lanes) and not fills
        self.has_rows |= numbered
        applied = not fills and self.flag(3)
        node = self.put("zip", lanes, [("item", in_order)], fills=fills, numbered=numbered, applied=applied)
        if applied:
            traits = self.policies(permanent=True)
            traits["makes"] = self.pick(["wrap", "same"])
            self.put("map", [self.take(node)], [("item", in_order and traits["ordered"])], applied=True, **traits)

    def walk(self, queue: Open, most: int = 2) -> Open:
        """Some operators one after the other that keep what an item is, or drop it."""
        for _ in range(self.draw(st.integers(0, most))):
            if queue.kind == "item":
                queue = getattr(self, "walk_" + self.pick(["map", "map", "filter", "split", "batch", "diamond"]))(queue)
        return queue

    def walk_map(self, queue: Open) -> Open:
        self.add_map(queue)
        return self.take(self.nodes[-1])

    def walk_filter(self, queue: Open) -> Open:
        self.add_filter(queue)
        return self.take(self.nodes[-1])

    def walk_split(self, queue: Open) -> Open:
        """Apart and together again; the last branch may go elsewhere."""
        self.add_split(queue)
        parts = [one for one in self.open if one.number in self.nodes[-1].outputs][: 3 - self.flag()]
        self.open = [one for one in self.open if one not in parts]
        return self.take(self.put("merge", parts, [("item", False)]))

    def walk_batch(self, queue: Open) -> Open:
        """Into batches, through a task, and out of them."""
        self.add_batch(queue)
        queue = self.take(self.nodes[-1])
        isolate = self.flag()
        loose = isolate or queue.kind == "loose"
        traits = self.policies(permanent=queue.kind != "loose" or isolate)
        in_order = queue.in_order and traits["ordered"]
        traits |= {"makes": "each", "isolate": isolate, "loose": loose}
        node = self.put("map", [queue], [("loose" if loose else "lists", in_order)], **traits)
        self.add_unbatch(self.take(node))
        return self.take(self.nodes[-1])

    def walk_diamond(self, queue: Open) -> Open:
        self.add_diamond(queue)
        return self.take(self.nodes[-1])


@st.composite
def graphs(
    draw: Any, *, ordered: bool | None = None, most: int = 10, operators: Mapping[str, list[str]] = OPERATORS
) -> Graph:
    """A graph of up to `most` nodes; with `ordered` each task keeps the order (None: drawn)."""
    sources = [draw(SOURCE | RANGE) for _ in range(draw(st.sampled_from([1, 1, 2, 3])))]
    ordered = draw(st.booleans()) if ordered is None else ordered
    drawing = _Drawing(draw, list(map(len, sources)), ordered, operators)
    for _ in range(draw(st.integers(1, most))):
        if drawing.open:
            drawing.add()
    made = [queue for queue in drawing.open if queue.number >= len(sources)]
    bounded = draw(st.lists(st.integers(len(sources), drawing.queues - 1), max_size=2, unique=True)) if made else []
    return Graph(
        tuple(sources),
        tuple(drawing.nodes),
        {queue.number: queue.kind for queue in made},
        frozenset(queue.number for queue in made if queue.in_order),
        {number: draw(st.integers(1, 3)) for number in bounded},
    )


@st.composite
def batched(draw: Any) -> Graph:
    """Items in order, of many kinds, into a batch by key and weight, and out of it again."""
    labels = tuple(draw(st.lists(st.one_of(st.integers(0, 99), st.sampled_from(WEIRD)), max_size=40)))
    trouble = draw(st.sampled_from([(), (), (Trouble("raise", NEVER),), (Trouble("exit", NEVER),)]))
    keys, weight = draw(st.sampled_from([(4, 0), (0, 5), (4, 5), (2, 3)]))
    batch = Node(
        "batch",
        "n0",
        (0,),
        (1,),
        size=draw(st.integers(0, 4)),
        keys=keys,
        max_keys=draw(st.integers(1, 3)),
        max_weight=weight,
        troubles=trouble,
        rarity=draw(st.integers(2, 4)),
    )
    if draw(st.booleans()):
        return Graph((labels,), (batch,), {1: "lists"}, frozenset(() if keys else (1,)), {})
    unbatch = Node("unbatch", "n1", (1,), (2,))
    return Graph((labels,), (batch, unbatch), {2: "item"}, frozenset(), {1: draw(st.integers(1, 3))})


def with_engine(graph: Graph, engine: str, retries: int) -> Graph:
    """The same graph with all tasks on one engine, and so many more retries."""
    nodes = (replace(node, engine=engine, retries=node.retries + retries) for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


def with_fuse(graph: Graph, fuse: bool) -> Graph:
    """The same graph with all predicates fused, or none, and the tasks that may be."""
    return replace(graph, nodes=tuple(replace(node, fuse=fuse) for node in graph.nodes))


def journeys() -> st.SearchStrategy[Graph]:
    """Graphs of tasks on worker processes, many of which may travel together."""
    return graphs(operators=JOURNEYS).map(lambda graph: replace(graph, nodes=tuple(map(_travelling, graph.nodes))))


def _travelling(node: Node) -> Node:
    if node.op not in ("map", "sink") or node.applied:
        return node
    troubles = tuple(one if one.kind != "slow" else Trouble("raise", one.times) for one in node.troubles)
    retries = node.retries + (node.engine != "process")
    traits = {"engine": "process", "workers": 2, "timeout": None, "idempotent": True, "limits": (), "fuse": True}
    return replace(node, troubles=troubles, retries=retries, **traits)
