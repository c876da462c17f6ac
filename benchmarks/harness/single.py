"""One benchmark, measured in the process that calls this (see `fresh`)."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any


def names() -> list[str]:
    """All benchmarks: the modules that stand beside this package.

    >>> "chain_threads" in names()
    True
    """
    here = Path(__file__).resolve().parents[1]
    return sorted(path.stem for path in here.glob("*.py") if not path.stem.startswith("_"))


def measure(name: str, repeats: int | None) -> list[dict[str, Any]]:
    """The figures of the benchmark, ready to travel."""
    module = import_module(f"benchmarks.{name}")
    return [figure.to_dict() for figure in module.measure(repeats or module.REPEATS)]
