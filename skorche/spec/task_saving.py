"""A task as a spec has it, or the findings why it cannot be in one."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from skorche.call import Making, Placing
from skorche.errors import Location, shorten
from skorche.graph import Node
from skorche.limits import AnyLimit, Rate
from skorche.options import TaskOptions
from skorche.spec.document import PLAIN
from skorche.spec.findings import Findings, Where
from skorche.spec.registry import Registry, inner
from skorche.tasks import Task, TaskClass

REGISTER = "define it with `def` at the top of a module, or give to_yaml(functions={'name': function})."


class TaskSaver:
    """Tasks, functions and limits of one pipeline on their way into a spec."""

    def __init__(self, registry: Registry, findings: Findings) -> None:
        self._registry, self._findings = registry, findings
        self._named: dict[str, Any] = {}
        self.limits: dict[str, AnyLimit] = {}

    def refuse(self, node: Node, what: str, why: str, mend: str) -> None:
        """One more finding on a node."""
        self._findings.add(where_of(node.declared), f"{node.title.rpartition(' (')[0]} {what}", why, mend)

    def plain(self, node: Node, what: str, value: Any) -> Any:
        """A value that YAML gives back as it is."""
        if not is_plain(value):
            why = "it is no plain data, which YAML would give back as it is."
            self.refuse(
                node, f"has {what} {shorten(value)}.", why, "use None, truths, numbers, texts, lists and dicts."
            )
        return value

    def function(self, node: Node, function: Any, what: str = "the function") -> str | None:
        """The name of a function."""
        called = inner(function)
        name = self._registry.name_for(called)
        if name is None:
            why = "functions= does not have it." if self._registry.given else "no module has it under a plain name."
            self.refuse(node, f"has {what} {shorten(called)}.", why, REGISTER)
            return None
        if inner(self._named.setdefault(name, called)) is not called:
            why = "a name in a spec stands for one function."
            self.refuse(node, f"has {what} {name!r}, and another node has another one of that name.", why, REGISTER)
        return name

    def predicate(self, node: Node, function: Any) -> dict[str, Any]:
        """A function with the arguments that are bound to it."""
        function, arguments = self._unbound(node, function)
        saved = {"function": self.function(node, function)}
        return saved | ({"arguments": arguments} if arguments else {})

    def _unbound(self, node: Node, function: Any) -> tuple[Any, dict[str, Any]]:
        """What a function with fixed arguments was made of."""
        function = function.function if isinstance(function, Task) else function
        if not isinstance(function, partial) or self._registry.name_for(function) is not None:
            return function, {}
        if function.args:
            why, mend = "a spec has arguments by name.", "bind them by name: task.bind(name=value)."
            self.refuse(node, f"has arguments that are bound by position: {shorten(function.args)}.", why, mend)
        return function.func, self.plain(node, "the arguments", dict(function.keywords))

    def task(self, node: Node, task: Task[Any, Any]) -> dict[str, Any]:
        """A task: its `function`, and what must stand beside it."""
        function: Callable[..., Any] = task.function
        if isinstance(function, Placing):
            function = function.function
        function, arguments = self._unbound(node, function)
        name = self.function(node, function)
        saved: dict[str, Any] = {"function": name}
        if name is None:
            return saved
        known = self._registry.known(name, inner(function))
        if task.name != name:
            saved["name"] = task.name
        if isinstance(function, Making) and (function.args or function.keywords or not isinstance(known, TaskClass)):
            saved["instance"] = self._instance(node, function)
        if arguments:
            saved["arguments"] = arguments
        defaults = known.settings if isinstance(known, Task) else TaskOptions()
        options = {
            key: self._option(node, key, value)
            for key, value in task.settings._asdict().items()
            if value != getattr(TaskOptions(), key) or value != getattr(defaults, key)
        }
        return saved | ({"options": options} if options else {})

    def _instance(self, node: Node, making: Making) -> Any:
        if making.args and making.keywords:
            why = "a spec has them all by position, or all by name."
            self.refuse(
                node, f"makes {making.__name__} with arguments of both kinds.", why, "give all of them by name."
            )
        return self.plain(node, "the arguments of its class", list(making.args) or dict(making.keywords))

    def _option(self, node: Node, key: str, value: Any) -> Any:
        if key == "limits":
            return [self._limit(node, one) for one in value]
        if key == "retry_on":
            return [self._error(node, one) for one in value] if isinstance(value, tuple) else self._error(node, value)
        if key == "engine" and value is not None and not isinstance(value, str):
            why, mend = "an object cannot be written down.", "choose an engine by its name, or give it to run()."
            self.refuse(node, f"has the engine {shorten(value)}.", why, mend)
            return None
        return self.plain(node, f"the option {key}", value)

    def _limit(self, node: Node, limit: AnyLimit) -> str:
        if self.limits.setdefault(limit.name, limit) != limit:
            why, mend = "limits go by their names.", "give one of them another name."
            self.refuse(node, f"has the limit {str(limit)!r}, and another node has one that differs.", why, mend)
        return limit.name

    def _error(self, node: Node, kind: type[BaseException]) -> str | None:
        name: str = kind.__name__
        if getattr(builtins, name, None) is kind:
            return name
        return self.function(node, kind, "the exception")

    def saved_limits(self) -> dict[str, Any]:
        """All limits met so far, by name."""
        return {
            name: {"most": one.most, "per": one.per} if isinstance(one, Rate) else one.most
            for name, one in self.limits.items()
        }


def where_of(location: Location) -> Where:
    """A place in a program, or in the spec that the pipeline came from."""
    return Where(location.file, location.line)


def is_plain(value: Any, around: Iterable[int] = ()) -> bool:
    """Whether YAML gives a value back as it is.

    >>> is_plain({"a": [1, None, "text"]}), is_plain((1, 2))
    (True, False)
    """
    within = {*around, id(value)}
    if type(value) is list:
        return id(value) not in around and all(is_plain(one, within) for one in value)
    if type(value) is dict:
        keys = all(type(key) in PLAIN for key in value)
        return keys and id(value) not in around and all(is_plain(one, within) for one in value.values())
    return type(value) in PLAIN
