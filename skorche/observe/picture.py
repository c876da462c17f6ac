"""What a picture of a graph shows, whichever way it is drawn: marks, the links between them, and their words.

Tasks, operators, named ends and, where they are wanted, anonymous queues are marks. A queue between two nodes is a
link: a named one labels it, a split's value too. Names come from users, so none is trusted: not to be printable, not to
be short. What stands in a `Picture` is one line of printable text each time; escaping it is left to who draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

from skorche.errors import GraphError, nearest, shorten
from skorche.graph import Graph, Node
from skorche.named import NamedTuple
from skorche.observe.looks import Look, Outcomes, check_outcomes, counts_of, words_of
from skorche.queue import Queue

LONGEST_LABEL = 60
"""Characters of a name that are shown; a longer one is cut in the middle."""

Root = Queue[Any] | Sequence[Queue[Any]] | None


class Mark(NamedTuple):
    """A node, or a queue that is seen. `lines` are its words; `outcome` is what became of a node in a run, or "".

    `node` is the name of a node. `badges` are words that stand out, and `look` is how it is drawn, if not by its kind
    and its outcome.
    """

    own: str
    kind: Literal["task", "op", "end", "point"]
    lines: tuple[str, ...]
    outcome: str = ""
    node: str = ""
    badges: tuple[str, ...] = ()
    look: Look | None = None


class Link(NamedTuple):
    """A line from one mark to another, by their `own`. `errors`: failed items go over it.

    `flow` items went over it, which is its last word then; `width` is how thick it is drawn.
    """

    tail: str
    head: str
    lines: tuple[str, ...] = ()
    errors: bool = False
    flow: int | None = None
    width: float = 1.0


class Picture(NamedTuple):
    """Marks and links in order of declaration: the same for the same graph."""

    name: str
    marks: tuple[Mark, ...]
    links: tuple[Link, ...]


NOTHING = Picture("", (), ())


def plain_picture(picture: Picture) -> dict[str, Any]:
    """The picture of what became of a run, in plain values, fit for JSON."""
    marks = [[mark.own, mark.kind, [*mark.lines], mark.outcome, mark.node] for mark in picture.marks]
    links = [[link.tail, link.head, [*link.lines], link.errors, link.flow] for link in picture.links]
    return {"name": picture.name, "marks": marks, "links": links}


def picture_from(plain: Mapping[str, Any]) -> Picture:
    """The picture that `plain_picture` made this of.

    >>> picture = Picture("p", (Mark("n1", "task", ("inc",)), Mark("q1", "end", ("out",))), (Link("n1", "q1"),))
    >>> picture_from(plain_picture(picture)) == picture
    True
    """
    marks = [Mark(own, kind, tuple(lines), *rest) for own, kind, lines, *rest in plain["marks"]]
    links = [Link(tail, head, tuple(lines), *rest) for tail, head, lines, *rest in plain["links"]]
    return Picture(plain["name"], tuple(marks), tuple(links))


def picture_of(
    graph: Graph, root: Root = None, skip_anon_queues: bool = True, status: Outcomes | None = None
) -> Picture:
    """What is to be drawn of a graph, downstream of the roots; with `status`, also what became of it in a run.

    Raises:
        GraphError: a root is not in the graph, or the status is of another one.
    """
    if status is not None:
        check_outcomes(graph, status)
    reached = _downstream(graph, root)
    numbered = [(f"n{number}", node) for number, node in enumerate(graph.nodes, 1)]
    nodes = [(own, node) for own, node in numbered if any(id(queue) in reached for queue in node.inputs)]
    ids = {node.name: own for own, node in nodes}
    counts = counts_of(graph, status.nodes) if status is not None else {}
    wires = [
        _Wire(graph, queue, ids, f"q{number}", skip_anon_queues, counts.get(id(queue)))
        for number, queue in enumerate(graph.queues.values(), 1)
        if id(queue) in reached
    ]
    marks = [_node_mark(own, node, status) for own, node in nodes]
    marks += [mark for wire in wires for mark in wire.marks()]
    return Picture(shown(graph.name), tuple(marks), tuple(link for wire in wires for link in wire.links()))


def _node_mark(own: str, node: Node, status: Outcomes | None) -> Mark:
    """A task's name is the node's own, as the report says it; operators tell what they do."""
    lines: tuple[str, ...] = (shown(node.name if node.task else node.label),)
    outcome = status.status.get(node.name, "") if status is not None else ""
    if status is not None and outcome:
        lines += (shown(words_of(outcome, status.nodes.get(node.name))),)
    return Mark(own, "task" if node.task else "op", lines, outcome, node.name)


class _Wire:
    """A queue as it is drawn: the nodes it connects, and itself (`own`) if it is a named end or shall be seen."""

    def __init__(
        self, graph: Graph, queue: Queue[Any], ids: dict[str, str], own: str, skip: bool, count: int | None
    ) -> None:
        producer, consumer = graph.producers.get(id(queue)), graph.consumers.get(id(queue))
        self.name = str(queue.name or "")
        self.tail = ids.get(producer.name) if producer else None
        self.head = ids.get(consumer.name) if consumer else None
        alone = not (self.tail and self.head) if self.name else not skip
        self.own = own if alone else None
        self._value = _value(producer, queue) if producer else ""
        self._count = count
        self._counted = "" if count is None else f"{count} item{'s' * (count != 1)}"
        self._errors = producer is not None and producer.errors is queue

    def marks(self) -> Iterator[Mark]:
        """The queue's own mark, if it has one."""
        if self.own:
            yield Mark(self.own, "end" if self.name else "point", (shown(self.name),) if self.name else ())

    def links(self) -> Iterator[Link]:
        """The links that the queue is drawn as; what is known of it stands on the first."""
        stops = [stop for stop in (self.tail, self.own, self.head) if stop]
        for tail, head in pairwise(stops):
            first = tail == stops[0]
            said = (self._value if tail == self.tail else "", "" if self.own else self.name, self._counted * first)
            words = tuple(shown(line) for line in said if line)
            yield Link(tail, head, words, self._errors, self._count if first else None)


def _value(producer: Node, queue: Queue[Any]) -> str:
    """Which of a split's values the queue carries."""
    labels = zip(producer.outputs, producer.edge_labels, strict=False)  # only splits have labels
    return next((label for output, label in labels if output is queue), "")


def shown(name: str) -> str:
    """The name on one line: what cannot be printed as its escape, what is too long cut in the middle.

    >>> print(shown("two" + chr(10) + "lines"))
    two\\nlines
    """
    if len(name) > LONGEST_LABEL:
        half = (LONGEST_LABEL - 3) // 2
        name = name[: LONGEST_LABEL - 3 - half] + "..." + name[-half:]
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name)


# -- where it begins ------------------------------------------------------------------------------------------------


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
