"""Each source item is counted once, by the worst end that any of its descendants met."""

from skorche.compact import Elements
from skorche.place import Group
from skorche.runtime.ledger import End, Ledger


def ends(ledger: Ledger) -> dict[str, int]:
    return {end.name.lower(): count for end, count in ledger.ended.items() if count}


def test_plain_items_end_in_one_addition():
    ledger = Ledger()

    ledger.end(range(3, 8), End.DELIVERED)

    assert ends(ledger) == {"delivered": 5}
    assert ledger.open_roots == 0


def test_an_expanded_item_ends_once_with_its_last_descendant():
    ledger = Ledger()
    ledger.expand(7, 3)

    ledger.end([(7, 0), (7, 1)], End.DELIVERED)
    before = ends(ledger)
    ledger.end([(7, 2)], End.DELIVERED)

    assert before == {}
    assert ends(ledger) == {"delivered": 1}
    assert ledger.open_roots == 0


def test_the_worst_end_of_any_descendant_counts():
    ledger = Ledger()
    ledger.expand(7, 4)

    ledger.end([(7, 0)], End.FILTERED)
    ledger.end([(7, 1)], End.FAILED)
    ledger.end([(7, 2)], End.CANCELLED)
    ledger.end([(7, 3)], End.DELIVERED)

    assert ends(ledger) == {"failed": 1}


def test_a_filtered_element_does_not_take_the_delivery_of_the_others_away():
    ledger = Ledger()
    ledger.expand(7, 2)

    ledger.end([(7, 0)], End.DELIVERED)
    ledger.end([(7, 1)], End.FILTERED)

    assert ends(ledger) == {"delivered": 1}


def test_an_empty_expansion_is_filtered():
    ledger = Ledger()

    ledger.expand(7, 0)

    assert ends(ledger) == {"filtered": 1}


def test_an_expansion_to_one_item_needs_no_entry():
    ledger = Ledger()

    ledger.expand(7, 1)

    assert ledger.open_roots == 0


def test_a_batch_ends_all_its_members():
    ledger = Ledger()

    ledger.end([Group([1, 2, 3])], End.FAILED)

    assert ends(ledger) == {"failed": 3}


def test_a_batch_that_keeps_its_length_gives_its_members_back():
    ledger = Ledger()
    batch = Group([1, 2])
    ledger.expand(batch, 2)

    ledger.end([1], End.FAILED)
    ledger.end([2], End.DELIVERED)

    assert ends(ledger) == {"failed": 1, "delivered": 1}


def test_the_elements_of_a_batch_that_changed_come_from_all_its_members():
    ledger = Ledger()
    batch = Group([1, 2])
    ledger.expand(batch, 3)

    ledger.end([(batch, 0), (batch, 1)], End.DELIVERED)
    ledger.end([(batch, 2)], End.FAILED)

    assert ends(ledger) == {"failed": 2}
    assert ledger.open_roots == 0


def test_a_batch_of_two_elements_of_one_item_ends_that_item_once():
    ledger = Ledger()
    ledger.expand(7, 2)

    ledger.end([Group([(7, 0), (7, 1)])], End.DELIVERED)

    assert ends(ledger) == {"delivered": 1}
    assert ledger.open_roots == 0


def test_a_failure_that_lives_on_in_a_queue_counts_as_failed_when_it_is_delivered():
    ledger = Ledger()

    ledger.mark(7, End.FAILED)
    before = ends(ledger)
    ledger.end([7], End.DELIVERED)

    assert before == {}
    assert ends(ledger) == {"failed": 1}


def test_plain_items_are_told_apart_from_expanded_ones_in_the_same_chunk():
    ledger = Ledger()
    ledger.expand(1, 2)

    ledger.end(range(3), End.DELIVERED)

    assert ends(ledger) == {"delivered": 2}
    assert ledger.open_roots == 1


def test_copies_of_one_item_end_once_with_the_worst_end_of_any():
    ledger = Ledger()
    ledger.multiply(range(4), 2)

    ledger.end(range(4), End.CANCELLED)
    before = ends(ledger)
    ledger.end([0, 1], End.DELIVERED)
    ledger.end([3, 2], End.FAILED)

    assert before == {}
    assert ends(ledger) == {"cancelled": 2, "failed": 2}
    assert ledger.open_roots == 0


def test_copies_that_end_in_the_same_chunk_are_two():
    ledger = Ledger()
    ledger.multiply([5, 6], 2)

    ledger.end([5, 5, 6, 6], End.DELIVERED)

    assert ends(ledger) == {"delivered": 2}
    assert ledger.open_roots == 0


def test_copies_that_are_joined_again_are_one():
    ledger = Ledger()
    ledger.multiply([1, 2, (3, 0)], 3)

    ledger.join([2, 1], 3)
    ledger.join([(3, 0)], 3)
    ledger.end([1, 2, 3], End.DELIVERED)

    assert ends(ledger) == {"delivered": 3}
    assert ledger.open_roots == 0


def test_a_bad_end_of_one_copy_is_remembered_when_the_others_are_joined():
    ledger = Ledger()
    ledger.multiply(range(2), 3)

    ledger.end(range(2), End.FAILED)
    ledger.join(range(2), 2)
    ledger.end(range(2), End.DELIVERED)

    assert ends(ledger) == {"failed": 2}
    assert ledger.open_roots == 0


def test_elements_of_several_items_end_together():
    ledger = Ledger()
    ledger.expand(7, 2)
    ledger.expand(8, 1)

    ledger.end(Elements([7, 7, 8], [0, 1, 0]), End.DELIVERED)

    assert ends(ledger) == {"delivered": 2}
    assert ledger.open_roots == 0


def test_a_batch_of_which_nobody_knew_how_many_would_come_gives_no_members_back():
    ledger = Ledger()

    ledger.expand(Group([1, 2]), ~2)
    ledger.end([(Group([1, 2]), 0), (Group([1, 2]), 1)], End.DELIVERED)

    assert ends(ledger) == {"delivered": 2}
    assert ledger.open_roots == 0


def test_an_item_may_live_on_beside_its_elements():
    ledger = Ledger()

    ledger.become(7, 2 + 1)
    ledger.end([(7, 0), (7, 1)], End.DELIVERED)
    ledger.become(7, 0)

    assert ends(ledger) == {"delivered": 1}
    assert ledger.open_roots == 0


def test_what_comes_from_no_item_ends_without_a_trace():
    ledger = Ledger()

    ledger.end([(Group(), 3)], End.FAILED)
    ledger.expand((Group(), 3), 5)
    ledger.expand((Group(), 4), 0)

    assert ends(ledger) == {}
    assert ledger.open_roots == 0


def test_an_item_that_is_alone_has_nothing_to_be_joined_with():
    ledger = Ledger()

    ledger.join([1], 1)
    ledger.end([1], End.DELIVERED)

    assert ends(ledger) == {"delivered": 1}
