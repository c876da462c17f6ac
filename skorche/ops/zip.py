"""`zip`: what belongs together, in tuples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from skorche.errors import GraphError, shorten
from skorche.graph import Pairing, declare
from skorche.queue import Queue

if TYPE_CHECKING:
    from skorche.hints.items import Items

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


@overload
def zip(
    queues_in: tuple[Queue[A], Queue[B]],
    *,
    missing: object = "drop",
    strict: bool = False,
    queue_out: Queue[tuple[A, B]] | None = None,
) -> Queue[tuple[A, B]]: ...
@overload
def zip(
    queues_in: tuple[Queue[A], Queue[B], Queue[C]],
    *,
    missing: object = "drop",
    strict: bool = False,
    queue_out: Queue[tuple[A, B, C]] | None = None,
) -> Queue[tuple[A, B, C]]: ...
@overload
def zip(
    queues_in: Sequence[Queue[Any]],
    *,
    missing: object = "drop",
    strict: bool = False,
    queue_out: Queue[tuple[Any, ...]] | None = None,
) -> Queue[tuple[Any, ...]]: ...
def zip(
    queues_in: Sequence[Queue[Any]],
    *,
    missing: object = "drop",
    strict: bool = False,
    queue_out: Queue[Any] | None = None,
) -> Queue[Any]:
    """Tuples of the items that belong together, one from each queue.

    Branches of one `tee` belong together by the item they come from; queues that have no tee in common by number: the
    third item of one source and the third of the other, whatever is filtered between. An item that was filtered out,
    or failed, on one branch leaves a gap: the tuple is dropped, and the others in it count as filtered; with
    `missing=value` the value takes its place. So it is with the rest of a longer source, at which `strict=True` fails
    the run (copies of a tee are as many on each branch, so there it says nothing).

    >>> drive(zip, [1, 2, 3], "ab")
    [(1, 'a'), (2, 'b')]
    >>> drive(zip, [1, 2, 3], "ab", missing=None)
    [(1, 'a'), (2, 'b'), (3, None)]

    Order of completion. One from each in, one out. Holds what waits for its partners; how much that may be is
    limited where the branches begin.

    Raises:
        GraphError: fewer than two queues are given, one is given twice or has a consumer already; when compiled, if an
            operator on the way makes other items of them, or copies were merged before, so that there are no pairs.
    """
    queues = (queues_in,) if isinstance(queues_in, Queue) else tuple(queues_in)
    if len(queues) < 2:
        raise GraphError(
            f"zip was given {len(queues)} queue{'' if len(queues) == 1 else 's'}.",
            "a tuple needs an item from each of two queues, or more.",
            "give a tuple of queues, such as zip((a, b)).",
        )
    pairing = Pairing(missing, strict)
    if strict and not pairing.drops:
        raise GraphError(
            f"zip was given strict=True and missing={shorten(missing)}.",
            "the one fails the run where lengths differ, the other fills up the shorter.",
            "give one of them.",
        )
    traits: dict[str, Any] = {"types": partial(_types, pairing), "operator": "zip", "settings": pairing._asdict()}
    (made,) = declare("Zip", "Zip", queues, [queue_out], pairing=pairing, **traits)
    return made


def _types(pairing: Pairing, *inputs: Items) -> tuple[Items]:
    """Tuples; what takes the place of a missing item may be anywhere in them."""
    first, *others = inputs if pairing.drops else [items.or_value(pairing.missing) for items in inputs]
    return (first.beside(*others),)
