"""`tee`: every item to every branch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from skorche.errors import GraphError
from skorche.graph import declare
from skorche.ops.merge import Passing
from skorche.queue import Queue

T = TypeVar("T")


def tee(queue_in: Queue[T], *, n: int = 2, queue_out: Sequence[Queue[T] | None] | None = None) -> tuple[Queue[T], ...]:
    """Every item to each of `n` queues: the same object, not a copy of it (of a `range`, equal numbers).

    >>> drive(tee, "ab", n=2)
    (['a', 'b'], ['a', 'b'])

    Ordered. One in, one out at every branch. Holds nothing: the slowest branch holds up the others.
    `zip` puts what became of an item on several branches together again.

    Raises:
        GraphError: `n` is below 2, or a queue has a consumer or a producer already.
    """
    if type(n) is not int or n < 2:
        raise GraphError(
            f"tee was given n={n!r}.", "that is no number of branches.", "give 2 or more; with one there is no tee."
        )
    outputs = [None] * n if queue_out is None else list(queue_out)
    if len(outputs) != n:
        raise GraphError(
            f"tee was given {len(outputs)} queues as queue_out for n={n} branches.",
            "every branch has a queue of its own.",
            f"give {n} queues, or None for those that need no name.",
        )
    return declare(
        "Tee",
        "Tee",
        (queue_in,),
        outputs,
        regrouping=Passing,
        types=lambda items: (items,) * n,
        operator="tee",
    )
