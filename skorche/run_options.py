"""`RunOptions`: what a run can be given, and what is refused before it starts."""

from __future__ import annotations

import math
import os
from typing import Literal, TypedDict

from skorche.compile.plan import Capture
from skorche.errors import GraphError
from skorche.options import EngineChoice, OnError, OnStall
from skorche.runtime.recovery import Policy
from skorche.shard import ShardChoice
from skorche.store import Store

STALL_TIMEOUT = 300.0
"""Seconds without any result before a run says what it waits for."""


class RunOptions(TypedDict, total=False):
    """What `run` can be given; see `Pipeline.run`."""

    on_error: OnError | None
    max_failures: float | None
    engine: EngineChoice
    stall_timeout: float | None
    on_stall: OnStall
    progress: Literal["auto"] | bool
    max_items_per_worker: int | None
    max_worker_memory: int | str | None
    capture: Capture
    store: str | os.PathLike[str] | Store | None
    force: bool
    shard: ShardChoice


def make_policy(
    on_error: OnError | None, max_failures: float | None, stall_timeout: float | None, on_stall: OnStall
) -> Policy:
    """What a run does about failures and stalls.

    Raises:
        GraphError: an option has no meaning.
    """
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


def check_capture(capture: Capture) -> None:
    """Refuse what is no way to treat the words of workers."""
    if capture not in ("stream", "item", "off"):
        raise GraphError(
            f"run() was given capture={capture!r}.", "it has no meaning.", "give 'stream', 'item' or 'off'."
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
