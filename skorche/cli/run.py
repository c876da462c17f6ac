"""`skorche run`."""

from __future__ import annotations

import json
import logging
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

from skorche.api import Pipeline
from skorche.cli.arguments import assignment
from skorche.cli.job import find_pipeline, told
from skorche.cli.main import ERROR, FAILED_ITEMS, OK
from skorche.cli.rows import Rows
from skorche.errors import GraphError, QueueClosed, nearest
from skorche.observe.outcome import end_name
from skorche.observe.report import Report
from skorche.run_options import RunOptions


def run(given: Namespace) -> int:
    """Run a pipeline, print the results, and tell the exit code."""
    if not given.quiet:
        logging.basicConfig(format="%(message)s", stream=sys.stderr)
        logging.getLogger("skorche").setLevel(logging.INFO)
    pipeline = find_pipeline(given.file, given.functions)
    _set_workers(pipeline, given.max_workers)
    rows = Rows.of(given.inputs, given.inputs_file)
    rows.check(pipeline)
    options = _options(given)
    results = Lines(pipeline, as_json=given.json)
    try:
        report = _run(pipeline, rows, options)
    except GraphError:
        raise  # it was refused
    except Exception as error:  # noqa: BLE001  (whatever a task raised: it is told, and the exit code says so)
        print(f"error: {told(error)}", file=sys.stderr)
        results.write_of(pipeline, quiet=given.quiet)
        return ERROR
    except BaseException:  # Ctrl-C, say
        results.write_of(pipeline, quiet=given.quiet)
        raise
    results.write_of(pipeline, quiet=given.quiet)
    return OK if report.ok else FAILED_ITEMS


def _run(pipeline: Pipeline, rows: Rows, options: RunOptions) -> Report:
    given = rows.give(pipeline)
    next(given, None)  # before anything runs: it may be refused
    with pipeline.run(**options) as run:
        with suppress(QueueClosed):  # the run has stopped meanwhile, and tells why
            for _ in given:
                pass
        run.close()
        return run.wait()


def _options(given: Namespace) -> RunOptions:
    options: dict[str, Any] = {"progress": not given.quiet}
    for name in ("engine", "on_error", "store", "shard"):
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


def _set_workers(pipeline: Pipeline, given: Iterable[str]) -> None:
    """Change the tasks of nodes, as `task=8` says."""
    for text in given:
        try:
            name, value = assignment(text, "--max-workers")
            workers = int(value)
        except ValueError as error:
            raise GraphError(f"--max-workers was given {text!r}.", str(error), "write TASK=N.") from None
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


class Lines:
    """The results of a run on stdout: a line for each, with the name of its end, or of its queue if that has one."""

    def __init__(self, pipeline: Pipeline, *, as_json: bool) -> None:
        self._as_json = as_json
        producers = pipeline.graph.producers
        ends = [(queue, producers[id(queue)]) for queue in pipeline.graph.ends() if id(queue) in producers]
        self._names = {end_name(node, queue): queue.name or end_name(node, queue) for queue, node in ends}

    def write_of(self, pipeline: Pipeline, *, quiet: bool) -> None:
        """Print what the last run gave, also if it did not come to its end, and unless `quiet` its report."""
        report = pipeline.last_run.report if pipeline.last_run is not None else None
        if report is None:
            return
        self._write(report)
        sys.stdout.flush()
        if not quiet:
            print(report, file=sys.stderr)

    def _write(self, report: Report) -> None:
        """A list gives a line for each of its items."""
        for name, value in chain.from_iterable(
            self._each(self._names.get(end, end), given) for end, given in report.results.items()
        ):
            if self._as_json:
                print(json.dumps({"name": name, "value": value}, default=repr, ensure_ascii=False))
            else:
                print(f"{name}: {value}")

    def _each(self, name: str, given: Any) -> Iterator[tuple[str, Any]]:
        for value in given if isinstance(given, list) else [given]:
            yield name, value
