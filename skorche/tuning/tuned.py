"""What tuning has found, in a file that another run can begin with."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skorche.compile.plan import Plan
from skorche.errors import GraphError, nearest, text_of
from skorche.file import atomic

WHAT = "workers"


def read_tuned(path: str | os.PathLike[str], plan: Plan) -> dict[str, int]:
    """The workers of the tasks of this plan, by name.

    Raises:
        GraphError: the file cannot be read, is no such file, or is of another pipeline.
    """
    try:
        found: Any = json.loads(Path(path).read_text(encoding="utf-8"))
        workers = found[WHAT]
        fine = isinstance(workers, dict) and all(type(count) is int and count > 0 for count in workers.values())
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _unfit(path, f"it cannot be read: {text_of(error)}") from error
    if not fine:
        raise _unfit(path, "it has no whole numbers of workers above 0, by the names of tasks")
    names = [stage.names[0] for stage in plan.tasks]
    for name in workers:
        if name not in names:
            raise _unfit(path, f"it tells of {name!r}, and there is no task of that name", nearest(name, names))
    return dict(workers)


def write_tuned(path: str | os.PathLike[str], pipeline: str, workers: Mapping[str, int]) -> None:
    """Keep the workers of the tasks.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic(path) as temporary:
        Path(temporary).write_text(json.dumps({"pipeline": pipeline, WHAT: dict(workers)}, indent=2) + "\n", "utf-8")


def with_workers(plan: Plan, workers: Mapping[str, int]) -> Plan:
    """The plan with these workers."""
    stages = [stage._replace(workers=workers.get(stage.names[0], stage.workers)) for stage in plan.stages]
    return plan._replace(stages=tuple(stages))


def _unfit(path: str | os.PathLike[str], why: str, guess: str = "") -> GraphError:
    return GraphError(
        f"run() was given tuning={os.fspath(path)!r}, which does not fit.",
        f"{why}.",
        f"{guess}give a file that run(workers='auto', tuning=...) of this pipeline has written, or remove it.",
    )
