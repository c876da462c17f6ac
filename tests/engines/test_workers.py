"""The life of workers: they start or say why not, and leave nothing behind, whoever goes first."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import skorche

from . import deadly, failing, tasks
from .census import Census, find_family, is_gone
from .programs import run_program, start_program
from .runs import collect, mapping
from .waiting import holds_within, wait_file, wait_until

pytestmark = pytest.mark.timeout(60)


# -- workers that cannot start -----------------------------------------------------------------------------------------


def fake_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make workers start with a program that ends at once; gives the file where each start leaves a line."""
    program, log = folder / "python", folder / "starts"
    program.write_text(f"#!/bin/sh\necho started >> {log}\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return log


def test_workers_that_cannot_start_are_told_soon_and_not_started_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = fake_python(tmp_path, monkeypatch)
    pipeline, _ = mapping(tasks.double, range(1000), max_workers=2, engine="process")

    run = pipeline.run(on_error="collect")
    with pytest.raises(skorche.WorkerStartError, match=r"3 worker processes in a row died .*exit code 1"):
        run.wait(timeout=5)

    assert run.report is not None
    assert (run.report.failed, run.report.ok) == (0, False)
    assert len(log.read_text().split()) == 3


def test_a_python_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    pipeline, _ = mapping(tasks.double, range(10), engine="process")

    with pytest.raises(skorche.WorkerStartError, match="nowhere"):
        pipeline.run().wait(timeout=5)


def module_for_home_only(folder: Path, monkeypatch: pytest.MonkeyPatch, otherwise: str) -> Any:
    """A module that can be imported in this process only; elsewhere it does something else."""
    home = f"import os\nif os.getpid() != {os.getpid()}:\n    {otherwise}\ndef double(number):\n    return 2 * number\n"
    (folder / "home_only.py").write_text(home)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "home_only", raising=False)
    import home_only

    return home_only


def test_a_task_whose_module_cannot_be_imported_in_a_worker_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    module = module_for_home_only(tmp_path, monkeypatch, "raise ImportError('only at home')")
    pipeline, _ = mapping(module.double, range(1000), max_workers=2, engine="process")

    with pytest.raises(skorche.WorkerStartError, match="cannot load 'double': ImportError: only at home") as caught:
        pipeline.run(on_error="collect").wait(timeout=5)

    assert isinstance(caught.value.__cause__, ImportError)
    assert "Traceback" not in capfd.readouterr().err


def test_a_task_whose_module_kills_the_worker_is_told_after_three_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "starts"
    module = module_for_home_only(tmp_path, monkeypatch, f"open({str(log)!r}, 'a').write('start '); os._exit(4)")
    pipeline, _ = mapping(module.double, range(1000), max_workers=2, engine="process")

    with pytest.raises(skorche.WorkerStartError, match="exit code 4"):
        pipeline.run(on_error="collect").wait(timeout=5)

    assert len(log.read_text().split()) == 3


def test_an_engine_that_cannot_go_on_ends_the_work_of_others_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = module_for_home_only(tmp_path, monkeypatch, "raise ImportError('only at home')")
    marker = tmp_path / "marker"
    with skorche.Pipeline("two") as pipeline:
        skorche.map(skorche.task(engine="process")(deadly.Hang(0, marker)), skorche.Queue(fixed_inputs=[0]))
        numbers: skorche.Queue[int] = skorche.Queue()
        skorche.map(skorche.task(engine="process")(module.double), numbers)

    run = pipeline.run(on_error="collect")
    wait_file(marker)
    numbers.put(1)

    with pytest.raises(skorche.WorkerStartError):
        run.wait(timeout=4)


# -- the end of the parent ---------------------------------------------------------------------------------------------

PARENT = """
import sys, threading
import skorche
from engines import deadly, tasks
from pathlib import Path

with skorche.Pipeline() as pipeline:
    work = skorche.task(engine="process", max_workers=2)(deadly.HangWithChild(0, Path(sys.argv[1])))
    skorche.map(work, skorche.Queue(fixed_inputs=[0, 1, 2]))
    idle = skorche.map(skorche.task(engine="process", max_workers=2)(tasks.double), skorche.Queue())
pipeline.run().wait()
"""


def test_no_worker_outlives_a_killed_parent(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with start_program("-c", PARENT, marker) as program:
        wait_file(marker)
        wait_until(lambda: len([*find_family()]) >= 4)  # the parent, a worker at work, its child, an idle worker
        family = [pid for pid in find_family() if pid != program.pid]
        program.kill()
        program.wait()

        assert holds_within(2, lambda: all(map(is_gone, family)))


FORKED = """
import os, signal, time
import skorche
from engines import tasks

with skorche.Pipeline() as pipeline:
    numbers = skorche.Queue()
    out = skorche.map(skorche.task(engine="process")(tasks.double), numbers)
run = pipeline.run()
numbers.put(1)
out.get()
child = os.fork()
if not child:
    signal.pause()
began = time.monotonic()
print(run.shutdown().delivered, time.monotonic() - began < 3)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
"""


def test_workers_end_with_the_run_also_when_a_fork_of_the_parent_holds_their_pipes() -> None:
    ended = run_program("-W", "ignore::DeprecationWarning", "-c", FORKED)  # Python 3.12 warns of forks beside threads

    assert (ended.stdout, ended.stderr) == ("1 True\n", "")


CANCELLED = """
import sys
import skorche
from engines import deadly
from pathlib import Path

with skorche.Pipeline() as pipeline:
    work = skorche.task(engine="process", max_workers=2)(deadly.TouchAndPause(Path(sys.argv[1])))
    skorche.map(work, skorche.Queue(fixed_inputs=[0.3] * 100))
try:
    pipeline.run().wait()
except KeyboardInterrupt:
    print("interrupted", pipeline.last_run.report.cancelled > 0)
    raise
"""


def test_ctrl_c_ends_the_program_soon_and_workers_say_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with start_program("-c", CANCELLED, marker) as program:
        wait_file(marker)
        began = time.monotonic()
        os.killpg(program.pid, signal.SIGINT)
        output, errors = program.communicate(timeout=20)

    assert time.monotonic() - began < 5
    assert output == "interrupted True\n"
    assert errors.count("Traceback") == 1
    assert program.returncode == -signal.SIGINT


# -- nothing is left ---------------------------------------------------------------------------------------------------


def test_nothing_is_left_when_shutdown_has_returned_also_after_failures(tmp_path: Path) -> None:
    before = Census.now()

    collect(deadly.Deadly("9", frozenset({3, 50})), range(100), max_workers=2, engine="process")
    after_deaths = Census.now().left_since(before)
    collect(deadly.Hang(1, tmp_path / "marker"), range(3), timeout=0.1, engine="process")
    after_a_timeout = Census.now().left_since(before)
    pipeline, _ = mapping(failing.inverse, [1, 0], engine="process")
    with pytest.raises(ZeroDivisionError):
        pipeline.run().wait()
    after_a_failure = Census.now().left_since(before)

    assert (after_deaths, after_a_timeout, after_a_failure) == ([], [], [])
