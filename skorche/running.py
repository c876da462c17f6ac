"""From a graph to its running: plan, engines, inputs and ends, and who watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from skorche.compile.plan import Plan, StagePlan
from skorche.compile.planner import make_plan
from skorche.engines import EngineNames, find_engine
from skorche.engines.mpi.launch import COPIES, Launch
from skorche.graph import Graph
from skorche.observe.account import Account
from skorche.observe.outcome import Shape
from skorche.observe.progress import Progress
from skorche.observe.report import Report
from skorche.options import Recycling
from skorche.port import Inbox, Outbox
from skorche.queue import Queue
from skorche.run_options import RunSettings, check_capture, make_policy, open_store
from skorche.runtime.coordinator import Coordinator, Observer
from skorche.runtime.engine import Engine, SharedEngine
from skorche.runtime.inputs import InputMaker, LiveInput, ReadInput
from skorche.runtime.recovery import Policy
from skorche.runtime.run import Run
from skorche.runtime.served import Served
from skorche.shard import Keeps, Shard, keepers
from skorche.store import Store
from skorche.stored.run_folder import RunFolder, begin_folder

LIVE_ROOM = 1024
"""Items a live input holds while running before `put` waits, unless its queue has a `maxsize`."""

Engines = list[tuple[Engine, list[StagePlan]]]


def start(graph: Graph, settings: RunSettings, to_yaml: Callable[[], str] = str) -> Run[Report]:
    """Start a run of the graph; `to_yaml` writes it down, where a store is to keep it.

    Raises:
        GraphError: the graph cannot run, or a setting has no meaning.
        StoreError: the store cannot be used.
    """
    store = Store.of(settings.store)
    policy = make_policy(settings)
    plan = _plan(graph, settings, store)
    engines = _engines(plan)
    account = Account(Shape(tuple(graph.nodes), graph.single))
    shared = next((engine for engine, _ in engines if isinstance(engine, SharedEngine)), None)
    if shared is not None and not shared.leads:
        return _serve(graph, plan, shared, account)
    try:
        open_store(store, graph)
        folder = None
        if store is not None:
            folder = begin_folder(store, graph, account, to_yaml, same_graph=settings.same_graph, shard=plan.shard)
        return _begin(graph, plan, engines, policy, account, folder, progress=bool(settings.progress))
    except BaseException as error:
        if shared is not None:
            shared.refuse(error)
        raise


def _begin(
    graph: Graph,
    plan: Plan,
    engines: Engines,
    policy: Policy,
    account: Account,
    folder: RunFolder | None,
    *,
    progress: bool,
) -> Run[Report]:
    """Start it. Where it is kept in a folder, results are kept for that, also those that are read meanwhile."""
    sources, ends = graph.sources(), graph.ends()
    inputs = [_input(queue, keeps) for queue, keeps in zip(sources, _keepers(plan, sources), strict=True)]
    outboxes = [partial(_outbox, queue, folder is not None) for queue in ends]
    observers: list[Observer] = [*([Progress(graph.name)] if progress else []), *([folder] if folder else [])]
    try:
        coordinator = Coordinator(plan, engines, inputs, outboxes, policy, observers)
        account.ends += zip(ends, coordinator.outboxes, strict=True)
        run = Run(coordinator, _live(sources), account)
    except BaseException:
        if folder is not None:
            folder.discard()
        raise
    for queue in sources:
        queue.started = True
    return run


def _serve(graph: Graph, plan: Plan, engine: SharedEngine, account: Account) -> Run[Report]:
    """Work in a run that another process leads; it has ended when this comes back."""
    sources, ends = graph.sources(), graph.ends()
    served = Served(plan, engine.serve(), _live(sources))
    for queue, outbox in zip(ends, served.outboxes, strict=True):
        queue.collect_in(outbox)
    account.ends += zip(ends, served.outboxes, strict=True)
    for queue in sources:
        queue.started = True
    return Run(served, _live(sources), account)


def _plan(graph: Graph, settings: RunSettings, store: Store | None) -> Plan:
    check_capture(settings.capture)
    shard = Shard.of(settings.shard)
    plan = make_plan(
        graph,
        engine=settings.engine,
        engines=EngineNames(),
        recycling=Recycling.of("run()", settings.max_items_per_worker, settings.max_worker_memory),
        capture=settings.capture,
        running=True,
        store=store,
        force=settings.force,
    )._replace(shard=shard)
    if any(stage.engine == "mpi" for stage in plan.stages):
        COPIES.forbear()
    elif shard is None:
        COPIES.warn(Launch.seen())
    return plan


def _live(sources: Sequence[Queue[Any]]) -> list[Inbox[Any]]:
    return [queue.inbox for queue in sources if queue.fixed_inputs is None]


def _keepers(plan: Plan, sources: Sequence[Queue[Any]]) -> Sequence[Keeps[Any] | None]:
    """What is kept of each source; None for everything."""
    if plan.shard is None:
        return [None] * len(sources)
    return keepers(plan.shard, [(queue.title, queue.key) for queue in sources], plan.numbered)


def _engines(plan: Plan) -> Engines:
    """One engine for each choice, with its stages."""
    by_choice: dict[Any, list[StagePlan]] = {}
    for stage in plan.stages:
        key = stage.engine if isinstance(stage.engine, str) else id(stage.engine)
        by_choice.setdefault(key, []).append(stage)
    return [(find_engine(stages[0].engine)(), stages) for stages in by_choice.values()]


def _input(queue: Queue[Any], keeps: Keeps[Any] | None) -> InputMaker:
    if queue.fixed_inputs is None:
        return lambda own, users: LiveInput(queue.inbox, queue.maxsize or LIVE_ROOM, users, keeps)
    return lambda own, users: ReadInput(queue.fixed_inputs, queue.name or "inputs", own, keeps)


def _outbox(queue: Queue[Any], keeps: bool, taken: Callable[[int], None]) -> Outbox[Any]:
    outbox: Outbox[Any] = Outbox(queue.maxsize, taken, keeps=keeps)
    queue.collect_in(outbox)
    return outbox
