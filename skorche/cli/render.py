"""`skorche render`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from skorche.cli.job import find_pipeline
from skorche.cli.main import OK
from skorche.errors import GraphError
from skorche.observe.render import FORMATS
from skorche.store import slug


def render(given: Namespace) -> int:
    """Draw a pipeline, and say where the picture is; or print it."""
    pipeline = find_pipeline(given.file, given.functions)
    if given.ascii:
        print(pipeline.summary())
        return OK
    if given.mermaid:
        print(pipeline.to_mermaid())
        return OK
    target = Path(given.output or f"{slug(pipeline.name)}.svg")
    form: Any = target.suffix.removeprefix(".") or "svg"
    if form not in FORMATS:
        known = ", ".join(f".{one}" for one in FORMATS)
        raise GraphError(f"-o was given {given.output!r}.", f"pictures end with {known}.", "give such a name.")
    print(pipeline.render(target.stem, directory=str(target.parent), format=form))
    return OK
