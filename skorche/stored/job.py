"""What the command line was given for a run, kept in the folder of the run, so that an item can be replayed.

It names files that a replay would run, so it is signed, and read only if we wrote it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from skorche.errors import StoreError, shorten, text_of
from skorche.store import write_whole
from skorche.stored.run_folder import JOB
from skorche.stored.values import is_ours, sign


def write_job(folder: Path, job: dict[str, Any]) -> None:
    """Keep it in the folder of a run.

    Raises:
        OSError: the file cannot be written.
    """
    write_whole(folder / JOB, json.dumps(job | {"seal": sign(JOB, _signed(job))}, indent=1).encode())


def read_job(folder: Path, *, trust: bool) -> dict[str, Any] | None:
    """What was kept; None if nothing was.

    Raises:
        StoreError: this user's runs have not written it, and it is not to be trusted; or it is damaged.
    """
    path = folder / JOB
    if not path.is_file():
        return None
    try:
        job: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        seal = job.pop("seal", "")
        file = job["file"]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path} is damaged: {text_of(error)}", "it is not what a run has written.", "name the file with --file."
        ) from error
    if not trust and not is_ours(JOB, _signed(job), seal):
        raise StoreError(
            f"{path} was not written by a run of yours, or it was changed since.",
            f"it names {shorten(file)} as the file of the pipeline, which would be run.",
            "look at that file first, and name it with --file.",
        )
    return job


def _signed(job: dict[str, Any]) -> bytes:
    return json.dumps(job, sort_keys=True).encode()
