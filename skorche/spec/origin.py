"""Where a pipeline comes from, if it was loaded, and how it goes back to YAML."""

from __future__ import annotations

from typing import NamedTuple

from skorche.graph import Graph, Node
from skorche.spec.components import ComponentSpec, saved_components
from skorche.spec.intake import Rows
from skorche.spec.registry import Functions, Registry
from skorche.spec.saving import as_yaml, saved_graph


class Origin(NamedTuple):
    """What a pipeline was loaded from: the functions, and, of components, their spec, with the nodes it declared."""

    functions: Functions | None
    rows: Rows | None
    components: ComponentSpec | None
    nodes: tuple[Node, ...]

    def declared(self, graph: Graph) -> ComponentSpec | None:
        """The component spec, if it tells all that is in the graph."""
        return self.components if tuple(map(id, graph.nodes)) == tuple(map(id, self.nodes)) else None


def yaml_of(graph: Graph, functions: Functions | None, origin: Origin | None) -> str:
    """The graph as YAML.

    Raises:
        SpecError: something in it cannot be said in a spec; all findings.
    """
    components = origin.declared(graph) if origin is not None else None
    if components is not None:
        return as_yaml(saved_components(components, check_types=graph.check_types))
    if functions is None and origin is not None:
        functions = origin.functions
    return as_yaml(saved_graph(graph, Registry(functions)))
