"""The keys of nodes: what each one's results depend on, besides the item itself.

A key holds the operator, its settings, the task's fingerprint and fixed arguments, and the keys of the nodes before it.
So whatever changes upstream changes all keys downstream, also where the results stay equal. Of sources there is nothing
in it: the item's own content is in the key of each result. For the same reason a node upstream whose code cannot be
fingerprinted may be left out, if nothing of its own is cached: what it makes still counts, as content.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from skorche.cache.fingerprint import Code, Fingerprint
from skorche.canonical import FormlessError
from skorche.errors import GraphError
from skorche.graph import Graph, Node
from skorche.named import NamedTuple
from skorche.tasks import Task

FORM = "skorche-key/2"


class NodeKey(NamedTuple):
    """The key of a node, what went into it, and whether its results are to be made anew.

    `problem` tells why it stands for less than it should: its code could not be fingerprinted.
    """

    key: bytes
    parts: tuple[str, ...]
    after: tuple[str, ...]
    reload: bool
    problem: str = ""


class Keys:
    """The keys of all nodes of a graph; with `force` all results are to be made anew."""

    def __init__(self, graph: Graph, *, force: bool = False) -> None:
        self._graph, self._force = graph, force
        self._known: dict[str, NodeKey] = {}
        self._codes: dict[str | None, Code] = {}

    def of(self, node: Node) -> NodeKey:
        """The key of a node.

        Raises:
            GraphError: it is cached, and its code cannot be fingerprinted.
        """
        found = self._known.get(node.name)
        if found is None:
            found = self._known[node.name] = self._make(node)
        if found.problem and node.task is not None and node.task.settings.cache:
            raise GraphError(
                f"{node.title} has cache=True, and what its results depend on cannot be told.",
                f"{found.problem}.",
                _mend(node.task),
            )
        return found

    def explain(self) -> str:
        """What went into the keys of the cached nodes, as text."""
        lines = []
        for node in self._graph.nodes:
            if node.task is None or not node.task.settings.cache:
                continue
            found = self.of(node)
            lines.append(f"{node.name}: {found.key.hex()[:16]}")
            lines += [f"  {part}" for part in found.parts]
            lines += [f"  after {name}: {self._known[name].key.hex()[:16]}" for name in found.after]
        return "\n".join(lines)

    def _make(self, node: Node) -> NodeKey:
        feeders = [self._graph.producers.get(id(queue)) for queue in node.inputs]
        for one in feeders:
            if one is not None and one.name not in self._known:
                self._known[one.name] = self._make(one)
        before = [self._known[one.name] for one in feeders if one is not None]
        links = [self._link(node, number, one) for number, one in enumerate(feeders)]
        after = tuple(dict.fromkeys(one.name for one in feeders if one is not None))
        reload = self._force or any(one.reload for one in before)
        reload = reload or (node.task is not None and node.task.settings.reload)
        whole = self._codes_of(node).fingerprint()
        try:
            key = self._write(whole, node, links)
        except FormlessError as error:
            bare = Fingerprint(Code())
            return NodeKey(bare.of([FORM, node.operator, links]), (), after, reload, str(error))
        return NodeKey(key, (f"python {_python()}", *whole.parts), after, reload)

    def _link(self, node: Node, number: int, feeder: Node | None) -> Any:
        """What is before an input: nothing, or an output of a node."""
        if feeder is None:
            return None
        queue = node.inputs[number]
        port = next((at for at, one in enumerate(feeder.outputs) if one is queue), -1)
        return [self._known[feeder.name].key, port]

    def _write(self, whole: Fingerprint, node: Node, links: list[Any]) -> bytes:
        whole.form.put(b"key", FORM, _python(), node.operator)
        whole.form.write(_plain(node.settings))
        whole.form.write(None if node.pairing is None else list(node.pairing))
        if node.task is not None:
            options = node.task.settings
            whole.form.write(options.unpack)
            whole.write_task(node.task.function, options.version, node.task.name)
        return whole.of(links)

    def _codes_of(self, node: Node) -> Code:
        """What is known of code; a package that decorates its tasks is the user's, wherever it is installed."""
        function: Any = node.task.function if node.task is not None else None
        while isinstance(function, partial) or hasattr(function, "function"):
            function = function.func if isinstance(function, partial) else function.function
        function = getattr(function, "kind", function)
        module = sys.modules.get(getattr(function, "__module__", None) or "")
        decorated = getattr(module, getattr(function, "__name__", ""), None)
        own = function.__module__.partition(".")[0] if isinstance(decorated, Task) else None
        return self._codes.setdefault(own, Code(own))


def _mend(task: Task[Any, Any]) -> str:
    if task.settings.version is None:
        return 'give it version="1", and another one whenever its code changes; or leave cache=True out.'
    return (
        'give it a name of its own (name="..."), and what it needs as arguments that are plain values; '
        "or leave cache=True out."
    )


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sorted(settings.items()) if name != "fuse"}


def _python() -> str:
    return "{}.{}".format(*sys.version_info)
