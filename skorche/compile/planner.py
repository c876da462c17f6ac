"""From a graph to a plan: validate, fuse, number everything, freeze."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from skorche.compile.fuse import IN_PROCESS, IN_TURN, PROCESS, Members, fuse
from skorche.compile.plan import (
    Capture,
    Destination,
    DrainPlan,
    EndPlan,
    GatherPlan,
    Lane,
    NodePlan,
    Passage,
    Plan,
    SourcePlan,
    StagePlan,
    ZipPlan,
)
from skorche.compile.validate import validate
from skorche.errors import GraphError
from skorche.graph import Graph, Node
from skorche.kernel import Kernel, Step
from skorche.options import Recycling
from skorche.queue import Queue

if TYPE_CHECKING:
    from skorche.cache.results import Shelf
    from skorche.cache.step import Callers
    from skorche.compile.pairs import Branch
    from skorche.store import Store


def make_plan(
    graph: Graph,
    *,
    engine: Any = None,
    engines: Collection[str] = frozenset({"thread"}),
    recycling: Recycling | None = None,
    capture: Capture = "stream",
    running: bool = False,
    store: Store | None = None,
    force: bool = False,
    resizing: bool = False,
    cores: int | None = None,
) -> Plan:
    """Validate, fuse, freeze. `recycling` is for tasks that say nothing of their own; `running`: the plan is run now.

    With `resizing` the numbers of workers are those to begin with. `cores` are those of this machine, if it is not to
    be asked.

    In a `store` results of tasks are found and kept; with `force` they are only kept.

    Raises:
        GraphError: the graph cannot run; all findings at once.
    """
    findings = validate(graph, engines, engine, running=running)
    shelves: dict[str, Shelf] = {}
    if store is not None and any(node.task is not None and node.task.settings.cache for node in graph.nodes):
        from skorche.compile.shelves import find_shelves  # with SQLite: only who caches needs it

        shelves, unknown = find_shelves(graph, store, force=force)
        findings += unknown
    if findings:
        raise GraphError.of(findings)
    return _Planner(graph, engine, recycling or Recycling(), capture, shelves, resizing=resizing, cores=cores).plan()


class _Planner:
    """Numbers everything, then translates. Lives for one plan."""

    def __init__(
        self,
        graph: Graph,
        engine: Any,
        recycling: Recycling,
        capture: Capture,
        shelves: Mapping[str, Shelf],
        *,
        resizing: bool,
        cores: int | None,
    ) -> None:
        self.graph, self.shelves = graph, shelves
        self.run_engine, self.run_recycling, self.capture = engine, recycling, capture
        self.node_number = {node.name: number for number, node in enumerate(graph.nodes)}
        self.stages = fuse(graph, self._engine_of, resizing=resizing, cores=cores)
        self.gathers = [node for node in graph.nodes if node.regrouping is not None]
        self.zips = [node for node in graph.nodes if node.pairing is not None]
        self.head_number = {stage.nodes[0].name: number for number, stage in enumerate(self.stages)}
        self.engine_behind = {node.name: stage.engine for stage in self.stages for node in stage.nodes}
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
            members.resizes,
            options.pin if options else False,
            tuple([port for port, to in enumerate(ports) if members.engine == PROCESS and self._seals(to)]),
            self._sealed_depth(queue) if members.engine == PROCESS else None,
        )

    def _seals(self, destination: Destination) -> bool:
        """Whether all that goes there comes to worker processes, and nobody looks into it before."""
        if destination.kind == "stage":
            return bool(self.stages[destination.number].engine == PROCESS)
        if destination.kind != "gather":
            return False
        return all(self._seals(self._destination(queue)) for queue in self.gathers[destination.number].outputs)

    def _sealed_depth(self, queue: Queue[Any]) -> int | None:
        """In how many batches, at most, what comes by a queue is sealed; None: it never is."""
        feeder = self.graph.producers.get(id(queue))
        if feeder is None or queue is feeder.errors or not self._seals(self._destination(queue)):
            return None
        if feeder.regrouping is None:
            return 0 if self.engine_behind.get(feeder.name) == PROCESS else None
        if feeder.work is not None:  # it asks for a key, or a weight
            return None
        depths = [depth for one in feeder.inputs if (depth := self._sealed_depth(one)) is not None]
        return max(depths) + (feeder.places == "gathered") if depths else None

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
            if node.name in self.shelves:
                from skorche.cache.step import Caching

                work = Caching(cast("Callers", work), self.shelves[node.name])
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
        from skorche.compile.pairs import find_pairs, is_fed_only  # only who zips needs it

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
