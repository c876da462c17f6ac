"""`RunOptions`: what `run` can be given, for those who check types. No run loads it: a `TypedDict` takes 1 ms."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, TypedDict

from skorche.compile.plan import Capture
from skorche.options import EngineChoice, OnError, OnStall

if TYPE_CHECKING:
    from skorche.observe.progress import How
    from skorche.shard import ShardChoice
    from skorche.store import Store  # with pathlib: only who keeps runs needs it


class RunOptions(TypedDict, total=False):
    """What `run` can be given; see `Pipeline.run`."""

    on_error: OnError | None
    max_failures: float | None
    engine: EngineChoice
    stall_timeout: float | None
    on_stall: OnStall
    progress: How | bool
    max_items_per_worker: int | None
    max_worker_memory: int | str | None
    capture: Capture
    store: str | os.PathLike[str] | Store | None
    force: bool
    same_graph: bool
    shard: ShardChoice
    workers: Literal["auto"] | None
    max_workers: int | None
    memory: int | str | None
    tuning: str | os.PathLike[str] | None
    page: str | os.PathLike[str] | None
    trace: str | os.PathLike[str] | None
    keep_workers: bool
