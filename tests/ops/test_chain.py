"""`chain`: tasks one after the other."""

import pytest

import skorche
from skorche import GraphError, Queue
from skorche.testing import drive


def add_one(number):
    return number + 1


def double(number):
    return 2 * number


def test_the_first_task_comes_first():
    made = drive(skorche.chain, [1, 2], tasks=[add_one, double])

    assert made == [4, 6]


def test_a_tuple_of_tasks_is_as_good_as_a_list():
    made = drive(skorche.chain, [1, 2], tasks=(add_one, double))

    assert made == [4, 6]


def test_tasks_may_come_from_a_generator():
    made = drive(skorche.chain, [1], tasks=(task for task in [add_one, double, add_one]))

    assert made == [5]


def test_one_task_is_a_map():
    made = drive(skorche.chain, [1, 2], tasks=[double])

    assert made == drive(skorche.map, [1, 2], task=double) == [2, 4]


def test_a_task_alone_stands_for_a_list_of_it():
    made = drive(skorche.chain, [1, 2], tasks=double)

    assert made == [2, 4]


def test_many_tasks_are_a_long_way():
    made = drive(skorche.chain, [0, 10], tasks=[add_one] * 12)

    assert made == [12, 22]


def test_the_same_task_twice_makes_two_nodes():
    skorche.chain([add_one, add_one], Queue())

    assert [node.name for node in skorche._global_pipeline.graph.nodes] == ["add_one", "add_one(2)"]


def test_queue_out_is_the_queue_of_the_last_task():
    outputs = Queue(name="outputs")

    made = skorche.chain([add_one, double], Queue(), queue_out=outputs)

    assert made is outputs


def test_no_tasks_are_refused():
    with pytest.raises(GraphError) as caught:
        skorche.chain([], Queue())

    assert str(caught.value) == (
        "chain was given no tasks.\n  Why:  there is nothing to do with the items.\n  Mend: give one or more."
    )


def test_one_that_cannot_be_called_keeps_all_of_them_from_being_declared():
    with pytest.raises(GraphError) as caught:
        skorche.chain([add_one, "double"], Queue())

    assert str(caught.value) == (
        "'double' was given as a task.\n"
        "  Why:  str objects cannot be called.\n"
        "  Mend: give a function, or decorate one with @skorche.task."
    )
    assert skorche._global_pipeline.graph.nodes == []


def test_a_chain_that_is_refused_leaves_nothing_behind():
    def name(number: int) -> str:
        return str(number)

    def halve(number: int) -> float:
        return number / 2

    with skorche.Pipeline() as pipeline:
        numbers = skorche.Queue(fixed_inputs=[2])
        with pytest.raises(skorche.GraphError, match="cannot take what task 'name'"):
            skorche.chain([name, halve], numbers)
        made = skorche.chain([halve, name], numbers)
    pipeline.run(engine="inline").wait()

    assert made.flush() == ["1.0"]


def test_a_queue_in_the_place_of_the_tasks_is_refused_and_not_read():
    numbers = Queue(name="numbers")

    with pytest.raises(GraphError) as caught:
        skorche.chain(numbers, [add_one, double])

    assert str(caught.value) == (
        "chain was given queue 'numbers' as its tasks.\n"
        "  Why:  it would read the queue, and take its items for tasks.\n"
        "  Mend: give the tasks first: chain([first, second], queue)."
    )
