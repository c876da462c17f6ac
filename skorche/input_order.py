"""Input order: items sorted by their places, as little as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from skorche.compact import Elements, Groups, Packed, Spread, ascending, in_a_row, join, span_of
from skorche.place import Group, Place, Places, order_key

T = TypeVar("T")


def group(items: list[Any], places: Places) -> tuple[list[Any], Group]:
    """Members and their places, in input order: a batch.

    >>> group(["b", "a"], [2, 1])
    (['a', 'b'], (1, 2))
    """
    if ascending(places):
        return items, Group(places)
    order = sorted(range(len(items)), key=lambda index: order_key(places[index]))
    return [items[index] for index in order], Group([places[index] for index in order])


def sort_by_place(items: list[T], places: Places) -> list[T]:
    """Items in input order.

    >>> sort_by_place(["b", "a2", "a1"], [2, (1, 1), (1, 0)])
    ['a1', 'a2', 'b']
    """
    if span_of(places) is not None:
        return items
    if type(places) is Spread:
        places = places.elements
    if type(places) is Elements and places.ascend():
        return items
    keys = iter(_sort_keys(places))
    return sorted(items, key=partial(next, keys))  # each item is asked for its key once, in this order


def _sort_keys(places: Places) -> Sequence[object]:
    keys: Sequence[Place] = places
    if type(places) is Packed:
        return places.numbers
    if type(places) is Groups:
        return places.numbers[:: places.size]
    if type(places) is Elements:
        return list(places)
    kinds = set(map(type, places))
    if kinds == {Group} and all(places):
        keys = [place[0] for place in places]  # type: ignore[index]  # all Groups
        kinds = set(map(type, keys))
    return keys if kinds == {int} else list(map(order_key, places))


def in_order(pieces: Sequence[tuple[Sequence[T], Places]]) -> list[T]:
    """The items of all pieces in input order; those of pieces that no other overlaps need no sorting.

    >>> from skorche.compact import pack
    >>> in_order([(["d"], range(3, 4)), (["a", "c"], pack([0, 2])), (["b"], pack([1]))])
    ['a', 'b', 'c', 'd']
    """
    spans = [span for _, places in pieces if (span := span_of(places)) is not None]
    if len(spans) < len(pieces):
        return _sorted(pieces)
    rows: list[Sequence[T]] = []
    overlapping: list[int] = []
    stop = -1
    for number in sorted(range(len(spans)), key=lambda number: spans[number].start):
        if spans[number].start >= stop:
            rows += _rows([pieces[one] for one in sorted(overlapping)])
            overlapping = []
        overlapping.append(number)
        stop = max(stop, spans[number].stop)
    return in_a_row(rows + _rows([pieces[one] for one in sorted(overlapping)]))


def _rows(pieces: Sequence[tuple[Sequence[T], Places]]) -> list[Sequence[T]]:
    """The items of pieces that overlap, as one piece; one by itself as it is, since it is in order."""
    return [_sorted(pieces)] if len(pieces) > 1 else [items for items, _ in pieces]


def _sorted(pieces: Sequence[tuple[Sequence[T], Places]]) -> list[T]:
    return sort_by_place(in_a_row([items for items, _ in pieces]), join([places for _, places in pieces]))
