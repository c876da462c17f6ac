"""Runs of one task, as most tests of engines need."""

from collections.abc import Callable, Iterable
from typing import Any

import skorche


def mapping(function: Callable[[Any], Any], items: Iterable[Any], **options: Any) -> tuple[skorche.Pipeline, Any]:
    """A pipeline of one task with these options, and its output."""
    with skorche.Pipeline("engines") as pipeline:
        out = skorche.map(skorche.task(**options)(function), skorche.Queue(fixed_inputs=items))
    return pipeline, out


def collect(function: Callable[[Any], Any], items: Iterable[Any], **options: Any) -> tuple[skorche.Report, list[Any]]:
    """The report and the results of a run that lists its failures."""
    pipeline, out = mapping(function, items, **options)
    report = pipeline.run(on_error="collect").wait()
    return report, out.flush()
