"""The canonical form: one for equal values, in any process, and another for whatever differs, be it in type only."""

import datetime
import enum
import functools
import os
import re
import subprocess
import sys
import threading
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import MappingProxyType, SimpleNamespace

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skorche.canonical import Form, FormlessError, digest

Point = namedtuple("Point", "x y")
Other = namedtuple("Other", "x y")


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


@dataclass
class Page:
    number: int
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Frozen:
    number: int


class Plain:
    def __init__(self, value):
        self.value = value


class Number(int):
    pass


UTC = datetime.UTC

DIFFERENT = [
    None,
    ...,
    True,
    False,
    1,
    1.0,
    1 + 0j,
    "1",
    b"1",
    bytearray(b"1"),
    Number(1),
    Level.LOW,
    0,
    -1,
    10**5000,
    0.0,
    -0.0,
    float("nan"),
    float("inf"),
    "",
    "\U0001f600",
    "\ud83d\ude00",
    "\ud800",
    b"",
    [],
    (),
    {},
    set(),
    frozenset(),
    [1],
    (1,),
    {1},
    frozenset({1}),
    {1: None},
    {"1": None},
    {None: 1},
    [[1], []],
    [[], [1]],
    [[1]],
    ["ab", "c"],
    ["a", "bc"],
    ["abc"],
    Point(1, 2),
    Other(1, 2),
    (1, 2),
    {"x": 1, "y": 2},
    OrderedDict(x=1, y=2),
    OrderedDict(y=2, x=1),
    defaultdict(list, x=1, y=2),
    Counter(x=1, y=2),
    MappingProxyType({"z": 1}),
    deque([1]),
    deque([1], maxlen=3),
    Colour.RED,
    Colour.BLUE,
    Page(1),
    Page(1, ["a"]),
    Frozen(1),
    Plain(1),
    Plain("1"),
    SimpleNamespace(value=1),
    Path("a"),
    PurePosixPath("a"),
    "a",
    datetime.date(2020, 1, 2),
    datetime.datetime(2020, 1, 2),
    datetime.datetime(2020, 1, 2, fold=1),
    datetime.datetime(2020, 1, 2, tzinfo=UTC),
    datetime.time(1, 2),
    datetime.timedelta(days=1),
    UTC,
    Decimal("1.1"),
    Decimal("1.10"),
    Fraction(11, 10),
    uuid.UUID(int=1),
    range(3),
    slice(1, 2),
    re.compile("a"),
    re.compile("a", re.IGNORECASE),
    ValueError("a"),
    int,
    Page,
    list[int],
]


def test_values_that_differ_have_different_forms_also_where_they_compare_equal():
    forms = {}
    for value in DIFFERENT:
        forms.setdefault(digest(value), []).append(value)

    assert [same for same in forms.values() if len(same) > 1] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: 2, "1": 3}, {"1": 3, 1: 2}),
        ({"a", "b", 1}, {1, "b", "a"}),
        (Counter("ab"), Counter("ba")),
        (Page(1, ["a"]), Page(1, ["a"])),
        ([Plain([1])] * 2, [Plain([1]), Plain([1])]),
        (10**30, int("1" + "0" * 30)),
    ],
)
def test_equal_values_have_one_form_in_whatever_order_they_were_filled(one, other):
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: 2, "1": 3}, {"1": 3, 1: 2}),
        (Counter("ab"), Counter("ba")),
        (defaultdict(int, a=1, b=2), defaultdict(int, b=2, a=1)),
        (MappingProxyType({"a": 1, "b": 2}), MappingProxyType({"b": 2, "a": 1})),
        ([Plain({"a": 1, "b": 2})], [Plain({"b": 2, "a": 1})]),
    ],
)
def test_where_order_counts_dicts_that_were_filled_in_another_one_differ(one, other):
    forms = [Form(ordered=True).of(value) for value in (one, one, other)]

    assert forms[0] == forms[1] != forms[2]
    assert digest(one) == digest(other)


def test_the_order_of_sets_never_counts():
    assert Form(ordered=True).of({"a", "b", 1}) == Form(ordered=True).of({1, "b", "a"})


def test_parts_that_are_written_once_have_their_order_too():
    def nested(value):
        for _ in range(20):
            value = [value]
        return Form(ordered=True).of(value)

    assert nested({"a": 1, "b": 2}) != nested({"b": 2, "a": 1})


@pytest.mark.parametrize(
    "value", [threading.Lock(), (n for n in "ab"), sys.__stdin__, len, lambda: 1, sys, memoryview(b"")]
)
def test_what_has_no_form_is_refused_by_the_name_of_its_type(value):
    with pytest.raises(FormlessError) as caught:
        digest([value])

    assert type(value).__name__ in caught.value.kind


def test_what_holds_itself_has_no_form():
    ring = [1]
    ring.append(ring)

    with pytest.raises(FormlessError, match="it holds itself"):
        digest(ring)


def test_what_is_nested_too_deeply_has_no_form():
    deep = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(FormlessError, match="nested too deeply"):
        digest(deep)


@pytest.mark.timeout(20)
def test_what_stands_in_many_places_is_written_once():
    shared = 1
    for _ in range(64):
        shared = [shared, shared]

    assert len(digest(shared)) == 32


def test_partials_have_no_form_without_that_of_their_function():
    with pytest.raises(FormlessError):
        digest(functools.partial(len))


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(JSON_LIKE, JSON_LIKE)
def test_two_values_have_one_form_just_when_they_are_written_alike(one, other):
    assert (digest(one) == digest(other)) == (ordered(one) == ordered(other))


def ordered(value):
    """A text of a value that does not depend on the order of its dicts; a nan is one like the other here."""
    if isinstance(value, dict):
        return f"{{{sorted((ordered(key), ordered(one)) for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}{[ordered(one) for one in value]}"
    return value.hex() + "f" if isinstance(value, float) and value == value else f"{type(value).__name__} {value!r}"


PROGRAM = """
import sys
sys.path.insert(0, {here!r})
from test_canonical import DIFFERENT
from skorche.canonical import digest
values = [*DIFFERENT, set("abcdefgh"), frozenset([b"x", "x", None]), {{"a": {{1, 2, "x"}}, 3: 4}}]
print([digest(value).hex() for value in values])
"""


def test_forms_are_the_same_in_every_process_whatever_the_hash_seed():
    said = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM.format(here=str(Path(__file__).parent))],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(said) == 1


def test_arrays_are_told_apart_by_type_shape_and_content():
    arrays = [
        numpy.zeros(4),
        numpy.zeros(4, dtype="f4"),
        numpy.zeros(4, dtype=">f8"),
        numpy.zeros((2, 2)),
        numpy.arange(4.0),
        numpy.array([None, 1], dtype=object),
        numpy.array(["2020-01-01"], dtype="M8[D]"),
        numpy.float64(1),
        1.0,
    ]

    assert len({digest(one) for one in arrays}) == len(arrays)
    assert digest(numpy.arange(8.0)[::2]) == digest(numpy.array([0.0, 2.0, 4.0, 6.0]))
