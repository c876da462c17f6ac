"""The engines that all must pass the same suite."""

import asyncio
import functools
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any, NamedTuple

import loky

from . import tasks

WORKERS = 4
BLOCKING = (tasks.meet, tasks.pause, tasks.work_a_while)


class Choice(NamedTuple):
    """An engine as `run(engine=...)` takes it. `borders`: items and results are pickled on their way.

    `is_async`: the suite's functions become coroutines there; see `form`.
    """

    name: str
    engine: Any
    borders: bool = False
    is_async: bool = False

    def form(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The function as this engine is given it."""
        return as_async(function) if self.is_async else function


def as_async(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A coroutine function that does the same: in a thread if it blocks, else after others had their turn."""

    @functools.wraps(function)
    async def call(item: Any) -> Any:
        if function in BLOCKING:
            return await asyncio.to_thread(function, item)
        await asyncio.sleep(0)
        return function(item)

    return call


def four_threads() -> Executor:
    """A factory, as users write it."""
    return ThreadPoolExecutor(WORKERS)


def spawned_processes() -> Executor:
    """The standard library's pool. Two processes: each takes a third of a second to start."""
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


def loky_processes() -> Executor:
    """An executor of loky's that is nobody else's."""
    return loky.ProcessPoolExecutor(2)


FACTORIES: dict[str, Callable[[], Executor]] = {
    "thread pool factory": four_threads,
    "process pool factory": spawned_processes,
    "loky factory": loky_processes,
}
NAMES = ("inline", "thread", "process", "async", "async inline", "mpi", "thread pool", *FACTORIES)
BORDERS = frozenset({"process", "process pool factory", "loky factory"})


@contextmanager
def choose(name: str) -> Iterator[Choice]:
    """The engine of that name, for as long as a test goes on."""
    if name == "thread pool":
        with ThreadPoolExecutor(WORKERS) as pool:
            all_there = Barrier(WORKERS)  # a pool starts its threads one by one: a census must not see it grow
            list(pool.map(lambda _: all_there.wait(), range(WORKERS)))
            yield Choice(name, pool)
    elif name in ("async", "async inline"):
        yield Choice(name, name.removeprefix("async "), is_async=True)
    else:
        yield Choice(name, FACTORIES.get(name, name), name in BORDERS)
