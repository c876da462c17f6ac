"""Order: what `flush` promises always, and what `ordered=True` promises of the stream."""

import threading

import pytest

import skorche
from skorche import Pipeline, Queue

pytestmark = pytest.mark.timeout(60)

PATIENCE = 20.0


class Backwards:
    """A task for four workers that lets the last of the four items finish first."""

    def __init__(self):
        self.done = [threading.Event() for _ in range(5)]
        self.done[4].set()
        self.finished = []

    def __call__(self, number):
        assert self.done[number + 1].wait(PATIENCE)
        self.finished.append(number)
        self.done[number].set()
        return number


def test_ordered_keeps_the_order_when_the_last_item_finishes_first():
    backwards = Backwards()
    task = skorche.task(max_workers=4, ordered=True, name="backwards")(backwards)
    with Pipeline() as pipeline:
        made = skorche.map(task, Queue(fixed_inputs=range(4)))

    with pipeline.run():
        stream = list(made)

    assert backwards.finished == [3, 2, 1, 0]
    assert stream == [0, 1, 2, 3]


def test_flush_keeps_the_order_of_the_inputs_when_the_last_item_finishes_first():
    backwards = Backwards()
    task = skorche.task(max_workers=4, name="backwards")(backwards)
    with Pipeline() as pipeline:
        made = skorche.map(task, Queue(fixed_inputs=range(4)))

    pipeline.run().wait(PATIENCE)

    assert backwards.finished == [3, 2, 1, 0]
    assert made.flush() == [0, 1, 2, 3]


def test_ordered_keeps_the_order_around_failures_retries_and_filtered_items():
    tried = set()

    def stumble(number):
        if number % 5 == 0 and number not in tried:
            tried.add(number)
            raise OSError("once")
        if number % 7 == 0:
            raise ValueError("never")
        return number

    task = skorche.task(max_workers=4, ordered=True, retries=1, backoff=0, on_error="collect")(stumble)
    with Pipeline() as pipeline:
        kept = skorche.filter(lambda number: number % 3, skorche.map(task, Queue(fixed_inputs=range(200))))

    with pipeline.run() as run:
        stream = list(kept)

    assert stream == [number for number in range(200) if number % 7 and number % 3]
    assert run.report.failed == len(range(0, 200, 7))


def test_ordered_batches_are_the_same_in_every_run():
    backwards = Backwards()
    task = skorche.task(max_workers=4, ordered=True, name="backwards")(backwards)
    with Pipeline() as pipeline:
        made = skorche.batch(skorche.map(task, Queue(fixed_inputs=range(4))), batch_size=2)

    with pipeline.run():
        stream = list(made)

    assert backwards.finished == [3, 2, 1, 0]
    assert stream == [[0, 1], [2, 3]]


def test_the_stream_of_a_one_worker_task_is_in_order():
    with Pipeline() as pipeline:
        made = skorche.chain([abs, lambda number: -number], Queue(fixed_inputs=range(1000)))

    with pipeline.run():
        stream = list(made)

    assert stream == [-number for number in range(1000)]


def test_input_order_survives_splits_merges_filters_batches_and_unbatches():
    four = skorche.task(max_workers=4)
    with Pipeline() as pipeline:
        numbers = skorche.map(four(lambda number: number), Queue(fixed_inputs=range(500)))
        odd, even = skorche.split(lambda number: number % 2, numbers)
        odd = skorche.unbatch(skorche.map(four(lambda members: members), skorche.batch(odd, batch_size=7)))
        even = skorche.map(four(abs), skorche.filter(lambda number: number % 3, even))
        made = skorche.merge((even, odd))

    pipeline.run().wait(PATIENCE)

    assert made.flush() == [number for number in range(500) if number % 2 or number % 3]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_predicate_that_remembers_is_called_one_at_a_time(workers):
    busy, seen = threading.Lock(), set()

    def is_new(number):
        assert busy.acquire(blocking=False), "two calls at a time"
        new = number not in seen
        seen.add(number)
        busy.release()
        return new

    task = skorche.task(max_workers=workers)(lambda number: number % 100)
    with Pipeline() as pipeline:
        made = skorche.filter(is_new, skorche.map(task, Queue(fixed_inputs=range(2000))))

    report = pipeline.run().wait(PATIENCE)

    assert sorted(made.flush()) == list(range(100))
    assert report.filtered == 1900


def test_a_predicate_that_counts_splits_evenly():
    calls = []

    def alternate(item):
        calls.append(item)
        return len(calls) % 2

    with Pipeline() as pipeline:
        task = skorche.task(max_workers=4)(abs)
        first, second = skorche.split(alternate, skorche.map(task, Queue(fixed_inputs=range(1000))))

    pipeline.run().wait(PATIENCE)

    assert (len(first.flush()), len(second.flush())) == (500, 500)
