"""A frozen plan: stages with their kernels, the operators with memory between them, sources and ends.

A plan names queues by number, nodes by number and engines by name, and holds no queue, so it can be pickled (unless an
engine was given as an object).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, Literal, NamedTuple, Protocol

from skorche.compile.fuse import IN_PROCESS, IN_TURN, Members, fuse
from skorche.compile.pairs import Branch, find_pairs, is_fed_only
from skorche.compile.validate import validate
from skorche.errors import GraphError, nearest, shorten
from skorche.graph import Graph, Node, Pairing
from skorche.kernel import Kernel, Regrouping, Step
from skorche.limits import AnyLimit, Rate
from skorche.options import OnError, Recycling
from skorche.queue import Queue

Capture = Literal["stream", "item", "off"]


class Destination(NamedTuple):
    """Where a port leads: a stage, an operator with memory, a zip (to which input), an end, or a drain, by number."""

    kind: Literal["stage", "gather", "zip", "end", "drain"]
    number: int
    lane: int = 0


class NodePlan(NamedTuple):
    """What the runtime needs to know of a node: its name for people, and its policies."""

    name: str
    title: str
    is_task: bool
    retries: int = 0
    backoff: float = 0.0
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = Exception
    on_error: OnError | None = None
    isolate: bool = False
    errors: Destination | None = None


class StagePlan(NamedTuple):
    """Steps that run together in one engine, `workers` calls at a time; each step is the work of one of the `names`."""

    number: int
    nodes: tuple[int, ...]
    kernel: Kernel
    ports: tuple[Destination, ...]
    engine: Any
    workers: int
    timeout: float | None
    ordered: bool
    idempotent: bool
    edge: str
    maxsize: int | None
    recycling: Recycling = Recycling()
    names: tuple[str, ...] = ()
    capture: Capture = "stream"
    flows: bool = False
    folds: bool = False
    limits: tuple[AnyLimit, ...] = ()

    @property
    def one_by_one(self) -> bool:
        """Whether each chunk is one item, of which no worker has another in line."""
        return self.timeout is not None or bool(self.limits)

    @property
    def tells_start(self) -> bool:
        """Whether the engine says when work on a chunk begins."""
        return self.timeout is not None or any(isinstance(one, Rate) for one in self.limits)


class GatherPlan(NamedTuple):
    """An operator with memory; the scheduler runs it."""

    node: int
    make: Callable[[], Regrouping]
    outputs: tuple[Destination, ...]
    feeders: int


class Fold(Protocol):
    """A step that goes on from a value, which `kept` holds, or nothing; it is told when a chunk's results have come."""

    kept: list[Any]


class DrainPlan(NamedTuple):
    """Where items end inside a node. With a `fold`, the value it has come to goes to the `output` at the end."""

    node: int
    output: Destination | None
    fold: Fold | None


class Passage(NamedTuple):
    """A stage on the way to a zip. `depth` batches are around an item there, and so many at the ports that lead on.

    It tells the zip what is lost there, unless it stands before another zip, which does.
    """

    stage: int
    depth: int
    ports: dict[int, int]
    tells: bool


class Lane(NamedTuple):
    """The way to one input of a zip: what is on it, by number, with the depth at a gather's input, a zip's output.

    Of several zips, one before the other, only the last is named.
    """

    passages: tuple[Passage, ...]
    gathers: tuple[tuple[int, int], ...]
    zips: tuple[tuple[int, int], ...]


class ZipPlan(NamedTuple):
    """An operator that pairs: the copies made by the gather `tee`, or, by number, the items of these sources.

    `own` are the sources from which nothing goes elsewhere.
    """

    node: int
    pairing: Pairing
    output: Destination
    lanes: tuple[Lane, ...]
    tee: int | None
    sources: tuple[int, ...] = ()
    own: tuple[int, ...] = ()


class SourcePlan(NamedTuple):
    """A queue that items come from."""

    name: str
    output: Destination


class EndPlan(NamedTuple):
    """A queue that results, or failures, end in."""

    name: str
    maxsize: int | None


class Plan(NamedTuple):
    """All of it. `sources` and `ends` are in the order of `Graph.sources()` and `Graph.ends()`."""

    name: str
    nodes: tuple[NodePlan, ...]
    stages: tuple[StagePlan, ...]
    gathers: tuple[GatherPlan, ...]
    sources: tuple[SourcePlan, ...]
    ends: tuple[EndPlan, ...]
    zips: tuple[ZipPlan, ...] = ()
    drains: tuple[DrainPlan, ...] = ()

    def stage_of(self, node: object) -> int:
        """The number of the stage that does the work of the node with this name.

        Raises:
            GraphError: there is none.
        """
        stages = {name: stage.number for stage in self.stages for name in stage.names}
        if isinstance(node, str) and node in stages:
            return stages[node]
        regroups = any(one.name == node for one in self.nodes)
        names = ", ".join(map(repr, stages))
        raise GraphError(
            f"pipeline {self.name!r} was asked for the work of {shorten(node)}.",
            "that only regroups what others have made." if regroups else "it has no node of that name.",
            f"{'' if regroups else nearest(node, stages)}Those that work are {names}.",
        )

    def explain(self) -> str:
        """The stages, engines and edges, as text."""
        lines = [f"{self.name}: {len(self.stages)} stages"]
        for stage in self.stages:
            names = " + ".join(self.nodes[node].name for node in stage.nodes)
            how = f"{_engine_name(stage.engine)}, {stage.workers} worker{'s' * (stage.workers > 1)}"
            extras = [word for word, on in (("ordered", stage.ordered), ("runs once", not stage.idempotent)) if on]
            if stage.timeout is not None:
                extras.append(f"timeout {stage.timeout:g} s")
            extras += map(str, stage.limits)
            lines.append(f"  stage {stage.number}: {names} [{', '.join([how, *extras])}]{self._arrow(stage.ports)}")
        for number, gather in enumerate(self.gathers):
            lines.append(f"  op {number}: {self.nodes[gather.node].name} [scheduler]{self._arrow(gather.outputs)}")
        for number, one in enumerate(self.zips):
            how = "by number" if one.tee is None else f"by place, from op {one.tee}"
            lines.append(f"  zip {number}: {self.nodes[one.node].name} [scheduler, {how}]{self._arrow((one.output,))}")
        for source in self.sources:
            lines.append(f"  input {source.name}{self._arrow((source.output,))}")
        return "\n".join(lines)

    def _arrow(self, ports: tuple[Destination, ...]) -> str:
        return " -> " + ", ".join(self._describe(port) for port in ports)

    def _describe(self, port: Destination) -> str:
        if port.kind == "end":
            return f"output {self.ends[port.number].name}"
        if port.kind == "drain":
            output = self.drains[port.number].output
            return f"{self._describe(output)}, once, at the end" if output else "nothing"
        return f"{'op' if port.kind == 'gather' else port.kind} {port.number}"


def _engine_name(engine: Any) -> str:
    return engine if isinstance(engine, str) else getattr(engine, "__name__", type(engine).__name__)


def make_plan(
    graph: Graph,
    *,
    engine: Any = None,
    engines: Collection[str] = frozenset({"thread"}),
    recycling: Recycling | None = None,
    capture: Capture = "stream",
) -> Plan:
    """Validate, fuse, freeze. `recycling` is for tasks that say nothing of their own.

    Raises:
        GraphError: the graph cannot run; all findings at once.
    """
    findings = validate(graph, engines, engine)
    if findings:
        raise GraphError.of(findings)
    return _Planner(graph, engine, recycling or Recycling(), capture).plan()


class _Planner:
    """Numbers everything, then translates. Lives for one plan."""

    def __init__(self, graph: Graph, engine: Any, recycling: Recycling, capture: Capture) -> None:
        self.graph = graph
        self.run_engine, self.run_recycling, self.capture = engine, recycling, capture
        self.node_number = {node.name: number for number, node in enumerate(graph.nodes)}
        self.stages = fuse(graph, self._engine_of)
        self.gathers = [node for node in graph.nodes if node.regrouping is not None]
        self.zips = [node for node in graph.nodes if node.pairing is not None]
        self.head_number = {stage.nodes[0].name: number for number, stage in enumerate(self.stages)}
        self.gather_number = {node.name: number for number, node in enumerate(self.gathers)}
        self.zip_number = {node.name: number for number, node in enumerate(self.zips)}
        self.end_number = {id(queue): number for number, queue in enumerate(graph.ends())}
        self.drains: list[DrainPlan] = []

    def _engine_of(self, node: Node) -> Any:
        if node.task is None:
            return "inline" if self.run_engine == "inline" else "thread"
        chosen = node.task.settings.engine
        engine = (chosen if chosen is not None else self.run_engine) or "thread"
        if node.folds:
            return "inline" if "inline" in (chosen, self.run_engine) and chosen != "thread" else "thread"
        return "async" if node.task.is_async and engine != "inline" else engine

    def plan(self) -> Plan:
        graph = self.graph
        return Plan(
            graph.name,
            tuple(self._node(node) for node in graph.nodes),
            tuple(self._stage(number, stage) for number, stage in enumerate(self.stages)),
            tuple(self._gather(node) for node in self.gathers),
            tuple(SourcePlan(_queue_name(queue), self._destination(queue)) for queue in graph.sources()),
            tuple(EndPlan(_queue_name(queue), queue.maxsize) for queue in graph.ends()),
            tuple(self._zip(node) for node in self.zips),
            tuple(self.drains),  # which the stages have made
        )

    def _destination(self, queue: Queue[Any]) -> Destination:
        consumer = self.graph.consumers.get(id(queue))
        if consumer is None:
            return Destination("end", self.end_number[id(queue)])
        if consumer.work is None and consumer.regrouping is not None:
            return Destination("gather", self.gather_number[consumer.name])
        if consumer.pairing is not None:
            lane = next(lane for lane, one in enumerate(consumer.inputs) if one is queue)
            return Destination("zip", self.zip_number[consumer.name], lane)
        return Destination("stage", self.head_number[consumer.name])

    def _node(self, node: Node) -> NodePlan:
        errors = self._destination(node.errors) if node.errors is not None else None
        if node.task is None:
            return NodePlan(node.name, node.title, False, errors=errors)
        options = node.task.settings
        return NodePlan(
            node.name,
            node.title,
            True,
            options.retries,
            options.backoff,
            options.retry_on,
            options.on_error,
            options.isolate,
            errors,
        )

    def _stage(self, number: int, members: Members) -> StagePlan:
        head = members.nodes[0]
        options = head.task.settings if head.task else None
        kernel, ports = self._kernel(members)
        queue = head.inputs[0]
        return StagePlan(
            number,
            tuple(self.node_number[node.name] for node in members.nodes),
            kernel,
            ports,
            members.engine,
            members.workers,
            options.timeout if options else None,
            options.ordered and not head.takes_in if options else False,
            options.idempotent if options else True,
            f"{queue.name or 'the queue'} into {head.name}",
            queue.maxsize if id(queue) in self.graph.producers else None,
            self._recycling(head, members.engine),
            tuple(node.name for node in members.nodes),
            self.capture,
            head.flows and members.engine in IN_TURN,
            head.folds,
            members.limits,
        )

    def _recycling(self, head: Node, engine: Any) -> Recycling:
        """The task's own limits, else the run's; none for an engine that has no processes to replace."""
        if head.task is None or not isinstance(engine, str) or engine in IN_PROCESS:
            return Recycling()
        options, default = head.task.settings, self.run_recycling
        own = Recycling.of(head.title, options.max_items_per_worker, options.max_worker_memory)
        return Recycling(own.items or default.items, own.memory_bytes or default.memory_bytes)

    def _kernel(self, members: Members) -> tuple[Kernel, tuple[Destination, ...]]:
        step_of = {id(node.inputs[0]): step for step, node in enumerate(members.nodes) if step}
        ports: list[Destination] = []
        steps: list[Step] = []
        for node in members.nodes:
            assert node.work is not None
            work = node.work()
            steps.append(Step(work, tuple(self._branches(node, work, step_of, ports))))
        return Kernel(tuple(steps), len(ports)), tuple(ports)

    def _branches(self, node: Node, work: Any, step_of: dict[int, int], ports: list[Destination]) -> Iterator[int]:
        """Where the outputs of a step lead; adds the ports it needs. A memory of the node's own stands before them."""
        own = self._drain(node, work) if node.takes_in else None
        if node.regrouping is not None:
            own = Destination("gather", self.gather_number[node.name])
        if own is not None:
            ports.append(own)
            yield ~(len(ports) - 1)
            return
        for queue in node.outputs:
            if id(queue) not in step_of:
                ports.append(self._destination(queue))
            yield step_of.get(id(queue), ~(len(ports) - 1))

    def _drain(self, node: Node, work: Any) -> Destination:
        output, fold = (self._destination(node.outputs[0]), work) if node.folds else (None, None)
        self.drains.append(DrainPlan(self.node_number[node.name], output, fold))
        return Destination("drain", len(self.drains) - 1)

    def _gather(self, node: Node) -> GatherPlan:
        assert node.regrouping is not None
        number = self.node_number[node.name]
        outputs = tuple(self._destination(queue) for queue in node.outputs)
        feeders = len(node.inputs) if node.work is None else 1
        return GatherPlan(number, node.regrouping, outputs, feeders)

    def _zip(self, node: Node) -> ZipPlan:
        assert node.pairing is not None
        pairs = find_pairs(self.graph, node)
        number_of = {id(queue): number for number, queue in enumerate(self.graph.sources())}
        return ZipPlan(
            self.node_number[node.name],
            node.pairing,
            self._destination(node.outputs[0]),
            tuple(self._lane(branch) for branch in pairs.branches),
            None if pairs.tee is None else self.gather_number[pairs.tee.name],
            tuple(number_of[id(queue)] for queue in pairs.sources),
            tuple(number_of[id(queue)] for queue in pairs.sources if is_fed_only(self.graph, queue, node)),
        )

    def _lane(self, branch: Branch) -> Lane:
        depths = branch.depths
        passages = [
            Passage(number, depths[id(head.inputs[0])], self._ports_on(members, depths), head.name not in branch.inner)
            for number, members in enumerate(self.stages)
            if (head := members.nodes[0]).name in branch.nodes
        ]
        gathers = [
            (one, depths[id(node.inputs[0])]) for one, node in enumerate(self.gathers) if node.name in branch.nodes
        ]
        direct = branch.nodes - branch.inner
        zips = [(one, depths[id(node.outputs[0])]) for one, node in enumerate(self.zips) if node.name in direct]
        return Lane(tuple(passages), tuple(gathers), tuple(zips))

    def _ports_on(self, members: Members, depths: dict[int, int]) -> dict[int, int]:
        """Which ports of a stage, those of its errors last, lead on to where these queues do."""
        inside = {id(node.inputs[0]) for node in members.nodes[1:]}
        queues = [(node, queue) for node in members.nodes for queue in node.outputs if id(queue) not in inside]
        queues += [(node, node.errors) for node in members.nodes if node.errors is not None]
        at = [(id(queue), id(queue) if node.regrouping is None else id(node.inputs[0])) for node, queue in queues]
        return {port: depths[inner] for port, (outer, inner) in enumerate(at) if outer in depths}


def _queue_name(queue: Queue[Any]) -> str:
    return queue.name or "(unnamed)"
