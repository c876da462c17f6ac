"""`filter`: only the items for which a predicate is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress
from operator import not_
from typing import Any, TypeVar

from skorche.compact import select
from skorche.graph import declare
from skorche.kernel import Paths, Record
from skorche.ops.function import Calling, check_predicate
from skorche.queue import Queue

T = TypeVar("T")


def filter(
    predicate_fn: Callable[[T], object], queue_in: Queue[T], *, fuse: bool = False, queue_out: Queue[T] | None = None
) -> Queue[T]:
    """Keep the items for which the predicate is true; the others count as filtered.

    The predicate runs in this process, one call at a time, so one that remembers (to leave out duplicates) works on
    every engine. `fuse=True` promises that it is pure and lets it travel with a process task.

    >>> drive(filter, [1, 2, 3, 4], predicate_fn=lambda number: number % 2 == 0)
    [2, 4]

    Ordered. One in, at most one out. Holds nothing.

    Raises:
        GraphError: the predicate cannot be called, or a queue has a consumer or a producer already.
    """
    name = check_predicate("filter", predicate_fn)
    (made,) = declare(
        f"Filter({name})",
        f"Filter({name})",
        (queue_in,),
        [queue_out],
        rides="anywhere" if fuse else "lane",
        work=partial(Filtering, predicate_fn),
        operator="filter",
        settings={"predicate_fn": predicate_fn, "fuse": fuse},
        types=lambda items: (items.selected(),),
    )
    return made


def truths(record: Record, predicate: Callable[[Any], object], items: Sequence[Any], paths: Paths) -> Any:
    """Whether the predicate holds, as `bool`s, with the items and paths that did not fail."""
    values, items, paths = record.apply(predicate, items, paths)
    if set(map(type, values)) <= {bool}:
        return values, items, paths
    return _truths_of(record, values, items, paths)


def _truths_of(record: Record, values: list[Any], items: Sequence[Any], paths: Paths) -> Any:
    rest = iter(values)
    return record.apply(lambda _: bool(next(rest)), items, paths)


class Filtering(Calling):
    """The step of `filter`."""

    def run(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        flags, items, paths = truths(record, self.function, items, paths)
        record.filtered = flags.count(False)
        if not record.filtered:
            record.passed = len(items)
            return [(items, paths)]
        record.drop(select(paths, list(map(not_, flags)), record.filtered))
        kept = list(compress(items, flags))
        record.passed = len(kept)
        return [(kept, select(paths, flags, len(kept)))]
