"""The process engine when processes die, hang or cannot start: exactly the item to blame fails, and nothing is left."""

import functools
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import pytest

import skorche

from . import tasks
from .census import Census, command_of, find_family, is_gone
from .programs import start_program
from .waiting import holds_within, wait_file, wait_until

pytestmark = pytest.mark.timeout(60)


def mapping(function: Callable[[Any], Any], items: Iterable[Any], **options: Any) -> tuple[skorche.Pipeline, Any]:
    """A pipeline of one task on processes, and its output."""
    with skorche.Pipeline("crashes") as pipeline:
        task = skorche.task(engine="process", **options)(function)
        out = skorche.map(task, skorche.Queue(fixed_inputs=items))
    return pipeline, out


def collect(function: Callable[[Any], Any], items: Iterable[Any], **options: Any) -> tuple[skorche.Report, list[Any]]:
    """The report and the results of a run that lists its failures."""
    pipeline, out = mapping(function, items, **options)
    report = pipeline.run(on_error="collect").wait()
    return report, out.flush()


def workers() -> list[int]:
    """The worker processes there are, without those that have just died."""
    return [pid for pid in find_family() if "skorche.engines.process.worker" in command_of(pid)]


# -- in the call -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "told", "code"),
    [
        ("0", "exit code 0", 0),
        ("3", "exit code 3", 3),
        ("SIGKILL", "signal 9, SIGKILL", -9),
        ("SIGSEGV", "signal 11, SIGSEGV", -11),
    ],
)
def test_a_death_in_the_call_fails_exactly_its_item_and_says_how(how: str, told: str, code: int) -> None:
    report, results = collect(tasks.Deadly(how, frozenset({70})), range(200), max_workers=2)

    (failure,) = report.failures
    assert results == [number for number in range(200) if number != 70]
    assert (report.admitted, report.delivered, report.failed, report.cancelled) == (200, 199, 1, 0)
    assert (failure.item, type(failure.error), failure.attempts) == (70, skorche.WorkerCrash, 1)
    assert f"a worker process died ({told})" in str(failure.error)
    assert failure.error.exit_code == code


def test_a_death_is_raised_with_the_task_and_the_item() -> None:
    pipeline, _ = mapping(tasks.Deadly("3", frozenset({2})), range(5), name="fragile")

    with pytest.raises(skorche.WorkerCrash) as caught:
        pipeline.run().wait()

    assert "in task 'fragile' (" in caught.value.__notes__[0]
    assert "for the item 2" in caught.value.__notes__[0]


def test_what_is_not_idempotent_never_runs_twice_whoever_dies(tmp_path: Path) -> None:
    log, deadly = tmp_path / "log", frozenset(range(5, 300, 30))

    report, results = collect(tasks.Deadly("9", deadly, str(log)), range(300), max_workers=2, idempotent=False)

    assert Counter(tasks.effects(log)) == Counter(range(300))
    assert results == [number for number in range(300) if number not in deadly]
    assert {failure.item for failure in report.failures} == deadly
    assert report.rerun == 0


def test_what_runs_again_is_counted(tmp_path: Path) -> None:
    log, deadly = tmp_path / "log", frozenset(range(5, 1000, 100))

    report, results = collect(tasks.Deadly("9", deadly, str(log)), range(1000), max_workers=2)

    assert len(tasks.effects(log)) == 1000 + report.rerun
    assert results == [number for number in range(1000) if number not in deadly]
    assert {failure.item for failure in report.failures} == deadly


def test_a_death_costs_about_a_millisecond_of_work(tmp_path: Path) -> None:
    log, deadly = tmp_path / "log", frozenset(range(17, 400, 40))

    report, _ = collect(tasks.Deadly("9", deadly, str(log), 0.0002), range(400), max_workers=2)

    assert len(tasks.effects(log)) == 400 + report.rerun
    assert report.failed == len(deadly) == 10
    assert report.rerun <= 5 * len(deadly)  # five items of 0.2 ms make a millisecond


def test_twenty_poison_items_among_a_thousand_fail_alone_and_soon() -> None:
    poison = frozenset(Random(7).sample(range(1000), 20))

    report, results = collect(tasks.Deadly("11", poison), range(1000), max_workers=2)

    assert {failure.item for failure in report.failures} == poison
    assert (report.failed, len(results)) == (20, 980)
    assert report.elapsed < 10


def test_a_fused_step_that_kills_its_worker_fails_its_item() -> None:
    with skorche.Pipeline("fused") as pipeline:
        doubled = skorche.map(skorche.task(engine="process")(tasks.double), skorche.Queue(fixed_inputs=range(100)))
        out = skorche.filter(tasks.Deadly("3", frozenset({84})), doubled, fuse=True)

    report = pipeline.run(on_error="collect").wait()

    (failure,) = report.failures
    assert (failure.node, failure.item, type(failure.error)) == ("double", 42, skorche.WorkerCrash)
    assert out.flush() == [number for number in range(2, 200, 2) if number != 84]
    assert report.filtered == 1


def test_a_retry_after_a_death_succeeds_in_a_new_process(tmp_path: Path) -> None:
    markers = [tmp_path / str(number) for number in range(3)]

    report, results = collect(tasks.die_once, markers, retries=1, backoff=0.001)

    died = [int(marker.read_text()) for marker in markers]
    assert (report.ok, report.nodes["die_once"].retried) == (True, 3)
    assert len(results) == 3
    assert all(first != second for first, second in zip(died, results, strict=True))


def test_isolate_finds_the_member_that_kills_its_worker() -> None:
    with skorche.Pipeline("isolate") as pipeline:
        batches = skorche.batch(skorche.Queue(fixed_inputs=range(16)), batch_size=8)
        task = skorche.task(engine="process", isolate=True)(tasks.DeadlyForAll("3", frozenset({11})))
        out = skorche.unbatch(skorche.map(task, batches))

    report = pipeline.run(on_error="collect").wait()

    assert out.flush() == [number for number in range(16) if number != 11]
    assert [(failure.item, type(failure.error)) for failure in report.failures] == [([11], skorche.WorkerCrash)]


def test_order_is_kept_whoever_dies() -> None:
    with skorche.Pipeline("ordered") as pipeline:
        task = skorche.task(engine="process", max_workers=2, ordered=True)(tasks.Deadly("3", frozenset({30, 31, 77})))
        out = skorche.map(task, skorche.Queue(fixed_inputs=range(100)))

    with pipeline.run(on_error="collect"):
        arrived = list(out)

    assert arrived == [number for number in range(100) if number not in (30, 31, 77)]


def test_a_death_goes_to_the_queue_of_errors() -> None:
    with skorche.Pipeline("errors") as pipeline:
        errors: skorche.Queue[skorche.Failure] = skorche.Queue(name="errors")
        task = skorche.task(engine="process")(tasks.Deadly("3", frozenset({2})))
        out = skorche.map(task, skorche.Queue(fixed_inputs=range(4)), queue_errors=errors)

    report = pipeline.run().wait()

    assert [(failure.item, type(failure.error)) for failure in errors.flush()] == [(2, skorche.WorkerCrash)]
    assert (out.flush(), report.ok) == ([0, 1, 3], True)


# -- on the way there and back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "kind", "told"),
    [
        (
            tasks.Fragile("raise", "pickled"),
            skorche.TransferError,
            "an item cannot be pickled: RuntimeError: not on my",
        ),
        (tasks.Fragile("leave", "pickled"), skorche.TransferError, "an item cannot be pickled: SystemExit: 0"),
        (
            tasks.Fragile("raise", "unpickled"),
            skorche.TransferError,
            "an item cannot be unpickled in a worker: Runtime",
        ),
        (
            tasks.Fragile("leave", "unpickled"),
            skorche.TransferError,
            "an item cannot be unpickled in a worker: SystemE",
        ),
        (tasks.Fragile("exit", "unpickled"), skorche.WorkerCrash, "died while it was unpickled (exit code 5)"),
        (tasks.Order("raise", "pickled"), skorche.TransferError, "a result cannot be pickled: Fragile(raise, pickled)"),
        (tasks.Order("leave", "pickled"), skorche.TransferError, "a result cannot be pickled: Fragile(leave, pickled)"),
        (tasks.Order("exit", "pickled"), skorche.WorkerCrash, "died while its result was pickled (exit code 5)"),
        (
            tasks.Order("raise", "unpickled"),
            skorche.TransferError,
            "a result cannot be unpickled: RuntimeError: not on",
        ),
        (tasks.Order("leave", "unpickled"), skorche.TransferError, "a result cannot be unpickled: SystemExit: 0"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("idempotent", [True, False])
def test_an_object_that_makes_trouble_on_its_way_fails_alone(
    item: Any, kind: type[Exception], told: str, idempotent: bool
) -> None:
    items = [*range(30), item, *range(30, 50)]

    report, results = collect(tasks.obey, items, idempotent=idempotent)

    (failure,) = report.failures
    assert results == list(range(50))
    assert failure.item is item
    assert type(failure.error) is kind
    assert told in str(failure.error)


def test_a_chunk_may_hold_troubles_of_all_kinds() -> None:
    troubles = [
        tasks.Fragile("raise", "pickled"),
        tasks.Fragile("exit", "unpickled"),
        tasks.Order("raise", "pickled"),
        tasks.Order("exit", "pickled"),
        tasks.Order("raise", "unpickled"),
    ]
    items: list[Any] = list(range(100))
    for position, trouble in enumerate(troubles):
        items[50 + 3 * position] = trouble

    report, results = collect(tasks.obey, items)

    assert {id(failure.item) for failure in report.failures} == {id(trouble) for trouble in troubles}
    assert results == [item for item in items if isinstance(item, int)]


# -- killed from outside -----------------------------------------------------------------------------------------------


def test_idle_workers_that_are_killed_are_replaced_and_nothing_is_lost() -> None:
    with skorche.Pipeline("live") as pipeline:
        numbers: skorche.Queue[int] = skorche.Queue()
        out = skorche.map(skorche.task(engine="process", max_workers=2)(tasks.double), numbers)

    run = pipeline.run()
    for number in range(4):
        numbers.put(number)
        assert out.get(timeout=20) == 2 * number
        victims = workers()
        assert victims
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        wait_until(lambda gone=victims: all(map(is_gone, gone)))
    numbers.close()
    report = run.wait()

    assert (report.delivered, report.failed) == (4, 0)


def test_a_worker_killed_from_outside_fails_the_item_it_was_on(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    pipeline, out = mapping(tasks.Hang(7, marker), range(50), max_workers=2)

    run = pipeline.run(on_error="collect")
    wait_file(marker)
    os.kill(int(marker.read_text()), signal.SIGKILL)
    report = run.wait()

    (failure,) = report.failures
    assert failure.item == 7
    assert "killed from outside, probably because memory ran out" in str(failure.error)
    assert out.flush() == [number for number in range(50) if number != 7]


def test_the_death_of_a_worker_is_seen_within_a_second(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    pipeline, _ = mapping(tasks.Hang(0, marker), [0])

    run = pipeline.run(on_error="collect")
    wait_file(marker)
    os.kill(int(marker.read_text()), signal.SIGKILL)
    killed = time.monotonic()
    run.wait()

    assert time.monotonic() - killed < 1


def test_the_death_of_a_worker_is_seen_also_when_a_child_of_it_holds_the_pipe(tmp_path: Path) -> None:
    marker = tmp_path / "marker"

    report, results = collect(tasks.DieWithChild(3, marker), range(10))

    assert [failure.item for failure in report.failures] == [3]
    assert len(results) == 9
    assert report.elapsed < 4
    assert is_gone(int(marker.read_text()))


def test_a_task_that_closes_the_pipe_fails_its_item_and_holds_nobody_up() -> None:
    report, results = collect(tasks.close_all_files, range(10))

    assert [failure.item for failure in report.failures] == [3]
    assert len(results) == 9
    assert report.elapsed < 4


@pytest.mark.parametrize("size", [1, 3 << 20])
def test_workers_killed_at_random_cost_at_most_an_item_each(size: int) -> None:
    random, kills, failed_to_kill = Random(11), 0, False

    def until_enough_kills() -> Iterator[int]:
        number = 0
        while kills < 12 and not failed_to_kill:
            yield number
            number += 1

    def hunt() -> None:
        nonlocal kills, failed_to_kill
        try:
            while kills < 12:
                victims = workers()
                if victims:
                    os.kill(random.choice(victims), signal.SIGKILL)
                    kills += 1
                before = done()
                wait_until(lambda reached=before: done() > reached)
        finally:
            failed_to_kill = kills < 12

    def done() -> int:
        tally = run.statistics()["stretch"]
        return tally.emitted + tally.failed

    pipeline, out = mapping(functools.partial(tasks.stretch, size), until_enough_kills(), max_workers=2)
    run = pipeline.run(on_error="collect")
    hunter = Thread(target=hunt)
    hunter.start()
    report = run.wait()
    hunter.join()

    failed = {failure.item for failure in report.failures}
    assert kills == 12
    assert {type(failure.error) for failure in report.failures} <= {skorche.WorkerCrash}
    assert len(failed) <= kills
    assert [number for number, _ in out.flush()] == [one for one in range(report.admitted) if one not in failed]


# -- hanging -----------------------------------------------------------------------------------------------------------


def test_a_task_that_hangs_is_killed_with_its_children_and_only_its_item_fails(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    pipeline, out = mapping(tasks.HangWithChild(5, marker), range(12), max_workers=2, timeout=0.5)

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
    report, _ = collect(tasks.RunHanging(tmp_path / "marker"), [0], timeout=1.5)

    (failure,) = report.failures
    inner = int((tmp_path / "marker").read_text())
    assert type(failure.error) is skorche.TaskTimeout
    assert holds_within(2, lambda: is_gone(inner))


def test_a_timeout_counts_from_the_moment_the_work_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = "import time\ntime.sleep(0.8)\ndef double(number):\n    return 2 * number\n"
    (tmp_path / "slow_to_import.py").write_text(slow)
    monkeypatch.syspath_prepend(tmp_path)
    import slow_to_import

    report, results = collect(slow_to_import.double, [1, 2, 3], timeout=0.4)

    assert (report.failures, results) == ((), [2, 4, 6])


def test_a_retry_after_a_timeout_has_its_own_time(tmp_path: Path) -> None:
    report, _ = collect(tasks.Hang(0, tmp_path / "marker"), [0], timeout=0.2, retries=1, backoff=0.001)

    (failure,) = report.failures
    assert (failure.attempts, type(failure.error)) == (2, skorche.TaskTimeout)


def test_a_cancel_ends_workers_that_hang_with_chunks_waiting_behind(tmp_path: Path) -> None:
    with skorche.Pipeline("cancelled") as pipeline:
        numbers: skorche.Queue[int] = skorche.Queue()
        out = skorche.map(skorche.task(engine="process", max_workers=2)(tasks.HangFrom(200, tmp_path)), numbers)

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
    pipeline, _ = mapping(tasks.double, range(1000), max_workers=2)

    run = pipeline.run(on_error="collect")
    with pytest.raises(skorche.WorkerStartError, match=r"3 worker processes in a row died .*exit code 1"):
        run.wait(timeout=5)

    assert run.report is not None
    assert (run.report.failed, run.report.ok) == (0, False)
    assert len(log.read_text().split()) <= 4


def test_a_python_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    pipeline, _ = mapping(tasks.double, range(10))

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
    pipeline, _ = mapping(module.double, range(1000), max_workers=2)

    with pytest.raises(skorche.WorkerStartError, match="cannot load 'double': ImportError: only at home") as caught:
        pipeline.run(on_error="collect").wait(timeout=5)

    assert isinstance(caught.value.__cause__, ImportError)
    assert "Traceback" not in capfd.readouterr().err


def test_a_task_whose_module_kills_the_worker_is_told_after_three_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "starts"
    module = module_for_home_only(tmp_path, monkeypatch, f"open({str(log)!r}, 'a').write('start '); os._exit(4)")
    pipeline, _ = mapping(module.double, range(1000), max_workers=2)

    with pytest.raises(skorche.WorkerStartError, match="exit code 4"):
        pipeline.run(on_error="collect").wait(timeout=5)

    assert len(log.read_text().split()) <= 4


def test_an_engine_that_cannot_go_on_ends_the_work_of_others_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = module_for_home_only(tmp_path, monkeypatch, "raise ImportError('only at home')")
    marker = tmp_path / "marker"
    with skorche.Pipeline("two") as pipeline:
        skorche.map(skorche.task(engine="process")(tasks.Hang(0, marker)), skorche.Queue(fixed_inputs=[0]))
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
from engines import tasks
from pathlib import Path

with skorche.Pipeline() as pipeline:
    work = skorche.task(engine="process", max_workers=2)(tasks.HangWithChild(0, Path(sys.argv[1])))
    skorche.map(work, skorche.Queue(fixed_inputs=[0, 1, 2]))
    idle = skorche.map(skorche.task(engine="process", max_workers=2)(tasks.double), skorche.Queue())
pipeline.run().wait()
"""


def test_no_worker_outlives_a_killed_parent(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with start_program("-c", PARENT, marker) as program:
        wait_file(marker)
        family = [pid for pid in find_family() if pid != program.pid]
        assert len(family) >= 3  # a worker at work, its child, and a worker that waits
        program.kill()
        program.wait()

        assert holds_within(2, lambda: all(map(is_gone, family)))


CANCELLED = """
import sys
import skorche
from engines import tasks
from pathlib import Path

with skorche.Pipeline() as pipeline:
    work = skorche.task(engine="process", max_workers=2)(tasks.TouchAndPause(Path(sys.argv[1])))
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

    collect(tasks.Deadly("9", frozenset({3, 50})), range(100), max_workers=2)
    after_deaths = Census.now().left_since(before)
    collect(tasks.Hang(1, tmp_path / "marker"), range(3), timeout=0.1)
    after_a_timeout = Census.now().left_since(before)
    failing, _ = mapping(tasks.inverse, [1, 0])
    with pytest.raises(ZeroDivisionError):
        failing.run().wait()
    after_a_failure = Census.now().left_since(before)

    assert (after_deaths, after_a_timeout, after_a_failure) == ([], [], [])
