"""Which nodes run together: a stage is one task with the pure steps that follow it.

A step joins the stage that feeds it when nothing is lost by it: a predicate rides behind a stage that runs one call at
a time in this process (so it is still called one at a time), or anywhere if it was declared with `fuse=True`; an
unbatch rides anywhere. A task with other limits than the stage's does not join it: each must count its own starts.
Thread tasks are never fused with each other: their overlap is the point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from skorche.graph import Graph, Node
from skorche.limits import AnyLimit

IN_TURN = frozenset({"inline", "thread"})
"""Engines in this process whose worker does one thing at a time, and holds up nobody else with it."""
IN_PROCESS = IN_TURN | {"async"}


@dataclass
class Members:
    """The nodes of a stage under construction; the first is its head."""

    nodes: list[Node] = field(default_factory=list)
    engine: Any = "thread"
    resizes: bool = False

    @property
    def workers(self) -> int:
        """How many calls of the stage may run at a time."""
        head = self.nodes[0]
        return head.task.workers if head.task else 1

    @property
    def limits(self) -> tuple[AnyLimit, ...]:
        """What holds for the whole of the stage: the head's."""
        return _limits_of(self.nodes[0])

    @property
    def is_lane(self) -> bool:
        """Whether the stage runs one call at a time in this process, whatever happens."""
        head = self.nodes[0]
        stoppable = head.task is not None and head.task.settings.timeout is not None
        return self.workers == 1 and not self.resizes and self.engine in IN_TURN and not stoppable


def fuse(graph: Graph, engine_of: Callable[[Node], Any], *, resizing: bool = False) -> list[Members]:
    """The stages, in order of declaration of their heads. Memories are not in any: behind one a stage begins.

    With `resizing` tasks may get other numbers of workers while they run, unless they are pinned.
    """
    stages: list[Members] = []
    stage_of: dict[str, Members] = {}
    for node in _upstream_first(graph):
        if node.work is None:
            continue
        feeder = graph.producers.get(id(node.inputs[0]))
        stage = stage_of.get(feeder.name) if feeder is not None else None
        if stage is None or not _joins(node, stage) or node.inputs[0] is feeder_errors(feeder):
            stage = Members(engine=engine_of(node), resizes=resizing and _may_resize(node))
            stages.append(stage)
        stage.nodes.append(node)
        if node.regrouping is None and not node.takes_in:  # what these give comes when a group or the stage has ended
            stage_of[node.name] = stage
    return stages


def feeder_errors(feeder: Node | None) -> Any:
    """The error queue of a node: what it carries never passed through the stage's steps."""
    return feeder.errors if feeder is not None else None


def _may_resize(node: Node) -> bool:
    return node.task is not None and not node.task.settings.pin and not node.folds


def _limits_of(node: Node) -> tuple[AnyLimit, ...]:
    return node.task.settings.limits if node.task else ()


def _joins(node: Node, stage: Members) -> bool:
    if node.task is not None and set(_limits_of(node)) != set(stage.limits):
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
