"""An item that failed, once more, alone: in this process, through the same call, where a debugger can look.

task          the call of its step, with what a worker makes for it (an instance of a class, an event loop)
predicate     split, filter: the function; so are `key` and `weight` of a batch
the rest      cannot be asked about one item alone: a reduce goes on from what came before, a zip needs partners
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skorche.call import close_all, open_call
from skorche.errors import SkorcheError
from skorche.events import Failure
from skorche.graph import Node

FUNCTIONS = ("predicate_fn", "key", "weight")
"""Settings of operators that are functions of an item, in the order in which they are asked."""


def replayable(failure: Failure, nodes: Mapping[str, Node]) -> Failure:
    """The failure, which knows now how to run its item again."""
    return failure.replayed_by(lambda: replay(failure.item, nodes[failure.node]))


def replay(item: Any, node: Node) -> Any:
    """Run an item through what a node does to it.

    Raises:
        SkorcheError: the node cannot be asked about one item.
        BaseException: what the task raises.
    """
    calls = _calls_of(node)
    if not calls:
        raise SkorcheError(
            f"{node.title} cannot be asked about one item alone.",
            "what it gives depends on other items, or it calls no function.",
            "replay a failure of a task.",
        )
    results = [_call(call, item) for call in calls]
    return results[-1]


def _calls_of(node: Node) -> list[Callable[..., Any]]:
    if node.folds:
        return []
    if node.task is not None:
        return [node.task.call]
    return [node.settings[name] for name in FUNCTIONS if node.settings.get(name) is not None]


def _call(call: Callable[..., Any], item: Any) -> Any:
    ends: list[Callable[[], Any]] = []
    opened = open_call(call, ends)
    try:
        return opened(item)
    finally:
        from logging import getLogger  # some milliseconds: only a replay needs it

        close_all(ends, getLogger("skorche").exception)
