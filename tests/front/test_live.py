"""Queues while a run goes on: putting in, reading out, and pushing back."""

import itertools
import threading

import pytest

import skorche
from skorche import QUEUE_SENTINEL, Pipeline, Queue, QueueClosed, RunCancelled

pytestmark = pytest.mark.timeout(60)

PATIENCE = 20.0
"""Seconds any of these tests waits for what must come at once."""


def test_items_put_by_several_threads_all_arrive():
    numbers = Queue(maxsize=8)
    with Pipeline() as pipeline:
        made = skorche.map(lambda number: -number, numbers)

    def put(start):
        for number in range(start, start + 250):
            numbers.put(number)

    threads = [threading.Thread(target=put, args=(start,)) for start in range(0, 1000, 250)]
    with pipeline.run() as run:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)

    assert sorted(made.flush()) == list(range(-999, 1))
    assert run.report.admitted == 1000


def test_a_result_comes_while_its_input_is_still_open():
    numbers = Queue()
    with Pipeline() as pipeline:
        made = skorche.map(lambda number: 10 * number, numbers)

    with pipeline.run():
        numbers.put(1)
        first = made.get(timeout=PATIENCE)
        numbers.put(2)
        second = made.get(timeout=PATIENCE)

    assert (first, second, made.get()) == (10, 20, QUEUE_SENTINEL)


def test_iteration_goes_along_with_the_run():
    numbers = Queue()
    with Pipeline() as pipeline:
        made = skorche.map(lambda number: 10 * number, numbers)

    seen = []
    with pipeline.run():
        numbers.put(0)
        for result in made:
            seen.append(result)
            if len(seen) == 5:
                numbers.close()
            else:
                numbers.put(len(seen))

    assert seen == [0, 10, 20, 30, 40]


def test_iteration_ends_by_raising_the_runs_error():
    def invert(number):
        return 1 / number

    with Pipeline() as pipeline:
        made = skorche.map(invert, Queue(fixed_inputs=[1, 2, 0]))

    seen = []
    run = pipeline.run()
    with pytest.raises(ZeroDivisionError):
        seen.extend(made)

    assert seen == [1.0, 0.5]
    assert run.join(PATIENCE).ok is False


def test_a_reader_that_waits_since_before_the_run_gets_its_results():
    with Pipeline() as pipeline:
        made = skorche.map(abs, Queue(fixed_inputs=[-1, -2]))
    got: list[int] = []
    reading = threading.Thread(target=lambda: got.extend(made))

    reading.start()
    pipeline.run().wait()
    reading.join(PATIENCE)

    assert got == [1, 2]


def test_get_gives_up_after_its_timeout_during_a_run():
    with Pipeline() as pipeline:
        made = skorche.map(abs, Queue())

    with pipeline.run(), pytest.raises(TimeoutError):
        made.get(timeout=0.01)


def test_flush_during_a_run_waits_for_its_end():
    numbers = Queue()
    with Pipeline() as pipeline:
        made = skorche.map(abs, numbers)
    gathered: list[int] = []
    flushing = threading.Thread(target=lambda: gathered.extend(made.flush()))

    with pipeline.run():
        numbers.put(-1)
        flushing.start()
        numbers.put(-2)
    flushing.join(PATIENCE)

    assert gathered == [1, 2]


def test_flush_after_get_gives_the_rest_in_input_order():
    with Pipeline() as pipeline:
        made = skorche.map(abs, Queue(fixed_inputs=range(100)))

    pipeline.run().wait()
    first = [made.get() for _ in range(3)]

    assert first + made.flush() == list(range(100))


def test_put_wakes_and_raises_when_the_run_stops():
    gate, raised = threading.Event(), []
    numbers = Queue(name="numbers", maxsize=1)
    with Pipeline() as pipeline:
        skorche.map(lambda number: gate.wait(PATIENCE), numbers)

    def put_for_ever():
        try:
            for number in itertools.count():
                numbers.put(number)
        except QueueClosed as error:
            raised.append(error)

    run = pipeline.run()
    putting = threading.Thread(target=put_for_ever)
    putting.start()
    run.cancel()
    putting.join(PATIENCE)
    gate.set()
    run.join(PATIENCE)

    (error,) = raised
    assert str(error) == (
        "an item was put into queue 'numbers'.\n"
        "  Why:  it takes no more items: its run has stopped.\n"
        "  Mend: put items before closing the queue, and while its run goes on."
    )
    assert isinstance(error.__cause__, RunCancelled)


def test_put_after_a_failure_says_what_failed():
    numbers = Queue(name="numbers")
    with Pipeline() as pipeline:
        skorche.map(lambda number: 1 // number, numbers)
    run = pipeline.run()

    with pytest.raises(QueueClosed, match="its run has stopped, by ZeroDivisionError: "):
        list(map(numbers.put, itertools.count()))
    run.join(PATIENCE)


def test_put_after_the_inputs_were_closed_for_the_run_is_refused():
    gate = threading.Event()
    numbers = Queue()
    with Pipeline() as pipeline:
        skorche.map(lambda number: gate.wait(PATIENCE), numbers)

    run = pipeline.run()
    numbers.put(1)
    run.close()
    with pytest.raises(QueueClosed, match="it is closed"):
        numbers.put(2)
    gate.set()

    assert run.wait(PATIENCE).delivered == 1


def test_a_second_shutdown_leaves_the_inputs_to_the_next_run():
    with Pipeline() as pipeline:
        numbers = Queue()
        doubles = skorche.map(lambda number: 2 * number, numbers)
    first = pipeline.run()
    closing = [threading.Thread(target=pipeline.shutdown) for _ in range(8)]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join(PATIENCE)

    numbers.put(1)
    second = pipeline.run()
    first.shutdown()
    numbers.put(2)
    second.shutdown()

    assert doubles.flush() == [2, 4]


def test_an_output_with_a_bound_pushes_back_on_the_source():
    given = [0]
    leads = []

    def count():
        for number in itertools.count():
            given[0] = number + 1
            yield number

    with Pipeline() as pipeline:
        made = skorche.map(lambda number: number, Queue(fixed_inputs=count()), queue_out=Queue(maxsize=2))

    run = pipeline.run()
    for taken in range(1, 2001):
        made.get(timeout=PATIENCE)
        leads.append(given[0] - taken)
    run.cancel()
    report = run.join(PATIENCE)

    assert max(leads) < 10_000  # 4,096 on the edge, the chunks in flight, and what the source was asked for
    assert report.admitted == report.delivered + report.cancelled


def test_an_output_that_nobody_reads_stops_the_source_after_a_handful():
    given, gate = [], threading.Event()

    def count():
        for number in itertools.count():
            given.append(number)
            yield number

    def pass_on(number):
        assert gate.wait(PATIENCE)
        return number

    with Pipeline() as pipeline:
        made = skorche.map(pass_on, Queue(fixed_inputs=count()), queue_out=Queue(maxsize=1))
    run = pipeline.run()
    while run.statistics()["pass_on"].received < 2:  # one is being worked on, one waits
        pass

    assert len(given) <= 5

    run.cancel()
    gate.set()
    run.join(PATIENCE)
    assert made.flush() in ([], [0])


def test_shutdown_lifts_the_bound_of_an_output():
    made = skorche.map(abs, Queue(fixed_inputs=range(1000)), queue_out=Queue(maxsize=2))

    skorche.run()
    report = skorche.shutdown()

    assert report.delivered == 1000
    assert made.flush() == list(range(1000))


def test_flush_lifts_the_bound_of_its_output():
    with Pipeline() as pipeline:
        made = skorche.map(abs, Queue(fixed_inputs=range(1000)), queue_out=Queue(maxsize=2))

    run = pipeline.run()
    gathered = made.flush()

    assert gathered == list(range(1000))
    assert run.wait(PATIENCE).ok


def test_an_inner_queue_with_a_bound_passes_everything_on():
    with Pipeline() as pipeline:
        between = skorche.map(abs, Queue(fixed_inputs=range(500)), queue_out=Queue(maxsize=1))
        made = skorche.map(lambda number: -number, between)

    pipeline.run().wait(PATIENCE)

    assert made.flush() == [-number for number in range(500)]


def test_a_queue_of_one_pipeline_can_be_the_source_of_another():
    with Pipeline() as first:
        between = skorche.map(lambda number: number + 1, Queue(fixed_inputs=range(100)))
    with Pipeline() as second:
        made = skorche.map(lambda number: 2 * number, Queue(fixed_inputs=between))

    with first.run(), second.run():
        pass

    assert made.flush() == [2 * (number + 1) for number in range(100)]
