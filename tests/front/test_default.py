"""The default pipeline, and which pipeline is the current one."""

import itertools
import threading

import pytest

import skorche
from skorche import GraphError, Pipeline, Queue, RunCancelled

pytestmark = pytest.mark.timeout(60)

PATIENCE = 20.0


def names_of(pipeline: Pipeline) -> list[str]:
    return [node.name for node in pipeline.graph.nodes]


def test_module_functions_act_on_the_default_pipeline():
    skorche.map(abs, Queue())

    assert names_of(skorche._global_pipeline) == ["abs"]


def test_the_old_name_is_always_the_current_default():
    before = skorche._global_pipeline

    skorche.init()

    assert skorche._global_pipeline is not before
    assert "_global_pipeline" in dir(skorche)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'skorche' has no attribute 'mapp'"):
        _ = skorche.mapp


def test_inside_a_with_block_its_pipeline_is_the_current_one():
    with Pipeline() as pipeline:
        skorche.map(abs, Queue())

    assert names_of(pipeline) == ["abs"]
    assert names_of(skorche._global_pipeline) == []


def test_with_blocks_can_be_nested():
    with Pipeline() as outer:
        skorche.map(abs, Queue())
        with Pipeline() as inner:
            skorche.map(len, Queue())
        skorche.map(str, Queue())

    assert (names_of(outer), names_of(inner)) == (["abs", "str"], ["len"])


def test_a_pipeline_can_be_entered_again():
    pipeline = Pipeline()

    with pipeline:
        skorche.map(abs, Queue())
        with pipeline:
            skorche.map(len, Queue())
    with pipeline:
        skorche.map(str, Queue())

    assert names_of(pipeline) == ["abs", "len", "str"]


def test_an_error_in_the_block_still_leaves_it():
    with pytest.raises(GraphError), Pipeline():
        skorche.map(3, Queue())
    skorche.map(abs, Queue())

    assert names_of(skorche._global_pipeline) == ["abs"]


def test_a_with_block_holds_for_its_own_thread_only():
    entered, left = threading.Event(), threading.Event()
    pipeline = Pipeline()

    def stay_inside():
        with pipeline:
            entered.set()
            assert left.wait(PATIENCE)
            skorche.map(len, Queue())

    other = threading.Thread(target=stay_inside)
    other.start()
    assert entered.wait(PATIENCE)
    skorche.map(abs, Queue())
    left.set()
    other.join(PATIENCE)

    assert (names_of(pipeline), names_of(skorche._global_pipeline)) == (["len"], ["abs"])


def test_run_and_shutdown_act_on_the_current_pipeline():
    with Pipeline() as pipeline:
        made = skorche.map(abs, Queue(fixed_inputs=[-1]))
        skorche.run()
        report = skorche.shutdown()

    assert report is pipeline.last_run.report
    assert made.flush() == [1]
    assert names_of(pipeline) == ["abs"]


def test_run_returns_the_run_and_shutdown_the_report():
    skorche.map(abs, Queue(fixed_inputs=[-1]))

    run = skorche.run()
    report = skorche.shutdown()

    assert run.report is report


def test_shutdown_leaves_the_default_pipeline_empty():
    skorche.map(abs, Queue(fixed_inputs=[-1]))

    skorche.run()
    skorche.shutdown()

    assert names_of(skorche._global_pipeline) == []


def test_shutdown_leaves_the_default_pipeline_empty_also_when_it_raises():
    skorche.map(lambda number: 1 / number, Queue(fixed_inputs=[0]))

    skorche.run()
    with pytest.raises(ZeroDivisionError):
        skorche.shutdown()

    assert names_of(skorche._global_pipeline) == []


def test_the_same_program_can_be_run_twice_in_one_interpreter():
    numbers = Queue(fixed_inputs=[1, 2])
    results = []

    for _ in range(2):
        made = skorche.map(abs, numbers)
        skorche.run()
        skorche.shutdown()
        results.append(made.flush())

    assert results == [[1, 2], [1, 2]]


def test_the_last_report_stays_after_shutdown():
    skorche.map(abs, Queue(fixed_inputs=[-1]))

    skorche.run()
    report = skorche.shutdown()

    assert skorche.last_report() is report


def test_the_last_report_stays_after_a_failure():
    skorche.map(lambda number: 1 / number, Queue(fixed_inputs=[0]))

    skorche.run()
    with pytest.raises(ZeroDivisionError):
        skorche.shutdown()

    assert skorche.last_report().failed == 1


def test_the_last_report_is_there_while_the_next_pipeline_is_declared():
    skorche.map(abs, Queue(fixed_inputs=[-1]))
    skorche.run()
    report = skorche.shutdown()

    skorche.map(abs, Queue(fixed_inputs=[-2]))

    assert skorche.last_report() is report


def test_init_cancels_a_run_that_is_still_going():
    made = skorche.map(abs, Queue(fixed_inputs=itertools.count()), queue_out=Queue(maxsize=1))
    run = skorche.run()
    made.get(timeout=PATIENCE)

    skorche.init()

    assert not run.running
    with pytest.raises(RunCancelled):
        run.wait()
    assert names_of(skorche._global_pipeline) == []
