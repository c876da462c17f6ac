"""What a `Queue` refuses to be declared with."""

import pytest

from skorche import GraphError, Queue


def test_inputs_that_cannot_be_iterated_are_refused():
    with pytest.raises(GraphError) as caught:
        Queue(name="numbers", fixed_inputs=3)

    assert str(caught.value) == (
        "Queue(name='numbers') was given 3 as fixed_inputs.\n"
        "  Why:  int objects cannot be iterated.\n"
        "  Mend: give a list, a generator or any other iterable; [x] for a single item."
    )


def test_a_queue_that_holds_nothing_is_refused():
    with pytest.raises(GraphError) as caught:
        Queue(name="numbers", maxsize=0)

    assert str(caught.value) == (
        "Queue(name='numbers') was given maxsize=0.\n  Why:  nothing fits in.\n  Mend: give 1 or more, or None."
    )


def test_an_error_of_declaring_is_also_a_value_error():
    with pytest.raises(ValueError, match="was given maxsize"):
        Queue(maxsize=-1)


def test_a_queue_is_called_by_its_name():
    assert repr(Queue(name="numbers")) == "<Queue numbers>"


def test_a_queue_without_a_name_is_called_by_where_it_was_declared():
    line = test_a_queue_without_a_name_is_called_by_where_it_was_declared.__code__.co_firstlineno + 3

    queue = Queue()

    assert repr(queue) == f"<Queue of {__file__}:{line}>"


def test_a_queue_that_says_what_it_holds_was_declared_there_too():
    line = test_a_queue_that_says_what_it_holds_was_declared_there_too.__code__.co_firstlineno + 3

    assert str(Queue[int]().declared) == str(Queue().declared) == f"{__file__}:{line}"
