"""A task that runs a pipeline of its own. It stands apart so that a worker need not import pytest."""

from engines.tasks import double

import skorche


def sum_of_doubles(engine: str, numbers: list[int]) -> int:
    """The sum of what an inner run on this engine gives."""
    with skorche.Pipeline("inner") as pipeline:
        out = skorche.map(skorche.task(engine=engine, max_workers=2)(double), skorche.Queue(fixed_inputs=numbers))
    pipeline.run(progress=False).wait()
    return sum(out.flush())
