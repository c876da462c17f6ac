"""What a graph cannot run with. Each check is one function; all findings are reported together.

Mistakes that show while declaring (two consumers, a circle) are raised there; here is what only the whole graph, or
the choice of engines, can tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from types import GeneratorType
from typing import Any

from skorche.compile.fuse import IN_PROCESS
from skorche.errors import GraphError, nearest, shorten
from skorche.graph import Graph, Node
from skorche.limits import AnyLimit, disagreement
from skorche.queue import Queue


def validate(graph: Graph, engines: Collection[str], run_engine: Any, *, running: bool) -> list[GraphError]:
    """All findings, in order of declaration.

    `engines` are the names an engine may be chosen by, `run_engine` is what the run chose for tasks that did not;
    `running` asks whether it can run now, too.
    """
    findings: list[GraphError] = []
    for source in graph.sources():
        findings += _consumed_iterator(source) if running else ()
        findings += _filled_elsewhere(source)
        findings += _queue_of_the_same_pipeline(graph, source)
    findings += _shared_iterators(graph)
    for choice, chooser in [(run_engine, "run()"), *((_engine_of(node), node.title) for node in graph.nodes)]:
        findings += _unknown_engine(choice, chooser, engines)
    for node in graph.nodes:
        findings += _wrong_kind_of_engine(node, run_engine)
        findings += _no_worker_to_replace(node, run_engine)
        findings += _no_pairs(graph, node)
    findings += _disagreeing_limits(graph)
    return findings


def _engine_of(node: Node) -> Any:
    return node.task.settings.engine if node.task else None


def _consumed_iterator(queue: Queue[Any]) -> Iterator[GraphError]:
    given = queue.fixed_inputs
    is_at_its_end = isinstance(given, GeneratorType) and given.gi_frame is None
    if given is not None and (is_at_its_end or (queue.started and iter(given) is given)):
        end = "an earlier run has consumed" if queue.started else "has been read to its end"
        yield GraphError(
            f"{queue.title} ({queue.declared}) was given {shorten(given)}, which {end}.",
            "an iterator gives its items once.",
            "give a list, or another object that can be iterated again, or declare a new queue.",
        )


def _shared_iterators(graph: Graph) -> Iterator[GraphError]:
    """Two that read one iterator would each get what the other has not taken just before."""
    first: dict[int, Queue[Any]] = {}
    for queue in graph.sources():
        given = queue.fixed_inputs
        other = first.setdefault(id(given), queue)
        if given is not None and other is not queue and iter(given) is given:
            yield GraphError(
                f"{queue.title} ({queue.declared}) was given {shorten(given)}, which {other.title} reads too.",
                "an iterator gives its items once: each item would go to one of the two.",
                "tee() one queue, which gives every item to both; or give each an object that can be iterated again.",
            )


def _queue_of_the_same_pipeline(graph: Graph, queue: Queue[Any]) -> Iterator[GraphError]:
    given = queue.fixed_inputs
    if isinstance(given, Queue) and id(given) in graph.queues:
        yield GraphError(
            f"{queue.title} ({queue.declared}) was given {given.title} of the same pipeline as fixed_inputs.",
            "it would be read as if by a user: as long as the run goes on, each waits for the other.",
            "give the queue itself to the operator; tee() it first, if another one needs it too.",
        )


def _filled_elsewhere(queue: Queue[Any]) -> Iterator[GraphError]:
    if queue.filled_by is not None:
        yield GraphError(
            f"{queue.title} ({queue.declared}) is read here, and {queue.filled_by} fills it, in another pipeline.",
            "a queue belongs to one pipeline, so nothing would ever come.",
            "declare both in one pipeline; or run the first, and give its results to the second as fixed_inputs.",
        )


def _unknown_engine(choice: Any, chooser: str, engines: Collection[str]) -> Iterator[GraphError]:
    known_name = isinstance(choice, str) and choice in engines
    if choice is None or known_name or (not isinstance(choice, str) and _is_executor(choice)):
        return
    known = ", ".join(sorted(engines))
    yield GraphError(
        f"{chooser} was given engine={shorten(choice)}.",
        f"the engines are {known}, a concurrent.futures.Executor, or a function that makes one.",
        nearest(choice, engines).rstrip() or "choose one of these.",
    )


def _wrong_kind_of_engine(node: Node, run_engine: Any) -> Iterator[GraphError]:
    """An event loop runs async tasks and no others; the engine of the run is only for tasks that may have it."""
    if node.task is None:
        return
    chosen = node.task.settings.engine
    if node.task.is_async and chosen not in (None, "async", "inline"):
        yield GraphError(
            f"{node.title} is async, and was given engine={shorten(chosen)}.",
            "async tasks run on an event loop, in this process.",
            "leave engine= out; work that needs a processor belongs in a task of its own, which is not async.",
        )
    elif not node.task.is_async and "async" in (chosen, run_engine if chosen is None else None):
        yield GraphError(
            f"{node.title} is not async, and engine='async' was given to {'it' if chosen else 'run()'}.",
            "it would hold up the event loop, and all that waits there.",
            "leave engine= out: async tasks find their event loop without it.",
        )


def _no_worker_to_replace(node: Node, run_engine: Any) -> Iterator[GraphError]:
    """Limits that a task sets for its workers must mean something, unless the run chose another engine for a while."""
    engine = _engine_of(node) or (None if run_engine is not None else "thread")
    engine = "async" if node.task is not None and node.task.is_async else engine
    given = [
        f"{name}={value!r}"
        for name in ("max_items_per_worker", "max_worker_memory")
        if node.task is not None and (value := getattr(node.task.settings, name)) is not None
    ]
    if not given or engine is None or (isinstance(engine, str) and engine not in IN_PROCESS):
        return
    where = f"on engine {engine!r}" if isinstance(engine, str) else "in an executor, which has workers of its own"
    yield GraphError(
        f"{node.title} was given {' and '.join(given)}.",
        f"it runs {where}: skorche has no worker process there that it could replace.",
        "add engine='process', or leave it out.",
    )


def _no_pairs(graph: Graph, node: Node) -> Iterator[GraphError]:
    if node.pairing is not None:
        from skorche.compile.pairs import find_pairs  # only who zips needs it

        try:
            find_pairs(graph, node)
        except GraphError as finding:
            yield finding


def _disagreeing_limits(graph: Graph) -> Iterator[GraphError]:
    """Limits of one name are one limit, so they must say the same."""
    known: dict[str, tuple[AnyLimit, Node]] = {}
    for node in graph.nodes:
        for one in node.task.settings.limits if node.task else ():
            first, holder = known.setdefault(one.name, (one, node))
            if first != one:
                yield disagreement(first, holder.title, one, node.title)


def _is_executor(choice: Any) -> bool:
    return callable(choice) or hasattr(choice, "submit")
