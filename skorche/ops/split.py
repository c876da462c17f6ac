"""`split`: each item to the branch its predicate names."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import compress
from operator import not_
from typing import Any, TypeVar

from skorche.compact import select
from skorche.errors import GraphError, SplitError
from skorche.graph import declare
from skorche.kernel import Paths, Record
from skorche.ops.filter import truths
from skorche.ops.function import Calling, check_predicate
from skorche.queue import Queue

T = TypeVar("T")


def split(
    predicate_fn: Callable[[T], object],
    queue_in: Queue[T],
    *,
    predicate_values: Sequence[Hashable] = (True, False),
    fuse: bool = False,
    queue_out: Sequence[Queue[T] | None] | None = None,
) -> tuple[Queue[T], ...]:
    """Send each item to the queue of its predicate's value; gives the queues in the order of `predicate_values`.

    For `(True, False)` truthiness counts. Any other value than those listed fails the item and names it. The predicate
    runs as `filter`'s does.

    >>> drive(split, [1, 2, 3, 4, 5], predicate_fn=lambda number: number > 3)
    ([4, 5], [1, 2, 3])

    Ordered within each branch. One in, one out in all. Holds nothing.

    Raises:
        GraphError: values are unhashable, given twice or fewer than two, or do not match `queue_out`; the predicate
            cannot be called, or a queue has a consumer or a producer already.
    """
    name = check_predicate("split", predicate_fn)
    values = tuple(predicate_values)
    _check_values(name, values)
    outputs = [None] * len(values) if queue_out is None else list(queue_out)
    if len(outputs) != len(values):
        raise GraphError(
            f"split({name}) was given {len(outputs)} queues for {len(values)} values.",
            "each value needs a queue.",
            "give as many queues in queue_out as predicate_values.",
        )
    return declare(
        f"Split({name})",
        f"Split({name})",
        (queue_in,),
        outputs,
        rides="anywhere" if fuse else "lane",
        work=partial(Splitting, predicate_fn, values, f"Split({name})"),
        types=lambda items: (items.selected(),) * len(values),
        edge_labels=tuple(str(value) for value in values),
        operator="split",
        settings={"predicate_fn": predicate_fn, "predicate_values": values, "fuse": fuse},
    )


def _check_values(name: str, values: tuple[Hashable, ...]) -> None:
    seen: dict[Hashable, None] = {}
    for value in values:
        try:
            twice = value in seen
        except TypeError:
            raise GraphError(
                f"split({name}) was given the predicate value {value!r}.",
                f"{type(value).__name__} objects cannot be hashed, so no branch can be looked up by it.",
                "use strings, numbers, booleans or tuples of them.",
            ) from None
        if twice:
            raise GraphError(
                f"split({name}) was given the predicate value {value!r} twice.",
                "it is not clear which branch its items should take.",
                "give each value once (note that True == 1 and False == 0).",
            )
        seen[value] = None
    if len(values) < 2:
        raise GraphError(
            f"split({name}) was given {len(values)} predicate values.",
            "there is nothing to choose between.",
            "give two or more; use filter to keep the items of one value.",
        )


def _those(flags: list[bool], items: Sequence[Any], paths: Paths) -> tuple[list[Any], Paths]:
    """The items that are flagged, and their paths."""
    taken = list(compress(items, flags))
    return taken, select(paths, flags, len(taken))


class Splitting(Calling):
    """The step of `split`."""

    def __init__(self, function: Callable[[Any], Any], values: tuple[Hashable, ...], name: str) -> None:
        super().__init__(function)
        self.values, self.name = values, name
        self.by_truth = values == (True, False) and {type(value) for value in values} == {bool}

    def run(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        if self.by_truth:
            flags, items, paths = truths(record, self.function, items, paths)
            record.passed = len(items)
            return [_those(some, items, paths) for some in (flags, list(map(not_, flags)))]
        return self._by_value(items, paths, record)

    def _by_value(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        values, items, paths = record.apply(self.function, items, paths)
        branches: dict[Hashable, tuple[list[Any], list[Any]]] = {value: ([], []) for value in self.values}
        for value, item, path in zip(values, items, paths, strict=True):
            try:
                taken, taken_paths = branches[value]
            except (KeyError, TypeError):  # TypeError: the value cannot be hashed
                record.fail(path, item, SplitError(self.name, value, self.values))
                continue
            except BaseException as error:  # noqa: BLE001  (the value's own __hash__ or __eq__: it fails its item)
                record.fail(path, item, error)
                continue
            taken.append(item)
            taken_paths.append(path)
            record.passed += 1
        return list(branches.values())
