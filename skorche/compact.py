"""Many places in little memory, and in little time: forms that have no object for each.

    range       consecutive numbers
    Selected    those of them that went one way, told by flags
    Packed      any numbers, in an array, where they wait long
    Groups      batches of so many numbers each
    Abreast     the tuples of several runs of numbers
    Elements    elements of plain items
    Spread      all elements of some plain items, told by how many each has
    list        any places

All are `Places`. The first seven know without a look at each what they hold, which is what most of the price of an
item would be else. Paths, which are places relative to a chunk, have the same forms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress, islice, pairwise, repeat
from operator import lt
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, cast, overload

from skorche.place import Group, Place, Places

if TYPE_CHECKING:
    from array import array

T = TypeVar("T")


class Groups(Sequence["Place"]):
    """The groups of so many numbers each, in order, of which the last may be shorter; each made when asked for.

    >>> groups = Groups([3, 5, 6], 2)
    >>> list(groups), groups[0], groups[1:].numbers, groups.sizes
    ([(3, 5), (6,)], (3, 5), [6], [2, 1])
    """

    __slots__ = ("numbers", "size")

    def __init__(self, numbers: Sequence[int], size: int) -> None:
        self.numbers, self.size = numbers, size

    def __len__(self) -> int:
        return len(range(0, len(self.numbers), self.size))

    @property
    def sizes(self) -> list[int]:
        """How many numbers each has."""
        full, rest = divmod(len(self.numbers), self.size)
        return [self.size] * full + [rest] * (rest > 0)

    def __iter__(self) -> Iterator[Group]:
        size, numbers = self.size, self.numbers
        return (Group(numbers[start : start + size]) for start in range(0, len(numbers), size))

    @overload
    def __getitem__(self, which: int) -> Group: ...
    @overload
    def __getitem__(self, which: slice) -> Groups: ...
    def __getitem__(self, which: int | slice) -> Group | Groups:
        chosen = range(len(self))[which]
        if isinstance(chosen, int):
            return Group(self.numbers[chosen * self.size : (chosen + 1) * self.size])
        return Groups(self.numbers[chosen.start * self.size : chosen.stop * self.size], self.size)


class Selected(Sequence[int]):
    """Those of some numbers that are flagged, `count` in all; found when asked for.

    `of` are the numbers, in order: consecutive ones, or selected of such.

    >>> some = Selected(range(5, 9), [True, False, False, True], 2)
    >>> list(some), some[1], some[:1], len(some)
    ([5, 8], 8, [5], 2)
    """

    __slots__ = ("_count", "_listed", "flags", "of")

    def __init__(self, of: range | Selected, flags: list[bool], count: int) -> None:
        self.of, self.flags, self._count = of, flags, count
        self._listed: list[int] | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def listed(self) -> list[int]:
        """The numbers."""
        if self._listed is None:
            self._listed = list(compress(self.of, self.flags))
        return self._listed

    @property
    def smallest(self) -> Sequence[int]:
        """The same in the form that takes less memory: a number in a list takes 40 bytes, a flag 8."""
        flags = len(self.flags) + (len(self.of.flags) if isinstance(self.of, Selected) else 0)
        return self if flags <= 5 * self._count else self.listed

    @overload
    def __getitem__(self, which: int) -> int: ...
    @overload
    def __getitem__(self, which: slice) -> list[int]: ...
    def __getitem__(self, which: int | slice) -> int | list[int]:
        return self.listed[which]

    def __iter__(self) -> Iterator[int]:
        return iter(self.listed)

    def __reduce__(self) -> tuple[object, ...]:
        return Selected, (self.of, self.flags, self._count)


FEW = 16
"""Of so many, places are found sooner than a form is made for them, and take less room in a message."""


def select(places: Sequence[Any], flags: list[bool], count: int) -> Sequence[Any]:
    """The places, or paths, that are flagged, `count` in all. Where they are few they are found at once.

    >>> type(select(range(40), [True] * 40, 40)).__name__, select([5, 6], [True, False], 1)
    ('Selected', [5])
    """
    if len(flags) > FEW and (type(places) is range or (type(places) is Selected and type(places.of) is range)):
        return Selected(places, flags, count)
    return list(compress(places, flags))


class Packed(Sequence[int]):
    """Numbers in an array: a fifth of the memory of many, and nothing for the garbage collector to look through.

    >>> from array import array
    >>> numbers = Packed(array("q", [5, 7, 8]), ascends=True)
    >>> list(numbers), numbers[1], list(numbers[1:])
    ([5, 7, 8], 7, [7, 8])
    """

    __slots__ = ("ascends", "numbers")

    def __init__(self, numbers: array[int], *, ascends: bool) -> None:
        self.numbers, self.ascends = numbers, ascends

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, which: int) -> int: ...
    @overload
    def __getitem__(self, which: slice) -> Packed: ...
    def __getitem__(self, which: int | slice) -> int | Packed:
        return Packed(self.numbers[which], ascends=self.ascends) if isinstance(which, slice) else self.numbers[which]

    def __iter__(self) -> Iterator[int]:
        return iter(self.numbers)


def pack(places: Places) -> Places:
    """The same places in a form for those that wait long.

    >>> type(pack([5, 7])).__name__, pack([5]), pack([(5, 0)])
    ('Packed', range(5, 6), [(5, 0)])
    """
    if type(places) is Groups:
        return Groups(cast("Sequence[int]", pack(places.numbers)), places.size)
    if type(places) is list or type(places) is Selected:
        if len(places) == 1 and type(number := places[0]) is int:
            return range(number, number + 1)
        from array import array  # which few programs need, and must find first

        try:
            numbers = array("q", cast("Iterable[int]", places))
        except (TypeError, OverflowError):  # not only numbers, or of more sources than any program has
            return places
        return Packed(numbers, ascends=ascending(places))
    return places


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


class Spread(Sequence[tuple[int, int]]):
    """All elements of some plain items, of which each has so many: as `Elements`, but made when asked for.

    >>> list(Spread([7, 8], [2, 1]))
    [(7, 0), (7, 1), (8, 0)]
    """

    __slots__ = ("_elements", "counts", "wholes")

    def __init__(self, wholes: Sequence[int], counts: list[int]) -> None:
        self.wholes, self.counts = wholes, counts
        self._elements: Elements | None = None

    @property
    def elements(self) -> Elements:
        """The same, held as `Elements`."""
        if self._elements is None:
            wholes = in_a_row(map(repeat, self.wholes, self.counts))
            self._elements = Elements(wholes, in_a_row(map(range, self.counts)))
        return self._elements

    def __len__(self) -> int:
        return sum(self.counts)

    @overload
    def __getitem__(self, at: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, at: slice) -> Elements: ...
    def __getitem__(self, at: int | slice) -> tuple[int, int] | Elements:
        return self.elements[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.elements)

    def __reduce__(self) -> tuple[object, ...]:
        return Spread, (self.wholes, self.counts)


def span_of(places: Places) -> range | None:
    """Where the numbers lie that these places sort by, if it is known that they stand in order.

    >>> span_of(range(3)), span_of(Abreast([range(3), range(9, 12)])), span_of(pack([4, 7])), span_of([0, 1, 2])
    (range(0, 3), range(0, 3), range(4, 8), None)
    """
    if type(places) is range:
        return places
    if type(places) is Packed:
        return range(places[0], places[-1] + 1) if places.ascends else None
    if type(places) is Groups:
        return span_of(places.numbers)
    if type(places) is Spread:
        return places.wholes if type(places.wholes) is range else None
    return places.runs[0] if type(places) is Abreast else None


def ascending(places: Places) -> TypeGuard[Sequence[int]]:
    """Whether these are numbers in order, as they are when nothing before has mixed them up."""
    if type(places) is range or type(places) is Selected:
        return True
    if type(places) is Packed:
        return places.ascends
    if not places or type(places[0]) is not int:
        return False
    try:
        return sorted(cast("Sequence[int]", places)) == places
    except TypeError:  # the others are not all numbers: places of other kinds are tuples
        return False


def in_a_row(parts: Iterable[Iterable[T]]) -> list[T]:
    """One list of all. What is added as a list is copied as a whole, not item by item.

    >>> in_a_row([[1, 2], range(3, 5)])
    [1, 2, 3, 4]
    """
    row: list[T] = []
    for part in parts:
        row += part
    return row


def join(parts: Sequence[Places]) -> Places:
    """Places one after the other, in the form that they all have, if what they are of is consecutive; else a list.

    >>> join([range(0, 2), range(2, 5)]), join([range(0, 2), [7]])
    (range(0, 5), [0, 1, 7])
    >>> join([Abreast([range(1), range(5, 6)]), Abreast([range(1, 2), range(6, 7)])]).runs
    [range(0, 2), range(5, 7)]
    """
    if len(parts) == 1:
        return parts[0]
    kinds = set(map(type, parts))
    if kinds == {Spread, Elements}:
        return _join_elements([part.elements if type(part) is Spread else cast("Elements", part) for part in parts])
    kind = kinds.pop() if len(kinds) == 1 else None
    joined = _JOINED[kind](parts) if kind in _JOINED else None
    return in_a_row(parts) if joined is None else joined


def _one_run(runs: Sequence[range]) -> range | None:
    if all(left.stop == right.start for left, right in pairwise(runs)):
        return range(runs[0].start, runs[-1].stop)
    return None


def _join_selected(parts: Sequence[Selected]) -> Selected | None:
    run = join([part.of for part in parts])
    return Selected(run, in_a_row([part.flags for part in parts]), sum(map(len, parts))) if type(run) is range else None


def _join_packed(parts: Sequence[Packed]) -> Packed:
    numbers = parts[0].numbers[:]
    for part in parts[1:]:
        numbers += part.numbers
    return Packed(numbers, ascends=False)


def _join_groups(parts: Sequence[Groups]) -> Groups | None:
    size = parts[0].size
    if {part.size for part in parts} != {size} or any(len(part.numbers) % size for part in parts[:-1]):
        return None
    return Groups(cast("Sequence[int]", join([part.numbers for part in parts])), size)


def _join_abreast(parts: Sequence[Abreast]) -> Abreast | None:
    if len({len(part.runs) for part in parts}) > 1:
        return None
    columns = [_one_run(column) for column in zip(*[part.runs for part in parts], strict=True)]
    return None if None in columns else Abreast(cast("list[range]", columns))


def _join_elements(parts: Sequence[Elements]) -> Elements:
    return Elements(in_a_row([part.wholes for part in parts]), in_a_row([part.indices for part in parts]))


def _join_spread(parts: Sequence[Spread]) -> Places:
    wholes = join([part.wholes for part in parts])
    return Spread(cast("Sequence[int]", wholes), in_a_row([part.counts for part in parts]))


_JOINED: dict[type, Callable[[Any], Places | None]] = {
    range: _one_run,
    Selected: _join_selected,
    Packed: _join_packed,
    Groups: _join_groups,
    Abreast: _join_abreast,
    Elements: _join_elements,
    Spread: _join_spread,
}
