"""Results that wait for users: how what was read is told to the run, which may then bring more."""

import pytest

from skorche.port import Outbox


def read_all(maxsize: int | None, pieces: list[int]) -> list[list[int]]:
    """What was told after each item that was read; pieces of so many items come, each when the last one was read."""
    told: list[int] = []
    outbox: Outbox[int] = Outbox(maxsize, told.append)
    after = []
    for size in pieces:
        outbox.deliver(range(size), range(size))
        for _ in range(size):
            outbox.next()
            after.append(told[:])
            told.clear()
    return after


def test_a_reader_tells_of_an_eighth_at_once():
    assert read_all(24, [9]) == [[], [], [3], [], [], [3], [], [], [3]]


def test_who_has_read_all_there_is_tells_so():
    assert read_all(80, [3, 1, 2]) == [[], [], [3], [1], [], [2]]


@pytest.mark.parametrize("maxsize", [1, 7, 15])
def test_of_a_small_output_each_item_is_told(maxsize: int):
    assert read_all(maxsize, [5]) == [[1]] * 5


def test_of_an_output_without_a_bound_nothing_is_told():
    assert read_all(None, [5]) == [[]] * 5
