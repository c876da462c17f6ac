"""Chunks: the items that travel together, with their places."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from skorche.compact import Selected, in_a_row, join
from skorche.expansion import Portion
from skorche.kernel import Items
from skorche.named import NamedTuple
from skorche.place import Places

LITTLE = 256
"""So many items are copied in no time."""


class Chunk(NamedTuple):
    """Items for a stage, entering its kernel at step `entry`. `attempts` counts earlier ones; None: all are fresh.

    `portion` is how much may come of them at once, if an item may give it by and by.
    """

    items: Sequence[Any]
    places: Places
    entry: int = 0
    attempts: Sequence[int] | None = None
    portion: Portion | None = None


class Waiting:
    """Items waiting in line, held in the pieces they came in, so that places stay ranges while they can."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[Items, Places]] = deque()
        self._start = 0  # so many items of the first piece were taken
        self.count = 0

    def add(self, items: Items, places: Places) -> None:
        """Add a piece at the end."""
        self._pieces.append((items, places.smallest if type(places) is Selected else places))
        self.count += len(items)

    def put_back(self, items: Items, places: Places) -> None:
        """Add a piece at the front: items that were taken, and are not done with."""
        if self._start:
            self._pieces.appendleft(self._pop_first())
        self._pieces.appendleft((items, places))
        self.count += len(items)

    def take(self, count: int) -> tuple[Items, Places]:
        """Up to `count` items from the front. A piece that is nearly as large goes as it is, which saves copying it."""
        items, places = self._pieces[0]
        found = len(items) - self._start
        if found > count:
            return self._take_part(items, places, count)
        items, places = self._pop_first() if self._start else self._pieces.popleft()
        if 4 * found < 3 * count and self._pieces:
            items, places = self._gather(items, places, count)
            found = len(items)
        self.count -= found
        return items, places

    def _take_part(self, items: Items, places: Places, count: int) -> tuple[Items, Places]:
        """So many of the first piece, of which there are more."""
        start, end = self._start, self._start + count
        self._begin_at(end)
        self.count -= count
        return items[start:end], places[start:end]

    def _begin_at(self, start: int) -> None:
        """What stands before that in the first piece was taken.

        It is let go at once where little is left, else when half of the piece is gone: so every item is copied twice at
        most on the average, however many chunks are made of a large piece.
        """
        items, places = self._pieces[0]
        left = len(items) - start
        if left <= LITTLE or left <= start:
            self._pieces[0], start = (items[start:], places[start:]), 0
        self._start = start

    def _pop_first(self) -> tuple[Items, Places]:
        """What is left of the first piece."""
        items, places = self._pieces.popleft()
        start, self._start = self._start, 0
        return (items[start:], places[start:]) if start else (items, places)

    def _gather(self, items: Items, places: Places, count: int) -> tuple[Items, Places]:
        parts, all_places, room = [items], [places], count - len(items)
        while self._pieces and room > 0:
            more, more_places = self._pieces.popleft()
            if len(more) > room:
                self._pieces.appendleft((more, more_places))
                self._begin_at(room)
                more, more_places = more[:room], more_places[:room]
            parts.append(more)
            all_places.append(more_places)
            room -= len(more)
        return _joined(parts), join(all_places)

    def drain(self) -> tuple[Items, Places]:
        """Everything, when the run stops."""
        if not self._pieces:
            return [], []
        items, places = self._gather(*self._pop_first(), self.count)
        self.count = 0
        return items, places


def _joined(parts: Sequence[Items]) -> Items:
    """Items one after the other; still a `range` where they are parts of one that follow each other."""
    runs = [part for part in parts if type(part) is range]
    if len(runs) == len(parts) and all(map(_leads_to, runs, runs[1:])):
        return range(runs[0].start, runs[-1].stop, runs[0].step)
    return in_a_row(parts)


def _leads_to(part: range, following: range) -> bool:
    return part.step == following.step and part[-1] + part.step == following.start
