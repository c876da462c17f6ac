"""`batch`: items gathered into lists.

Three memories, from the plain to the general, which is in `keyed`:

    Batching        one open list, closed when it is full
    TimedBatching   the same, closed by the clock too
    KeyedBatching   one open list per key, closed when it is full or heavy, by the clock, or for another key
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar

from skorche.call import name_of
from skorche.compact import Groups, ascending, join
from skorche.errors import GraphError, shorten
from skorche.graph import declare
from skorche.input_order import group
from skorche.kernel import Items
from skorche.ops.keyed import Asking, KeyedBatching
from skorche.place import Place, Places, members
from skorche.queue import Queue

T = TypeVar("T")

UNBOUNDED = 1 << 60
MAX_KEYS = 100
"""Keys that have an open list at a time, unless `max_keys` says otherwise."""


class _Unsaid(int):
    """A default that can be told from the same number said by the user."""


ONE = _Unsaid(1)


def batch(
    queue_in: Queue[T],
    *,
    batch_size: int | None = ONE,
    fill_batch: bool = True,
    timeout: float | None = None,
    weight: Callable[[T], float] | None = None,
    max_weight: float | None = None,
    key: Callable[[T], Hashable] | None = None,
    max_keys: int | None = None,
    queue_out: Queue[list[T]] | None = None,
) -> Queue[list[T]]:
    """Gather items into lists of `batch_size`; the last list may be shorter, never empty.

    A list that is not full leaves `timeout` seconds after its first member came, before its members weigh more than
    `max_weight` (an item that does so alone is a list of its own), or, with `fill_batch=False`, when its reader has
    nothing else to do. With a `key` a list holds items of one key; at most `max_keys` (100) are open, and for one more
    the oldest leaves. Where any of these is given, the size has no bound unless `batch_size` says so.

    `key` and `weight` run in this process, one call at a time; an item they raise for, or give no proper answer, fails.
    Members stand in input order; which items meet in a list follows their order of arrival. `closed` in the report
    tells how many lists left for which reason.

    >>> drive(batch, "abcde", batch_size=3)
    [['a', 'b', 'c'], ['d', 'e']]
    >>> drive(batch, ["a", "bb", "ccc", "dddddd"], weight=len, max_weight=4)
    [['a', 'bb'], ['ccc'], ['dddddd']]
    >>> drive(batch, [1, 2, 3, 4, 5], batch_size=2, key=lambda number: number % 2)
    [[1, 3], [2, 4], [5]]

    Many in, one out. Holds up to `batch_size` - 1 items, for each open key.

    Raises:
        GraphError: an argument has no meaning, or a queue has a consumer or a producer already.
    """
    settings = {name: given for name, given in locals().items() if not name.startswith("queue")}
    size = _size(batch_size, only=timeout is None and weight is None and key is None)
    _check_timeout(timeout)
    _check_weight(weight, max_weight)
    _check_key(key, max_keys)
    name = _name(size, key, weight)
    traits: dict[str, Any] = {"regrouping": partial(Batching, size, not fill_batch)}
    if key is not None or weight is not None:
        heaviest = math.inf if max_weight is None else float(max_weight)
        memory = partial(KeyedBatching, size, not fill_batch, timeout, heaviest, max_keys or MAX_KEYS)
        traits = {"regrouping": memory, "rides": "lane", "work": partial(Asking, name, key, weight)}
    elif timeout is not None:
        traits = {"regrouping": partial(TimedBatching, size, not fill_batch, timeout)}
    (made,) = declare(name, name, (queue_in,), [queue_out], **_GATHERED, settings=settings, **traits)
    return made


def _types(items: Any) -> Any:
    return (items.gathered(),)


_GATHERED: dict[str, Any] = {"operator": "batch", "places": "gathered", "types": _types}


def _name(size: int, *functions: Callable[..., object] | None) -> str:
    """What to call the batch: its size, else the functions that it goes by, if it goes by any."""
    asked = [name_of(function) for function in functions if function is not None]
    told = ", ".join(asked) if size == UNBOUNDED else str(size)
    return f"Batch({told})" if told else "Batch"


# -- what can be seen when declaring --------------------------------------------------------------------------------


def _size(batch_size: int | None, *, only: bool) -> int:
    """The size to use; one that is not given has no bound unless it is the `only` thing to close a list."""
    if not only and (batch_size is None or batch_size is ONE):
        return UNBOUNDED
    if not isinstance(batch_size, int) or batch_size < 1:
        raise GraphError(
            f"batch was given batch_size={batch_size!r}.", "no item fits into such a batch.", "give 1 or more."
        )
    return batch_size


def _check_timeout(timeout: float | None) -> None:
    if timeout is not None and not _is_number_above_zero(timeout):
        raise GraphError(
            f"batch was given timeout={shorten(timeout)}.",
            "it is how many seconds a list waits for more members.",
            "give more than 0 seconds, or None.",
        )


def _check_weight(weight: object, max_weight: float | None) -> None:
    if weight is not None and not callable(weight):
        raise _no_function("weight", weight)
    if (weight is None) != (max_weight is None):
        given, missing = ("max_weight", "weight") if weight is None else ("weight", "max_weight")
        raise GraphError(
            f"batch was given {given} without {missing}.",
            "a list is closed where the weights of its members would add up to more than max_weight.",
            "give weight=, a function of an item, and max_weight=, a number, or neither.",
        )
    if max_weight is not None and not _is_number_above_zero(max_weight):
        raise GraphError(
            f"batch was given max_weight={shorten(max_weight)}.",
            "the weights of a list's members add up to so much at most.",
            "give a number above 0.",
        )


def _check_key(key: object, max_keys: int | None) -> None:
    if key is not None and not callable(key):
        raise _no_function("key", key)
    if max_keys is None:
        return
    if key is None:
        raise GraphError(
            f"batch was given max_keys={shorten(max_keys)} without key.",
            "it is how many keys may have an open list.",
            "give key=, a function of an item, too, or leave it out.",
        )
    if not isinstance(max_keys, int) or max_keys < 1:
        raise GraphError(
            f"batch was given max_keys={shorten(max_keys)}.",
            "at least one key must have an open list.",
            "give 1 or more, or leave it out.",
        )


def _no_function(name: str, given: object) -> GraphError:
    return GraphError(
        f"batch was given {shorten(given)} as {name}.",
        f"{type(given).__name__} objects cannot be called.",
        "give a function of one item.",
    )


def _is_number_above_zero(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < math.inf


# -- memories -------------------------------------------------------------------------------------------------------


class Batching:
    """The memory of a plain `batch`: the list under construction."""

    def __init__(self, size: int, eager: bool) -> None:
        self.size, self.eager = size, eager
        self.closed: dict[str, int] = {}
        self._items: list[Any] = []
        self._places: list[Place] = []

    @property
    def held(self) -> int:
        """Items of the batch under construction."""
        return len(self._items)

    def held_within(self, depth: int) -> int:
        """The items in them, if they are batches themselves."""
        return len(list(members(self._places, depth)))

    def feed(self, items: Items, places: Places) -> tuple[list[Any], Places]:
        """Take items in; give the lists that are full, with the places of their members."""
        self._items += items
        count = len(self._items)
        if count < self.size:
            self._places += places  # a piece costs what is in it, however much is held
            return [], []
        return self._give(join([self._places, places]) if self._places else places, count - count % self.size, "size")

    def close(self, reason: str) -> tuple[list[Any], Places]:
        """Give the last, shorter list, if there is any."""
        return self._give(self._places, len(self._items), reason)

    def _give(self, held: Places, count: int, reason: str) -> tuple[list[Any], Places]:
        """Give so many of the items, which are held at these places."""
        if not count:
            return [], []
        items, places, self._places = self._items[:count], held[:count], list(held[count:])
        del self._items[:count]
        cuts = [slice(start, start + self.size) for start in range(0, count, self.size)]
        self.closed[reason] = self.closed.get(reason, 0) + len(cuts)
        if ascending(places):
            return [items[cut] for cut in cuts], Groups(places, self.size)
        made = [group(items[cut], places[cut]) for cut in cuts]
        return [members for members, _ in made], [group for _, group in made]

    def drop(self) -> list[Place]:
        """Forget the batch under construction."""
        places, self._items, self._places = self._places, [], []
        return places

    def outputs(self, inputs: int) -> int:
        """Lists that may come out when so many more items come in."""
        return -(-(len(self._items) + inputs) // self.size)

    def inputs(self, outputs: int) -> int:
        """Items that surely fit when so many lists may come out."""
        return max(0, outputs * self.size - len(self._items))

    def members(self, lists: list[list[Any]]) -> int:
        """Items in these lists."""
        return sum(map(len, lists))


class TimedBatching(Batching):
    """The memory of a `batch` that closes its list by the clock too."""

    def __init__(self, size: int, eager: bool, timeout: float) -> None:
        super().__init__(size, eager)
        self.now = self._opened = 0.0
        self._timeout = timeout

    @property
    def due(self) -> float:
        """When the list under construction leaves at the latest; infinity if there is none."""
        return self._opened + self._timeout if self._items else math.inf

    def feed(self, items: Items, places: Places) -> tuple[list[Any], Places]:
        """Take items in; give the lists that are full. What then is left of them begins a list."""
        continued = bool(self._items)
        made = super().feed(items, places)
        if made[0] or not continued:
            self._opened = self.now
        return made

    def expire(self) -> tuple[list[Any], Places]:
        """Give the list under construction if its time has come."""
        return self._give(self._places, len(self._items) if self.due <= self.now else 0, "timeout")
