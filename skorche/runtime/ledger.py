"""The account of the run: what became of each source item. Counted where it happens, never by subtraction.

An item that never had more than one living descendant costs one addition when it ends, and a chunk of those one
addition for all. Only for the others is a count of living descendants kept, with the worst end any of them met.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import chain, repeat
from typing import cast

from skorche.compact import Abreast, Elements, Groups, Packed, Selected, Spread
from skorche.place import Group, Place, Places, roots


class End(IntEnum):
    """How an item ends, the worst last."""

    FILTERED = 0
    DELIVERED = 1
    CANCELLED = 2
    FAILED = 3


_END_OF = {int(end): end for end in End}
_NUMBERS = frozenset({range, Selected, Packed})


def _simple(places: Places) -> int | None:
    """How many source items these are, if that can be told at a glance: all numbers, or all batches of numbers."""
    if type(places) in _NUMBERS:
        return len(places)
    if type(places) is Groups:
        return len(places.numbers)
    if type(places) is Abreast:
        return len(places) * len(places.runs)
    if type(places) is Elements or type(places) is Spread:
        return None
    kinds = set(map(type, places))
    if kinds <= {int}:
        return len(places)
    if kinds == {Group} and set(map(type, chain.from_iterable(places))) == {int}:  # type: ignore[arg-type]  # all Groups
        return sum(map(len, places))  # type: ignore[arg-type]  # all Groups
    return None


def _by_whole(places: Elements | Spread) -> Iterable[tuple[int, int]]:
    """The items that these are elements of, and how many each has here."""
    if isinstance(places, Elements):
        return Counter(places.wholes).items()
    return [(whole, count) for whole, count in zip(places.wholes, places.counts, strict=True) if count]


class Ledger:
    """Admitted items and their ends.

    A source item with several living descendants has an entry: four times their count, plus the worst end met so far.
    Entries are plain numbers, so that those of a whole chunk are looked up, and changed, in one call each.
    """

    def __init__(self) -> None:
        self.admitted = 0
        self.ended = dict.fromkeys(End, 0)
        self._alive: dict[int, int] = {}

    @property
    def open_roots(self) -> int:
        """Source items with several living descendants."""
        return len(self._alive)

    def end(self, places: Places, how: End) -> None:
        """Items at these places met their end."""
        if not self._alive and (count := _simple(places)) is not None:
            self.ended[how] += count
            return
        if type(places) is Elements or type(places) is Spread:
            for root, count in _by_whole(places):
                self._end_some(root, count, how)
        elif (entry := self._common_entry(places)) is None:
            for place in places:
                for root in roots(place):
                    self._end_some(root, 1, how)
        elif not entry:
            self.ended[how] += len(places)
        else:
            self._set_all(places, entry - 4 & ~3 | max(entry & 3, how))

    def _end_some(self, root: int, count: int, how: End) -> None:
        """So many of what comes from this source item met their end."""
        entry = self._alive.get(root)
        if entry is None:
            self.ended[how] += count
            return
        entry = entry - 4 * count & ~3 | max(entry & 3, how)
        if entry < 4:
            del self._alive[root]
            self.ended[_END_OF[entry]] += 1
        else:
            self._alive[root] = entry

    def _common_entry(self, places: Places) -> int | None:
        """The entry that all of these have (0: none has any); None if they differ, or are not so many source items."""
        numbers = cast("Sequence[int]", places)
        if type(places) is not range and (set(map(type, places)) != {int} or len(set(numbers)) < len(numbers)):
            return None
        known = set(map(self._alive.get, numbers, repeat(0)))
        return known.pop() if len(known) == 1 else None

    def _set_all(self, places: Places, entry: int) -> None:
        """The same new entry for all of these source items."""
        numbers = cast("Sequence[int]", places)
        if entry >= 4:
            self._alive.update(dict.fromkeys(numbers, entry))
            return
        deque(map(self._alive.__delitem__, numbers), maxlen=0)
        self.ended[End(entry)] += len(numbers)

    def expand(self, place: Place, count: int) -> None:
        """The item at this place became `count` items (a batch that keeps its length gives its members back).

        With a negative count it became `~count` items that take no place of a member, however many they are.
        """
        size = count if count >= 0 else ~count
        if type(place) is int and size > 1 and place not in self._alive:
            self._alive[place] = 4 * size  # by far the most frequent
        elif not (isinstance(place, Group) and len(place) == count):
            self.become(place, size)

    def become(self, place: Place, count: int) -> None:
        """The item at this place became `count` items, none of which takes the place of a member of a batch."""
        if count == 0:
            self.end([place], End.FILTERED)
        elif count > 1:
            self.multiply([place], count)

    def multiply(self, places: Places, count: int) -> None:
        """Each item became `count` items, each of which comes from all of its source items."""
        if self._common_entry(places) == 0:
            self._alive.update(dict.fromkeys(cast("Sequence[int]", places), 4 * count))
            return
        for place in places:
            for root in roots(place):
                self._alive[root] = self._alive.get(root, 4) + 4 * (count - 1)

    def join(self, places: Places, count: int) -> None:
        """At each place, `count` items that had become of one are one again."""
        if count < 2:
            return
        if self._common_entry(places) == 4 * count:  # nothing else is left of them: back to plain items
            deque(map(self._alive.__delitem__, cast("Sequence[int]", places)), maxlen=0)
            return
        for place in places:
            for root in roots(place):
                self._alive[root] -= 4 * (count - 1)
                if self._alive[root] == 4:
                    del self._alive[root]

    def mark(self, place: Place, how: End) -> None:
        """Remember a bad end for an item that lives on (as a `Failure` in a queue)."""
        for root in roots(place):
            entry = self._alive.get(root, 4)
            self._alive[root] = entry & ~3 | max(entry & 3, how)
