"""Executors that a run makes for itself: they are made, and seen to their end when they broke."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from threading import Thread

from skorche.call import name_of
from skorche.errors import EngineError, GraphError, shorten

BURIAL_SECONDS = 5.0
"""So long may an executor that broke take to end, before its workers are killed; and again after that."""
LOOK_SECONDS = 0.1


def make_executor(make: Callable[[], Executor]) -> Executor:
    """The executor that this makes.

    Raises:
        GraphError: it makes something else.
    """
    made = make()
    if not hasattr(made, "submit"):
        raise GraphError(
            f"{name_of(make)} was given as an engine, and gave {shorten(made)}.",
            "that is no executor: it has no submit().",
            "have it return one, such as concurrent.futures.ThreadPoolExecutor(4).",
        )
    return made


def end_broken(executor: Executor) -> None:
    """See an executor to its end that has broken.

    The standard library's may have started a worker while it ended the others, and waits for that one for ever.

    Raises:
        EngineError: it does not end.
    """
    children = getattr(executor, "_processes", None) or {}
    ending = Thread(target=executor.shutdown, name="skorche executor end", daemon=True)
    ending.start()
    ending.join(BURIAL_SECONDS)
    end = time.monotonic() + BURIAL_SECONDS
    while ending.is_alive() and time.monotonic() < end:
        for process in [*children.values()]:  # also those that it starts only now
            process.kill()
        ending.join(LOOK_SECONDS)
    if ending.is_alive():
        raise EngineError(
            f"{executor!r} broke, and has not ended within {2 * BURIAL_SECONDS:g} s.",
            "its shutdown() waits for something that does not come.",
            "see what its workers do; engine='process' replaces a worker that dies.",
        )
