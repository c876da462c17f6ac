"""Places: where an item stands in the order of the inputs, and which source items it comes from.

A place is one of

* an `int`: an item of a source, `source * SOURCE_STRIDE + number`;
* a `tuple`: an element of an expansion, `(place of the whole, index)`, and so on for deeper ones;
* a `Group`: a batch, the places of its members in order. Elements of an empty one come from no item in particular:
  they stand before all others, and nothing that befalls them is told of any source item.

So a place is all the history an item needs: `order_key` sorts items by input order, `roots` names the source
items behind it. Consecutive numbers travel as a `range`, elements of plain items as `Elements`: no object for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from operator import lt
from typing import Any, TypeVar, Union, cast, overload

T = TypeVar("T")

SOURCE_STRIDE = 1 << 48
"""Numbers of one source: the second source's items start here, so that they sort after the first's."""


class Group(tuple["Place", ...]):
    """The place of a batch: the places of its members, in order. Sorts as its first member does."""

    __slots__ = ()


class Abreast(Sequence["Place"]):
    """The groups of the first of several runs of numbers, of the second of each, and so on; each made when asked for.

    >>> Abreast([range(2), range(5, 7)])[1], list(Abreast([range(2), range(5, 7)])[:1])
    ((1, 6), [(0, 5)])
    """

    __slots__ = ("runs",)

    def __init__(self, runs: Sequence[range]) -> None:
        self.runs = runs

    def __len__(self) -> int:
        return len(self.runs[0])

    def __iter__(self) -> Iterator[Group]:
        return map(Group, zip(*self.runs, strict=True))

    @overload
    def __getitem__(self, which: int) -> Group: ...
    @overload
    def __getitem__(self, which: slice) -> Abreast: ...
    def __getitem__(self, which: int | slice) -> Group | Abreast:
        parts = [run[which] for run in self.runs]
        return Group(cast("list[int]", parts)) if isinstance(which, int) else Abreast(cast("list[range]", parts))


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


class Elements(Sequence[tuple[int, int]]):
    """Elements of plain items: the tuples `(number, index)`, held as two lists, which costs no object per element.

    >>> pairs = Elements([7, 7, 8], [0, 1, 0])
    >>> list(pairs), pairs[2], list(pairs[1:])
    ([(7, 0), (7, 1), (8, 0)], (8, 0), [(7, 1), (8, 0)])
    """

    __slots__ = ("indices", "wholes")

    def __init__(self, wholes: list[int], indices: list[int]) -> None:
        self.wholes, self.indices = wholes, indices

    def __len__(self) -> int:
        return len(self.wholes)

    @overload
    def __getitem__(self, at: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, at: slice) -> Elements: ...
    def __getitem__(self, at: int | slice) -> tuple[int, int] | Elements:
        if isinstance(at, slice):
            return Elements(self.wholes[at], self.indices[at])
        return self.wholes[at], self.indices[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.wholes, self.indices)  # noqa: B905  (as long as each other)

    def ascend(self) -> bool:
        """Whether they stand in order already."""
        return all(map(lt, self, islice(self, 1, None)))


def members(places: Iterable[Place], depth: int) -> Iterable[Place]:
    """The places of what is in so many batches, one inside the other.

    >>> list(members([Group([3, 4]), Group([5])], 1)), list(members([3, 4], 0))
    ([3, 4, 5], [3, 4])
    """
    for _ in range(depth):
        places = chain.from_iterable([one if isinstance(one, Group) else (one,) for one in places])
    return places


def run_of(places: Places) -> range | None:
    """The consecutive numbers that these places sort by, if they are held as such.

    >>> run_of(range(3)), run_of(Abreast([range(3), range(9, 12)])), run_of([0, 1, 2])
    (range(0, 3), range(0, 3), None)
    """
    if type(places) is range:
        return places
    return places.runs[0] if isinstance(places, Abreast) else None


def _one_run(parts: Sequence[Places]) -> range | None:
    runs = [part for part in parts if type(part) is range]
    if runs and len(runs) == len(parts) and all(left.stop == right.start for left, right in pairwise(runs)):
        return range(runs[0].start, runs[-1].stop)
    return None


def join(parts: Sequence[Places]) -> Places:
    """Places one after the other; still a `range` where they are consecutive, or several of them abreast.

    >>> join([range(0, 2), range(2, 5)]), join([range(0, 2), [7]])
    (range(0, 5), [0, 1, 7])
    >>> join([Abreast([range(1), range(5, 6)]), Abreast([range(1, 2), range(6, 7)])]).runs
    [range(0, 2), range(5, 7)]
    """
    if (run := _one_run(parts)) is not None:
        return run
    lines = [part.runs for part in parts if type(part) is Abreast]
    if len(lines) == len(parts) and len(set(map(len, lines))) == 1:
        columns = [run for column in zip(*lines, strict=True) if (run := _one_run(column)) is not None]
        if len(columns) == len(lines[0]):
            return Abreast(columns)
    pairs = [part for part in parts if type(part) is Elements]
    if len(pairs) == len(parts):
        wholes, indices = ([part.wholes for part in pairs], [part.indices for part in pairs])
        return Elements(list(chain.from_iterable(wholes)), list(chain.from_iterable(indices)))
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


def sort_by_place(items: list[T], places: Places) -> list[T]:
    """Items in input order.

    >>> sort_by_place(["b", "a2", "a1"], [2, (1, 1), (1, 0)])
    ['a1', 'a2', 'b']
    """
    if run_of(places) is not None or (type(places) is Elements and places.ascend()):
        return items
    keys = _sort_keys(places)
    order = sorted(range(len(items)), key=keys.__getitem__)  # type: ignore[arg-type]  # keys are all int or all tuples of int
    return list(map(items.__getitem__, order))


def _sort_keys(places: Places) -> Sequence[object]:
    keys: Sequence[Place] = places
    if type(places) is Elements:
        return list(places)
    kinds = set(map(type, places))
    if kinds == {Group} and all(places):
        keys = [place[0] for place in places]  # type: ignore[index]  # all Groups
        kinds = set(map(type, keys))
    return keys if kinds == {int} else list(map(order_key, places))
