"""Shards: a job done by several runs that know nothing of each other, each of which takes its part of the inputs.

To which shard an item belongs depends on nothing but the item (or its key), so it is the same in every process, on
every machine, in every Python. Sources that are zipped by number are dealt out by number: else wrong items would pair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import count
from operator import index
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from skorche.errors import GraphError, shorten
from skorche.named import NamedTuple

if TYPE_CHECKING:
    from skorche.canonical import FormlessError

T = TypeVar("T")
Key = Callable[[T], object]
Keeps = Callable[[T], bool]
ShardChoice = tuple[int, int] | str | None
"""As a run is given it: `(2, 8)`, or "2/8", for the second of eight."""


class Shard(NamedTuple):
    """One of `total` shards; the first is number 1."""

    number: int
    total: int

    @classmethod
    def of(cls, choice: ShardChoice) -> Shard | None:
        """From what a run was given.

        >>> Shard.of("2/8"), Shard.of((2, 8)), Shard.of(None)
        (Shard(number=2, total=8), Shard(number=2, total=8), None)

        Raises:
            GraphError: there is no such shard.
        """
        if choice is None:
            return None
        try:
            parts = _split(choice) if isinstance(choice, str) else choice
            number, total = map(index, parts)
        except (TypeError, ValueError):
            _refuse(choice, "a shard is its number and how many there are.")
        if not 1 <= number <= total:
            _refuse(choice, f"shards are counted from 1{f' to {total}' if total >= 1 else ''}.")
        return cls(number, total)

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"

    def has(self, value: object) -> bool:
        """Whether a value belongs to this shard.

        >>> [letter for letter in "abcdef" if Shard(1, 2).has(letter)]
        ['c', 'd', 'f']

        Raises:
            FormlessError: it has no canonical form, so it may be another value elsewhere.
        """
        from skorche.canonical import digest  # with hashlib: only who runs shards needs it

        return int.from_bytes(digest(value)[:8]) % self.total == self.number - 1

    def by_number(self) -> Keeps[object]:
        """Keeps the items of one source whose turn it is: every `total`th of them."""
        numbers = count()
        return lambda item: next(numbers) % self.total == self.number - 1

    def by_key(self, title: str, key: Key[T] | None) -> Keeps[T]:
        """Keeps the items of one source that belong here, or whose keys do."""
        from skorche.canonical import FormlessError

        def keeps(item: T) -> bool:
            try:
                return self.has(item if key is None else key(item))
            except FormlessError as error:
                raise _homeless(title, item, key is not None, error) from error

        return keeps


def keepers(shard: Shard, sources: Sequence[tuple[str, Key[Any] | None]], zipped: Collection[int]) -> list[Keeps[Any]]:
    """For each source, given as its title and key, what it keeps. The sources of these numbers are `zipped` by number.

    Raises:
        GraphError: one that is zipped has a key, which would pair wrong items.
    """
    for number in zipped:
        title, key = sources[number]
        if key is not None:
            raise GraphError(
                f"{title} has a key, and is zipped with another source by number.",
                f"in shard {shard} the items would be chosen by their keys, and wrong ones be paired.",
                "leave key= out: sources that are zipped are dealt out to shards by number.",
            )
    return [
        shard.by_number() if number in zipped else shard.by_key(title, key)
        for number, (title, key) in enumerate(sources)
    ]


def sifted(items: Iterable[T], keeps: Keeps[T]) -> Iterator[T]:
    """The items that are kept. Who closes this closes what it reads, too.

    >>> list(sifted("abc", "bc".__contains__))
    ['b', 'c']
    """
    iterator = iter(items)
    try:
        yield from filter(keeps, iterator)
    except GeneratorExit:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
        raise


def _split(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text, re.ASCII)
    if found is None:
        raise ValueError(text)
    return int(found[1]), int(found[2])


def _refuse(choice: object, why: str) -> NoReturn:
    raise GraphError(
        f"run() was given shard={shorten(choice)}.", why, "give shard=(2, 8), or '2/8', for the second of eight."
    ) from None


def _homeless(title: str, item: object, keyed: bool, error: FormlessError) -> GraphError:
    return GraphError(
        f"{'the key of ' if keyed else ''}an item of {title} belongs to no shard: {shorten(item)}: {error}",
        "the shard of an item follows from its value, which must be known to be the same in every process.",
        "give the queue a key=, a function that gives a text or a number for each item.",
    )
