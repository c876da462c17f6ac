"""A random graph for a soak: those of the laws, with more items, each of its own label, and troubles of real length."""

from dataclasses import replace
from random import Random

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from laws.behaviour import NEVER, Graph, Label, Node
from laws.graphs import WEIRD, graphs

MOST_ITEMS = 1000
MOST_LIMITED_ITEMS = 100
"""Where tasks have limits: they go to workers one by one, and while those are killed all the time, that takes long."""
TIMEOUT = 1.0
RARE = 40
"""One item in so many meets a trouble that costs a worker, or a timeout."""

PACE = 100
"""A rate lets so many times more through than in the laws, where there are so many times fewer items."""

DRAWN = 12
"""Of so many the one with the most tasks is taken: the first that Hypothesis draws are the smallest."""


def draw_graph(seed: int) -> Graph:
    """The graph of that seed."""
    found: list[Graph] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=DRAWN,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs())
    def collect(graph: Graph) -> None:
        found.append(graph)

    collect()
    return _made_real(max(found, key=_tasks_of), Random(seed))


def _tasks_of(graph: Graph) -> int:
    return sum(node.op == "map" for node in graph.nodes)


def _made_real(graph: Graph, random: Random) -> Graph:
    odd = [label for label in WEIRD if isinstance(label, str)]
    random.shuffle(odd)
    most = MOST_LIMITED_ITEMS if any(node.limits for node in graph.nodes) else MOST_ITEMS
    sources = tuple(_labels(number, most, odd, random) for number in range(len(graph.sources)))
    return replace(graph, sources=sources, nodes=tuple(map(_with_real_troubles, graph.nodes)))


def _labels(source: int, most: int, odd: list[str], random: Random) -> tuple[Label, ...]:
    """Numbers that no other source has, and some odd items that nobody else has."""
    labels: list[Label] = [1000 * source + number for number in range(random.randint(0, most))]
    for _ in range(min(len(odd), len(labels), 2)):
        labels[random.randrange(len(labels))] = odd.pop()
    return tuple(labels)


def _with_real_troubles(node: Node) -> Node:
    """No label is made twice; and what a kill could fail is known by its label."""
    kinds = {one.kind for one in node.troubles}
    lasting = {one for one in node.troubles if one.times == NEVER}
    blurred = node.op == "map" and node.loose and not node.isolate
    return replace(
        node,
        makes={"none": "wrap", "grow": "each"}.get(node.makes, node.makes),
        rarity=max(node.rarity, RARE) if kinds & {"crash", "slow"} or len(lasting) > 1 else node.rarity,
        engine="thread" if blurred else node.engine,
        timeout=None if blurred or node.timeout is None else TIMEOUT,
        troubles=tuple(one for one in node.troubles if not (blurred and one.kind == "slow")),
        limits=tuple(one if one.per is None else one._replace(most=PACE * one.most) for one in node.limits),
    )
