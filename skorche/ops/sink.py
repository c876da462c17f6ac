"""`sink`: a task called for its effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from skorche.events import Failure
from skorche.graph import declare
from skorche.kernel import Paths, Record
from skorche.ops.function import Calling, refuse_cache
from skorche.queue import Queue
from skorche.tasks import task_of

A = TypeVar("A")


def sink(task: Callable[[A], object], queue_in: Queue[A], *, queue_errors: Queue[Failure] | None = None) -> None:
    """Call the task for every item, and forget what it returns: there is no queue behind it.

    An item counts as delivered when the task has returned. It fails as it does in `map`.

    >>> seen = []
    >>> with Pipeline() as pipeline:
    ...     sink(seen.append, Queue(fixed_inputs=[1, 2, 3]))
    >>> pipeline.run().wait().delivered, seen
    (3, [1, 2, 3])

    One in, none out. Holds nothing.

    Raises:
        GraphError: the task cannot be called, or a queue has a consumer or a producer already.
    """
    real = task_of(task)
    refuse_cache("sink", real, "it is called for its effect, which would be left out where a result is found.")
    declare(
        real.name,
        real.node_name,
        (queue_in,),
        [],
        task=real,
        errors=queue_errors,
        work=lambda: Sinking(real.call),
        takes_in=True,
        operator="sink",
        types=lambda items: (items.through(real),)[1:],
    )


class Sinking(Calling):
    """The step of `sink`."""

    def run(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        results, _, paths = record.apply(self.function, items, paths)
        record.passed = len(results)
        return [([None] * len(results), paths)]
