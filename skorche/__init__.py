"""skorche: a parallel pipeline you can see, from the functions you already have.

Names are imported when first used: a worker process, which needs few of them, starts 50 ms sooner.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skorche.api import Pipeline
    from skorche.default import init, last_report, push_to_queue, render_pipeline, run, shutdown
    from skorche.errors import (
        AlreadyRunning,
        BatchError,
        EngineError,
        GraphError,
        InternalError,
        LengthError,
        PairingError,
        QueueClosed,
        RemoteError,
        RunCancelled,
        SkorcheError,
        SpecError,
        SplitError,
        StallError,
        StoreError,
        TaskError,
        TaskTimeout,
        TooManyFailures,
        TransferError,
        WorkerCrash,
        WorkerStartError,
    )
    from skorche.events import Failure, NodeTally
    from skorche.file import atomic, files, lines
    from skorche.front import from_graph, load
    from skorche.limits import Limit, Rate, limit, rate
    from skorche.observe.report import Report
    from skorche.ops.apply import apply
    from skorche.ops.batch import batch
    from skorche.ops.chain import chain
    from skorche.ops.filter import filter
    from skorche.ops.flat_map import flat_map
    from skorche.ops.map import map
    from skorche.ops.merge import merge
    from skorche.ops.reduce import reduce
    from skorche.ops.sink import sink
    from skorche.ops.split import split
    from skorche.ops.tee import tee
    from skorche.ops.unbatch import unbatch
    from skorche.ops.zip import zip
    from skorche.port import QUEUE_SENTINEL
    from skorche.queue import Queue
    from skorche.runtime.run import Run
    from skorche.stored.stored_run import StoredRun, open_run
    from skorche.tasks import Task, task

__version__ = "0.1.0"

__all__ = [
    "QUEUE_SENTINEL",
    "AlreadyRunning",
    "BatchError",
    "EngineError",
    "Failure",
    "GraphError",
    "InternalError",
    "LengthError",
    "Limit",
    "NodeTally",
    "PairingError",
    "Pipeline",
    "Queue",
    "QueueClosed",
    "Rate",
    "RemoteError",
    "Report",
    "Run",
    "RunCancelled",
    "SkorcheError",
    "SpecError",
    "SplitError",
    "StallError",
    "StoreError",
    "StoredRun",
    "Task",
    "TaskError",
    "TaskTimeout",
    "TooManyFailures",
    "TransferError",
    "WorkerCrash",
    "WorkerStartError",
    "apply",
    "atomic",
    "batch",
    "chain",
    "files",
    "filter",
    "flat_map",
    "from_graph",
    "init",
    "last_report",
    "limit",
    "lines",
    "load",
    "map",
    "merge",
    "open_run",
    "push_to_queue",
    "rate",
    "reduce",
    "render_pipeline",
    "run",
    "shutdown",
    "sink",
    "split",
    "task",
    "tee",
    "unbatch",
    "zip",
]


_HOME = {
    "skorche.api": "Pipeline",
    "skorche.default": "init last_report push_to_queue render_pipeline run shutdown",
    "skorche.errors": (
        "AlreadyRunning BatchError EngineError GraphError InternalError LengthError PairingError QueueClosed "
        "RemoteError RunCancelled SkorcheError SpecError SplitError StallError StoreError TaskError TaskTimeout "
        "TooManyFailures TransferError WorkerCrash WorkerStartError"
    ),
    "skorche.events": "Failure NodeTally",
    "skorche.file": "atomic files lines",
    "skorche.front": "from_graph load",
    "skorche.tasks": "Task task",
    "skorche.limits": "Limit Rate limit rate",
    "skorche.observe.report": "Report",
    "skorche.ops.apply": "apply",
    "skorche.ops.batch": "batch",
    "skorche.ops.chain": "chain",
    "skorche.ops.filter": "filter",
    "skorche.ops.flat_map": "flat_map",
    "skorche.ops.map": "map",
    "skorche.ops.merge": "merge",
    "skorche.ops.reduce": "reduce",
    "skorche.ops.sink": "sink",
    "skorche.ops.split": "split",
    "skorche.ops.tee": "tee",
    "skorche.ops.unbatch": "unbatch",
    "skorche.ops.zip": "zip",
    "skorche.port": "QUEUE_SENTINEL",
    "skorche.queue": "Queue",
    "skorche.runtime.run": "Run",
    "skorche.stored.stored_run": "StoredRun open_run",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """A public name, imported now; `_global_pipeline` is the default pipeline under its old name."""
    if name == "_global_pipeline":
        return import_module("skorche.default").DEFAULT.pipeline
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'skorche' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "_global_pipeline"})
