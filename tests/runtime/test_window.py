"""A stage that keeps order: results wait for all that entered before them."""

from typing import Any

from skorche.place import Group
from skorche.runtime.order import Origin, Window


def land(window: Window, origins: list[Origin], *items: Any) -> None:
    """Results for the first port, one per origin, with their positions as places."""
    indices = range(len(items))
    window.add(origins, 0, items, indices, indices)
    for slot, _ in origins:
        slot.pending -= 1


def left(window: Window) -> list[Any]:
    """The items of the first port that may leave, in order."""
    return [item for slot in window.complete() for _, item, _ in slot.parts[0]]


def test_results_wait_for_those_before_them():
    window = Window(ports=1)
    first, second = window.open(1, [1]), window.open(1, [1])

    land(window, second, "b")
    early = left(window)
    land(window, first, "a")

    assert early == []
    assert left(window) == ["a", "b"]
    assert len(window) == 0


def test_an_item_that_is_tried_again_keeps_its_slot_open_and_its_position():
    window = Window(ports=1)
    origins = window.open(3, [3])

    land(window, [origins[0], origins[2]], "a", "c")
    early = left(window)
    land(window, [origins[1]], "b")

    assert early == []
    assert left(window) == ["a", "b", "c"]


def test_a_slot_in_which_nothing_is_left_lets_the_next_one_pass():
    window = Window(ports=1)
    empty, full = window.open(1, [1]), window.open(1, [1])

    land(window, full, "b")
    empty[0][0].pending -= 1

    assert left(window) == ["b"]


def test_the_elements_of_an_item_leave_in_their_order():
    window = Window(ports=1)
    origins = window.open(2, [2])

    window.add(origins, 0, ["b0", "b1", "a0"], [(1, 0), (1, 1), (0, 0)], [(1, 0), (1, 1), (0, 0)])
    origins[0][0].pending = 0

    assert left(window) == ["a0", "b0", "b1"]


def test_the_halves_of_a_divided_batch_leave_in_order_whichever_comes_first():
    window = Window(ports=1)
    ((slot, position),) = window.open(1, [1])
    slot.divide()

    window.add([(slot, position)], 0, ["second half"], [0], [Group([2, 3])])
    slot.pending -= 1
    early = left(window)
    window.add([(slot, position)], 0, ["first half"], [0], [Group([0, 1])])
    slot.pending -= 1

    assert early == []
    assert left(window) == ["first half", "second half"]


def test_a_divided_batch_needs_room_for_two():
    window = Window(ports=2)
    ((slot, _),) = window.open(1, [1, 4])

    slot.divide()

    assert slot.holds == [2, 5]
