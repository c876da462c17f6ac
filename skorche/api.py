"""`Pipeline`: a graph, what can be declared in it, and its runs. In `default` are the verbs for who names none."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from functools import partial, update_wrapper
from types import TracebackType
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, Unpack

from skorche.compile.plan import Capture, Plan, StagePlan
from skorche.compile.planner import make_plan
from skorche.engines import EngineNames, find_engine
from skorche.engines.mpi.launch import COPIES, Launch
from skorche.errors import AlreadyRunning, GraphError
from skorche.graph import SCOPE, Graph
from skorche.observe.progress import Progress
from skorche.observe.report import Report
from skorche.ops.apply import apply
from skorche.ops.batch import batch
from skorche.ops.chain import chain
from skorche.ops.filter import filter
from skorche.ops.flat_map import flat_map
from skorche.ops.map import map
from skorche.ops.merge import merge
from skorche.ops.reduce import reduce
from skorche.ops.sink import sink
from skorche.ops.split import split
from skorche.ops.tee import tee
from skorche.ops.unbatch import unbatch
from skorche.ops.zip import zip
from skorche.options import EngineChoice, OnError, OnStall, Recycling
from skorche.port import Outbox
from skorche.queue import Queue
from skorche.run_options import STALL_TIMEOUT, RunOptions, check_capture, make_policy
from skorche.runtime.coordinator import Coordinator
from skorche.runtime.engine import Engine, SharedEngine
from skorche.runtime.inputs import InputMaker, LiveInput, ReadInput
from skorche.runtime.recovery import Policy
from skorche.runtime.run import Run
from skorche.runtime.served import Served
from skorche.shard import Keeps, Shard, ShardChoice, keepers
from skorche.spec.plumber import Style, declare_spec
from skorche.store import Store

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

LIVE_ROOM = 1024
"""Items a live input holds while running before `put` waits, unless its queue has a `maxsize`."""


ENTERED: ContextVar[Pipeline | None] = ContextVar("skorche_pipeline", default=None)


def _method(operator: Callable[P, R]) -> Callable[Concatenate[Pipeline, P], R]:
    """The operator as a method: declares in that pipeline, whatever the current one is."""

    def declare_here(self: Pipeline, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self:
            return operator(*args, **kwargs)

    update_wrapper(declare_here, operator)
    return declare_here


class Pipeline:
    """A graph of tasks and operators, which can be drawn and run.

    Type hints of consecutive tasks are compared as they are bound: a pair that surely cannot fit is a `GraphError`.
    `check_types=False` looks at no hints.

    >>> with Pipeline("sums") as pipeline:
    ...     numbers = Queue(fixed_inputs=range(4))
    ...     results = map(lambda number: number + 1, numbers)
    >>> report = pipeline.run().wait()
    >>> results.flush(), report.delivered
    ([1, 2, 3, 4], 4)
    """

    apply = _method(apply)
    map = _method(map)
    chain = _method(chain)
    split = _method(split)
    filter = _method(filter)
    batch = _method(batch)
    unbatch = _method(unbatch)
    merge = _method(merge)
    flat_map = _method(flat_map)
    reduce = _method(reduce)
    sink = _method(sink)
    tee = _method(tee)
    zip = _method(zip)

    def __init__(self, name: str = "pipeline", *, check_types: bool = True) -> None:
        self.graph = Graph(name, check_types=check_types)
        self._run: Run[Report] | None = None
        self._tokens: list[tuple[Token[Graph | None], Token[Pipeline | None]]] = []

    @property
    def name(self) -> str:
        """The pipeline's name, for reports and pictures."""
        return self.graph.name

    def __repr__(self) -> str:
        return f"<Pipeline {self.name}: {len(self.graph.nodes)} nodes>"

    def __enter__(self) -> Pipeline:
        self._tokens.append((SCOPE.entered.set(self.graph), ENTERED.set(self)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        graph, pipeline = self._tokens.pop()
        SCOPE.entered.reset(graph)
        ENTERED.reset(pipeline)

    def plan(self, *, engine: EngineChoice = None) -> Plan:
        """Validate and compile, without running.

        >>> pipeline = Pipeline("one")
        >>> _ = pipeline.map(len, Queue(name="words", fixed_inputs=["a"]), queue_out=Queue(name="sizes"))
        >>> print(pipeline.plan().explain())
        one: 1 stages
          stage 0: len [thread, 1 worker] -> output sizes
          input words -> stage 0

        Raises:
            GraphError: it cannot run; all findings at once.
        """
        return make_plan(self.graph, engine=engine, engines=EngineNames())

    def explain(self, *, engine: EngineChoice = None) -> str:
        """The plan as text: stages, engines, edges."""
        return self.plan(engine=engine).explain()

    def run(
        self,
        *,
        on_error: OnError | None = None,
        max_failures: float | None = None,
        engine: EngineChoice = None,
        stall_timeout: float | None = STALL_TIMEOUT,
        on_stall: OnStall = "warn",
        progress: Literal["auto"] | bool = "auto",
        max_items_per_worker: int | None = None,
        max_worker_memory: int | str | None = None,
        capture: Capture = "stream",
        store: str | os.PathLike[str] | Store | None = None,
        force: bool = False,
        shard: ShardChoice = None,
    ) -> Run[Report]:
        """Start, and return at once.

        `on_error="raise"` (the default) stops at the first failure, "collect" lists failures in the report and
        goes on; `max_failures` (items, or a share such as 0.05) implies "collect" and stops a hopeless run. A task's
        own settings win over the run's. `engine` is for tasks that choose none. `max_items_per_worker` and
        `max_worker_memory` (see `task`) are for tasks on worker processes that set no such limit; others have none.

        When nothing has come back for `stall_timeout` seconds (None: never), a warning on the logger "skorche" says
        what the run waits for, on which worker, and the stack of that; with `on_stall="raise"` the run fails with it,
        as a `StallError`, and what hangs is killed. A run that waits for input, or for a reader, has not stalled.

        What tasks print and log on worker processes goes to the streams and loggers of this one as it comes. With
        `capture="item"` nothing of it does: the end of what was said on an item that failed is its `failure.output`.
        With "off" the streams and the logging of workers are left alone.

        `shard=(2, 8)` (or "2/8") takes the second of eight parts of each source. To which part an item belongs follows
        from a stable hash of its value, or of its `key` (see `Queue`): eight runs with `shard=(1, 8)` to `(8, 8)`, on
        machines that know nothing of each other, take every item exactly once. Sources that are zipped by number are
        dealt out by number.

        `progress` writes a line to stderr every five seconds; False writes none.

        `store` is a folder, made if it is missing, in which results of tasks with `cache=True` are kept, and found
        again by later runs. With `force=True` all of them are made, and kept, anew.

        Raises:
            GraphError: the pipeline cannot run.
            StoreError: the folder cannot be made, or others could write to it.
            AlreadyRunning: it runs already.
        """
        if self._run is not None and self._run.running:
            raise AlreadyRunning(
                f"pipeline {self.name!r} was started while it runs.",
                "its queues can take part in one run at a time.",
                "wait for the run (or call shutdown()) first.",
            )
        policy = make_policy(on_error, max_failures, stall_timeout, on_stall)
        recycling = Recycling.of("run()", max_items_per_worker, max_worker_memory)
        check_capture(capture)
        folder, part = Store.of(store), Shard.of(shard)
        plan = make_plan(
            self.graph,
            engine=engine,
            engines=EngineNames(),
            recycling=recycling,
            capture=capture,
            running=True,
            store=folder,
            force=force,
        )._replace(shard=part)
        if any(stage.engine == "mpi" for stage in plan.stages):
            COPIES.forbear()
        elif part is None:
            COPIES.warn(Launch.seen())
        if folder is not None:
            folder.open()
        self._run = self._start(plan, policy, [Progress(self.name)] if progress else [])
        return self._run

    async def run_async(self, **options: Unpack[RunOptions]) -> Report:
        """Run in an async program, with the options of `run`: wait for the end, and give the report.

        The event loop goes on meanwhile, so others can `put_async` and read with `async for`. Inputs stay open until
        they are closed. A task that is cancelled while it waits cancels the run; see `Run.wait_async`. For a run that
        ends with a block of your program, write `async with pipeline.run() as run`.

        >>> import asyncio
        >>> with Pipeline() as pipeline:
        ...     sizes = map(len, Queue(fixed_inputs=["a", "bc"]))
        >>> asyncio.run(pipeline.run_async()).delivered
        2

        Raises:
            Exception: the task's own exception, or whatever stopped the run.
            GraphError, AlreadyRunning: as `run` does.
        """
        return await self.run(**options).wait_async()

    def _start(self, plan: Plan, policy: Policy, observers: list[Progress]) -> Run[Report]:
        sources, ends = self.graph.sources(), self.graph.ends()
        live = [queue.inbox for queue in sources if queue.fixed_inputs is None]
        inputs = [_input(queue, keeps) for queue, keeps in builtins.zip(sources, _keepers(plan, sources), strict=True)]
        outboxes = [partial(_outbox, queue) for queue in ends]
        engines = _engines(plan)
        shared = next((engine for engine, _ in engines if isinstance(engine, SharedEngine)), None)
        if shared is not None and not shared.leads:
            return self._serve(plan, shared)
        try:
            run = Run(Coordinator(plan, engines, inputs, outboxes, policy, observers), live, Report.of)
        except BaseException as error:
            if shared is not None:
                shared.refuse(error)
            raise
        for queue in sources:
            queue.started = True
        return run

    def _serve(self, plan: Plan, engine: SharedEngine) -> Run[Report]:
        """Work in a run that another process leads; it has ended when this comes back."""
        sources = self.graph.sources()
        live = [queue.inbox for queue in sources if queue.fixed_inputs is None]
        served = Served(plan, engine.serve(), live)
        for queue, outbox in builtins.zip(self.graph.ends(), served.outboxes, strict=True):
            queue.collect_in(outbox)
        for queue in sources:
            queue.started = True
        return Run(served, live, Report.of)

    def shutdown(self) -> Report:
        """Close the inputs that are open, wait for the run, and return its report; raises if it failed.

        Raises:
            Exception: the task's own exception, or whatever stopped the run.
            GraphError: the pipeline was never run.
        """
        if self._run is None:
            raise GraphError(
                "shutdown() was called before run().", "there is nothing to wait for.", "call run() first."
            )
        return self._run.shutdown()

    @property
    def outputs(self) -> dict[str, Queue[Any]]:
        """The queues that results end in, by name; those without a name are left out."""
        return {queue.name: queue for queue in self.graph.ends() if queue.name}

    @property
    def last_run(self) -> Run[Report] | None:
        """The latest run, going on or ended."""
        return self._run

    def render(
        self,
        filename: str = "pipeline",
        root: Queue[Any] | Sequence[Queue[Any]] | None = None,
        *,
        directory: str = "graphviz",
        format: Literal["svg", "png", "pdf", "dot"] = "svg",
        skip_anon_queues: bool = True,
    ) -> str:
        """Draw the graph with graphviz, and return the path of the picture; see `skorche.render_pipeline`."""
        from skorche.observe.render import render

        return render(self.graph, filename, root, directory, format, skip_anon_queues)

    render_pipeline = render


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
    return keepers(plan.shard, [(queue.title, queue.key) for queue in sources], plan.numbered)


def _input(queue: Queue[Any], keeps: Keeps[Any] | None) -> InputMaker:
    if queue.fixed_inputs is None:
        return lambda own, users: LiveInput(queue.inbox, queue.maxsize or LIVE_ROOM, users, keeps)
    return lambda own, users: ReadInput(queue.fixed_inputs, queue.name or "inputs", own, keeps)


def _outbox(queue: Queue[Any], taken: Callable[[int], None]) -> Outbox[Any]:
    outbox: Outbox[Any] = Outbox(queue.maxsize, taken)
    queue.collect_in(outbox)
    return outbox


def from_graph(
    spec: Mapping[str, Any],
    *,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    name: str = "pipeline",
    style: Style = "function",
    coro_map: Callable[[Any], Callable[..., Any]] | None = None,
    env_vars: Mapping[str, Any] | None = None,
) -> Pipeline:
    """A pipeline from a dict of nodes and of which leads to which; its `outputs` go by the names of the last nodes.

    A node's function, or coroutine function, takes an item, a tuple of them where several nodes lead to it, and the
    node's `args` by keyword. A node that none leads to is a generator function, sync or async, called with its `args`.
    `properties` are options of the task; `"aggregate_inputs": False` takes items as they come, not in tuples. A name in
    place of a function is looked up in `functions`.

    >>> pipeline = from_graph(
    ...     {
    ...         "nodes": {"numbers": {"coro": lambda: range(3)}, "half": {"coro": lambda number: number / 2}},
    ...         "graph": {"numbers": ("half",), "half": None},
    ...     }
    ... )
    >>> report = pipeline.run().wait()
    >>> pipeline.outputs["half"].flush()
    [0.0, 0.5, 1.0]

    `style="processor"` runs coroutines written for `pipelines` as they are: `coro(self, q_elt, **args)`, where `q_elt`
    is always a tuple, and for a node that none leads to `coro(self, output_q, **args)`; `self` has the `name` of the
    node and `env_vars`. `coro_map` gives the coroutine for what stands under "coro".

    Raises:
        GraphError: something in the dict has no meaning; all findings at once.
    """
    with Pipeline(name) as pipeline:
        declare_spec(spec, functions or {}, style, coro_map, env_vars or {})
    return pipeline
