"""Whole runs on virtual time: what people can rely on when they simulate their own pipelines."""

import itertools
from typing import Any

import pytest

import skorche
from skorche.errors import TaskTimeout, WorkerCrash
from skorche.testing import BrokenPromise, FakeClock, Faults, crash, simulate


def one_task(function: Any, items: Any, **options: Any) -> tuple[skorche.Pipeline, Any]:
    """A pipeline of one task, and the queue of its results."""
    with skorche.Pipeline() as pipeline:
        made = skorche.map(skorche.task(**options)(function), skorche.Queue(fixed_inputs=items))
    return pipeline, made


def test_a_simulated_run_gives_results_and_a_report():
    pipeline, made = one_task(abs, [-1, -2])

    simulation = simulate(pipeline)

    assert simulation.flush(made) == [1, 2]
    assert (simulation.report.ok, simulation.report.delivered) == (True, 2)
    assert simulation.error is None


def test_a_fake_clock_moves_only_when_it_is_told_to():
    clock = FakeClock(10.0)

    clock.sleep(90.0)

    assert clock() == 100.0


def test_sleeping_tasks_take_virtual_time_side_by_side():
    clock = FakeClock()
    pipeline, _ = one_task(lambda _: clock.sleep(1000.0), range(8), max_workers=4)

    simulation = simulate(pipeline, clock=clock)

    assert 2000.0 <= simulation.report.elapsed < 2100.0


def test_where_all_is_calm_only_sleeping_takes_time():
    clock = FakeClock()
    pipeline, made = one_task(lambda _: clock.sleep(2.0), range(8), max_workers=4)

    simulation = simulate(pipeline, clock=clock, calm=True)

    assert simulation.report.elapsed == 4.0
    assert len(simulation.flush(made)) == 8


def test_a_source_may_sleep_while_tasks_go_on():
    clock = FakeClock()

    def give():
        yield 0
        for number in range(1, 5):
            clock.sleep(10.0)
            yield number
        clock.sleep(1.0)

    pipeline, made = one_task(lambda number: clock.sleep(8.0) or number, give())

    simulation = simulate(pipeline, clock=clock, calm=True)

    assert simulation.report.elapsed == 48.0
    assert simulation.flush(made) == [0, 1, 2, 3, 4]


def test_a_source_that_sleeps_and_raises_ends_the_run_with_its_error():
    clock = FakeClock()

    def give():
        yield 0
        clock.sleep(10.0)
        raise OSError("gone")

    pipeline, _ = one_task(abs, give())

    simulation = simulate(pipeline, clock=clock, calm=True)

    assert isinstance(simulation.error, OSError)
    assert simulation.report.elapsed >= 10.0


@pytest.mark.parametrize("seed", range(20))
def test_a_run_with_a_source_that_sleeps_can_be_stopped(seed: int):
    clock = FakeClock()

    def give():
        for number in range(50):
            clock.sleep(1.0)
            yield number

    pipeline, _ = one_task(abs, give())

    simulation = simulate(pipeline, seed=seed, clock=clock, faults=Faults(stop=1.0))

    report = simulation.report
    assert report.admitted == report.delivered + report.cancelled


def test_a_task_that_sleeps_longer_than_its_timeout_fails():
    clock = FakeClock()
    pipeline, _ = one_task(clock.sleep, [0.1, 99.0], timeout=10.0)

    simulation = simulate(pipeline, clock=clock, on_error="collect")

    (failure,) = simulation.report.failures
    assert isinstance(failure.error, TaskTimeout)
    assert failure.item == 99.0


def test_a_crash_fails_the_item_that_a_process_died_on():
    pipeline, made = one_task(lambda number: crash() if number == 3 else number, range(6), engine="process")

    simulation = simulate(pipeline, on_error="collect")

    (failure,) = simulation.report.failures
    assert isinstance(failure.error, WorkerCrash)
    assert failure.item == 3
    assert simulation.flush(made) == [0, 1, 2, 4, 5]


def test_a_failing_run_tells_its_error_and_does_not_raise():
    pipeline, _ = one_task(int, ["one"])

    simulation = simulate(pipeline)

    assert isinstance(simulation.error, ValueError)
    assert not simulation.report.ok


def test_a_stopped_run_tells_what_it_cancelled():
    pipeline, _ = one_task(abs, range(1000))

    simulation = simulate(pipeline, faults=Faults(stop=1.0))

    assert isinstance(simulation.error, skorche.RunCancelled)
    assert simulation.report.admitted == simulation.report.delivered + simulation.report.cancelled < 1000


def test_the_same_seed_is_the_same_run_and_another_one_is_not():
    pipeline, _ = one_task(abs, range(20), engine="process", max_workers=3)

    once, again, other = (simulate(pipeline, seed=seed, faults=Faults(losses=0.3)) for seed in (1, 1, 2))

    assert once.trace == again.trace != other.trace


def test_a_live_input_gives_what_was_put_into_it_before():
    with skorche.Pipeline() as pipeline:
        inputs = skorche.Queue[int]()
        made = skorche.map(abs, inputs)
    skorche.push_to_queue([-1, -2], inputs)

    assert simulate(pipeline).flush(made) == [1, 2]


def test_a_run_that_never_gets_on_is_told_and_not_waited_for():
    pipeline, _ = one_task(abs, itertools.count())

    with pytest.raises(BrokenPromise, match="the run has not ended after 20001 steps"):
        simulate(pipeline)
