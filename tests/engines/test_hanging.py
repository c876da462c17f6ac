"""The process engine when tasks hang: they are killed, with all they started, and nothing else is touched."""

import time
from pathlib import Path

import pytest

import skorche

from . import deadly
from .census import is_gone
from .runs import collect, mapping
from .waiting import holds_within, wait_file, wait_until

pytestmark = pytest.mark.timeout(60)


def test_a_task_that_hangs_is_killed_with_its_children_and_only_its_item_fails(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    pipeline, out = mapping(deadly.HangWithChild(5, marker), range(12), max_workers=2, timeout=0.5, engine="process")

    run = pipeline.run(on_error="collect")
    wait_file(marker)
    began = time.monotonic()
    report = run.wait()

    (failure,) = report.failures
    assert time.monotonic() - began < 1.5
    assert (failure.item, type(failure.error)) == (5, skorche.TaskTimeout)
    assert "took longer than its timeout of 0.5 s" in str(failure.error)
    assert out.flush() == [number for number in range(12) if number != 5]
    assert is_gone(int(marker.read_text()))


def test_a_pipeline_inside_a_task_that_is_killed_leaves_no_worker(tmp_path: Path) -> None:
    report, _ = collect(deadly.RunHanging(tmp_path / "marker"), [0], timeout=1.5, engine="process")

    (failure,) = report.failures
    inner = int((tmp_path / "marker").read_text())
    assert type(failure.error) is skorche.TaskTimeout
    assert holds_within(2, lambda: is_gone(inner))


def test_a_timeout_counts_from_the_moment_the_work_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = "import time\ntime.sleep(0.8)\ndef double(number):\n    return 2 * number\n"
    (tmp_path / "slow_to_import.py").write_text(slow)
    monkeypatch.syspath_prepend(tmp_path)
    import slow_to_import

    report, results = collect(slow_to_import.double, [1, 2, 3], timeout=0.4, engine="process")

    assert (report.failures, results) == ((), [2, 4, 6])


def test_a_retry_after_a_timeout_has_its_own_time(tmp_path: Path) -> None:
    report, _ = collect(
        deadly.Hang(0, tmp_path / "marker"), [0], timeout=0.2, retries=1, backoff=0.001, engine="process"
    )

    (failure,) = report.failures
    assert (failure.attempts, type(failure.error)) == (2, skorche.TaskTimeout)


def test_a_cancel_ends_workers_that_hang_with_chunks_waiting_behind(tmp_path: Path) -> None:
    with skorche.Pipeline("cancelled") as pipeline:
        numbers: skorche.Queue[int] = skorche.Queue()
        out = skorche.map(skorche.task(engine="process", max_workers=2)(deadly.HangFrom(200, tmp_path)), numbers)

    run = pipeline.run()
    for number in range(200):
        numbers.put(number)
    for _ in range(200):
        out.get(timeout=20)
    for number in range(200, 1000):
        numbers.put(number)
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    run.cancel(grace=0.05)

    with pytest.raises(skorche.RunCancelled):
        run.wait(timeout=10)
    assert len(list(tmp_path.iterdir())) == 2  # what waited behind them never began
    assert run.report is not None
    assert (run.report.delivered, run.report.cancelled, run.report.failed) == (200, 800, 0)
