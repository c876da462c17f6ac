"""Classes as tasks: each worker makes an instance of its own before its first item, and closes it at its end."""

import logging
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import pytest

import skorche

from .choices import Choice
from .machines import Adder, AsyncMachine, Doubler, Machine, Unclosable, Unmakable
from .runs import collect
from .tasks import effects

pytestmark = pytest.mark.timeout(60)
MADE, CLOSED = 1, 2


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def closes(choice: Choice) -> bool:
    """Whether the engine's workers end with the run: those of an executor end when it likes."""
    return choice.name in ("inline", "thread", "process", "async inline", "async")


def test_each_worker_makes_its_own_and_closes_it_at_its_end(choice: Choice, log: Path) -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(Machine(str(log)).options(max_workers=2), skorche.Queue(fixed_inputs=range(500)))

    engine = None if choice.engine == "async" else choice.engine
    pipeline.run(engine=engine).wait()

    results = out.flush()
    made = Counter(effects(log))
    assert [number for number, _ in results] == list(range(0, 1000, 2))
    assert len({who for _, who in results}) <= made[MADE] <= 4
    assert made[CLOSED] == (made[MADE] if closes(choice) else 0)


def test_an_instance_serves_all_items_of_a_worker(log: Path) -> None:
    with skorche.Pipeline() as pipeline:
        skorche.map(Machine(str(log)), skorche.Queue(fixed_inputs=range(5000)))

    pipeline.run().wait()

    assert effects(log) == [MADE, CLOSED]


def test_nothing_is_made_for_no_items(choice: Choice, log: Path) -> None:
    with skorche.Pipeline() as pipeline:
        skorche.map(Machine(str(log)), skorche.Queue(fixed_inputs=[]))

    pipeline.run(engine=None if choice.engine == "async" else choice.engine).wait()

    assert effects(log) == []


@pytest.mark.parametrize("engine", [None, "inline", "process"])
def test_an_async_one_is_made_once_in_the_event_loop_and_closed_there(engine: str | None, log: Path) -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(AsyncMachine(str(log)), skorche.Queue(fixed_inputs=range(500)))

    pipeline.run(engine=engine).wait()

    assert out.flush() == list(range(0, 1000, 2))
    assert effects(log) == [MADE, CLOSED]


def test_one_whose_constructor_needs_nothing_can_be_bound_as_it_is(choice: Choice) -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.chain([Doubler, Doubler()], skorche.Queue(fixed_inputs=[1, 2]))

    pipeline.run(engine=None if choice.engine == "async" else choice.engine).wait()

    assert out.flush() == [4, 8]


def test_every_binding_has_instances_of_its_own(log: Path) -> None:
    machine = Machine(str(log), by=3)
    with skorche.Pipeline() as pipeline:
        numbers = [skorche.Queue(fixed_inputs=[1]) for _ in range(2)]
        outs = [skorche.map(machine, queue) for queue in numbers]

    pipeline.run().wait()
    pipeline.run().wait()

    assert [number for out in outs for number, _ in out.flush()] == [3, 3]
    assert Counter(effects(log)) == {MADE: 4, CLOSED: 4}


def test_one_that_cannot_be_made_fails_the_run_and_no_item(choice: Choice, log: Path) -> None:
    with skorche.Pipeline() as pipeline:
        task = Unmakable(str(log)).options(max_workers=2, retries=5, on_error="collect")
        skorche.map(task, skorche.Queue(fixed_inputs=range(1000)))

    run = pipeline.run(engine=None if choice.engine == "async" else choice.engine)
    with pytest.raises(skorche.WorkerStartError) as caught:
        run.wait()

    error, report = caught.value, run.report
    assert error.what == "a worker cannot make its Unmakable: FileNotFoundError: no weights.bin here"
    assert isinstance(error.__cause__, FileNotFoundError)
    if choice.borders:
        assert any("in __init__" in one for one in getattr(error, "__notes__", ())) or choice.name != "process"
    else:
        assert error.__cause__.__traceback__ is not None
    assert report is not None
    assert (report.failed, report.delivered) == (0, 0)
    assert report.admitted == report.cancelled
    assert 1 <= len(effects(log)) <= 8


def test_an_async_one_that_cannot_be_made_fails_the_run(log: Path) -> None:
    @skorche.task
    class Unmakable:
        def __init__(self) -> None:
            raise FileNotFoundError("no socket")

        async def __call__(self, item: int) -> int:
            return item

    with skorche.Pipeline() as pipeline:
        skorche.map(Unmakable, skorche.Queue(fixed_inputs=range(1000)))

    with pytest.raises(skorche.WorkerStartError, match="a worker cannot make its Unmakable"):
        pipeline.run().wait()
    with pytest.raises(skorche.WorkerStartError, match="a worker cannot make its Unmakable"):
        pipeline.run(engine="inline").wait()


@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
def test_one_that_cannot_be_closed_is_told_and_costs_nothing(engine: str, caplog: pytest.LogCaptureFixture) -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(Unclosable(), skorche.Queue(fixed_inputs=[1, 2]))

    with caplog.at_level(logging.WARNING, "skorche"):
        report = pipeline.run(engine=engine).wait()

    assert (out.flush(), report.ok) == ([1, 2], True)
    assert "what a worker had made for a task could not be closed" in caplog.text
    assert "the drawer is stuck" in caplog.text


def test_a_process_that_is_replaced_closes_what_it_has_made(log: Path) -> None:
    with skorche.Pipeline() as pipeline:
        task = Machine(str(log)).options(engine="process", max_items_per_worker=10)
        out = skorche.map(task, skorche.Queue(fixed_inputs=range(95)))

    report = pipeline.run().wait()

    assert report.recycled == 9
    assert [number for number, _ in out.flush()] == list(range(0, 190, 2))
    assert Counter(effects(log)) == {MADE: 10, CLOSED: 10}


def test_a_thread_that_is_given_up_closes_what_it_has_made_when_it_comes_back(log: Path) -> None:
    import threading

    released = threading.Event()

    @skorche.task(timeout=0.1)
    class Slow:
        def __init__(self) -> None:
            from .tasks import note

            note(MADE, str(log))

        def __call__(self, number: int) -> int:
            if number == 0:
                assert released.wait(20)
            return number

        def close(self) -> None:
            from .tasks import note

            note(CLOSED, str(log))

    from .waiting import wait_until

    with skorche.Pipeline() as pipeline:
        out = skorche.map(Slow, skorche.Queue(fixed_inputs=range(3)))
    try:
        pipeline.run(on_error="collect").wait()
        before = Counter(effects(log))
    finally:
        released.set()
    wait_until(lambda: Counter(effects(log)) == {MADE: 2, CLOSED: 2})

    assert (out.flush(), before) == ([1, 2], {MADE: 2, CLOSED: 1})


def test_making_takes_nothing_of_an_items_timeout(choice: Choice) -> None:
    import time

    @skorche.task(timeout=0.5)
    class SlowToMake:
        def __init__(self) -> None:
            time.sleep(0.6)  # what is measured here is time, and nothing can be waited for

        def __call__(self, number: int) -> int:
            return number

    with skorche.Pipeline() as pipeline:
        out = skorche.map(SlowToMake, skorche.Queue(fixed_inputs=[1]))

    pipeline.run(engine=None if choice.engine == "async" else choice.engine).wait()

    assert out.flush() == [1]


def test_arguments_can_be_bound_and_unpacked(choice: Choice) -> None:
    pairs = [(1, 2), (3, 4)]
    with skorche.Pipeline() as pipeline:
        out = skorche.map(Adder(10).bind(times=2).options(unpack=True), skorche.Queue(fixed_inputs=pairs))

    pipeline.run(engine=None if choice.engine == "async" else choice.engine).wait()

    assert out.flush() == [26, 34]


def test_failures_of_its_calls_are_those_of_their_items() -> None:
    @skorche.task
    class Refuser:
        def __call__(self, number: int) -> int:
            if number % 2:
                raise ValueError(f"{number} is odd")
            return number

    report, results = collect(Refuser, range(4))

    assert results == [0, 2]
    assert [(failure.node, failure.item) for failure in report.failures] == [("Refuser", 1), ("Refuser", 3)]


class Unpack:
    """Writes each number into a file of a folder of its own, and says when the folder is gone."""

    gone = Event()

    def __init__(self) -> None:
        self.folder = TemporaryDirectory()

    def __call__(self, number: int) -> str:
        path = Path(self.folder.name, str(number))
        path.write_text(str(number))
        return str(path)

    def close(self) -> None:
        self.folder.cleanup()
        self.gone.set()


def test_what_an_instance_has_is_there_for_the_tasks_behind_it_until_the_run_ends() -> None:
    def read(path: str) -> str:
        Unpack.gone.wait(0.05)  # the task before has long been done with all numbers when the last are read
        return Path(path).read_text()

    with skorche.Pipeline() as pipeline:
        paths = skorche.map(skorche.task(Unpack), skorche.Queue(fixed_inputs=range(10)))
        texts = skorche.map(read, paths)
    pipeline.run().wait()

    assert texts.flush() == [str(number) for number in range(10)]
    assert Unpack.gone.is_set()
