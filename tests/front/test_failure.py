"""What becomes of items that fail: nothing is silent, and nobody else is hurt."""

import itertools
import threading

import pytest

import skorche
from skorche import Failure, Pipeline, Queue, TaskError, TaskTimeout, TooManyFailures

pytestmark = pytest.mark.timeout(60)

PATIENCE = 20.0
KEEP_GOING = (
    "to keep going after a failure: run(on_error='collect') lists failures in the report, "
    "queue_errors= makes them a queue, retries= tries again."
)


def invert(number):
    return 1 / number


def refuse(item):
    raise ValueError("no")


# -- raise -----------------------------------------------------------------------------------------------------------


def test_shutdown_raises_the_tasks_own_exception():
    cause, error = KeyError("cause"), RuntimeError("no")

    def fail(item):
        raise error from cause

    skorche.map(fail, Queue(fixed_inputs=["a"]))
    skorche.run()
    with pytest.raises(RuntimeError) as caught:
        skorche.shutdown()

    assert caught.value is error
    assert caught.value.__cause__ is cause


def test_the_notes_say_which_task_on_what_declared_where_and_how_to_keep_going():
    line = test_the_notes_say_which_task_on_what_declared_where_and_how_to_keep_going.__code__.co_firstlineno + 3

    skorche.map(invert, Queue(fixed_inputs=[0]))
    skorche.run()
    with pytest.raises(ZeroDivisionError) as caught:
        skorche.shutdown()

    assert caught.value.__notes__ == [f"in task 'invert' ({__file__}:{line}), for the item 0", KEEP_GOING]


def add(left, right):
    return left + right


def total(row):
    return sum(row, start="")


@pytest.mark.parametrize(
    ("task", "item", "is_told"),
    [(add, (1, 2), True), (add, {"left": 1, "right": 2}, True), (add, 1, False), (total, (1, 2), False)],
)
def test_who_gave_a_row_to_a_task_of_several_arguments_is_told_of_unpack(task, item, is_told):
    with Pipeline() as pipeline:
        skorche.map(task, Queue(fixed_inputs=[item]))

    with pytest.raises(TypeError) as caught:
        pipeline.run().wait(PATIENCE)

    told = "the item is one argument: with @skorche.task(unpack=True) its elements are the arguments."
    assert (told in caught.value.__notes__) == is_told


def test_a_long_item_is_shortened_in_the_notes():
    skorche.map(refuse, Queue(fixed_inputs=["x" * 10_000]))

    skorche.run()
    with pytest.raises(ValueError, match="no") as caught:
        skorche.shutdown()

    item = caught.value.__notes__[0].partition("for the item ")[2]
    assert item == "'" + "x" * 98 + "..." + "x" * 97 + "'"


def test_an_item_that_cannot_be_shown_is_told_of_all_the_same():
    class Silent:
        def __repr__(self):
            raise RuntimeError("hush")

    skorche.map(refuse, Queue(fixed_inputs=[Silent()]))

    skorche.run()
    with pytest.raises(ValueError, match="no") as caught:
        skorche.shutdown()

    assert caught.value.__notes__[0].endswith("for the item <Silent whose repr() raised RuntimeError>")


def test_the_traceback_leads_to_the_line_that_failed():
    skorche.map(invert, Queue(fixed_inputs=[0]))

    skorche.run()
    with pytest.raises(ZeroDivisionError) as caught:
        skorche.shutdown()

    assert caught.traceback[-1].name == "invert"


def test_what_was_delivered_before_the_failure_stays_in_the_queue():
    made = skorche.map(invert, Queue(fixed_inputs=[1, 2, 0, 4]))

    skorche.run()
    with pytest.raises(ZeroDivisionError):
        skorche.shutdown()
    report = skorche.last_report()

    assert made.flush()[:2] == [1.0, 0.5]
    assert (report.ok, report.failed) == (False, 1)
    assert report.admitted == report.delivered + report.failed + report.cancelled


def test_the_first_failure_stops_a_run_on_an_endless_source():
    made = skorche.map(invert, Queue(fixed_inputs=itertools.count(-3)))

    skorche.run()
    with pytest.raises(ZeroDivisionError):
        skorche.shutdown()

    assert made.flush()[:3] == [-1 / 3, -1 / 2, -1.0]


def test_a_failing_predicate_stops_the_run_as_a_task_does():
    skorche.filter(invert, Queue(fixed_inputs=[0]))

    skorche.run()
    with pytest.raises(ZeroDivisionError) as caught:
        skorche.shutdown()

    assert caught.value.__notes__[0].startswith("in op 'Filter(invert)' (")


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, StopAsyncIteration])
def test_what_is_no_ordinary_exception_surfaces_as_a_task_error(kind):
    def leave(item):
        raise kind(0)

    skorche.map(leave, Queue(fixed_inputs=["a"]))
    skorche.run()
    with pytest.raises(TaskError) as caught:
        skorche.shutdown()

    assert type(caught.value.__cause__) is kind
    assert caught.value.why == "it is no ordinary exception, and must neither end the program nor an iteration."
    assert caught.value.mend == "raise an ordinary exception to fail an item; to leave one out, use filter."


def test_a_system_exit_is_told_with_its_code():
    def leave(item):
        raise SystemExit(0)

    skorche.map(leave, Queue(fixed_inputs=["a"]))
    skorche.run()
    with pytest.raises(TaskError, match=r"^a task raised SystemExit\(0\)\.\n"):
        skorche.shutdown()


# -- collect ---------------------------------------------------------------------------------------------------------


def test_collect_goes_on_and_lists_the_failures_in_the_report():
    made = skorche.map(invert, Queue(fixed_inputs=[1, 0, 2, 0]))

    skorche.run(on_error="collect")
    report = skorche.shutdown()

    assert made.flush() == [1.0, 0.5]
    assert (report.ok, report.admitted, report.delivered, report.failed) == (False, 4, 2, 2)
    assert [(failure.node, failure.item, failure.attempts) for failure in report.failures] == [("invert", 0, 1)] * 2


def test_a_tasks_collect_wins_over_the_runs_raise():
    made = skorche.map(skorche.task(on_error="collect")(invert), Queue(fixed_inputs=[0, 1]))

    skorche.run(on_error="raise")
    report = skorche.shutdown()

    assert made.flush() == [1.0]
    assert (report.ok, report.failed) == (False, 1)


def test_a_tasks_raise_wins_over_the_runs_collect():
    skorche.map(skorche.task(on_error="raise")(invert), Queue(fixed_inputs=[0, 1]))

    skorche.run(on_error="collect")
    with pytest.raises(ZeroDivisionError):
        skorche.shutdown()


@pytest.mark.parametrize(("errors", "policy"), [(None, "collect"), (Queue(name="errors"), "raise")])
def test_errors_that_do_not_stop_a_run_do_not_keep_the_items_of_their_frames(errors, policy):
    skorche.map(invert, Queue(fixed_inputs=[0]), queue_errors=errors)

    skorche.run(on_error=policy)
    report = skorche.shutdown()

    assert report.failures[0].error.__traceback__ is None
    assert report.failures[0].traceback.endswith("ZeroDivisionError: division by zero")


# -- max_failures ----------------------------------------------------------------------------------------------------


def test_max_failures_stops_a_hopeless_run():
    skorche.map(refuse, Queue(name="numbers", fixed_inputs=itertools.count()))

    skorche.run(max_failures=2)
    with pytest.raises(TooManyFailures) as caught:
        skorche.shutdown()

    assert str(caught.value) == (
        "3 items failed, more than max_failures=2 allows; the last: refuse failed for 2: ValueError: no\n"
        "  Why:  a run that fails so often is hopeless.\n"
        "  Mend: see report.failures for all of them; raise max_failures to go on."
    )
    assert isinstance(caught.value.__cause__, ValueError)


def test_as_many_failures_as_allowed_do_not_stop_the_run():
    made = skorche.map(invert, Queue(fixed_inputs=[0, 1, 0]))

    skorche.run(max_failures=2)
    report = skorche.shutdown()

    assert made.flush() == [1.0]
    assert (report.ok, report.failed) == (False, 2)


def test_no_failure_at_all_may_be_allowed():
    skorche.map(refuse, Queue(fixed_inputs=["a"]))

    skorche.run(max_failures=0)
    with pytest.raises(TooManyFailures, match="1 items failed, more than max_failures=0 allows"):
        skorche.shutdown()


def test_a_share_of_failures_stops_the_run_once_twenty_items_have_ended():
    skorche.map(refuse, Queue(fixed_inputs=itertools.count()))

    skorche.run(max_failures=0.5)
    with pytest.raises(TooManyFailures, match=r"items failed, more than max_failures=0\.5 allows"):
        skorche.shutdown()

    assert skorche.last_report().failed >= 20


def test_a_share_that_is_not_exceeded_does_not_stop_the_run():
    inverses = skorche.map(invert, Queue(fixed_inputs=[number % 10 for number in range(5000)]))
    made = skorche.chain([abs, abs], inverses)

    skorche.run(max_failures=0.2)
    report = skorche.shutdown()

    assert (report.delivered, report.failed, len(made.flush())) == (4500, 500, 4500)


def test_many_elements_of_one_source_item_count_as_one_towards_a_share():
    numbers = skorche.unbatch(Queue(fixed_inputs=[[0] * 10, *([1, 2] for _ in range(99))]))
    skorche.map(invert, numbers)

    skorche.run(max_failures=0.05)
    report = skorche.shutdown()

    assert (report.admitted, report.failed, len(report.failures)) == (100, 1, 10)


def test_failures_that_were_handled_do_not_count_towards_a_share():
    errors = Queue(name="errors")
    skorche.map(refuse, Queue(fixed_inputs=range(50)), queue_errors=errors)
    made = skorche.map(skorche.task(name="half")(lambda number: 1 / (number % 10)), Queue(fixed_inputs=range(50)))

    skorche.run(max_failures=0.2)
    report = skorche.shutdown()

    assert (len(errors.flush()), len(made.flush()), report.failed) == (50, 45, 55)


# -- retries ---------------------------------------------------------------------------------------------------------


def test_an_item_is_tried_again():
    attempts = []

    @skorche.task(retries=2, backoff=0)
    def stumble(item):
        attempts.append(item)
        if len(attempts) < 3:
            raise OSError("not yet")
        return item

    made = skorche.map(stumble, Queue(fixed_inputs=["a"]))
    skorche.run()
    report = skorche.shutdown()

    assert made.flush() == ["a"]
    assert attempts == ["a", "a", "a"]
    assert (report.ok, report.nodes["stumble"].retried, report.nodes["stumble"].failed) == (True, 2, 0)


def test_an_item_that_never_succeeds_fails_after_all_its_attempts():
    skorche.map(skorche.task(retries=3, backoff=0)(refuse), Queue(fixed_inputs=["a"]))

    skorche.run()
    with pytest.raises(ValueError, match="no") as caught:
        skorche.shutdown()

    failure = skorche.last_report().failures[0]
    assert (failure.attempts, str(failure)) == (4, "refuse failed after 4 attempts for 'a': ValueError: no")
    assert "(attempt 4), for the item 'a'" in caught.value.__notes__[0]


def test_only_the_errors_named_are_tried_again():
    attempts = []

    @skorche.task(retries=5, backoff=0, retry_on=(OSError, KeyError))
    def stumble(item):
        attempts.append(item)
        raise OSError("again") if len(attempts) == 1 else ValueError("never")

    skorche.map(stumble, Queue(fixed_inputs=["a"]))
    skorche.run()
    with pytest.raises(ValueError, match="never"):
        skorche.shutdown()

    assert attempts == ["a", "a"]


def test_the_neighbours_of_a_retried_item_run_once():
    seen = []

    @skorche.task(retries=1, backoff=0)
    def stumble(number):
        seen.append(number)
        if number % 10 == 0 and seen.count(number) == 1:
            raise OSError("once")
        return number

    made = skorche.map(stumble, Queue(fixed_inputs=range(100)))
    skorche.run()
    skorche.shutdown()

    assert made.flush() == list(range(100))
    assert sorted(seen) == sorted([*range(100), *range(0, 100, 10)])


# -- queue_errors ----------------------------------------------------------------------------------------------------


def test_failures_in_a_queue_are_handled_and_leave_the_report_ok():
    errors: Queue[Failure] = Queue(name="errors")
    made = skorche.map(invert, Queue(fixed_inputs=[1, 0, 2]), queue_errors=errors)

    skorche.run()
    report = skorche.shutdown()

    assert made.flush() == [1.0, 0.5]
    assert [failure.item for failure in errors.flush()] == [0]
    assert (report.ok, report.admitted, report.delivered, report.failed) == (True, 3, 2, 1)


def test_an_error_queue_can_feed_another_task():
    errors: Queue[Failure] = Queue(name="errors")
    made = skorche.map(invert, Queue(fixed_inputs=[1, 0, 2, 0]), queue_errors=errors)
    excuses = skorche.map(lambda failure: f"{failure.item}: {failure.error}", errors)
    everything = skorche.merge((made, excuses))

    skorche.run()
    report = skorche.shutdown()

    assert everything.flush() == [1.0, "0: division by zero", 0.5, "0: division by zero"]
    assert (report.ok, report.failed) == (True, 2)


def test_items_reach_the_error_queue_after_their_last_attempt():
    errors: Queue[Failure] = Queue(name="errors")
    skorche.map(skorche.task(retries=2, backoff=0)(refuse), Queue(fixed_inputs=["a"]), queue_errors=errors)

    skorche.run()
    skorche.shutdown()

    assert [(failure.item, failure.attempts) for failure in errors.flush()] == [("a", 3)]


def test_an_error_queue_does_not_handle_the_failures_of_others():
    errors: Queue[Failure] = Queue(name="errors")
    made = skorche.map(invert, Queue(fixed_inputs=[1]), queue_errors=errors)
    skorche.map(refuse, made)

    skorche.run()
    with pytest.raises(ValueError, match="no"):
        skorche.shutdown()

    assert errors.flush() == []


def test_many_failures_pass_through_a_small_error_queue():
    errors: Queue[Failure] = Queue(name="errors", maxsize=1)
    skorche.map(refuse, Queue(fixed_inputs=range(500)), queue_errors=errors)
    made = skorche.map(lambda failure: failure.item, errors)

    skorche.run()
    skorche.shutdown()

    assert made.flush() == list(range(500))


# -- timeout ---------------------------------------------------------------------------------------------------------


def test_an_item_that_takes_too_long_is_given_up_and_only_that_one():
    release = threading.Event()

    @skorche.task(timeout=0.3, on_error="collect")
    def wait_if_slow(item):
        if item == "slow":
            release.wait(PATIENCE)
        return item

    made = skorche.map(wait_if_slow, Queue(fixed_inputs=["a", "slow", "b"]))
    skorche.run()
    report = skorche.shutdown()
    release.set()

    assert made.flush() == ["a", "b"]
    assert [(failure.item, type(failure.error)) for failure in report.failures] == [("slow", TaskTimeout)]
    assert (report.delivered, report.failed, report.abandoned_threads) == (2, 1, 1)


def test_a_timeout_says_what_was_too_long_and_how_to_mend_it():
    release = threading.Event()

    @skorche.task(timeout=0.1)
    def hang(item):
        release.wait(PATIENCE)

    skorche.map(hang, Queue(fixed_inputs=["a"]))
    skorche.run()
    with pytest.raises(TaskTimeout) as caught:
        skorche.shutdown()
    release.set()

    assert str(caught.value) == (
        "task 'hang' took longer than its timeout of 0.1 s.\n"
        "  Why:  the item was given up; a process is stopped, a coroutine cancelled, "
        "a thread cannot be and goes on in the background.\n"
        "  Mend: raise timeout=, or look into what the task waits for."
    )
    assert isinstance(caught.value, TimeoutError)


def test_a_timeout_counts_as_one_attempt():
    release, attempts = threading.Event(), []

    @skorche.task(timeout=0.3, retries=1, backoff=0)
    def hang_once(item):
        attempts.append(item)
        if len(attempts) == 1:
            release.wait(PATIENCE)
        return item

    made = skorche.map(hang_once, Queue(fixed_inputs=["a"]))
    skorche.run()
    report = skorche.shutdown()
    release.set()

    assert made.flush() == ["a"]
    assert (report.ok, report.nodes["hang_once"].retried, report.abandoned_threads) == (True, 1, 1)


def test_the_late_result_of_an_abandoned_thread_is_dropped():
    release, returned = threading.Event(), threading.Event()

    @skorche.task(timeout=0.1, on_error="collect")
    def hang_at_one(number):
        if number == 1:
            release.wait(PATIENCE)
            returned.set()
        return number

    numbers = Queue()
    with Pipeline() as pipeline:
        made = skorche.map(hang_at_one, numbers)
    with pipeline.run() as run:
        numbers.put(1)
        while not run.statistics()["hang_at_one"].failed:
            pass
        release.set()
        assert returned.wait(PATIENCE)
        numbers.put(2)

    assert made.flush() == [2]


# -- isolate ---------------------------------------------------------------------------------------------------------


def test_isolate_fails_the_poisoned_member_of_a_batch_and_delivers_the_others():
    calls = []

    @skorche.task(isolate=True, on_error="collect")
    def swallow(numbers):
        calls.append(len(numbers))
        if 6 in numbers:
            raise ValueError("poison")
        return [-number for number in numbers]

    batches = skorche.batch(Queue(fixed_inputs=range(10)), batch_size=10)
    made = skorche.unbatch(skorche.map(swallow, batches))
    skorche.run()
    report = skorche.shutdown()

    assert made.flush() == [-number for number in range(10) if number != 6]
    assert [failure.item for failure in report.failures] == [[6]]
    assert (report.admitted, report.delivered, report.failed) == (10, 9, 1)
    assert sorted(calls, reverse=True)[:3] == [10, 5, 5]


def test_isolate_leaves_healthy_batches_whole():
    calls = []

    @skorche.task(isolate=True)
    def swallow(numbers):
        calls.append(numbers)
        return numbers

    made = skorche.map(swallow, skorche.batch(Queue(fixed_inputs=range(6)), batch_size=3))
    skorche.run()
    skorche.shutdown()

    assert made.flush() == calls == [[0, 1, 2], [3, 4, 5]]


def test_isolate_tries_a_single_member_again():
    attempts = []

    @skorche.task(isolate=True, retries=1, backoff=0)
    def swallow(numbers):
        if 2 in numbers:
            attempts.append(numbers)
            if len(attempts) < 4:
                raise ValueError("poison")
        return numbers

    made = skorche.unbatch(skorche.map(swallow, skorche.batch(Queue(fixed_inputs=range(4)), batch_size=4)))
    skorche.run()
    report = skorche.shutdown()

    assert made.flush() == [0, 1, 2, 3]
    assert attempts == [[0, 1, 2, 3], [2, 3], [2], [2]]
    assert (report.ok, report.delivered) == (True, 4)


def test_isolate_keeps_the_order_of_an_ordered_stream():
    @skorche.task(isolate=True, ordered=True, on_error="collect", max_workers=4)
    def swallow(numbers):
        if any(number % 7 == 0 for number in numbers):
            raise ValueError("poison")
        return numbers

    with Pipeline() as pipeline:
        batches = skorche.batch(Queue(fixed_inputs=range(100)), batch_size=10)
        made = skorche.unbatch(skorche.map(swallow, batches))
    with pipeline.run():
        stream = list(made)

    assert stream == [number for number in range(100) if number % 7]
