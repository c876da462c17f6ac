"""`skorche check`."""

from __future__ import annotations

from argparse import Namespace

from skorche.cli.job import find_pipeline
from skorche.cli.main import FAILED_ITEMS, OK
from skorche.cli.rows import Rows
from skorche.errors import GraphError


def check(given: Namespace) -> int:
    """Say what a run would do; with a sample, how long it would take and what goes over each edge."""
    pipeline = find_pipeline(given.file, given.functions)
    if given.sample is not None and given.sample < 1:
        raise GraphError(f"--sample was given {given.sample}.", "there is nothing to measure.", "give 1 or more.")
    rows = Rows.of(given.inputs, given.inputs_file)
    if given.sample is not None or rows.given:
        rows.check(pipeline)
    print(pipeline.explain(engine=given.engine, keys=given.keys))
    if given.sample is None:
        return OK
    from skorche.cli.sample import take_sample

    sample = take_sample(pipeline, rows, given.sample)
    print(sample.text)
    return OK if sample.report.ok else FAILED_ITEMS
