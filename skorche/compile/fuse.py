"""Which nodes run together: a stage is one task with the pure steps that follow it.

A step joins the stage that feeds it when nothing is lost by it: a predicate rides behind a stage that runs one call at
a time in this process (so it is still called one at a time), or anywhere if it was declared with `fuse=True`; an
unbatch rides anywhere. A task with other limits than the stage's does not join it: each must count its own starts.
Thread tasks are never fused with each other: their overlap is the point.

A task on worker processes joins the one before it, so that its items need not travel, when both may use every process
of the pool: then no core is idle for it that was busy before. It does not where their options differ that hold for
whole processes, where it is to be stopped or counted by itself (a timeout, limits, `idempotent=False`, `isolate`), or
behind a step that makes many items of one, which are better shared out among the workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from skorche.graph import Graph, Node
from skorche.limits import AnyLimit
from skorche.options import TaskOptions

IN_TURN = frozenset({"inline", "thread"})
"""Engines in this process whose worker does one thing at a time, and holds up nobody else with it."""
IN_PROCESS = IN_TURN | {"async"}
PROCESS = "process"
SHARED = ("ordered", "max_items_per_worker", "max_worker_memory")
"""Options that hold for all that travels together, so they must be the same."""


class Members:
    """The nodes of a stage under construction; the first is its head. Behind the `single` ones an item still is one."""

    def __init__(self, head: Node, engine: Any, *, resizes: bool) -> None:
        self.nodes = [head]
        self.engine, self.resizes = engine, resizes
        self.single: set[str] = set()

    @property
    def workers(self) -> int:
        """How many calls of the stage may run at a time."""
        head = self.nodes[0]
        return head.task.workers if head.task else 1

    @property
    def options(self) -> TaskOptions:
        """What holds for the whole of the stage: the head's."""
        return _options_of(self.nodes[0])

    @property
    def limits(self) -> tuple[AnyLimit, ...]:
        """What every start of the stage counts for."""
        return self.options.limits

    @property
    def is_lane(self) -> bool:
        """Whether the stage runs one call at a time in this process, whatever happens."""
        stoppable = self.options.timeout is not None
        return self.workers == 1 and not self.resizes and self.engine in IN_TURN and not stoppable


def fuse(
    graph: Graph, engine_of: Callable[[Node], Any], *, resizing: bool = False, cores: int | None = None
) -> list[Members]:
    """The stages, in order of declaration of their heads. Memories are not in any: behind one a stage begins.

    With `resizing` tasks may get other numbers of workers while they run, unless they are pinned. `cores`: so many
    this machine has, if it is not to be asked.
    """
    stages: list[Members] = []
    stage_of: dict[str, Members] = {}
    processes = _pool_size(graph, engine_of, cores or os.cpu_count() or 1)
    for node in _upstream_first(graph):
        if node.work is None:
            continue
        own = Members(node, engine_of(node), resizes=resizing and _may_resize(node))
        feeder = _feeder_of(node, graph)
        stage = stage_of.get(feeder)
        if stage is not None and (_rides(node, stage) or (feeder in stage.single and _travels(own, stage, processes))):
            stage.nodes.append(node)
        else:
            stages.append(stage := own)
        if node.places == "kept" and (stage is own or feeder in stage.single):
            stage.single.add(node.name)
        if node.regrouping is None and not node.takes_in:  # what these give comes when a group or the stage has ended
            stage_of[node.name] = stage
    return stages


def _feeder_of(node: Node, graph: Graph) -> str:
    """The name of the node that feeds it; "" if there is none, or by its error queue: that never came through steps."""
    feeder = graph.producers.get(id(node.inputs[0]))
    return "" if feeder is None or node.inputs[0] is feeder.errors else feeder.name


def _pool_size(graph: Graph, engine_of: Callable[[Node], Any], cores: int) -> int:
    """How many processes there may be; `ProcessEngine.open` says the same."""
    return max([cores, *(node.task.workers for node in graph.nodes if node.task and engine_of(node) == PROCESS)])


def _travels(own: Members, stage: Members, processes: int) -> bool:
    """Whether a task goes with a stage to its workers, and loses nothing by it."""
    if not (_may_travel(own, processes) and _may_travel(stage, processes)):
        return False
    joining, head = own.options, stage.options
    return not joining.isolate and all(getattr(joining, name) == getattr(head, name) for name in SHARED)


def _may_travel(stage: Members, processes: int) -> bool:
    options, uses_all = stage.options, stage.workers >= processes and not stage.resizes
    alone = not options.fuse or not options.idempotent or options.timeout is not None or bool(options.limits)
    return stage.engine == PROCESS and uses_all and not alone


def _may_resize(node: Node) -> bool:
    return node.task is not None and not node.task.settings.pin and not node.folds


def _options_of(node: Node) -> TaskOptions:
    return node.task.settings if node.task else TaskOptions()


def _rides(node: Node, stage: Members) -> bool:
    if node.task is not None and set(node.task.settings.limits) != set(stage.limits):
        return False
    if node.rides == "anywhere":
        return True
    return node.rides == "lane" and stage.is_lane


def _upstream_first(graph: Graph) -> list[Node]:
    """Nodes so that each comes after those that feed it, whatever the order of declaration."""
    ordered: dict[str, Node] = {}

    def visit(node: Node) -> None:
        if node.name in ordered:
            return
        for queue in node.inputs:
            feeder = graph.producers.get(id(queue))
            if feeder is not None:
                visit(feeder)
        ordered[node.name] = node

    for node in graph.nodes:
        visit(node)
    return list(ordered.values())
