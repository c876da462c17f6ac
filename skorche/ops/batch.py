"""`batch`: items gathered into lists."""

from __future__ import annotations

from functools import partial
from operator import lt
from typing import Any, TypeVar, cast

from skorche.errors import GraphError
from skorche.graph import declare
from skorche.place import Group, Place, Places, members, order_key
from skorche.queue import Queue

T = TypeVar("T")


def batch(
    queue_in: Queue[T], *, batch_size: int = 1, fill_batch: bool = True, queue_out: Queue[list[T]] | None = None
) -> Queue[list[T]]:
    """Gather items into lists of `batch_size`; the last list may be shorter, never empty.

    `fill_batch=False` sends what is there when its reader has nothing else to do. Members stand in input order; which
    items meet in a batch follows their order of arrival.

    >>> drive(batch, "abcde", batch_size=3)
    [['a', 'b', 'c'], ['d', 'e']]

    Many in, one out. Holds up to `batch_size` - 1 items.

    Raises:
        GraphError: `batch_size` is below 1, or a queue has a consumer or a producer already.
    """
    if not isinstance(batch_size, int) or batch_size < 1:
        raise GraphError(
            f"batch was given batch_size={batch_size!r}.", "no item fits into such a batch.", "give 1 or more."
        )
    (made,) = declare(
        f"Batch({batch_size})",
        f"Batch({batch_size})",
        (queue_in,),
        [queue_out],
        regrouping=partial(Batching, batch_size, not fill_batch),
        places="gathered",
    )
    return made


class Batching:
    """The memory of `batch`: the batch under construction."""

    def __init__(self, size: int, eager: bool) -> None:
        self.size, self.eager = size, eager
        self._items: list[Any] = []
        self._places: list[Place] = []

    @property
    def held(self) -> int:
        """Items of the batch under construction."""
        return len(self._items)

    def held_within(self, depth: int) -> int:
        """The items in them, if they are batches themselves."""
        return len(list(members(self._places, depth)))

    def feed(self, items: list[Any], places: Places) -> tuple[list[Any], list[Place]]:
        """Take items in; give the lists that are full, with the places of their members."""
        self._items += items
        self._places += places
        full = len(self._items) - len(self._items) % self.size
        return self._give(full)

    def close(self) -> tuple[list[Any], list[Place]]:
        """Give the last, shorter list, if there is any."""
        return self._give(len(self._items))

    def _give(self, count: int) -> tuple[list[Any], list[Place]]:
        if not count:
            return [], []
        items, places = self._items[:count], self._places[:count]
        del self._items[:count], self._places[:count]
        cuts = [slice(start, start + self.size) for start in range(0, count, self.size)]
        if _ascending(places):
            return [items[cut] for cut in cuts], [Group(places[cut]) for cut in cuts]
        made = [_ordered(items[cut], places[cut]) for cut in cuts]
        return [members for members, _ in made], [group for _, group in made]

    def drop(self) -> list[Place]:
        """Forget the batch under construction."""
        places, self._items, self._places = self._places, [], []
        return places

    def outputs(self, inputs: int) -> int:
        """Lists that may come out when so many more items come in."""
        return -(-(len(self._items) + inputs) // self.size)

    def inputs(self, outputs: int) -> int:
        """Items that surely fit when so many lists may come out."""
        return max(0, outputs * self.size - len(self._items))

    def members(self, lists: list[list[Any]]) -> int:
        """Items in these lists."""
        return sum(map(len, lists))


def _ordered(items: list[Any], places: list[Place]) -> tuple[list[Any], Group]:
    """Members and their places, in input order."""
    if _ascending(places):
        return items, Group(places)
    order = sorted(range(len(items)), key=lambda index: order_key(places[index]))
    return [items[index] for index in order], Group([places[index] for index in order])


def _ascending(places: list[Place]) -> bool:
    """Whether these are numbers in order, as they are when nothing before has mixed them up."""
    numbers = cast("list[int]", places)
    return set(map(type, places)) == {int} and all(map(lt, numbers, numbers[1:]))
