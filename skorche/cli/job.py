"""The pipeline that a command names: from a YAML file, a Python file or a module."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from skorche.api import Pipeline
from skorche.errors import HERE, GraphError, SkorcheError, nearest, text_of

YAML = (".yaml", ".yml", ".json")
RAISED = "where it was raised"
SPELLINGS = {
    "run(on_error='collect')": "--on-error collect",
    "run(store='store/')": "--store store/",
    "give run(store=...)": "give --store",
    "give load(functions=...) a mapping, a module, or a list of functions": "name its module with --functions",
    "run() was given": "the run was given",
}
"""What messages call things in a program, and what they are called here."""


class JobError(GraphError):
    """The command names no pipeline."""


class UserCodeError(SkorcheError):
    """A module cannot be imported; its text is what Python has to say."""


def find_pipeline(named: str, functions: list[str]) -> Pipeline:
    """The pipeline of `job.yaml`, `job.py`, `job.py:name`, `module` or `module:name`.

    Raises:
        GraphError: there is none, or the spec is refused.
        UserCodeError: a module cannot be imported.
    """
    if named.endswith(YAML):
        return _load(named, functions)
    place, _, name = named.rpartition(":") if ":" in named else (named, "", "")
    module = find_module(place)
    found = _named(module, place, name) if name else _only(module, place)
    if found.last_run is not None:
        print(f"{place} has run its pipeline when it was imported: keep that under `if __name__`", file=sys.stderr)
    return found


def find_module(named: str) -> ModuleType:
    """A module by its name, or from its file, whose folder is then where it finds others, as for a script.

    Raises:
        JobError: there is no such file or module.
        UserCodeError: importing it fails.
    """
    path = Path(named)
    if named.endswith(".py"):
        return _load_file(path)
    if path.is_file():
        raise JobError(
            f"{named!r} is no pipeline.", "its name ends neither with .py nor with .yaml.", "give a file that does."
        )
    sys.path.insert(0, os.getcwd())
    if not all(part.isidentifier() for part in named.split(".")):
        raise JobError(f"{named!r} is no name of a module.", "", "give a file, or a module such as my_package.jobs.")
    try:
        return importlib.import_module(named)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{named}.".startswith(f"{error.name}."):
            raise UserCodeError(frames_of_user(error)) from error
        close = nearest(f"{named}.py", os.listdir())
        raise JobError(
            f"there is no module {named!r}.", "", f"{close}Give a file that exists, or the name of a module."
        ) from None
    except Exception as error:
        raise UserCodeError(frames_of_user(error)) from error


def _load_file(path: Path) -> ModuleType:
    """The module of a file, loaded."""
    if not path.is_file():
        raise JobError(f"there is no file {str(path)!r}.", "", "give a file that exists, or the name of a module.")
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserCodeError(frames_of_user(error)) from error
    return module


def _lines_of_user(error: BaseException) -> list[str]:
    """The lines of the user's own code that it came through, from the task on."""
    from traceback import StackSummary, extract_tb

    frames = [one for one in extract_tb(error.__traceback__) if not one.filename.startswith(("<frozen ", HERE))]
    return [f"{RAISED}:\n{''.join(StackSummary.from_list(frames).format()).rstrip()}"] if frames else []


def frames_of_user(error: Exception) -> str:
    """The error, as Python would print it, with the frames of the user's own code."""
    from traceback import TracebackException

    told = TracebackException.from_exception(error)
    told.stack[:] = [frame for frame in told.stack if not frame.filename.startswith(("<frozen ", HERE))]
    return "".join(told.format(chain=False)).rstrip()


def _load(named: str, functions: list[str]) -> Pipeline:
    from skorche.front import load

    if not Path(named).is_file():
        raise JobError(f"there is no file {named!r}.", "", "give a file that exists.")
    return load(Path(named), functions=[find_module(one) for one in functions])


def _named(module: ModuleType, place: str, name: str) -> Pipeline:
    """The pipeline of that name, or what the function of that name makes."""
    if not hasattr(module, name):
        raise JobError(
            f"{place} has no {name!r}.",
            "so there is no such pipeline.",
            f"{nearest(name, [one for one in vars(module) if not one.startswith('_')])}Give the name of a pipeline.",
        )
    found = getattr(module, name)
    made = found() if _needs_nothing(found) else found
    if not isinstance(made, Pipeline):
        raise JobError(
            f"{name!r} of {place} is no pipeline.",
            f"it is a {type(made).__name__}, and does not make one when it is called without arguments.",
            "give the name of a Pipeline, or of a function that makes one.",
        )
    return made


def _needs_nothing(found: Any) -> bool:
    """Whether it can be called without arguments."""
    if not callable(found):
        return False
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError):
        return False
    return True


def _only(module: ModuleType, place: str) -> Pipeline:
    """The pipeline of a module that has one: of its own, or what it has declared in the default one."""
    found = {name: one for name, one in vars(module).items() if isinstance(one, Pipeline)}
    if len({id(one) for one in found.values()}) == 1:
        return next(iter(found.values()))
    if "pipeline" in found:
        return found["pipeline"]
    if found:
        names = ", ".join(sorted(found))
        raise JobError(
            f"{place} has several pipelines.", f"they are {names}.", f"choose one: {place}:{min(found)}, for example."
        )
    default: Any = importlib.import_module("skorche.default").DEFAULT.pipeline
    if default.graph.nodes:
        return default  # type: ignore[no-any-return]  # the module is asked for late, so that others load nothing
    raise JobError(
        f"{place} declares no pipeline.",
        "no variable of the module is a Pipeline; what stands under `if __name__ == '__main__'` is not looked at.",
        "declare it at the top of the module, or name a function that makes it: FILE:NAME.",
    )


def told(error: BaseException) -> str:
    """An error for people: its text, with the lines and the notes that tell where it was raised."""
    notes = [str(note) for note in getattr(error, "__notes__", [])]
    if not isinstance(error, SkorcheError) and not any(note.startswith(RAISED) for note in notes):
        notes = [*_lines_of_user(error), *notes]
    text = "\n".join([str(error) if isinstance(error, SkorcheError) else text_of(error), *notes])
    for in_python, here in SPELLINGS.items():
        text = text.replace(in_python, here)
    return text
