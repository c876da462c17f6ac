"""The functions that all peers are given. They stand in a module of their own, so that workers can import them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray

WAIT = 0.002
FLOATS = 1_000_000
"""The floats in an array: 8 MB."""
BATCH = 10


def increment(number: int) -> int:
    """The first task of a chain."""
    return number + 1


def double(number: int) -> int:
    """The second."""
    return number * 2


def square(number: int) -> int:
    """The third."""
    return number * number


THREE = (increment, double, square)
"""The steps of the chain."""


def all_three(number: int) -> int:
    """The chain as one function, for peers that know no second step."""
    return square(double(increment(number)))


def download(number: int) -> int:
    """The demo: where each item begins."""
    return number + 3


def unzip(number: int) -> int:
    """What comes of it."""
    return number * 5


def is_image(number: int) -> bool:
    """Which way it goes."""
    return number % 2 == 0


def process_images(numbers: Iterable[int]) -> list[int]:
    """A batch of images."""
    return [number + 7 for number in numbers]


def is_wanted(number: int) -> bool:
    """Not all documents are."""
    return number % 3 != 0


def process_document(number: int) -> int:
    """One document."""
    return number * 11


def wait(number: int) -> int:
    """A task that does nothing for 2 ms."""
    time.sleep(WAIT)
    return number


def wait_thrice(number: int) -> int:
    """Three of them, for peers that know no second step."""
    return wait(wait(wait(number)))


def spin(turns: int) -> int:
    """So many turns of arithmetic; the result shows that they were done."""
    value = 1
    for _ in range(turns):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
    return value


def scale(array: ndarray) -> ndarray:
    """An array as large as the one it is given."""
    return array * 2.0


def arrays(count: int) -> Iterator[ndarray]:
    """Arrays of 8 MB, made as they are asked for. (A fork while another thread imports numpy would never end.)"""
    import numpy

    return (numpy.full(FLOATS, float(number)) for number in range(count))


def in_groups(items: Iterable[int], size: int) -> Iterator[list[int]]:
    """Lists of so many items; the last may be shorter. For peers that do not do it themselves.

    >>> list(in_groups("abc", 2))
    [['a', 'b'], ['c']]
    """
    group: list[int] = []
    for item in items:
        group.append(item)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
