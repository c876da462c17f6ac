"""What operators may say of types: the words their rules are made of."""

from typing import Any

import pytest

import skorche
from skorche import GraphError
from skorche.graph import declare
from skorche.hints.items import Items, Rule
from skorche.ops.merge import Passing
from skorche.queue import Queue


@skorche.task
def size(word: str) -> int:
    return len(word)


@skorche.task
def name(number: int) -> str:
    return f"number {number}"


@skorche.task
def add(total: int, item: int, *, note: bytes = b"") -> int:
    return total + item


def words_of(line: str) -> list[str]:
    return line.split()


def hints(items: Items) -> list[Any]:
    return [given.hint for given in items.given]


NUMBERS, TEXTS = Items().through(size), Items().through(name)


def test_nothing_is_known_at_first():
    assert hints(Items()) == [Any]


def test_a_task_gives_what_its_hint_says_whatever_it_takes():
    assert hints(Items().through(size)) == [int]


@pytest.mark.parametrize(("parameter", "takes"), [(0, "total: int"), (1, "item: int"), ("note", "note: bytes")])
def test_items_may_be_any_parameter_of_a_task(parameter, takes):
    with pytest.raises(GraphError, match=f"it takes {takes}, but it would be given str"):
        TEXTS.through(add, parameter)


def test_a_task_that_unpacks_takes_each_member_as_a_parameter():
    unpacking = add.options(unpack=True)

    assert hints(NUMBERS.beside(NUMBERS).through(unpacking)) == [int]
    assert hints(TEXTS.through(unpacking)) == [int]  # a text of two letters may be two of anything
    with pytest.raises(GraphError, match="it takes item: int, but it would be given str"):
        NUMBERS.beside(TEXTS).through(unpacking)


def test_side_by_side_they_are_tuples():
    assert hints(NUMBERS.beside(TEXTS, Items())) == [tuple[int, str, Any]]
    assert hints(NUMBERS.merged(TEXTS).beside(TEXTS)) == [tuple[int | str, str]]


def test_gathered_they_are_lists_of_either():
    assert hints(NUMBERS.merged(TEXTS).gathered()) == [list[int | str]]
    assert hints(NUMBERS.merged(Items()).gathered()) == [list[Any]]


def test_merged_they_keep_their_types_once_for_each_task():
    assert hints(NUMBERS.merged(TEXTS, NUMBERS)) == [int, str]


def test_selected_from_a_mixture_they_are_of_one_type_or_the_other():
    assert hints(NUMBERS.merged(TEXTS).selected()) == [int | str]


def test_who_cannot_iterate_them_is_named():
    with pytest.raises(GraphError, match="flat_map cannot iterate what task 'size' "):
        NUMBERS.elements("flat_map")


def operator(rule: Rule | None, *queues: Queue[Any]) -> Queue[Any]:
    """An operator of one's own."""
    (made,) = declare("Own", "Own", queues, [None], regrouping=Passing, types=rule)
    return made


def test_an_operator_without_a_rule_says_nothing():
    made = operator(None, skorche.map(size, Queue()))

    skorche.map(size, made)


def test_an_operator_with_a_rule_is_told_of(told):
    made = operator(
        lambda *items: (items[0].beside(*items[1:]),), skorche.map(size, Queue()), skorche.map(name, Queue())
    )

    with pytest.raises(GraphError) as caught:
        skorche.map(size, made)

    assert told(caught).startswith(
        "task 'size' (here) cannot take what task 'size' (here) and task 'name' (here) gives.\n"
        "  Why:  by its hint it takes word: str, "
        "but it would be given tuple[int, str], which Own made of Union[int, str].\n"
    )
