"""What functions say of themselves, however they are dressed."""

from __future__ import annotations  # the hints below are texts, as they are in many programs

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Optional, no_type_check

import pytest

from skorche import task
from skorche.hints.read import Said, read

if TYPE_CHECKING:
    from decimal import Decimal


def repeat(word: str, times: int = 1) -> list[str]:
    return [word] * times


@dataclass
class Scale:
    by: float

    def __call__(self, number: int) -> float:
        return number * self.by

    def back(self, number: float) -> int:
        return int(number / self.by)

    @classmethod
    def like(cls, text: str) -> Scale:
        return cls(float(text))

    @staticmethod
    def name(number: bytes) -> str:
        return str(number)


def test_a_function_says_what_it_takes_first_and_what_it_gives():
    assert read(repeat) == Said("word", str, list[str])


def test_a_function_without_hints_says_nothing():
    assert read(lambda item: item).takes is Any
    assert read(lambda item: item).gives is Any


def test_other_parameters_are_found_by_number_or_name():
    assert read(repeat, 1) == read(repeat, "times") == Said("times", int, list[str])


def test_a_parameter_that_is_not_there_says_nothing():
    assert read(repeat, 2) == read(repeat, "again") == Said(gives=list[str])


def test_arguments_beyond_the_named_ones_are_those_of_the_stars():
    def add(first: str, *rest: int, **named: bytes) -> float: ...

    assert [read(add, which).takes for which in (0, 1, 2, "other", "first")] == [str, int, int, bytes, str]


def test_a_parameter_that_is_none_by_default_takes_none():
    def count(word: str = None, *, start: int = None) -> int: ...  # noqa: RUF013  (as people write it)

    assert read(count).takes == Optional[str]
    assert read(count, "start").takes == Optional[int]


def test_annotations_are_looked_through():
    def measure(word: Annotated[str, "in lower case"]) -> Annotated[int, "in metres"]: ...

    assert read(measure) == Said("word", str, int)


def test_a_name_that_only_type_checkers_know_hides_nothing_but_itself():
    def round_down(number: Decimal) -> int: ...

    assert read(round_down) == Said("number", Any, int)


@pytest.mark.parametrize("text", ["a word, in lower case", "1 / 0", "print)", "missing.name"])
def test_an_annotation_that_is_no_type_says_nothing(text):
    def speak(word): ...

    speak.__annotations__ = {"word": text, "return": int}

    assert read(speak) == Said("word", Any, int)


def test_a_function_that_wants_no_checks_says_nothing():
    @no_type_check
    def speak(word: str) -> int: ...

    assert read(speak) == Said("word")


# -- dress -----------------------------------------------------------------------------------------------------------


def test_a_bound_method_takes_what_comes_after_self():
    assert read(Scale(2.0).back) == Said("number", float, int)


def test_a_class_method_and_a_static_method():
    assert read(Scale.like) == read(Scale(2.0).like) == Said("text", str, Scale)
    assert read(Scale.name) == read(Scale(2.0).name) == Said("number", bytes, str)


def test_a_method_of_a_class_takes_what_self_says():
    assert read(Scale.back) == Said("self", Any, int)


def test_a_callable_object_takes_what_its_call_takes():
    assert read(Scale(2.0)) == Said("number", int, float)


def test_bound_arguments_are_skipped():
    assert read(functools.partial(repeat, "a")) == Said("times", int, list[str])
    assert read(functools.partial(repeat, times=3)) == Said("word", str, list[str])
    assert read(functools.partial(functools.partial(repeat), "a")).parameter == "times"
    assert read(functools.partial(Scale.back, Scale(2.0))) == Said("number", float, int)


def test_a_call_that_would_give_an_argument_twice_says_only_what_it_would_give():
    assert read(functools.partial(repeat, word="a")) == Said(gives=list[str])


def test_a_cache_changes_no_types():
    assert read(functools.lru_cache(maxsize=3)(repeat)) == read(repeat)


def test_a_function_in_the_clothes_of_another_says_nothing():
    """`functools.wraps` copies the hints, also where the wrapper changes what they say."""

    def for_each(function):
        @functools.wraps(function)
        def call(items):
            return [function(item) for item in items]

        return call

    @contextlib.contextmanager
    def opened(path: str) -> Iterator[int]:
        yield 1

    assert read(for_each(repeat)) == Said()
    assert read(opened) == Said()


def test_a_function_of_python_itself_says_nothing():
    assert read(len) == read(dict.fromkeys) == read(reversed) == Said()


def test_a_method_of_a_built_in_class_takes_instances_of_it():
    assert read(str.upper) == Said("self", str, Any)


def test_a_task_that_is_a_class_takes_what_the_call_of_its_instances_takes():
    assert read(task(Scale)(2.0).function) == Said("number", int, float)
    assert read(task(Scale)(2.0).bind().function) == Said("number", int, float)


# -- classes ---------------------------------------------------------------------------------------------------------


def test_a_class_takes_what_its_init_takes_and_gives_instances():
    assert read(Scale) == Said("by", float, Scale)


def test_a_built_in_class_takes_many_things_and_gives_instances():
    assert (read(str), read(list)) == (Said(gives=str), Said(gives=list))


def test_a_class_that_makes_its_instances_in_a_way_of_its_own_says_nothing():
    class Colour(Enum):
        RED = 1

    class Point(NamedTuple):
        x: int

    class Meta(type):
        def __call__(cls, text):
            return 3

    class Number(metaclass=Meta):
        pass

    assert read(Colour) == read(Point) == read(Number) == read(Path) == Said()
