"""Functions whose hints tell the truth are never refused, whatever operators lie between them."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from types import GenericAlias
from typing import Any, Union

from hypothesis import event, given

from skorche import GraphError
from skorche.testing import simulate

from .behaviour import Graph, Node
from .effort import share
from .graphs import graphs
from .pipelines import Builder


def hint_of(values: list[Any]) -> Any:
    """The narrowest hint that is true of all these values."""
    return Union[tuple(map(_hint_of, values))] if values else Any  # noqa: UP007  (made here, not written down)


def _hint_of(value: Any) -> Any:
    if isinstance(value, list):
        return GenericAlias(list, (hint_of(value),))
    if isinstance(value, tuple):
        return GenericAlias(tuple, tuple(map(_hint_of, value)))
    return type(value)


class OnThreads(Builder):
    """Types are the same on every engine."""

    def add(self, node: Node) -> None:
        super().add(replace(node, engine="thread"))


class Watching(OnThreads):
    """Notes what each task is given and gives."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.took: dict[str, list[Any]] = defaultdict(list)
        self.gave: dict[str, list[Any]] = defaultdict(list)

    def function(self, node: Node) -> Callable[[Any], Any]:
        real = super().function(node)

        def watched(item: Any) -> Any:
            self.took[node.name].append(item)
            result = real(item)
            self.gave[node.name].append(result)
            return result

        return watched


class Hinted(OnThreads):
    """Declares the same with hints that say what was seen."""

    check_types = True

    def __init__(self, graph: Graph, seen: Watching) -> None:
        super().__init__(graph)
        self.seen = seen

    def function(self, node: Node) -> Callable[[Any], Any]:
        def hinted(item):
            raise AssertionError("nothing runs here")

        hinted.__annotations__ = {
            "item": hint_of(self.seen.took[node.name]),
            "return": hint_of(self.seen.gave[node.name]),
        }
        return hinted

    def add_merge(self, node: Node, inputs: list[Any], made: list[Any]) -> None:
        """Each queue of a merge must fit, also one from which nothing came: so types are not followed through it."""
        self.pipeline.map(lambda item: item, self.pipeline.merge(inputs), queue_out=made[0])


@share(0.5)
@given(graph=graphs())
def test_hints_that_say_what_was_seen_are_never_refused(graph: Graph) -> None:
    seen = Watching(graph)
    for node in graph.nodes:
        seen.add(node)
    simulate(seen.pipeline, seed=0, clock=seen.clock, on_error="collect")

    refusal = refusal_of(graph, seen)

    event(f"refused: {refusal.what.partition(' (')[0] if refusal else None}")
    if refusal is not None:  # an unbatch of what has no elements, which may be drawn
        assert refusal.what.startswith("unbatch cannot iterate")
        assert not refusal.why.startswith(("it would be given list", "it would be given tuple"))


def refusal_of(graph: Graph, seen: Watching) -> GraphError | None:
    """Declare the graph with the hints that were seen; the error, if there is one."""
    hinted = Hinted(graph, seen)
    try:
        for node in graph.nodes:
            hinted.add(node)
    except GraphError as refused:
        return refused
    return None
