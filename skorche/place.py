"""Places: where an item stands in the order of the inputs, and which source items it comes from.

A place is one of

* an `int`: an item of a source, `source * SOURCE_STRIDE + number`;
* a `tuple`: an element of an expansion, `(place of the whole, index)`, and so on for deeper ones;
* a `Group`: a batch, the places of its members in order. Elements of an empty one come from no item in particular:
  they stand before all others, and nothing that befalls them is told of any source item.

So a place is all the history an item needs: `order_key` sorts items by input order, `roots` names the source
items behind it. Many places travel in forms of their own: see `compact`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Union

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
    >>> order_key((Group(), 3))
    (-1, 3)
    """
    if isinstance(place, int):
        return (place,)
    if isinstance(place, Group):
        return order_key(place[0]) if place else (-1,)
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


def members(places: Iterable[Place], depth: int) -> Iterable[Place]:
    """The places of what is in so many batches, one inside the other.

    >>> list(members([Group([3, 4]), Group([5])], 1)), list(members([3, 4], 0))
    ([3, 4, 5], [3, 4])
    """
    for _ in range(depth):
        places = chain.from_iterable([one if isinstance(one, Group) else (one,) for one in places])
    return places
