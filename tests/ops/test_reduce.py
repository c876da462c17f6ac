"""`reduce`: one result of all items."""

import threading

import pytest

import skorche
from skorche import Failure, GraphError, Pipeline, Queue
from skorche.testing import drive, simulate


def add(total, number):
    return total + number


def add_inverse(total, number):
    return total + 1 / number


def test_all_items_give_one():
    made = drive(skorche.reduce, [1, 2, 3], task=add)

    assert made == [6]


def test_it_begins_with_initial():
    made = drive(skorche.reduce, [1, 2, 3], task=lambda seen, number: [*seen, number], initial=[])

    assert made == [[1, 2, 3]]


def test_one_item_without_initial_is_the_result_and_the_task_is_not_called():
    made = drive(skorche.reduce, [7], task=lambda total, number: 1 / 0)

    assert made == [7]


def test_nothing_gives_nothing():
    made = drive(skorche.reduce, [], task=add)

    assert made == []


def test_nothing_gives_initial():
    made = drive(skorche.reduce, [], task=add, initial=10)

    assert made == [10]


def test_none_is_an_ordinary_item_and_an_ordinary_accumulator():
    last = drive(skorche.reduce, [1, None], task=lambda _, item: item)
    begun = drive(skorche.reduce, [None], task=lambda before, item: (before, item), initial=None)

    assert (last, begun) == ([None], [(None, None)])


def test_items_come_in_order_where_nothing_mixes_them_up():
    with Pipeline() as pipeline:
        text = skorche.reduce(add, Queue(fixed_inputs=map(str, range(1000))))
    pipeline.run().wait()

    assert text.flush() == ["".join(map(str, range(1000)))]


def test_every_run_begins_with_a_fresh_initial():
    def append(seen, number):
        seen.append(number)
        return seen

    initial = []
    with Pipeline() as pipeline:
        made = skorche.reduce(append, Queue(fixed_inputs=[1, 2]), initial=initial)

    runs = []
    for _ in range(2):
        pipeline.run(engine="inline").wait()
        runs += made.flush()

    assert runs == [[1, 2], [1, 2]]
    assert initial == []


def test_what_it_took_in_counts_as_delivered():
    with Pipeline() as pipeline:
        made = skorche.reduce(add, skorche.filter(lambda number: number > 7, Queue(fixed_inputs=range(10))))
    report = pipeline.run(engine="inline").wait()

    tally = report.nodes["add"]
    assert made.flush() == [17]
    assert (report.ok, report.admitted, report.delivered, report.filtered) == (True, 10, 2, 8)
    assert (tally.received, tally.emitted, tally.failed) == (2, 1, 0)


def test_what_comes_after_the_result_changes_no_account_of_items():
    with Pipeline() as pipeline:
        total = skorche.filter(lambda number: number > 100, skorche.reduce(add, Queue(fixed_inputs=[1, 2])))
    report = pipeline.run(engine="inline").wait()

    assert total.flush() == []
    assert (report.ok, report.admitted, report.delivered, report.filtered) == (True, 2, 2, 0)
    assert report.nodes["Filter(<lambda>)"].filtered == 1


def test_a_failure_after_the_result_is_told():
    with Pipeline() as pipeline:
        skorche.map(lambda number: 1 // number, skorche.reduce(add, Queue(fixed_inputs=[1, -1])))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert (report.ok, report.admitted, report.delivered, report.failed) == (False, 2, 2, 0)
    assert [failure.item for failure in report.failures] == [0]


def test_results_go_on_through_all_that_takes_items():
    with Pipeline() as pipeline:
        seen = skorche.reduce(lambda seen, number: [*seen, number], Queue(fixed_inputs=[3, 1, 2]), initial=[])
        pairs = skorche.batch(skorche.unbatch(skorche.map(sorted, seen)), batch_size=2)
    report = pipeline.run(engine="inline").wait()

    assert pairs.flush() == [[1, 2], [3]]
    assert (report.ok, report.delivered) == (True, 3)


def test_results_stand_before_all_items_in_order_of_declaration():
    with Pipeline() as pipeline:
        low, high = skorche.split(lambda number: number < 5, Queue(fixed_inputs=range(10)))
        others = Queue(fixed_inputs=["other"])
        totals = skorche.reduce(add, high), skorche.reduce(add, low)
        made = skorche.merge((others, totals[1], totals[0]))
    pipeline.run().wait()

    assert made.flush() == [35, 10, "other"]


def test_two_results_make_a_pair():
    with Pipeline() as pipeline:
        sums = [skorche.reduce(add, Queue(fixed_inputs=numbers)) for numbers in ([3], [1, 2, 4])]
        made = skorche.zip(sums)
    report = pipeline.run().wait()

    assert made.flush() == [(3, 7)]
    assert (report.ok, report.admitted, report.delivered) == (True, 4, 4)


def test_a_failed_item_is_left_out():
    with Pipeline() as pipeline:
        made = skorche.reduce(add_inverse, Queue(fixed_inputs=[1, 0, 2]), initial=0)
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == [1.5]
    assert (report.delivered, report.failed, [failure.item for failure in report.failures]) == (2, 1, [0])


def test_failures_go_to_an_error_queue():
    errors: Queue[Failure] = Queue(name="errors")
    with Pipeline() as pipeline:
        made = skorche.reduce(add_inverse, Queue(fixed_inputs=[1, 0]), initial=0, queue_errors=errors)
    report = pipeline.run(engine="inline").wait()

    assert (made.flush(), [failure.item for failure in errors.flush()], report.ok) == ([1], [0], True)


def test_retries_add_each_item_once():
    tried = set()

    @skorche.task(retries=1, backoff=0)
    def shaky(total, number):
        if number not in tried:
            tried.add(number)
            raise OSError("not yet")
        return total + number

    with Pipeline() as pipeline:
        made = skorche.reduce(shaky, Queue(fixed_inputs=range(100)), initial=0)
    report = pipeline.run().wait()

    assert made.flush() == [sum(range(100))]
    assert report.nodes["shaky"].retried == 100


def test_an_item_that_took_too_long_is_not_in_the_result_however_it_ends():
    gave_up = threading.Event()

    @skorche.task(timeout=0.05)
    def add_slowly(total, number):
        if number == 2:
            gave_up.wait(30)
        return total + number

    with Pipeline() as pipeline:
        made = skorche.reduce(add_slowly, Queue(fixed_inputs=[1, 2, 3, 4]), initial=0)
    run = pipeline.run(on_error="collect")
    report = run.wait()
    gave_up.set()

    assert made.flush() == [8]
    assert (report.delivered, report.failed) == (3, 1)


def test_a_timeout_that_is_noticed_afterwards_leaves_the_item_out():
    clock = skorche.testing.FakeClock()

    @skorche.task(timeout=1.0, engine="inline")
    def add_slowly(total, number):
        clock.sleep(10 if number == 2 else 0)
        return total + number

    with Pipeline() as pipeline:
        made = skorche.reduce(add_slowly, Queue(fixed_inputs=[1, 2, 3]), initial=0)
    simulation = simulate(pipeline, clock=clock, on_error="collect")

    assert simulation.flush(made) == [4]


def test_a_run_that_fails_gives_nothing():
    with Pipeline() as pipeline:
        made = skorche.reduce(add_inverse, Queue(fixed_inputs=[1, 2, 0, 4]), initial=0)
    run = pipeline.run()

    with pytest.raises(ZeroDivisionError):
        run.wait()
    with pytest.raises(ZeroDivisionError):
        list(made)


def test_a_failure_elsewhere_gives_nothing_either():
    with Pipeline() as pipeline:
        made = skorche.reduce(add, skorche.map(lambda number: 1 // number, Queue(fixed_inputs=[1, 2, 0, 4])))
    run = pipeline.run(engine="inline")

    with pytest.raises(ZeroDivisionError):
        run.wait()
    assert made.flush() == []


def test_it_runs_in_this_process_whatever_the_run_chooses():
    with Pipeline("sum") as pipeline:
        skorche.reduce(add, Queue(name="numbers"), queue_out=Queue(name="total"))

    assert pipeline.explain(engine="process") == (
        "sum: 1 stages\n  stage 0: add [thread, 1 worker] -> output total, once, at the end\n  input numbers -> stage 0"
    )
    assert "add [inline, 1 worker]" in pipeline.explain(engine="inline")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_workers": 4}, "max_workers=4"),
        ({"engine": "process"}, "engine='process'"),
        ({"engine": "process", "max_items_per_worker": 7}, "engine='process' and max_items_per_worker=7"),
    ],
)
def test_more_than_one_accumulator_is_refused(options, said):
    task = skorche.task(**options)(add)

    with Pipeline(), pytest.raises(GraphError) as caught:
        skorche.reduce(task, Queue(), initial=0)

    assert f"with {said}." in str(caught.value)
    assert "Why:  it has one accumulator, which stays in this process" in str(caught.value)
    assert "Mend: leave that out; what takes long for each item belongs into a map before it" in str(caught.value)


def test_an_initial_that_cannot_be_copied_is_refused():
    with Pipeline(), pytest.raises(GraphError) as caught:
        skorche.reduce(add, Queue(), initial=threading.Lock())

    assert "which cannot be copied: TypeError: cannot pickle '_thread.lock' object" in str(caught.value)
    assert "Mend: give a plain value" in str(caught.value)


def test_everything_after_the_queue_is_a_keyword():
    with Pipeline() as pipeline, pytest.raises(TypeError, match="positional"):
        pipeline.reduce(add, Queue(), 0)
