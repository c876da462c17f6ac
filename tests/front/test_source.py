"""Where items come from: iterables, read on demand on a thread of their own."""

import itertools
import threading

import pytest

import skorche
from skorche import Pipeline, Queue, RunCancelled, TaskError

pytestmark = pytest.mark.timeout(60)

PATIENCE = 20.0


class Streamed:
    """As progress bars and loaders do it: it has a length, which nobody may ask for."""

    def __init__(self, length):
        self.length = length

    def __iter__(self):
        return iter([1, 2, 3])

    def __len__(self):
        return self.length()


@pytest.mark.parametrize("length", [lambda: len(iter([])), lambda: 1 << 80, lambda: 1 // 0])
def test_a_source_that_cannot_tell_its_length_is_read(length):
    with skorche.Pipeline() as pipeline:
        out = skorche.map(str, skorche.Queue(fixed_inputs=Streamed(length)))
    pipeline.run().wait()

    assert out.flush() == ["1", "2", "3"]


def test_a_generator_is_read_lazily():
    given, gate = [], threading.Event()

    def count():
        for number in itertools.count():
            given.append(number)
            yield number

    with Pipeline() as pipeline:
        skorche.map(lambda number: gate.wait(PATIENCE), Queue(fixed_inputs=count()))
    run = pipeline.run()
    while run.statistics()["<lambda>"].received < 2:
        pass

    assert len(given) <= 5

    run.cancel()
    gate.set()
    run.join(PATIENCE)


@pytest.mark.parametrize(("numbers", "read"), [(range(100_000), False), (list(range(100_000)), True)])
def test_only_a_range_needs_no_thread_that_reads_it(numbers, read):
    def readers(number):
        return number or [thread.name for thread in threading.enumerate() if "source numbers" in thread.name]

    with Pipeline() as pipeline:
        made = skorche.map(readers, Queue(name="numbers", fixed_inputs=numbers))

    pipeline.run().wait(PATIENCE)

    assert made.flush() == [["skorche source numbers"] * read, *numbers[1:]]


@pytest.mark.parametrize("numbers", [range(5, 50, 7), range(9, -9, -2), range(3, 3)], ids=str)
@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
def test_a_range_gives_its_numbers(numbers, engine):
    with Pipeline() as pipeline:
        made = skorche.map(skorche.task(engine=engine, max_workers=2)(abs), Queue(fixed_inputs=numbers))

    report = pipeline.run().wait(PATIENCE)

    assert made.flush() == [abs(number) for number in numbers]
    assert report.admitted == len(numbers)


def test_a_range_may_be_longer_than_anything_that_is_counted():
    with Pipeline() as pipeline:
        made = skorche.map(abs, Queue(fixed_inputs=range(10**30)), queue_out=Queue(maxsize=10))

    run = pipeline.run(progress="lines")
    first = [made.get(timeout=PATIENCE) for _ in range(100)]
    run.cancel()
    with pytest.raises(RunCancelled):
        run.wait(PATIENCE)

    assert first == list(range(100))
    assert run.report.admitted == run.report.delivered + run.report.cancelled


def test_a_run_on_an_endless_generator_can_be_cancelled():
    with Pipeline() as pipeline:
        made = skorche.map(abs, Queue(fixed_inputs=itertools.count()), queue_out=Queue(maxsize=10))

    run = pipeline.run()
    first = [made.get(timeout=PATIENCE) for _ in range(100)]
    run.cancel()
    with pytest.raises(RunCancelled) as caught:
        run.wait(PATIENCE)

    assert first == list(range(100))
    assert str(caught.value) == (
        "the run was cancelled.\n  Why:  cancel() was called, or Ctrl-C pressed.\n  Mend: see report for what was done."
    )
    assert run.report.ok is False
    assert run.report.admitted == run.report.delivered + run.report.cancelled


def test_a_generator_is_closed_when_the_run_stops():
    closed = threading.Event()

    def count():
        try:
            yield from itertools.count()
        finally:
            closed.set()

    with Pipeline() as pipeline:
        made = skorche.map(abs, Queue(fixed_inputs=count()), queue_out=Queue(maxsize=1))

    run = pipeline.run()
    made.get(timeout=PATIENCE)
    run.cancel()
    run.join(PATIENCE)

    assert closed.wait(PATIENCE)


def test_an_error_of_a_source_is_raised_as_itself():
    error = OSError("the disk is gone")

    def read():
        yield 1
        yield 2
        raise error

    made = skorche.map(abs, Queue(fixed_inputs=read()))

    skorche.run()
    with pytest.raises(OSError, match="the disk is gone") as caught:
        skorche.shutdown()

    assert caught.value is error
    assert skorche.last_report().ok is False
    assert made.flush() in ([], [1], [1, 2])  # what was delivered stays; what waited was cancelled


def test_an_error_of_a_source_also_stops_a_run_that_collects():
    def read():
        yield 1
        raise OSError("the disk is gone")

    with Pipeline() as pipeline:
        skorche.map(abs, Queue(fixed_inputs=read()))

    with pytest.raises(OSError, match="the disk is gone"):
        pipeline.run(on_error="collect").wait(PATIENCE)


def test_an_iterable_that_cannot_begin_is_an_error_of_the_source():
    class Unreadable:
        def __iter__(self):
            raise PermissionError("not for you")

    with Pipeline() as pipeline:
        skorche.map(abs, Queue(fixed_inputs=Unreadable()))

    with pytest.raises(PermissionError, match="not for you"):
        pipeline.run().wait(PATIENCE)


def test_a_system_exit_in_a_source_does_not_end_the_program_well():
    def read():
        yield 1
        raise SystemExit(0)

    with Pipeline() as pipeline:
        skorche.map(abs, Queue(name="numbers", fixed_inputs=read()))

    with pytest.raises(TaskError) as caught:
        pipeline.run().wait(PATIENCE)

    assert isinstance(caught.value.__cause__, SystemExit)
    assert str(caught.value) == (
        "the source numbers raised SystemExit(0).\n"
        "  Why:  it is no ordinary exception, and must not end the program.\n"
        "  Mend: raise an ordinary exception; to end the inputs, return."
    )


def test_several_sources_come_out_in_order_of_declaration():
    with Pipeline() as pipeline:
        first, second = Queue(fixed_inputs=range(3)), Queue(fixed_inputs=range(10, 13))
        made = skorche.merge((skorche.map(abs, first), skorche.map(abs, second)))

    pipeline.run().wait(PATIENCE)

    assert made.flush() == [0, 1, 2, 10, 11, 12]


def test_a_live_and_a_given_source_go_together():
    numbers = Queue()
    with Pipeline() as pipeline:
        made = skorche.merge((numbers, Queue(fixed_inputs=[1, 2])))

    with pipeline.run():
        numbers.put(100)

    assert made.flush() == [100, 1, 2]
