"""A run checks its own account, and names what does not add up."""

import pytest

import skorche
from skorche.errors import InternalError

from .driving import Hand, by_hand


def nearly_done() -> Hand:
    """A run of two items that has ended but for its source's word that it has."""
    with by_hand() as drive:
        skorche.filter(abs, skorche.map(skorche.task(name="double")(lambda number: 2 * number), skorche.Queue()))
    hand = drive()
    assert isinstance(hand, Hand)
    (out,) = hand.feed(1)
    hand.work(out)
    (out,) = hand.feed(0)
    hand.work(out)
    return hand


def test_an_honest_account_is_accepted():
    hand = nearly_done()

    hand.finish()

    assert hand.scheduler.finished
    assert hand.delivered == [2]


@pytest.mark.parametrize("counter", ["received", "passed", "filtered", "failed", "cancelled", "divided"])
@pytest.mark.parametrize(("node", "name"), [(0, "double"), (1, "Filter(abs)")])
def test_a_wrong_count_is_an_error_that_names_the_node(counter: str, node: int, name: str):
    hand = nearly_done()
    tally = hand.scheduler.books.tallies[node]
    setattr(tally, counter, getattr(tally, counter) + 1)

    with pytest.raises(InternalError, match="the account of the run does not add up") as raised:
        hand.finish()

    assert f"{name}: received" in raised.value.what
    assert raised.value.mend == "This is a bug in skorche: please report it."


def test_an_item_lost_between_two_nodes_is_an_error():
    hand = nearly_done()
    hand.scheduler.books.tallies[0].emitted += 1

    with pytest.raises(InternalError, match="6 items left a node or a source, 5 came to a node or an end"):
        hand.finish()


def test_a_source_item_without_an_end_is_an_error():
    hand = nearly_done()
    hand.scheduler.books.ledger.admitted += 1

    with pytest.raises(InternalError, match="admitted 3 != ended 2"):
        hand.finish()


def test_a_source_item_with_a_living_descendant_is_an_error():
    hand = nearly_done()
    hand.scheduler.books.ledger.expand(99, 2)

    with pytest.raises(InternalError, match="1 open"):
        hand.finish()


def test_room_that_is_still_held_is_an_error():
    with by_hand() as drive:
        skorche.map(abs, skorche.map(abs, skorche.Queue()))
    hand = drive()
    hand.scheduler.parts.stages[1].edge.hold(3)

    with pytest.raises(InternalError, match=r"room for \[3\] items is still held"):
        hand.finish()
