"""What a task is called with, as text: constants, and from which node or queue an item comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from skorche.call import Making, Placing, Unpacking
from skorche.errors import shorten
from skorche.graph import Node
from skorche.queue import Queue

LONGEST_ARGUMENT = 60


def arguments_text(node: Node, producers: Mapping[int, Node]) -> str:
    """The arguments of a node's task, as in a call; what comes from a queue stands as `<name>`.

    >>> from skorche.api import Pipeline
    >>> from skorche.queue import Queue
    >>> with Pipeline() as pipeline:
    ...     sizes = pipeline.map(len, Queue(name="words"))
    ...     powers = pipeline.apply(pow, sizes, 2, mod=5)
    >>> [arguments_text(node, pipeline.graph.producers) for node in pipeline.graph.nodes]
    ['<words>', '<len>, 2, mod=5']
    """
    if node.task is None:
        return ""
    from_queues = [f"<{_origin(queue, producers)}>" for queue in _lanes(node, producers)]
    return ", ".join(_parts(node.task.function, from_queues))


def _parts(function: Callable[..., Any], from_queues: list[str]) -> list[str]:
    """The arguments, one by one."""
    if isinstance(function, partial):
        fixed = [_shown(one) for one in function.args]
        return [*fixed, *_parts(function.func, from_queues), *_named(function.keywords)]
    if isinstance(function, Placing):
        texts = {key: _shown(value) for key, value in function.constants.items()}
        texts |= {key: from_queues[place] for key, place in function.from_item.items()}
        args = [text for _, text in sorted((key, text) for key, text in texts.items() if isinstance(key, int))]
        inner = _named(function.function.keywords) if isinstance(function.function, partial) else []
        return [*args, *inner, *(f"{key}={text}" for key, text in texts.items() if isinstance(key, str))]
    if isinstance(function, Making):
        made = ", ".join([*map(_shown, function.args), *_named(function.keywords)])
        return [*from_queues, f"made with ({made})"] if made else from_queues
    return _parts(function.function, from_queues) if isinstance(function, Unpacking) else from_queues


def _named(keywords: Mapping[str, Any]) -> list[str]:
    return [f"{name}={_shown(value)}" for name, value in keywords.items()]


def _shown(value: object) -> str:
    return shorten(value, LONGEST_ARGUMENT)


def _lanes(node: Node, producers: Mapping[int, Node]) -> tuple[Queue[Any], ...]:
    """The queues that the arguments come from: those of the zip before it, if the task is applied to several."""
    assert node.task is not None
    before = producers.get(id(node.inputs[0]))
    together = isinstance(node.task.function, Placing) and before is not None and before.pairing is not None
    return before.inputs if together and before is not None else node.inputs


def _origin(queue: Queue[Any], producers: Mapping[int, Node]) -> str:
    """What to call what gives the items: the task behind operators that keep them, or the named queue."""
    node = producers.get(id(queue))
    while node is not None and node.task is None and len(node.inputs) == 1:
        queue = node.inputs[0]
        node = producers.get(id(queue))
    return node.name if node is not None else str(queue.name or "inputs")
