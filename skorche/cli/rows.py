"""What a run is given by the command line: rows of inputs, checked before anything runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from skorche.api import Pipeline
from skorche.cli.arguments import assignment
from skorche.errors import GraphError, shorten
from skorche.named import NamedTuple
from skorche.queue import Queue
from skorche.spec.document import typed


def open_inputs(pipeline: Pipeline) -> list[Queue[Any]]:
    """The queues that wait for items from outside."""
    return [queue for queue in pipeline.graph.sources() if queue.fixed_inputs is None]


class Rows(NamedTuple):
    """The row of `--inputs`, if there is one, and the file of others."""

    first: Mapping[str, Any] | None
    path: str | None

    @classmethod
    def of(cls, given: Iterable[str], path: str | None) -> Rows:
        """From the arguments.

        Raises:
            GraphError: one is not NAME=VALUE, or its name is given twice.
        """
        row: dict[str, Any] = {}
        for text in given:
            try:
                name, value = assignment(text, "--inputs")
            except ValueError as error:
                raise GraphError(str(error)) from None
            if name in row:
                raise GraphError(f"--inputs was given {name!r} twice.", "it has one value.", "give it once.")
            row[name] = typed(value)
        return cls(row or None, path)

    @property
    def given(self) -> bool:
        """Whether there are any."""
        return self.first is not None or self.path is not None

    def check(self, pipeline: Pipeline) -> None:
        """Refuse what cannot be: no inputs where some are wanted, or some where none are."""
        wanted = open_inputs(pipeline)
        if wanted and not self.given:
            names = list(pipeline.inputs) or ["items"]
            given = " ".join(f"{name}=..." for name in names)
            raise GraphError(
                f"pipeline {pipeline.name!r} was given no inputs.",
                f"it waits for {', '.join(names)}.",
                f"give --inputs {given}, or --inputs-file with a row for each item.",
            )
        if len(wanted) > 1 and any(queue.name is None for queue in wanted):
            raise GraphError(
                f"pipeline {pipeline.name!r} waits for {len(wanted)} inputs, and not all of them have a name.",
                "rows give them their values by name.",
                "name them: skorche.Queue(name='...').",
            )
        if self.given and not wanted:
            raise GraphError(
                f"pipeline {pipeline.name!r} takes no inputs.",
                "its items are given in the pipeline itself.",
                "leave --inputs and --inputs-file out.",
            )
        if self.path not in (None, "-") and not Path(str(self.path)).is_file():
            raise GraphError(f"there is no file {self.path!r}.", "--inputs-file names it.", "give a file that exists.")

    def give(self, pipeline: Pipeline) -> Iterator[GraphError | None]:
        """Put the rows in, one a step, the first before the run begins. Gives what is wrong with a bad one."""
        if self.first is not None:
            _give_by_name(pipeline, self.first)
            yield None
        if self.path is not None:
            with _open(self.path) as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield _give_line(pipeline, line, f"{self.path}:{number}")


def _give_line(pipeline: Pipeline, line: str, where: str) -> GraphError | None:
    """Put in the row that a line holds; what is wrong with it, if it is bad."""
    try:
        _give(pipeline, json.loads(line))
    except GraphError as error:
        return GraphError(f"{where}: {error.what}", error.why, error.mend)
    except ValueError as error:
        return GraphError(
            f"{where}: {shorten(line.strip(), 60)} is no JSON: {error}.",
            "each line is a row: a JSON value, such as an object with a value for each input.",
            "mend the line, or leave it out.",
        )
    return None


def _give(pipeline: Pipeline, row: Any) -> None:
    """Put a row in: a value for each input by name. What is no object is itself the item of the only input."""
    wanted = open_inputs(pipeline)
    if isinstance(row, Mapping):
        _give_by_name(pipeline, row)
    elif len(wanted) == 1 and not pipeline.takes_rows:
        wanted[0].put(row)
    else:
        raise GraphError(
            f"{shorten(row, 60)} was given as a row.",
            f"pipeline {pipeline.name!r} has the inputs {', '.join(pipeline.inputs)}.",
            "write an object with a value for each.",
        )


def _give_by_name(pipeline: Pipeline, row: Mapping[str, Any]) -> None:
    """Put a row in: a value for each input; all of it, if the only input has no name."""
    if pipeline.inputs:
        pipeline.give(row)
    else:
        open_inputs(pipeline)[0].put(row)


@contextmanager
def _open(path: str) -> Iterator[IO[str]]:
    if path == "-":
        yield sys.stdin
        return
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        yield file
