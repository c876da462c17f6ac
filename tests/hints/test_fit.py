"""Whether a value of one type may be of another: never a false alarm, and the certain ones found."""

import io
import os
import typing
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict, abc, defaultdict, deque
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple, NewType, Optional, Protocol, TypedDict, TypeVar, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skorche.hints.fit import element, fits, in_words

T = TypeVar("T")
UserId = NewType("UserId", int)


class Colour(Enum):
    RED = 1
    BLUE = 2


class Animal:
    pass


class Dog(Animal):
    pass


class Stone:
    pass


class Readable:
    pass


class Named:
    pass


class File(Readable, Named):
    pass


class Shape(ABC):
    @abstractmethod
    def area(self) -> float: ...


class Square(Shape):
    def area(self) -> float:
        return 1.0


class Registered:
    pass


Shape.register(Registered)


class HasName(Protocol):
    name: str


class Film(TypedDict):
    title: str


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Array:
    """As NumPy's: it does what a sequence does, and is none."""

    items: list[int]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> int:
        return self.items[index]


class Peculiar(type):
    """A metaclass that does not like to be asked."""

    def __subclasscheck__(cls, other: type) -> bool:
        raise RuntimeError("asked")


class Odd(metaclass=Peculiar):
    pass


class Comparing(type):
    """A metaclass whose classes cannot be hashed."""

    def __eq__(cls, other: object) -> bool:
        raise RuntimeError("compared")

    __hash__ = None  # type: ignore[assignment]


class Unhashable(metaclass=Comparing):
    pass


DO_NOT_FIT = [
    (str, int),
    (int, str),
    (str, Path),
    (Path, str),
    (str, bytes),
    (float, str),
    (None, int),
    (type(None), str),
    (int, None),
    (Stone, Animal),
    (Dog, Stone),
    (Colour, str),
    (Square, Stone),
    (Stone, Shape),
    (list[str], list[int]),
    (list[str], str),
    (str, list[str]),
    (str, list),
    (list, str),
    (list[int], tuple[int, ...]),
    (list[str], abc.Iterable[int]),
    (abc.Iterable[str], list[int]),
    (abc.Sequence[str], typing.Iterable[int]),
    (str, abc.Iterable[int]),
    (bytes, abc.Sequence[str]),
    (int, abc.Iterable[int]),
    (int, abc.Sized),
    (abc.Iterator[int], list[int]),
    (abc.Generator[int, None, None], list[int]),
    (abc.Generator[str, None, None], abc.Iterator[int]),
    (list, abc.Mapping[str, int]),
    (dict[str, int], dict[str, str]),
    (dict[str, int], dict[int, int]),
    (dict[str, int], abc.Mapping[str, bytes]),
    (dict[str, int], abc.Iterable[int]),
    (defaultdict[str, int], typing.Dict[str, str]),
    (tuple[int, str], tuple[int, int]),
    (tuple[int, str], tuple[int]),
    (tuple[int, ...], tuple[str, ...]),
    (tuple[int, str], abc.Sequence[int]),
    (tuple[int, int], tuple[str, ...]),
    (list[list[str]], list[list[int]]),
    (int | str, bytes),
    (int, str | bytes),
    (Optional[int], str),
    (Literal["a"], int),
    (Literal["a", "b"], Literal["c"]),
    (int, Literal["a"]),
    (Literal[1], abc.Iterable[int]),
    (UserId, str),
    (str, UserId),
    (Film, list),
    (Point, list[int]),
    (abc.Callable[[int], int], int),
    (int, abc.Callable[..., Any]),
    (type[int], str),
    (Counter[str], abc.Mapping[int, int]),
    (deque[str], deque[int]),
    (set[str], frozenset[str]),
]


@pytest.mark.parametrize(("given_type", "wanted"), DO_NOT_FIT, ids=in_words)
def test_what_surely_does_not_fit(given_type, wanted):
    assert not fits(given_type, wanted)


FIT = [
    (int, int),
    (bool, int),
    (int, float),
    (int, complex),
    (float, int),  # a function that gives float may give 3
    (Decimal, float),
    (bytearray, bytes),
    (Dog, Animal),
    (Animal, Dog),  # it may give dogs
    (Square, Shape),
    (Shape, Registered),
    (Readable, Named),  # a File is both
    (Enum, str),  # StrEnum
    (object, int),
    (int, object),
    (Any, int),
    (int, Any),
    (T, int),
    (int, T),
    (list[T], list[int]),
    (int | str, str),
    (int, int | str),
    (Optional[int], int),
    (int, Optional[int]),
    (Optional[int], None),
    (Union[int, str], Union[str, bytes]),
    (str, Literal["a"]),
    (Literal["a", "b"], Literal["b", "c"]),
    (Literal["a", 1], int),
    (Literal[None], None),
    (UserId, int),
    (int, UserId),
    (Film, dict[str, Any]),
    (dict[str, str], Film),
    (Point, tuple[int, int]),
    (Point, tuple),
    (Stone, HasName),
    (HasName, Stone),
    (int, typing.SupportsInt),
    (io.TextIOWrapper, typing.TextIO),
    (typing.TextIO, io.TextIOWrapper),
    (typing.IO[str], io.StringIO),
    (list[int], list),
    (list, list[int]),
    (typing.List, list[int]),
    (list[int], typing.List[float]),
    (list[int], abc.Iterable[int]),
    (list[int], abc.Sequence[float]),
    (list[int | str], list[int]),
    (abc.Iterable[int], list[int]),
    (str, abc.Iterable[str]),
    (str, abc.Sequence[str]),
    (bytes, abc.Iterable[int]),
    (range, abc.Sequence[int]),
    (dict[str, int], abc.Mapping[str, float]),
    (dict[str, int], abc.Iterable[str]),
    (OrderedDict[str, int], dict[str, int]),
    (tuple[int, str], tuple),
    (tuple[int, ...], tuple[int, int]),
    (tuple[int, int], tuple[int, ...]),
    (tuple[int, *tuple[str, ...]], tuple[int, str, str]),
    (abc.Sequence[int], tuple[int, int]),
    (abc.Iterator[int], abc.Sequence[int]),  # a class of somebody's may be both
    (abc.Sized, abc.Iterable),
    (abc.Generator[int, None, None], abc.Iterator[int]),
    (Array, abc.Sequence[int]),
    (Array, abc.Iterable[int]),
    (type(lambda: 0), abc.Callable[[], int]),
    (type[int], abc.Callable[[str], int]),
    (Path, os.PathLike[str]),
    (Odd, int),
    (int, Odd),
    (Unhashable, int),
    (int, Unhashable),
    ("a forward reference", int),
    (5, int),
    ([int], int),
    (list[5], list[int]),
    (typing.NoReturn, int),
    (SimpleNamespace, SimpleNamespace),
]


@pytest.mark.parametrize(("given_type", "wanted"), FIT, ids=in_words)
def test_what_may_fit(given_type, wanted):
    assert fits(given_type, wanted)


# -- values are the oracle -------------------------------------------------------------------------------------------

SCALARS = {
    **{number: [int, float, complex, UserId, typing.SupportsInt] for number in (0, 3, -7)},
    True: [bool, int, float],
    2.5: [float, complex],
    "": [str, abc.Hashable],
    "word": [str, abc.Iterable[str], abc.Sequence[str], Literal["word", 5]],
    b"bytes": [bytes, abc.Iterable[int], abc.Sequence[int]],
    None: [None, type(None), Optional[str], Literal[None]],
    Colour.RED: [Colour, Enum, Literal[Colour.RED]],
    Path("x"): [Path, os.PathLike[str]],
    Decimal("1.5"): [Decimal, float],
    File(): [File, Readable, Named, HasName],
    Dog(): [Dog, Animal],
    Square(): [Square, Shape],
    Point(1, 2): [Point, tuple, tuple[int, int], tuple[int, ...], abc.Sequence[int], abc.Collection[float]],
    range(3): [range, abc.Sequence[int], abc.Iterable[float]],
    len: [abc.Callable[[Any], int], object],
}
ANYTHING = [Any, object, T, "unresolved"]
LISTS = [list, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection, abc.Reversible]
TUPLES = [abc.Sequence, abc.Iterable, abc.Collection]
SETS = [set, abc.Set, abc.MutableSet, abc.Iterable, abc.Collection]
DICTS = [dict, abc.Mapping, abc.MutableMapping]


VALUES = st.recursive(
    st.sampled_from(list(SCALARS)),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.lists(inner, min_size=1, max_size=3).map(tuple)
        | st.sets(st.sampled_from(list(SCALARS)), min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from(list(SCALARS)), inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)
"""Anything; containers have something in them."""


@st.composite
def values_hinted_twice(draw: Any) -> tuple[Any, Any, Any]:
    """A value, and two hints that are true of it."""

    def pick(choices: list[Any]) -> Any:
        return draw(st.sampled_from(choices))

    def narrow(value: Any) -> Any:
        """A hint that is true of this value."""
        if type(value) is list:
            return pick([list, pick(LISTS)[each(value)]])
        if type(value) is set:
            return pick([set, pick(SETS)[each(value)]])
        if type(value) is dict:
            return pick([dict, abc.Iterable[each(value)], pick(DICTS)[each(value), each(value.values())]])
        if type(value) is tuple:
            return pick([tuple, tuple[tuple(map(narrow, value))], tuple[each(value), ...], pick(TUPLES)[each(value)]])
        return pick(SCALARS[value])

    def each(held: Any) -> Any:
        """A hint that is true of all of these."""
        return Union[tuple(map(narrow, held))]

    def wide(value: Any) -> Any:
        """A hint as people write it: not always the narrowest."""
        return pick([narrow(value)] * 3 + [Union[narrow(value), pick([bytes, int, str, list[str], None])], *ANYTHING])

    value = draw(VALUES)
    return value, wide(value), wide(value)


@given(values_hinted_twice())
def test_two_hints_that_are_true_of_one_value_fit(drawn):
    _, given_type, wanted = drawn

    assert fits(given_type, wanted)


@pytest.mark.parametrize(
    ("hint", "elements"),
    [
        (list[int], int),
        (tuple[int, ...], int),
        (tuple[int, str], int | str),
        (dict[str, int], str),
        (str, str),
        (bytes, int),
        (list[int] | set[str], int | str),
        (list, Any),
        (Array, Any),
        (Any, Any),
        (Unhashable, Any),
        (tuple[int, [str]], Any),
    ],
)
def test_the_elements_of_an_iterable(hint, elements):
    assert element(hint) == elements


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "int"),
        (None, "None"),
        (type(None), "None"),
        (Path, "pathlib.Path"),
        (list[str], "list[str]"),
        (Optional[int], "Optional[int]"),
        (int | None, "int | None"),
        (typing.Iterable[str], "Iterable[str]"),
    ],
)
def test_a_hint_is_told_as_one_would_write_it(hint, words):
    assert in_words(hint) == words
