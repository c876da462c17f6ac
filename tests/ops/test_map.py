"""`map`: a task for every item."""

import queue as standard_queue

import pytest

import skorche
from skorche import Failure, GraphError, Pipeline, Queue, TaskError
from skorche.testing import drive


class Uncomparable:
    """Equals nothing, is neither true nor false, and cannot be hashed."""

    def __eq__(self, other):
        raise RuntimeError("compared")

    def __bool__(self):
        raise RuntimeError("taken for a truth value")

    __hash__ = None


def test_each_item_gives_one_result_in_input_order():
    made = drive(skorche.map, [1, 2, 3], task=lambda number: 10 * number)

    assert made == [10, 20, 30]


def test_no_items_give_no_results():
    made = drive(skorche.map, [], task=lambda number: 10 * number)

    assert made == []


def test_none_is_an_ordinary_item():
    made = drive(skorche.map, [None, 1, None], task=lambda item: item)

    assert made == [None, 1, None]


def test_nan_is_an_ordinary_item():
    nan = float("nan")

    made = drive(skorche.map, [nan, nan], task=lambda item: item)

    assert [item is nan for item in made] == [True, True]


def test_items_are_never_compared_hashed_or_asked_for_their_truth():
    items = [Uncomparable() for _ in range(5)]

    made = drive(skorche.map, items, task=lambda item: item)

    assert [id(item) for item in made] == [id(item) for item in items]


def test_a_generator_function_gives_its_generators_as_results():
    def count_up(number):
        yield from range(number)

    made = drive(skorche.map, [2, 3], task=count_up)

    assert [list(generator) for generator in made] == [[0, 1], [0, 1, 2]]


def test_the_items_around_a_failed_one_are_worked_on_once():
    seen = []

    @skorche.task(on_error="collect")
    def invert(number):
        seen.append(number)
        return 1 / number

    made = drive(skorche.map, [1, 2, 0, 4], task=invert)

    assert made == [1.0, 0.5, 0.25]
    assert seen == [1, 2, 0, 4]


def test_the_tasks_own_exception_is_raised():
    error = ValueError("no good")

    def refuse(item):
        raise error

    with pytest.raises(ValueError, match="no good") as caught:
        drive(skorche.map, ["a"], task=refuse)

    assert caught.value is error


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, StopAsyncIteration])
def test_what_would_end_a_program_or_an_iteration_fails_the_item_as_a_task_error(kind):
    def leave(item):
        raise kind(0)

    with pytest.raises(TaskError) as caught:
        drive(skorche.map, ["a"], task=leave)

    assert type(caught.value.__cause__) is kind


def test_the_items_after_a_stop_iteration_are_worked_on():
    def stop_at_two(number):
        if number == 2:
            raise StopIteration
        return number

    with Pipeline() as pipeline:
        made = skorche.map(stop_at_two, Queue(fixed_inputs=[1, 2, 3]))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == [1, 3]
    assert [(failure.item, type(failure.error)) for failure in report.failures] == [(2, TaskError)]


def test_failed_items_go_to_queue_errors_as_failures():
    def invert(number):
        return 1 / number

    errors: Queue[Failure] = Queue(name="errors")
    made = drive(skorche.map, [1, 0, 2], task=invert, queue_errors=errors)

    assert made == [1.0, 0.5]
    assert [(failure.node, failure.item, str(failure.error)) for failure in errors.flush()] == [
        ("invert", 0, "division by zero")
    ]


def test_queue_out_is_the_queue_returned():
    outputs = Queue(name="outputs")

    made = skorche.map(len, Queue(fixed_inputs=["a"]), queue_out=outputs)

    assert made is outputs


def test_declaring_runs_nothing():
    seen = []

    def read():
        seen.append("source")
        yield 1

    skorche.map(seen.append, Queue(fixed_inputs=read()))

    assert seen == []


def test_what_cannot_be_called_is_no_task(told):
    with pytest.raises(GraphError) as caught:
        skorche.map(3, Queue())

    assert told(caught) == (
        "3 was given as a task.\n"
        "  Why:  int objects cannot be called.\n"
        "  Mend: give a function, or decorate one with @skorche.task."
    )


def test_task_and_queue_the_wrong_way_round_are_told_apart():
    numbers = Queue(name="numbers")

    with pytest.raises(GraphError) as caught:
        skorche.map(numbers, len)

    assert str(caught.value) == (
        "<Queue numbers> was given as a task.\n"
        "  Why:  Queue objects cannot be called.\n"
        "  Mend: give a function, or decorate one with @skorche.task."
    )


class Model:
    """Can do something with an item, but not be called with one."""

    def predict(self, item):
        return item


def test_an_object_that_cannot_be_called_is_refused_with_what_it_lacks():
    with pytest.raises(GraphError) as caught:
        skorche.map(Model(), Queue())

    assert caught.value.why == "Model objects cannot be called."
    assert caught.value.mend == "give a function, or one of its methods; or give Model a __call__(self, item)."


def test_items_in_place_of_a_queue_are_refused(told):
    with pytest.raises(GraphError) as caught:
        skorche.map(len, ["a", "b"])

    assert told(caught) == (
        "task 'len' (here) was given ['a', 'b'] where a queue belongs.\n"
        "  Why:  list objects are no queues.\n"
        "  Mend: wrap items as skorche.Queue(fixed_inputs=items)."
    )


@pytest.mark.parametrize(
    ("keyword", "given", "why"),
    [
        ("queue_out", standard_queue.Queue(), "queue.Queue objects are no queues of skorche."),
        ("queue_errors", [], "list objects are no queues."),
    ],
)
def test_what_is_no_queue_of_ours_is_refused_for_results_too(keyword, given, why):
    with pytest.raises(GraphError) as caught:
        skorche.map(len, Queue(), **{keyword: given})

    assert (caught.value.why, caught.value.mend) == (why, "give a skorche.Queue(name='...'), or leave it out.")


def test_a_second_consumer_is_refused_with_three_ways_out(told):
    words = Queue(name="words")
    skorche.map(len, words)

    with pytest.raises(GraphError) as caught:
        skorche.map(str.upper, words)

    assert told(caught) == (
        "task 'upper' (here) consumes queue 'words', which task 'len' (here) consumes already.\n"
        "  Why:  a queue has one producer and one consumer.\n"
        "  Mend: tee it when both need every item. Running a notebook cell twice does this too: "
        "call skorche.init() first, or declare inside a `with skorche.Pipeline():` block."
    )


def test_the_refused_consumer_leaves_no_trace():
    words = Queue(name="words", fixed_inputs=["a"])
    sizes = skorche.map(len, words)

    with pytest.raises(GraphError):
        skorche.map(str.upper, words)
    skorche.run()
    skorche.shutdown()

    assert sizes.flush() == [1]


def test_a_notebook_cell_can_run_twice_after_init():
    words = Queue(name="words", fixed_inputs=["a"])
    skorche.map(len, words)

    skorche.init()
    sizes = skorche.map(len, words)
    skorche.run()
    skorche.shutdown()

    assert sizes.flush() == [1]


def test_a_second_producer_is_refused(told):
    outputs = Queue(name="outputs")
    skorche.map(len, Queue(), queue_out=outputs)

    with pytest.raises(GraphError) as caught:
        skorche.map(str.upper, Queue(), queue_out=outputs)

    assert told(caught) == (
        "task 'upper' (here) fills queue 'outputs', which task 'len' (here) fills already.\n"
        "  Why:  a queue has one producer and one consumer.\n"
        "  Mend: give each its own queue and merge them. Running a notebook cell twice does this too: "
        "call skorche.init() first, or declare inside a `with skorche.Pipeline():` block."
    )


def test_one_queue_for_results_and_failures_is_refused(told):
    both = Queue(name="both")

    with pytest.raises(GraphError) as caught:
        skorche.map(len, Queue(), queue_out=both, queue_errors=both)

    assert told(caught).startswith("task 'len' (here) fills queue 'both', which it fills already.\n")


def test_a_circle_of_one_is_refused(told):
    loop = Queue(name="loop")

    with pytest.raises(GraphError) as caught:
        skorche.map(len, loop, queue_out=loop)

    assert told(caught) == (
        "task 'len' (here) closes a circle through queue 'loop'.\n"
        "  Why:  items would go round for ever, and no queue in it could ever end.\n"
        "  Mend: give the output a queue of its own."
    )


def test_a_circle_through_several_tasks_is_refused(told):
    start = Queue(name="start")
    end = skorche.chain([len, abs, str], start).nameit("end")

    with pytest.raises(GraphError) as caught:
        skorche.map(len, end, queue_out=start)

    assert told(caught).startswith("task 'len(2)' (here) closes a circle through queue 'end'.\n")


def test_a_circle_through_an_error_queue_is_refused(told):
    start = Queue(name="start")

    with pytest.raises(GraphError) as caught:
        skorche.map(len, start, queue_errors=start)

    assert told(caught).startswith("task 'len' (here) closes a circle through queue 'start'.\n")


def test_filling_a_queue_with_fixed_inputs_is_refused(told):
    full = Queue(name="full", fixed_inputs=[1])

    with pytest.raises(GraphError) as caught:
        skorche.map(len, Queue(), queue_out=full)

    assert told(caught) == (
        "task 'len' (here) fills queue 'full', which has fixed_inputs.\n"
        "  Why:  its items are given already.\n"
        "  Mend: use a queue without fixed_inputs for the output."
    )
