"""What happens when the system gives no more memory, or no more threads."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar

import pytest
from engines.programs import run_program

import skorche
from skorche.reserve import RESERVE
from skorche.runtime.engine import Done
from skorche.runtime.turns import Turns

FILL = """
import resource, skorche

with skorche.Pipeline("filled") as pipeline:
    skorche.map(skorche.task(engine="thread")(float), skorche.Queue(fixed_inputs=[0] * 20_000_000))
with open("/proc/self/statm") as file:
    taken = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (400 << 20), resource.RLIM_INFINITY))
run = pipeline.run(progress=False)
try:
    run.wait(60)
except (MemoryError, skorche.EngineError) as error:
    print(error if isinstance(error, skorche.SkorcheError) else "a task ran out of memory", not run.running)
"""
"""Nobody takes the results, so they fill the memory: by pieces as small as there are."""


def test_a_run_that_has_used_up_the_memory_ends_and_says_so() -> None:
    done = run_program("-c", FILL, seconds=90.0)

    assert done.stdout.startswith(("memory ran out in ", "a task ran out of memory")), done.stderr
    assert done.stdout.endswith(" True\n")


def test_who_fails_for_want_of_memory_gives_back_what_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(_: Turns) -> list[Any]:
        raise MemoryError

    monkeypatch.setattr(Turns, "_gather", run_out)
    with skorche.Pipeline("filled") as pipeline:
        skorche.map(abs, skorche.Queue(fixed_inputs=[-1]))

    with pytest.raises(skorche.EngineError, match="memory ran out in the coordinator") as caught:
        pipeline.run(progress=False).wait(20)

    assert type(caught.value.__cause__) is MemoryError
    assert RESERVE == []


def test_an_item_that_fails_for_want_of_memory_gives_back_what_was_kept() -> None:
    def run_out(kept: int) -> int:
        if kept:
            assert len(RESERVE) == 1
            return kept
        raise MemoryError

    RESERVE.clear()
    with skorche.Pipeline("short") as pipeline:
        results = skorche.map(run_out, skorche.Queue(fixed_inputs=[1, 0]))
    report = pipeline.run(on_error="collect", progress=False).wait(20)

    assert (results.flush(), len(report.failures), len(RESERVE)) == ([1], 1, 0)


def test_a_chunk_whose_results_cannot_be_told_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    emit, refused = Turns.emit, list[Done]()

    def emit_but_the_first(turns: Turns, event: Any) -> None:
        if type(event) is Done and not refused:
            refused.append(event)
            raise MemoryError
        emit(turns, event)

    monkeypatch.setattr(Turns, "emit", emit_but_the_first)
    with skorche.Pipeline("filled") as pipeline:
        skorche.map(skorche.task(engine="thread")(abs), skorche.Queue(fixed_inputs=range(-9, 0)))
    run = pipeline.run(progress=False)

    with pytest.raises(skorche.EngineError, match="memory ran out in a thread of the thread engine"):
        run.wait(20)

    assert run.report is not None
    assert run.report.admitted == run.report.delivered + run.report.cancelled
    assert run.report.cancelled >= 1


def test_chunks_behind_one_that_was_cut_are_not_lost_where_that_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    emit, refused = Turns.emit, list[Done]()

    def emit_but_the_first(turns: Turns, event: Any) -> None:
        if type(event) is Done and event.behind and not refused:
            refused.append(event)
            raise MemoryError
        emit(turns, event)

    def work(number: int) -> int:
        if number >= 5_000:
            time.sleep(0.02)  # the work itself, behind items that are done already
        return number

    monkeypatch.setattr(Turns, "emit", emit_but_the_first)
    with skorche.Pipeline("filled") as pipeline:
        skorche.map(work, skorche.Queue(fixed_inputs=list(range(20_000))))
    run = pipeline.run(progress=False)

    with pytest.raises(skorche.EngineError, match="memory ran out in a thread of the thread engine"):
        run.wait(20)

    assert refused
    assert run.report is not None
    assert run.report.admitted == run.report.delivered + run.report.cancelled


def refuse_more_threads(monkeypatch: pytest.MonkeyPatch, kind: str, most: int) -> None:
    """The system has room for so many threads of this name."""
    start, started = threading.Thread.start, list[threading.Thread]()

    def start_if_there_is_room(thread: threading.Thread) -> None:
        if thread.name.startswith(kind):
            if len(started) == most:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_if_there_is_room)


def test_where_no_more_threads_can_be_started_those_that_there_are_do_the_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refuse_more_threads(monkeypatch, "skorche name_thread", 3)

    def name_thread(number: int) -> tuple[int, int]:
        time.sleep(0.001)  # the work itself: slow enough that there is some for more threads
        return number, threading.get_ident()

    with skorche.Pipeline("crowded") as pipeline:
        task = skorche.task(engine="thread", max_workers=50)(name_thread)
        results = skorche.map(task, skorche.Queue(fixed_inputs=range(200)))
    with caplog.at_level("WARNING", logger="skorche"):
        report = pipeline.run(progress=False).wait(30)

    found = results.flush()
    assert [number for number, _ in found] == list(range(200))
    assert len({thread for _, thread in found}) <= 3
    assert report.ok
    told = [text for text in caplog.messages if "can't start new thread" in text]
    assert told == ["crowded: can't start new thread: name_thread goes on with 3 of 50 threads"]


def test_where_no_thread_can_be_started_the_run_ends_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_more_threads(monkeypatch, "skorche abs", 0)
    with skorche.Pipeline("crowded") as pipeline:
        skorche.map(skorche.task(engine="thread")(abs), skorche.Queue(fixed_inputs=[-1]))
    run = pipeline.run(progress=False)

    with pytest.raises(skorche.EngineError, match="no thread could be started for abs") as caught:
        run.wait(20)

    assert "ulimit -u" in caught.value.mend
    assert not run.running


async def awaited(number: int) -> int:
    return number


@pytest.mark.parametrize(
    ("name", "task", "options"),
    [
        ("skorche event loop", awaited, {}),
        ("skorche executor", abs, {"engine": partial(ThreadPoolExecutor, 1)}),
        ("skorche processes", abs, {"engine": "process"}),
    ],
)
def test_where_an_engines_thread_cannot_be_started_that_is_raised_and_nothing_stays_open(
    monkeypatch: pytest.MonkeyPatch, name: str, task: Any, options: dict[str, Any]
) -> None:
    refuse_more_threads(monkeypatch, name, 0)
    with skorche.Pipeline("crowded") as pipeline:
        out = skorche.chain([abs, skorche.task(**options)(task)], skorche.Queue(fixed_inputs=[-1]))

    with pytest.raises((RuntimeError, skorche.EngineError), match=r"start new thread|no thread could be started"):
        pipeline.run(progress=False)

    assert out.flush() == []


@pytest.mark.parametrize(
    ("where", "engine", "task"),
    [
        ("skorche.engines.event_loop._Stage.finish", None, awaited),
        ("skorche.engines.process.job.Job.absorb", "process", abs),
    ],
)
def test_who_has_no_memory_to_hand_over_results_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, where: str, engine: str | None, task: Any
) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(where, refuse)
    with skorche.Pipeline("filled") as pipeline:
        skorche.map(skorche.task(engine=engine)(task), skorche.Queue(fixed_inputs=range(100)))

    with pytest.raises(skorche.EngineError, match=r"memory ran out in the (event loop|process engine)"):
        pipeline.run(progress=False).wait(20)


class Second:
    """A task of which one thread can have no instance; the others have."""

    made: ClassVar[list[object]] = []

    def __init__(self) -> None:
        self.made.append(self)
        if len(self.made) == 2:
            raise OSError("no connection is left")

    def __call__(self, number: int) -> int:
        return number


def test_a_thread_that_cannot_work_gives_back_what_no_other_thread_works_on() -> None:
    for _ in range(100):  # in one of 15 the other threads were given what this one gave back
        Second.made.clear()
        with skorche.Pipeline("one short") as pipeline:
            task = skorche.task(engine="thread", max_workers=4)(Second)()
            skorche.map(task, skorche.Queue(fixed_inputs=range(2_000)))
        run = pipeline.run(progress=False)
        report = run.join(20)

        with contextlib.suppress(skorche.WorkerStartError):  # the only one that may come
            run.wait(20)
        assert report.admitted == report.delivered + report.failed + report.cancelled


def test_a_reader_does_not_wait_where_not_even_the_error_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object) -> Any:
        raise MemoryError

    monkeypatch.setattr(Turns, "_gather", run_out)
    monkeypatch.setattr("skorche.runtime.coordinator.blamed_on", run_out)
    with skorche.Pipeline("filled") as pipeline:
        results = skorche.map(abs, skorche.Queue(fixed_inputs=iter([-1])))
    run = pipeline.run(progress=False)

    with pytest.raises(MemoryError):
        list(results)
    with pytest.raises(MemoryError):
        run.wait(20)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("skorche")] == []
