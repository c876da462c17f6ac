"""`open_run`: a run that was kept in a store, to be looked at again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from skorche.errors import SkorcheError, StoreError, text_of
from skorche.events import NodeTally, Surroundings
from skorche.observe.overview import ENDS, FailureText, Overview
from skorche.observe.picture import NOTHING, Link, Picture, picture_from, plain_picture
from skorche.observe.pictured import Pictured
from skorche.observe.report import SHOWN_FAILURES
from skorche.stored.job import read_job
from skorche.stored.run_folder import GRAPH, LOG, PIPELINE, REPORT, REPORT_TEXT, SUMMARY, runs_in
from skorche.stored.values import Stored, read_value

WORST_LAST = ("cached", "ok", "skipped", "cancelled", "failed")
NOT_ADDED = ("p50", "p90", "p99", "mean_waiting", "worker_bytes")


class StoredRun(Pictured):
    """What is known of a run that was kept in a store: what its report said, and the results.

    `to_html`, `save_page`, `to_svg` and `to_dot` give its status page and diagram, as those of a `Report`.
    `ok`, `status`, `phases`, `failures`, `nodes`, `bottleneck`, `verdict` and `error` are as in `Report`, in plain
    values; `arguments` are those of the tasks, as text. `results` reads a result when it is asked for. `print(run)`
    shows the report.
    """

    def __init__(self, path: Path, *, trust: bool = False) -> None:
        self.path, self._trust = path, trust
        try:
            self._whole: dict[str, Any] = json.loads((path / REPORT).read_text(encoding="utf-8"))
            self._take(self._whole["report"], trust=trust)
        except (ValueError, LookupError, TypeError) as error:
            raise StoreError(
                f"{path / REPORT} is damaged: {text_of(error)}", "it is not what a run has written.", "see report.txt."
            ) from error

    def _take(self, report: dict[str, Any], *, trust: bool) -> None:
        """What the report said."""
        self.ended: int = (self.path / REPORT).stat().st_mtime_ns
        self.name: str = report["name"]
        self.shard: str | None = report["shard"]
        self.ok: bool = report["ok"]
        self.bottleneck: str = report.get("bottleneck", "")  # runs of before have none
        self.verdict: str = report.get("verdict", "")
        self.error: str = report.get("error", "")
        self.status: dict[str, str] = report["status"]
        self.phases: dict[str, int] = report["phases"]
        self.failures: list[dict[str, Any]] = report["failures"]
        self.nodes = {name: NodeTally(**tally) for name, tally in report["nodes"].items()}
        self.arguments: dict[str, str] = self._whole["arguments"]
        files = {name: Stored(**entry) for name, entry in self._whole["results"].items()}
        self.results: StoredResults = StoredResults(self.path, files, self._whole["outputs"], trust=trust)

    def to_dict(self) -> dict[str, Any]:
        """The report in plain values, as `Report.to_dict` gave it."""
        return dict(self._whole["report"])

    def overview(self) -> Overview:
        """What the status page tells."""
        whole = self.to_dict()
        failures = [FailureText(**failure) for failure in self.failures[:SHOWN_FAILURES]]
        skipped = [f"{name} was skipped: {cause} failed" for name, cause in whole["causes"].items()]
        ended_by = (
            [f"ended by {self.error}"] if self.error and self.error not in [one.error for one in failures] else []
        )
        return Overview(
            self.name,
            str(self).partition("\n")[0],
            self.ok,
            running=False,
            elapsed=self._elapsed(),
            counts={name: whole[name] for name in ENDS},
            nodes=self.nodes,
            status=self.status,
            picture=self._picture(),
            failures=failures,
            failed=len(self.failures),
            notes=[*ended_by, *skipped, *whole["guarantees"]],
            surroundings=Surroundings(**whole["surroundings"]),
            written=time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.ended / 1e9)),
            bottleneck=whole.get("bottleneck", ""),
            verdict=whole.get("verdict", ""),
        )

    def _elapsed(self) -> float:
        return float(self._whole["report"]["elapsed"])

    def _picture(self) -> Picture:
        return picture_from(self._whole.get("picture") or plain_picture(NOTHING))

    def item(self, number: int) -> Any:
        """The item of a failure, by its place in `failures`.

        Raises:
            SkorcheError: there is no such failure, or its item could not be kept.
        """
        items = self._whole["items"]
        entry = items[number] if 0 <= number < len(items) else None
        if entry is None:
            kept = "it could not be pickled" if number < len(items) else f"items of the first {len(items)} are kept"
            raise SkorcheError(
                f"the item of failure {number} of {self.name} is not there.",
                f"there are {len(self.failures)} failures, counted from 0; {kept}.",
                "see report.txt for what is known of them.",
            )
        return read_value(self.path, Stored(**entry), trust=self._trust)

    @property
    def job(self) -> dict[str, Any] | None:
        """What the command line was given, if that has run it.

        Raises:
            StoreError: no run of yours has written it, or it is damaged.
        """
        return read_job(self.path, trust=self._trust)

    @property
    def summary(self) -> str:
        """A line for each task: name, arguments, phase, status, result."""
        return self._text(SUMMARY)

    @property
    def log(self) -> str:
        """What was logged during the run."""
        return self._text(LOG)

    @property
    def shard_number(self) -> int:
        """Which shard it was; 0 for none."""
        return int(self.shard.partition("/")[0]) if self.shard else 0

    def is_sibling(self, other: StoredRun) -> bool:
        """Whether both are shards of one job."""
        mine, its = str(self.shard).partition("/")[2], str(other.shard).partition("/")[2]
        return self.name == other.name and bool(mine) and mine == its and self._text(PIPELINE) == other._text(PIPELINE)

    @cached_property
    def graph(self) -> dict[str, Any]:
        """The names of the nodes, and the edges, each from which to which."""
        found: dict[str, Any] = json.loads(self._text(GRAPH))
        return found

    def _text(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8", errors="replace")

    def __str__(self) -> str:
        return self._text(REPORT_TEXT).rstrip()

    def __repr__(self) -> str:
        return f"<StoredRun {self.name}: {'ok' if self.ok else 'NOT ok'}, {self.path}>"


class ShardedRun(StoredRun):
    """The runs of one job's shards, read as one: of each shard the latest.

    `ok` if all shards are there, and all were ok. Counts are sums. A node's status is the worst it had; the verdict is
    that of the shard that took longest. `results` are lists, those of the first shard first; what runs once gives a
    value for each shard. `missing` are the shards that have no run here. `parts` are the runs.
    """

    def __init__(self, runs: Sequence[StoredRun]) -> None:
        latest = {run.shard: run for run in sorted(runs, key=lambda run: run.ended)}
        self.parts = sorted(latest.values(), key=lambda run: run.shard_number)
        first = self.parts[0]
        total = int(str(first.shard).partition("/")[2])
        self.missing = [f"{number}/{total}" for number in range(1, total + 1) if f"{number}/{total}" not in latest]
        self.path, self.name, self.shard, self.ended = first.path, first.name, None, max(one.ended for one in runs)
        self.ok = not self.missing and all(run.ok for run in self.parts)
        self.phases, self.arguments, self.graph = first.phases, first.arguments, first.graph
        self.status = {name: self._worst(name) for name in first.status}
        self.failures = [failure for run in self.parts for failure in run.failures]
        tallies = {name: _sum([run.nodes[name]._asdict() for run in self.parts]) for name in first.nodes}
        self.nodes = {name: NodeTally(**tally) for name, tally in tallies.items()}
        longest = max(self.parts, key=lambda run: run.to_dict()["elapsed"])
        self.bottleneck, self.verdict = longest.bottleneck, longest.verdict
        self.error = next((run.error for run in self.parts if run.error), "")
        self.results = _Joined(self.parts)

    def _worst(self, name: str) -> str:
        return max((run.status[name] for run in self.parts), key=WORST_LAST.index)

    def _elapsed(self) -> float:
        """The shards may have run at the same time."""
        return max(run._elapsed() for run in self.parts)

    def _picture(self) -> Picture:
        """What went over each line in all of them; the pictures are of equal pipelines."""
        pictures = [run._picture() for run in self.parts]
        alike = zip(*(picture.links for picture in pictures), strict=True)
        return pictures[0]._replace(links=tuple(_joined(links) for links in alike))

    def item(self, number: int) -> Any:
        """The item of a failure, by its place in `failures`."""
        for run in self.parts[:-1]:
            if number < len(run.failures):
                return run.item(number)
            number -= len(run.failures)
        return self.parts[-1].item(number)

    def to_dict(self) -> dict[str, Any]:
        """The reports as one, in plain values; counts are sums."""
        whole = _sum([run.to_dict() for run in self.parts])
        nodes = {name: tally._asdict() for name, tally in self.nodes.items()}
        joined = {"ok": self.ok, "status": self.status, "failures": self.failures, "nodes": nodes, "shard": None}
        joined |= {"bottleneck": self.bottleneck, "verdict": self.verdict, "error": self.error}
        return whole | joined | {"missing": self.missing}

    def _text(self, name: str) -> str:
        return "\n".join(f"shard {run.shard}:\n{run._text(name)}" for run in self.parts)

    def __str__(self) -> str:
        missing = [f"shards without a run: {', '.join(self.missing)}"] if self.missing else []
        whole = self.to_dict()
        counts = ", ".join(f"{whole[name]} {name}" for name in ("admitted", "delivered", "filtered", "failed"))
        return "\n".join([f"{self.name}: {'ok' if self.ok else 'NOT ok'}; {counts}", "", super().__str__(), *missing])


def _joined(links: Sequence[Link]) -> Link:
    counts = [link.flow for link in links]
    return links[0]._replace(flow=sum(one or 0 for one in counts) if None not in counts else None)


def _sum(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers added up, of all else the first."""
    first = parts[0]
    return {
        name: sum(part[name] for part in parts) if _adds_up(name, value) else value for name, value in first.items()
    }


def _adds_up(name: str, value: object) -> bool:
    return type(value) in (int, float) and name not in NOT_ADDED


class StoredResults(Mapping[str, Any]):
    """Results by name, read from their files when they are asked for; `nodes` as in `Results`."""

    def __init__(self, folder: Path, files: Mapping[str, Stored], nodes: Mapping[str, str], *, trust: bool) -> None:
        self._folder, self._files, self._trust = folder, files, trust
        self.nodes = nodes

    def __getitem__(self, name: str) -> Any:
        known = name if name in self._files else self.nodes.get(name, name)
        return read_value(self._folder, self._files[known], trust=self._trust)

    def __contains__(self, name: object) -> bool:
        return name in self._files or self.nodes.get(str(name)) in self._files

    def __repr__(self) -> str:
        return f"<results of {', '.join(self) or 'nothing'}>"

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


class _Joined(StoredResults):
    """The results of several runs, one after the other."""

    def __init__(self, runs: Sequence[StoredRun]) -> None:
        self._runs = runs
        self.nodes = {name: node for run in runs for name, node in run.results.nodes.items()}

    def __getitem__(self, name: str) -> Any:
        found = [run.results[name] for run in self._runs if name in run.results]
        if not found:
            raise KeyError(name)
        return [one for given in found for one in (given if isinstance(given, list) else [given])]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for run in self._runs for name in run.results))

    def __contains__(self, name: object) -> bool:
        return any(name in run.results for run in self._runs)

    def __len__(self) -> int:
        return len(list(iter(self)))


def open_run(*paths: str | os.PathLike[str], trust: bool = False) -> StoredRun:
    """A run from its folder in a store; of a store itself the latest run that has ended.

    The runs of shards, in one store or in several, are read as one: see `ShardedRun`. Results that no open format fits
    are pickles. They are read if a run of yours wrote them; others, which could run any code, only with `trust=True`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as store, Pipeline("sums") as pipeline:
    ...     sums = pipeline.map(lambda number: number + 1, Queue(fixed_inputs=[1, 2]))
    ...     report = pipeline.run(store=store).wait()
    ...     run = skorche.open_run(store)
    ...     run.name, run.ok, run.results["<lambda>"]
    ('sums', True, [2, 3])

    Raises:
        SkorcheError: there is no run, or it has not ended; or several paths are not those of one run's shards.
    """
    runs = [StoredRun(folder, trust=trust) for path in paths for folder in _ended_runs(Path(path))]
    if not runs:
        raise SkorcheError("open_run was given no path.", "there is nothing to open.", "give a store.")
    latest = max(runs, key=lambda run: run.ended)
    if latest.shard is not None:
        return ShardedRun([run for run in runs if run.is_sibling(latest)])
    if len(paths) > 1:
        raise SkorcheError(
            f"open_run was given {len(paths)} paths.",
            f"the latest run there, in {latest.path}, is of no shard, so they are not read as one.",
            "open them one by one.",
        )
    return latest


def _ended_runs(folder: Path) -> list[Path]:
    """The run of a folder, or those of a store that have ended, the oldest first."""
    if (folder / REPORT).is_file():
        return [folder]
    if (folder / GRAPH).is_file():
        raise SkorcheError(
            f"the run in {str(folder)!r} has not ended.",
            "it goes on, or its process was killed: its report was never written.",
            f"read {LOG} there; what it was to do is in pipeline.yaml.",
        )
    ended = [one for one in runs_in(folder) if (one / REPORT).is_file()]
    if not ended:
        raise SkorcheError(
            f"there is no run in {str(folder)!r}.",
            "it is neither the folder of a run nor a store with runs that have ended.",
            "give a store, as in run(store=...), or one of the folders in its folder 'runs'.",
        )
    return ended
