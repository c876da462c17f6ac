"""`Queue`: where items go in and come out."""

import asyncio
import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import skorche
from skorche import QUEUE_SENTINEL, Pipeline, Queue, QueueClosed

pytestmark = pytest.mark.timeout(30)


def test_items_come_out_as_they_were_put():
    queue = Queue()

    queue.put(1)
    queue.put(2)

    assert (queue.get(), queue.get()) == (1, 2)


def test_none_is_an_ordinary_item():
    queue = Queue()

    queue.put(None)
    queue.close()

    assert [queue.get(), queue.get()] == [None, QUEUE_SENTINEL]


def test_a_closed_and_empty_queue_gives_the_sentinel_each_time():
    queue = Queue()

    queue.put("a")
    queue.close()

    assert [queue.get() for _ in range(4)] == ["a", QUEUE_SENTINEL, QUEUE_SENTINEL, QUEUE_SENTINEL]


def test_putting_the_sentinel_is_an_old_spelling_of_close():
    queue = Queue()

    queue.put("a")
    queue.put(QUEUE_SENTINEL)

    assert queue.flush() == ["a"]
    assert queue.get() is QUEUE_SENTINEL


def test_closing_twice_is_fine():
    queue = Queue()

    queue.close()
    queue.close()

    assert queue.get() is QUEUE_SENTINEL


def test_put_after_close_is_refused():
    queue = Queue(name="letters")
    queue.close()

    with pytest.raises(QueueClosed) as caught:
        queue.put("a")

    assert str(caught.value) == (
        "an item was put into queue 'letters'.\n"
        "  Why:  it takes no more items: it is closed.\n"
        "  Mend: put items before closing the queue, and while its run goes on."
    )


def test_put_into_a_queue_with_fixed_inputs_is_refused():
    queue = Queue(name="letters", fixed_inputs="ab")

    with pytest.raises(QueueClosed) as caught:
        queue.put("c")

    assert str(caught.value) == (
        "an item was put into queue 'letters'.\n"
        "  Why:  it takes no more items: its items were given as fixed_inputs.\n"
        "  Mend: put into a queue without fixed_inputs."
    )


def test_put_into_a_queue_that_a_task_fills_is_refused(told):
    sizes = skorche.map(len, Queue(), queue_out=Queue(name="sizes"))

    with pytest.raises(QueueClosed) as caught:
        sizes.put(3)

    assert told(caught) == (
        "an item was put into queue 'sizes'.\n"
        "  Why:  it takes no more items: task 'len' (here) fills it.\n"
        "  Mend: put into a queue at the start of the pipeline."
    )


def test_a_queue_that_got_its_name_later_is_called_by_it():
    queue = Queue().nameit("letters")
    queue.close()

    with pytest.raises(QueueClosed, match="was put into queue 'letters'"):
        queue.put("a")


def test_nameit_gives_the_queue_back():
    queue = Queue()

    assert queue.nameit("letters") is queue
    assert queue.name == "letters"


def test_get_gives_up_after_its_timeout():
    with pytest.raises(TimeoutError, match="no item came in time"):
        Queue().get(timeout=0.01)


def test_an_item_that_is_there_comes_without_any_patience():
    queue = Queue()

    queue.put("a")

    assert queue.get(timeout=0) == "a"


def test_get_waits_for_an_item_that_another_thread_puts():
    queue = Queue()
    putting = threading.Thread(target=queue.put, args=("a",))

    putting.start()
    got = queue.get(timeout=20)
    putting.join()

    assert got == "a"


def test_flush_takes_what_is_there_and_leaves_nothing():
    queue = Queue()
    queue.put(1)
    queue.put(2)

    assert (queue.flush(), queue.flush()) == ([1, 2], [])


def test_fixed_inputs_can_be_read_before_any_run():
    queue = Queue(fixed_inputs=[1, 2, 3])

    assert (queue.get(), queue.flush(), queue.get()) == (1, [2, 3], QUEUE_SENTINEL)


def test_fixed_inputs_that_were_read_are_there_for_the_run():
    numbers = Queue(fixed_inputs=[1, 2])
    with Pipeline() as pipeline:
        made = skorche.map(abs, numbers)

    read = numbers.flush()
    pipeline.run().wait()

    assert (read, made.flush()) == ([1, 2], [1, 2])


def test_iteration_ends_when_the_queue_is_closed():
    queue = Queue()
    skorche.push_to_queue("abc", queue)

    assert list(queue) == ["a", "b", "c"]


def test_push_to_queue_puts_all_items_and_closes():
    queue = Queue()

    skorche.push_to_queue(iter([1, 2]), queue)

    assert queue.flush() == [1, 2]
    with pytest.raises(QueueClosed):
        queue.put(3)


def test_what_was_put_before_the_run_is_worked_on():
    numbers = Queue()
    with Pipeline() as pipeline:
        made = skorche.map(lambda number: 2 * number, numbers)

    skorche.push_to_queue(range(5000), numbers)
    pipeline.run().wait()

    assert made.flush() == list(range(0, 10_000, 2))


def test_a_queue_cannot_be_pickled():
    with pytest.raises(TypeError) as caught:
        pickle.dumps(Queue(name="letters"))

    assert str(caught.value) == (
        "queue 'letters' cannot be pickled: it belongs to this process. Pass items, not the queue."
    )


def test_the_sentinel_pickles_to_itself():
    assert pickle.loads(pickle.dumps(QUEUE_SENTINEL)) is QUEUE_SENTINEL


def test_the_sentinel_equals_nothing_else():
    assert QUEUE_SENTINEL != None  # noqa: E711  (the comparison is what is tested)
    assert repr(QUEUE_SENTINEL) == "QUEUE_SENTINEL"


@pytest.mark.parametrize("name", [[1, 2, 3], ("a",), 3])
def test_a_name_that_is_no_text_is_refused(name):
    with pytest.raises(skorche.GraphError, match=r"write Queue\(fixed_inputs=...\)"):
        skorche.Queue(name)


def test_a_queue_that_another_pipeline_fills_is_refused():
    with skorche.Pipeline():
        results = skorche.map(abs, skorche.Queue(fixed_inputs=[-1]), queue_out=skorche.Queue(name="results"))
    with skorche.Pipeline() as second:
        skorche.map(abs, results)

    with pytest.raises(skorche.GraphError, match=r"(?s)queue 'results' .* task 'abs' .* fills it, in another pipeline"):
        second.run()


# -- a queue of a pipeline, read where nothing can come -------------------------------------------------------------


def hints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "skorche"]


@contextmanager
def listening(call: Callable[[], object]) -> Iterator[None]:
    """Call it whenever skorche logs something."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            call()

    listener = Listener()
    logging.getLogger("skorche").addHandler(listener)
    try:
        yield
    finally:
        logging.getLogger("skorche").removeHandler(listener)


def declared() -> tuple[Pipeline, Queue, Queue]:
    """A pipeline, a queue inside it, and its results."""
    with Pipeline() as pipeline:
        inner = skorche.map(skorche.task(abs, name="abs"), Queue(fixed_inputs=[-1, -2])).nameit("inner")
        results = skorche.map(skorche.task(str, name="str"), inner).nameit("results")
    return pipeline, inner, results


def test_who_flushes_before_a_run_gets_nothing_and_is_told(caplog: pytest.LogCaptureFixture):
    pipeline, _, results = declared()

    assert results.flush() == []

    (hint,) = hints(caplog)
    assert hint.startswith("queue 'results' is read, which task 'str' (")
    assert hint.endswith(" fills, but no run has begun of pipeline 'pipeline': call its run()")
    pipeline.run().wait()
    assert results.flush() == ["1", "2"]
    assert hints(caplog) == [hint]


def test_who_waits_for_results_long_before_a_run_begins_is_told_once_and_gets_them(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("skorche.queue.HINT_SECONDS", 0.02)
    pipeline, _, results = declared()
    read: list[str] = []
    told = threading.Event()
    with listening(told.set):
        reader = threading.Thread(target=lambda: read.extend(results))
        reader.start()
        assert told.wait(20)

        pipeline.run().wait()
        reader.join()

    assert sorted(read) == ["1", "2"]
    (hint,) = hints(caplog)
    assert "no run has begun" in hint


def test_a_timeout_counts_from_the_call_whatever_is_told_meanwhile(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("skorche.queue.HINT_SECONDS", 0.02)
    _, _, results = declared()
    began = time.monotonic()

    with pytest.raises(TimeoutError):
        results.get(timeout=0.2)

    assert 0.2 <= time.monotonic() - began < 10


def test_a_task_of_an_event_loop_is_told_too(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("skorche.queue.HINT_SECONDS", 0.02)
    pipeline, _, results = declared()

    async def read() -> list[str]:
        async def run_when_told() -> None:
            while not hints(caplog):
                await asyncio.sleep(0)
            await pipeline.run_async()

        running = asyncio.create_task(run_when_told())
        found = [item async for item in results]
        await running
        return found

    assert sorted(asyncio.run(read())) == ["1", "2"]
    (hint,) = hints(caplog)
    assert "no run has begun" in hint


async def first_of(queue: Queue) -> object:
    return await anext(aiter(queue))


@pytest.mark.parametrize("read", [Queue.get, lambda queue: asyncio.run(first_of(queue))], ids=["get", "async for"])
def test_who_waits_already_when_a_task_takes_the_queue_is_told_why_nothing_comes(
    read: Callable[[Queue], object], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("skorche.queue.HINT_SECONDS", 0.02)
    with Pipeline() as pipeline:
        inner = skorche.map(abs, Queue(fixed_inputs=[-1]))
    errors: list[skorche.GraphError] = []
    told = threading.Event()

    def wait() -> None:
        with pytest.raises(skorche.GraphError) as caught:
            read(inner)
        errors.append(caught.value)

    with listening(told.set):
        reader = threading.Thread(target=wait)
        reader.start()
        assert told.wait(20)  # it waits, and has been told that no run has begun
        with pipeline:
            results = skorche.map(str, inner)
        pipeline.run().wait()
        reader.join(20)

    (error,) = errors
    assert "its items go there, so nothing would ever come" in str(error)
    assert results.flush() == ["1"]


def test_a_flush_is_told_of_once(caplog: pytest.LogCaptureFixture):
    _, _, results = declared()

    for _ in range(3):
        results.flush()

    assert len(hints(caplog)) == 1


def test_results_may_be_read_though_another_pipeline_was_given_them():
    with Pipeline() as first:
        results = skorche.map(abs, Queue(fixed_inputs=[-1]))
    with Pipeline():
        skorche.map(str, results)

    assert results.flush() == []
    first.run().wait()
    assert results.flush() == [1]


def test_a_queue_that_two_read_by_themselves_is_not_for_users():
    with Pipeline() as pipeline:
        numbers = skorche.map(abs, Queue(fixed_inputs=[-1])).nameit("numbers")
        texts = skorche.apply(str, numbers)
        pairs = skorche.apply(lambda number, text: (number, text), numbers, texts)

    with pytest.raises(skorche.GraphError, match="queue 'numbers' is read"):
        numbers.get(timeout=5)
    pipeline.run().wait()
    assert pairs.flush() == [(1, "1")]


def test_who_reads_a_queue_that_nothing_fills_is_told_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("skorche.queue.HINT_SECONDS", 0.01)
    queue = Queue()

    with pytest.raises(TimeoutError):
        queue.get(timeout=0.1)
    assert queue.flush() == []
    assert hints(caplog) == []


@pytest.mark.parametrize(
    "read",
    [Queue.get, Queue.flush, list, lambda queue: asyncio.run(first_of(queue))],
    ids=["get", "flush", "iterate", "async for"],
)
def test_a_queue_between_two_tasks_is_not_for_users(read: Callable[[Queue], object]):
    pipeline, inner, results = declared()

    def refused() -> str:
        with pytest.raises(skorche.GraphError) as caught:
            read(inner)
        return str(caught.value)

    before = refused()
    pipeline.run().wait()

    assert before == refused()
    assert before.startswith("queue 'inner' is read, which task 'abs' (")
    assert " fills for task 'str' (" in before
    assert "tee() the queue" in before
    assert results.flush() == ["1", "2"]


def test_a_queue_may_be_read_by_users_when_what_would_have_read_it_was_refused():
    with Pipeline() as pipeline:
        results = skorche.map(abs, Queue(fixed_inputs=[-1]))
        with pytest.raises(skorche.GraphError, match="which has fixed_inputs"):
            skorche.chain([str, len], results, queue_out=Queue(fixed_inputs=[0]))

    assert results.flush() == []
    pipeline.run().wait()
    assert results.flush() == [1]


@pytest.mark.parametrize("read", [Queue.get, Queue.flush, list, lambda queue: asyncio.run(first_of(queue))])
@pytest.mark.parametrize("make", [Queue, lambda: Queue(fixed_inputs=iter([1, 2]))], ids=["live", "iterator"])
def test_an_input_whose_items_are_for_a_task_cannot_be_read(make, read):
    with Pipeline() as pipeline:
        inputs = make().nameit("inputs")
        made = skorche.map(skorche.task(abs, name="abs"), inputs)
    if inputs.fixed_inputs is None:
        inputs.put(1)
        inputs.put(2)

    with pytest.raises(skorche.GraphError, match="queue 'inputs' is read, whose items are for task 'abs'"):
        read(inputs)
    with pipeline.run(), pytest.raises(skorche.GraphError, match="queue 'inputs' is read"):
        read(inputs)

    assert made.flush() == [1, 2]


def test_a_list_that_was_given_as_input_may_be_looked_at():
    with Pipeline() as pipeline:
        inputs = Queue(fixed_inputs=[-1, -2])
        made = skorche.map(abs, inputs)

    assert list(inputs) == [-1, -2]
    pipeline.run().wait()
    assert made.flush() == [1, 2]


def test_what_a_run_has_left_in_a_live_input_may_be_read_after_it():
    with Pipeline() as pipeline:
        inputs = Queue()
        skorche.map(abs, inputs)
    inputs.put(-1)
    with pipeline.run() as run:
        pass
    inputs.put(-2)

    assert run.report.delivered == 1
    assert inputs.flush() == [-2]


def test_a_declaration_that_fails_leaves_its_inputs_readable():
    inputs = Queue(fixed_inputs=iter([1, 2]))
    taken = Queue(fixed_inputs=[1])
    with Pipeline(), pytest.raises(skorche.GraphError):
        skorche.chain([abs, abs], inputs, queue_out=taken)

    assert list(inputs) == [1, 2]
