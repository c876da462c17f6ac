"""The account of the run: what became of each source item. Counted where it happens, never by subtraction.

An item that never had more than one living descendant costs one addition when it ends, and a chunk of those one
addition for all. Only for the others is a count of living descendants kept, with the worst end any of them met.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import chain

from skorche.place import Group, Place, Places, roots


class End(IntEnum):
    """How an item ends, the worst last."""

    FILTERED = 0
    DELIVERED = 1
    CANCELLED = 2
    FAILED = 3


def _simple(places: Places) -> int | None:
    """How many source items these are, if that can be told at a glance: all numbers, or all batches of numbers."""
    if type(places) is range:
        return len(places)
    kinds = set(map(type, places))
    if kinds <= {int}:
        return len(places)
    if kinds == {Group} and set(map(type, chain.from_iterable(places))) == {int}:  # type: ignore[arg-type]  # all Groups
        return sum(map(len, places))  # type: ignore[arg-type]  # all Groups
    return None


class Ledger:
    """Admitted items and their ends."""

    def __init__(self) -> None:
        self.admitted = 0
        self.ended = dict.fromkeys(End, 0)
        self._alive: dict[int, list[int]] = {}

    @property
    def open_roots(self) -> int:
        """Source items with several living descendants."""
        return len(self._alive)

    def end(self, places: Places, how: End) -> None:
        """Items at these places met their end."""
        if not self._alive and (count := _simple(places)) is not None:
            self.ended[how] += count
            return
        for place in places:
            for root in roots(place):
                self._end_one(root, how)

    def _end_one(self, root: int, how: End) -> None:
        entry = self._alive.get(root)
        if entry is None:
            self.ended[how] += 1
            return
        entry[0] -= 1
        entry[1] = max(entry[1], how)
        if not entry[0]:
            del self._alive[root]
            self.ended[End(entry[1])] += 1

    def expand(self, place: Place, count: int) -> None:
        """The item at this place became `count` items (a batch that keeps its length gives its members back)."""
        if isinstance(place, Group) and len(place) == count:
            return
        if count == 0:
            self.end([place], End.FILTERED)
        elif count > 1:
            self.multiply(place, count)

    def multiply(self, place: Place, count: int) -> None:
        """The item at this place became `count` items, each of which comes from all of its source items."""
        for root in roots(place):
            entry = self._alive.setdefault(root, [1, End.FILTERED])
            entry[0] += count - 1

    def mark(self, place: Place, how: End) -> None:
        """Remember a bad end for an item that lives on (as a `Failure` in a queue)."""
        for root in roots(place):
            entry = self._alive.setdefault(root, [1, End.FILTERED])
            entry[1] = max(entry[1], how)
