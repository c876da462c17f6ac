"""`RunSettings`: what a run goes by, and what is refused before it starts."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from skorche.compile.plan import Capture
from skorche.errors import GraphError, nearest, shorten
from skorche.graph import Graph
from skorche.log import say
from skorche.named import NamedTuple
from skorche.options import EngineChoice, OnError, OnStall, TaskOptions
from skorche.runtime.recovery import Policy

if TYPE_CHECKING:
    from skorche.observe.progress import How
    from skorche.shard import ShardChoice
    from skorche.store import Store  # with pathlib: only who keeps runs needs it

STALL_TIMEOUT = 300.0
"""Seconds without any result before a run says what it waits for."""


class RunSettings(NamedTuple):
    """What a run goes by: what `run` was given, and what it is where nothing was said."""

    on_error: OnError | None = None
    max_failures: float | None = None
    engine: EngineChoice = None
    stall_timeout: float | None = STALL_TIMEOUT
    on_stall: OnStall = "warn"
    progress: How | bool = "auto"
    max_items_per_worker: int | None = None
    max_worker_memory: int | str | None = None
    capture: Capture = "stream"
    store: str | os.PathLike[str] | Store | None = None
    force: bool = False
    same_graph: bool = False
    shard: ShardChoice = None
    workers: Literal["auto"] | None = None
    max_workers: int | None = None
    memory: int | str | None = None
    tuning: str | os.PathLike[str] | None = None
    page: str | os.PathLike[str] | None = None
    trace: str | os.PathLike[str] | None = None
    keep_workers: bool = False


def settings_of(options: Mapping[str, Any]) -> RunSettings:
    """What a run with these options goes by.

    Raises:
        TypeError: there is no such option.
    """
    for name in options:
        if name not in RunSettings._fields:
            known = ", ".join(RunSettings._fields)
            raise TypeError(f"run() has no option {name!r}. {_meant(name)}There are {known}.")
    return RunSettings(**options)


def _meant(name: str) -> str:
    """What was probably wanted, by an option that a run does not have."""
    if name == "cache":
        return "Results are kept with run(store='folder/'), of tasks with cache=True. "
    if name in TaskOptions._fields:
        return f"Tasks have it: @skorche.task({name}=...). "
    return nearest(name, RunSettings._fields)


def make_policy(settings: RunSettings) -> Policy:
    """What a run does about failures and stalls.

    Raises:
        GraphError: an option has no meaning.
    """
    on_error, max_failures, stall_timeout, on_stall = (
        settings.on_error,
        settings.max_failures,
        settings.stall_timeout,
        settings.on_stall,
    )
    if on_error not in (None, "raise", "collect"):
        raise GraphError(f"run() was given on_error={on_error!r}.", "it has no meaning.", "give 'raise' or 'collect'.")
    most = 1.0 if isinstance(max_failures, float) else math.inf
    if max_failures is not None and not 0 <= max_failures <= most:
        raise GraphError(
            f"run() was given max_failures={max_failures!r}.",
            "it is a number of items, or a share between 0.0 and 1.0.",
            "give max_failures=10, or 0.05 for one item in twenty.",
        )
    _check_stall(stall_timeout, on_stall)
    return Policy(on_error or ("raise" if max_failures is None else "collect"), max_failures, stall_timeout, on_stall)


def check_workers(settings: RunSettings) -> None:
    """Refuse what says nothing sensible of workers.

    Raises:
        GraphError: an option has no meaning.
    """
    workers, most = settings.workers, settings.max_workers
    if workers not in (None, "auto"):
        raise GraphError(
            f"run() was given workers={workers!r}.",
            "it has no meaning: each task has a number of its own.",
            "give workers='auto', or max_workers= to the tasks.",
        )
    if most is not None and (type(most) is not int or most < 1):
        raise GraphError(f"run() was given max_workers={most!r}.", "it has no meaning.", "give 1 or more workers.")
    if most is not None and workers is None:
        raise GraphError(
            f"run() was given max_workers={most} without workers='auto'.",
            "it bounds what all tasks together may be given while the run goes on, and nothing will be.",
            "give workers='auto' too, or max_workers= to the tasks.",
        )
    if not isinstance(settings.keep_workers, bool):
        raise GraphError(
            f"run() was given keep_workers={shorten(settings.keep_workers)}.",
            "it has no meaning: as many are kept as there are.",
            "give True or False.",
        )


def open_store(store: Store | None, graph: Graph) -> None:
    """Make the folders of a store. Without one, cached tasks are called for every item, which is told.

    Raises:
        StoreError: the folder cannot be made or used, or others could write to it.
    """
    if store is not None:
        store.open()
        return
    names = ", ".join(node.name for node in graph.nodes if node.task is not None and node.task.settings.cache)
    if names:
        say("%s: run() was given no store, so results of %s are not kept; give run(store='store/')", graph.name, names)


def check_page(page: object) -> None:
    """Refuse what is no place for the status page."""
    if page is None or (isinstance(page, str | os.PathLike) and os.fspath(page) and not os.path.isdir(page)):
        return
    raise GraphError(
        f"run() was given page={shorten(page)}.",
        "that is a folder."
        if isinstance(page, str | os.PathLike) and os.fspath(page)
        else "that is no path of a file.",
        "give the file that the status page is to be written to: page='status.html'.",
    )


def check_capture(capture: Capture) -> None:
    """Refuse what is no way to treat the words of workers."""
    if capture not in ("stream", "item", "off"):
        raise GraphError(
            f"run() was given capture={capture!r}.", "it has no meaning.", "give 'stream', 'item' or 'off'."
        )


def check_progress(progress: How | bool) -> None:
    """Refuse what is no way to show progress."""
    if not isinstance(progress, bool) and progress not in ("auto", "lines"):
        raise GraphError(
            f"run() was given progress={progress!r}.",
            "it has no meaning.",
            "give 'auto' for what suits the place, 'lines' for plain lines, or False for none.",
        )


def _check_stall(stall_timeout: float | None, on_stall: OnStall) -> None:
    if on_stall not in ("warn", "raise"):
        raise GraphError(f"run() was given on_stall={on_stall!r}.", "it has no meaning.", "give 'warn' or 'raise'.")
    if stall_timeout is None and on_stall == "raise":
        raise GraphError(
            "run() was given on_stall='raise' with stall_timeout=None.",
            "without a time nothing ever counts as a stall, so it would never raise.",
            "give stall_timeout a number of seconds.",
        )
    if stall_timeout is not None and not stall_timeout > 0:
        raise GraphError(
            f"run() was given stall_timeout={stall_timeout!r}.",
            "it is a number of seconds above zero.",
            "give stall_timeout=60, or None for a run that may stand still.",
        )
