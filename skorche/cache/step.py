"""The step of a cached task: it looks for the result of each item before it calls the task, and keeps what that gives.

item ──▶ key ──▶ found? ──yes──▶ result                 for async tasks the same, around what is awaited
                   └────no───▶ task ──▶ kept ──▶ result
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from skorche.cache.results import GROUP_SECONDS, NOTHING, Results, Shelf
from skorche.call import Awaiting, Ends, PerWorkerCall, open_call, portable
from skorche.kernel import Paths, Record, Work


class Callers(Work, Protocol):
    """A step that calls one function for each item; `gives_many` tells that what that gives are several items."""

    function: Callable[..., Any]
    gives_many: bool

    def calling(self, function: Callable[..., Any]) -> Callers:
        """The same step with another function."""
        ...


class Caching:
    """A step whose results are kept on a shelf. As long as nobody has opened it, it works as if nothing was kept."""

    def __init__(self, work: Callers, shelf: Shelf) -> None:
        self._work, self._shelf = work, shelf
        self._awaited = work.calling(_Unwrapping(work.function)) if isinstance(work.function, Awaiting) else None

    @property
    def awaiting(self) -> Awaiting | None:
        """The function that an event loop awaits for each item, if it is async."""
        function = self._work.function
        if not isinstance(function, Awaiting):
            return None
        return Awaiting(_Fetching(function.function, self._shelf, self._work.gives_many))

    def opened(self, ends: Ends) -> Work:
        """The step for one worker."""
        awaiting = self.awaiting
        if awaiting is not None:
            call = _Unwrapping(open_call(awaiting, ends))
            return _Opened(self._work.calling(call), call, None)
        results = Results(self._shelf)
        ends.append(results.close)
        function = open_call(self._work.function, ends)
        found = _Remembering(function, results, self._work.gives_many)
        return _Opened(self._work.calling(found), results, results)

    def run(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        """Where it is not opened, an event loop has looked for the results, and awaited what was not found."""
        if self._awaited is None:
            return self._work.run(items, paths, record)
        return _Opened(self._awaited, self._awaited.function, None).run(items, paths, record)


class _Opened:
    """The step of one worker: it counts what was found, and writes what it made before it hands that on."""

    def __init__(self, work: Callers, counter: Any, results: Results | None) -> None:
        self._work, self._counter, self._results = work, counter, results

    def run(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        before = self._counter.hits
        if self._results is None:
            made = self._work.run(items, paths, record)
        else:
            with self._results.together():
                made = self._work.run(items, paths, record)
            self._results.flush()
        record.cached = self._counter.hits - before
        return made


class _Remembering:
    """Calls a function for items whose results are not found."""

    def __init__(self, function: Callable[..., Any], results: Results, many: bool) -> None:
        self._function, self._results, self._many = function, results, many

    def __call__(self, item: Any) -> Any:
        sought = self._results.look_at(item)
        if sought is None:
            return self._function(item)
        found = self._results.find(sought)
        if found is not NOTHING:
            return found
        made = _all_of(self._function(item)) if self._many else self._function(item)
        self._results.keep(sought, made)
        return made


class _Fetching(PerWorkerCall):
    """The same for a function that is awaited, as it travels. What is found is marked, for the step to count it."""

    def __init__(self, function: Callable[..., Any], shelf: Shelf, many: bool) -> None:
        self._function, self._shelf, self._many = function, shelf, many

    def opened(self, ends: Ends) -> Callable[[Any], Any]:
        """What a worker with an event loop awaits."""
        results = Results(self._shelf)
        ends.append(results.close)
        function, many = open_call(self._function, ends), self._many

        async def fetch(item: Any) -> Any:
            sought = results.look_at(item)
            if sought is None:
                return await function(item)
            found = results.find(sought)
            if found is not NOTHING:
                return _Found(found)
            made = _all_of(await function(item)) if many else await function(item)
            results.keep(sought, made)
            _flush_later(results)
            return made

        return fetch

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_function": portable(self._function)}


class _Found:
    """A result that was found."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Unwrapping:
    """Takes the mark off what was found, and counts it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self.hits = function, 0

    def __call__(self, item: Any) -> Any:
        made = self._function(item)
        if type(made) is _Found:
            self.hits += 1
            return made.value
        return made


def _all_of(made: Any) -> list[Any] | tuple[Any, ...]:
    """All elements: what is kept has been read to its end."""
    return made if type(made) in (list, tuple) else list(made)


def _flush_later(results: Results) -> None:
    from asyncio import get_running_loop

    if results.is_waiting and not results.timed:
        results.timed = True
        get_running_loop().call_later(GROUP_SECONDS, results.flush)
