"""The default pipeline: the verbs of `Pipeline` for programs that name none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack

from skorche.api import ENTERED, Pipeline
from skorche.graph import SCOPE
from skorche.observe.report import Report
from skorche.queue import Queue
from skorche.runtime.run import Run

if TYPE_CHECKING:
    from skorche.observe.looks import Outcomes
    from skorche.run_options import RunOptions

T = TypeVar("T")


class _Default:
    """The pipeline of programs that name none, and what is left of the one before."""

    def __init__(self) -> None:
        self.last: Pipeline | None = None
        self.pipeline = Pipeline()
        self.pipeline.graph = SCOPE.default  # what was declared before this module was first needed

    def retire(self, *, check_types: bool = True) -> None:
        """Begin anew; the old one stays for pictures and its report."""
        if self.pipeline.graph.nodes or self.pipeline.last_run is not None:
            self.last = self.pipeline
        self.pipeline.end_workers()
        self.pipeline = Pipeline(check_types=check_types)
        SCOPE.default = self.pipeline.graph


DEFAULT = _Default()


def _current() -> Pipeline:
    """The pipeline of the innermost `with Pipeline()` block, else the default one."""
    return ENTERED.get() or DEFAULT.pipeline


def run(**options: Unpack[RunOptions]) -> Run[Report]:
    """Start the current pipeline, and return at once; its options are those of `Pipeline.run`."""
    return _current().run(**options)


def shutdown() -> Report:
    """Close inputs, wait, and return the report; raises if the run failed. Leaves the default pipeline empty."""
    pipeline = _current()
    try:
        return pipeline.shutdown()
    finally:
        if pipeline is DEFAULT.pipeline:
            DEFAULT.retire()


def init(*, check_types: bool = True) -> None:
    """Begin a new default pipeline; a run of the old one that is still going is cancelled.

    `check_types` is for the new one; see `Pipeline`.
    """
    old = DEFAULT.pipeline.last_run
    if old is not None and old.running:
        old.cancel()
        old.join()
    DEFAULT.retire(check_types=check_types)


def last_report() -> Report | None:
    """The report of the default pipeline's latest run that has ended, also after `shutdown()`."""
    for pipeline in (DEFAULT.pipeline, DEFAULT.last):
        if pipeline is not None and pipeline.last_run is not None and pipeline.last_run.report is not None:
            return pipeline.last_run.report
    return None


def push_to_queue(items: Iterable[T], queue: Queue[T]) -> None:
    """Put all items, and close the queue.

    >>> queue = Queue()
    >>> push_to_queue("ab", queue)
    >>> queue.flush()
    ['a', 'b']
    """
    for item in items:
        queue.put(item)
    queue.close()


def render_pipeline(
    filename: str = "pipeline",
    root: Queue[Any] | Sequence[Queue[Any]] | None = None,
    *,
    directory: str = "graphviz",
    format: Literal["svg", "png", "pdf", "dot"] = "svg",
    skip_anon_queues: bool = True,
    status: Outcomes | None = None,
) -> str:
    """Draw the default pipeline (the current one in a `with Pipeline()` block), and return the path of the picture.

    Tasks are boxes, operators grey boxes, named ends plain text. With `status`, a run's report, nodes are coloured by
    what became of them, and lines say how many items went over them. Without the `dot` program skorche draws an SVG
    itself and writes the DOT text beside it, with a hint what to install. After `shutdown()` it draws the pipeline that
    has run.
    """
    from skorche.observe.render import render

    graph = SCOPE.graph
    if not graph.nodes and graph is DEFAULT.pipeline.graph and DEFAULT.last is not None:
        graph = DEFAULT.last.graph
    return render(graph, filename, root, directory, format, skip_anon_queues, status)
