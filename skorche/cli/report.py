"""`skorche report`."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import Any

from skorche.cli.job import told
from skorche.cli.main import FAILED_ITEMS, OK
from skorche.cli.plain import json_line
from skorche.errors import shorten
from skorche.store import slug
from skorche.stored.stored_run import StoredRun, open_run

LONGEST_RESULT = 200


def report(given: Namespace) -> int:
    """Tell of a run that was kept: its table, its failures, its results."""
    sys.path.insert(0, os.getcwd())  # where results may find the classes of the job that made them
    run = open_run(*given.run)
    if given.html is not None:
        _write_page(run, given.html)
        return OK if run.ok else FAILED_ITEMS
    results = {name: _read(run, name) for name in run.results}
    if given.json:
        whole = run.to_dict() | {"arguments": run.arguments, "results": results}
        print(json_line(whole))
        return OK if run.ok else FAILED_ITEMS
    print(run)
    print(f"\n{run.summary}")
    queues = {node: queue for queue, node in run.results.nodes.items()}
    for name, value in results.items():
        print(f"{queues.get(name, name)}: {value if isinstance(value, Unreadable) else shorten(value, LONGEST_RESULT)}")
    print(f"from {run.path}")
    return OK if run.ok else FAILED_ITEMS


def _write_page(run: StoredRun, file: str) -> None:
    """Write the status page, and say where it is; or print it."""
    if file == "-":
        print(run.to_html(), end="")
        return
    path = run.save_page(file or f"{slug(run.name)}.html")
    print(f"the status page: {path}", file=sys.stderr)


class Unreadable(str):
    """Why a result cannot be read."""

    __slots__ = ()


def _read(run: StoredRun, name: str) -> Any:
    try:
        return run.results[name]
    except Exception as error:  # noqa: BLE001  (a class that is not found, say: the rest is told all the same)
        return Unreadable(f"it cannot be read: {told(error)}")
