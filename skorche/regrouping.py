"""What an operator with memory must be able to do. It runs in the scheduler, between stages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Protocol, TypeGuard

from skorche.kernel import Item, Items


class Regrouping(Protocol):
    """An operator with memory: regroups items without looking at them, in the scheduler. Calls no user code."""

    held: int
    """Items taken in and not yet given out."""
    eager: bool
    """Whether a group that is not full may leave as soon as its reader has nothing else to do."""
    closed: dict[str, int]
    """How many groups were given out for which reason; empty for an operator that makes none."""

    def feed(self, items: Items, places: Any) -> tuple[Items, Any]:
        """Take items and places in, give what is complete."""
        ...

    def close(self, reason: Literal["end", "early"]) -> tuple[list[Item], Any]:
        """Give all that is held, since the input has ended, or a group that is not full."""
        ...

    def drop(self) -> Any:
        """Forget what is held, and give its places: the run stops."""
        ...

    def held_within(self, depth: int) -> int:
        """How many items the held ones hold, in so many batches."""
        ...

    def outputs(self, inputs: int) -> int:
        """How many items at most come out when so many more come in."""
        ...

    def inputs(self, outputs: int) -> int:
        """How many items surely fit in when so many may come out."""
        ...

    def members(self, items: Iterable[Item]) -> int:
        """How many of the items that came in these outputs hold."""
        ...


class Grouping(Regrouping, Protocol):
    """A regrouping whose groups may be complete at any time; `inputs` and `outputs` are but what can be expected."""

    now: float
    """The time, in seconds. It is told before anything else is asked."""
    due: float
    """When the next group is complete by the clock; infinity if none will be."""

    def expire(self) -> tuple[list[Item], Any]:
        """Give the groups whose time has come."""
        ...


def is_grouping(memory: Regrouping) -> TypeGuard[Grouping]:
    """Whether its groups may be complete at any time."""
    return hasattr(memory, "expire")
