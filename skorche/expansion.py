"""Items that become many, a part at a time: how much may come at once, and what is left of an item after it.

An item that gives elements by and by need not give them all at once: it is worked on until its *portion* is used up,
and what is left of it, its *rest*, is an item again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from skorche.named import NamedTuple


class Portion(NamedTuple):
    """How much a chunk may give at once: so many elements, for which room is held, none after so many seconds."""

    elements: int
    seconds: float


class Rest:
    """What is left of an item: the iterator that goes on (None: it has not begun), and how many elements have come."""

    __slots__ = ("given", "item", "iterator")

    def __init__(self, item: Any, iterator: Iterator[Any] | None = None, given: int = 0) -> None:
        self.item, self.iterator, self.given = item, iterator, given

    def __repr__(self) -> str:
        return repr(self.item)


class Part(NamedTuple):
    """What has become of the item at `path`: `count` elements; and it `lives` on beside them: as a rest, or failed."""

    path: Any
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    lives: bool = False
    rest: Rest | None = None
