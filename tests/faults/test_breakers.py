"""When every item meets the same end the environment is broken, and the run stops and says so. Bad items do not."""

import itertools
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from engines.deadly import Deadly
from engines.programs import run_program
from engines.runs import collect, mapping
from engines.tasks import double, effects

import skorche
from skorche.engines.process.breaker import MOST_FAILED_STARTS, Breaker

from .fatal import DieBetween, DieLoading, say
from .poison import Poison

pytestmark = pytest.mark.timeout(60)


# -- deaths at work ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "told", "code"), [("3", "exit code 3", 3), ("SIGKILL", "signal 9, SIGKILL", -9)])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_all_of_whose_items_kill_their_worker_stops_early(how: str, told: str, code: int, workers: int) -> None:
    task = Deadly(how, frozenset(range(1000)))
    pipeline, out = mapping(task, range(1000), max_workers=workers, name="doomed", engine="process")

    run = pipeline.run(on_error="collect")
    with pytest.raises(skorche.EngineError) as caught:
        run.wait(timeout=5)

    error, cause = caught.value, caught.value.__cause__
    assert error.what == (
        "10 worker processes in a row died, on 10 different items, and nothing was finished in between "
        f"(the last: {told})."
    )
    assert error.why == (
        "the environment is broken, not an item: memory, a limit of the system, or a library that all items need."
    )
    assert error.mend == (
        "see what the workers printed on stderr, and call the task on one item in a Python of its own; "
        "if these items are to blame after all, leave them out."
    )
    assert isinstance(cause, skorche.WorkerCrash)
    assert (cause.exit_code, "of task 'doomed'" in cause.what) == (code, True)
    assert run.report is not None
    assert (run.report.delivered, run.report.failed, run.report.ok) == (0, 10, False)
    assert out.flush() == []


def seconds_of_a_start() -> float:
    """What an interpreter takes to start and to load what a worker is, one after the other."""
    began = time.perf_counter()
    for _ in range(STARTS):
        subprocess.run([sys.executable, "-c", "import skorche.engines.process.worker"], check=True)
    return (time.perf_counter() - began) / STARTS


STARTS = 10


def test_a_hundred_poison_items_among_five_thousand_stop_nothing_and_cost_little_more_than_new_workers() -> None:
    poison = frozenset(Random(3).sample(range(5000), 100))

    without, _ = collect(Poison(frozenset()), range(5000), max_workers=2, engine="process")
    before = seconds_of_a_start()
    report, results = collect(Poison(poison), range(5000), max_workers=2, engine="process")
    after = seconds_of_a_start()

    assert results == [number for number in range(5000) if number not in poison]
    assert {failure.item for failure in report.failures} == poison
    # benchmarks/poison_items.py has the seconds: here only what can be told on a machine that does other things too
    assert report.elapsed - without.elapsed < 2 * len(poison) * max(before, after)


def test_an_item_that_is_tried_again_and_again_is_to_blame_itself() -> None:
    report, results = collect(Deadly("3", frozenset({0})), [0], retries=14, backoff=0.0, engine="process")

    (failure,) = report.failures
    assert (failure.item, failure.attempts, type(failure.error)) == (0, 15, skorche.WorkerCrash)
    assert results == []


def test_nine_bad_items_in_a_row_are_no_broken_environment() -> None:
    report, results = collect(Deadly("3", frozenset(range(10, 19))), range(30), engine="process")

    assert sorted(failure.item for failure in report.failures) == list(range(10, 19))
    assert results == [*range(10), *range(19, 30)]


@pytest.mark.parametrize("idempotent", [True, False])
def test_workers_that_die_on_no_item_again_and_again_stop_the_run(idempotent: bool) -> None:
    pipeline, out = mapping(DieBetween(), range(1000), max_workers=2, idempotent=idempotent, engine="process")

    run = pipeline.run(on_error="collect")
    with pytest.raises(skorche.EngineError) as caught:
        run.wait(timeout=5)

    assert caught.value.what == (
        "10 worker processes in a row died, 10 of them on no item, and nothing was finished in between "
        "(the last: exit code 9)."
    )
    assert isinstance(caught.value.__cause__, skorche.WorkerCrash)
    assert run.report is not None
    assert (run.report.failed, run.report.delivered) == (0, 0)
    assert out.flush() == []


def crashes(breaker: Breaker, items: Sequence[int]) -> int:
    """How many of these deaths it takes."""
    for count, item in enumerate(items, 1):
        try:
            breaker.count_crash(skorche.WorkerCrash("died", exit_code=1), (0, item))
        except skorche.EngineError:
            return count
    return 0


@pytest.mark.parametrize(("workers", "most"), [(1, 10), (2, 10), (8, 16), (64, 128)])
def test_a_row_is_longer_than_all_workers_dying_at_once_twice(workers: int, most: int) -> None:
    count = crashes(Breaker(workers), range(1000))

    assert count == most


def test_a_result_ends_a_row() -> None:
    breaker = Breaker(1)

    first = crashes(breaker, range(9))
    breaker.finish(0)
    second = crashes(breaker, range(9, 18))
    third = crashes(breaker, [18])

    assert (first, second, third) == (0, 0, 1)


@pytest.mark.parametrize("deaths", [*itertools.product(["start", "load 0", "load 1"], repeat=3)])
def test_who_may_not_be_replaced_any_more_is_told_of(deaths: Sequence[str]) -> None:
    """No worker is hired after so many failed starts: whoever stopped hiring and raised nothing would wait for ever."""
    breaker, told = Breaker(1), False

    for death in deaths:
        kind, _, stage = death.partition(" ")
        try:
            if kind == "start":
                breaker.count_start(1, "")
            else:
                breaker.count_load(int(stage), "task", 1, "")
        except skorche.WorkerStartError:
            told = True

    assert told == (breaker.failed_starts >= MOST_FAILED_STARTS)
    assert told == (len(set(deaths) - {"start"}) < 2)


# -- deaths before the first item --------------------------------------------------------------------------------------


def fake_python(folder: Path, monkeypatch: pytest.MonkeyPatch, failures: int = 1000) -> Path:
    """Make workers start with a program that says something and ends, so many times; gives the log of the starts."""
    program, log = folder / "python", folder / "starts"
    program.write_text(
        f"#!/bin/sh\necho $$ >> {log}\n"
        f'if [ "$(wc -l < {log})" -gt {failures} ]; then exec {sys.executable} "$@"; fi\n'
        "echo 'no library for you' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return log


@pytest.mark.parametrize("workers", [1, 2, 16])
def test_workers_that_cannot_start_are_started_three_times_and_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    log = fake_python(tmp_path, monkeypatch)
    pipeline, _ = mapping(double, range(1000), max_workers=workers, engine="process")

    with pytest.raises(skorche.WorkerStartError) as caught:
        pipeline.run(on_error="collect").wait(timeout=5)

    assert caught.value.what == "3 worker processes in a row died before they could take an item (exit code 1)."
    assert caught.value.why.endswith("keeps workers from starting. One of them said:\nno library for you")
    assert len(effects(log)) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_that_die_while_they_load_a_task_are_started_three_times_and_heard(
    tmp_path: Path, workers: int
) -> None:
    log = tmp_path / "loads"
    pipeline, _ = mapping(DieLoading(str(log)), range(1000), max_workers=workers, engine="process")

    with pytest.raises(skorche.WorkerStartError) as caught:
        pipeline.run(on_error="collect").wait(timeout=5)

    assert caught.value.what == (
        "3 worker processes in a row died before they had loaded task 'die_loading' (exit code 4)."
    )
    assert caught.value.why.endswith("One of them said:\nthe library is not what it should be")
    assert len(effects(log)) == 3


def test_a_task_that_cannot_be_loaded_stops_the_run_also_when_others_get_on(tmp_path: Path) -> None:
    log = tmp_path / "loads"
    with skorche.Pipeline("two") as pipeline:
        doubled = skorche.map(
            skorche.task(engine="process", max_workers=2)(double), skorche.Queue(fixed_inputs=itertools.count())
        )
        skorche.map(skorche.task(engine="process")(DieLoading(str(log))), doubled)

    with pytest.raises(skorche.WorkerStartError, match="before they had loaded task 'die_loading'"):
        pipeline.run(on_error="collect").wait(timeout=5)

    assert len(effects(log)) == 3


def test_a_start_that_succeeds_after_two_failures_is_as_good_as_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    log = fake_python(tmp_path, monkeypatch, failures=2)

    report, results = collect(say, range(20), engine="process")

    assert (results, report.failures) == (list(range(20)), ())
    assert capfd.readouterr().err.count("said by a worker\n") == 20
    assert len(effects(log)) == 3


WITHOUT_FILES = """
import os, resource
import skorche
from engines.tasks import double

with skorche.Pipeline() as pipeline:
    skorche.map(skorche.task(engine="process")(double), skorche.Queue(fixed_inputs=range(10)))
highest = max(map(int, os.listdir("/proc/self/fd")))
resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 5, highest + 5))
try:
    pipeline.run(progress=False).wait(timeout=5)
except skorche.WorkerStartError as error:
    print(error)
"""


def test_a_limit_of_the_system_that_forbids_workers_is_told() -> None:
    ended = run_program("-c", WITHOUT_FILES)

    what, why, mend = ended.stdout.splitlines()
    assert what.startswith("a worker process cannot be started: ")
    assert why == "  Why:  the operating system, or sys.executable, does not allow it."
    assert mend == "  Mend: see whether processes, memory or open files have run out, and what sys.executable is."
    assert ended.stderr == ""
