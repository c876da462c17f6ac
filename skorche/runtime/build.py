"""From a plan to the parts of a scheduler, connected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skorche.compile.plan import Destination, GatherPlan, Plan, StagePlan, ZipPlan
from skorche.regrouping import is_grouping
from skorche.runtime.command import Resize
from skorche.runtime.drain import Drain
from skorche.runtime.engine import Capabilities
from skorche.runtime.feed import Feed
from skorche.runtime.flow import Books, Edge, Gather, Outlet, Target
from skorche.runtime.groups import Grouper
from skorche.runtime.order import Window
from skorche.runtime.stage import Stage
from skorche.runtime.tally import SteppedTally, Tally

if TYPE_CHECKING:
    from skorche.runtime.zipping import Zip


class Parts:
    """Everything a scheduler moves items through."""

    def __init__(
        self,
        books: Books,
        stages: list[Stage],
        gathers: list[Gather],
        outlets: list[Outlet],
        feeds: list[Feed],
        zips: list[Zip],
        drains: list[Drain],
    ) -> None:
        self.books, self.stages, self.gathers, self.outlets = books, stages, gathers, outlets
        self.feeds, self.zips, self.drains = feeds, zips, drains
        self.groupers = [one for one in gathers if isinstance(one, Grouper)]
        self.held: list[Gather | Zip | Drain] = [*self.gathers, *self.zips, *self.drains]
        """What may pass something on although nothing has come: it has a memory."""

    @property
    def due(self) -> float:
        """When the next group is complete by the clock; infinity if none will be."""
        return min([grouper.due for grouper in self.groupers], default=math.inf)


def build(plan: Plan, capabilities: Sequence[Capabilities]) -> Parts:
    """The parts of a plan; `capabilities` are those of each stage's engine."""
    stepped = {gather.node for gather in plan.gathers} & {node for stage in plan.stages for node in stage.nodes}
    kinds = [SteppedTally if number in stepped else Tally for number in range(len(plan.nodes))]
    books = Books(plan, [kind(node.name) for kind, node in zip(kinds, plan.nodes, strict=True)])
    edges = [Edge(books, stage.nodes[0], _bounded(stage, 2 * stage.workers)) for stage in plan.stages]
    outlets = [Outlet(books, number, end.maxsize) for number, end in enumerate(plan.ends)]
    gathers = [_gather(books, gather, gather.node in stepped) for gather in plan.gathers]
    drains = [Drain(books, drain.node, drain.fold) for drain in plan.drains]
    zips = _zips(books, plan.zips)

    def target(destination: Destination) -> Target:
        if destination.kind == "zip":
            return zips[destination.number].intakes[destination.lane]
        kinds: dict[str, Sequence[Target]] = {"stage": edges, "gather": gathers, "end": outlets, "drain": drains}
        return kinds[destination.kind][destination.number]

    for gather, planned in zip(gathers, plan.gathers, strict=True):
        gather.targets = [target(output) for output in planned.outputs]
    for one, paired in zip(zips, plan.zips, strict=True):
        one.target = target(paired.output)
    for drain, taking in zip(drains, plan.drains, strict=True):
        drain.target = target(taking.output) if taking.output is not None else None
    stages = []
    for stage, can, edge in zip(plan.stages, capabilities, edges, strict=True):
        targets = [target(port) for port in stage.ports]
        error_target: dict[int, int] = {}
        for node in stage.nodes:
            errors = plan.nodes[node].errors
            if errors is not None:
                error_target[node] = len(targets)
                targets.append(target(errors))
        window = Window(len(stage.ports)) if stage.ordered else None
        ahead = can.ahead and not stage.folds  # a chunk begins with the value that the one before has come to
        tallies = [books.tallies[node] for node in stage.nodes]
        stages.append(Stage(stage, can._replace(ahead=ahead), edge, targets, error_target, edge.limit, tallies, window))
    set_floors(plan, stages)
    feeds = [Feed(number, target(source.output)) for number, source in enumerate(plan.sources)]
    parts = Parts(books, stages, gathers, outlets, feeds, zips, drains)
    for one in zips:
        _connect_zip(parts, one)
    return parts


def _zips(books: Books, plans: Sequence[ZipPlan]) -> list[Zip]:
    if not plans:
        return []
    from skorche.runtime.zipping import Zip  # only who zips needs it

    return [Zip(books, one) for one in plans]


def _gather(books: Books, planned: GatherPlan, stepped: bool) -> Gather:
    memory = planned.make()
    if is_grouping(memory):
        return Grouper(books, planned.node, memory, planned.feeders, stepped)
    return Gather(books, planned.node, memory, planned.feeders)


def _connect_zip(parts: Parts, one: Zip) -> None:
    """Have what lies on the way to a zip tell it of gaps, and bound where its lanes begin."""
    from skorche.runtime.zipping import Span, Way

    plan: ZipPlan = one.plan
    span = Span(one)
    for intake, lane in zip(one.intakes, plan.lanes, strict=True):
        for passage in lane.passages:
            stage = parts.stages[passage.stage]
            if passage.tells:
                stage.ways.append(Way(intake, passage))
            span.stages.append(stage)
        span.batches += [(parts.gathers[gather], depth) for gather, depth in lane.gathers]
        for inner, depth in lane.zips:
            parts.zips[inner].outer.append((intake, depth))
    if plan.tee is not None:
        parts.gathers[plan.tee].limits.append(span)
    for source in plan.sources:
        parts.feeds[source].limits.append(span)
    for source in plan.own:
        parts.feeds[source].fed.append(one)


def _bounded(stage: StagePlan, limit: int) -> int:
    return limit if stage.maxsize is None else min(limit, stage.maxsize)


def _behind_gathers(plan: Plan, port: Destination) -> list[Destination]:
    """Where what leaves by a port comes to, past operators with memory."""
    if port.kind != "gather":
        return [port]
    return [one for output in plan.gathers[port.number].outputs for one in _behind_gathers(plan, output)]


def resize(parts: Parts, wanted: Resize) -> None:
    """Give a stage that has not ended another number of workers."""
    stage = parts.stages[wanted.stage]
    if stage.unfinished and not parts.books.stopping:
        stage.resize(wanted.workers)
        set_floors(parts.books.plan, parts.stages)
        parts.books.commands.append(wanted)
        parts.books.decisions.append(wanted.decision)


def set_floors(plan: Plan, stages: Sequence[Stage]) -> None:
    """What each edge takes at least: two items for each worker, and one for each on both sides of it.

    So none waits for another that feeds the same edge.
    """
    for stage in stages:
        stage.floor = _bounded(stage.plan, 2 * stage.given)
    for feeder in stages:
        errors = [port for node in feeder.plan.nodes if (port := plan.nodes[node].errors) is not None]
        for port in (*feeder.plan.ports, *errors):
            for behind in _behind_gathers(plan, port):
                if behind.kind == "stage":
                    reader = stages[behind.number]
                    reader.floor = max(reader.floor, _bounded(reader.plan, feeder.given + reader.given))
    for stage in stages:
        stage.settle()
