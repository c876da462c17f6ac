"""A run that stands still says so once, with the worker and its stack; and fails if it was told to."""

import logging
import threading
import time
from pathlib import Path

import pytest

import skorche
from tests.engines.census import is_gone
from tests.engines.runs import mapping
from tests.engines.waiting import wait_until

from . import hanging

pytestmark = pytest.mark.timeout(60)

ENOUGH = 1.0
"""Seconds without progress that are a stall here; on a busy machine a worker may take a good part of that to start."""


def stalls(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "no progress for" in record.getMessage()]


# -- processes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "frame"), [("python", "in stand_still"), ("c", "in hold_the_interpreter")], ids=["in Python", "in C"]
)
def test_a_worker_process_that_hangs_is_told_with_its_stack_and_the_run_fails(how: str, frame: str) -> None:
    task = hanging.HangOn(7, how)
    pipeline, out = mapping(task, [7], engine="process")
    began = time.monotonic()

    with pytest.raises(skorche.StallError) as caught:
        pipeline.run(stall_timeout=ENOUGH, on_stall="raise").wait(timeout=20)

    said = caught.value.diagnosis
    assert time.monotonic() - began < 5
    assert "the queue into HangOn: 7 for 1." in said.splitlines()[1]
    assert "on process " in said.splitlines()[1]
    assert '/hanging.py", line' in said
    assert frame in said
    assert "parent" not in said
    report = pipeline.last_run.report
    assert (report.ok, report.delivered, report.cancelled) == (False, 0, 1)
    assert out.flush() == []


def test_the_process_that_hangs_is_gone_when_the_run_has_failed() -> None:
    pipeline, _ = mapping(hanging.HangOn(7, "c"), [7], engine="process")

    with pytest.raises(skorche.StallError) as caught:
        pipeline.run(stall_timeout=ENOUGH, on_stall="raise").wait(timeout=20)

    worker = int(caught.value.diagnosis.split("on process ")[1].split()[0])
    assert is_gone(worker)


def test_a_stall_that_is_only_warned_of_is_logged_once_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline, out = mapping(hanging.WaitFor(tmp_path / "opened"), [1, 2], engine="process")

    run = pipeline.run(stall_timeout=ENOUGH)
    wait_until(lambda: stalls(caplog))
    opened_after = time.monotonic() + 2 * ENOUGH
    wait_until(lambda: time.monotonic() > opened_after)
    (tmp_path / "opened").write_text("")
    report = run.wait(timeout=20)

    (said,) = stalls(caplog)
    (record,) = [one for one in caplog.records if one.getMessage() == said]
    assert (record.name, record.levelno) == ("skorche", logging.WARNING)
    assert said.startswith("engines: no progress for 1.")
    assert "in __call__" in said
    assert (report.ok, out.flush()) == (True, [1, 2])  # the signal has not disturbed what the task waited for


def test_a_worker_that_does_not_take_the_signal_is_not_killed_by_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pipeline, _ = mapping(hanging.HangOn(7, "deaf"), [7], engine="process")

    run = pipeline.run(stall_timeout=ENOUGH)
    wait_until(lambda: stalls(caplog))
    run.cancel(grace=0.0)
    with pytest.raises(skorche.RunCancelled):
        run.wait(timeout=20)

    assert "(it does not handle the signal that asks for its stack)" in stalls(caplog)[0]
    assert run.report.failures == ()


def test_workers_that_are_all_asked_at_once_are_all_told(tmp_path: Path) -> None:
    task = hanging.WaitFor(tmp_path / "never")
    pipeline, _ = mapping(task, range(3), engine="process", max_workers=3)

    with pytest.raises(skorche.StallError) as caught:
        pipeline.run(stall_timeout=ENOUGH, on_stall="raise").wait(timeout=20)

    assert caught.value.diagnosis.count("on process ") == 3
    assert caught.value.diagnosis.count("in __call__") == 3


# -- threads --------------------------------------------------------------------------------------------------------


def test_a_thread_that_hangs_is_told_with_its_stack_and_abandoned() -> None:
    go_on = threading.Event()
    try:
        pipeline, _ = mapping(lambda item: go_on.wait(60) if item == 5 else item, [5], name="stuck")

        with pytest.raises(skorche.StallError) as caught:
            pipeline.run(stall_timeout=ENOUGH, on_stall="raise").wait(timeout=20)

        said = caught.value.diagnosis
        assert "the queue into stuck: 5 for 1." in said.splitlines()[1]
        assert "on thread 'skorche stuck'" in said.splitlines()[1]
        assert "in <lambda>" in said
        assert "go_on.wait(60)" in said
        report = pipeline.last_run.report
        assert (report.cancelled, report.abandoned_threads) == (1, 1)
    finally:
        go_on.set()


def test_the_item_that_a_thread_hangs_on_is_named_also_inside_a_chunk() -> None:
    go_on, items = threading.Event(), range(10_000)
    try:
        pipeline, _ = mapping(lambda item: go_on.wait(60) if item == 5000 else item, items)

        with pytest.raises(skorche.StallError) as caught:
            pipeline.run(stall_timeout=ENOUGH, on_stall="raise").wait(timeout=20)

        assert ": 5000 (number " in caught.value.diagnosis.splitlines()[1]
    finally:
        go_on.set()


def test_a_thread_that_is_slow_but_works_through_its_chunk_has_not_stalled(caplog: pytest.LogCaptureFixture) -> None:
    seconds = [0.0] * 500 + [0.3] * 8  # the first have shown that they are quick, so that the others go together
    pipeline, out = mapping(hanging.take, seconds)

    report = pipeline.run(stall_timeout=ENOUGH, on_stall="raise").wait(timeout=20)

    assert (report.ok, out.flush(), stalls(caplog)) == (True, seconds, [])


# -- what is no stall -----------------------------------------------------------------------------------------------


def test_a_run_that_waits_for_input_has_not_stalled(caplog: pytest.LogCaptureFixture) -> None:
    with skorche.Pipeline("waiting") as pipeline:
        numbers: skorche.Queue[int] = skorche.Queue()
        out = skorche.map(abs, numbers)

    run = pipeline.run(stall_timeout=ENOUGH, on_stall="raise")
    numbers.put(-1)
    assert out.get(timeout=10) == 1
    silent_until = time.monotonic() + 1.5 * ENOUGH
    wait_until(lambda: time.monotonic() > silent_until)
    numbers.put(-2)

    assert run.shutdown().ok
    assert stalls(caplog) == []


def test_a_run_that_waits_for_a_reader_has_not_stalled(caplog: pytest.LogCaptureFixture) -> None:
    with skorche.Pipeline("waiting") as pipeline:
        out: skorche.Queue[int] = skorche.Queue(maxsize=1)
        skorche.map(abs, skorche.Queue(fixed_inputs=range(10)), queue_out=out)

    run = pipeline.run(stall_timeout=ENOUGH, on_stall="raise")
    silent_until = time.monotonic() + 1.5 * ENOUGH
    wait_until(lambda: time.monotonic() > silent_until)

    assert sorted(out) == list(range(10))
    assert run.wait(timeout=10).ok
    assert stalls(caplog) == []


# -- other engines --------------------------------------------------------------------------------------------------


def test_an_executor_says_what_it_was_given() -> None:
    from concurrent.futures import ThreadPoolExecutor

    go_on = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pipeline, _ = mapping(lambda item: go_on.wait(60), [5], name="stuck", engine=pool)
        run = pipeline.run(stall_timeout=ENOUGH, on_stall="raise")
        wait_until(lambda: run._coordinator.error is not None)
        go_on.set()

        with pytest.raises(skorche.StallError) as caught:
            run.wait(timeout=20)

    assert "the queue into stuck: 5 for 1." in caught.value.diagnosis
    assert "on a worker of <concurrent.futures.thread.ThreadPoolExecutor object" in caught.value.diagnosis
    assert "which cannot be asked" in caught.value.diagnosis
