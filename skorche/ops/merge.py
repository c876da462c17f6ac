"""`merge`: several queues into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from skorche.errors import GraphError
from skorche.graph import declare
from skorche.kernel import Items
from skorche.place import Places
from skorche.queue import Queue

T = TypeVar("T")


def merge(queues_in: Sequence[Queue[T]], *, queue_out: Queue[T] | None = None) -> Queue[T]:
    """All items of all queues.

    >>> sorted(drive(merge, [1, 2], [10, 20]))
    [1, 2, 10, 20]

    Order of arrival; `flush` gives input order all the same. One in, one out. Holds nothing.

    Raises:
        GraphError: no queues are given, one is given twice, or one has a consumer already.
    """
    queues = (queues_in,) if isinstance(queues_in, Queue) else tuple(queues_in)
    if not queues:
        raise GraphError("merge was given no queues.", "there is nothing to merge.", "give a tuple of queues.")
    (made,) = declare(
        "Merge",
        "Merge",
        queues,
        [queue_out],
        regrouping=Passing,
        types=lambda *items: (items[0].merged(*items[1:]),),
        operator="merge",
    )
    return made


class Passing:
    """The memory of `merge` and `tee`: none."""

    held = 0
    eager = False

    def __init__(self) -> None:
        self.closed: dict[str, int] = {}

    def feed(self, items: Items, places: Places) -> tuple[Items, Places]:
        """Items pass as they come."""
        return items, places

    def close(self, reason: str) -> tuple[list[Any], Places]:
        """Nothing is held."""
        return [], []

    def held_within(self, depth: int) -> int:
        """Nothing is held."""
        return 0

    def drop(self) -> Places:
        """Nothing is held."""
        return []

    def outputs(self, inputs: int) -> int:
        """As many as come in."""
        return inputs

    def inputs(self, outputs: int) -> int:
        """As many as may come out."""
        return outputs

    def members(self, items: Items) -> int:
        """Each item is itself."""
        return len(items)
