"""Runs work wherever they are started: threads, event loops, kernels, tasks, odd ways to start Python, odd hosts."""

import asyncio
import io
import itertools
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from engines import failing
from engines.census import Census
from engines.programs import ROOT, run_program, start_program
from engines.runs import mapping
from engines.tasks import double
from engines.waiting import wait_until

import skorche

from .nested import sum_of_doubles

pytestmark = pytest.mark.timeout(60)
ENGINES = ("thread", "process")


def run(function: Callable[[Any], Any], items: Any, **options: Any) -> list[Any]:
    """What a run of one task gives."""
    pipeline, out = mapping(function, items, **options)
    pipeline.run(progress=False).wait()
    results: list[Any] = out.flush()
    return results


# -- where it is started -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_runs_in_threads_go_on_side_by_side(engine: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda first: run(double, range(first, first + 100), engine=engine), (0, 100, 200)))

    assert results == [[2 * number for number in range(first, first + 100)] for first in (0, 100, 200)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_inside_a_running_event_loop(engine: str) -> None:
    async def main() -> tuple[list[int], list[int]]:
        blocking = run(double, range(5), engine=engine)
        elsewhere = await asyncio.to_thread(run, double, range(5), engine=engine)
        return blocking, elsewhere

    assert asyncio.run(main()) == ([0, 2, 4, 6, 8], [0, 2, 4, 6, 8])


def test_a_notebook_kernel_runs_is_interrupted_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("nbclient")

    ended = run_program("-m", "faults.notebook", tmp_path / "marker")

    assert ended.stdout.splitlines() == [
        *("[2, 4, 6]", "ZeroDivisionError", "[8]", "KeyboardInterrupt", "(True, [10])"),
        *("", "12", "1", "True"),
    ]


SURROUNDED = Path(__file__).parent / "surrounded.py"
SAID = """top level
2 4 6
11 12 13
5 7 9
2 2 3
1 4 9
5 6 7
6 7 8
2 4 6
a1 a2 a3
1 2 3
True
"""


@pytest.mark.parametrize("how", ["a file", "a module", "a command", "standard input"])
def test_a_program_without_a_guard_runs_functions_of_any_kind_on_processes(how: str) -> None:
    text = SURROUNDED.read_text()
    arguments = {
        "a file": (SURROUNDED,),
        "a module": ("-m", "faults.surrounded"),
        "a command": ("-c", text),
        "standard input": ("-",),
    }[how]

    ended = run_program(*arguments, "process", stdin=text if how == "standard input" else "")

    assert (ended.stdout, ended.stderr, ended.returncode) == (SAID, "", 0)


# -- runs inside runs, and after others --------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", ENGINES)
@pytest.mark.parametrize("outer", ENGINES)
def test_a_run_inside_a_task(outer: str, inner: str) -> None:
    results = run(partial(sum_of_doubles, inner), [[1, 2], [3]], engine=outer, max_workers=2)

    assert results == [6, 6]


@pytest.mark.parametrize("engine", ENGINES)
def test_twenty_failed_runs_leave_nothing_and_the_next_one_works(engine: str) -> None:
    pipeline, out = mapping(failing.inverse, [0], engine=engine)
    before = Census.now()

    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            pipeline.run(progress=False).wait()
        out.flush()

    assert Census.now().counts == before.counts
    assert run(double, [1], engine=engine) == [2]


# -- odd hosts ---------------------------------------------------------------------------------------------------------

STOPPED = """
import sys, time
import skorche

def work(number):
    time.sleep(0.4)
    return number

with skorche.Pipeline() as pipeline:
    task = skorche.task(max_workers=2, timeout=0.8)(work)
    out = skorche.map(task, skorche.Queue(fixed_inputs=range(6)))
run = pipeline.run(progress=False, engine=sys.argv[1], on_error="collect")
print(out.get(), flush=True)
report = run.wait()
print(report.delivered, report.failed, len(report.failures))
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_a_parent_that_is_stopped_for_a_while_takes_nobody_for_late(engine: str) -> None:
    with start_program("-c", STOPPED, engine) as program:
        assert program.stdout is not None
        program.stdout.readline()
        os.kill(program.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        wait_until(lambda: time.monotonic() > stopped + 2.5)  # no condition: the passing of time is what is tried
        os.kill(program.pid, signal.SIGCONT)
        output, errors = program.communicate(timeout=20)

    assert (output, errors, program.returncode) == ("6 0 0\n", "", 0)


def test_a_timer_comes_between_the_long_items_of_the_inline_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skorche.runtime.coordinator.LATE_SECONDS", 0.01)
    monkeypatch.setattr("skorche.runtime.coordinator.CATCH_UP_SECONDS", 0.002)
    order = list[int]()

    def work(number: int) -> None:
        order.append(number)
        if order == [0]:
            raise ConnectionError("once")
        time.sleep(0.02)  # the work itself: longer than a process is late that was not stopped

    with skorche.Pipeline("long") as pipeline:
        skorche.map(skorche.task(retries=1, backoff=0.001)(work), skorche.Queue(fixed_inputs=range(20)))
    pipeline.run(engine="inline", progress=False).wait()

    assert order.index(0, 1) < 10


def test_a_host_whose_threads_hold_locks_while_workers_start() -> None:
    locks, stopped = [threading.Lock() for _ in range(3)], threading.Event()
    for lock in locks:
        lock.acquire()
    handler = logging.StreamHandler(io.StringIO())
    log = logging.getLogger("host")
    log.addHandler(handler)

    def hold(number: int) -> None:
        lock = locks[number % 3] if number % 2 else handler.lock
        assert lock is not None
        while not stopped.is_set():
            if lock.acquire(timeout=0.001):
                log.warning("held by %s", number)
                stopped.wait(0.001)  # with the lock in hand, but without the interpreter's
                lock.release()

    threads = [threading.Thread(target=hold, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    try:
        results = run(double, range(50), engine="process", max_workers=2)
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
        log.removeHandler(handler)

    assert results == [2 * number for number in range(50)]


# -- sources and watchers that misbehave -------------------------------------------------------------------------------


def test_a_source_that_raises_when_it_is_closed_does_not_hide_why_the_run_stopped() -> None:
    def numbers() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            raise ValueError("it does not like to be closed")

    pipeline, out = mapping(double, numbers())
    run = pipeline.run(progress=False)
    out.get()

    run.cancel()

    with pytest.raises(skorche.RunCancelled):
        run.wait(timeout=5)


def test_a_source_that_blocks_for_ever_does_not_hold_a_run_that_is_cancelled() -> None:
    gate = threading.Event()

    def numbers() -> Iterator[int]:
        yield 1
        gate.wait()

    pipeline, out = mapping(double, numbers())
    run = pipeline.run(progress=False)
    assert out.get() == 2
    began = time.monotonic()

    run.cancel()
    with pytest.raises(skorche.RunCancelled):
        run.wait(timeout=10)

    assert time.monotonic() - began < 5
    gate.set()


def test_many_sources_that_block_share_the_patience_of_the_run() -> None:
    gate = threading.Event()
    sources = [skorche.Queue[int](fixed_inputs=iter(gate.wait, None), name=f"source {one}") for one in range(8)]
    with skorche.Pipeline() as pipeline:
        skorche.merge(sources)
    run = pipeline.run(progress=False)
    began = time.monotonic()

    run.cancel()
    with pytest.raises(skorche.RunCancelled):
        run.wait(timeout=20)

    assert time.monotonic() - began < 3
    gate.set()


class BrokenHandler(logging.Handler):
    """Raises at every record."""

    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("the disk of the log is full")


def test_a_broken_handler_of_the_logger_is_told_and_fails_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    gate, broken, log = threading.Event(), BrokenHandler(), logging.getLogger("skorche")
    pipeline, out = mapping(lambda number: gate.wait() and number, [1])
    log.addHandler(broken)
    try:
        run = pipeline.run(progress=False, stall_timeout=0.05)
        said = []
        wait_until(lambda: said.append(capfd.readouterr().err) or "the disk of the log is full" in "".join(said))
        gate.set()
        report = run.wait(timeout=5)
    finally:
        log.removeHandler(broken)

    assert (report.ok, out.flush()) == (True, [1])


def test_an_error_stream_that_is_closed_does_not_fail_a_run_that_is_left_open() -> None:
    program = (
        "import sys, skorche\n"
        "with skorche.Pipeline() as pipeline:\n"
        "    skorche.map(lambda number: 1 / number, skorche.Queue(fixed_inputs=[0]))\n"
        "pipeline.run()\n"
        "sys.stderr.close()\n"
    )

    ended = run_program("-c", program, folder=ROOT)

    assert (ended.stdout, ended.stderr, ended.returncode) == ("", "", 0)
