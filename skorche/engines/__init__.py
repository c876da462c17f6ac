"""Where kernels run. One engine, one module; each is registered under its name as an entry point in `setup.cfg`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from typing import Any

BUILT_IN = {
    "inline": "skorche.engines.inline:InlineEngine",
    "thread": "skorche.engines.thread:ThreadEngine",
    "process": "skorche.engines.process.engine:ProcessEngine",
    "async": "skorche.engines.event_loop:AsyncEngine",
    "mpi": "skorche.engines.mpi.engine:MpiEngine",
}
"""The same as the entry points, so that a run need not search all installed packages for them (20 ms)."""


class EngineNames(Collection[str]):
    """The names an engine may be chosen by. Looks into installed packages only for one that is not built in.

    >>> "thread" in EngineNames(), "threads" in EngineNames()
    (True, False)
    """

    def __contains__(self, name: object) -> bool:
        return name in BUILT_IN or name in _installed()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*BUILT_IN, *_installed()}))

    def __len__(self) -> int:
        return len({*BUILT_IN, *_installed()})


def find_engine(choice: Any) -> Callable[[], Any]:
    """A factory for the engine of this name, or of an executor.

    >>> find_engine("inline")()
    InlineEngine()
    """
    if not isinstance(choice, str):
        from skorche.engines.executor import ExecutorEngine

        return lambda: ExecutorEngine(choice)
    if choice in BUILT_IN:
        module, name = BUILT_IN[choice].split(":")
        made: Callable[[], Any] = getattr(import_module(module), name)
        return made
    loaded: Callable[[], Any] = _installed()[choice].load()
    return loaded


def _installed() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group="skorche.engines")}
