"""The nodes that connect queues, kept in a `Graph`. Nothing here runs.

Nodes are frozen and know the file and line that declared them. Compile and runtime never ask what a node *is*, only
for its traits: the per-item work or the regrouping it stands for, and where that may run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from skorche.errors import GraphError, Location, shorten
from skorche.kernel import Work
from skorche.named import NamedTuple
from skorche.queue import Queue
from skorche.regrouping import Regrouping
from skorche.tasks import Task

if TYPE_CHECKING:
    from skorche.hints.items import Items, Rule

AnyQueue = Queue[Any]


class Pairing(NamedTuple):
    """How a `zip` makes tuples: what takes the place of a missing item ("drop": no tuple); must lengths agree?"""

    missing: object = "drop"
    strict: bool = False

    @property
    def drops(self) -> bool:
        """Whether a tuple with a gap is dropped. The value may be anybody's object, which is not compared."""
        return isinstance(self.missing, str) and self.missing == "drop"


class Node(NamedTuple):
    """Traits that compile and render ask for. Operators (in `ops`) fill them in; nobody asks for their type.

    `work` makes the per-item step, `regrouping` the memory, `pairing` puts items of several inputs together. Only a
    step and a memory may come together: what the step gives goes into the memory. `rides` tells where the step may run:
    "alone" (a stage of its own), "lane" (behind a stage that runs one call at a time in this process) or "anywhere"
    (behind any stage). `places` tells what becomes of the items' places: they are kept, gathered into groups, spread
    from groups again, or there is one new item ("one") or any number of them ("new"). `types` makes of what is known of
    the inputs' types what is known of the outputs'.

    `flows`: an item may be worked on a part at a time. `takes_in`: items end here, as delivered. `folds`: moreover, the
    work keeps a value (`plan.Fold`), so it runs in this process, one call at a time; the last goes to the output.

    `operator` is the name of the function that declared it, and `settings` what that was given besides queues and the
    task: with them it can be declared again.
    """

    label: str
    name: str
    inputs: tuple[Queue[Any], ...]
    outputs: tuple[Queue[Any], ...]
    declared: Location
    task: Task[Any, Any] | None = None
    errors: Queue[Any] | None = None
    rides: Literal["alone", "lane", "anywhere"] = "alone"
    work: Callable[[], Work] | None = None
    regrouping: Callable[[], Regrouping] | None = None
    pairing: Pairing | None = None
    places: Literal["kept", "gathered", "spread", "one", "new"] = "kept"
    edge_labels: tuple[str, ...] = ()
    flows: bool = False
    takes_in: bool = False
    folds: bool = False
    types: Rule | None = None
    operator: str = ""
    settings: Mapping[str, Any] = MappingProxyType({})

    @property
    def title(self) -> str:
        """What to call the node in a message, and where it was declared."""
        return f"{'task' if self.task else 'op'} {self.name!r} ({self.declared})"


class Graph:
    """Nodes in order of declaration, and which queue connects which. Refuses what cannot be right at once."""

    def __init__(self, name: str = "pipeline", *, check_types: bool = True) -> None:
        self.name, self.check_types = name, check_types
        self.nodes: list[Node] = []
        self.producers: dict[int, Node] = {}
        self.consumers: dict[int, Node] = {}
        self.queues: dict[int, Queue[Any]] = {}
        self.types: dict[int, Items] = {}
        self.single: dict[int, AnyQueue] = {}
        """By identity, the inputs that are known to give one item."""
        self.shared: dict[int, str] = {}
        """By identity, the queues that several may read, with the name of the tee between ("": one does, so far)."""

    def add(self, node: Node) -> Node:
        """Add a node under a name of its own.

        Raises:
            GraphError: a queue is taken already, stands on both sides, or closes a circle; or types surely do not fit.
        """
        node = node._replace(name=self._unique(node.name))
        outputs = [*node.outputs, *([node.errors] if node.errors is not None else [])]
        self._check_free(node.inputs, self.consumers, node, "consumes", "tee it when both need every item")
        self._check_free(outputs, self.producers, node, "fills", "give each its own queue and merge them")
        for queue in outputs:
            self._check_fillable(queue, node)
        self._check_acyclic(node, outputs)
        if self.check_types:
            from skorche.hints.items import follow  # a worker, which declares nothing, does without

            self.types |= follow(node, self.types, self.consumers)
        self._connect(node, outputs)
        return node

    def _connect(self, node: Node, outputs: Sequence[Queue[Any]]) -> None:
        self.nodes.append(node)
        for queue in node.inputs:
            self.consumers[id(queue)] = node
        for queue in outputs:
            self.producers[id(queue)] = node
            queue.filled_by, queue.pipeline = node.title, self.name
        self.queues.update((id(queue), queue) for queue in (*node.inputs, *outputs))
        self._mark_readers(*node.inputs, *outputs)

    def _mark_readers(self, *queues: Queue[Any]) -> None:
        """Note on each who takes its items, unless another pipeline fills it. Nobody else should read them."""
        for queue in queues:
            if id(queue) in self.producers or queue.filled_by is None:
                reader = self.consumers.get(id(queue))
                queue.taken_by = None if reader is None else reader.title

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Declare all of the block, or nothing, if it raises."""
        tables: list[dict[int, Any]] = [self.producers, self.consumers, self.queues, self.types]
        tables += [self.single, self.shared]
        nodes, kept = self.nodes[:], [dict(table) for table in tables]
        try:
            yield
        except BaseException:
            for key in self.producers.keys() - kept[0].keys():
                self.queues[key].filled_by = None
            for key in self.queues.keys() - kept[2].keys():
                self.queues[key].taken_by = None
            self.nodes[:] = nodes
            for table, before in zip(tables, kept, strict=True):
                table.clear()
                table.update(before)
            self._mark_readers(*self.queues.values())
            raise

    def redirect(self, queue: AnyQueue, own: AnyQueue) -> None:
        """Have the reader of a queue read another one, which nobody reads."""
        reader = self.consumers.pop(id(queue))
        inputs = tuple(own if one is queue else one for one in reader.inputs)
        self.consumers[id(own)] = reader
        self.queues[id(own)] = own
        self.replace(reader, reader._replace(inputs=inputs))

    def replace(self, old: Node, new: Node) -> None:
        """Put a node in the place of another, with the outputs it has besides."""
        self.nodes[next(place for place, one in enumerate(self.nodes) if one is old)] = new
        for known in (self.producers, self.consumers):
            known.update({key: new for key, one in known.items() if one is old})
        for queue in new.outputs:
            self.producers[id(queue)], self.queues[id(queue)], queue.filled_by = new, queue, new.title

    def _unique(self, name: str) -> str:
        taken = {node.name for node in self.nodes}
        number, unique = 1, name
        while unique in taken:
            number += 1
            unique = f"{name}({number})"
        return unique

    def _check_free(self, queues: Sequence[object], known: dict[int, Node], node: Node, verb: str, advice: str) -> None:
        for position, queue in enumerate(queues):
            if not isinstance(queue, Queue):
                kind = type(queue)
                name = kind.__name__ if kind.__name__ != "Queue" else f"{kind.__module__}.Queue"
                raise GraphError(
                    f"{node.title} was given {shorten(queue)} where a queue belongs.",
                    f"{name} objects are no queues{'' if name == kind.__name__ else ' of skorche'}.",
                    _mend_for(queue) if verb == "consumes" else "give a skorche.Queue(name='...'), or leave it out.",
                )
            other = known.get(id(queue))
            if other is not None or any(queue is one for one in queues[:position]):
                raise GraphError(
                    f"{node.title} {verb} {queue.title}, which {other.title if other else 'it'} {verb} already.",
                    "a queue has one producer and one consumer.",
                    f"{advice}. Running a notebook cell twice does this too: call skorche.init() first, "
                    "or declare inside a `with skorche.Pipeline():` block.",
                )

    def _check_fillable(self, queue: Queue[Any], node: Node) -> None:
        if queue.fixed_inputs is not None:
            raise GraphError(
                f"{node.title} fills {queue.title}, which has fixed_inputs.",
                "its items are given already.",
                "use a queue without fixed_inputs for the output.",
            )
        if queue.key is not None:
            raise GraphError(
                f"{node.title} fills {queue.title}, which has a key.",
                "keys deal out inputs to shards, and what is made of an input stays in its shard.",
                "give key= to the queue that the pipeline begins with.",
            )

    def _check_acyclic(self, node: Node, outputs: Sequence[Queue[Any]]) -> None:
        reached, ahead = {id(queue) for queue in node.inputs}, list(outputs)
        while ahead:
            queue = ahead.pop()
            if id(queue) in reached:
                raise GraphError(
                    f"{node.title} closes a circle through {queue.title}.",
                    "items would go round for ever, and no queue in it could ever end.",
                    "give the output a queue of its own.",
                )
            follower = self.consumers.get(id(queue))
            if follower is not None:
                ahead += [*follower.outputs, *([follower.errors] if follower.errors is not None else [])]

    def sources(self) -> list[Queue[Any]]:
        """Queues that no node fills, in order of declaration: the first one's items stand first in the results."""
        found = [queue for key, queue in self.queues.items() if key not in self.producers]
        return sorted(found, key=lambda queue: queue.number)

    def ends(self) -> list[Queue[Any]]:
        """Queues that no node consumes, in order of declaration."""
        return [queue for key, queue in self.queues.items() if key not in self.consumers]


def _mend_for(given: object) -> str:
    """How to come to a queue from what was given in its place."""
    if isinstance(given, tuple) and given and all(isinstance(one, Queue) for one in given):
        return "take one of these queues: `left, right = skorche.tee(queue)` gives each a name."
    if isinstance(given, Task) or callable(given):
        return "bind the task first: skorche.map(task, queue) gives a queue."
    if given is None:
        return "give the queue that map, or another operator, returned; sink returns none."
    if isinstance(given, str):
        return "name a queue as skorche.Queue(name='...'), or wrap items as skorche.Queue(fixed_inputs=items)."
    return "wrap items as skorche.Queue(fixed_inputs=items)."


class Scope:
    """Which graph operators add to: the one of the innermost `with Pipeline()` block, else the default one."""

    def __init__(self) -> None:
        self.default = Graph()
        self.entered: ContextVar[Graph | None] = ContextVar("skorche_graph", default=None)

    @property
    def graph(self) -> Graph:
        """The graph that a declaration belongs to now."""
        return self.entered.get() or self.default


SCOPE = Scope()


def declare(
    label: str, name: str, inputs: tuple[Queue[Any], ...], outputs: Sequence[Queue[Any] | None], **traits: Any
) -> tuple[Queue[Any], ...]:
    """Add a node to the current graph; makes the queues that were not given. Returns the output queues."""
    made = tuple(Queue() if queue is None else queue for queue in outputs)
    location = Location.of_caller()
    SCOPE.graph.add(Node(label=label, name=name, inputs=inputs, outputs=made, declared=location, **traits))
    return made
