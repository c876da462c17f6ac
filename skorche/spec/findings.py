"""`Where` something stands in a spec, and `Findings`: all that is wrong with it, told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from skorche.errors import GraphError, Location, SpecError, declared_at, nearest, shorten, text_of
from skorche.named import NamedTuple

T = TypeVar("T")


class Where(NamedTuple):
    """A line of a file, or, in a dict, the way to a value.

    >>> str(Where("job.yaml", 12)), str(Where("nodes[2].options"))
    ('job.yaml:12', 'nodes[2].options')
    """

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"

    @property
    def location(self) -> Location | None:
        """The line, if there is one."""
        return None if self.line is None else Location(self.source, self.line)


class Findings:
    """What was found to be wrong, in the order of the lines.

    `torn`: names could not be read, so that others would seem to stand for nothing.
    """

    def __init__(self) -> None:
        self.torn = False
        self._found: list[tuple[int, SpecError]] = []

    def add(self, where: Where, what: str, why: str, mend: str = "") -> None:
        """One more: a sentence each of what, why and how to mend it."""
        self._found.append((where.line or 0, SpecError(f"{where}: {what}", why, mend)))

    def unknown(self, where: Where, what: str, name: object, known: Iterable[str], mend: str = "") -> None:
        """A name that is none of those known; offers the nearest."""
        names = list(known)
        listed = ", ".join(names) if names else "there are none"
        close = nearest(name, names)
        self.add(
            where,
            f"{what} {shorten(name)} is unknown.",
            f"known: {listed}.",
            f"{close}{mend}".strip() or "give one of them.",
        )

    @contextmanager
    def at(self, where: Where) -> Iterator[None]:
        """What is declared in the block is declared there, and what is found to be wrong with it is one more."""
        try:
            with declared_at(where.location):
                yield
        except GraphError as error:
            for one in error.findings:
                what = one.what if str(where) in one.what else f"{where}: {one.what}"
                self._found.append((where.line or 0, SpecError(what, one.why, one.mend)))
        except (TypeError, ValueError) as error:  # a value that an operator does not look at before it uses it
            self.add(where, "this cannot be declared.", f"{text_of(error)}.", "see the operator's documentation.")

    def tried(self, where: Where, make: Callable[[], T]) -> T | None:
        """What is made there; None, and one more finding, if it cannot be."""
        made: list[T] = []
        with self.at(where):
            made.append(make())
        return made[0] if made else None

    def __bool__(self) -> bool:
        return bool(self._found)

    def settle(self) -> None:
        """Go on if nothing was found.

        Raises:
            SpecError: something was; all of it.
        """
        if self._found:
            found = [error for _, error in sorted(self._found, key=lambda one: one[0])]
            raise SpecError.of(found)
