"""`unbatch`: the elements of each item."""

import pytest

import skorche
from skorche import Pipeline, Queue
from skorche.testing import drive


def test_elements_come_out_one_by_one():
    made = drive(skorche.unbatch, [[1, 2], [3]])

    assert made == [1, 2, 3]


def test_any_iterable_will_do():
    made = drive(skorche.unbatch, [(1, 2), "ab", range(2), {"key": 1}, iter([3])])

    assert made == [1, 2, "a", "b", 0, 1, "key", 3]


def test_nothing_comes_out_of_nothing():
    made = drive(skorche.unbatch, [])

    assert made == []


def test_an_empty_item_counts_as_filtered():
    with Pipeline() as pipeline:
        made = skorche.unbatch(Queue(fixed_inputs=[[], [1], ()]))
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == [1]
    assert (report.ok, report.admitted, report.delivered, report.filtered) == (True, 3, 1, 2)


def test_none_is_an_element_like_others():
    made = drive(skorche.unbatch, [[None, 1], [None]])

    assert made == [None, 1, None]


def test_an_item_that_cannot_be_iterated_fails():
    with Pipeline() as pipeline:
        made = skorche.unbatch(Queue(fixed_inputs=[[1], 5, [2]]))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == [1, 2]
    assert [(failure.node, failure.item, str(failure.error)) for failure in report.failures] == [
        ("Unbatch", 5, "'int' object is not iterable")
    ]


def test_an_iterable_that_raises_half_way_gives_none_of_its_elements():
    def break_off():
        yield 1
        raise OSError("disk on fire")

    with pytest.raises(OSError, match="disk on fire"):
        drive(skorche.unbatch, [break_off()])


def test_unbatch_after_batch_gives_the_items():
    with Pipeline() as pipeline:
        made = skorche.unbatch(skorche.batch(Queue(fixed_inputs=range(10)), batch_size=3))
    pipeline.run(engine="inline").wait()

    assert made.flush() == list(range(10))


def test_a_batch_that_kept_its_length_gives_its_members_their_places_back():
    with Pipeline() as pipeline:
        odd, even = skorche.split(lambda number: number % 2, Queue(fixed_inputs=range(12)))
        batches = [skorche.map(lambda members: members, skorche.batch(queue, batch_size=3)) for queue in (odd, even)]
        made = skorche.merge([skorche.unbatch(queue) for queue in batches])
    pipeline.run(engine="inline").wait()

    assert made.flush() == list(range(12))


def test_a_batch_whose_length_changed_stands_at_its_first_member():
    with Pipeline() as pipeline:
        odd, even = skorche.split(lambda number: number % 2, Queue(fixed_inputs=range(8)))
        sums = skorche.unbatch(skorche.map(lambda pair: [pair[0], *pair], skorche.batch(odd, batch_size=2)))
        made = skorche.merge((even, sums))
    pipeline.run(engine="inline").wait()

    assert made.flush() == [0, 1, 1, 3, 2, 4, 5, 5, 7, 6]


def test_an_expansion_of_an_expansion_keeps_its_order():
    with Pipeline() as pipeline:
        texts = skorche.unbatch(Queue(fixed_inputs=[["ab", "c"], ["def"]]))
        made = skorche.unbatch(texts)
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == ["a", "b", "c", "d", "e", "f"]
    assert (report.admitted, report.delivered) == (2, 2)


def test_elements_that_were_batched_anew_unbatch_in_input_order():
    with Pipeline() as pipeline:
        letters = skorche.unbatch(Queue(fixed_inputs=["abc", "de", "fghi"]))
        made = skorche.unbatch(skorche.batch(letters, batch_size=4))
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == list("abcdefghi")
    assert (report.admitted, report.delivered) == (3, 3)


def test_a_source_item_counts_once_by_the_worst_end_of_its_elements():
    def refuse_zero(number):
        return 1 // number

    with Pipeline() as pipeline:
        skorche.map(refuse_zero, skorche.unbatch(Queue(fixed_inputs=[[1, 0], [1, 1], []])))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert (report.admitted, report.delivered, report.failed, report.filtered) == (3, 1, 1, 1)


def test_elements_are_counted():
    with Pipeline() as pipeline:
        skorche.unbatch(Queue(fixed_inputs=["abc", "de"]))
    report = pipeline.run(engine="inline").wait()

    tally = report.nodes["Unbatch"]
    assert (tally.received, tally.emitted, tally.members) == (2, 5, 5)
