"""From a plan to the parts of a scheduler, connected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from skorche.compile.plan import Destination, GatherPlan, Plan, StagePlan, ZipPlan
from skorche.kernel import Grouping
from skorche.runtime.chunk import Waiting
from skorche.runtime.drain import Drain
from skorche.runtime.engine import Capabilities
from skorche.runtime.flow import Books, Edge, Gather, Limit, Outlet, Target
from skorche.runtime.groups import Grouper
from skorche.runtime.order import Window
from skorche.runtime.stage import Stage
from skorche.runtime.tally import SteppedTally, Tally
from skorche.runtime.zipping import Span, Way, Zip


@dataclass
class Feed:
    """A source as the scheduler sees it: `asked` items have been asked for and have not come.

    `portion` is the most that was asked for at once.
    Several feeders of one target cannot keep room for items that may never come, so what comes may have to wait here.
    """

    number: int
    target: Target
    asked: int = 0
    portion: int = 0
    given: int = 0
    exhausted: bool = False
    ended: bool = False
    waiting: Waiting = field(default_factory=Waiting)
    limits: list[Limit] = field(default_factory=list)
    fed: list[Zip] = field(default_factory=list)

    @property
    def room(self) -> int:
        """Items that may still go on."""
        room = self.target.room
        for limit in self.limits:
            room = min(room, limit.room(self.given - self.waiting.count))
        return room

    @property
    def unwanted(self) -> bool:
        """Whether nothing behind has any use for more of it."""
        return bool(self.fed) and any(one.exhausted for one in self.fed)

    def flow(self, *, stopping: bool) -> bool:
        """Let what has come go on, as far as there is room; after the last item close. Whether anything changed."""
        self.exhausted |= self.unwanted and not self.asked
        count = self.waiting.count if stopping else min(self.waiting.count, self.room)
        if count > 0:
            self.target.accept(*self.waiting.take(count))
        closing = self.exhausted and not self.ended and not self.waiting.count
        if closing:
            self.ended = True
            self.target.close()
        return count > 0 or closing


@dataclass
class Parts:
    """Everything a scheduler moves items through."""

    books: Books
    stages: list[Stage]
    gathers: list[Gather]
    outlets: list[Outlet]
    feeds: list[Feed]
    zips: list[Zip]
    groupers: list[Grouper]
    drains: list[Drain]

    def __post_init__(self) -> None:
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
    edges = [Edge(books, stage.nodes[0], _first_limit(stage)) for stage in plan.stages]
    outlets = [Outlet(books, number, end.maxsize) for number, end in enumerate(plan.ends)]
    gathers = [_gather(books, gather, gather.node in stepped) for gather in plan.gathers]
    drains = [Drain(books, drain.node, drain.fold) for drain in plan.drains]

    zips = [Zip(books, one) for one in plan.zips]

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
        stages.append(Stage(stage, can._replace(ahead=ahead), edge, targets, error_target, edge.limit, window))
    _widen(plan, stages)
    feeds = [Feed(number, target(source.output)) for number, source in enumerate(plan.sources)]
    groupers = [one for one in gathers if isinstance(one, Grouper)]
    parts = Parts(books, stages, gathers, outlets, feeds, zips, groupers, drains)
    for one in zips:
        _connect_zip(parts, one)
    return parts


def _gather(books: Books, planned: GatherPlan, stepped: bool) -> Gather:
    memory = planned.make()
    if isinstance(memory, Grouping):
        return Grouper(books, planned.node, memory, planned.feeders, stepped)
    return Gather(books, planned.node, memory, planned.feeders)


def _connect_zip(parts: Parts, one: Zip) -> None:
    """Have what lies on the way to a zip tell it of gaps, and bound where its lanes begin."""
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


def _first_limit(stage: StagePlan) -> int:
    limit = 2 * stage.workers
    return limit if stage.maxsize is None else min(limit, stage.maxsize)


def _behind_gathers(plan: Plan, port: Destination) -> list[Destination]:
    """Where what leaves by a port comes to, past operators with memory."""
    if port.kind != "gather":
        return [port]
    return [one for output in plan.gathers[port.number].outputs for one in _behind_gathers(plan, output)]


def _widen(plan: Plan, stages: list[Stage]) -> None:
    """An edge takes at least one item from each worker of the stages that feed it, so that none waits for another."""
    for feeder in plan.stages:
        errors = [port for node in feeder.nodes if (port := plan.nodes[node].errors) is not None]
        for port in (*feeder.ports, *errors):
            for behind in _behind_gathers(plan, port):
                if behind.kind == "stage":
                    _raise_floor(stages[behind.number], feeder.workers)


def _raise_floor(stage: Stage, feeders: int) -> None:
    stage.floor = max(stage.floor, feeders + stage.plan.workers)
    if stage.plan.maxsize is not None:
        stage.floor = min(stage.floor, stage.plan.maxsize)
    stage.edge.limit = stage.floor
