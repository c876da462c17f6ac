"""Public help for tests: `drive` an operator on a few items, or `simulate` whole runs on virtual time.

    drive       one operator, on the inline engine
    simulate    a pipeline, on the real scheduler, with random delays, losses and stops: no thread, no real time

A simulation can be repeated from its seed, and checks the promises of a run after every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from skorche.api import Pipeline
from skorche.queue import Queue
from skorche.testing.bounds import BrokenPromise
from skorche.testing.clock import FakeClock
from skorche.testing.simulation import Faults, Simulation, simulate
from skorche.testing.workers import crash

__all__ = ["BrokenPromise", "FakeClock", "Faults", "Simulation", "crash", "drive", "simulate"]


def drive(operator: Callable[..., Any], *inputs: Iterable[Any], **keywords: Any) -> Any:
    """What an operator makes of some items: a list; of several outputs a tuple of lists; of none, None.

    The operator's task or predicate is given by its keyword; several inputs go to an operator that takes several.

    >>> from skorche import batch
    >>> drive(batch, "abcde", batch_size=3)
    [['a', 'b', 'c'], ['d', 'e']]

    Raises:
        Exception: what the operator's run raises.
    """
    first = [keywords.pop(name) for name in ("task", "tasks", "predicate_fn") if name in keywords]
    queues: Any = tuple(Queue(fixed_inputs=list(items)) for items in inputs)
    with Pipeline("drive") as pipeline:
        made = operator(*first, queues[0] if len(queues) == 1 else queues, **keywords)
    pipeline.run(engine="inline").wait()
    if made is None:  # it ends here
        return None
    return tuple(queue.flush() for queue in made) if isinstance(made, tuple) else made.flush()
