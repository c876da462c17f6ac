"""How each peer does the rows: a file for each, with a function for every row that it can do.

A way has `SETTINGS`, how it was set for each row, in words; `COUNTS`, where it is too slow for all items; `IMPORT`, a
statement, and `START_THREADS` and `START_PROCESSES`, programs; and `put_away()`, where processes of it would wait for
more work.
"""

from __future__ import annotations

from importlib import import_module, metadata
from importlib.util import find_spec
from types import ModuleType

LOOP = "loop"
NO_PEERS = (LOOP, "bare", "queues", "skorche")
"""What the peers are compared with, and those compared."""

WAYS = (
    *NO_PEERS,
    *("futures", "pool", "loky", "joblib", "mpire", "pypeln", "pyper", "streamable", "spdl", "dask", "bytewax"),
)

MODULES = {"futures": "concurrent.futures", "pool": "multiprocessing", "dask": "dask.bag", "spdl": "spdl.pipeline"}
"""What is imported, where it is not called as the way is."""
PACKAGES = {"pyper": "python-pyper"}
"""What is installed, where it is not called as the way is."""
OURS = {LOOP, "bare", "queues", "futures", "pool"}
"""Those that need no package."""


def way_named(name: str) -> ModuleType:
    """The file of this peer; it imports the peer."""
    return import_module(f"{__name__}.{name}")


def is_there(name: str) -> bool:
    """Whether its package is installed; nothing is imported."""
    if name in OURS:
        return True
    return find_spec(MODULES.get(name, name).partition(".")[0]) is not None


def version_of(name: str) -> str:
    """The version of its package; empty for what belongs to Python."""
    return "" if name in OURS else metadata.version(PACKAGES.get(name, name))
