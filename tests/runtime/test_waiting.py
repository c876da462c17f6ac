"""Items in line, in the pieces they came in."""

import weakref

import pytest

from skorche.kernel import Items
from skorche.place import Places
from skorche.runtime.chunk import Waiting


def line(*pieces: tuple[Items, Places]) -> Waiting:
    waiting = Waiting()
    for items, places in pieces:
        waiting.add(items, places)
    return waiting


def test_items_leave_in_the_order_they_came():
    waiting = line((["a", "b"], range(2)), (["c"], range(2, 3)))

    taken = [waiting.take(1), waiting.take(1), waiting.take(1)]

    assert [items for items, _ in taken] == [["a"], ["b"], ["c"]]
    assert waiting.count == 0


def test_places_stay_a_range_within_a_piece():
    waiting = line((["a", "b", "c"], range(5, 8)))

    assert waiting.take(2) == (["a", "b"], range(5, 7))
    assert waiting.take(2) == (["c"], range(7, 8))


def test_places_stay_a_range_across_pieces_that_follow_each_other():
    waiting = line((["a", "b"], range(2)), (["c", "d"], range(2, 4)))

    assert waiting.take(3) == (["a", "b", "c"], range(3))
    assert waiting.count == 1


def test_places_are_listed_where_pieces_do_not_follow_each_other():
    waiting = line((["a"], range(1)), (["b"], range(7, 8)), (["c"], [(3, 1)]))

    items, places = waiting.take(3)

    assert (items, list(places)) == (["a", "b", "c"], [0, 7, (3, 1)])


def test_taking_more_than_there_is_gives_what_there_is():
    waiting = line((["a"], range(1)), (["b"], range(1, 2)))

    assert waiting.take(10)[0] == ["a", "b"]
    assert waiting.count == 0


def test_taking_leaves_the_pieces_of_others_alone():
    mine = ["a", "b"]
    waiting = line((mine, range(2)), (["c"], range(2, 3)))

    waiting.take(3)

    assert mine == ["a", "b"]


def test_draining_gives_everything_and_nothing_when_there_is_nothing():
    waiting = line((["a"], range(1)), (["b"], range(1, 2)))

    assert waiting.drain()[0] == ["a", "b"]
    assert waiting.drain() == ([], [])


def test_items_stay_a_range_across_the_parts_of_one():
    waiting = line((range(0, 6, 3), range(2)), (range(6, 12, 3), range(2, 4)))

    assert waiting.take(3) == (range(0, 9, 3), range(3))
    assert waiting.take(3) == (range(9, 12, 3), range(3, 4))


@pytest.mark.parametrize(
    ("first", "other"),
    [
        pytest.param(range(4), range(7, 9), id="a gap"),
        pytest.param(range(4), range(4, 8, 2), id="other steps"),
        pytest.param(range(0, 10, 3), range(10, 16, 3), id="an end that is not reached"),
        pytest.param(range(4), [4, 5], id="a list"),
    ],
)
def test_items_are_listed_where_a_range_is_followed_by_something_else(first, other):
    waiting = line((first, range(4)), (other, range(4, 6)))

    assert waiting.take(6) == ([*first, *other], range(6))


class Counted(list):
    """A list that says how many items of it, and of its parts, were copied."""

    copied = 0

    def __getitem__(self, index):
        found = super().__getitem__(index)
        if not isinstance(index, slice):
            return found
        Counted.copied += len(found)
        return Counted(found)


@pytest.mark.parametrize("size", [1, 7, 300])
def test_what_is_copied_grows_with_the_items_and_not_with_the_chunks(size):
    count = 20_000
    waiting = line((Counted(range(count)), range(count)))
    Counted.copied, taken = 0, []

    while waiting.count:
        items, places = waiting.take(size)
        assert items == list(places)
        taken += items

    assert taken == list(range(count))
    assert Counted.copied < 3 * count + 300 * 300


class Thing:
    """What can be looked at from outside, to see whether it is still there."""


def test_what_was_taken_is_let_go_when_half_of_a_piece_is_gone():
    things = [Thing() for _ in range(4000)]
    seen = [weakref.ref(thing) for thing in things]
    waiting = line((things, range(4000)))
    del things

    for _ in range(21):
        waiting.take(100)

    assert sum(one() is not None for one in seen) < 2100


@pytest.mark.parametrize("taken", [0, 1, 300, 2000])
def test_what_is_put_back_comes_first_and_nothing_is_lost(taken):
    waiting = line((list(range(4000)), range(4000)), ([4000], range(4000, 4001)))
    first, _ = waiting.take(taken) if taken else ([], ())

    waiting.put_back(first, range(len(first)))

    assert waiting.count == 4001
    assert waiting.drain()[0] == list(range(4001))


def test_a_large_piece_behind_a_small_one_is_taken_in_part():
    waiting = line(([0], range(1)), (list(range(1, 4001)), range(1, 4001)))

    assert waiting.take(1000) == (list(range(1000)), range(1000))
    assert waiting.take(2) == ([1000, 1001], range(1000, 1002))
    assert waiting.drain() == (list(range(1002, 4001)), range(1002, 4001))
