"""`open_run`: a run that was kept in a store, to be looked at again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from skorche.errors import SkorcheError
from skorche.stored.run_folder import GRAPH, LOG, REPORT, REPORT_TEXT, SUMMARY, runs_in
from skorche.stored.values import Stored, read_value


class StoredRun:
    """What is known of a run that was kept in a store: what its report said, and the results.

    `ok`, `status`, `phases`, `failures` and `nodes` are as in `Report`, in plain values; `arguments` are those of the
    tasks, as text. `results` reads a result when it is asked for. `print(run)` shows the report.
    """

    def __init__(self, path: Path, *, trust: bool = False) -> None:
        self.path = path
        self._whole: dict[str, Any] = json.loads((path / REPORT).read_text(encoding="utf-8"))
        report = self._whole["report"]
        self.name: str = report["name"]
        self.ok: bool = report["ok"]
        self.status: dict[str, str] = report["status"]
        self.phases: dict[str, int] = report["phases"]
        self.failures: list[dict[str, Any]] = report["failures"]
        self.nodes: dict[str, dict[str, Any]] = report["nodes"]
        self.arguments: dict[str, str] = self._whole["arguments"]
        files = {name: Stored(**entry) for name, entry in self._whole["results"].items()}
        self.results = StoredResults(path, files, trust=trust)

    def to_dict(self) -> dict[str, Any]:
        """The report in plain values, as `Report.to_dict` gave it."""
        return dict(self._whole["report"])

    @property
    def summary(self) -> str:
        """A line for each task: name, arguments, phase, status, result."""
        return self._text(SUMMARY)

    @property
    def log(self) -> str:
        """What was logged during the run."""
        return self._text(LOG)

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


class StoredResults(Mapping[str, Any]):
    """Results by name, read from their files when they are asked for."""

    def __init__(self, folder: Path, files: Mapping[str, Stored], *, trust: bool) -> None:
        self._folder, self._files, self._trust = folder, files, trust

    def __getitem__(self, name: str) -> Any:
        return read_value(self._folder, self._files[name], trust=self._trust)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def open_run(path: str | os.PathLike[str], *, trust: bool = False) -> StoredRun:
    """A run from its folder in a store; of a store itself the latest run that has ended.

    Results that no open format fits are pickles. They are read if a run of yours wrote them; others, which could run
    any code, only with `trust=True`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as store, Pipeline("sums") as pipeline:
    ...     sums = pipeline.map(lambda number: number + 1, Queue(fixed_inputs=[1, 2]))
    ...     report = pipeline.run(store=store).wait()
    ...     run = skorche.open_run(store)
    ...     run.name, run.ok, run.results["<lambda>"]
    ('sums', True, [2, 3])

    Raises:
        SkorcheError: there is no run, or it has not ended.
    """
    folder = Path(path)
    if (folder / REPORT).is_file():
        return StoredRun(folder, trust=trust)
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
    return StoredRun(ended[-1], trust=trust)
