"""Functions that fail, for workers to run, and exceptions that are hard to carry from one process to another."""

import threading
from pathlib import Path
from typing import Any


class TwoPart(Exception):
    """An exception that pickle cannot rebuild, because its constructor wants something else than `args`."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{detail} (code {code})")
        self.code, self.detail = code, detail


class Doubling(Exception):
    """An exception that pickle rebuilds with another text than it had."""

    def __init__(self, text: str, mark: str = "!") -> None:
        super().__init__(text + mark)


class Locked(Exception):
    """An exception that cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class Unspeakable(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise ValueError("no words")


def raise_two_part(_: object) -> None:
    """Fails."""
    raise TwoPart(7, "no disk")


def raise_doubling(_: object) -> None:
    """Fails."""
    raise Doubling("oh")


def raise_locked(_: object) -> None:
    """Fails."""
    raise Locked("held")


def raise_unspeakable(_: object) -> None:
    """Fails."""
    raise Unspeakable


def raise_annotated(_: object) -> None:
    """Fails with a cause and a note."""
    try:
        raise KeyError("deep")
    except KeyError as error:
        outer = ValueError("outer")
        outer.add_note("a note of the task's")
        raise outer from error


def raise_in_context(_: object) -> None:
    """Fails while another failure is handled."""
    try:
        raise KeyError("first")
    except KeyError:
        raise ValueError("second")  # noqa: B904  (a context, and no cause, is what is wanted)


def raise_group(_: object) -> None:
    """Fails with two exceptions, one of which has a cause and a note."""
    inner = ValueError("one")
    inner.__cause__ = KeyError("why")
    inner.add_note("of the first")
    raise ExceptionGroup("both", [inner, TwoPart(2, "two")])


def raise_long_chain(length: int) -> None:
    """Fails with a chain of so many causes, each of which is the context as well."""
    try:
        if length:
            raise_long_chain(length - 1)
    except ValueError as error:
        raise ValueError(length) from error
    raise ValueError(length)


def leave(item: Any) -> Any:
    """Tries to end the program, well."""
    raise SystemExit(0)


def interrupt(item: Any) -> Any:
    """Behaves like Ctrl-C."""
    raise KeyboardInterrupt


def stop_iterating(item: Any) -> Any:
    """Behaves like an iterator at its end."""
    return next(iter(()))


def inverse(number: float) -> float:
    """1 / number, which fails for 0."""
    return 1 / number


def inverse_aloud(number: int) -> float:
    """The same, and says so."""
    print("the inverse of", number)
    return 1 / number


def fail_first(marker: Path) -> str:
    """Fails, unless it has been tried before: a file says so."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return marker.name
    raise ConnectionError(f"{marker.name} is busy")


def refuse_odd(number: int) -> int:
    """Fails for odd numbers."""
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def refuse_with(bad: int, numbers: list[int]) -> list[int]:
    """Fails for a list that holds the bad number."""
    if bad in numbers:
        raise ValueError(f"{bad} among {len(numbers)}")
    return numbers
