"""`chain`: tasks one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, overload

from skorche.errors import GraphError
from skorche.graph import SCOPE
from skorche.ops.map import map
from skorche.queue import Queue
from skorche.tasks import task_of

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
AnyTask = Callable[[Any], Any]
F = TypeVar("F", bound=AnyTask)


@overload
def chain(tasks: tuple[Callable[[A], B]], queue_in: Queue[A], *, queue_out: Queue[B] | None = None) -> Queue[B]: ...
@overload
def chain(
    tasks: tuple[Callable[[A], B], Callable[[B], C]], queue_in: Queue[A], *, queue_out: Queue[C] | None = None
) -> Queue[C]: ...
@overload
def chain(
    tasks: tuple[Callable[[A], B], Callable[[B], C], Callable[[C], D]],
    queue_in: Queue[A],
    *,
    queue_out: Queue[D] | None = None,
) -> Queue[D]: ...
@overload
def chain(
    tasks: tuple[Callable[[A], B], Callable[[B], C], Callable[[C], D], Callable[[D], E]],
    queue_in: Queue[A],
    *,
    queue_out: Queue[E] | None = None,
) -> Queue[E]: ...
@overload
def chain(
    tasks: tuple[Callable[[A], B], Callable[[B], C], Callable[[C], D], Callable[[D], E], *tuple[AnyTask, ...]],
    queue_in: Queue[A],
    *,
    queue_out: Queue[Any] | None = None,
) -> Queue[Any]: ...
@overload
def chain(
    tasks: list[AnyTask] | Iterator[AnyTask] | AnyTask, queue_in: Queue[Any], *, queue_out: Queue[Any] | None = None
) -> Queue[Any]: ...
@overload
def chain(tasks: list[F], queue_in: Queue[Any], *, queue_out: Queue[Any] | None = None) -> Queue[Any]: ...
def chain(
    tasks: Iterable[AnyTask] | AnyTask, queue_in: Queue[Any], *, queue_out: Queue[Any] | None = None
) -> Queue[Any]:
    """`chain([f, g, h], queue_in)` gives `h(g(f(item)))`; the same as three calls of `map`.

    A tuple of tasks is checked by type checkers (its first four, none of them async), a list is not.

    >>> drive(chain, [1, 2], tasks=[lambda n: n + 1, lambda n: n * 10])
    [20, 30]

    Order of completion. One in, one out. Holds nothing.

    Raises:
        GraphError: no tasks are given, or as for `map`.
    """
    if isinstance(tasks, Queue):
        raise GraphError(
            f"chain was given {tasks.title} as its tasks.",
            "it would read the queue, and take its items for tasks.",
            "give the tasks first: chain([first, second], queue).",
        )
    real = [task_of(task) for task in ([tasks] if callable(tasks) else tasks)]  # all of them, before one is declared
    if not real:
        raise GraphError("chain was given no tasks.", "there is nothing to do with the items.", "give one or more.")
    queue = queue_in
    with SCOPE.graph.whole():
        for task in real[:-1]:
            queue = map(task, queue)
        return map(real[-1], queue, queue_out=queue_out)
