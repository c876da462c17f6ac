"""`skorche report`."""

from __future__ import annotations

import json
from argparse import Namespace

from skorche.cli.main import FAILED_ITEMS, OK
from skorche.errors import shorten
from skorche.stored.stored_run import open_run

LONGEST_RESULT = 200


def report(given: Namespace) -> int:
    """Tell of a run that was kept: its table, its failures, its results."""
    run = open_run(*given.run)
    if given.json:
        results = dict(run.results)
        print(json.dumps(run.to_dict() | {"arguments": run.arguments, "results": results}, default=repr, indent=1))
        return OK if run.ok else FAILED_ITEMS
    print(run)
    print(f"\n{run.summary}", end="")
    for name, value in run.results.items():
        print(f"\n{name}: {shorten(value, LONGEST_RESULT)}", end="")
    print(f"\nfrom {run.path}")
    return OK if run.ok else FAILED_ITEMS
