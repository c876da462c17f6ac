"""`run.pause` and `run.resume`, on runs that go on."""

import logging
import threading

import pytest
from engines.waiting import wait_until

import skorche
from skorche import GraphError, Pipeline, Queue

pytestmark = pytest.mark.timeout(60)

PATIENCE = 20.0
"""Seconds any of these tests waits for what must come at once."""


def chain_of_two(source=None, **options):
    numbers, between = Queue(fixed_inputs=source), Queue(name="between")
    with Pipeline("paused") as pipeline:
        first = skorche.map(skorche.task(name="first", **options)(lambda number: number), numbers, queue_out=between)
        out = skorche.map(skorche.task(name="second", **options)(lambda number: number), first)
    return pipeline, numbers, out


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_after_pause_nothing_of_the_node_begins_and_after_resume_all_comes(engine):
    pipeline, numbers, out = chain_of_two()
    run = pipeline.run(engine=engine)
    numbers.put(0)
    out.get(timeout=PATIENCE)

    run.pause("second")
    for number in range(1, 3):
        numbers.put(number)
    wait_received(run, "second", 3)
    paused = run.statistics()["second"]
    run.resume("second")
    run.shutdown()

    assert (paused.received, paused.emitted, paused.paused) == (3, 1, True)
    assert out.flush() == [1, 2]
    assert not run.report.nodes["second"].paused


def wait_received(run, node, count):
    """Until so many items have come to a node."""
    wait_until(lambda: run.statistics()[node].received >= count, PATIENCE)


def test_a_node_that_has_never_begun_can_be_paused():
    began = threading.Event()
    numbers = Queue()
    with Pipeline() as pipeline:
        skorche.map(skorche.task(name="work")(lambda number: began.set()), numbers)
    run = pipeline.run()
    run.pause("work")
    numbers.put(1)
    wait_received(run, "work", 1)

    quiet = not began.is_set()
    run.resume("work")
    run.shutdown()

    assert quiet
    assert began.is_set()


def test_another_thread_can_resume_a_run_that_is_waited_for(caplog):
    pipeline, numbers, _ = chain_of_two()
    run = pipeline.run(progress=False)
    run.pause("first")
    numbers.put(1)
    wait_received(run, "first", 1)
    helper = threading.Thread(target=resume_when_told, args=(run, caplog))
    helper.start()

    report = run.shutdown()
    helper.join(PATIENCE)

    assert report.delivered == 1
    assert told(caplog) == ["the run is to end, but 'first' is paused: it waits for run.resume()"]


def test_a_run_that_is_to_end_names_all_that_is_paused(caplog):
    pipeline, *_ = chain_of_two()
    run = pipeline.run(progress=False)
    run.pause("first")
    run.pause("second")

    run.close()
    run.resume("first")
    run.resume("second")
    run.wait()

    assert told(caplog) == ["the run is to end, but 'first' and 'second' are paused: it waits for run.resume()"]


def resume_when_told(run, caplog):
    wait_until(lambda: told(caplog), PATIENCE)
    run.resume("first")


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_run_that_stays_paused_says_so_after_its_stall_timeout(caplog):
    pipeline, numbers, out = chain_of_two()
    run = pipeline.run(stall_timeout=0.05, progress=False)
    run.pause("second")
    numbers.put(1)
    wait_until(lambda: any("waits for run.resume(): 'second' (" in one for one in told(caplog)), PATIENCE)

    run.resume("second")
    run.shutdown()

    assert out.flush() == [1]


def test_a_run_that_is_paused_can_be_cancelled():
    pipeline, numbers, _ = chain_of_two()
    run = pipeline.run()
    run.pause("first")
    numbers.put(1)
    wait_received(run, "first", 1)

    run.cancel()

    with pytest.raises(skorche.RunCancelled):
        run.wait(timeout=PATIENCE)
    assert (run.report.admitted, run.report.cancelled) == (1, 1)


@pytest.mark.parametrize("engine", ["thread", "inline"])
def test_a_task_may_pause_and_resume_its_own_run(engine):
    paused = []

    def look_around(number):
        run = pipeline.last_run
        run.pause("second")
        paused.append(run.statistics()["first"].received)
        run.resume("second")
        return number

    numbers = Queue()
    with Pipeline() as pipeline:
        out = skorche.chain([skorche.task(name="first")(look_around), skorche.task(name="second")(abs)], numbers)
    run = pipeline.run(engine=engine)
    numbers.put(1)
    numbers.put(2)
    run.shutdown()

    assert out.flush() == [1, 2]
    assert len(paused) == 2


def test_to_pause_twice_is_to_pause_once_and_to_resume_what_goes_on_is_nothing():
    pipeline, _, out = chain_of_two(source=[1, 2])
    run = pipeline.run()

    run.pause("second")
    run.pause("second")
    run.resume("second")
    run.resume("first")
    run.wait()

    assert out.flush() == [1, 2]


def test_a_run_that_has_ended_can_be_paused_to_no_effect():
    pipeline, _, _ = chain_of_two(source=[1])
    run = pipeline.run()
    run.wait()

    run.pause("first")

    assert not run.statistics()["first"].paused


def test_an_unknown_node_is_refused_with_the_nearest_name():
    pipeline, _, _ = chain_of_two(source=[1])
    run = pipeline.run()

    with pytest.raises(GraphError) as caught:
        run.pause("secnd")
    run.wait()

    assert str(caught.value) == (
        "pipeline 'paused' was asked for the work of 'secnd'.\n"
        "  Why:  it has no node of that name.\n"
        "  Mend: Did you mean 'second'? Those that work are 'first', 'second'."
    )
