"""`unbatch`: the elements of each item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import Any, TypeVar, cast

from skorche.graph import declare
from skorche.kernel import Paths, Record
from skorche.place import Elements
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
        return [(list(chain.from_iterable(expanded)), element_paths(paths, counts, map(range, counts)))]


def element_paths(paths: Paths, counts: Sequence[int], indices: Iterable[range]) -> Paths:
    """The paths of so many elements of each whole, by their indices in it."""
    wholes = list(chain.from_iterable(map(repeat, paths, counts)))
    numbers = list(chain.from_iterable(indices))
    if type(paths) is range or set(map(type, paths)) <= {int}:
        return Elements(wholes, numbers)
    return [
        (*whole, number) if type(whole) is tuple else (whole, number)
        for whole, number in zip(wholes, numbers, strict=True)
    ]
