"""From a graph to its running: plan, engines, inputs and ends, and who watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from skorche.compile.plan import Plan, StagePlan
from skorche.compile.planner import make_plan
from skorche.engines import EngineNames, find_engine
from skorche.engines.mpi.launch import COPIES, Launch
from skorche.graph import Graph
from skorche.log import say
from skorche.observe.account import Account
from skorche.observe.outcome import Shape
from skorche.observe.report import Report
from skorche.options import Recycling, size_in_bytes
from skorche.port import Outbox
from skorche.queue import Queue
from skorche.run_settings import (
    RunSettings,
    check_capture,
    check_page,
    check_progress,
    check_workers,
    make_policy,
    open_store,
)
from skorche.runtime.coordinator import Coordinator
from skorche.runtime.driver import Driver
from skorche.runtime.engine import Engine, SharedEngine, is_shared
from skorche.runtime.inputs import InputMaker, LiveInput, RangeInput, ReadInput
from skorche.runtime.observers import Observer
from skorche.runtime.recovery import Policy
from skorche.runtime.run import Run

if TYPE_CHECKING:
    from skorche.engines.process.kept import KeptWorkers
    from skorche.observe.trace import Trace
    from skorche.runtime.tap import Tap
    from skorche.shard import Keeps, Shard
    from skorche.store import Store
    from skorche.tuning.pilot import Pilot

NOTHING_DECLARED = (
    "run() has nothing to do, since nothing is declared in this pipeline. What was declared in another one is run by "
    "that one's run(); and shutdown() leaves the default pipeline empty, a Pipeline() of yours not"
)
LIVE_ROOM = 1024
"""Items a live input holds while running before `put` waits, unless its queue has a `maxsize`."""


def start(
    graph: Graph, settings: RunSettings, to_yaml: Callable[[], str] = str, kept: KeptWorkers | None = None
) -> Run[Report]:
    """Start a run of the graph; `to_yaml` writes it down, where a store is to keep it. Workers may be `kept` for it.

    Raises:
        GraphError: the graph cannot run, or a setting has no meaning.
        StoreError: the store cannot be used.
    """
    store = _store(settings)
    if not graph.nodes:
        say("%s: %s", graph.name, NOTHING_DECLARED)
    policy = make_policy(settings)
    check_page(settings.page)
    plan = _plan(graph, settings, store)
    account = Account(Shape(tuple(graph.nodes), graph.single))
    memory_bytes = size_in_bytes("run()", "memory", settings.memory)
    beginning = _Beginning(graph, plan, _engines(plan), account, keeps=store is not None, memory_bytes=memory_bytes)
    shared = beginning.shared
    if shared is not None and not shared.leads:
        return beginning.serve(shared)
    try:
        open_store(store, graph)
        if kept is not None:
            _hand_over(kept, beginning.engines, settings)
        watching = [*_progress(graph, settings, account), *_pages(graph, settings, account)]
        pilot = _pilot(settings, plan, beginning.engines)
        with ExitStack() as discarding:
            trace = _trace(settings, plan)
            if trace is not None:
                discarding.callback(trace.discard)
                watching.append(trace)
            if store is not None:
                from skorche.stored.run_folder import begin_folder

                folder = begin_folder(store, graph, account, to_yaml, same_graph=settings.same_graph, shard=plan.shard)
                discarding.callback(folder.discard)
                watching.append(folder)
            run = beginning.lead(policy, watching, pilot, _tap(trace))
            discarding.pop_all()
            return run
    except BaseException as error:
        if shared is not None:
            shared.refuse(error)
        raise


def _hand_over(kept: KeptWorkers, engines: Sequence[tuple[Engine, object]], settings: RunSettings) -> None:
    """Let this run have them. If it has no use for them, they wait on, or end."""
    from skorche.engines.process.engine import ProcessEngine  # where workers are kept it is there, or will be

    kept.wanted = settings.keep_workers
    own = [engine for engine, _ in engines if isinstance(engine, ProcessEngine)]
    for engine in own:
        engine.kept = kept
    if not (own or kept.wanted):
        kept.end()


def _progress(graph: Graph, settings: RunSettings, account: Account) -> list[Observer]:
    if settings.progress is False:
        return []
    from skorche.observe.progress import Progress  # only who wants to see it needs it

    return [Progress(graph.name, shape=account.shape, how=settings.progress)]


def _pages(graph: Graph, settings: RunSettings, account: Account) -> list[Observer]:
    if settings.page is None:
        return []
    from skorche.observe.live_page import LivePage  # with pathlib: only who wants a page needs it

    return [LivePage(graph.name, settings.page, account)]


class _Beginning:
    """A run about to begin; with `keeps` results are kept for the account, also those that are read meanwhile."""

    def __init__(
        self,
        graph: Graph,
        plan: Plan,
        engines: list[tuple[Engine, list[StagePlan]]],
        account: Account,
        *,
        keeps: bool,
        memory_bytes: int | None,
    ) -> None:
        self.graph, self.plan, self.engines, self.account, self.keeps = graph, plan, engines, account, keeps
        self.memory_bytes = memory_bytes

    @property
    def shared(self) -> SharedEngine | None:
        """The engine that other processes of this program have a part of, if there is one."""
        return next((engine for engine, _ in self.engines if is_shared(engine)), None)

    def lead(self, policy: Policy, observers: list[Observer], pilot: Pilot | None, tap: Tap | None) -> Run[Report]:
        """Start it in this process."""
        sources = self.graph.sources()
        inputs = [_input(queue, keeps) for queue, keeps in zip(sources, _keepers(self.plan, sources), strict=True)]
        outboxes = [partial(_outbox, queue, self.keeps) for queue in self.graph.ends()]
        watching = observers if pilot is None else [*observers, pilot]
        coordinator = Coordinator(self.plan, self.engines, inputs, outboxes, policy, watching, self.memory_bytes, tap)
        if pilot is not None:
            pilot.steer = coordinator.resize
        return self._run(coordinator)

    def serve(self, shared: SharedEngine) -> Run[Report]:
        """Work in a run that another process leads; it has ended when this comes back."""
        from skorche.runtime.served import Served  # only who shares a run with other processes needs it

        live = [queue.inbox for queue in self.graph.sources() if queue.fixed_inputs is None]
        served = Served(self.plan, shared.serve(), live, keeps=self.keeps)
        for queue, outbox in zip(self.graph.ends(), served.outboxes, strict=True):
            queue.collect_in(outbox)
        return self._run(served)

    def _run(self, driver: Driver) -> Run[Report]:
        sources = self.graph.sources()
        self.account.ends += zip(self.graph.ends(), driver.outboxes, strict=True)
        run = Run(driver, [queue.inbox for queue in sources if queue.fixed_inputs is None], self.account)
        for queue in sources:
            queue.started = True
        return run


def _store(settings: RunSettings) -> Store | None:
    if settings.store is None:
        return None
    from skorche.store import Store  # with much else: only who keeps runs needs it

    return Store.of(settings.store)


def _shard(settings: RunSettings) -> Shard | None:
    if settings.shard is None:
        return None
    from skorche.shard import Shard  # only who runs a part of a job needs it

    return Shard.of(settings.shard)


def _trace(settings: RunSettings, plan: Plan) -> Trace | None:
    if settings.trace is None:
        return None
    from skorche.observe.trace import Trace  # with json: only who traces needs it

    return Trace(settings.trace, plan, say)


def _tap(trace: Trace | None) -> Tap | None:
    if trace is None:
        return None
    from skorche.runtime.tap import Tap  # only who traces needs it

    return Tap(trace.note)


def _pilot(settings: RunSettings, plan: Plan, engines: Sequence[tuple[Engine, Sequence[StagePlan]]]) -> Pilot | None:
    if settings.workers != "auto":
        return None
    from skorche.tuning.start import make_pilot  # only who wants it needs it

    return make_pilot(plan, engines, settings)


def _plan(graph: Graph, settings: RunSettings, store: Store | None) -> Plan:
    check_capture(settings.capture)
    check_workers(settings)
    check_progress(settings.progress)
    shard = _shard(settings)
    plan = make_plan(
        graph,
        engine=settings.engine,
        engines=EngineNames(),
        recycling=Recycling.of("run()", settings.max_items_per_worker, settings.max_worker_memory),
        capture=settings.capture,
        running=True,
        store=store,
        force=settings.force,
        resizing=settings.workers == "auto" or settings.tuning is not None,
    )
    if settings.tuning is not None:
        from skorche.tuning.start import tuned_plan

        plan = tuned_plan(plan, settings)
    if any(stage.engine == "mpi" for stage in plan.stages):
        COPIES.forbear()
    elif shard is None:
        COPIES.warn(Launch.seen())
    return plan._replace(shard=shard)


def _engines(plan: Plan) -> list[tuple[Engine, list[StagePlan]]]:
    """One engine for each choice, with its stages."""
    by_choice: dict[Any, list[StagePlan]] = {}
    for stage in plan.stages:
        key = stage.engine if isinstance(stage.engine, str) else id(stage.engine)
        by_choice.setdefault(key, []).append(stage)
    return [(find_engine(stages[0].engine)(), stages) for stages in by_choice.values()]


def _keepers(plan: Plan, sources: Sequence[Queue[Any]]) -> Sequence[Keeps[Any] | None]:
    """What is kept of each source; None for everything."""
    if plan.shard is None:
        return [None] * len(sources)
    from skorche.shard import keepers

    return keepers(plan.shard, [(queue.title, queue.key) for queue in sources], plan.numbered)


def _input(queue: Queue[Any], keeps: Keeps[Any] | None) -> InputMaker:
    if queue.fixed_inputs is None:
        return lambda own, users: LiveInput(queue.inbox, queue.maxsize or LIVE_ROOM, users, keeps)
    if type(queue.fixed_inputs) is range and keeps is None:
        numbers = queue.fixed_inputs
        return lambda own, users: RangeInput(numbers, own)
    name, items = queue.name or "inputs", queue.fixed_inputs
    return lambda own, users: ReadInput(items, name, own, users, keeps, queue.declared)


def _outbox(queue: Queue[Any], keeps: bool, taken: Callable[[int], None]) -> Outbox[Any]:
    outbox: Outbox[Any] = Outbox(queue.maxsize, taken, keeps=keeps)
    queue.collect_in(outbox)
    return outbox
