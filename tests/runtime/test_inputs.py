"""What a run is given, as the coordinator asks for it."""

from typing import Any

import pytest

from skorche.errors import RunCancelled
from skorche.kernel import Items
from skorche.runtime.inputs import Inputs, RangeInput
from skorche.runtime.turns import Turns

CANCELLED = RunCancelled("the run was cancelled.", "", "")


class Late:
    """An input that has ended when it is asked, and then has something more."""

    error = None
    sized, ended = True, True
    length = 3

    def __init__(self, *portions: Items) -> None:
        self._portions = list(portions)

    def ask(self, count: int) -> None: ...

    def take(self) -> Items:
        return self._portions.pop(0)

    def stop(self, error: BaseException) -> None: ...

    def finish(self) -> None: ...


def ranged(numbers: range) -> tuple[RangeInput, list[str]]:
    """An input, and how often it has woken the run."""
    woken: list[str] = []
    return RangeInput(numbers, lambda: woken.append("woken")), woken


def test_a_range_gives_what_was_asked_for_and_no_more():
    one, woken = ranged(range(10))

    one.ask(3)
    first = one.take()
    unasked = one.take()
    one.ask(1)
    one.ask(1)

    assert (first, unasked, one.take()) == (range(3), range(0), range(3, 5))
    assert woken == ["woken"] * 3
    assert not one.ended


@pytest.mark.parametrize("asked", [4, 5], ids=["all", "more"])
def test_a_range_has_ended_with_its_last_number(asked: int):
    one, _ = ranged(range(0, 8, 2))

    one.ask(asked)

    assert one.length == 4
    assert [*one.take()] == [0, 2, 4, 6]
    assert one.ended


def test_a_range_that_is_stopped_ends_at_once_and_says_so():
    one, woken = ranged(range(10))
    one.ask(5)

    one.stop(CANCELLED)

    assert one.ended
    assert not one.take()
    assert woken == ["woken"] * 2


def test_a_range_without_an_end_in_sight_has_no_length():
    one, _ = ranged(range(10**30))

    assert one.length is None
    assert not one.sized


@pytest.mark.parametrize(
    ("portions", "items"),
    [(([1], [2, 3]), [1, 2, 3]), ((range(1, 2), [2, 3]), [1, 2, 3]), (([1], []), [1])],
    ids=["lists", "a range and a list", "nothing more"],
)
def test_what_comes_between_two_looks_at_an_input_that_ends_is_not_lost(portions: tuple[Any, ...], items: list[int]):
    inputs = Inputs()
    inputs.open([lambda own, users: Late(*portions)], Turns(lambda events: None, print), lambda source: None)

    fed = inputs.read(0)

    assert fed is not None
    assert (fed.items, fed.ended) == (items, True)
    assert inputs.read(0) is None
