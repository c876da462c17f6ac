"""When two graphs are equal: their `outline` is. It tells all that a run depends on, and no identity of any object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from skorche.call import Around, Making, Placing
from skorche.file import Files, Lines
from skorche.graph import AnyQueue, Graph, Node
from skorche.spec.registry import inner
from skorche.tasks import Task

Outline = tuple[Any, ...]


def outline(graph: Graph) -> Outline:
    """The name of the graph; its inputs; its nodes with operator, settings, task, options and connections.

    Queues are numbered as they are met; the input that an `apply` of constants makes for itself comes last. Functions
    count by what they are, or, if they were made anew, by how.
    """
    queues: dict[int, AnyQueue] = {}
    sources = sorted(graph.sources(), key=lambda queue: id(queue) in graph.single)
    for queue in (*sources, *(one for node in graph.nodes for one in _queues_of(node))):
        queues.setdefault(id(queue), queue)
    numbers = {key: number for number, key in enumerate(queues)}
    return (
        graph.name,
        graph.check_types,
        tuple(
            (queue.name or None, queue.maxsize, _items(queue.fixed_inputs), queue.key and _call(queue.key))
            for queue in queues.values()
        ),
        tuple(_node(node, numbers) for node in graph.nodes),
    )


def _queues_of(node: Node) -> Iterable[AnyQueue]:
    return (*node.inputs, *node.outputs, *([node.errors] if node.errors is not None else []))


def _node(node: Node, numbers: Mapping[int, int]) -> Outline:
    return (
        node.operator,
        node.name,
        node.label,
        node.edge_labels,
        tuple(numbers[id(queue)] for queue in node.inputs),
        tuple(numbers[id(queue)] for queue in node.outputs),
        None if node.errors is None else numbers[id(node.errors)],
        tuple((key, _value(node.settings[key])) for key in sorted(node.settings)),
        None if node.task is None else (node.task.name, _options(node.task), _call(node.task.function)),
    )


def _options(task: Task[Any, Any]) -> Outline:
    return tuple(_value(one) for one in task.settings)


def _items(given: Any) -> Any:
    if given is None:
        return None
    if isinstance(given, Files | Lines):
        return (type(given).__name__, repr(sorted(vars(given).items())))
    if isinstance(given, list | tuple | range | str):
        return ("items", tuple(map(repr, given)))
    return ("object", id(given))


def _value(value: Any) -> Any:
    if isinstance(value, Task) or (callable(value) and not isinstance(value, type)):
        return _call(value)
    if isinstance(value, tuple | list):
        return tuple(map(_value, value))
    return (type(value).__name__, repr(value))


def _call(function: Any) -> Any:
    """How a function is made of others, down to one that is there."""
    if isinstance(function, Task):
        function = function.function
    if isinstance(function, partial):
        return ("partial", _call(function.func), repr(function.args), repr(sorted(function.keywords.items())))
    if isinstance(function, Placing):
        called: Any = function.function
        constants: Mapping[Any, Any] = function.constants
        if isinstance(called, partial) and not called.args:  # fixed here or there, it is given all the same
            called, constants = called.func, called.keywords | constants
        places = sorted(function.from_item.items(), key=repr)
        return ("placing", _call(called), places, repr(sorted(constants.items(), key=repr)))
    if isinstance(function, Around):
        own = {key: one for key, one in vars(function).items() if key != "function"}
        return (type(function).__name__, _call(function.function), repr(own))
    if isinstance(function, Making):
        return ("making", function.kind, repr(function.args), repr(sorted(function.keywords.items())))
    return inner(function)
