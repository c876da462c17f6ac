"""Where a pipeline comes from, if it was loaded, and how it goes back to YAML."""

from __future__ import annotations

from skorche.errors import SpecError
from skorche.graph import Graph, Node
from skorche.named import NamedTuple
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

    def check(self, graph: Graph) -> None:
        """A component spec tells all that is in the graph, or nothing does.

        Raises:
            SpecError: something was declared besides.
        """
        known = set(map(id, self.nodes))
        more = [node for node in graph.nodes if id(node) not in known]
        if self.components is not None and more:
            raise SpecError(
                f"{more[0].title} was declared besides the components of {self.components.where}.",
                "components and operators cannot stand in one spec.",
                "make it a component, or declare all with operators.",
            )


def yaml_of(graph: Graph, functions: Functions | None, origin: Origin | None) -> str:
    """The graph as YAML.

    Raises:
        SpecError: something in it cannot be said in a spec; all findings.
    """
    if origin is not None and origin.components is not None:
        origin.check(graph)
        return as_yaml(saved_components(origin.components, check_types=graph.check_types))
    if functions is None and origin is not None:
        functions = origin.functions
    return as_yaml(saved_graph(graph, Registry(functions)))
