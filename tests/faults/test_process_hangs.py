"""Tasks that hang where no signal is heard; those that hang in Python are in tests/engines/test_hanging.py."""

import time
from pathlib import Path

import pytest
from engines.census import is_gone
from engines.runs import mapping
from engines.waiting import wait_file

import skorche

from .fatal import HangInC

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_task_that_hangs_in_c_and_ignores_signals_is_killed_with_its_children(
    tmp_path: Path, idempotent: bool
) -> None:
    marker = tmp_path / "marker"
    task = HangInC(5, marker)
    pipeline, out = mapping(task, range(12), max_workers=2, timeout=0.5, idempotent=idempotent, engine="process")

    run = pipeline.run(on_error="collect")
    wait_file(marker)
    began = time.monotonic()
    report = run.wait()

    (failure,) = report.failures
    worker, child = map(int, marker.read_text().split())
    assert time.monotonic() - began < 1.5
    assert (failure.item, type(failure.error)) == (5, skorche.TaskTimeout)
    assert out.flush() == [number for number in range(12) if number != 5]
    assert is_gone(worker)
    assert is_gone(child)


def test_hangs_are_no_crashes_however_many_there_are_in_a_row(tmp_path: Path) -> None:
    hanging = [HangInC(number, tmp_path / str(number)) for number in range(12)]
    with skorche.Pipeline("hanging") as pipeline:
        tasks = [skorche.task(engine="process", timeout=0.1)(one) for one in hanging]
        outs = [skorche.map(task, skorche.Queue(fixed_inputs=[number])) for number, task in enumerate(tasks)]

    report = pipeline.run(on_error="collect").wait()

    assert [type(failure.error) for failure in report.failures] == [skorche.TaskTimeout] * 12
    assert [out.flush() for out in outs] == [[]] * 12
