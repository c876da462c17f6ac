"""Exceptions that are hard to tell of, and a function that raises them, for workers to run."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn


class Irreducible(Exception):
    """It refuses to be pickled."""

    def __reduce__(self) -> NoReturn:
        raise RuntimeError("not to be reduced")


class Disguised(Exception):
    """It comes out of a pickle as something else."""

    def __reduce__(self) -> tuple[type[int], tuple[str]]:
        return int, ("5",)


class Homesick(Exception):
    """It can be rebuilt everywhere but in the process that runs the pipeline."""

    def __init__(self, home: int, text: str) -> None:
        super().__init__(text)
        self.home = home

    def __reduce__(self) -> tuple[Callable[[int, str], "Homesick"], tuple[int, str]]:
        return come_home, (self.home, str(self))


def come_home(home: int, text: str) -> Homesick:
    """Rebuilds it, unless it is at home."""
    if os.getpid() == home:
        raise RuntimeError("not here")
    return Homesick(home, text)


class Undecided(Exception):
    """It has no truth, which Python asks for when it prints a traceback."""

    def __bool__(self) -> NoReturn:
        raise RuntimeError("neither true nor false")


class Incomparable(Exception):
    """It can be neither compared nor hashed."""

    __hash__ = None  # type: ignore[assignment]  # how Python spells that it cannot be hashed

    def __eq__(self, other: object) -> NoReturn:
        raise RuntimeError("not to be compared")


class Secretive(Exception):
    """It gives away nothing of what it carries."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise RuntimeError(f"{name} is nobody's business")


class Locked(Exception):
    """It holds what cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


@dataclass(frozen=True)
class Frozen(Exception):
    """Nobody may change it, but Python does: it gets a traceback, notes and a cause."""

    key: int


class Particular(Exception):
    """Its constructor wants something else than what it passes on."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{detail} (code {code})")
        self.code, self.detail = code, detail


class Mute:
    """It cannot be shown."""

    def __repr__(self) -> NoReturn:
        raise RuntimeError("no words")


def annotated(error: BaseException) -> BaseException:
    """The error with a cause and a note."""
    error.__cause__ = KeyError("the cause")
    error.add_note("a note of the task's")
    return error


def odd_syntax_error() -> SyntaxError:
    """One whose place in the text is nonsense, so that Python itself cannot print it."""
    error = SyntaxError("odd")
    error.filename, error.lineno, error.text = 3, "a", 5  # type: ignore[assignment]  # wrong on purpose
    return error


def long_chain(length: int) -> BaseException:
    """So many causes, each of the next."""
    error = ValueError(0)
    for number in range(1, length):
        later = ValueError(number)
        later.__cause__, error = error, later
    return error


def circle() -> BaseException:
    """Two that are each other's cause."""
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    return one


def caused_by(cause: BaseException) -> BaseException:
    """An ordinary error with this cause."""
    error = ValueError("outer")
    error.__cause__ = cause
    return error


def noted_with(notes: Any) -> BaseException:
    """An error whose notes are not what they should be."""
    error = ValueError("noted")
    error.__notes__ = notes
    return error


MAKERS: dict[str, Callable[[int], BaseException]] = {
    "particular": lambda home: annotated(Particular(7, "no disk")),
    "locked": lambda home: annotated(Locked("held")),
    "frozen": lambda home: Frozen(7),
    "caused by the frozen": lambda home: caused_by(Frozen(7)),
    "irreducible": lambda home: annotated(Irreducible("stays")),
    "disguised": lambda home: annotated(Disguised("as a number")),
    "homesick": lambda home: annotated(Homesick(home, "abroad")),
    "undecided": lambda home: annotated(Undecided("well")),
    "incomparable": lambda home: annotated(Incomparable("alone")),
    "group": lambda home: annotated(ExceptionGroup("both", [annotated(ValueError("one")), Locked("two")])),
    "base group": lambda home: annotated(BaseExceptionGroup("stop", [KeyboardInterrupt()])),
    "exit": lambda home: annotated(SystemExit(0)),
    "interrupt": lambda home: annotated(KeyboardInterrupt()),
    "generator exit": lambda home: annotated(GeneratorExit()),
    "stop": lambda home: annotated(StopIteration(3)),
    "stop async": lambda home: annotated(StopAsyncIteration()),
    "memory": lambda home: annotated(MemoryError()),
    "syntax": lambda home: annotated(odd_syntax_error()),
    "unicode": lambda home: annotated(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")),
    "surrogate": lambda home: annotated(ValueError("\udcff")),
    "os": lambda home: annotated(FileNotFoundError(2, "No such file", "name")),
    "secretive": lambda home: Secretive("box"),
    "caused by the undecided": lambda home: caused_by(Undecided("deep")),
    "caused by the locked": lambda home: caused_by(Locked("deep")),
    "long chain": lambda home: long_chain(2000),
    "circle": lambda home: circle(),
    "mute note": lambda home: noted_with([Mute(), 5]),
    "no list of notes": lambda home: noted_with(7),
}


class Order(tuple[str, int]):
    """An item that asks for an exception by name; with the process that must not be able to rebuild it."""


def obey(item: Any) -> Any:
    """Raises what was ordered; any other item is given back."""
    if isinstance(item, Order):
        raise MAKERS[item[0]](item[1])
    return item
