"""Places: where an item stands in the order of the inputs, and which source items it comes from.

A place is one of

* an `int`: an item of a source, `source * SOURCE_STRIDE + number`;
* a `tuple`: an element of an expansion, `(place of the whole, index)`, and so on for deeper ones;
* a `Group`: a batch, the places of its members in order.

So a place is all the history an item needs: `order_key` sorts items by input order, `roots` names the source
items behind it. Consecutive numbers travel as a `range`, which costs nothing per item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from operator import lt
from typing import Any, Union, cast

SOURCE_STRIDE = 1 << 48
"""Numbers of one source: the second source's items start here, so that they sort after the first's."""


class Group(tuple["Place", ...]):
    """The place of a batch: the places of its members, in order. Sorts as its first member does."""

    __slots__ = ()


Place = Union[int, tuple["Place | int", ...], Group]  # noqa: UP007  (a recursive alias: `|` would evaluate the string)
Places = Sequence[Place]


def order_key(place: Place) -> tuple[int, ...]:
    """What to sort by: the number of the source item, then the index inside each expansion.

    >>> order_key(7), order_key((7, 2)), order_key(Group([(7, 2), 9])), order_key((Group([4, 5]), 1))
    ((7,), (7, 2), (7, 2), (4, 1))
    """
    if isinstance(place, int):
        return (place,)
    if isinstance(place, Group):
        return order_key(place[0])
    return order_key(place[0]) + place[1:]  # type: ignore[operator]  # the rest of a tuple place are indices


def roots(place: Place) -> Iterator[int]:
    """The source items an item comes from, once for each way it comes from them.

    >>> list(roots((7, 2))), list(roots((Group([4, (5, 1)]), 0)))
    ([7], [4, 5])
    """
    if isinstance(place, int):
        yield place
    elif isinstance(place, Group):
        yield from chain.from_iterable(map(roots, place))
    else:
        yield from roots(place[0])


def element(place: Place, index: int, count: int) -> Place:
    """The place of element `index` of an item that was expanded to `count` elements.

    A batch that kept its length gives its members their own places back.

    >>> element(7, 0, 2), element((7, 0), 1, 2), element(Group([3, 4]), 1, 2), element(Group([3, 4]), 0, 1)
    ((7, 0), (7, 0, 1), 4, ((3, 4), 0))
    """
    if isinstance(place, Group):
        return place[index] if len(place) == count else (place, index)
    if isinstance(place, int):
        return (place, index)
    return (*place, index)


def is_run(places: Places) -> bool:
    """Whether these places are consecutive numbers, held as a `range`."""
    return type(places) is range


def join(parts: Sequence[Places]) -> Places:
    """Places one after the other; still a `range` where they are consecutive.

    >>> join([range(0, 2), range(2, 5)]), join([range(0, 2), [7]])
    (range(0, 5), [0, 1, 7])
    """
    runs = [part for part in parts if type(part) is range]
    if len(runs) == len(parts) and all(left.stop == right.start for left, right in pairwise(runs)):
        return range(runs[0].start, runs[-1].stop)
    return list(chain.from_iterable(parts))


def group(items: list[Any], places: list[Place]) -> tuple[list[Any], Group]:
    """Members and their places, in input order: a batch.

    >>> group(["b", "a"], [2, 1])
    (['a', 'b'], (1, 2))
    """
    if ascending(places):
        return items, Group(places)
    order = sorted(range(len(items)), key=lambda index: order_key(places[index]))
    return [items[index] for index in order], Group([places[index] for index in order])


def ascending(places: list[Place]) -> bool:
    """Whether these are numbers in order, as they are when nothing before has mixed them up."""
    numbers = cast("list[int]", places)
    return set(map(type, places)) == {int} and all(map(lt, numbers, numbers[1:]))


def sort_by_place(items: list[object], places: Places) -> list[object]:
    """Items in input order.

    >>> sort_by_place(["b", "a2", "a1"], [2, (1, 1), (1, 0)])
    ['a1', 'a2', 'b']
    """
    if is_run(places):
        return items
    keys: Sequence[object] = places
    if set(map(type, places)) != {int}:
        keys = list(map(order_key, places))
    order = sorted(range(len(items)), key=keys.__getitem__)  # type: ignore[arg-type]  # keys are all int or all tuples of int
    return list(map(items.__getitem__, order))
