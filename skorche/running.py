"""From a graph to its running: plan, engines, inputs and ends, and who watches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from skorche.compile.plan import Plan, StagePlan
from skorche.compile.planner import make_plan
from skorche.engines import EngineNames, find_engine
from skorche.events import RunFinished
from skorche.graph import Graph
from skorche.observe.outcome import End, Shape
from skorche.observe.progress import Progress
from skorche.observe.report import Report
from skorche.options import Recycling
from skorche.port import Outbox
from skorche.queue import Queue
from skorche.run_options import RunSettings, check_capture, make_policy, open_store
from skorche.runtime.coordinator import Coordinator, Observer
from skorche.runtime.engine import Engine
from skorche.runtime.inputs import InputMaker, LiveInput, ReadInput
from skorche.runtime.recovery import Policy
from skorche.runtime.run import Run
from skorche.store import Store
from skorche.stored.run_folder import begin_folder

LIVE_ROOM = 1024
"""Items a live input holds while running before `put` waits, unless its queue has a `maxsize`."""


class _Accounting:
    """Makes the report of a run, once. What it tells of is known when the run begins, but for `ends`, its outboxes."""

    def __init__(self, shape: Shape) -> None:
        self.shape, self.ends = shape, list[End]()
        self._report: Report | None = None

    def __call__(self, record: RunFinished) -> Report:
        if self._report is None:
            self._report = Report.of(record, shape=self.shape, ends=self.ends)
        return self._report


def start(graph: Graph, settings: RunSettings, to_yaml: Callable[[], str] = str) -> Run[Report]:
    """Start a run of the graph; `to_yaml` writes it down, where a store is to keep it.

    Raises:
        GraphError: the graph cannot run, or a setting has no meaning.
        StoreError: the store cannot be used.
    """
    store = Store.of(settings.store)
    policy = make_policy(settings)
    plan = _plan(graph, settings, store)
    account = _Accounting(Shape(tuple(graph.nodes), graph.single))
    open_store(store, graph)
    watching: list[Observer] = [Progress(graph.name)] if settings.progress else []
    if store is None:
        return _begin(graph, plan, policy, account, watching)
    folder = begin_folder(store, graph, account.shape, account, to_yaml, same_graph=settings.same_graph)
    try:
        return _begin(graph, plan, policy, account, [*watching, folder], keeps=True)
    except BaseException:
        folder.discard()
        raise


def _begin(
    graph: Graph,
    plan: Plan,
    policy: Policy,
    account: _Accounting,
    observers: list[Observer],
    *,
    keeps: bool = False,
) -> Run[Report]:
    """Start it; with `keeps` results are kept for the account, also those that are read meanwhile."""
    sources, ends = graph.sources(), graph.ends()
    inputs = [_input(queue) for queue in sources]
    outboxes = [partial(_outbox, queue, keeps) for queue in ends]
    coordinator = Coordinator(plan, _engines(plan), inputs, outboxes, policy, observers)
    account.ends += zip(ends, coordinator.outboxes, strict=True)
    run = Run(coordinator, [queue.inbox for queue in sources if queue.fixed_inputs is None], account)
    for queue in sources:
        queue.started = True
    return run


def _plan(graph: Graph, settings: RunSettings, store: Store | None) -> Plan:
    check_capture(settings.capture)
    return make_plan(
        graph,
        engine=settings.engine,
        engines=EngineNames(),
        recycling=Recycling.of("run()", settings.max_items_per_worker, settings.max_worker_memory),
        capture=settings.capture,
        running=True,
        store=store,
        force=settings.force,
    )


def _engines(plan: Plan) -> list[tuple[Engine, list[StagePlan]]]:
    """One engine for each choice, with its stages."""
    by_choice: dict[Any, list[StagePlan]] = {}
    for stage in plan.stages:
        key = stage.engine if isinstance(stage.engine, str) else id(stage.engine)
        by_choice.setdefault(key, []).append(stage)
    return [(find_engine(stages[0].engine)(), stages) for stages in by_choice.values()]


def _input(queue: Queue[Any]) -> InputMaker:
    if queue.fixed_inputs is None:
        return lambda own, users: LiveInput(queue.inbox, queue.maxsize or LIVE_ROOM, users)
    return lambda own, users: ReadInput(queue.fixed_inputs, queue.name or "inputs", own)


def _outbox(queue: Queue[Any], keeps: bool, taken: Callable[[int], None]) -> Outbox[Any]:
    outbox: Outbox[Any] = Outbox(queue.maxsize, taken, keeps=keeps)
    queue.collect_in(outbox)
    return outbox
