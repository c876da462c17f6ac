"""`unbatch`: the elements of each item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import add
from typing import Any, TypeVar, cast

from skorche.compact import Elements, Spread, in_a_row
from skorche.graph import declare
from skorche.kernel import Paths, Record
from skorche.queue import Queue, Readable

T = TypeVar("T")


def unbatch(queue_in: Readable[Iterable[T]], *, queue_out: Queue[T] | None = None) -> Queue[T]:
    """The elements of each item, which may be any iterable. An empty one counts as filtered.

    >>> drive(unbatch, [[1, 2], (), "ab"])
    [1, 2, 'a', 'b']

    Ordered. One in, any number out. Holds nothing.

    Raises:
        GraphError: a queue has a consumer or a producer already. An item that cannot be iterated fails.
    """
    (made,) = declare(
        "Unbatch",
        "Unbatch",
        (cast("Queue[Any]", queue_in),),
        [queue_out],
        rides="anywhere",
        work=Unbatching,
        operator="unbatch",
        places="spread",
        types=lambda items: (items.elements("unbatch"),),
    )
    return made


class Unbatching:
    """The step of `unbatch`."""

    def run(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        expanded, _, paths = record.apply(list, items, paths)
        counts = list(map(len, expanded))
        record.passed = len(expanded)
        record.members = sum(counts)
        record.expansions += zip(paths, counts, strict=True)
        return [(in_a_row(expanded), element_paths(paths, counts))]


def element_paths(paths: Paths, counts: list[int], starts: Iterable[int] | None = None) -> Paths:
    """The paths of so many elements of each whole, the first of which has index 0, or this one."""
    plain = type(paths) is range or set(map(type, paths)) <= {int}
    if plain and starts is None:
        return Spread(paths, counts)
    wholes = in_a_row(map(repeat, paths, counts))
    indices = map(range, counts) if starts is None else map(range, starts, map(add, starts, counts))
    numbers = in_a_row(indices)
    if plain:
        return Elements(wholes, numbers)
    return [
        (*whole, number) if type(whole) is tuple else (whole, number)
        for whole, number in zip(wholes, numbers, strict=True)
    ]
