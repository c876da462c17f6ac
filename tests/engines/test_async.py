"""Async tasks: coroutines on one event loop, cancelled when they are given up, and everything else as on threads."""

import asyncio
import contextvars
import functools
import gc
import logging
import threading
import time
from typing import Any

import pytest

import skorche

from .runs import collect, mapping
from .waiting import wait_until

pytestmark = pytest.mark.timeout(60)


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


class Doubler:
    """Something that can be awaited when it is called, and has a method that can be."""

    async def __call__(self, number: int) -> int:
        return await double(number)

    async def method(self, number: int) -> int:
        return await double(number)


async def scale(by: int, number: int) -> int:
    await asyncio.sleep(0)
    return by * number


class Crowd:
    """Counts who is there at a time, and lets everybody go when so many have come."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.now, self.most = wanted, 0, 0
        self.threads: set[int] = set()

    async def meet(self, number: int) -> int:
        self.now += 1
        self.most = max(self.most, self.now)
        self.threads.add(threading.get_ident())
        while self.most < self.wanted:
            await asyncio.sleep(0.001)
        self.now -= 1
        return number


# -- what is async -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [None, "thread", "process", "async", "inline"])
def test_all_that_gives_coroutines_is_awaited_whatever_the_engine_of_the_run(engine: str | None) -> None:
    functions: list[Any] = [double, Doubler(), Doubler().method, functools.partial(scale, 2), skorche.task(double)]
    with skorche.Pipeline() as pipeline:
        outs = [skorche.map(function, skorche.Queue(fixed_inputs=[1, 2, 3])) for function in functions]

    pipeline.run(engine=engine).wait()

    assert [out.flush() for out in outs] == [[2, 4, 6]] * 5


def test_it_can_still_be_awaited_as_the_function_it_is() -> None:
    task = skorche.task(max_workers=2)(double)

    assert asyncio.run(task(4)) == 8


def test_the_plan_tells_the_engine_and_how_many_are_in_flight() -> None:
    with skorche.Pipeline("waits") as pipeline:
        skorche.map(double, skorche.Queue(name="numbers"), queue_out=skorche.Queue(name="out"))

    assert "stage 0: double [async, 32 workers] -> output out" in pipeline.explain(engine="process")
    assert "stage 0: double [inline, 32 workers] -> output out" in pipeline.explain(engine="inline")


@pytest.mark.parametrize("engine", ["process", "thread"])
def test_an_engine_without_an_event_loop_is_refused(engine: str) -> None:
    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(engine=engine)(double), skorche.Queue())

    with pytest.raises(skorche.GraphError) as caught:
        pipeline.run()

    assert caught.value.what.startswith("task 'double' (")
    assert caught.value.what.endswith(f") is async, and was given engine='{engine}'.")
    assert caught.value.why == "async tasks run on an event loop, in this process."


@pytest.mark.parametrize(("options", "choice", "who"), [({"engine": "async"}, None, "it"), ({}, "async", "run()")])
def test_what_is_not_async_is_kept_from_the_event_loop(options: dict[str, str], choice: str | None, who: str) -> None:
    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(**options)(abs), skorche.Queue())

    with pytest.raises(skorche.GraphError) as caught:
        pipeline.run(engine=choice)

    assert caught.value.what.endswith(f"is not async, and engine='async' was given to {who}.")
    assert "it would hold up the event loop" in caught.value.why


def test_an_asynchronous_generator_is_refused_with_what_to_do_instead() -> None:
    async def pages(url: str) -> Any:
        yield url

    with pytest.raises(skorche.GraphError) as caught:
        skorche.task(pages)

    assert str(caught.value) == (
        "pages is an asynchronous generator.\n"
        "  Why:  a task gives one result for an item, and a generator gives none that can be awaited.\n"
        "  Mend: gather what it gives in a list, and return that; unbatch makes items of its elements."
    )


def test_limits_for_worker_processes_are_refused() -> None:
    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(max_items_per_worker=3)(double), skorche.Queue())

    with pytest.raises(skorche.GraphError, match="it runs on engine 'async'"):
        pipeline.run(engine="process")


# -- side by side ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "wanted"), [({}, 32), ({"max_workers": 5}, 5), ({"max_workers": 1000}, 1000)])
def test_as_many_are_in_flight_as_max_workers_says_and_no_more(options: dict[str, int], wanted: int) -> None:
    crowd = Crowd(wanted)
    pipeline, out = mapping(crowd.meet, range(3000), **options)

    pipeline.run().wait()

    assert (crowd.most, len(crowd.threads)) == (wanted, 1)
    assert out.flush() == list(range(3000))


def test_all_async_tasks_of_a_run_share_one_event_loop() -> None:
    loops = set()

    async def note(number: int) -> int:
        loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return number

    with skorche.Pipeline() as pipeline:
        out = skorche.chain([note, skorche.task(name="again")(note), note], skorche.Queue(fixed_inputs=range(100)))
    pipeline.run().wait()

    assert len(loops) == 1
    assert out.flush() == list(range(100))


@pytest.mark.parametrize("ordered", [False, True])
def test_nobody_waits_for_a_slow_neighbour(ordered: bool) -> None:
    others_done = asyncio.Event()
    done: list[int] = []

    async def work(number: int) -> int:
        if number == 3:
            await others_done.wait()
        done.append(number)
        if len(done) == 199:
            others_done.set()
        return number

    pipeline, out = mapping(work, range(200), max_workers=200, ordered=ordered)
    pipeline.run().wait()

    assert out.flush() == list(range(200))
    assert done[-1] == 3


def test_results_are_there_before_a_slow_neighbour_is_done() -> None:
    released = threading.Event()

    async def work(number: int) -> int:
        while number == 0 and not released.is_set():
            await asyncio.sleep(0.001)
        return number

    pipeline, out = mapping(work, range(50))
    run = pipeline.run()
    try:
        first = [out.get(timeout=20) for _ in range(49)]
    finally:
        released.set()
    run.wait()

    assert sorted(first) == list(range(1, 50))


def test_the_steps_behind_run_too() -> None:
    async def spread(number: int) -> list[int]:
        await asyncio.sleep(0)
        return [number] * number

    with skorche.Pipeline() as pipeline:
        numbers = skorche.unbatch(skorche.map(spread, skorche.Queue(fixed_inputs=range(6))))
        odd = skorche.filter(lambda number: number % 2, numbers, fuse=True)
        out = skorche.map(double, odd)
    report = pipeline.run().wait()

    assert out.flush() == [2, *[6] * 3, *[10] * 5]
    assert "stage 0: spread + Unbatch + Filter(<lambda>) [async, 32 workers]" in pipeline.explain()
    assert (report.nodes["Unbatch"].emitted, report.nodes["Filter(<lambda>)"].filtered) == (15, 6)


def test_a_predicate_that_could_block_never_runs_on_the_event_loop() -> None:
    threads = set()

    def note_thread(number: int) -> bool:
        threads.add(threading.current_thread().name)
        return True

    with skorche.Pipeline() as pipeline:
        one = skorche.task(max_workers=1)(double)
        skorche.filter(note_thread, skorche.map(one, skorche.Queue(fixed_inputs=range(5))))
    pipeline.run().wait()

    assert threads == {"skorche Filter(note_thread)"}


def test_context_variables_are_an_items_own() -> None:
    current: contextvars.ContextVar[int] = contextvars.ContextVar("current", default=-1)
    current.set(7)  # of this thread: workers do not see it, as on threads

    async def check(number: int) -> tuple[int, int]:
        before = current.get()
        current.set(number)
        await asyncio.sleep(0.001)
        return before, await asyncio.create_task(inner())

    async def inner() -> int:
        return current.get()

    pipeline, out = mapping(check, range(100), max_workers=10)
    pipeline.run().wait()

    assert out.flush() == [(-1, number) for number in range(100)]


def test_an_async_pipeline_runs_inside_a_program_with_an_event_loop_of_its_own() -> None:
    async def main() -> list[int]:
        pipeline, out = mapping(double, range(10))
        inline, inline_out = mapping(double, range(10))
        runs = [pipeline.run(), inline.run(engine="inline")]
        for run in runs:
            await asyncio.to_thread(run.wait)
        return out.flush() + inline_out.flush()

    assert asyncio.run(main()) == 2 * [2 * number for number in range(10)]


# -- failures ----------------------------------------------------------------------------------------------------------


async def refuse_odd(number: int) -> int:
    await asyncio.sleep(0)
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def test_failures_are_told_with_their_item_and_where_they_were_raised() -> None:
    report, results = collect(refuse_odd, range(6))

    assert results == [0, 2, 4]
    assert [(failure.item, str(failure.error)) for failure in report.failures] == [
        (1, "1 is odd"),
        (3, "3 is odd"),
        (5, "5 is odd"),
    ]
    lines = report.failures[0].traceback.splitlines()
    assert "in refuse_odd" in lines[1]
    assert len(lines) == 4


def test_what_fails_behind_is_told_with_the_item_it_failed_on() -> None:
    async def same(item: Any) -> Any:
        return item

    with skorche.Pipeline() as pipeline:
        out = skorche.unbatch(skorche.map(same, skorche.Queue(fixed_inputs=[[1, 2], 3, [4]])))
    report = pipeline.run(on_error="collect").wait()

    assert out.flush() == [1, 2, 4]
    assert [(failure.node, failure.item) for failure in report.failures] == [("Unbatch", 3)]


def test_each_item_is_tried_again_by_itself() -> None:
    attempts: dict[int, int] = {}

    async def fail_twice(number: int) -> int:
        attempts[number] = attempts.get(number, 0) + 1
        await asyncio.sleep(0)
        if number % 3 == 0 and attempts[number] < 3:
            raise ConnectionError("busy")
        return number

    report, results = collect(fail_twice, range(300), retries=2, backoff=0.001, max_workers=64)

    assert results == list(range(300))
    assert attempts == {number: 3 if number % 3 == 0 else 1 for number in range(300)}
    assert report.nodes["fail_twice"].retried == 200


def test_too_many_failures_end_the_run() -> None:
    pipeline, _ = mapping(refuse_odd, range(10_000))

    with pytest.raises(skorche.TooManyFailures):
        pipeline.run(max_failures=10).wait()


@pytest.mark.parametrize("engine", [None, "inline"])
def test_an_item_that_cancels_itself_fails_like_any_other(engine: str | None) -> None:
    async def cancel_three(number: int) -> int:
        if number == 3:
            raise asyncio.CancelledError("by itself")
        if number == 4:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        await asyncio.sleep(0)
        return number

    pipeline, out = mapping(cancel_three, range(7))
    report = pipeline.run(on_error="collect", engine=engine).wait()

    assert [(failure.item, type(failure.error)) for failure in report.failures] == [
        (3, skorche.TaskError),
        (4, skorche.TaskError),
    ]
    assert all(isinstance(failure.error.__cause__, asyncio.CancelledError) for failure in report.failures)
    assert out.flush() == [0, 1, 2, 5, 6]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_a_task_of_a_task_cannot_end_the_event_loop(kind: type[BaseException]) -> None:
    async def leave() -> None:
        raise kind

    async def start_one(number: int) -> int:
        if number == 1:
            await asyncio.create_task(leave())
        await asyncio.sleep(0.001)
        return number

    report, results = collect(start_one, range(5))

    (failure,) = report.failures
    assert (failure.item, type(failure.error), type(failure.error.__cause__)) == (1, skorche.TaskError, kind)
    assert results == [0, 2, 3, 4]


# -- timeouts and stops ------------------------------------------------------------------------------------------------


def test_an_item_that_takes_too_long_is_cancelled_and_only_it_fails() -> None:
    cancelled: list[int] = []

    async def hang_on_three(number: int) -> int:
        try:
            if number == 3:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise
        return number

    began = time.monotonic()
    report, results = collect(hang_on_three, range(10), timeout=0.2)

    (failure,) = report.failures
    assert (failure.item, type(failure.error), cancelled) == (3, skorche.TaskTimeout, [3])
    assert "a coroutine cancelled" in str(failure.error)
    assert results == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert report.abandoned_threads == 0
    assert time.monotonic() - began < 5


def test_many_time_out_at_once_and_the_rest_is_done() -> None:
    async def hang_on_odd(number: int) -> int:
        if number % 2:
            await asyncio.Event().wait()
        return number

    report, results = collect(hang_on_odd, range(100), timeout=0.1, max_workers=10)

    assert results == list(range(0, 100, 2))
    assert {type(failure.error) for failure in report.failures} == {skorche.TaskTimeout}
    assert report.failed == 50


def test_a_timeout_is_one_attempt() -> None:
    attempts: list[int] = []

    async def hang_once(number: int) -> int:
        attempts.append(number)
        if len(attempts) == 1:
            await asyncio.Event().wait()
        return number

    report, results = collect(hang_once, [5], timeout=0.1, retries=1, backoff=0.0)

    assert (results, attempts, report.ok) == ([5], [5, 5], True)


def test_an_item_that_does_not_let_itself_be_cancelled_fails_on_time_all_the_same() -> None:
    released = threading.Event()

    async def stay(number: int) -> int:
        while number == 1 and not released.is_set():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                released.set()
                await asyncio.sleep(0.01)
        return number

    report, results = collect(stay, range(3), timeout=0.1, max_workers=1)

    (failure,) = report.failures
    assert (failure.item, type(failure.error), results) == (1, skorche.TaskTimeout, [0, 2])
    assert released.is_set()


def test_an_item_that_blocks_the_event_loop_fails_on_time() -> None:
    released = threading.Event()

    async def block(number: int) -> int:
        if number == 1:
            assert released.wait(20)  # as a time.sleep would: nothing else runs on the loop meanwhile
        return number

    pipeline, out = mapping(block, range(3), timeout=0.1, max_workers=1)
    run = pipeline.run(on_error="collect")
    try:
        wait_until(lambda: run.statistics()["block"].failed)
    finally:
        released.set()
    report = run.wait()

    assert report.failures[0].item == 1
    assert {type(failure.error) for failure in report.failures} == {skorche.TaskTimeout}
    assert set(out.flush()) <= {0, 2}


def test_a_cancel_gives_items_in_flight_a_grace_and_then_cancels_them() -> None:
    begun, cancelled, told = threading.Event(), [], threading.Event()

    async def hang(number: int) -> int:
        begun.set()
        try:
            if number >= 5:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise
        return number

    pipeline, out = mapping(hang, range(100), max_workers=10)
    run = pipeline.run()
    wait_until(lambda: run.statistics()["hang"].emitted == 5)
    run.cancel(grace=0.05)

    with pytest.raises(skorche.RunCancelled):
        run.wait(timeout=20)
    report = run.report
    assert report is not None
    assert (report.delivered, report.cancelled, report.failed) == (5, report.admitted - 5, 0)
    assert sorted(cancelled) == list(range(5, 15))
    assert out.flush() == [0, 1, 2, 3, 4]
    assert not told.is_set()


def test_a_failure_lets_those_in_flight_finish() -> None:
    async def work(number: int) -> int:
        if number == 0:
            raise ValueError("no")
        await asyncio.sleep(0.05)
        return number

    pipeline, out = mapping(work, range(8), max_workers=8)

    with pytest.raises(ValueError, match="no"):
        pipeline.run().wait()

    assert out.flush() == list(range(1, 8))


def test_tasks_that_were_started_and_left_are_cancelled_at_the_end() -> None:
    left: list[str] = []

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.append("ended")

    kept = []

    async def start_one(number: int) -> int:
        kept.append(asyncio.create_task(linger()))
        await asyncio.sleep(0)
        return number

    report, results = collect(start_one, range(3))

    assert (results, report.ok, left) == ([0, 1, 2], True, ["ended"] * 3)


def test_a_task_that_does_not_end_although_it_is_cancelled_is_told_and_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("skorche.engines.event_loop.HURRY_SECONDS", 0.1)
    released = threading.Event()

    async def insist() -> None:
        while not released.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    kept = []

    async def start_one(number: int) -> int:
        kept.append(asyncio.create_task(insist()))
        await asyncio.sleep(0)
        return number

    pipeline, out = mapping(start_one, [1])
    with caplog.at_level(logging.WARNING):
        pipeline.run().wait()
        released.set()
        kept.clear()
        gc.collect()

    assert out.flush() == [1]
    assert "a coroutine does not end, though it was cancelled" in caplog.text
    assert "Task was destroyed but it is pending" in caplog.text  # says asyncio, as it does of any such task


# -- the watchdog ------------------------------------------------------------------------------------------------------


async def wait_inside(released: asyncio.Event) -> None:
    await released.wait()


def test_a_stall_shows_where_the_coroutine_waits(caplog: pytest.LogCaptureFixture) -> None:
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def hang_on_three(number: int) -> int:
        if number == 3:
            released = asyncio.Event()
            loops.append((asyncio.get_running_loop(), released))
            await wait_inside(released)
        return number

    pipeline, out = mapping(hang_on_three, range(20))
    with caplog.at_level(logging.WARNING, "skorche"):
        run = pipeline.run(stall_timeout=0.5)
        wait_until(lambda: "no progress" in caplog.text)
    ((loop, released),) = loops
    loop.call_soon_threadsafe(released.set)
    run.wait()

    assert "3" in caplog.text
    assert "on a coroutine in thread 'skorche event loop'" in caplog.text
    assert "in hang_on_three\n        await wait_inside(released)" in caplog.text
    assert "in wait_inside\n        await released.wait()" in caplog.text
    assert "event_loop.py" not in caplog.text
    assert out.flush() == list(range(20))


def test_a_stall_shows_what_holds_up_the_event_loop(caplog: pytest.LogCaptureFixture) -> None:
    released = threading.Event()

    async def block(number: int) -> int:
        if number == 3:
            assert released.wait(20)
        return number

    pipeline, _ = mapping(block, range(20), max_workers=2)
    try:
        with caplog.at_level(logging.WARNING, "skorche"):
            run = pipeline.run(stall_timeout=0.5)
            wait_until(lambda: "no progress" in caplog.text)
    finally:
        released.set()
    run.wait()

    assert "on a coroutine that holds thread 'skorche event loop'" in caplog.text
    assert "in block\n        assert released.wait(20)" in caplog.text


def test_a_stalled_run_can_be_made_to_fail() -> None:
    async def hang(number: int) -> None:
        await asyncio.Event().wait()

    pipeline, _ = mapping(hang, range(3))

    with pytest.raises(skorche.StallError, match="in hang"):
        pipeline.run(stall_timeout=0.5, on_stall="raise").wait(timeout=20)
