"""`tee`: every item to every branch."""

import pytest

import skorche
from skorche import GraphError, Pipeline, Queue
from skorche.testing import drive


def test_every_item_goes_to_every_branch():
    made = drive(skorche.tee, "ab", n=3)

    assert made == (["a", "b"], ["a", "b"], ["a", "b"])


def test_the_branches_get_the_same_object():
    item = object()

    ((left,), (right,)) = drive(skorche.tee, [item])

    assert left is item
    assert right is item


def test_no_items_give_empty_branches():
    assert drive(skorche.tee, []) == ([], [])


def test_a_source_item_counts_once_by_the_worst_end_of_its_copies():
    with Pipeline() as pipeline:
        left, right = skorche.tee(Queue(fixed_inputs=range(10)))
        skorche.filter(lambda number: number % 2, left)
        kept = skorche.filter(lambda number: number > 4, right)
    report = pipeline.run(engine="inline").wait()

    assert kept.flush() == [5, 6, 7, 8, 9]
    assert (report.admitted, report.delivered, report.filtered) == (10, 7, 3)
    assert (report.nodes["Tee"].received, report.nodes["Tee"].emitted) == (10, 20)


def test_a_copy_that_fails_fails_the_source_item():
    with Pipeline() as pipeline:
        left, right = skorche.tee(Queue(fixed_inputs=[1, 0, 2]))
        halves = skorche.map(lambda number: 2 / number, left)
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert (halves.flush(), right.flush()) == ([2.0, 1.0], [1, 0, 2])
    assert (report.delivered, report.failed) == (2, 1)


def test_batches_are_teed_whole():
    with Pipeline() as pipeline:
        left, right = skorche.tee(skorche.batch(Queue(fixed_inputs=range(4)), batch_size=3))
        flat = skorche.unbatch(right)
    pipeline.run(engine="inline").wait()

    assert (left.flush(), flat.flush()) == ([[0, 1, 2], [3]], [0, 1, 2, 3])


def test_the_slowest_branch_holds_up_the_source():
    given = []

    def numbers():
        for number in range(10_000):
            given.append(number)
            yield number

    with Pipeline() as pipeline:
        slow, fast = skorche.tee(Queue(fixed_inputs=numbers()), queue_out=[Queue(maxsize=5), None])
    with pipeline.run() as run:
        assert [slow.get() for _ in range(20)] == list(range(20))
        assert len(given) <= 20 + 5 + 1
        assert next(iter(fast)) == 0
        assert slow.flush() == list(range(20, 10_000))
    assert run.report.delivered == 10_000


def test_a_second_reader_is_told_of_tee():
    with Pipeline():
        queue = Queue(name="images", fixed_inputs=[1])
        skorche.map(abs, queue)

        with pytest.raises(GraphError, match="tee it when both need every item"):
            skorche.map(abs, queue)


@pytest.mark.parametrize("n", [1, 0, -1, 2.0, True, "2"])
def test_fewer_than_two_branches_are_refused(n):
    with Pipeline(), pytest.raises(GraphError, match="give 2 or more"):
        skorche.tee(Queue(fixed_inputs=[]), n=n)


def test_a_queue_for_each_branch_is_wanted():
    with Pipeline(), pytest.raises(GraphError, match="2 queues as queue_out for n=3 branches"):
        skorche.tee(Queue(fixed_inputs=[]), n=3, queue_out=[Queue(), Queue()])


def test_branches_can_be_named():
    left = Queue(name="left")
    with Pipeline():
        made = skorche.tee(Queue(fixed_inputs=[]), queue_out=[left, None])

    assert made[0] is left


def test_branches_that_meet_at_once_share_the_room_behind():
    with Pipeline() as pipeline:
        made = skorche.merge(skorche.tee(Queue(fixed_inputs=range(100))), queue_out=Queue(maxsize=4))
    with pipeline.run() as run:
        assert made.get(timeout=10) == 0
        assert run.statistics()["Merge"].emitted <= 1 + 4 + 1
        assert sorted(made.flush()) == sorted([*range(100)] * 2)[1:]
