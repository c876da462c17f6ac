"""`Report`: what a run did, as attributes, as a printable table, and as a dictionary."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from skorche.errors import shorten, text_of
from skorche.events import Decision, Failure, NodeTally, RunFinished, Surroundings
from skorche.observe.outcome import End, Results, Shape, Status
from skorche.observe.pictured import Pictured, Sketch

if TYPE_CHECKING:
    from skorche.observe.analysis import Analysis
    from skorche.observe.overview import FailureText, Overview

SHOWN_FAILURES = 10
LONGEST_FAILURE = 1000
REASONS = ("size", "weight", "timeout", "key", "early", "end")
TOLD = (
    *("name", "ok", "elapsed", "admitted", "delivered", "filtered", "failed", "cancelled", "rerun"),
    *("abandoned_threads", "failures", "nodes", "guarantees", "recycled", "status", "causes", "phases", "folder"),
    *("shard", "surroundings", "running", "bottleneck", "verdict", "decisions", "error"),
)


class Report(Pictured):
    """The account of one run. Items unless the name says otherwise.

    Each admitted source item is counted once, by the worst end that anything made from it met:
    `admitted == delivered + filtered + failed + cancelled`. `rerun` counts items that ran again because a worker died
    before their results had left it; `recycled` counts workers replaced because they had done so many items, or had
    grown so large, as `max_items_per_worker` and `max_worker_memory` say. `ok`: nothing failed unhandled, nothing was
    cancelled, and no `error` ended the run: the exception that `wait()` raises, or None. `nodes` are by node name.
    `shard` is "2/8" if that was the part of the inputs that the run was for: items of other shards are not admitted,
    and counted nowhere.

    By node name too: `status` ("ok", "cached": all its results were found in the store, "failed": an item failed there,
    "skipped": nothing came since a node before it failed, which `causes` names, or "cancelled") and `phases` (how many
    tasks stand before it, on the longest way).
    `folder` is where the run is kept, or "".
    `results` maps the names of end nodes to what they gave: a list, or the value itself of a task that runs once.
    `surroundings` tell of the sources, the readers and the machine. `running`: the run goes on, this is what is known.
    `bottleneck` names the node that limits the run, or is "cpu", "gil", "source", "sink" or "memory", or "" if that
    cannot be told; `verdict` says in a sentence what limits, by how much, and what one change would gain.
    `decisions` are the changes of workers that `workers="auto"` made.
    """

    def __init__(self, record: RunFinished, *, shape: Shape | None, ends: Sequence[End], folder: str) -> None:
        self.name = record.name
        self.ok = record.error is None and not record.unhandled and not record.cancelled
        self.elapsed = record.elapsed
        self.admitted, self.delivered = record.admitted, record.delivered
        self.filtered, self.failed, self.cancelled = record.filtered, record.failed, record.cancelled
        self.rerun, self.recycled, self.abandoned_threads = record.rerun, record.recycled, record.abandoned_threads
        self.failures: tuple[Failure, ...] = _replayable(record.failures, shape)
        self.nodes: Mapping[str, NodeTally] = record.nodes
        self.guarantees: tuple[str, ...] = record.guarantees
        status, causes = shape.statuses(record.nodes) if shape is not None else ({}, {})
        self.status: Mapping[str, Status] = status
        self.causes: Mapping[str, str] = causes
        self.phases: Mapping[str, int] = shape.phases() if shape is not None else {}
        self.folder = folder
        self.results = Results(shape, ends, status)
        self.shard = record.shard
        self.surroundings: Surroundings = record.surroundings
        self.running = record.running
        self.decisions: tuple[Decision, ...] = record.decisions
        self.error = record.error
        self.sketch = shape.sketch(record.name, status, record.nodes) if shape is not None else Sketch()

    @classmethod
    def of(
        cls, record: RunFinished, *, shape: Shape | None = None, ends: Sequence[End] = (), folder: str = ""
    ) -> Report:
        """The report of a finished run of a graph of this shape."""
        return cls(record, shape=shape, ends=ends, folder=folder)

    def __setattr__(self, name: str, value: object) -> None:
        if "sketch" in vars(self):  # which is set last
            raise AttributeError(f"a Report cannot be changed: {name}")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Report cannot be changed: {name}")

    def __eq__(self, other: object) -> bool:
        return self._told() == other._told() if isinstance(other, Report) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it holds mappings

    def __repr__(self) -> str:
        return f"Report({', '.join([f'{name}={value!r}' for name, value in self._told().items()])})"

    def _told(self) -> dict[str, Any]:
        """All but the results and the picture."""
        return {name: getattr(self, name) for name in TOLD}

    @cached_property
    def _analysis(self) -> Analysis:
        from skorche.observe.analyze import analyze  # who does not ask what limits the run starts sooner without it

        return analyze(self)

    @property
    def bottleneck(self) -> str:
        """What limits the run: the name of a node, or "cpu", "gil", "source", "sink", "memory"; "" if nobody knows."""
        return self._analysis.bottleneck

    @property
    def verdict(self) -> str:
        """In a sentence what limits, by how much, and what one change would gain."""
        return self._analysis.verdict

    def overview(self) -> Overview:
        """What the status page tells."""
        from skorche.observe.overview import ENDS, Overview  # only who shows one needs it

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
            self.bottleneck,
            self.verdict,
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
        nodes = {name: _plain_tally(tally) for name, tally in self.nodes.items()}
        plain = self._told() | {"failures": failures, "nodes": nodes, "guarantees": list(self.guarantees)}
        plain["surroundings"] = self.surroundings._asdict()
        plain["decisions"] = [decision._asdict() for decision in self.decisions]
        plain["error"] = "" if self.error is None else text_of(self.error)
        return plain | {name: dict(plain[name]) for name in ("status", "causes", "phases")}

    def __str__(self) -> str:
        decided = [f"decided at {decision}" for decision in self.decisions]
        remarks = [*decided, *self._failure_lines(), *self._notes()]
        kept = [f"kept in {self.folder}"] if self.folder else []
        verdict = [self.verdict] if self.bottleneck else []
        return "\n".join([self.headline, self._table(), *verdict, *remarks, *kept]).rstrip()

    def _notes(self) -> list[str]:
        skipped = [f"{name} was skipped: {cause} failed" for name, cause in self.causes.items()]
        return [*self.ended_by, *skipped, *self._closed_lines(), *self._shed_lines(), *self.guarantees]

    @property
    def ended_by(self) -> list[str]:
        """A line on what ended the run, unless that is among the failures."""
        error = self.error
        if error is None or any(error is failure.error for failure in self.failures):
            return []
        return [f"ended by {_cut(text_of(error))}"]

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
        from io import StringIO

        from rich.console import Console  # 40 ms to import: only who prints a report needs it
        from rich.table import Table

        from skorche.observe.amounts import time_text

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


def _replayable(failures: tuple[Failure, ...], shape: Shape | None) -> tuple[Failure, ...]:
    if shape is None or not failures:
        return failures
    from skorche.observe.replay import replayable  # only failures need it

    nodes = {node.name: node for node in shape.nodes}
    return tuple([replayable(failure, nodes) for failure in failures])


def _plain_tally(tally: NodeTally) -> dict[str, Any]:
    return tally._asdict() | {"closed": dict(tally.closed), "limits": list(tally.limits)}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_FAILURE else f"{text[:LONGEST_FAILURE]}... (all of it in report.failures)"


def _plain(name: str) -> Any:
    from rich.text import Text

    return Text(name)  # a name is no markup


def _failure_text(failure: Failure) -> FailureText:
    from skorche.observe.overview import FailureText

    item, error = shorten(failure.item), text_of(failure.error)
    return FailureText(failure.node, item, error, failure.traceback, failure.attempts, failure.output)
