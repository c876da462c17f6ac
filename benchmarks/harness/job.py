"""A pipeline from its declaration to its results, as a user would write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import skorche


def results_of(declare: Callable[[], Sequence[skorche.Queue[Any]]]) -> list[list[Any]]:
    """Declare, run, wait, and flush: the results of each end, in input order. All of it is part of the price."""
    with skorche.Pipeline() as pipeline:
        ends = declare()
    pipeline.run().wait()
    return [end.flush() for end in ends]
