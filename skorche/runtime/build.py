"""From a plan to the parts of a scheduler, connected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from skorche.compile.plan import Destination, Plan, StagePlan, ZipPlan
from skorche.runtime.chunk import Waiting
from skorche.runtime.engine import Capabilities
from skorche.runtime.flow import Books, Edge, Gather, Limit, Outlet, Target
from skorche.runtime.order import Window
from skorche.runtime.stage import Stage
from skorche.runtime.tally import Tally
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


def build(plan: Plan, capabilities: Sequence[Capabilities]) -> Parts:
    """The parts of a plan; `capabilities` are those of each stage's engine."""
    books = Books(plan, [Tally(node.name) for node in plan.nodes])
    edges = [Edge(books, stage.nodes[0], _first_limit(stage)) for stage in plan.stages]
    outlets = [Outlet(books, number, end.maxsize) for number, end in enumerate(plan.ends)]
    gathers = [Gather(books, gather.node, gather.make(), gather.feeders) for gather in plan.gathers]

    zips = [Zip(books, one) for one in plan.zips]

    def target(destination: Destination) -> Target:
        if destination.kind == "zip":
            return zips[destination.number].intakes[destination.lane]
        kinds: dict[str, Sequence[Target]] = {"stage": edges, "gather": gathers, "end": outlets}
        return kinds[destination.kind][destination.number]

    for gather, planned in zip(gathers, plan.gathers, strict=True):
        gather.targets = [target(output) for output in planned.outputs]
    for one, paired in zip(zips, plan.zips, strict=True):
        one.target = target(paired.output)
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
        stages.append(Stage(stage, can, edge, targets, error_target, edge.limit, window))
    _widen(plan, stages)
    feeds = [Feed(number, target(source.output)) for number, source in enumerate(plan.sources)]
    parts = Parts(books, stages, gathers, outlets, feeds, zips)
    for one in zips:
        _connect_zip(parts, one)
    return parts


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
