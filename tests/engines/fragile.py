"""Objects that make trouble on their way between processes, and functions that make them."""

import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from .tasks import note


def _act(what: str) -> Any:
    """What an object does at the moment chosen for it."""
    if what == "raise":
        raise RuntimeError("not on my watch")
    if what == "exit":
        os._exit(5)
    if what == "leave":
        raise SystemExit(0)
    raise AssertionError(what)


class Fragile:
    """Does something bad when it is pickled, or when it is unpickled."""

    def __init__(self, what: str, when: str) -> None:
        self.what, self.when = what, when

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        if self.when == "pickled":
            _act(self.what)
        return _act, (self.what,)

    def __repr__(self) -> str:
        return f"Fragile({self.what}, {self.when})"


class Order(NamedTuple):
    """An item that asks for a fragile result."""

    what: str
    when: str


def obey(item: Any) -> Any:
    """The fragile result that was asked for; any other item as it is."""
    return Fragile(item.what, item.when) if isinstance(item, Order) else item


class NoteAndObey(NamedTuple):
    """A task: obeys, and leaves a line in a log for each call."""

    log: str

    def __call__(self, item: Any) -> Any:
        note(0, self.log)
        return obey(item)


def lock_for(number: int) -> Any:
    """A result that cannot be pickled, for one number; else the number."""
    return threading.Lock() if number == 3 else number


def list_with_lock(number: int) -> list[Any]:
    """A result of which one element cannot be pickled."""
    return [number, threading.Lock(), number]
