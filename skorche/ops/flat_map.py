"""`flat_map`: a task that gives many results for every item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from math import inf
from operator import invert
from time import perf_counter
from typing import Any, TypeVar

from skorche.compact import in_a_row
from skorche.errors import trimmed
from skorche.events import Failure
from skorche.expansion import Part, Portion, Rest
from skorche.graph import declare
from skorche.kernel import Paths, Record
from skorche.ops.function import Calling
from skorche.ops.unbatch import element_paths
from skorche.options import TaskOptions
from skorche.queue import Queue
from skorche.tasks import task_of

A = TypeVar("A")
B = TypeVar("B")

GROWTH = 4
LARGEST_SLICE = 64
"""Elements taken between two looks at the clock: more would save nothing."""
COMPLETE = frozenset({list, tuple})
"""Results of these types are there already, all of them."""


def flat_map(
    task: Callable[[A], Iterable[B]],
    queue_in: Queue[A],
    *,
    queue_out: Queue[B] | None = None,
    queue_errors: Queue[Failure] | None = None,
) -> Queue[B]:
    """Call the task for every item; the elements of what it gives go to the queue returned, one by one.

    The task may be a generator function, or give any iterable. On threads, and inline, it is read as there is room for
    its elements, so one without end is fine. It is read whole, before any element goes on, by other engines, and for a
    task with `retries`, `timeout`, `isolate`, `ordered`, `limits` or `cache`. An item that gives nothing counts as
    filtered.

    >>> def repeat(number):
    ...     for _ in range(number):
    ...         yield number
    >>> drive(flat_map, [3, 0, 1], task=repeat)
    [3, 3, 3, 1]

    Order of completion. One in, any number out. Holds nothing. A generator that raises fails its item. What it gave
    before goes on all the same; but with one of those options a failed item gives nothing, so none comes twice.

    Raises:
        GraphError: the task cannot be called, or a queue has a consumer or a producer already.
    """
    real = task_of(task)
    flows = _flows(real.settings)
    (made,) = declare(
        real.name,
        real.node_name,
        (queue_in,),
        [queue_out],
        task=real,
        errors=queue_errors,
        work=lambda: Expanding(real.call, flows),
        places="new",
        flows=flows,
        operator="flat_map",
        types=lambda items: (items.through(real).elements("flat_map"),),
    )
    return made


def _flows(options: TaskOptions) -> bool:
    """Whether elements may leave before their item is done: never if it may be tried again, or counts as a whole."""
    whole = options.timeout is not None or options.limits or options.cache
    return not (whole or options.retries or options.isolate or options.ordered)


class Expanding(Calling):
    """The step of `flat_map`. With `flows`, what an item gave before it failed counts."""

    gives_many = True

    def __init__(self, function: Callable[[Any], Iterable[Any]], flows: bool) -> None:
        super().__init__(function)
        self.flows = flows

    def run(self, items: Sequence[Any], paths: Paths, record: Record) -> list[tuple[Sequence[Any], Paths]]:
        expansion = _Expansion(self.function, self.flows, record.portion)
        made, items, paths = record.apply(expansion.expand, items, paths)
        counts = list(map(len, made))
        record.members = sum(counts)
        kinds = set(map(type, made))
        if kinds <= COMPLETE:
            record.passed = len(made)
            record.expansions += zip(paths, counts, strict=True)
        elif kinds == {_Drawn}:
            record.passed = len(made)
            record.expansions += zip(paths, map(invert, counts), strict=True)
        else:
            for path, item, one in zip(paths, items, made, strict=True):
                _note(record, path, item, one)
        starts = [one.start if type(one) is _Piece else 0 for one in made] if _Piece in kinds else None
        return [(in_a_row(made), element_paths(paths, counts, starts))]


class _Drawn(list[Any]):
    """All elements of an iterator. How many they would be was not known before, so none takes the place of a member."""


class _Piece(list[Any]):
    """Some elements of an iterator, from number `start` on; then its rest, or the error that ended it."""

    __slots__ = ("error", "rest", "start")

    def __init__(self, elements: Iterable[Any] = (), start: int = 0) -> None:
        super().__init__(elements)
        self.start = start
        self.rest: Rest | None = None
        self.error: BaseException | None = None


def _note(record: Record, path: Any, item: Any, made: Sequence[Any]) -> None:
    """Write down what has become of an item."""
    if not isinstance(made, _Piece):
        record.expansions.append((path, ~len(made) if type(made) is _Drawn else len(made)))
        record.passed += 1
        return
    lives = made.rest is not None or made.error is not None
    record.parts.append(Part(path, len(made), lives, made.rest))
    if made.error is not None:
        record.fail(path, item, trimmed(made.error))
    record.passed += not lives


class _Expansion:
    """The expansion of a chunk's items, one after the other, until its portion is used up."""

    def __init__(self, function: Callable[[Any], Iterable[Any]], flows: bool, portion: Portion | None) -> None:
        self._function, self._flows = function, flows
        self._room: float = inf
        self._until: float = inf
        self._slice = 1
        if portion is not None:
            self._room = portion.elements
            self._until = perf_counter() + portion.seconds

    def expand(self, item: Any) -> Sequence[Any]:
        """What comes of an item: all of it, or a piece."""
        if self._room <= 0:
            piece = _Piece(start=item.given if type(item) is Rest else 0)
            piece.rest = item if type(item) is Rest else Rest(item)
            return piece
        if type(item) is Rest:
            if item.iterator is not None:
                return self._draw(item.item, item.iterator, item.given)
            item = item.item
        made = self._function(item)
        if type(made) in COMPLETE:
            self._room -= len(made)  # type: ignore[arg-type]  # a list or a tuple
            return made  # type: ignore[return-value]  # a list or a tuple
        return self._draw(item, iter(made), 0)

    def _draw(self, item: Any, iterator: Iterator[Any], given: int) -> Sequence[Any]:
        elements = _Drawn()
        rest = error = None
        try:
            if not self._take(iterator, elements):
                rest = Rest(item, iterator, given + len(elements))
        except BaseException as raised:
            if not self._flows:
                raise
            error = raised
        self._room -= len(elements)
        if not given and rest is None and error is None:
            return elements
        piece = _Piece(elements, given)
        piece.rest, piece.error = rest, error
        return piece

    def _take(self, iterator: Iterator[Any], elements: list[Any]) -> bool:
        """Take elements while there is room and time; whether that was all."""
        if self._room == inf:
            elements.extend(iterator)
            return True
        until, size = self._until, self._slice
        while (count := len(elements)) < (room := int(self._room)):
            size = min(size, room - count)
            elements.extend(islice(iterator, size))
            if len(elements) < count + size:
                return True
            if perf_counter() >= until:
                self._room = len(elements)  # nor will anything be taken of other items
            elif size < LARGEST_SLICE:
                size = self._slice = GROWTH * size
        return False
