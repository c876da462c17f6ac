"""A picture as text for Graphviz: a line for each mark, a line for each link."""

from __future__ import annotations

from skorche.graph import Graph
from skorche.observe.looks import LOOKS, Look, Outcomes
from skorche.observe.picture import Mark, Picture, Root, picture_of

FONT = "Helvetica,Arial,sans-serif"
GRAPH_LOOK = {"fontname": FONT, "nodesep": "0.3", "pad": "0.1", "rankdir": "LR", "ranksep": "0.4"}
NODE_LOOK = {"fontname": FONT, "fontsize": "12", "height": "0.4", "margin": "0.15,0.05", "width": "0.6"}
EDGE_LOOK = {"arrowsize": "0.7", "color": "#555555", "fontname": FONT, "fontsize": "10"}
LOOK_OF = {
    "task": {"shape": "box"},
    "op": {"fillcolor": "#dddddd", "shape": "box", "style": "filled"},
    "end": {"margin": "0.08,0.05", "shape": "plaintext", "width": "0"},
    "point": {"shape": "point", "width": "0.06"},
}
ERRORS_LOOK = {"color": "red", "fontcolor": "red"}

ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "&": "&amp;"})


def dot_text(graph: Graph, root: Root = None, skip_anon_queues: bool = True, status: Outcomes | None = None) -> str:
    """The graph in DOT: the same text for the same graph.

    Raises:
        GraphError: a root is not in the graph, or the status is of another one.
    """
    return dot_of(picture_of(graph, root, skip_anon_queues, status))


def dot_of(picture: Picture) -> str:
    """The picture in DOT."""
    lines = [_line(kind, look) for kind, look in (("graph", GRAPH_LOOK), ("node", NODE_LOOK), ("edge", EDGE_LOOK))]
    lines += [_line(mark.own, _mark_look(mark)) for mark in picture.marks]
    for link in picture.links:
        label = {"label": _label(*link.lines)} if link.lines else {}
        width = {"penwidth": f"{link.width:.2g}"} if link.width != 1 else {}
        lines.append(_line(f"{link.tail} -> {link.head}", label | width | (ERRORS_LOOK if link.errors else {})))
    return "\n".join([f'digraph "{_label(picture.name)}" {{', *lines, "}", ""])


def _line(drawn: str, look: dict[str, str]) -> str:
    attributes = " ".join(f'{name}="{value}"' for name, value in look.items())
    return f"    {drawn} [{attributes}]" if attributes else f"    {drawn}"


def _mark_look(mark: Mark) -> dict[str, str]:
    look = {"label": _label(*mark.lines, *mark.badges), **LOOK_OF[mark.kind]}
    own = mark.look or LOOKS.get(mark.outcome)
    return look | _own_look(own) if own else look


def _own_look(look: Look) -> dict[str, str]:
    style = "filled,dashed" if look.dashed else "filled"
    drawn = {"color": look.border, "fillcolor": look.fill, "style": style}
    return drawn | {"penwidth": "2.5"} if look.thick else drawn


def _label(*lines: str) -> str:
    """What stands between quotes in DOT to show exactly these lines: no markup, no escapes, no entities."""
    return r"\n".join(line.translate(ESCAPES) for line in lines)
