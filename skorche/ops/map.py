"""`map`: a task for every item."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

from skorche.events import Failure
from skorche.graph import declare
from skorche.ops.function import Mapping
from skorche.queue import Queue
from skorche.tasks import task_of

A = TypeVar("A")
B = TypeVar("B")


@overload
def map(
    task: Callable[[A], Coroutine[Any, Any, B]],
    queue_in: Queue[A],
    *,
    queue_out: Queue[B] | None = None,
    queue_errors: Queue[Failure] | None = None,
) -> Queue[B]: ...
@overload
def map(
    task: Callable[[A], B],
    queue_in: Queue[A],
    *,
    queue_out: Queue[B] | None = None,
    queue_errors: Queue[Failure] | None = None,
) -> Queue[B]: ...
def map(
    task: Callable[[Any], Any],
    queue_in: Queue[Any],
    *,
    queue_out: Queue[Any] | None = None,
    queue_errors: Queue[Failure] | None = None,
) -> Queue[Any]:
    """Call the task for every item; its results go to the queue returned.

    >>> drive(map, [1, 2, 3], task=lambda number: 10 * number)
    [10, 20, 30]

    Order of completion (`ordered=True` on the task keeps the order). One in, one out. Holds nothing.
    Failed items go to `queue_errors` as `Failure`s if it is given; otherwise the task's `on_error` decides.

    Raises:
        GraphError: the task cannot be called, or a queue has a consumer or a producer already.
    """
    real = task_of(task)
    (made,) = declare(
        real.name,
        real.node_name,
        (queue_in,),
        [queue_out],
        task=real,
        errors=queue_errors,
        work=lambda: Mapping(real.call),
        operator="map",
        types=lambda items: (items.through(real),),
    )
    return made
