"""The folder of a run in a store, written as the run goes.

runs/<name>_<time>/
    pipeline.yaml   the graph, to be loaded again; where it cannot be, why
    graph.json      the names of its nodes, and what leads to what
    log.txt         what was logged meanwhile
    results/        what the ends gave, in open formats where possible
    failures/       the items that failed, in the same formats
    job.json        what the command line was given, if that has run it
    summary.txt     a line for each task: name, arguments, phase, status, result
    graph.svg       the picture, coloured by what became of each node
    status.html     the status page: how busy each task was, what failed, what limited the run
    report.txt      the report, as it prints
    report.json     the same for programs; written last, so a run without it did not end
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from skorche.errors import GraphError, SkorcheError, StoreError
from skorche.events import RunFinished, View
from skorche.graph import Graph
from skorche.log import complain, say
from skorche.observe.account import Account
from skorche.observe.arguments import arguments_text
from skorche.observe.picture import picture_of, plain_picture
from skorche.observe.report import Report
from skorche.observe.svg import svg_of
from skorche.shard import Shard
from skorche.store import PRIVATE, Store, private, slug, write_whole
from skorche.stored.values import write_value

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
HEADINGS = ("name", "arguments", "phase", "status", "result")
GRAPH, REPORT, LOG, SUMMARY, RESULTS = "graph.json", "report.json", "log.txt", "summary.txt", "results"
REPORT_TEXT, PIPELINE = "report.txt", "pipeline.yaml"
FAILURES, JOB, PAGE = "failures", "job.json", "status.html"
SHOWN_CHANGES = 10
MOST_FAILURES = 1000
"""Items that failed and are kept: to be replayed."""


class RunFolder:
    """Watches a run and keeps what there is to know of it; see `runtime.observers.Observer`."""

    def __init__(self, path: Path, graph: Graph, account: Account) -> None:
        self.path, self._graph, self._shape, self._make_report = path, graph, account.shape, account
        self._begun = False

    def start(self, view: View) -> None:
        """The run begins."""
        self._begun = True
        self._log = _Log(self.path / LOG)
        self._log.note(f"{self._graph.name} begins")
        logging.getLogger().addHandler(self._log)

    def discard(self) -> None:
        """Leave nothing of a run that could not begin."""
        if not self._begun:
            shutil.rmtree(self.path)

    def stop(self, record: RunFinished) -> None:
        """The run has ended: write it all down. What cannot be written is told, and the rest is written."""
        try:
            report = self._make_report(record)
            self._write_all(report)
            self._log.note("; ".join([report.headline, *report.ended_by]))
        finally:
            logging.getLogger().removeHandler(self._log)
            self._log.close()

    def _write_all(self, report: Report) -> None:
        files = self._write_results(report)
        self._attempt("graph.svg", partial(self._draw, report))
        self._attempt(PAGE, lambda: self.write(PAGE, report.to_html()))
        named = dict(report.results.nodes)
        whole: dict[str, Any] = {"report": report.to_dict(), "arguments": self.arguments, "results": files}
        whole |= {"outputs": named, "items": self._write_items(report)}
        whole["picture"] = plain_picture(report.sketch.picture)
        texts = {
            SUMMARY: summary_text(self._rows(report, files)),
            REPORT_TEXT: f"{report}\n",
            REPORT: json.dumps(whole, indent=1, default=str) + "\n",
        }
        for name, text in texts.items():
            self._attempt(name, partial(self.write, name, text))

    def _draw(self, report: Report) -> None:
        """Without the program `dot`: no run takes longer for its picture."""
        self.write("graph.svg", svg_of(picture_of(self._graph, status=report)))

    @property
    def arguments(self) -> dict[str, str]:
        """What each task is called with, by name."""
        producers = self._shape.producers()
        return {node.name: arguments_text(node, producers) for node in self._shape.nodes if node.task is not None}

    def _rows(self, report: Report, files: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
        given = {name: entry["file"] for name, entry in files.items()}
        return [
            (name, text, str(report.phases[name]), report.status[name], given.get(name, "-"))
            for name, text in self.arguments.items()
        ]

    def _write_results(self, report: Report) -> dict[str, dict[str, Any]]:
        """The files of the results, by the names these go by."""
        folder = self.path / RESULTS
        folder.mkdir(mode=PRIVATE)
        files: dict[str, dict[str, Any]] = {}
        stems: set[str] = set()
        for name, value in report.results.items():
            stem = next(one for one in _stems(slug(name)) if one not in stems)
            stems.add(stem)
            try:
                stored = write_value(folder, stem, value)
            except (SkorcheError, OSError) as error:
                say("the results of %s could not be stored: %s", name, error, level=logging.ERROR)
            else:
                files[name] = stored._replace(file=f"{RESULTS}/{stored.file}")._asdict()
        return files

    def _write_items(self, report: Report) -> list[dict[str, Any] | None]:
        """The files of the items that failed, in the order of the failures; None for one that cannot be written."""
        folder = self.path / FAILURES
        if report.failures:
            folder.mkdir(mode=PRIVATE)
        items: list[dict[str, Any] | None] = []
        for number, failure in enumerate(report.failures[:MOST_FAILURES]):
            try:
                stored = write_value(folder, str(number), failure.item)
            except (SkorcheError, OSError):
                items.append(None)
            else:
                items.append(stored._replace(file=f"{FAILURES}/{stored.file}")._asdict())
        return items

    def write(self, name: str, text: str) -> None:
        """Write a file of the folder."""
        write_whole(self.path / name, text.encode(errors="backslashreplace"))

    def _attempt(self, what: str, write: Callable[[], Any]) -> None:
        try:
            write()
        except Exception:  # noqa: BLE001  (a repr of the user's, say: the rest is written all the same)
            complain(f"{what} could not be written")


def summary_text(rows: Sequence[tuple[str, ...]]) -> str:
    """The rows below their headings, in columns.

    >>> print(summary_text([("alpha", "3", "0", "ok", "-")]), end="")
    name   arguments  phase  status  result
    alpha  3          0      ok      -
    """
    lines = [HEADINGS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    texts = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "".join(f"{text.rstrip()}\n" for text in texts)


# -- the beginning ----------------------------------------------------------------------------------------------------


def begin_folder(
    store: Store, graph: Graph, account: Account, to_yaml: Callable[[], str], *, same_graph: bool, shard: Shard | None
) -> RunFolder:
    """The folder of a run that is about to begin. `same_graph`: refuse if the last run here was of another graph.

    Raises:
        StoreError: the store cannot be written to, or its last run had other names or edges.
    """
    shape = account.shape
    content = {"name": graph.name, "nodes": [node.name for node in shape.nodes], "edges": shape.edges()}
    known = json.loads(json.dumps(content))
    last = runs_in(store.path)[-1:]
    if same_graph and last:
        _check_same(known, json.loads((last[0] / GRAPH).read_text(encoding="utf-8")), last[0])
    path = _new_folder(store, graph.name, "" if shard is None else f"_shard_{slug(str(shard))}")
    folder = RunFolder(path, graph, account)
    folder.write(GRAPH, json.dumps(known, indent=1) + "\n")
    folder.write(PIPELINE, _yaml(to_yaml))
    account.folder = str(path)
    return folder


def _yaml(to_yaml: Callable[[], str]) -> str:
    """The pipeline as YAML; if it cannot be written so, why, in comments."""
    try:
        return to_yaml()
    except GraphError as error:
        return "".join(f"# {line}\n" for line in ["This pipeline is not written down.", *str(error).splitlines()])


def runs_in(store: Path) -> list[Path]:
    """The folders of the runs in a store, the oldest first."""
    folders = [one.parent for one in (store / "runs").glob(f"*/{GRAPH}")]
    return sorted(folders, key=lambda folder: ((folder / GRAPH).stat().st_mtime_ns, folder.name))


def _check_same(now: dict[str, Any], before: dict[str, Any], folder: Path) -> None:
    changes = [f"new here: {what}" for what in _missing(now, before)]
    changes += [f"only there: {what}" for what in _missing(before, now)]
    if changes:
        raise StoreError(
            f"the last run in this store was of another graph: {'; '.join(changes[:SHOWN_CHANGES])}.",
            f"same_graph=True keeps runs of other names or edges apart; that run is in {folder}.",
            "give this pipeline a store of its own, or leave same_graph out.",
        )


def _missing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The nodes and edges of one graph that are none of the other."""
    nodes = [name for name in one["nodes"] if name not in other["nodes"]]
    return nodes + [" -> ".join(edge) for edge in one["edges"] if edge not in other["edges"]]


def _stems(stem: str) -> Iterator[str]:
    """Names for a file: the stem, and if it is taken the same with a number."""
    yield stem
    yield from (f"{stem}_{number}" for number in count(2))


def _new_folder(store: Store, name: str, ending: str) -> Path:
    stem = f"{slug(name)}_{time.strftime('%Y-%m-%d_%H-%M-%S')}{ending}"
    for one in _stems(stem):
        path = store.inside("runs", one)
        try:
            path.mkdir(mode=PRIVATE)
        except FileExistsError:
            continue
        except OSError as error:
            raise StoreError(
                f"the folder of the run cannot be made: {error}",
                "what is known of the run could not be kept.",
                "make room there, or give run(store=...) another folder.",
            ) from error
        return path
    raise AssertionError("numbers do not end")


class _Log(logging.Handler):
    """Writes what is logged to a file, and keeps nothing from where it would have gone without this handler."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(LOG_FORMAT))
        self._file = open(  # noqa: SIM115  (close() does)
            path, "a", encoding="utf-8", errors="backslashreplace", opener=private
        )

    def note(self, text: str) -> None:
        """Write a line of our own, which goes nowhere else."""
        record = logging.LogRecord("skorche", logging.INFO, __file__, 0, text, None, None)
        self._file.write(self.format(record) + "\n")

    def emit(self, record: logging.LogRecord) -> None:
        """Write it down. Where nobody else listens, Python's last resort is to print warnings: it still is."""
        try:
            self._file.write(self.format(record) + "\n")
            self._file.flush()
        except Exception:  # noqa: BLE001  (as all handlers do)
            self.handleError(record)
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and self._listens_alone(record.name):
            last.handle(record)

    def _listens_alone(self, name: str) -> bool:
        """Whether but for such handlers, of which this is the first, nobody hears that logger."""
        logger: logging.Logger | None = logging.getLogger(name)
        hearing: list[logging.Handler] = []
        while logger is not None:
            hearing += logger.handlers
            logger = logger.parent if logger.propagate else None
        return all(isinstance(one, _Log) for one in hearing) and hearing[0] is self

    def close(self) -> None:
        """The file is whole."""
        self._file.close()
        super().close()
