"""`skorche run`."""

from __future__ import annotations

import logging
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skorche.api import Pipeline
from skorche.cli.job import find_pipeline, told
from skorche.cli.lines import Lines
from skorche.cli.main import ERROR, FAILED_ITEMS, OK
from skorche.cli.rows import Rows
from skorche.errors import GraphError, QueueClosed, nearest
from skorche.observe.report import Report
from skorche.stored.job import write_job

if TYPE_CHECKING:
    from skorche.run_options import RunOptions


def run(given: Namespace) -> int:
    """Run a pipeline, print the results, and tell the exit code."""
    if not given.quiet:
        logging.basicConfig(format="%(message)s", stream=sys.stderr)
        logging.getLogger("skorche").setLevel(logging.INFO)
    pipeline = find_pipeline(given.file, given.functions)
    budget = _set_workers(pipeline, given.max_workers)
    rows = Rows.of(given.inputs, given.inputs_file)
    rows.check(pipeline)
    job = _Job(pipeline, rows, Lines(pipeline, as_json=given.json, as_they_come=given.stream), given)
    before = pipeline.last_run  # one that importing the file has run, say
    try:
        report = job.run(_options(given, budget))
    except Exception as error:
        if pipeline.last_run is before or isinstance(error, BrokenPipeError):
            raise  # it was refused, or nobody wants to know
        print(f"error: {told(error)}", file=sys.stderr)
        job.tell()
        return ERROR
    except BaseException:  # Ctrl-C, say
        job.tell()
        raise
    job.tell()
    if job.bad_rows and given.on_error != "collect":
        return ERROR
    return OK if report.ok and not job.bad_rows else FAILED_ITEMS


class _Job:
    """A run of the command line."""

    def __init__(self, pipeline: Pipeline, rows: Rows, lines: Lines, given: Namespace) -> None:
        self._pipeline, self._rows, self._lines = pipeline, rows, lines
        self._quiet, self._goes_on = given.quiet, given.on_error == "collect"
        self._file, self._functions = given.file, given.functions
        self.bad_rows = 0

    def run(self, options: RunOptions) -> Report:
        """Give it its rows, and wait."""
        outcomes = self._rows.give(self._pipeline)
        if (refused := next(outcomes, None)) is not None:
            raise refused  # before anything runs
        with self._pipeline.run(**options) as run, self._lines.following(run):
            with suppress(QueueClosed):  # the run has stopped meanwhile, and tells why
                self._give(outcomes)
            run.close()
            return run.wait()

    def _give(self, outcomes: Iterator[GraphError | None]) -> None:
        """The rest of the rows. A bad one is told; what was given before it is done all the same."""
        for bad in outcomes:
            if bad is not None:
                self.bad_rows += 1
                print(f"error: {told(bad)}", file=sys.stderr)
                if not self._goes_on:
                    return

    def _keep(self, report: Report) -> None:
        """Note in the folder of the run how it was run: to replay it."""
        if report.folder:
            place, _, name = self._file.rpartition(":") if ":" in self._file else (self._file, "", "")
            job = {"file": _absolute(place), "name": name, "functions": [_absolute(one) for one in self._functions]}
            write_job(Path(report.folder), job | {"folder": os.getcwd()})

    def tell(self) -> None:
        """Print what the run gave, also if it did not come to its end, and its report."""
        run = self._pipeline.last_run
        if run is None or run.report is None:
            return
        self._keep(run.report)
        self._lines.write(run.report)
        if not self._quiet:
            print(run.report, file=sys.stderr)


def _absolute(named: str) -> str:
    """A file by its whole path; a module as it is."""
    return os.path.abspath(named) if Path(named).is_file() else named


def _options(given: Namespace, budget: int | None) -> RunOptions:
    options: dict[str, Any] = {"progress": not given.quiet, "max_workers": budget}
    for name in ("engine", "on_error", "store", "shard", "page", "trace", "workers", "memory", "tuning"):
        if getattr(given, name) is not None:
            options[name] = getattr(given, name)
    for name in ("same_graph", "force"):
        if getattr(given, name):
            options[name] = True
    if given.max_failures is not None:
        options["max_failures"] = _number(given.max_failures)
    return options  # type: ignore[return-value]  # the parser has let nothing else through


def _number(text: str) -> float:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        mend = "give --max-failures 10, or 0.05 for one item in twenty."
        raise GraphError(f"--max-failures was given {text!r}.", "it is no number.", mend) from None


def _set_workers(pipeline: Pipeline, given: Iterable[str]) -> int | None:
    """Change the tasks of nodes, as `task=8` says; gives the number that was given for all together, if one was."""
    budget = None
    for text in given:
        name, _, value = text.rpartition("=")
        if not value.isdecimal() or not int(value):
            why = "it is the name of a task, and how many items it works on at a time; or a number for all together."
            raise GraphError(f"--max-workers was given {text!r}.", why, "write TASK=N or N, with 1 or more for N.")
        workers = int(value)
        if not name:
            budget = workers
            continue
        graph = pipeline.graph
        nodes = [node for node in graph.nodes if node.task is not None and name in (node.name, node.task.name)]
        if not nodes:
            names = [node.name for node in graph.nodes if node.task is not None]
            raise GraphError(
                f"--max-workers was given {text!r}, and there is no task {name!r}.",
                f"the tasks are {', '.join(names) or 'none'}.",
                f"{nearest(name, names)}Otherwise leave it out.",
            )
        for node in nodes:
            assert node.task is not None
            graph.replace(node, node._replace(task=node.task.options(max_workers=workers)))
    return budget
