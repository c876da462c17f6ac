"""`skorche replay`."""

from __future__ import annotations

import sys
from argparse import Namespace

from skorche.cli.job import JobError, find_pipeline, frames_of_user
from skorche.cli.main import ERROR, OK
from skorche.errors import nearest, shorten
from skorche.observe.replay import replay as run_again
from skorche.stored.stored_run import StoredRun, open_run


def replay(given: Namespace) -> int:
    """Run the item of a failure again, alone and in this process; with --pdb stop where it fails."""
    run = open_run(given.run)
    file, functions = _job_of(run, given)
    pipeline = find_pipeline(file, functions)
    item = run.item(given.number)
    failed = run.failures[given.number]["node"]
    nodes = {node.name: node for node in pipeline.graph.nodes}
    if failed not in nodes:
        raise JobError(
            f"{file} has no task {failed!r}.",
            f"it has {', '.join(nodes)}: it is another one than what has run, or was edited since.",
            f"{nearest(failed, nodes)}Otherwise give the file it was with --file.",
        )
    print(f"{failed} on {shorten(item)}", file=sys.stderr)
    try:
        result = run_again(item, nodes[failed])
    except Exception as error:  # noqa: BLE001  (whatever the task raises: it is what is looked for)
        print(frames_of_user(error), file=sys.stderr)
        if given.pdb:
            import pdb

            pdb.post_mortem(error.__traceback__)
        return ERROR
    print(f"{failed}: {result}")
    return OK


def _job_of(run: StoredRun, given: Namespace) -> tuple[str, list[str]]:
    """The file of the pipeline, and where its functions are: as given, else as the run was started."""
    if given.file is not None:
        return given.file, given.functions
    job = run.job
    if job is None:
        raise JobError(
            f"{run.path} does not tell where its pipeline is.",
            "it was not run by `skorche run`.",
            "name the file with --file job.py, and with --functions what a spec needs.",
        )
    sys.path.insert(0, job["folder"])
    name = f":{job['name']}" if job["name"] else ""
    return f"{job['file']}{name}", given.functions or job["functions"]
