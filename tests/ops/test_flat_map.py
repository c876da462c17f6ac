"""`flat_map`: a task that gives many results for every item."""

import itertools
import threading

import pytest

import skorche
from skorche import Failure, GraphError, Pipeline, Queue, TaskError
from skorche.testing import drive, simulate


def count_up(number):
    yield from range(number)


def count_up_and_fail(number):
    yield from range(number)
    raise OSError("disk on fire")


def fail_at_two(number):
    for one in range(4):
        if number and one == 2:
            raise OSError("disk on fire")
        yield one


def report_of(task, items, **options):
    """The report of an inline run that collects failures, and what came out."""
    with Pipeline() as pipeline:
        made = skorche.flat_map(skorche.task(**options)(task), Queue(fixed_inputs=items))
    report = pipeline.run(engine="inline", on_error="collect").wait()
    return report, made.flush()


# -- what comes out --------------------------------------------------------------------------------------------------


def test_a_generator_gives_its_elements_one_by_one():
    made = drive(skorche.flat_map, [2, 0, 3], task=count_up)

    assert made == [0, 1, 0, 1, 2]


def test_a_list_gives_its_elements():
    made = drive(skorche.flat_map, ["a b", "", "c"], task=str.split)

    assert made == ["a", "b", "c"]


def test_any_iterable_will_do():
    kinds = [(1, 2), "ab", range(2), {"key": 1}, iter([3]), {4}, itertools.repeat(5, 2), b"\x06"]

    made = drive(skorche.flat_map, range(len(kinds)), task=kinds.__getitem__)

    assert made == [1, 2, "a", "b", 0, 1, "key", 3, 4, 5, 5, 6]


def test_no_items_give_nothing():
    made = drive(skorche.flat_map, [], task=count_up)

    assert made == []


def test_none_is_an_element_like_others():
    made = drive(skorche.flat_map, [1, 2], task=lambda number: (None for _ in range(number)))

    assert made == [None, None, None]


def test_generators_and_lists_may_be_mixed():
    made = drive(skorche.flat_map, range(5), task=lambda number: [number] if number % 2 else count_up(number))

    assert made == [1, 0, 1, 3, 0, 1, 2, 3]


def test_results_come_in_input_order_whatever_the_workers_do():
    with Pipeline() as pipeline:
        numbers = skorche.flat_map(skorche.task(max_workers=4)(count_up), Queue(fixed_inputs=range(60)))
        made = skorche.map(skorche.task(max_workers=3)(str), numbers)
    pipeline.run().wait()

    assert made.flush() == [str(one) for number in range(60) for one in range(number)]


def test_many_of_many_keep_their_order():
    with Pipeline() as pipeline:
        made = skorche.flat_map(count_up, skorche.flat_map(count_up, Queue(fixed_inputs=[3, 4])))
    report = pipeline.run().wait()

    assert made.flush() == [0, 0, 1, 0, 0, 1, 0, 1, 2]
    assert (report.admitted, report.delivered) == (2, 2)


def test_an_ordered_task_gives_elements_in_order_in_the_stream():
    with Pipeline() as pipeline:
        task = skorche.task(max_workers=4, ordered=True)(count_up)
        made = skorche.flat_map(task, Queue(fixed_inputs=range(40)))
    with pipeline.run():
        seen = list(made)

    assert seen == [one for number in range(40) for one in range(number)]


# -- beside unbatch --------------------------------------------------------------------------------------------------


def test_lists_go_the_way_that_a_map_and_an_unbatch_take():
    def scattered(expand):
        """The odd numbers in pairs and the even ones alone, expanded in between."""
        with Pipeline() as pipeline:
            odd, even = skorche.split(lambda number: number % 2, Queue(fixed_inputs=range(12)))
            made = skorche.merge((expand(skorche.batch(odd, batch_size=2)), even))
        pipeline.run(engine="inline").wait()
        return made.flush()

    def swap(pair):
        return [-pair[1], -pair[0]]

    assert scattered(lambda pairs: skorche.flat_map(swap, pairs)) == scattered(
        lambda pairs: skorche.unbatch(skorche.map(swap, pairs))
    )


def test_a_generator_gives_no_member_of_a_batch_its_place_back_since_nobody_knows_its_length():
    with Pipeline() as pipeline:
        odd, even = skorche.split(lambda number: number % 2, Queue(fixed_inputs=range(8)))
        pairs = skorche.flat_map(iter, skorche.batch(odd, batch_size=2))
        made = skorche.merge((even, pairs))
    pipeline.run(engine="inline").wait()

    assert made.flush() == [0, 1, 3, 2, 4, 5, 7, 6]


# -- the account -----------------------------------------------------------------------------------------------------


def test_elements_are_counted():
    report, _ = report_of(count_up, [3, 2])

    tally = report.nodes["count_up"]
    assert (tally.received, tally.emitted, tally.members, tally.failed) == (2, 5, 5, 0)


def test_an_item_that_gives_nothing_counts_as_filtered():
    report, made = report_of(count_up, [0, 1, 0])

    assert made == [0]
    assert (report.ok, report.admitted, report.delivered, report.filtered) == (True, 3, 1, 2)


def test_a_source_item_counts_once_by_the_worst_end_of_its_elements():
    with Pipeline() as pipeline:
        skorche.map(lambda number: 1 // number, skorche.flat_map(count_up, Queue(fixed_inputs=[1, 0, 3])))
    report = pipeline.run(on_error="collect").wait()

    assert (report.admitted, report.failed, report.filtered, len(report.failures)) == (3, 2, 1, 2)


# -- failures --------------------------------------------------------------------------------------------------------


def test_what_a_generator_gave_before_it_failed_goes_on_and_its_item_counts_as_failed():
    report, made = report_of(fail_at_two, [0, 1, 0])

    assert made == [0, 1, 2, 3, 0, 1, 0, 1, 2, 3]
    assert (report.admitted, report.delivered, report.failed) == (3, 2, 1)
    assert [(failure.item, str(failure.error)) for failure in report.failures] == [(1, "disk on fire")]
    assert (report.nodes["fail_at_two"].failed, report.nodes["fail_at_two"].emitted) == (1, 10)


@pytest.mark.parametrize(
    "options", [{"retries": 1, "backoff": 0}, {"timeout": 60}, {"isolate": True}, {"ordered": True}]
)
def test_of_a_task_that_is_read_whole_a_failed_item_gives_nothing(options):
    report, made = report_of(fail_at_two, [0, 1, 0], **options)

    assert made == [0, 1, 2, 3, 0, 1, 2, 3]
    assert (report.admitted, report.delivered, report.failed) == (3, 2, 1)


def test_retries_double_nothing():
    failed = set()

    def shaky(number):
        yield number
        if number not in failed:
            failed.add(number)
            raise OSError("not yet")
        yield -number

    report, made = report_of(shaky, [1, 2], retries=1, backoff=0)

    assert made == [1, -1, 2, -2]
    assert (report.ok, report.nodes["shaky"].retried) == (True, 2)


def test_a_failed_item_goes_to_the_error_queue_as_it_was():
    errors: Queue[Failure] = Queue(name="errors")
    with Pipeline() as pipeline:
        slow = skorche.flat_map(count_up_and_fail, Queue(fixed_inputs=[100, 3]), queue_errors=errors)
        made = skorche.map(str, slow)
    report = pipeline.run().wait()

    assert [failure.item for failure in errors.flush()] == [100, 3]
    assert len(made.flush()) == 103
    assert (report.ok, report.failed) == (True, 2)


@pytest.mark.parametrize("wrong", [None, 7])
def test_a_result_that_cannot_be_iterated_fails_its_item(wrong):
    report, made = report_of(lambda number: wrong if number else [1], [0, 1, 0])

    assert made == [1, 1]
    assert [str(failure.error) for failure in report.failures] == [f"'{type(wrong).__name__}' object is not iterable"]


def test_the_traceback_begins_in_the_task():
    report, _ = report_of(fail_at_two, [1])

    (failure,) = report.failures
    assert "skorche/ops" not in failure.traceback
    assert "in fail_at_two" in failure.traceback


@pytest.mark.parametrize("raised", [StopIteration, SystemExit, GeneratorExit])
def test_a_task_that_raises_what_ends_iterations_or_programs_fails_its_item(raised):
    def refuse(number):
        raise raised

    report, made = report_of(lambda number: refuse(number) if number else [1], [1, 0])

    assert made == [1]
    assert [type(failure.error) for failure in report.failures] == [TaskError]


def test_a_failure_stops_the_run_as_itself():
    with Pipeline() as pipeline:
        skorche.flat_map(fail_at_two, Queue(fixed_inputs=[1]))

    with pytest.raises(OSError, match="disk on fire"):
        pipeline.run().wait()


# -- by and by -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["thread", "inline"])
def test_a_generator_is_read_as_there_is_room_for_its_elements(engine):
    given, most = 0, 0

    def million(_):
        nonlocal given
        while given < 1_000_000:
            given += 1
            yield given

    with Pipeline() as pipeline:
        made = skorche.flat_map(million, Queue(fixed_inputs=["item"]), queue_out=Queue(name="out", maxsize=10))
    run = pipeline.run(engine=engine)
    for taken in range(1, 500):
        made.get()
        most = max(most, given - taken)
    run.cancel()
    with pytest.raises(skorche.RunCancelled):
        run.wait()

    assert most <= 20


def test_a_generator_without_end_runs_in_bounded_memory_until_the_run_is_cancelled():
    alive = 0
    enough = threading.Event()

    class Photo:
        most = 0

        def __init__(self):
            nonlocal alive
            alive += 1
            Photo.most = max(Photo.most, alive)

        def __del__(self):
            nonlocal alive
            alive -= 1

    def shoot(_):
        while True:
            yield Photo()

    seen = 0

    def is_wanted(_):
        nonlocal seen
        seen += 1
        if seen == 20_000:
            enough.set()
        return seen % 1000 == 0

    with Pipeline() as pipeline:
        kept = skorche.filter(is_wanted, skorche.flat_map(shoot, Queue(fixed_inputs=["camera"])))
        skorche.sink(id, kept)
    run = pipeline.run()
    assert enough.wait(60)
    run.cancel()
    with pytest.raises(skorche.RunCancelled):
        run.wait()

    assert run.report.admitted == 1 == run.report.cancelled
    assert Photo.most <= 2 * 4096
    assert alive < 10


def test_the_first_elements_come_before_the_generator_has_ended():
    asked = threading.Event()

    def wait_in_between(_):
        yield "first"
        assert asked.wait(60)
        yield "second"

    with Pipeline() as pipeline:
        made = skorche.flat_map(wait_in_between, Queue(fixed_inputs=["item"]), queue_out=Queue(name="out", maxsize=1))
    with pipeline.run():
        first = made.get(timeout=60)
        asked.set()
        second = made.get(timeout=60)

    assert (first, second) == ("first", "second")


def test_workers_share_the_room_there_is():
    """Two generators that each wait for the other: with all the room in one hand, neither would ever end."""
    barrier = threading.Barrier(2)

    def meet(number):
        for one in range(3):
            barrier.wait(60)
            yield number, one

    with Pipeline() as pipeline:
        task = skorche.task(max_workers=2)(meet)
        made = skorche.flat_map(task, Queue(fixed_inputs=[1, 2]), queue_out=Queue(name="out", maxsize=2))
    with pipeline.run():
        seen = list(made)

    assert sorted(seen) == [(number, one) for number in (1, 2) for one in range(3)]


def test_generators_that_were_not_finished_are_closed_when_the_run_is_cancelled():
    closed = []

    def count_for_ever(number):
        try:
            yield from itertools.count()
        finally:
            closed.append(number)

    with Pipeline() as pipeline:
        made = skorche.flat_map(count_for_ever, Queue(fixed_inputs=[7]), queue_out=Queue(name="out", maxsize=2))
    run = pipeline.run()
    made.get()
    run.cancel()
    with pytest.raises(skorche.RunCancelled):
        run.wait()

    assert closed == [7]


def test_an_item_that_has_begun_is_one_item_to_the_account_wherever_it_stops():
    def count_for_ever(number):
        yield from itertools.count()

    with Pipeline() as pipeline:
        skorche.flat_map(count_for_ever, Queue(fixed_inputs=range(5)), queue_out=Queue(name="out", maxsize=3))

    for seed in range(8):
        report = simulate(pipeline, seed=seed, faults=skorche.testing.Faults(stop=1.0)).report
        assert report.admitted == report.cancelled + report.delivered <= 5


# -- declared --------------------------------------------------------------------------------------------------------


def test_it_is_named_after_its_task():
    with Pipeline() as pipeline:
        pipeline.flat_map(skorche.task(tag="twice")(count_up), Queue(fixed_inputs=[]))
        pipeline.flat_map(count_up, Queue(fixed_inputs=[]))

    assert [node.name for node in pipeline.graph.nodes] == ["count_up(twice)", "count_up"]


def test_everything_after_the_queue_is_a_keyword():
    with Pipeline() as pipeline, pytest.raises(TypeError, match="positional"):
        pipeline.flat_map(count_up, Queue(), Queue())


def test_what_cannot_be_called_is_refused():
    with Pipeline(), pytest.raises(GraphError, match="cannot be called"):
        skorche.flat_map(7, Queue())


@pytest.mark.timeout(20)
def test_a_generator_that_asks_for_statistics_at_its_end_holds_nobody_up():
    asked = []

    def numbers(item):
        try:
            while True:
                yield item
        finally:
            asked.append(run.statistics()["numbers"].received)

    def refuse(item):
        given.get(timeout=10)
        raise ValueError("no")

    with skorche.Pipeline() as pipeline:
        given = skorche.flat_map(numbers, skorche.Queue(fixed_inputs=[1]), queue_out=skorche.Queue(maxsize=4))
        skorche.map(refuse, skorche.Queue(fixed_inputs=[1]))
    run = pipeline.run()
    with pytest.raises(ValueError, match="no"):
        run.wait()

    assert asked == [1]
