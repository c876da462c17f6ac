"""skorche: a parallel pipeline you can see, from the functions you already have."""

from typing import Any

from skorche.api import (
    DEFAULT,
    Pipeline,
    init,
    last_report,
    push_to_queue,
    render_pipeline,
    run,
    shutdown,
)
from skorche.errors import (
    AlreadyRunning,
    EngineError,
    GraphError,
    InternalError,
    QueueClosed,
    RemoteError,
    RunCancelled,
    SkorcheError,
    SplitError,
    TaskError,
    TaskTimeout,
    TooManyFailures,
    TransferError,
    WorkerCrash,
    WorkerStartError,
)
from skorche.events import Failure, NodeTally
from skorche.graph import Queue, Task, task
from skorche.observe.report import Report
from skorche.ops.batch import batch
from skorche.ops.chain import chain
from skorche.ops.filter import filter
from skorche.ops.map import map
from skorche.ops.merge import merge
from skorche.ops.split import split
from skorche.ops.unbatch import unbatch
from skorche.port import QUEUE_SENTINEL
from skorche.runtime.run import Run

__version__ = "0.1.0"

__all__ = [
    "QUEUE_SENTINEL",
    "AlreadyRunning",
    "EngineError",
    "Failure",
    "GraphError",
    "InternalError",
    "NodeTally",
    "Pipeline",
    "Queue",
    "QueueClosed",
    "RemoteError",
    "Report",
    "Run",
    "RunCancelled",
    "SkorcheError",
    "SplitError",
    "Task",
    "TaskError",
    "TaskTimeout",
    "TooManyFailures",
    "TransferError",
    "WorkerCrash",
    "WorkerStartError",
    "batch",
    "chain",
    "filter",
    "init",
    "last_report",
    "map",
    "merge",
    "push_to_queue",
    "render_pipeline",
    "run",
    "shutdown",
    "split",
    "task",
    "unbatch",
]


def __getattr__(name: str) -> Any:
    """`skorche._global_pipeline`: the default pipeline under its old name."""
    if name == "_global_pipeline":
        return DEFAULT.pipeline
    raise AttributeError(f"module 'skorche' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), "_global_pipeline"]
