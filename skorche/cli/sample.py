"""`skorche check --sample`: a few items go through the real graph in this process, and what they are is noted.

Each step is wrapped in a `Spy`, which notes what comes out of it. The scheduler, the operators and the tasks are the
real ones; only where they run is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from operator import length_hint
from typing import Any

from skorche.api import Pipeline
from skorche.cli.rows import Rows, open_inputs
from skorche.engines.transfer import dumps
from skorche.errors import text_of
from skorche.graph import Graph, Node
from skorche.kernel import Paths, Record, Work
from skorche.observe.report import Report
from skorche.queue import Queue
from skorche.run_settings import RunSettings
from skorche.running import start

SHOWN_TYPES = 3


@dataclass
class Goods:
    """What went over one edge: how many items, of which types, and how many bytes they are when pickled."""

    count: int = 0
    total_bytes: int = 0
    types: dict[str, int] = field(default_factory=dict)
    trouble: str = ""

    def note(self, items: Sequence[Any]) -> None:
        """Look at some items."""
        for item in items:
            self.count += 1
            kind = type(item).__name__
            self.types[kind] = self.types.get(kind, 0) + 1
            try:
                self.total_bytes += len(dumps(item))
            except Exception as error:  # noqa: BLE001  (whatever pickling it raises is what is to be told)
                self.trouble = self.trouble or text_of(error)

    @property
    def text(self) -> str:
        """One line: count, types, bytes per item, or why they cannot be pickled."""
        names = sorted(self.types, key=lambda name: -self.types[name])
        kinds = ", ".join(names[:SHOWN_TYPES]) + (", ..." if len(names) > SHOWN_TYPES else "")
        size = f"cannot be pickled: {self.trouble}" if self.trouble else _bytes(self.total_bytes / self.count)
        return f"{self.count} {kinds}; {size}"


class Spy:
    """A step that notes what comes out of another; in all else it is that step."""

    def __init__(self, work: Work, goods: Sequence[Goods]) -> None:
        self._work, self._goods = work, goods

    def run(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        branches = self._work.run(items, paths, record)
        for (made, _), goods in zip(branches, self._goods, strict=True):
            goods.note(made)
        return branches

    def opened(self, ends: list[Callable[[], Any]]) -> Work:
        opened: Callable[[list[Callable[[], Any]]], Work] | None = getattr(self._work, "opened", None)
        return self if opened is None else Spy(opened(ends), self._goods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)


class Sample:
    """What a sample of items told: of each edge, of each node, and how long all of it would take."""

    def __init__(self, graph: Graph, goods: dict[str, Goods], report: Report, whole: int | None) -> None:
        self._graph, self._goods, self.report, self._whole = graph, goods, report, whole

    @property
    def text(self) -> str:
        """Lines to print."""
        report = self.report
        lines = [f"sample: {report.admitted} items in {report.elapsed:.3g} s, in this process; {report.failed} failed"]
        lines += [f"  edge {edge}: {goods.text}" for edge, goods in self._goods.items() if goods.count]
        lines += [f"  {line}" for line in self._node_lines()]
        lines += [f"  {failure}" for failure in report.failures]
        return "\n".join([*lines, self._estimate()])

    def _node_lines(self) -> list[str]:
        lines = []
        for node in self._graph.nodes:
            tally = self.report.nodes[node.name]
            if node.task is not None and tally.received:
                lines.append(f"task {node.name}: {_seconds(tally.busy_seconds / tally.received)} per item")
        return lines

    def _estimate(self) -> str:
        """How long all items would take: as long as the task that takes longest, each on its workers."""
        admitted = self.report.admitted
        needs = {
            node.name: self.report.nodes[node.name].busy_seconds / node.task.workers / admitted
            for node in self._graph.nodes
            if node.task is not None and admitted
        }
        if not needs:
            return "no estimate: no item came to a task"
        slowest = max(needs, key=lambda name: needs[name])
        told = f"{slowest} takes longest, {_seconds(needs[slowest])} for an item of the input"
        if self._whole is None:
            return f"estimate: how many items there are is not known; {told}"
        return f"estimate: {self._whole} items in about {_seconds(needs[slowest] * self._whole)}; {told}"


def take_sample(pipeline: Pipeline, rows: Rows, count: int) -> Sample:
    """Run so many items of each input through a copy of the graph, in this process."""
    if open_inputs(pipeline):
        for _ in islice(rows.give(pipeline), count):
            pass
    graph, copies, goods = Graph(pipeline.name, check_types=False), _Copies(count), dict[str, Goods]()
    for node in pipeline.graph.nodes:
        graph.add(_spied(node, copies, goods, pipeline.graph))
    report = start(graph, RunSettings(engine="inline", on_error="collect", progress=False)).shutdown()
    return Sample(graph, goods, report, copies.whole)


class _Copies:
    """Queues for a copy of the graph; inputs have only the first so many items."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._made: dict[int, Queue[Any]] = {}
        self.whole: int | None = 0

    def of(self, queue: Queue[Any], *, is_source: bool) -> Queue[Any]:
        if id(queue) not in self._made:
            self._made[id(queue)] = self._copy(queue) if is_source else Queue(queue.name)
        return self._made[id(queue)]

    def _copy(self, queue: Queue[Any]) -> Queue[Any]:
        items = queue.inbox.take(None) if queue.fixed_inputs is None else queue.fixed_inputs
        taken = list(islice(items, self._count))
        size = len(taken) if len(taken) < self._count else length_hint(items, -1)
        self.whole = None if self.whole is None or size < 0 else self.whole + size
        return Queue(queue.name, taken)


def _spied(node: Node, copies: _Copies, goods: dict[str, Goods], graph: Graph) -> Node:
    inputs = tuple(copies.of(queue, is_source=id(queue) not in graph.producers) for queue in node.inputs)
    outputs = tuple(copies.of(queue, is_source=False) for queue in node.outputs)
    errors = None if node.errors is None else copies.of(node.errors, is_source=False)
    node = node._replace(inputs=inputs, outputs=outputs, errors=errors, types=None)
    if node.work is None or node.folds:  # what a fold gives for an item is nothing
        return node
    seen = [goods.setdefault(_edge(node, place), Goods()) for place in range(max(1, len(outputs)))]
    return node._replace(work=partial(_spy, node.work, seen))


def _spy(make: Callable[[], Work], goods: Sequence[Goods]) -> Spy:
    return Spy(make(), goods)


def _edge(node: Node, place: int) -> str:
    label = node.edge_labels[place] if node.edge_labels else ""
    return f"from {node.name}{f' ({label})' if label else ''}"


def _seconds(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _bytes(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit} per item"
    return f"{count:.0f} bytes per item"
