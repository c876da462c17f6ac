"""Ctrl-C and SIGTERM: the program ends soon, as Python does, with one traceback, and leaves nobody behind."""

import asyncio
import itertools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from engines.census import find_family, is_gone, mark_family
from engines.programs import run_program, start_program
from engines.runs import mapping
from engines.waiting import holds_within

import skorche

pytestmark = pytest.mark.timeout(60)
mark_family()

SOON = 3.0
"""Seconds: items take 0.2, and a machine that is busy some more."""
GRACE = 5.0


@contextmanager
def program(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """One of `interrupted`, ready for its signal; nobody outlives it."""
    with start_program("-m", "faults.interrupted", *arguments) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        family = [pid for pid in find_family() if os.getsid(pid) == started.pid or is_child(pid, started.pid)]
        assert started.pid in family
        yield started
    assert holds_within(2, lambda: all(map(is_gone, family)))


def is_child(pid: int, parent: int) -> bool:
    """Whether a process was started by another."""
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1]) == parent


def end_by(started: "subprocess.Popen[str]", *signals: int) -> tuple[float, str, str]:
    """Send the signals to its group, each when the one before has arrived; seconds after the last, output, errors."""
    assert started.stdout is not None
    for number in signals[:-1]:
        os.killpg(started.pid, number)
        assert started.stdout.readline() == "stopping\n"
    began = time.monotonic()
    os.killpg(started.pid, signals[-1])
    output, errors = started.communicate(timeout=30)
    return time.monotonic() - began, output.replace("stopping\n", ""), errors


def check_traceback(errors: str) -> None:
    """Exactly one, of Ctrl-C."""
    assert errors.count("Traceback") == 1, errors
    assert errors.endswith("\nKeyboardInterrupt\n"), errors


PLACES = (
    *("wait", "wait_for_a_while", "shutdown", "block", "block_twice", "own_code", "own_code_with_finally"),
    *("get", "get_in_time", "iterate", "flush", "put"),
)


@pytest.mark.parametrize("place", PLACES)
def test_ctrl_c_ends_a_program_wherever_its_main_thread_is(place: str) -> None:
    with program(place, "thread") as started:
        seconds, output, errors = end_by(started, signal.SIGINT)

    check_traceback(errors)
    assert (output, started.returncode) == ("", -signal.SIGINT)
    assert seconds < SOON


@pytest.mark.parametrize("engine", ["process", "inline", "executor"])
@pytest.mark.parametrize("place", ["wait", "iterate"])
def test_ctrl_c_ends_a_program_on_any_engine(place: str, engine: str) -> None:
    with program(place, engine) as started:
        seconds, output, errors = end_by(started, signal.SIGINT)

    check_traceback(errors)
    assert (output, started.returncode) == ("", -signal.SIGINT)
    assert seconds < SOON


def test_ctrl_c_ends_a_program_whose_run_is_paused() -> None:
    with program("paused", "thread") as started:
        seconds, output, errors = end_by(started, signal.SIGINT)

    check_traceback(errors)
    assert "'work' is paused: it waits for run.resume()" in errors
    assert (output, started.returncode) == ("", -signal.SIGINT)
    assert seconds < SOON


def test_work_in_flight_ends_and_counts_and_what_waits_is_cancelled() -> None:
    with program("report", "process", "0.5") as started:
        _, output, _ = end_by(started, signal.SIGINT)

    assert output == "True 2 True\n"


def test_ctrl_c_that_reaches_the_workers_too_is_told_by_the_parent_alone() -> None:
    with program("wait", "process") as started:
        for worker in find_family():
            if is_child(worker, started.pid):
                os.kill(worker, signal.SIGINT)
        _, _, errors = end_by(started, signal.SIGINT)

    check_traceback(errors)
    assert started.returncode == -signal.SIGINT


@pytest.mark.parametrize("place", ["wait", "block", "own_code_with_finally", "join_thread"])
def test_a_second_ctrl_c_kills_what_is_asleep(place: str) -> None:
    with program(place, "process", "1000") as started:
        seconds, _, errors = end_by(started, signal.SIGINT, signal.SIGINT)

    check_traceback(errors)
    assert started.returncode == -signal.SIGINT
    assert seconds < 1


@pytest.mark.parametrize("engine", ["process", "thread"])
def test_a_second_ctrl_c_leaves_what_cannot_be_asked(engine: str) -> None:
    seconds_of_item = {"process": "0", "thread": "1000"}[engine]  # 0: in C, with the GIL; a thread that does stops all
    with program("wait", engine, seconds_of_item) as started:
        seconds, _, errors = end_by(started, signal.SIGINT, signal.SIGINT)

    check_traceback(errors)
    assert started.returncode == -signal.SIGINT
    assert seconds < 1


def test_work_that_does_not_end_is_killed_after_the_grace() -> None:
    with program("wait", "process", "1000") as on_process, program("own_code", "thread", "1000") as on_thread:
        began = time.monotonic()
        os.killpg(on_thread.pid, signal.SIGINT)
        _, _, errors = end_by(on_process, signal.SIGINT)
        _, errors_of_threads = on_thread.communicate(timeout=20)
        seconds = time.monotonic() - began

    check_traceback(errors)
    check_traceback(errors_of_threads)
    assert GRACE <= seconds < GRACE + 2


def test_an_item_in_line_that_nothing_can_stop_does_not_hold_the_exit_for_ever() -> None:
    with program("wait", "inline", "1000") as started:
        seconds, _, errors = end_by(started, signal.SIGINT, signal.SIGINT)

    check_traceback(errors)
    assert started.returncode == -signal.SIGINT
    assert seconds < GRACE + 2


@pytest.mark.parametrize("source", ["blocked", "endless"])
def test_a_source_that_does_not_end_does_not_hold_the_run(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE", source)

    with program("wait", "thread") as started:
        seconds, _, errors = end_by(started, signal.SIGINT)

    assert errors.count("Traceback") == 1
    assert started.returncode == -signal.SIGINT
    assert seconds < SOON


@pytest.mark.parametrize("place", ["loop", "loop_that_is_blocked"])
def test_ctrl_c_ends_a_program_that_runs_an_event_loop(place: str) -> None:
    with program(place, "process") as started:
        seconds, _, errors = end_by(started, signal.SIGINT)

    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert started.returncode == -signal.SIGINT
    assert seconds < SOON


ASYNC_PLACES = (
    *("wait_async", "wait_async_twice", "block_async", "iterate_async", "put_async"),
    *("group", "group_without_work", "background"),
)


@pytest.mark.parametrize("place", ASYNC_PLACES)
def test_ctrl_c_ends_an_async_program_wherever_its_main_task_waits(place: str) -> None:
    with program(place, "thread") as started:
        seconds, output, errors = end_by(started, signal.SIGINT)

    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert "never" not in errors, errors  # no exception of a task was "never retrieved"
    assert (output, started.returncode) == ("", -signal.SIGINT)
    assert seconds < SOON


@pytest.mark.parametrize("engine", ["process", "inline", "executor"])
def test_ctrl_c_ends_an_async_program_on_any_engine(engine: str) -> None:
    with program("wait_async", engine) as started:
        seconds, output, errors = end_by(started, signal.SIGINT)

    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert (output, started.returncode) == ("", -signal.SIGINT)
    assert seconds < SOON


@pytest.mark.parametrize("place", ["wait_async", "block_async", "group"])
def test_a_second_ctrl_c_kills_in_an_async_program(place: str) -> None:
    with program(place, "process", "1000") as started:
        seconds, _, errors = end_by(started, signal.SIGINT, signal.SIGINT)

    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert started.returncode == -signal.SIGINT
    assert seconds < 1.5


# -- SIGTERM -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["wait", "block", "own_code_with_finally", "iterate", "loop_that_is_blocked"])
def test_sigterm_ends_a_program_with_143_and_no_word(place: str) -> None:
    with program(place, "process") as started:
        began = time.monotonic()
        started.terminate()  # it alone: the end of its output is that of the last who holds it
        output, errors = started.communicate(timeout=20)
        seconds = time.monotonic() - began

    assert (output, errors, started.returncode) == ("stopping\n", "", 143)
    assert seconds < SOON


@pytest.mark.parametrize("place", ["wait_async", "block_async", "group", "iterate_async"])
def test_sigterm_ends_an_async_program_with_143(place: str) -> None:
    with program(place, "thread") as started:
        seconds, _, errors = end_by(started, signal.SIGTERM)

    assert (errors, started.returncode) == ("", 143)
    assert seconds < SOON


def test_a_second_sigterm_kills() -> None:
    with program("wait", "process", "1000") as started:
        seconds, _, errors = end_by(started, signal.SIGTERM, signal.SIGTERM)

    assert (errors, started.returncode) == ("", 143)
    assert seconds < 1


def test_handlers_of_the_user_are_left_alone() -> None:
    with program("keep_going", "thread", "0.01") as started:
        assert started.stdout is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            os.killpg(started.pid, number)
            assert started.stdout.readline() == f"mine {int(number)}\n"
        output, errors = started.communicate(timeout=20)

    assert (output.replace("stopping\n", ""), errors, started.returncode) == ("delivered 100\n", "", 0)


# -- handlers ----------------------------------------------------------------------------------------------------------

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def handlers() -> list[object]:
    """Those that stand now."""
    return [signal.getsignal(number) for number in SIGNALS]


def fail(number: int) -> int:
    """A task that fails."""
    raise ValueError(number)


@pytest.mark.parametrize("function", [abs, fail])
def test_handlers_stand_while_a_run_is_open_and_those_before_come_back(function: object) -> None:
    before = handlers()
    gate = threading.Event()
    pipeline, _ = mapping(lambda number: gate.wait() and function(number), [1])

    run = pipeline.run(progress=False)
    during = handlers()
    gate.set()
    run.join()

    assert before == [signal.default_int_handler, signal.SIG_DFL]
    assert not set(during) & set(before)
    assert handlers() == before


def test_handlers_stand_until_the_last_run_has_ended() -> None:
    before = handlers()
    numbers: skorche.Queue[int] = skorche.Queue()
    with skorche.Pipeline() as live:
        skorche.map(abs, numbers)
    first, (second, _) = live.run(progress=False), mapping(abs, [1])

    second.run(progress=False).wait()
    during = handlers()
    first.shutdown()

    assert not set(during) & set(before)
    assert handlers() == before


def test_a_run_that_outlives_the_event_loop_it_began_in_leaves_no_handler_of_that() -> None:
    before = handlers()
    numbers: skorche.Queue[int] = skorche.Queue()
    with skorche.Pipeline() as pipeline:
        skorche.map(abs, numbers)

    async def begin() -> object:
        return pipeline.run(progress=False)

    asyncio.run(begin())
    during = handlers()
    pipeline.shutdown()

    assert not set(during) & set(before)
    assert handlers() == before


def test_a_run_that_ends_in_its_event_loop_leaves_the_handler_of_that() -> None:
    before = handlers()
    pipeline, _ = mapping(abs, [1])

    async def main() -> list[object]:
        ours = handlers()
        await pipeline.run_async(progress=False)
        return [ours, handlers()]

    at_first, at_last = asyncio.run(main())

    assert at_first == at_last != before
    assert handlers() == before


def test_a_handler_that_the_user_puts_in_while_a_run_is_open_stays() -> None:
    pipeline, _ = mapping(abs, [1])
    run = pipeline.run(progress=False)
    own = signal.Handlers.SIG_IGN
    try:
        signal.signal(signal.SIGTERM, own)
        run.wait()

        assert handlers() == [signal.default_int_handler, own]
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def interrupted_executor(number: int) -> ThreadPoolExecutor:
    """Made while its run starts, where the signal comes."""
    signal.raise_signal(number)
    return ThreadPoolExecutor(1)


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_while_a_run_starts_is_raised_when_it_has_ended_again(number: int, kind: type[BaseException]) -> None:
    before, threads = handlers(), threading.active_count()
    pipeline, _ = mapping(abs, itertools.count())

    with pytest.raises(kind):
        pipeline.run(progress=False, engine=lambda: interrupted_executor(number))

    assert (handlers(), threading.active_count()) == (before, threads)


def test_a_run_that_cannot_start_puts_handlers_back() -> None:
    before = handlers()
    pipeline, _ = mapping(abs, [1])

    with pytest.raises(ZeroDivisionError):
        pipeline.run(engine=lambda: 1 / 0)

    assert handlers() == before


def test_a_run_in_a_thread_touches_no_handler() -> None:
    before, seen = handlers(), []
    pipeline, _ = mapping(lambda _: seen.append(handlers()), [1])
    thread = threading.Thread(target=lambda: pipeline.run(progress=False).wait())

    thread.start()
    thread.join()

    assert seen == [before]


NOT_ASKED = """
import os, signal, sys, time
import skorche

with skorche.Pipeline() as pipeline:
    skorche.map(abs, skorche.Queue(fixed_inputs=[1]))
run = pipeline.run(progress=False)
while run.running:
    time.sleep(0.001)
signal.raise_signal(int(sys.argv[1]))
"""


@pytest.mark.parametrize(("number", "tracebacks"), [(signal.SIGINT, 1), (signal.SIGTERM, 0)])
def test_after_a_run_that_nobody_waited_for_signals_do_what_they_did_before(number: int, tracebacks: int) -> None:
    ended = run_program("-c", NOT_ASKED, str(int(number)))

    assert (ended.returncode, ended.stderr.count("Traceback")) == (-number, tracebacks)


FORKED = """
import multiprocessing, os, signal, sys, time
import skorche

numbers = skorche.Queue()
with skorche.Pipeline() as pipeline:
    skorche.map(abs, numbers)
run = pipeline.run(progress=False)
fork = multiprocessing.get_context("fork")
waits = fork.Process(target=time.sleep, args=(1000,))
waits.start()
waits.terminate()
waits.join()
ends = fork.Process(target=len, args=("abc",))
ends.start()
ends.join()
print(waits.exitcode, ends.exitcode, run.shutdown().delivered)
"""


def test_a_fork_of_a_program_with_an_open_run_ends_as_it_would_without() -> None:
    ended = run_program("-c", FORKED)

    assert (ended.stdout, ended.stderr, ended.returncode) == (f"{-signal.SIGTERM} 0 0\n", "", 0)
