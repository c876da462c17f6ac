"""`Report`: what a run did, as attributes, as a printable table, and as a dictionary."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from skorche.errors import shorten, text_of
from skorche.events import NOTHING_SEEN, Decision, Failure, NodeTally, RunFinished, Surroundings
from skorche.observe.amounts import time_text
from skorche.observe.outcome import End, Results, Shape, Status
from skorche.observe.overview import ENDS, FailureText, Overview
from skorche.observe.picture import Sketch
from skorche.observe.pictured import Pictured
from skorche.observe.replay import replayable

SHOWN_FAILURES = 10
LONGEST_FAILURE = 1000
REASONS = ("size", "weight", "timeout", "key", "early", "end")


@dataclass(frozen=True, slots=True)
class Report(Pictured):
    """The account of one run. Items unless the name says otherwise.

    Each admitted source item is counted once, by the worst end that anything made from it met:
    `admitted == delivered + filtered + failed + cancelled`. `rerun` counts items that ran again because a worker died
    before their results had left it; `recycled` counts workers replaced because they had done so many items, or had
    grown so large, as `max_items_per_worker` and `max_worker_memory` say. `ok`: nothing failed unhandled, nothing was
    cancelled. `nodes` are by node name. `shard` is "2/8" if that was the part of the inputs that the run was for: items
    of other shards are not admitted, and counted nowhere.

    By node name too: `status` ("ok", "cached": all its results were found in the store, "failed": an item failed there,
    "skipped": nothing came since a node before it failed, which `causes` names, or "cancelled") and `phases` (how many
    tasks stand before it, on the longest way).
    `folder` is where the run is kept, or "".
    `results` maps the names of end nodes to what they gave: a list, or the value itself of a task that runs once.
    `surroundings` tell of the sources, the readers and the machine. `running`: the run goes on, this is what is known.
    `decisions` are the changes of workers that `workers="auto"` made.
    """

    name: str
    ok: bool
    elapsed: float
    admitted: int
    delivered: int
    filtered: int
    failed: int
    cancelled: int
    rerun: int
    abandoned_threads: int
    failures: tuple[Failure, ...]
    nodes: Mapping[str, NodeTally]
    guarantees: tuple[str, ...]
    recycled: int = 0
    status: Mapping[str, Status] = field(default_factory=dict)
    causes: Mapping[str, str] = field(default_factory=dict)
    phases: Mapping[str, int] = field(default_factory=dict)
    folder: str = ""
    results: Results = field(default_factory=lambda: Results(None, (), {}), repr=False, compare=False)
    shard: str | None = None
    surroundings: Surroundings = NOTHING_SEEN
    running: bool = False
    decisions: tuple[Decision, ...] = ()
    sketch: Sketch = field(default_factory=Sketch, repr=False, compare=False)

    @classmethod
    def of(
        cls, record: RunFinished, *, shape: Shape | None = None, ends: Sequence[End] = (), folder: str = ""
    ) -> Report:
        """The report of a finished run of a graph of this shape."""
        nodes = {node.name: node for node in shape.nodes} if shape is not None else {}
        status, causes = shape.statuses(record.nodes) if shape is not None else ({}, {})
        return cls(
            record.name,
            record.error is None and not record.unhandled and not record.cancelled,
            record.elapsed,
            record.admitted,
            record.delivered,
            record.filtered,
            record.failed,
            record.cancelled,
            record.rerun,
            record.abandoned_threads,
            tuple([replayable(failure, nodes) for failure in record.failures]) if nodes else record.failures,
            record.nodes,
            record.guarantees,
            record.recycled,
            status,
            causes,
            shape.phases() if shape is not None else {},
            folder,
            Results(shape, ends, status),
            record.shard,
            record.surroundings,
            record.running,
            record.decisions,
            shape.sketch(record.name, status, record.nodes) if shape is not None else Sketch(),
        )

    def overview(self) -> Overview:
        """What the status page tells."""
        return Overview(
            self.name,
            self.headline,
            self.ok,
            self.running,
            self.elapsed,
            {name: getattr(self, name) for name in ENDS},
            self.nodes,
            self.status,
            self.sketch.picture,
            [_failure_text(failure) for failure in self.failures[:SHOWN_FAILURES]],
            len(self.failures),
            self._notes(),
            self.surroundings,
            time.strftime("%Y-%m-%d %H:%M:%S"),
            # Here the verdict comes in: both are "" of a report that has none.
            getattr(self, "bottleneck", ""),
            getattr(self, "verdict", ""),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON: items and errors are given as text.

        >>> report.to_dict()["admitted"]  # doctest: +SKIP
        3
        """
        failures = [
            {
                "node": failure.node,
                "item": shorten(failure.item),
                "error": text_of(failure.error),
                "traceback": failure.traceback,
                "attempts": failure.attempts,
                "output": failure.output,
            }
            for failure in self.failures
        ]
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in ("results", "sketch")}
        nodes = {name: _plain_tally(tally) for name, tally in self.nodes.items()}
        plain |= {"failures": failures, "nodes": nodes, "guarantees": list(self.guarantees)}
        plain["surroundings"] = self.surroundings._asdict()
        plain["decisions"] = [decision._asdict() for decision in self.decisions]
        return plain | {name: dict(plain[name]) for name in ("status", "causes", "phases")}

    def __str__(self) -> str:
        decided = [f"decided at {decision}" for decision in self.decisions]
        remarks = [*decided, *self._failure_lines(), *self._notes()]
        kept = [f"kept in {self.folder}"] if self.folder else []
        return "\n".join([self.headline, self._table(), *remarks, *kept]).rstrip()

    def _notes(self) -> list[str]:
        skipped = [f"{name} was skipped: {cause} failed" for name, cause in self.causes.items()]
        return [*skipped, *self._closed_lines(), *self._shed_lines(), *self.guarantees]

    @property
    def headline(self) -> str:
        """The first line of the report: whether the run was ok, how long it took, and what became of the items."""
        parts = [f"{self.admitted} admitted", f"{self.delivered} delivered"]
        for name in ("filtered", "failed", "cancelled", "rerun"):
            count = getattr(self, name)
            if count:
                parts.append(f"{count} {name}")
        if self.abandoned_threads:
            parts.append(f"{self.abandoned_threads} threads abandoned")
        if self.recycled:
            parts.append(f"{self.recycled} workers recycled")
        name = self.name if self.shard is None else f"{self.name}, shard {self.shard}"
        how = "running for" if self.running else "ok in" if self.ok else "NOT ok in"
        return f"{name}: {how} {self.elapsed:.2f} s; {', '.join(parts)}"

    def _table(self) -> str:
        """The nodes as a table, plain text, as wide as it needs to be."""
        from rich.console import Console  # 40 ms to import: only who prints a report needs it
        from rich.table import Table

        table = Table("node", *(["phase", "status"] if self.status else []), box=None, pad_edge=False)
        columns = ("received", "emitted", "cached", "filtered", "failed", "cancelled", "retried")
        shown = [name for name in columns if name in columns[:2] or any(getattr(n, name) for n in self.nodes.values())]
        for heading in (*shown, "busy s", "cpu s", "p50", "p99"):
            table.add_column(heading, justify="right", no_wrap=True)
        for name, tally in self.nodes.items():
            counts = [str(getattr(tally, column)) for column in shown]
            times = [
                f"{tally.busy_seconds:.2f}",
                f"{tally.cpu_seconds:.2f}",
                time_text(tally.p50),
                time_text(tally.p99),
            ]
            where = [str(self.phases[name]), self.status[name]] if self.status else []
            table.add_row(_plain(name), *where, *counts, *times)
        written = StringIO()
        Console(width=1000, no_color=True, force_terminal=False, highlight=False, file=written).print(table)
        return "\n".join(line.rstrip() for line in written.getvalue().splitlines())

    def _closed_lines(self) -> list[str]:
        """Why lists were closed, where that is not plain: by their size, and at the end."""
        told = [(name, tally.closed) for name, tally in self.nodes.items() if set(tally.closed) - {"size", "end"}]
        return [
            f"{name} closed its lists: " + ", ".join(f"{closed[why]} {why}" for why in REASONS if why in closed)
            for name, closed in told
        ]

    def _shed_lines(self) -> list[str]:
        why = "so many were killed, probably because memory ran out"
        shed = [(name, tally.shed_workers) for name, tally in self.nodes.items() if tally.shed_workers]
        return [f"{name} went on with {count} worker{'s' * (count > 1)} fewer: {why}" for name, count in shed]

    def _failure_lines(self) -> list[str]:
        shown = self.failures[:SHOWN_FAILURES]
        lines = [f"failure {number}: {_cut(str(failure))}" for number, failure in enumerate(shown)]
        left = len(self.failures) - len(lines)
        return [*lines, f"... and {left} more in report.failures"] if left > 0 else lines


def _plain_tally(tally: NodeTally) -> dict[str, Any]:
    return tally._asdict() | {"closed": dict(tally.closed), "limits": list(tally.limits)}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_FAILURE else f"{text[:LONGEST_FAILURE]}... (all of it in report.failures)"


def _plain(name: str) -> Any:
    from rich.text import Text

    return Text(name)  # a name is no markup


def _failure_text(failure: Failure) -> FailureText:
    item, error = shorten(failure.item), text_of(failure.error)
    return FailureText(failure.node, item, error, failure.traceback, failure.attempts, failure.output)
