"""`from_graph`: a pipeline from a dict of nodes and of which leads to which, as the Plumber of `pipelines` takes it.

    {"nodes": {name: {"coro": function, "args": {...}, "properties": {...}}},
     "graph": {name: (names of the nodes that follow) or None}}

A node without inputs is a source; one with several takes them in tuples (`zip`), or one by one (`merge`) if its
property `aggregate_inputs` is false; one that leads to several is followed by a `tee`; one that leads to none is an
end.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

from skorche.errors import GraphError, nearest, shorten
from skorche.graph import AnyQueue
from skorche.named import NamedTuple
from skorche.ops.map import map
from skorche.ops.merge import merge
from skorche.ops.tee import tee
from skorche.ops.zip import zip
from skorche.options import TaskOptions, changed_options
from skorche.queue import Queue
from skorche.spec.streams import Generated, Put
from skorche.tasks import Task, task_of

NODE_KEYS = ("coro", "args", "properties")
AGGREGATE = "aggregate_inputs"

Style = Literal["function", "processor"]


def declare_spec(
    spec: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]],
    style: Style,
    coro_map: Callable[[Any], Callable[..., Any]] | None,
    env_vars: Mapping[str, Any],
) -> None:
    """Declare all nodes of a spec in the current graph.

    Raises:
        GraphError: something in the spec has no meaning; all findings at once.
    """
    drawing = _Drawing(spec, functions, style, coro_map, MappingProxyType(dict(env_vars)))
    findings = list(drawing.findings())
    if findings:
        raise GraphError.of(findings)
    drawing.declare()


class Processor(NamedTuple):
    """What a coroutine of `style="processor"` gets as `self`."""

    name: str
    env_vars: Mapping[str, Any]


class Processing:
    """A coroutine `coro(self, q_elt, **args)` as a task."""

    def __init__(
        self, coro: Callable[..., Any], processor: Processor, args: Mapping[str, Any], in_tuples: bool
    ) -> None:
        self._coro, self._processor, self._args, self._in_tuples = coro, processor, dict(args), in_tuples

    async def __call__(self, item: Any) -> Any:
        return await self._coro(self._processor, item if self._in_tuples else (item,), **self._args)


class _Drawing:
    """A spec on its way to a pipeline: first checked, then declared node by node."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        functions: Mapping[str, Callable[..., Any]],
        style: str,
        coro_map: Callable[[Any], Callable[..., Any]] | None,
        env_vars: Mapping[str, Any],
    ) -> None:
        self._spec, self._functions, self._style = spec, functions, style
        self._coro_map, self._env_vars = coro_map, env_vars
        self._nodes: dict[str, Mapping[str, Any]] = {}
        self._next: dict[str, tuple[str, ...]] = {}

    # -- what is wrong with it ---------------------------------------------------------------------------------------

    def findings(self) -> Iterator[GraphError]:
        """All that is wrong; reads the spec."""
        if self._style not in ("function", "processor"):
            yield _finding(f"style={self._style!r}", "it has no meaning.", "give 'function' or 'processor'.")
        parts = [self._spec.get(part) if isinstance(self._spec, Mapping) else None for part in ("nodes", "graph")]
        if not all(isinstance(part, Mapping) for part in parts):
            yield _finding(
                shorten(self._spec), "it has no 'nodes' and 'graph', each a dict.", "see from_graph for its form."
            )
            return
        for key in self._spec:
            if key not in ("nodes", "graph"):
                yield _finding(
                    f"the key {key!r}", "the keys are 'nodes' and 'graph'.", nearest(key, ("nodes", "graph"))
                )
        nodes: Mapping[str, Any] = self._spec["nodes"]
        edges: Mapping[str, Any] = self._spec["graph"]
        self._nodes, self._next = dict(nodes), {}
        for name, node in self._nodes.items():
            yield from self._wrong_node(name, node)
        for name, after in edges.items():
            yield from self._wrong_edges(name, after)
        for name, node in self._nodes.items():
            if isinstance(node, Mapping) and isinstance(node.get("properties") or {}, Mapping):
                yield from self._wrong_properties(name)
        yield from self._wrong_shape()

    def _wrong_node(self, name: str, node: Any) -> Iterator[GraphError]:
        if not isinstance(node, Mapping) or "coro" not in node:
            yield _finding(f"the node {name!r}: {shorten(node)}", "it has no 'coro'.", "give it {'coro': function}.")
            return
        for key in node:
            if key not in NODE_KEYS:
                yield _finding(
                    f"the key {key!r} of node {name!r}",
                    f"the keys are {', '.join(NODE_KEYS)}.",
                    nearest(key, NODE_KEYS),
                )
        for key in ("args", "properties"):
            if not isinstance(node.get(key) or {}, Mapping):
                yield _finding(f"{shorten(node[key])} as {key} of node {name!r}", "it is no dict.", "give a dict.")
        try:
            self._function(name)
        except GraphError as finding:
            yield finding

    def _wrong_edges(self, name: str, after: Any) -> Iterator[GraphError]:
        if name not in self._nodes:
            yield _finding(f"the edges of {name!r}", "it is not among the nodes.", nearest(name, self._nodes))
            return
        followers = () if after is None else (after,) if isinstance(after, str) else after
        if not isinstance(followers, list | tuple | set) or not all(isinstance(one, str) for one in followers):
            yield _finding(f"{shorten(after)} after {name!r}", "these are no names of nodes.", "give a tuple, or None.")
            return
        followers = tuple(followers)
        self._next[name] = followers
        for follower in followers:
            if follower not in self._nodes:
                yield _finding(
                    f"{follower!r}, to which {name!r} leads",
                    "it is not among the nodes.",
                    nearest(follower, self._nodes),
                )
        if len(set(followers)) < len(followers):
            yield _finding(f"the edges of {name!r}", "it leads to a node more than once.", "name each node once.")

    def _wrong_properties(self, name: str) -> Iterator[GraphError]:
        """Options of the task must have a meaning; a node that none leads to has no task."""
        given = dict(self._nodes[name].get("properties") or {})
        given.pop(AGGREGATE, None)
        if given and not self._before(name):
            yield _finding(f"properties of node {name!r}: {shorten(given)}", "it is a source.", "leave them out.")
            return
        for key, value in given.items():
            try:
                changed_options(TaskOptions(), {key: value})
            except GraphError as finding:
                known = (*TaskOptions._fields, AGGREGATE)
                mend = finding.mend if key in known else nearest(key, known)
                yield _finding(f"the property {key!r}: {shorten(value)} of node {name!r}", finding.why, mend)

    def _wrong_shape(self) -> Iterator[GraphError]:
        for name in self._nodes:
            if name not in self._next and not self._before(name):
                yield _finding(f"the node {name!r}", "it stands alone in no edge.", "connect it, or leave it out.")
        rest = set(self._nodes)
        while ends := {name for name in rest if not rest.intersection(self._next.get(name, ()))}:
            rest -= ends
        circle = {name for name in rest if any(name in self._next.get(one, ()) for one in rest)}
        if circle:
            names = ", ".join(repr(name) for name in self._nodes if name in circle)
            yield _finding(
                f"edges that go round: {names}", "items would never come to an end.", "leave one of them out."
            )

    # -- what it means -----------------------------------------------------------------------------------------------

    def _before(self, name: str) -> list[str]:
        """The nodes that lead to this one, in the order in which their edges are written."""
        return [one for one, after in self._next.items() if name in after]

    def _function(self, name: str) -> Callable[..., Any]:
        given = self._nodes[name]["coro"]
        found: Any = given
        if self._coro_map is not None:
            found = self._coro_map(given)
        elif isinstance(given, str):
            found = self._functions.get(given)
            if found is None:
                why = "functions= has no such name." if self._functions else "names are looked up in functions=."
                raise _finding(f"{given!r} as the function of node {name!r}", why, nearest(given, self._functions))
        if not callable(found):
            raise _finding(
                f"{shorten(found)} as the function of node {name!r}", "it cannot be called.", "give a function."
            )
        function: Callable[..., Any] = found
        return function

    def declare(self) -> None:
        """Declare what follows, for each node after those that lead to it."""
        made: dict[tuple[str, str], AnyQueue] = {}
        waiting = list(self._nodes)
        while waiting:
            name = next(one for one in waiting if not set(self._before(one)).intersection(waiting))
            waiting.remove(name)
            before = [made.pop((one, name)) for one in self._before(name)]
            after = self._next.get(name, ())
            queue = self._declare_node(name, before, Queue(name=None if after else name))
            branches: Sequence[AnyQueue] = tee(queue, n=len(after)) if len(after) > 1 else [queue]
            made |= {(name, follower): branch for follower, branch in builtins.zip(after, branches, strict=False)}

    def _declare_node(self, name: str, before: list[AnyQueue], queue_out: AnyQueue) -> AnyQueue:
        node = self._nodes[name]
        args, properties = dict(node.get("args") or {}), dict(node.get("properties") or {})
        aggregates = bool(properties.pop(AGGREGATE, True))
        function = self._function(name)
        if not before:
            return self._source(name, function, args)
        in_tuples = len(before) > 1 and aggregates
        if self._style == "processor":
            options = function.settings if isinstance(function, Task) else TaskOptions()
            function = Task(Processing(function, Processor(name, self._env_vars), args, in_tuples), name, options)
        elif args:
            function = task_of(function).bind(**args)
        task: Task[Any, Any] = task_of(function).options(name=name, **properties)
        queue = before[0] if len(before) == 1 else zip(before) if in_tuples else merge(before)
        return map(task, queue, queue_out=queue_out)

    def _source(self, name: str, function: Callable[..., Any], args: dict[str, Any]) -> AnyQueue:
        if isinstance(function, Task):
            function = function.function
        if self._style == "processor":
            return Queue(name, Put(partial(function, Processor(name, self._env_vars), **args)))
        return Queue(name, Generated(function, args))


def _finding(what: str, why: str, mend: str) -> GraphError:
    return GraphError(f"from_graph was given {what}.", why, mend.strip() or "see the documentation of from_graph.")
