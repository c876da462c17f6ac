"""Lists by key and weight: the step that asks the user's functions, and the memory that does what they say.

    items ──▶ Asking ──(item, token of its key, weight)──▶ KeyedBatching ──▶ lists

The step runs like a predicate. The memory belongs to the scheduler, so it must meet no code of the user's: keys are
compared in the step, and stand as tokens from there on; weights are numbers of Python's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, SupportsFloat, SupportsIndex
from weakref import ReferenceType, ref

from skorche.call import portable
from skorche.errors import BatchError, shorten
from skorche.input_order import group
from skorche.kernel import Paths, Record
from skorche.place import Group, Place, Places, members

FORGETFUL = 100
"""Keys of which nothing is left that are remembered all the same, at least."""


class Token:
    """Stands for a key while items of that key are about, so that the scheduler needs not compare the user's keys."""

    __slots__ = ("__weakref__",)


Member = tuple[Any, Token | None, float]
"""An item with its key and its weight, as a step before the memory has found them."""


class OpenList:
    """A list under construction, and when it was begun."""

    __slots__ = ("items", "opened", "places", "weight")

    def __init__(self, opened: float) -> None:
        self.opened, self.weight = opened, 0.0
        self.items: list[Any] = []
        self.places: list[Place] = []


class KeyedBatching:
    """The memory of a `batch` by key or weight: the lists under construction, by key, the oldest first."""

    def __init__(self, size: int, eager: bool, timeout: float | None, max_weight: float, max_keys: int) -> None:
        self.eager = eager
        self.closed: dict[str, int] = {}
        self.held = 0
        self.now = 0.0
        self._size, self._max_weight, self._max_keys = size, max_weight, max_keys
        self._timeout = math.inf if timeout is None else timeout
        self._open: dict[Token | None, OpenList] = {}
        self._taken = self._begun = 0

    @property
    def due(self) -> float:
        """When the oldest list leaves at the latest; infinity if there is none."""
        return next(iter(self._open.values())).opened + self._timeout if self._open else math.inf

    def feed(self, members: list[Member], places: Places) -> tuple[list[Any], list[Place]]:
        """Take items in; give the lists that are complete, with the places of their members."""
        self.held += len(members)
        self._taken += len(members)
        return _both(list(self._closed_by(members, places)))

    def _closed_by(self, members: list[Member], places: Places) -> Iterator[tuple[list[Any], Group]]:
        for (item, key, weight), place in zip(members, places, strict=True):
            one = self._open.get(key)
            if one is not None and one.weight + weight > self._max_weight:
                yield self._give(key, "weight")
                one = None
            if one is None:
                one = self._open[key] = OpenList(self.now)
                self._begun += 1
            one.items.append(item)
            one.places.append(place)
            one.weight += weight
            if len(one.items) == self._size:
                yield self._give(key, "size")
            elif one.weight >= self._max_weight:
                yield self._give(key, "weight")
            elif len(self._open) > self._max_keys:
                yield self._give(next(iter(self._open)), "key")

    def _give(self, key: Token | None, reason: str) -> tuple[list[Any], Group]:
        one = self._open.pop(key)
        self.held -= len(one.items)
        self.closed[reason] = self.closed.get(reason, 0) + 1
        return group(one.items, one.places)

    def expire(self) -> tuple[list[Any], list[Place]]:
        """Give the lists whose time has come."""
        made = []
        while self.due <= self.now:
            made.append(self._give(next(iter(self._open)), "timeout"))
        return _both(made)

    def close(self, reason: str) -> tuple[list[Any], list[Place]]:
        """Give all lists at the end; early the oldest, since the others may grow while the reader works on it."""
        keys = list(self._open) if reason == "end" else [next(iter(self._open))]
        return _both([self._give(key, reason) for key in keys])

    def drop(self) -> list[Place]:
        """Forget all lists under construction."""
        places = [place for one in self._open.values() for place in one.places]
        self._open.clear()
        self.held = 0
        return places

    def held_within(self, depth: int) -> int:
        """The items in them, if they are batches themselves."""
        return sum(len(list(members(one.places, depth))) for one in self._open.values())

    def outputs(self, inputs: int) -> int:
        """Lists that are likely to come out when so many more items come in."""
        return -(-inputs // self._usual)

    def inputs(self, outputs: int) -> int:
        """Items that are likely to fit when so many lists may come out."""
        return outputs * self._usual

    @property
    def _usual(self) -> int:
        """Members of a list, as things have been so far."""
        return max(1, self._taken // max(1, self._begun))

    def members(self, lists: list[list[Any]]) -> int:
        """Items in these lists."""
        return sum(map(len, lists))


def _both(made: list[tuple[list[Any], Group]]) -> tuple[list[Any], list[Place]]:
    """Lists, and the places of each."""
    return [members for members, _ in made], [group for _, group in made]


# -- the step before ------------------------------------------------------------------------------------------------


class Asking:
    """The step of a `batch` by key or weight: what the user's functions say of an item goes on beside it."""

    def __init__(self, name: str, key: Callable[[Any], Any] | None, weight: Callable[[Any], Any] | None) -> None:
        self.name, self.key, self.weight = name, key, weight
        self._tokens: dict[Any, ReferenceType[Token]] = {}
        self._crowded = 1

    def __reduce__(self) -> tuple[type[Asking], tuple[object, ...]]:
        return Asking, (self.name, portable(self.key), portable(self.weight))

    def run(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        keys: Iterable[Token | None] = repeat(None)
        weights: Iterable[float] = repeat(0.0)
        if self.key is not None:
            keys, items, paths = _ask(self.key, self._token, items, paths, record)
        if self.weight is not None:
            before = paths
            weights, items, paths = _ask(self.weight, self._number, items, paths, record)
            if self.key is not None and len(paths) < len(before):
                known = dict(zip(before, keys, strict=True))
                keys = [known[path] for path in paths]
        return [(list(zip(items, keys, weights)), paths)]  # noqa: B905  (one of them may have no end)

    def _token(self, key: Any) -> Token:
        """The token of a key: always the same while anybody holds it."""
        try:
            known = self._tokens.get(key)
        except TypeError as error:
            raise BatchError(
                f"{self.name} was given the key {shorten(key)}.",
                f"lists are found by their keys, and this one cannot be looked up: {error}.",
                "let key give a text, a number, or a tuple of them.",
            ) from error
        token = None if known is None else known()
        if token is None:
            token = Token()
            self._tokens[key] = ref(token)
            self._forget()
        return token

    def _forget(self) -> None:
        """Now and then leave out the keys that are in no list any more."""
        if len(self._tokens) < self._crowded:
            return
        self._tokens = {key: known for key, known in self._tokens.items() if known() is not None}
        self._crowded = 2 * len(self._tokens) + FORGETFUL

    def _number(self, weight: Any) -> float:
        """The weight as a number of Python's own: what the scheduler adds up must not be the user's code."""
        if type(weight) in (float, int) or isinstance(weight, SupportsFloat | SupportsIndex):
            try:
                number = float(weight)
            except OverflowError:
                number = math.inf
            if number >= 0:
                return number
        raise BatchError(
            f"{self.name} was given the weight {shorten(weight)}.",
            "weights are added up, so they are numbers from 0 on.",
            "let weight give such a number, and filter items out before that have none.",
        )


def _ask(
    function: Callable[[Any], Any], proper: Callable[[Any], Any], items: Sequence[Any], paths: Paths, record: Record
) -> tuple[list[Any], Sequence[Any], Paths]:
    """What the function says of each item, made proper, with the items and paths of those that did not fail."""
    values, items, paths = record.apply(function, items, paths)
    rest = iter(values)
    return record.apply(lambda _: proper(next(rest)), items, paths)
