"""Kernels that only call a function with each item: what `Kernel.run` does, in a third of the time around the calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter, thread_time
from typing import Any, Protocol, cast

from skorche.cut import Cut
from skorche.errors import trimmed
from skorche.expansion import Portion
from skorche.kernel import Item, Kernel, Outcome, Path, Paths, Record, StepCount, Trouble
from skorche.reserve import RESERVE

Runner = Callable[[Sequence[Item], int, Portion | None], Outcome]
"""Takes items, the step at which they enter, and how much may come of them at once."""


class PerItem(Protocol):
    """Work of which all that comes is what a function gives for each item."""

    @property
    def each(self) -> Callable[[Item], Any]: ...


def each_of(kernel: Kernel) -> Callable[[Item], Any] | None:
    """The function that is called with each item, where that is all: what it gives leaves by the only port."""
    (work, branches), *others = kernel.steps
    if others or branches != (~0,) or not hasattr(type(work), "each"):
        return None  # the class is asked: a step that wraps another may pass on all that it has
    return cast("PerItem", work).each


def runner_of(kernel: Kernel, cut: Cut | None = None) -> Runner:
    """What runs items through the steps where nobody need see which one it is on. A worker asks once."""
    call = each_of(kernel)
    if call is None:
        return lambda items, entry, portion: kernel.run(items, entry=entry, portion=portion, cut=cut)
    return Each(call, Cut() if cut is None else cut).run


class Each:
    """The function, and what has to be known of its calls."""

    def __init__(self, call: Callable[[Item], Any], cut: Cut) -> None:
        self._call, self._cut = call, cut

    def run(self, items: Sequence[Item], entry: int, portion: Portion | None) -> Outcome:
        """What became of the items; a kernel with one step is entered there, and gives all it has at once."""
        results: list[Any] = []
        failed: list[tuple[int, BaseException]] = []
        count = len(items)
        paths: Paths = range(count)
        troubles: list[Trouble] = []
        cpu, wall = thread_time(), perf_counter()
        cut = self._cut
        cut.items = iterator = iter(items)
        calls = map(self._call, iterator)
        try:
            results.extend(calls)
        except BaseException as error:  # noqa: BLE001  (as in `Record.apply`)
            if type(error) is MemoryError:
                RESERVE.clear()
            failed.append((len(results), trimmed(error)))
        left: Paths = ()
        if len(results) < count:
            if not (failed or cut.was_made(iterator)):
                failed = [(len(results), StopIteration())]  # which map took for the end
            record = Record(None, None, cut)
            _, _, paths = record.go_on(results, partial(results.extend, calls), failed, items, paths, iterator)
            troubles, left = record.troubles, record.left
            count -= len(left)
        cut.items = None
        passed = len(results)
        seconds = perf_counter() - wall
        counted = StepCount(count, passed, passed, 0, 0, seconds, thread_time() - cpu, 0, 0)
        return Outcome([(results, paths)], [counted], troubles, [], (), None, left)


def failed_last(
    results: list[Any], done: Paths, item: Item, path: Path, error: BaseException, seconds: float, cpu: float
) -> Outcome:
    """What became of items of a kernel that calls a function with `each`: there were results, then one failed."""
    record, count = Record(None, None), len(results)
    record.fail(path, item, trimmed(error))
    counted = StepCount(count + 1, count, count, seconds=seconds, cpu_seconds=cpu)
    return Outcome([(results, done)], [counted], record.troubles, [], [])
