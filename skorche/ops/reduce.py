"""`reduce`: one result of all items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from skorche.errors import GraphError, shorten, text_of
from skorche.events import Failure
from skorche.graph import declare
from skorche.kernel import Paths, Record
from skorche.ops.function import Calling, refuse_cache
from skorche.queue import Queue
from skorche.tasks import Task, task_of

A = TypeVar("A")
B = TypeVar("B")


class Missing:
    """What `initial` is when nobody gave it."""

    def __repr__(self) -> str:
        return "<the first item>"


MISSING: Any = Missing()


def reduce(
    task: Callable[[B, A], B],
    queue_in: Queue[A],
    *,
    initial: B = MISSING,
    queue_out: Queue[B] | None = None,
    queue_errors: Queue[Failure] | None = None,
) -> Queue[B]:
    """Call `accumulator = task(accumulator, item)` for every item; the last one goes to the queue returned.

    It begins with `initial`, which an empty input gives as it is; of that each run takes a copy. Without it the first
    item is the first accumulator, and an empty input gives nothing. A failed item is left out. A run that stops gives
    nothing.

    >>> drive(reduce, [1, 2, 3], task=lambda total, number: total + number)
    [6]
    >>> drive(reduce, [], task=lambda total, number: total + number, initial=0)
    [0]

    Order of arrival. Many in, one out. Holds the accumulator, in this process: the task runs one call at a time, on a
    thread (or inline), whatever engine the run chooses.

    Raises:
        GraphError: the task cannot be called, or asks for more than one call at a time, or for another process;
            `initial` cannot be copied; or a queue has a consumer or a producer already.
    """
    real = task_of(task)
    _check_lane(real)
    refuse_cache("reduce", real, "what it gives for an item depends on all the items before, in the order they came.")
    _copy(initial, real.name)
    (made,) = declare(
        f"Reduce({real.name})",
        real.node_name,
        (queue_in,),
        [queue_out],
        task=real,
        errors=queue_errors,
        work=lambda: Reducing(real.call, _copy(initial, real.name)),
        places="one",
        takes_in=True,
        folds=True,
        operator="reduce",
        settings={"initial": initial},
        types=partial(_types, real, initial),
    )
    return made


def _types(task: Task[Any, Any], initial: object, items: Any) -> Any:
    """The result is the task's, or that of an input of no items, or of one."""
    made = items.through(task, 1)
    return (made.merged(items).selected() if initial is MISSING else made.or_value(initial),)


def _check_lane(task: Task[Any, Any]) -> None:
    """A task that cannot keep one accumulator is refused."""
    options = task.settings
    wide = {
        "max_workers": options.max_workers not in (None, 1),
        "engine": options.engine not in (None, "thread", "inline"),
        "max_items_per_worker": options.max_items_per_worker is not None,
        "max_worker_memory": options.max_worker_memory is not None,
    }
    asked = [f"{name}={getattr(options, name)!r}" for name, given in wide.items() if given]
    asked += ["an async function"] * task.is_async + ["unpack=True"] * options.unpack
    if asked:
        raise GraphError(
            f"reduce was given task {task.name!r} ({task.declared}) with {' and '.join(asked)}.",
            "it has one accumulator, which stays in this process, so it makes one call at a time, on a thread.",
            "leave that out; what takes long for each item belongs into a map before it, which can have it.",
        )


def _copy(initial: Any, name: str) -> list[Any]:
    """The first accumulator, of which every run needs a fresh one; nothing, if the first item is to be it."""
    if initial is MISSING:
        return []
    from copy import deepcopy  # only here

    try:
        return [deepcopy(initial)]
    except Exception as error:
        raise GraphError(
            f"reduce({name}) was given initial={shorten(initial)}, which cannot be copied: {text_of(error)}",
            "every run begins with a copy, since a task may change the accumulator in place.",
            "give a plain value, such as 0, [] or {}; for a file or a connection, use a sink.",
        ) from error


class Reducing(Calling):
    """The step of `reduce`. `kept` is the accumulator that the chunks so far have come to, once they are accounted for.

    It is not set here: of a chunk that is given up (its thread goes on, and may end at any time) nothing must stay.
    """

    def __init__(self, function: Callable[[Any, Any], Any], kept: list[Any]) -> None:
        super().__init__(function)
        self.kept = kept

    def run(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        value, function = self.kept[:], self.function

        def take(item: Any) -> None:
            if value:
                value[0] = function(value[0], item)
            else:
                value.append(item)

        taken, _, paths = record.apply(take, items, paths)
        record.passed = len(taken)
        if taken:
            taken[-1] = value[0]
        return [(taken, paths)]
