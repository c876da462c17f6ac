"""`filter`: only the items for which a predicate is true."""

import pytest

import skorche
from skorche import GraphError, Pipeline, Queue
from skorche.testing import drive


class Undecided:
    """Neither true nor false."""

    def __bool__(self):
        raise RuntimeError("neither")


def test_items_for_which_the_predicate_is_true_stay():
    made = drive(skorche.filter, [1, 2, 3, 4], predicate_fn=lambda number: number % 2 == 0)

    assert made == [2, 4]


def test_truthiness_counts():
    made = drive(skorche.filter, ["a", "", None, "b"], predicate_fn=lambda item: item)

    assert made == ["a", "b"]


def test_a_predicate_that_returns_nothing_keeps_nothing():
    made = drive(skorche.filter, [1, 2], predicate_fn=lambda item: None)

    assert made == []


def test_none_stays_if_the_predicate_says_so():
    made = drive(skorche.filter, [None, 1], predicate_fn=lambda item: item is None)

    assert made == [None]


def test_a_predicate_that_remembers_leaves_out_what_it_has_seen():
    seen = set()

    def is_new(item):
        return not (item in seen or seen.add(item))

    made = drive(skorche.filter, "abacab", predicate_fn=is_new)

    assert made == ["a", "b", "c"]


def test_filtered_items_are_counted():
    with Pipeline() as pipeline:
        skorche.filter(lambda number: number > 7, Queue(fixed_inputs=range(10)))
    report = pipeline.run(engine="inline").wait()

    assert (report.ok, report.admitted, report.delivered, report.filtered) == (True, 10, 2, 8)


def test_filters_that_travel_together_account_for_what_each_leaves_out():
    with Pipeline() as pipeline:
        odd = skorche.filter(lambda number: number % 2, Queue(fixed_inputs=range(100)), fuse=True)
        kept = skorche.filter(lambda number: number % 3, odd, fuse=True)
        skorche.map(abs, kept)

    report = pipeline.run().wait()

    assert (report.admitted, report.filtered, report.delivered) == (100, 67, 33)


def test_a_predicate_that_raises_fails_the_item():
    with Pipeline() as pipeline:
        made = skorche.filter(lambda number: 1 / number > 0.3, Queue(fixed_inputs=[1, 0, 2, 5]))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == [1, 2]
    assert [(failure.node, failure.item) for failure in report.failures] == [("Filter(<lambda>)", 0)]


def test_a_verdict_that_is_neither_true_nor_false_fails_the_item_itself():
    verdicts = {1: True, 2: Undecided(), 3: 1}

    with Pipeline() as pipeline:
        made = skorche.filter(verdicts.get, Queue(fixed_inputs=[1, 2, 3]))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == [1, 3]
    assert [(failure.item, str(failure.error)) for failure in report.failures] == [(2, "neither")]


def test_filter_is_the_true_branch_of_split():
    def is_even(number):
        return number % 2 == 0

    kept = drive(skorche.filter, range(9), predicate_fn=is_even)
    branch, _ = drive(skorche.split, range(9), predicate_fn=is_even)

    assert kept == branch == [0, 2, 4, 6, 8]


def test_queue_out_is_the_queue_returned():
    outputs = Queue(name="outputs")

    made = skorche.filter(bool, Queue(), queue_out=outputs)

    assert made is outputs


def test_a_predicate_that_cannot_be_called_is_refused():
    with pytest.raises(GraphError) as caught:
        skorche.filter(None, Queue())

    assert str(caught.value) == (
        "filter was given None as predicate_fn.\n"
        "  Why:  NoneType objects cannot be called.\n"
        "  Mend: give a function of one item."
    )
