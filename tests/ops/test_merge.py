"""`merge`: several queues into one."""

import pytest

import skorche
from skorche import GraphError, Queue
from skorche.testing import drive


def test_all_items_of_all_queues_come_out():
    made = drive(skorche.merge, [1, 2], [10, 20], [100])

    assert made == [1, 2, 10, 20, 100]


def test_flush_puts_the_queue_that_was_declared_first_first():
    with skorche.Pipeline() as pipeline:
        sooner, later = Queue(fixed_inputs=[1, 2]), Queue(fixed_inputs=[10, 20])
        copied = skorche.map(lambda item: item, later)
        made = skorche.merge((copied, sooner))
    pipeline.run(engine="inline").wait()

    assert made.flush() == [1, 2, 10, 20]


def test_one_queue_passes_through():
    made = skorche.testing.drive(lambda queue: skorche.merge((queue,)), [1, 2])

    assert made == [1, 2]


def test_a_queue_alone_stands_for_a_tuple_of_it():
    made = drive(skorche.merge, [1, 2])

    assert made == [1, 2]


def test_an_empty_queue_adds_nothing():
    made = drive(skorche.merge, [], [1])

    assert made == [1]


def test_a_list_of_queues_will_do():
    with skorche.Pipeline() as pipeline:
        made = skorche.merge([Queue(fixed_inputs=[1]), Queue(fixed_inputs=[2])])
    pipeline.run(engine="inline").wait()

    assert made.flush() == [1, 2]


def test_merges_of_merges_keep_every_item_once():
    with skorche.Pipeline() as pipeline:
        queues = [Queue(fixed_inputs=range(10 * start, 10 * start + 10)) for start in range(4)]
        made = skorche.merge((skorche.merge(queues[:2]), skorche.merge(queues[2:])))
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == list(range(40))
    assert (report.admitted, report.delivered) == (40, 40)


def test_no_queues_are_refused():
    with pytest.raises(GraphError) as caught:
        skorche.merge(())

    assert str(caught.value) == (
        "merge was given no queues.\n  Why:  there is nothing to merge.\n  Mend: give a tuple of queues."
    )


def test_a_queue_given_twice_is_refused(told):
    numbers = Queue(name="numbers")

    with pytest.raises(GraphError) as caught:
        skorche.merge((numbers, numbers))

    assert told(caught).startswith("op 'Merge' (here) consumes queue 'numbers', which it consumes already.\n")


def test_a_queue_that_is_consumed_elsewhere_is_refused(told):
    numbers = Queue(name="numbers")
    skorche.map(abs, numbers)

    with pytest.raises(GraphError) as caught:
        skorche.merge((Queue(), numbers))

    assert told(caught).startswith(
        "op 'Merge' (here) consumes queue 'numbers', which task 'abs' (here) consumes already.\n"
    )


def test_items_in_place_of_queues_are_refused(told):
    with pytest.raises(GraphError) as caught:
        skorche.merge(([1], [2]))

    assert told(caught).startswith("op 'Merge' (here) was given [1] where a queue belongs.\n")
