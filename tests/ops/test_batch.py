"""`batch`: items gathered into lists."""

import pytest

import skorche
from skorche import GraphError, Pipeline, Queue
from skorche.ops.batch import Batching
from skorche.testing import drive


def test_items_are_gathered_into_lists():
    made = drive(skorche.batch, "abcdef", batch_size=3)

    assert made == [["a", "b", "c"], ["d", "e", "f"]]


def test_a_short_last_batch_is_kept():
    made = drive(skorche.batch, "abcd", batch_size=3)

    assert made == [["a", "b", "c"], ["d"]]


def test_no_items_give_no_batch():
    made = drive(skorche.batch, [], batch_size=3)

    assert made == []


def test_full_batches_leave_no_empty_one_behind():
    made = drive(skorche.batch, "abcd", batch_size=2)

    assert made == [["a", "b"], ["c", "d"]]


def test_a_batch_holds_one_item_unless_told_otherwise():
    made = drive(skorche.batch, "ab")

    assert made == [["a"], ["b"]]


def test_fewer_items_than_a_batch_are_one_batch():
    made = drive(skorche.batch, "ab", batch_size=1_000_000)

    assert made == [["a", "b"]]


def test_none_is_a_member_like_others():
    made = drive(skorche.batch, [None, None, None], batch_size=2)

    assert made == [[None, None], [None]]


def test_batches_can_be_batched():
    with Pipeline() as pipeline:
        pairs = skorche.batch(Queue(fixed_inputs=range(7)), batch_size=2)
        made = skorche.batch(pairs, batch_size=2)
    pipeline.run(engine="inline").wait()

    assert made.flush() == [[[0, 1], [2, 3]], [[4, 5], [6]]]


def test_nested_batches_unbatch_to_the_items_in_input_order():
    with Pipeline() as pipeline:
        nested = skorche.batch(skorche.batch(Queue(fixed_inputs=range(7)), batch_size=2), batch_size=2)
        made = skorche.unbatch(skorche.unbatch(nested))
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == list(range(7))
    assert (report.admitted, report.delivered) == (7, 7)


def test_members_stand_in_input_order_whatever_the_order_of_arrival():
    batching = Batching(3, eager=False)

    first, _ = batching.feed(["c", "a"], [7, 2])
    then, places = batching.feed(["b"], [5])

    assert (first, then) == ([], [["a", "b", "c"]])
    assert places == [(2, 5, 7)]


def test_a_batch_stands_where_its_first_member_stood():
    with Pipeline() as pipeline:
        odd, even = skorche.split(lambda number: number % 2, Queue(fixed_inputs=range(8)))
        made = skorche.merge((skorche.batch(odd, batch_size=2), skorche.batch(even, batch_size=2)))
    pipeline.run(engine="inline").wait()

    assert made.flush() == [[0, 2], [1, 3], [4, 6], [5, 7]]


def test_without_fill_batch_a_lonely_item_does_not_wait_for_company():
    with Pipeline() as pipeline:
        letters = Queue(name="letters")
        made = skorche.batch(letters, batch_size=100, fill_batch=False)

    with pipeline.run(engine="inline"):
        letters.put("a")
        first = made.get(timeout=10)
        letters.put("b")
        second = made.get(timeout=10)

    assert (first, second) == (["a"], ["b"])


def test_without_fill_batch_no_list_is_empty_or_too_long():
    made = drive(skorche.batch, range(100), batch_size=3, fill_batch=False)

    assert [item for members in made for item in members] == list(range(100))
    assert {len(members) for members in made} <= {1, 2, 3}


def test_members_are_counted():
    with Pipeline() as pipeline:
        skorche.batch(Queue(fixed_inputs="abcde"), batch_size=3)
    report = pipeline.run(engine="inline").wait()

    tally = report.nodes["Batch(3)"]
    assert (tally.received, tally.emitted, tally.members) == (5, 2, 5)
    assert (report.admitted, report.delivered) == (5, 5)


def test_a_failed_batch_is_one_failure_and_fails_all_its_members():
    def refuse_b(letters):
        if "b" in letters:
            raise ValueError("no b")
        return letters

    with Pipeline() as pipeline:
        made = skorche.map(refuse_b, skorche.batch(Queue(fixed_inputs="abcd"), batch_size=2))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == [["c", "d"]]
    assert [failure.item for failure in report.failures] == [["a", "b"]]
    assert (report.admitted, report.delivered, report.failed) == (4, 2, 2)


@pytest.mark.parametrize("size", [0, -1, 2.5, "3", None])
def test_a_size_that_no_item_fits_into_is_refused(size):
    with pytest.raises(GraphError) as caught:
        skorche.batch(Queue(), batch_size=size)

    assert str(caught.value) == (
        f"batch was given batch_size={size!r}.\n  Why:  no item fits into such a batch.\n  Mend: give 1 or more."
    )


def test_the_size_is_given_by_name():
    with pytest.raises(TypeError):
        skorche.batch(Queue(), 10)
