"""`failure.replay()`: the item that failed runs again, alone, through what failed."""

import os
import pickle
import threading

import pytest

import skorche


def collected(pipeline, **options):
    (failure,) = pipeline.run(on_error="collect", progress=False, **options).wait().failures
    return failure


def failing(task, item, **options):
    """The failure of a task on an item."""
    with skorche.Pipeline() as pipeline:
        skorche.map(task, skorche.Queue(fixed_inputs=[item]))
    return collected(pipeline, **options)


class Journal(list):
    """A task that notes where it runs, and refuses."""

    def __call__(self, item):
        self.append((item, threading.current_thread()))
        raise KeyError(item)


def test_the_task_runs_again_on_the_item_in_the_thread_that_asks():
    journal = Journal()
    failure = failing(skorche.task(name="journal", retries=2, backoff=0.0)(journal), "a")
    before = len(journal)

    with pytest.raises(KeyError, match="a"):
        failure.replay()
    assert journal[before:] == [("a", threading.current_thread())]


def test_what_does_not_fail_any_more_gives_its_result():
    broken = [True]

    def mend(item):
        if broken:
            raise ValueError(item)
        return item.upper()

    failure = failing(mend, "a")
    broken.clear()

    assert failure.replay() == "A"


def whose(item):
    if item != os.getpid():
        raise ValueError(f"not {item}")
    return "here"


def test_what_failed_in_another_process_runs_in_this_one():
    assert failing(whose, os.getpid(), engine="process").replay() == "here"


def test_an_async_task_is_awaited():
    async def fetch(item):
        raise OSError(item)

    with pytest.raises(OSError, match="a"):
        failing(fetch, "a").replay()


def test_an_instance_is_made_for_it_and_closed():
    told = []

    @skorche.task
    class Reader:
        def __init__(self, sep):
            self.sep = sep
            told.append("made")

        def __call__(self, text):
            return text.split(self.sep)[1]

        def close(self):
            told.append("closed")

    failure = failing(Reader(sep=","), "a")
    told.clear()

    with pytest.raises(IndexError):
        failure.replay()
    assert told == ["made", "closed"]


def test_arguments_are_those_of_the_run():
    def divide(left, right, scale):
        return scale * left / right

    with skorche.Pipeline() as pipeline:
        left, right = skorche.Queue(fixed_inputs=[1]), skorche.Queue(fixed_inputs=[0])
        skorche.apply(divide, left, right, scale=2)
    failure = collected(pipeline)

    assert failure.item == (1, 0)
    with pytest.raises(ZeroDivisionError):
        failure.replay()


def test_a_predicate_runs_again():
    with skorche.Pipeline() as pipeline:
        skorche.filter(lambda item: item.nothing, skorche.Queue(fixed_inputs=[1]))

    with pytest.raises(AttributeError, match="nothing"):
        collected(pipeline).replay()


def test_a_key_of_a_batch_runs_again():
    with skorche.Pipeline() as pipeline:
        skorche.batch(skorche.Queue(fixed_inputs=["a"]), key=lambda item: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        collected(pipeline).replay()


def test_what_goes_on_from_other_items_cannot_be_replayed():
    def add(total, item):
        return total + item

    with skorche.Pipeline() as pipeline:
        skorche.reduce(add, skorche.Queue(fixed_inputs=["a"]), initial=0)

    with pytest.raises(skorche.SkorcheError, match="cannot be asked about one item alone"):
        collected(pipeline).replay()


def test_a_failure_that_was_pickled_does_not_know_its_task():
    failure = pickle.loads(pickle.dumps(failing(whose, 1)))

    assert (failure.node, failure.item) == ("whose", 1)
    with pytest.raises(skorche.SkorcheError, match="does not know its task"):
        failure.replay()
