"""Steps that call one function of the user's: what they have in common is how the function travels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skorche.errors import GraphError, shorten
from skorche.graph import name_of
from skorche.kernel import portable


class Calling:
    """A step that holds a function; pickles it by name where its module can be imported."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"function": portable(self.function)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def check_predicate(operator: str, predicate_fn: object) -> str:
    """The predicate's name; an error if it cannot be called."""
    if not callable(predicate_fn):
        raise GraphError(
            f"{operator} was given {shorten(predicate_fn)} as predicate_fn.",
            f"{type(predicate_fn).__name__} objects cannot be called.",
            "give a function of one item.",
        )
    return name_of(predicate_fn)
