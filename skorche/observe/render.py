"""Pictures of a graph: DOT text always, and what Graphviz's `dot` makes of it where that program is installed.

Left to right. Tasks are boxes, operators grey boxes, named ends plain text. A queue between two nodes is the edge
that connects them: a named one labels it, a split's value too, and error queues are red. Names come from users, so
none is trusted: not to be printable, not to be short, not to stay within its label, not to stay within the folder.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from skorche.errors import GraphError, nearest, shorten
from skorche.graph import Graph, Node
from skorche.queue import Queue

FORMATS = ("svg", "png", "pdf", "dot")

DOT_PATIENCE = 60.0
"""Seconds after which a picture that is still not drawn is given up, and left as text."""

LONGEST_LABEL = 60
"""Characters of a name that are shown; a longer one is cut in the middle."""

FONT = "Helvetica,Arial,sans-serif"
GRAPH_LOOK = {"fontname": FONT, "nodesep": "0.3", "pad": "0.1", "rankdir": "LR", "ranksep": "0.4"}
NODE_LOOK = {"fontname": FONT, "fontsize": "12", "height": "0.4", "margin": "0.15,0.05", "width": "0.6"}
EDGE_LOOK = {"arrowsize": "0.7", "color": "#555555", "fontname": FONT, "fontsize": "10"}
TASK_LOOK = {"shape": "box"}
OP_LOOK = {"fillcolor": "#dddddd", "shape": "box", "style": "filled"}
END_LOOK = {"margin": "0.08,0.05", "shape": "plaintext", "width": "0"}
ANONYMOUS_LOOK = {"shape": "point", "width": "0.06"}
ERRORS_LOOK = {"color": "red", "fontcolor": "red"}

ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "&": "&amp;"})

Root = Queue[Any] | Sequence[Queue[Any]] | None

_LOG = logging.getLogger("skorche")


def render(graph: Graph, filename: str, root: Root, directory: str, format: str, skip_anon_queues: bool) -> str:
    """Draw the graph into `directory`, and return the path written: the picture's, or that of its DOT text.

    Raises:
        GraphError: a root is not in the graph, the format is unknown, or the file would not be in `directory`.
        OSError: the file cannot be written.
    """
    target = _target(filename, directory, format)
    content = dot_text(graph, root, skip_anon_queues).encode()
    if format != "dot":
        try:
            content = _picture(content, format)
        except _NotDrawnError as reason:
            target = target.with_name(f"{target.name.removesuffix(f'.{format}')}.dot")
            _LOG.warning("%s. The picture is left as DOT text: %s", reason, target)
    _write(target, content)
    return str(target)


def dot_text(graph: Graph, root: Root = None, skip_anon_queues: bool = True) -> str:
    """The graph in DOT: a line for each node, a line for each edge, the same text for the same graph.

    Raises:
        GraphError: a root is not in the graph.
    """
    reached = _downstream(graph, root)
    numbered = [(f"n{number}", node) for number, node in enumerate(graph.nodes, 1)]
    nodes = [(own, node) for own, node in numbered if any(id(queue) in reached for queue in node.inputs)]
    ids = {node.name: own for own, node in nodes}
    links = [
        _Link(graph, queue, ids, f"q{number}", skip_anon_queues)
        for number, queue in enumerate(graph.queues.values(), 1)
        if id(queue) in reached
    ]
    lines = [_line(kind, look) for kind, look in (("graph", GRAPH_LOOK), ("node", NODE_LOOK), ("edge", EDGE_LOOK))]
    lines += [_line(own, _node_look(node)) for own, node in nodes]
    lines += [line for link in links for line in link.node_lines()]
    lines += [line for link in links for line in link.edge_lines()]
    return "\n".join([f'digraph "{_label(graph.name)}" {{', *lines, "}", ""])


def _line(drawn: str, look: dict[str, str]) -> str:
    attributes = " ".join(f'{name}="{value}"' for name, value in look.items())
    return f"    {drawn} [{attributes}]" if attributes else f"    {drawn}"


def _node_look(node: Node) -> dict[str, str]:
    """A task's name is the node's own, as the report says it; operators tell what they do."""
    return {"label": _label(node.name), **TASK_LOOK} if node.task else {"label": _label(node.label), **OP_LOOK}


class _Link:
    """A queue as it is drawn: the nodes it connects, and itself (`own`) if it is a named end or shall be seen."""

    def __init__(self, graph: Graph, queue: Queue[Any], ids: dict[str, str], own: str, skip: bool) -> None:
        producer, consumer = graph.producers.get(id(queue)), graph.consumers.get(id(queue))
        self.name = str(queue.name or "")
        self.tail = ids.get(producer.name) if producer else None
        self.head = ids.get(consumer.name) if consumer else None
        alone = not (self.tail and self.head) if self.name else not skip
        self.own = own if alone else None
        self._value = _value(producer, queue) if producer else ""
        self._look = ERRORS_LOOK if producer and producer.errors is queue else {}

    def node_lines(self) -> Iterator[str]:
        """The line of the queue's own node, if it has one."""
        if self.own:
            yield _line(self.own, {"label": _label(self.name), **(END_LOOK if self.name else ANONYMOUS_LOOK)})

    def edge_lines(self) -> Iterator[str]:
        """The lines of the edges that the queue is drawn as."""
        for tail, head in pairwise(stop for stop in (self.tail, self.own, self.head) if stop):
            label = _label(self._value if tail == self.tail else "", "" if self.own else self.name)
            yield _line(f"{tail} -> {head}", ({"label": label} if label else {}) | self._look)


def _value(producer: Node, queue: Queue[Any]) -> str:
    """Which of a split's values the queue carries."""
    labels = zip(producer.outputs, producer.edge_labels, strict=False)  # only splits have labels
    return next((label for output, label in labels if output is queue), "")


def _label(*lines: str) -> str:
    """What stands between quotes in DOT to show exactly these lines: no markup, no escapes, no entities."""
    return r"\n".join(_shown(line).translate(ESCAPES) for line in lines if line)


def _shown(name: str) -> str:
    """The name on one line: what cannot be printed as its escape, what is too long cut in the middle."""
    if len(name) > LONGEST_LABEL:
        half = (LONGEST_LABEL - 3) // 2
        name = name[: LONGEST_LABEL - 3 - half] + "..." + name[-half:]
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name)


# -- what is drawn --------------------------------------------------------------------------------------------------


def _downstream(graph: Graph, root: Root) -> set[int]:
    """The identities of the queues that can be reached from the roots, from all inputs if there are none."""
    ahead = list(graph.sources()) if root is None else _roots(graph, root)
    reached: set[int] = set()
    while ahead:
        queue = ahead.pop()
        reached.add(id(queue))
        consumer = graph.consumers.get(id(queue))
        made = [*consumer.outputs, consumer.errors] if consumer else []
        ahead += [output for output in made if output is not None and id(output) not in reached]
    return reached


def _roots(graph: Graph, root: Queue[Any] | Sequence[Queue[Any]]) -> list[Queue[Any]]:
    roots = [root] if isinstance(root, Queue) or not isinstance(root, Sequence) else list(root)
    for one in roots:
        if not isinstance(one, Queue):
            raise GraphError(
                f"render was given {shorten(one)} as a root.",
                f"{type(one).__name__} objects are no queues.",
                "give the queue where the picture is to begin, or several of them.",
            )
        if id(one) not in graph.queues:
            raise _stranger(graph, one)
    return roots


def _stranger(graph: Graph, root: Queue[Any]) -> GraphError:
    names = [str(queue.name) for queue in graph.queues.values() if queue.name]
    inputs = ", ".join(queue.title for queue in graph.sources()) or "it has none yet"
    return GraphError(
        f"render was given {root.title} as a root, which is not in pipeline {graph.name!r}.",
        "no operator of that pipeline reads or fills it, so nothing can be drawn from there.",
        f"{nearest(str(root.name), names)}Its inputs: {inputs}. Without root all of them are drawn.",
    )


# -- where it is written --------------------------------------------------------------------------------------------


def _target(filename: str, directory: str, format: str) -> Path:
    """The file to write, which is surely below the directory."""
    if format not in FORMATS:
        raise GraphError(
            f"render was given format={format!r}.",
            f"the formats are {', '.join(map(repr, FORMATS))}.",
            f"{nearest(str(format), FORMATS)}Otherwise leave it out, for a picture in SVG.",
        )
    stem = os.fspath(filename).removesuffix(f".{format}")
    target = Path(directory, f"{stem}.{format}")
    named = os.path.basename(stem) and "\0" not in stem
    if not named or not target.parent.resolve().is_relative_to(Path(directory).resolve()):
        raise GraphError(
            f"render was given filename={shorten(filename)}.",
            f"that is no file inside the directory {directory!r}.",
            "give a name such as 'demo', and the folder as directory=.",
        )
    return target


def _write(target: Path, content: bytes) -> None:
    """Write the file whole or not at all: whoever opens `target` finds the old picture or the new one."""
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        said = f"the picture cannot be written ({error.strerror}); choose another place with directory="
        raise OSError(error.errno, said, str(target)) from error


class _NotDrawnError(Exception):
    """`dot` is not there, or does not manage: no reason to stop the program that wanted to see its graph."""


def _picture(text: bytes, format: str) -> bytes:
    """What `dot` makes of the text."""
    dot = shutil.which("dot")
    if dot is None:
        cure = "apt install graphviz (Debian, Ubuntu), brew install graphviz (macOS) or conda install graphviz"
        raise _NotDrawnError(f"Graphviz's program dot is not installed ({cure})")
    try:
        command = [dot, f"-T{format}"]
        done = subprocess.run(command, input=text, capture_output=True, timeout=DOT_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise _NotDrawnError(f"{dot} was stopped after {DOT_PATIENCE:g} s") from None
    except OSError as error:
        raise _NotDrawnError(f"{dot} cannot be run ({error.strerror})") from error
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()[-500:] or "it said nothing"
        raise _NotDrawnError(f"{dot} failed with exit code {done.returncode} ({said})")
    return done.stdout
