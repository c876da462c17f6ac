"""Steps that call one function of the user's: how it travels, and what a worker makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from skorche.call import Awaiting, Ends, is_async, name_of, open_call, portable
from skorche.errors import GraphError, shorten
from skorche.kernel import Paths, Record

if TYPE_CHECKING:
    from skorche.tasks import Task  # which a worker does without

C = TypeVar("C", bound="Calling")


class Calling:
    """A step that holds a function; pickles it by name where its module can be imported."""

    gives_many = False
    """Whether what the function gives are several items."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    @property
    def awaiting(self) -> Awaiting | None:
        """The function, if whoever runs the step has to await its calls."""
        return self.function if isinstance(self.function, Awaiting) else None

    def opened(self: C, ends: Ends) -> C:
        """The step for one worker; itself, if its function needs nothing of its own there."""
        call = open_call(self.function, ends)
        return self if call is self.function else self.calling(call)

    def calling(self: C, function: Callable[..., Any]) -> C:
        """The same step with another function."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__ | {"function": function})
        return other

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"function": portable(self.function)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class Mapping(Calling):
    """The step of `map`. It stands here, so that a worker that has no more to do need not import what declares."""

    @property
    def each(self) -> Callable[[Any], Any]:
        """What is called with each item; see `each.PerItem`."""
        return self.function

    def run(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        results, _, kept = record.apply(self.function, items, paths)
        record.passed = len(results)
        return [(results, kept)]


def refuse_cache(operator: str, task: Task[Any, Any], why: str) -> None:
    """Raise for a cached task where its results cannot be found again.

    Raises:
        GraphError: the task has `cache=True`.
    """
    if task.settings.cache:
        raise GraphError(
            f"{operator} was given {task.name}, a task with cache=True.",
            why,
            f"give {operator} `{task.name}.options(cache=False)`, and cache the tasks before it.",
        )


def check_predicate(operator: str, predicate_fn: object) -> str:
    """The predicate's name; an error if it cannot be called."""
    if not callable(predicate_fn):
        raise GraphError(
            f"{operator} was given {shorten(predicate_fn)} as predicate_fn.",
            f"{type(predicate_fn).__name__} objects cannot be called.",
            "give a function of one item.",
        )
    if is_async(predicate_fn):
        raise GraphError(
            f"{operator} was given {name_of(predicate_fn)}, which is async, as predicate_fn.",
            "what it gives is a coroutine, which is true whatever the item, and which nobody would await.",
            "ask in an async task, and have it give the answer with the item; the predicate then only looks at that.",
        )
    return name_of(predicate_fn)
