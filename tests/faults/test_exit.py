"""A run that is left open when the program ends: it is finished, its failure is told, and it never holds the exit."""

import os
import signal
import time

import pytest
from engines.programs import run_program, start_program

pytestmark = pytest.mark.timeout(60)

HEAD = """
import itertools, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import skorche

done = []

def work(number):
    time.sleep(0.02)
    done.append(number)
    return number

def fail(number):
    raise ValueError(f"no {number}")

def start(function=work, source=range(20), maxsize=None, engine="thread", **options):
    global out, numbers, pipeline
    with skorche.Pipeline("left") as pipeline:
        numbers = skorche.Queue(name="numbers", fixed_inputs=source)
        out = skorche.map(skorche.task(max_workers=2)(function), numbers, queue_out=skorche.Queue(maxsize=maxsize))
    return pipeline.run(progress=False, engine=engine, **options)

import atexit
atexit.register(lambda: print("done", len(done), flush=True))
"""


def end(program: str, seconds: float = 20.0) -> tuple[int, str, str]:
    """Exit code, output and errors."""
    ended = run_program("-c", HEAD + program, seconds=seconds)
    return ended.returncode, ended.stdout, ended.stderr


FINISHED = {
    "a list": "start(source=list(range(20)))",
    "a generator": "start(source=(number for number in range(20)))",
    "an output that nobody reads": "start(maxsize=2)",
    "an open live queue": "start(source=None)\nfor number in range(20): numbers.put(number)",
    "in line": "start(engine='inline')",
    "an executor": "start(engine=ThreadPoolExecutor(2))",
    "a daemon thread": "thread = threading.Thread(target=start, daemon=True); thread.start(); thread.join()",
    "a daemon thread that waits": (
        "started = threading.Event()\n"
        "def body():\n    run = start()\n    started.set()\n    run.wait()\n"
        "threading.Thread(target=body, daemon=True).start()\nstarted.wait()"
    ),
    "a thread that goes on": (
        "started = threading.Event()\n"
        "def feed():\n"
        "    with start(source=None):\n"
        "        started.set()\n"
        "        threading.main_thread().join()\n"
        "        for number in range(20): numbers.put(number)\n"
        "threading.Thread(target=feed).start()\nstarted.wait()"
    ),
    "one of two": "start(source=[])\nstart()",
    "begun after main has ended": (
        "def late():\n    threading.main_thread().join()\n    start()\nthreading.Thread(target=late).start()"
    ),
}


@pytest.mark.parametrize("what", FINISHED)
def test_a_run_left_open_at_the_end_of_main_is_finished(what: str) -> None:
    ended = end(FINISHED[what])

    assert ended == (0, "done 20\n", "")


def test_an_exception_in_main_is_told_once_and_the_run_is_finished() -> None:
    code, output, errors = end("start()\nraise KeyError('main')")

    assert (code, output) == (1, "done 20\n")
    assert errors.count("Traceback") == 1
    assert errors.endswith("KeyError: 'main'\n")


def test_an_exit_code_stays_what_main_made_it() -> None:
    ended = end("start()\nsys.exit(3)")

    assert ended == (3, "done 20\n", "")


def test_the_failure_of_a_run_left_open_is_told_once_with_its_traceback() -> None:
    code, output, errors = end("start(fail)")

    head, *lines = errors.splitlines()
    assert (code, output) == (0, "done 0\n")
    assert head.startswith("skorche: 'left' was not waited for, and failed (")
    assert lines[0] == "Traceback (most recent call last):"
    assert any("in fail" in line for line in lines)
    assert any(line.startswith("ValueError: no ") for line in lines)
    assert lines[-1] == "shutdown() or wait() would have raised it, and ended the program with 1."
    assert errors.count("skorche: 'left'") == 1


def test_failures_that_were_collected_and_not_asked_for_are_told() -> None:
    code, _, errors = end("start(fail, source=[1, 2], on_error='collect')")

    assert (code, errors.count("ValueError: no 1"), errors.count("ValueError: no 2")) == (0, 1, 1)
    assert errors.startswith("skorche: 'left' was not waited for, and failed (2 admitted, 0 delivered, 2 failed")


def test_a_failure_is_told_also_when_the_run_ended_long_before() -> None:
    _, _, errors = end("run = start(fail)\nout.flush()\nstart(source=[]).wait()")

    assert errors.count("skorche: 'left' was not waited for") == 1


def test_a_run_that_is_still_paused_is_cancelled_after_a_grace_and_says_so() -> None:
    code, output, errors = end("start().pause('work')")

    assert code == 0
    assert output != "done 20\n"
    assert "'work' is paused: it waits for run.resume()" in errors
    assert "the program ended, and 5 seconds later 'work' was still paused." in errors
    assert "Mend: call run.resume() before the program ends." in errors


TOLD = {
    "waiting": "try: start(fail).wait()\nexcept ValueError: pass",
    "a report": "start(fail).join()",
    "iterating": "start(fail)\ntry: list(out)\nexcept ValueError: pass",
    "whoever cancelled": "start(source=itertools.count()).cancel()",
    "a block": "try:\n    with start(fail): pass\nexcept ValueError: pass",
}


@pytest.mark.parametrize("what", TOLD)
def test_a_failure_that_was_told_is_not_told_again(what: str) -> None:
    _, _, errors = end(TOLD[what])

    assert errors == ""


def test_a_failure_that_ended_main_is_not_told_again() -> None:
    code, _, errors = end("start(fail)\nfor _ in out: pass")

    assert (code, errors.count("ValueError: no "), errors.count("skorche: ")) == (1, 1, 0)


@pytest.mark.parametrize(
    ("source", "function"), [("itertools.count()", "work"), ("iter(threading.Event().wait, None)", "work")]
)
def test_a_source_that_does_not_end_holds_the_exit_no_longer_than_the_grace(source: str, function: str) -> None:
    began = time.monotonic()

    code, _, errors = end(f"start({function}, source={source})")

    assert code == 0
    assert 5 <= time.monotonic() - began < 8
    assert errors.count("skorche: 'left' was not waited for, and failed (") == 1
    assert "5 seconds later a source was still being read that may have no end." in errors


# -- signals while it ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -2), (signal.SIGTERM, -15)])
def test_a_signal_that_comes_while_runs_are_finished_ends_the_program_as_ever(number: int, code: int) -> None:
    with start_program("-m", "faults.interrupted", "exit", "process") as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        os.kill(program.pid, number)
        output, errors = program.communicate(timeout=20)

    assert (output, errors, program.returncode) == ("stopping\n", "", code)


def test_ctrl_c_ends_a_run_that_a_thread_has_started() -> None:
    threaded = (
        "def body():\n"
        "    try: start(source=itertools.count()).wait()\n"
        "    except skorche.RunCancelled: print('cancelled', flush=True)\n"
        "thread = threading.Thread(target=body)\n"
        "thread.start()\n"
        "while not done: time.sleep(0.001)\n"
        "done.clear()\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(0.1)"
    )
    with start_program("-c", HEAD + threaded) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        began = time.monotonic()
        os.kill(program.pid, signal.SIGINT)
        output, errors = program.communicate(timeout=20)

    assert output.splitlines()[0] == "cancelled"
    assert (errors.count("Traceback"), program.returncode) == (1, -signal.SIGINT)
    assert time.monotonic() - began < 3
