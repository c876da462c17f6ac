"""`sink`: a task called for its effect."""

import pytest

import skorche
from skorche import Failure, GraphError, Pipeline, Queue


def test_the_task_is_called_for_every_item():
    seen = []
    with Pipeline() as pipeline:
        made = skorche.sink(seen.append, Queue(fixed_inputs=[1, None, 3]))

    pipeline.run(engine="inline").wait()

    assert made is None
    assert seen == [1, None, 3]


def test_what_it_took_in_counts_as_delivered_and_leaves_nothing():
    with Pipeline() as pipeline:
        skorche.sink(print, skorche.filter(lambda number: number > 7, Queue(fixed_inputs=range(10))))
    report = pipeline.run(engine="inline").wait()

    tally = report.nodes["print"]
    assert (report.ok, report.admitted, report.delivered, report.filtered) == (True, 10, 2, 8)
    assert (tally.received, tally.emitted, tally.failed) == (2, 0, 0)


def test_no_items_are_no_calls():
    seen = []
    with Pipeline() as pipeline:
        skorche.sink(seen.append, Queue(fixed_inputs=[]))
    report = pipeline.run(engine="inline").wait()

    assert (seen, report.admitted, report.ok) == ([], 0, True)


def test_a_failure_stops_the_run_as_itself():
    with Pipeline() as pipeline:
        skorche.sink(lambda number: 1 // number, Queue(fixed_inputs=[1, 0]))

    with pytest.raises(ZeroDivisionError):
        pipeline.run(engine="inline").wait()


def test_a_failed_item_is_collected_and_the_rest_go_on():
    with Pipeline() as pipeline:
        skorche.sink(lambda number: 1 // number, Queue(fixed_inputs=[1, 0, 2]))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert (report.delivered, report.failed, [failure.item for failure in report.failures]) == (2, 1, [0])


def test_failures_go_to_an_error_queue():
    errors: Queue[Failure] = Queue(name="errors")
    with Pipeline() as pipeline:
        skorche.sink(lambda number: 1 // number, Queue(fixed_inputs=[1, 0]), queue_errors=errors)
    report = pipeline.run(engine="inline").wait()

    assert [failure.item for failure in errors.flush()] == [0]
    assert (report.ok, report.delivered, report.failed) == (True, 1, 1)


def test_retries_try_again():
    calls = []

    @skorche.task(retries=1, backoff=0)
    def save(number):
        calls.append(number)
        if calls.count(number) == 1:
            raise OSError("disk full")

    with Pipeline() as pipeline:
        skorche.sink(save, Queue(fixed_inputs=[1, 2]))
    report = pipeline.run(engine="inline").wait()

    assert sorted(calls) == [1, 1, 2, 2]
    assert (report.ok, report.delivered, report.nodes["save"].retried) == (True, 2, 2)


def test_several_sinks_end_one_pipeline():
    small, large = [], []
    with Pipeline() as pipeline:
        is_large, is_small = skorche.split(lambda number: number > 2, Queue(fixed_inputs=range(5)))
        skorche.sink(small.append, is_small)
        skorche.sink(large.append, is_large)
    report = pipeline.run(engine="inline").wait()

    assert (small, large, report.delivered) == ([0, 1, 2], [3, 4], 5)


def test_the_plan_says_that_nothing_follows():
    with Pipeline("saving") as pipeline:
        skorche.sink(print, Queue(name="words", fixed_inputs=[]))

    assert pipeline.explain() == (
        "saving: 1 stages\n  stage 0: print [thread, 1 worker] -> nothing\n  input words -> stage 0"
    )


def test_it_is_a_method_of_a_pipeline_and_takes_only_keywords_after_the_queue():
    pipeline, queue = Pipeline(), Queue(fixed_inputs=[1])

    pipeline.sink(print, queue)

    with pytest.raises(TypeError, match="positional"):
        pipeline.sink(print, queue, Queue())


def test_what_cannot_be_called_is_refused():
    with Pipeline(), pytest.raises(GraphError, match="cannot be called"):
        skorche.sink(7, Queue())
