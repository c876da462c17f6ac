"""The thread engine: what it does about threads that do not come back."""

import functools
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest

import skorche
from skorche.engines.thread import ThreadEngine
from skorche.runtime.chunk import Chunk

from . import tasks
from .census import Census
from .programs import run_program
from .waiting import wait_until

pytestmark = pytest.mark.timeout(60)


def wait_for(released: Event, hanging: int, number: int) -> int:
    """The number; one of them only when it is released."""
    if number == hanging:
        assert released.wait(20)
    return number


def test_a_thread_that_hangs_is_given_up_and_replaced() -> None:
    released = Event()
    with skorche.Pipeline("timeout") as pipeline:
        task = skorche.task(timeout=0.2, max_workers=2)(functools.partial(wait_for, released, 3))
        out = skorche.map(task, skorche.Queue(fixed_inputs=range(20)))

    try:
        report = pipeline.run(on_error="collect").wait()
    finally:
        released.set()

    (failure,) = report.failures
    assert (failure.item, type(failure.error), report.abandoned_threads) == (3, skorche.TaskTimeout, 1)
    assert "a thread cannot be and goes on in the background" in str(failure.error)
    assert out.flush() == [number for number in range(20) if number != 3]


def test_what_an_abandoned_thread_says_later_is_dropped() -> None:
    released = Event()
    with skorche.Pipeline("late") as pipeline:
        numbers: skorche.Queue[int] = skorche.Queue()
        task = skorche.task(timeout=0.1)(functools.partial(wait_for, released, 0))
        out = skorche.map(task, numbers)

    before = Census.now()
    run = pipeline.run(on_error="collect")
    numbers.put(0)
    wait_until(lambda: run.statistics()["wait_for"].failed)
    released.set()
    wait_until(lambda: len([one for one in Census.now().threads if "wait_for" in one.name]) <= 1)
    numbers.put(1)
    numbers.close()
    report = run.wait()

    assert (out.flush(), report.failed, report.delivered) == ([1], 1, 1)
    assert Census.now().left_since(before) == []


def test_all_threads_may_hang_and_the_rest_is_done_all_the_same() -> None:
    released = Event()

    def hang_on_odd(number: int) -> int:
        return wait_for(released, number if number % 2 else -1, number)

    with skorche.Pipeline("many") as pipeline:
        out = skorche.map(skorche.task(timeout=0.05, max_workers=2)(hang_on_odd), skorche.Queue(fixed_inputs=range(12)))

    try:
        report = pipeline.run(on_error="collect").wait()
    finally:
        released.set()

    assert out.flush() == [0, 2, 4, 6, 8, 10]
    assert (report.failed, report.abandoned_threads) == (6, 6)


def test_a_cancel_gives_up_threads_that_hang_and_what_waits_behind_them_never_runs() -> None:
    released = Event()
    begun: list[int] = []

    def hang_from_two_hundred(number: int) -> int:
        begun.append(number)
        return wait_for(released, number if number >= 200 else -1, number)

    with skorche.Pipeline("cancelled") as pipeline:
        numbers: skorche.Queue[int] = skorche.Queue()
        out = skorche.map(skorche.task(max_workers=2)(hang_from_two_hundred), numbers)
    run = pipeline.run()
    for number in range(200):
        numbers.put(number)
    for _ in range(200):
        out.get(timeout=20)
    for number in range(200, 1000):
        numbers.put(number)
    wait_until(lambda: len(begun) == 202)

    run.cancel(grace=0.05)
    try:
        with pytest.raises(skorche.RunCancelled):
            run.wait(timeout=10)
    finally:
        begun_before_release = list(begun)
        released.set()

    assert len(begun_before_release) == 202
    assert run.report is not None
    assert (run.report.delivered, run.report.cancelled, run.report.failed) == (200, 800, 0)


def test_a_program_ends_although_a_cancelled_task_hangs() -> None:
    script = (
        "import threading, skorche\n"
        "begun = threading.Event()\n"
        "def hang(_):\n"
        "    begun.set()\n"
        "    threading.Event().wait()\n"
        "with skorche.Pipeline() as pipeline:\n"
        "    skorche.map(hang, skorche.Queue(fixed_inputs=[1]))\n"
        "run = pipeline.run()\n"
        "begun.wait()\n"
        "run.cancel(grace=0.05)\n"
        "print(run.join().abandoned_threads)\n"
    )

    ended = run_program("-c", script, seconds=10)

    assert (ended.stdout, ended.stderr, ended.returncode) == ("1\n", "", 0)


def test_a_close_in_a_hurry_waits_for_no_task_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skorche.engines.thread.HURRY_SECONDS", 0.1)
    released, begun = Event(), SimpleQueue[int]()

    def hang(number: int) -> int:
        begun.put(number)
        return wait_for(released, 0, number)

    with skorche.Pipeline("hurry") as pipeline:
        skorche.map(hang, skorche.Queue(fixed_inputs=[]))
    engine, events = ThreadEngine(), SimpleQueue[Any]()
    engine.open(pipeline.plan().stages, events.put)
    for ticket in range(3):
        engine.submit(ticket, 0, Chunk([ticket], range(1)))
    assert begun.get(timeout=20) == 0

    engine.close("kill")
    released.set()

    assert events.get(timeout=20).ticket == 0
    assert begun.empty()  # what waited is not begun


def test_an_idle_thread_keeps_no_item_alive() -> None:
    class Item:
        alive = 0

        def __init__(self) -> None:
            Item.alive += 1

        def __del__(self) -> None:
            Item.alive -= 1

    with skorche.Pipeline("items") as pipeline:
        items: skorche.Queue[Any] = skorche.Queue()
        out = skorche.map(skorche.task(max_workers=2)(tasks.is_none), items)
    with pipeline.run():
        for _ in range(10):
            items.put(Item())
        for _ in range(10):
            assert out.get(timeout=20) is False
        wait_until(lambda: not Item.alive)
