"""What the tasks and predicates of random graphs do, told on *labels*: plain data that stand for items.

    label                              item
    7, "nan", "none"                   7, float("nan"), None
    "raises", "array", "sentinel" ...  a `Thing` that is hard to compare, or looks like something else
    ("made", "n3", label)              a `Thing` that task n3 made of an item
    ("failure", "n3", label)           what an error queue carries
    ("sum", 7)                         what a reduce makes of items
    ("row", label, label)              a tuple
    [label, ...]                       a list

So the pipeline under test and the reference interpreter share one definition of what a task does, and nothing else.
Which items get into trouble is drawn by hashing the label with the node's name: the same for all schedules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple
from zlib import crc32

Label = Any
NEVER = 10**9
"""Times that nobody retries: such a trouble is permanent."""


class Trouble(NamedTuple):
    """The first `times` attempts of an item end like this: "raise", "exit", "crash" or "slow"."""

    kind: str
    times: int


class Bound(NamedTuple):
    """Tasks that share this do so many items at a time, or start so many in any `per` seconds."""

    name: str
    most: int
    per: float | None = None


@dataclass(frozen=True)
class Node:
    """One operator of a random graph. `inputs` and `outputs` are numbers of queues; an error queue comes last.

    `makes` tells what a task makes of an item. One item in `rarity` meets each of the `troubles`. A batch goes by one
    of so many `keys` and by weight where these and `max_weight` are not 0; by size unless that is 0. A zip `fills` gaps
    with None, or drops the rest; it pairs by place, or is `numbered`. `applied`: a zip and the
    map behind it are one `apply`. `lazy`: the task is a generator function;
    `initial`: the reduce begins with a value of its own.
    """

    op: str
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    makes: str = "wrap"
    troubles: tuple[Trouble, ...] = ()
    rarity: int = 1
    retries: int = 0
    workers: int = 1
    engine: str = "thread"
    timeout: float | None = None
    errors: bool = False
    ordered: bool = False
    isolate: bool = False
    idempotent: bool = True
    limits: tuple[Bound, ...] = ()
    chained: bool = False
    branches: int = 2
    fuse: bool = False
    size: int = 1
    fill: bool = True
    keys: int = 0
    max_keys: int = 0
    max_weight: int = 0
    loose: bool = False
    fills: bool = False
    numbered: bool = False
    applied: bool = False
    lazy: bool = False
    initial: bool = False

    @property
    def flows(self) -> bool:
        """Whether a failed item keeps what it gave before it failed."""
        whole = self.timeout is not None or self.limits
        return self.lazy and not (whole or self.retries or self.isolate or self.ordered)

    def __repr__(self) -> str:
        told = [f"{one.name}={value!r}" for one in fields(self) if (value := getattr(self, one.name)) != one.default]
        return f"Node({', '.join(told)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # Hypothesis would print all fields


@dataclass(frozen=True)
class Graph:
    """A random graph: labels per source, nodes in order of declaration, and what is known of each queue that ends."""

    sources: tuple[Sequence[Label], ...]
    nodes: tuple[Node, ...]
    ends: dict[int, str]
    in_order: frozenset[int]
    maxsizes: dict[int, int]


def draw(node: Node, label: Label, among: int) -> int:
    """A number below `among` that depends on the node and the label only."""
    return crc32(f"{node.name}{label!r}".encode()) % among


def trouble(node: Node, label: Label) -> Trouble | None:
    """What befalls the first attempts of this item at this node; of a list, the worst of its members."""
    if isinstance(label, list):
        found = [one for member in label if (one := trouble(node, member))]
        return max(found, key=lambda one: one.times, default=None)
    number = draw(node, label, max(1, len(node.troubles) * node.rarity))
    return node.troubles[number] if number < len(node.troubles) else None


def fails(node: Node, label: Label) -> bool:
    """Whether the item fails for good at this node."""
    found = trouble(node, label)
    return found is not None and found.times > node.retries


def elements(label: Label) -> list[Label] | None:
    """What an unbatch finds in an item; None if it is nothing that can be iterated."""
    if isinstance(label, tuple) and label[0] == "row":
        return list(label[1:])
    return label if isinstance(label, list) else None


def make(node: Node, label: Label) -> Label:
    """What the task of this node makes of an item."""
    if node.makes == "fan":
        return [("made", f"{node.name}.{number}", label) for number in range(draw(node, label, 4))]
    if node.makes == "each":
        return [("made", node.name, member) for member in label]
    if node.makes == "grow":
        return [*label, ("made", node.name, "none")]
    return {"wrap": ("made", node.name, label), "same": label, "none": "none"}[node.makes]


def key_of(node: Node, label: Label) -> int:
    """Which key of a batch an item has."""
    return draw(node, label, node.keys)


def weight_of(node: Node, label: Label) -> int:
    """How heavy an item is: at the most, heavier than a list of the batch may be."""
    return draw(node, ["weight", label], node.max_weight + 2)


def given_before_trouble(node: Node, label: Label) -> int:
    """How many elements a lazy task gives before it meets its trouble, if it has as many."""
    return draw(node, label, 3) if node.flows else 0


def total(node: Node, *labels: Label) -> Label:
    """What a reduce makes of its accumulator and an item, in whatever order they come."""
    return ("sum", sum(weight(node, label) for label in labels))


def weight(node: Node, label: Label) -> int:
    """What an item adds to a sum: of a list, what its members add."""
    if isinstance(label, list):
        return sum(weight(node, member) for member in label)
    return label[1] if isinstance(label, tuple) and label[0] == "sum" else draw(node, label, 1000)


def branch(node: Node, label: Label) -> int:
    """Which branch of a split an item takes (0: a filter keeps it). One more than there are: it has nowhere to go."""
    return draw(node, label, node.branches + (node.branches > 2 and draw(node, label, 5) == 0))
