"""`Run` and `Pipeline`: starting, waiting, stopping, and doing it again."""

import gc
import itertools
import logging
import threading
import weakref
from contextlib import suppress

import pytest
from engines.deadly import Deadly

import skorche
from skorche import AlreadyRunning, GraphError, Pipeline, Queue, Report, RunCancelled
from skorche.run_options import RunOptions
from skorche.run_settings import RunSettings

pytestmark = pytest.mark.timeout(60)

PATIENCE = 20.0


def wait_at(gate: threading.Event):
    """A task that passes items on once the gate is open."""

    def pass_on(item):
        assert gate.wait(PATIENCE)
        return item

    return pass_on


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_kept_of_a_run_that_was_waited_for(fails):
    class Result:
        pass

    with Pipeline() as pipeline:
        made = skorche.map(lambda number: Result() if number else 1 / 0, Queue(fixed_inputs=[1, 0] if fails else [1]))
    with suppress(ZeroDivisionError):
        pipeline.run().wait()
    (result,) = made.flush()
    seen = [weakref.ref(one) for one in (result, pipeline, pipeline.last_run)]

    del pipeline, made, result
    gc.collect()

    assert [one() for one in seen] == [None, None, None]


def test_declaring_runs_nothing():
    seen = []

    def read():
        seen.append("source")
        yield 1

    before = threading.enumerate()
    with Pipeline():
        queue = skorche.chain([seen.append, seen.append], Queue(fixed_inputs=read()))
        queue, _ = skorche.split(seen.append, queue)
        queue = skorche.unbatch(skorche.batch(skorche.filter(seen.append, queue), batch_size=2))
        skorche.merge((queue, Queue()))

    assert seen == []
    assert threading.enumerate() == before


def test_run_returns_at_once():
    gate = threading.Event()
    with Pipeline() as pipeline:
        made = skorche.map(wait_at(gate), Queue(fixed_inputs=[1]))

    run = pipeline.run()
    still_running = run.running
    gate.set()
    run.wait(PATIENCE)

    assert still_running
    assert not run.running
    assert made.flush() == [1]


def test_the_report_is_there_when_the_run_has_ended():
    gate = threading.Event()
    with Pipeline() as pipeline:
        skorche.map(wait_at(gate), Queue(fixed_inputs=[1]))

    run = pipeline.run()
    before = run.report
    gate.set()
    report = run.wait(PATIENCE)

    assert before is None
    assert isinstance(report, Report)
    assert run.report is report


def test_waiting_gives_up_after_its_timeout_and_the_run_goes_on():
    gate = threading.Event()
    with Pipeline() as pipeline:
        made = skorche.map(wait_at(gate), Queue(fixed_inputs=[1]))

    run = pipeline.run()
    with pytest.raises(TimeoutError, match=r"the run goes on after 0\.01 seconds"):
        run.wait(timeout=0.01)
    gate.set()
    run.wait(PATIENCE)

    assert made.flush() == [1]


def test_a_with_block_closes_the_inputs_and_waits():
    numbers = Queue()
    with Pipeline() as pipeline:
        made = skorche.map(abs, numbers)

    with pipeline.run() as run:
        numbers.put(-1)

    assert run.report.ok
    assert made.flush() == [1]


def test_a_with_block_raises_the_runs_error_at_its_end():
    with Pipeline() as pipeline:
        skorche.map(lambda number: 1 / number, Queue(fixed_inputs=[0]))

    with pytest.raises(ZeroDivisionError), pipeline.run():
        pass


def test_an_error_inside_a_with_block_cancels_the_run_and_is_raised():
    with Pipeline() as pipeline:
        skorche.map(abs, Queue(fixed_inputs=itertools.count()), queue_out=Queue(maxsize=1))

    run = pipeline.run()
    with pytest.raises(KeyError, match="mine"), run:
        raise KeyError("mine")

    assert not run.running
    with pytest.raises(RunCancelled):
        run.wait()


def test_a_pipeline_can_be_run_again_and_again():
    with Pipeline() as pipeline:
        made = skorche.map(lambda number: number + 1, Queue(fixed_inputs=range(3)))

    results = []
    for _ in range(3):
        pipeline.run().wait(PATIENCE)
        results.append(made.flush())

    assert results == [[1, 2, 3]] * 3


def test_a_live_input_is_open_again_for_the_next_run():
    numbers = Queue()
    with Pipeline() as pipeline:
        made = skorche.map(abs, numbers)

    with pipeline.run():
        numbers.put(-1)
    first = made.flush()
    with pipeline.run():
        numbers.put(-2)

    assert (first, made.flush()) == ([1], [2])


def test_running_a_pipeline_that_runs_is_refused():
    gate = threading.Event()
    with Pipeline("sums") as pipeline:
        made = skorche.map(wait_at(gate), Queue(fixed_inputs=[1]))

    run = pipeline.run()
    with pytest.raises(AlreadyRunning) as caught:
        pipeline.run()
    gate.set()
    run.wait(PATIENCE)

    assert str(caught.value) == (
        "pipeline 'sums' was started while it runs.\n"
        "  Why:  its queues can take part in one run at a time.\n"
        "  Mend: wait for the run (or call shutdown()) first."
    )
    assert made.flush() == [1]


def test_an_input_that_feeds_a_run_cannot_feed_another():
    numbers = Queue(name="numbers")
    with Pipeline() as first:
        skorche.map(abs, numbers)
    with Pipeline() as second:
        unused = skorche.map(abs, numbers)

    with first.run():
        with pytest.raises(AlreadyRunning) as caught:
            second.run()
        numbers.put(-1)

    assert str(caught.value) == (
        "queue 'numbers' feeds a run that has not ended.\n"
        "  Why:  its items cannot go to two runs.\n"
        "  Mend: wait for the first run, or use a queue for each."
    )
    assert unused.flush() == []


def test_a_run_of_nothing_is_fine_and_told(caplog):
    report = Pipeline("mine").run().wait(PATIENCE)

    assert (report.ok, report.admitted, report.nodes, report.failures) == (True, 0, {}, ())
    (line,) = [record.getMessage() for record in caplog.records if record.name == "skorche"]
    assert line.startswith("mine: run() has nothing to do, since nothing is declared in this pipeline.")


def test_a_run_without_items_is_fine():
    with Pipeline() as pipeline:
        made = skorche.map(abs, Queue(fixed_inputs=[]))

    report = pipeline.run().wait(PATIENCE)

    assert (report.ok, report.admitted, made.flush()) == (True, 0, [])


def test_shutdown_before_run_says_so():
    with pytest.raises(GraphError) as caught:
        Pipeline().shutdown()

    assert str(caught.value) == (
        "shutdown() was called before run().\n  Why:  there is nothing to wait for.\n  Mend: call run() first."
    )


def test_shutdown_twice_gives_the_same_report():
    with Pipeline() as pipeline:
        skorche.map(abs, Queue(fixed_inputs=[1]))

    pipeline.run()

    assert pipeline.shutdown() is pipeline.shutdown()


@pytest.mark.parametrize(
    ("keywords", "what"),
    [
        ({"on_error": "ignore"}, "run() was given on_error='ignore'."),
        ({"max_failures": -1}, "run() was given max_failures=-1."),
        ({"max_failures": 1.5}, "run() was given max_failures=1.5."),
        ({"max_failures": float("nan")}, "run() was given max_failures=nan."),
    ],
)
def test_a_keyword_without_meaning_is_refused(keywords, what):
    with pytest.raises(GraphError) as caught:
        Pipeline().run(**keywords)

    assert caught.value.what == what


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("stal_timeout", r"Did you mean 'stall_timeout'\? There are on_error, "),
        ("retries", r"Tasks have it: @skorche.task\(retries=...\). There are on_error, "),
        ("cache", r"Results are kept with run\(store='folder/'\), of tasks with cache=True. There are on_error, "),
        ("colour", "has no option 'colour'. There are on_error, "),
    ],
)
def test_an_option_that_a_run_does_not_have_is_refused_with_where_it_belongs(option, told):
    with pytest.raises(TypeError, match=told):
        Pipeline().run(**{option: 3})


def test_cancel_lets_what_is_in_flight_finish_and_cancels_the_rest():
    started, gate = threading.Event(), threading.Event()

    def pass_on(item):
        started.set()
        assert gate.wait(PATIENCE)
        return item

    with Pipeline() as pipeline:
        made = skorche.map(pass_on, Queue(fixed_inputs=range(10)))

    run = pipeline.run()
    assert started.wait(PATIENCE)
    run.cancel()
    gate.set()
    report = run.join(PATIENCE)

    assert made.flush() == [0]
    assert (report.ok, report.delivered, report.failed) == (False, 1, 0)
    assert report.admitted == 1 + report.cancelled


def test_cancelling_a_run_that_has_ended_changes_nothing():
    with Pipeline() as pipeline:
        skorche.map(abs, Queue(fixed_inputs=[1]))

    run = pipeline.run()
    run.wait(PATIENCE)
    run.cancel()

    assert run.wait(PATIENCE).ok


def test_statistics_tell_what_each_node_has_done_so_far():
    numbers = Queue()
    with Pipeline() as pipeline:
        small = skorche.filter(lambda number: number < 3, skorche.map(skorche.task(name="inc")(abs), numbers))

    with pipeline.run() as run:
        numbers.put(-1)
        small.get(timeout=PATIENCE)
        during = run.statistics()
        numbers.put(-5)
    after = run.statistics()

    assert (during["inc"].received, during["inc"].emitted, during["Filter(<lambda>)"].filtered) == (1, 1, 0)
    assert (after["inc"].received, after["inc"].emitted, after["Filter(<lambda>)"].filtered) == (2, 2, 1)


class Asking(logging.Handler):
    """Asks a run for its counts whenever the run warns; `answered` is set then."""

    def __init__(self):
        super().__init__()
        self.run, self.answers, self.answered = None, [], threading.Event()

    def emit(self, record):
        self.answers.append((threading.current_thread().name, self.run.statistics()))
        self.answered.set()


@pytest.fixture
def asking():
    handler = Asking()
    logging.getLogger("skorche").addHandler(handler)
    yield handler
    logging.getLogger("skorche").removeHandler(handler)


def test_a_handler_may_ask_for_statistics_while_the_run_warns(asking):
    numbers = Queue()
    with Pipeline("stalls") as pipeline:
        skorche.map(skorche.task(name="inc")(wait_at(asking.answered)), numbers)

    asking.run = pipeline.run(stall_timeout=0.05)
    numbers.put(1)
    asking.run.shutdown()

    assert [(thread, counts["inc"].received) for thread, counts in asking.answers] == [("skorche stalls", 1)]


def test_a_handler_may_ask_for_statistics_also_in_a_thread_of_an_engine(asking):
    numbers = Queue()
    with Pipeline("starves") as pipeline:
        task = skorche.task(name="die", engine="process", max_workers=2)(Deadly("SIGKILL", frozenset({1})))
        skorche.map(task, numbers)

    asking.run = pipeline.run(on_error="collect")
    numbers.put(1)
    asking.run.shutdown()

    assert [(thread, counts["die"].shed_workers) for thread, counts in asking.answers] == [("skorche processes", 1)]


def test_a_task_may_ask_for_statistics_where_it_is_run_by_the_coordinator_itself():
    numbers, runs = Queue(), []
    with Pipeline() as pipeline:
        passed = skorche.map(skorche.task(name="inc")(abs), numbers)
        counted = skorche.map(lambda _: runs[0].statistics()["inc"].received, passed)

    runs.append(pipeline.run(engine="inline"))
    numbers.put(1)
    runs[0].shutdown()

    assert counted.flush() == [1]


def test_no_thread_is_left_after_shutdown():
    before = set(threading.enumerate())
    four = skorche.task(max_workers=4)(abs)
    first = skorche.filter(bool, skorche.map(four, Queue(fixed_inputs=range(100))))
    skorche.merge((skorche.unbatch(skorche.batch(first, batch_size=7)), Queue()))

    skorche.run()
    skorche.shutdown()

    assert set(threading.enumerate()) == before


def test_no_thread_is_left_after_a_failure():
    before = set(threading.enumerate())
    four = skorche.task(max_workers=4)(lambda number: 1 / number)
    skorche.map(four, Queue(fixed_inputs=iter(range(5, -100, -1))))

    skorche.run()
    with pytest.raises(ZeroDivisionError):
        skorche.shutdown()

    assert set(threading.enumerate()) == before


def test_no_thread_is_left_when_a_run_cannot_start():
    before = set(threading.enumerate())
    numbers = Queue()
    with Pipeline() as first:
        skorche.map(abs, numbers)
    with Pipeline() as second:
        skorche.merge((skorche.map(abs, Queue(fixed_inputs=[1])), numbers))

    with first.run(), pytest.raises(AlreadyRunning):
        second.run()

    assert set(threading.enumerate()) == before


def test_a_pipeline_declares_in_itself_whatever_the_current_one_is():
    outer, inner = Pipeline("outer"), Pipeline("inner")

    with outer:
        made = inner.map(abs, Queue(fixed_inputs=[-1]))

    assert (repr(outer), repr(inner)) == ("<Pipeline outer: 0 nodes>", "<Pipeline inner: 1 nodes>")
    inner.run().wait(PATIENCE)
    assert made.flush() == [1]


def test_every_operator_is_a_method_of_a_pipeline():
    pipeline = Pipeline()

    queue = pipeline.chain([abs, abs], Queue(fixed_inputs=range(10)))
    odd, even = pipeline.split(lambda number: number % 2, queue)
    odd = pipeline.unbatch(pipeline.batch(pipeline.filter(bool, odd), batch_size=2))
    made = pipeline.merge((odd, pipeline.map(abs, even)))
    pipeline.run().wait(PATIENCE)

    assert made.flush() == list(range(10))


def test_every_option_of_a_run_has_a_default():
    assert tuple(RunOptions.__annotations__) == RunSettings._fields
    assert RunSettings._field_defaults.keys() == RunOptions.__annotations__.keys()
