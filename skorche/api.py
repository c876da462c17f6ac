"""`Pipeline`: a graph, what can be declared in it, and its runs. In `default` are the verbs for who names none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from functools import update_wrapper
from importlib import import_module
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, Unpack

from skorche.compile.plan import Plan
from skorche.compile.planner import make_plan
from skorche.engines import EngineNames
from skorche.errors import AlreadyRunning, GraphError
from skorche.graph import SCOPE, Graph
from skorche.observe.report import Report
from skorche.options import EngineChoice
from skorche.queue import Queue
from skorche.run_settings import RunSettings, settings_of
from skorche.running import start
from skorche.runtime.run import Run

if TYPE_CHECKING:
    from skorche.engines.process.kept import KeptWorkers
    from skorche.observe.looks import Outcomes
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
    from skorche.run_options import RunOptions
    from skorche.spec.intake import LiveInputs, Rows
    from skorche.spec.origin import Origin
    from skorche.spec.registry import Functions

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

ENTERED: ContextVar[Pipeline | None] = ContextVar("skorche_pipeline", default=None)


def _method(operator: Callable[P, R]) -> Callable[Concatenate[Pipeline, P], R]:
    """The operator as a method: declares in that pipeline, whatever the current one is."""

    def declare_here(self: Pipeline, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self:
            return operator(*args, **kwargs)

    update_wrapper(declare_here, operator)
    return declare_here


class _Operator:
    """Stands for an operator's method until that is asked for: a program needs few of them, each from its module."""

    def __set_name__(self, owner: type[Pipeline], name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, pipeline: Pipeline | None, owner: type[Pipeline]) -> Any:
        method: Any = _method(getattr(import_module(f"skorche.ops.{self._name}"), self._name))
        setattr(self._owner, self._name, method)
        return method.__get__(pipeline, owner)


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

    if TYPE_CHECKING:
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
    else:
        apply, map, chain, split, filter = _Operator(), _Operator(), _Operator(), _Operator(), _Operator()
        batch, unbatch, merge, flat_map = _Operator(), _Operator(), _Operator(), _Operator()
        reduce, sink, tee, zip = _Operator(), _Operator(), _Operator(), _Operator()

    def __init__(self, name: str = "pipeline", *, check_types: bool = True) -> None:
        self.graph = Graph(name, check_types=check_types)
        self._run: Run[Report] | None = None
        self._kept: KeptWorkers | None = None
        self._origin: Origin | None = None
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

    def explain(self, *, engine: EngineChoice = None, keys: bool = False) -> str:
        """The plan as text: stages, engines, edges; with `keys` also what the keys of cached tasks are made of.

        Raises:
            GraphError: it cannot run; or, with `keys`, what a cached task depends on cannot be told.
        """
        text = self.plan(engine=engine).explain()
        if not keys:
            return text
        from skorche.cache.keys import Keys  # with SQLite: only who caches needs it

        return f"{text}\n{Keys(self.graph).explain()}".rstrip()

    def run(self, **options: Unpack[RunOptions]) -> Run[Report]:
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

        `workers="auto"` finds out how many workers each task should have: together at most `max_workers` (32, or twice
        what they begin with), each beginning with its own; see docs/insight.md. `tuning="tuned.json"` keeps what was
        found, and a later run begins with it. `memory` (bytes, or a text such as "4GB") is what this process and its
        workers should have together: above 85 % of it sources give nothing more, until it is below 65 %.

        `progress` ("auto", or True) shows on stderr how far a run is: bars on a terminal, a table in a notebook, else a
        line now and then. "lines" gives lines everywhere, False nothing.

        `page="status.html"` writes the run's status page there, anew every other second; see `Report.to_html`. `trace`
        is a file that tells what each worker did when; open it with ui.perfetto.dev; see docs/tracing.md.

        `store` is a folder, made if it is missing, in which a folder of this run is kept; see `open_run`. Results of
        tasks with `cache=True` are kept there too, and found again by later runs. With `force=True` all of them are
        made, and kept, anew. `same_graph=True` refuses a store whose last run had other names or edges.

        `keep_workers=True` leaves worker processes alive for the next run of this pipeline, which need not start them;
        see `end_workers`. What tasks have made, such as instances of classes, ends with the run as ever.

        Raises:
            GraphError: the pipeline cannot run, or an option has no meaning.
            TypeError: there is no such option.
            StoreError: the folder cannot be made, or others could write to it.
            AlreadyRunning: it runs already.
        """
        self._refuse_second_run()
        settings = settings_of(options)
        self._run = start(self.graph, settings, self.to_yaml, self._workers_for(settings))
        return self._run

    def _workers_for(self, settings: RunSettings) -> KeptWorkers | None:
        if settings.keep_workers and self._kept is None:
            from skorche.engines.process.kept import KeptWorkers  # only who keeps workers needs it

            self._kept = KeptWorkers(self)
        return self._kept

    def end_workers(self) -> None:
        """End the worker processes that `run(keep_workers=True)` has kept; those of a run that goes on end with it.

        So does a run without `keep_workers`, once it begins. They also end when the pipeline is garbage, and with the
        program.
        """
        if self._kept is not None:
            self._kept.end()

    def _refuse_second_run(self) -> None:
        if self._run is not None and self._run.running:
            raise AlreadyRunning(
                f"pipeline {self.name!r} was started while it runs.",
                "its queues can take part in one run at a time.",
                "wait for the run (or call shutdown()) first.",
            )

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
    def inputs(self) -> tuple[str, ...]:
        """The names of what a run must be given, by `give` or by `put`: of inputs that have no items yet."""
        return self._intake().names

    def give(self, row: Mapping[str, Any] = MappingProxyType({}), /, **values: Any) -> None:
        """Put in a row: a value for each of `inputs`, by name. Before a run as much as while it goes on.

        >>> pipeline = Pipeline("sizes")
        >>> sizes = pipeline.map(len, Queue(name="word"))
        >>> pipeline.inputs
        ('word',)
        >>> pipeline.give(word="abc")
        >>> report = pipeline.run().shutdown()
        >>> sizes.flush()
        [3]

        Raises:
            SpecError: a value is missing, or is for no input; nothing was put in.
            QueueClosed: the inputs are closed, or the run has stopped.
        """
        self._intake().give({**row, **values})

    @property
    def takes_rows(self) -> bool:
        """Whether `inputs` are no queues, but what a row has: so it is with components."""
        return self._origin is not None and self._origin.rows is not None

    def _intake(self) -> LiveInputs | Rows:
        from skorche.spec.intake import LiveInputs

        rows = self._origin.rows if self._origin is not None else None
        return rows or LiveInputs(self.graph)

    def to_yaml(self, *, functions: Functions | None = None) -> str:
        """The pipeline as YAML, which `load` makes an equal one of.

        Functions go by their names in `functions`, which is what `load` takes too; by default those that the pipeline
        was loaded with, or else the plain names that they have in their modules.

        >>> pipeline = Pipeline("sizes")
        >>> _ = pipeline.map(len, Queue("words", ["a", "bc"]), queue_out=Queue("sizes"))
        >>> print(pipeline.to_yaml(), end="")
        name: sizes
        inputs:
          words: [a, bc]
        nodes:
        - {map: len, from: words, to: sizes}

        Raises:
            SpecError: something in it cannot be written down, such as a lambda; all findings at once.
        """
        from skorche.spec.origin import yaml_of

        return yaml_of(self.graph, functions, self._origin)

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
        status: Outcomes | None = None,
    ) -> str:
        """Draw the graph, and return the path of the picture; see `skorche.render_pipeline`."""
        from skorche.observe.render import render

        return render(self.graph, filename, root, directory, format, skip_anon_queues, status)

    render_pipeline = render

    def summary(self, *, status: Outcomes | None = None) -> str:
        """The graph in characters, for a terminal or a log: from top to bottom, as wide as it needs to be.

        Tasks are boxes, operators boxes with rounded corners, named ends plain text. `status` is a run's report.

        >>> pipeline = Pipeline()
        >>> _ = pipeline.map(len, Queue("words"), queue_out=Queue("sizes"))
        >>> print(pipeline.summary())
         words
           |
           v
        +-----+
        | len |
        +-----+
           |
           v
         sizes

        Raises:
            GraphError: the report is that of another pipeline.
        """
        from skorche.observe.picture import picture_of
        from skorche.observe.summary import summary_of

        return summary_of(picture_of(self.graph, status=status))

    def to_mermaid(self, *, status: Outcomes | None = None) -> str:
        """The graph as a Mermaid flowchart, the same text for the same graph. `status` is a run's report.

        >>> pipeline = Pipeline()
        >>> _ = pipeline.map(len, Queue("words"))
        >>> print(pipeline.to_mermaid().splitlines()[1].strip())
        n1["len"]:::task

        Raises:
            GraphError: the report is that of another pipeline.
        """
        from skorche.observe.mermaid import mermaid_of
        from skorche.observe.picture import picture_of

        return mermaid_of(picture_of(self.graph, status=status))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What notebooks show of a pipeline: a picture, and its summary where there are no pictures."""
        from skorche.observe.picture import picture_of
        from skorche.observe.svg import svg_of

        return {"image/svg+xml": svg_of(picture_of(self.graph)), "text/plain": self.summary()}
