"""Worker processes that are kept between two runs of a pipeline: as good as new, and gone in the end."""

import asyncio
import functools
import gc
import logging
import os
import resource
import select
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil
import pytest

import skorche
from skorche.engines.process import hub, listener, wire
from skorche.engines.process.engine import ProcessEngine
from skorche.engines.process.kept import KeptWorkers
from skorche.engines.process.launch import WorkerProcess
from skorche.engines.process.member import Member
from skorche.engines.process.slot import AT_REST, LINED

from .census import Census, check_nothing_left, find_family, is_gone
from .deadly import Hang
from .keeping import Held, LastWords, Unending, born_with, do, meet_all, speak, speak_and_fail
from .machines import Machine
from .programs import run_program, start_program
from .runs import mapping
from .tasks import double, effects, process_id, size_of
from .waiting import wait_file, wait_until

pytestmark = pytest.mark.timeout(60)

MADE, CLOSED = 1, 2
MB = 1_000_000


def workers() -> set[int]:
    """The processes that have been started here, and have not ended."""
    return {pid for pid in find_family() if not is_gone(pid)}


@contextmanager
def kept(function: Callable[[Any], Any], items: Any, **options: Any) -> Iterator[tuple[Callable[..., Any], Any]]:
    """A function that runs a pipeline of one task, keeps its workers, and gives its results; and the pipeline."""
    pipeline, out = mapping(function, items, engine="process", **options)

    def run(**more: Any) -> list[Any]:
        pipeline.run(**{"keep_workers": True, **more}).wait()
        results: list[Any] = out.flush()
        return results

    try:
        yield run, pipeline
    finally:
        pipeline.end_workers()


@pytest.fixture
def mask_and_limits() -> Iterator[None]:
    """They are afterwards as before."""
    mask, limits = os.umask(0o022), resource.getrlimit(resource.RLIMIT_NOFILE)
    os.umask(mask)
    yield
    os.umask(mask)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


# -- what is kept, and when it ends ------------------------------------------------------------------------------------


def test_the_next_run_uses_the_workers_of_the_one_before() -> None:
    with kept(process_id, range(100), max_workers=2) as (run, _):
        first = run()
        waiting = workers()
        second = run()

        assert len(waiting) == 2
        assert set(first) | set(second) <= waiting
        assert workers() == waiting


def test_without_the_option_no_worker_is_kept() -> None:
    with kept(process_id, [0]) as (run, _):
        run(keep_workers=False)

        assert workers() == set()


def test_a_run_without_the_option_uses_them_and_ends_them() -> None:
    before = Census.now()
    with kept(process_id, [0], max_workers=1) as (run, _):
        first = run()

        assert run(keep_workers=False) == first
        assert workers() == set()
        check_nothing_left(before)


def test_a_run_on_threads_leaves_them_or_ends_them_as_it_says() -> None:
    with skorche.Pipeline("engines") as pipeline:
        skorche.map(skorche.task(process_id), skorche.Queue(fixed_inputs=[0]))
    pipeline.run(engine="process", keep_workers=True).wait()
    waiting = workers()

    pipeline.run(engine="thread", keep_workers=True).wait()
    left = workers()
    pipeline.run(engine="thread").wait()

    assert left == waiting != set()
    assert workers() == set()


def test_while_they_wait_there_is_no_thread() -> None:
    threads = set(threading.enumerate())
    with kept(process_id, range(100)) as (run, _):
        run()

        assert set(threading.enumerate()) == threads
        assert workers()


def test_nothing_is_left_of_them_at_their_end() -> None:
    before = Census.now()
    with kept(process_id, range(100)) as (run, pipeline):
        run()
        run()
        waiting = workers()
        pipeline.end_workers()

        assert all(map(is_gone, waiting))
        check_nothing_left(before)
        pipeline.end_workers()
        assert run()


def test_they_can_be_ended_while_a_run_goes_on() -> None:
    with skorche.Pipeline("live") as pipeline:
        words: skorche.Queue[Any] = skorche.Queue()
        out = skorche.map(skorche.task(engine="process", max_workers=1)(process_id), words)
    with pipeline.run(keep_workers=True):
        words.put(0)
        pid = out.get(timeout=20)
        pipeline.end_workers()
        words.put(0)
        assert out.get(timeout=20) == pid

    assert workers() == set()


def interrupt_first_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C comes when the first worker has ended."""
    finish, interrupted = WorkerProcess.finish, []

    def finish_but_for_the_first(process: WorkerProcess, timeout: float) -> Any:
        ending = finish(process, timeout)
        if not interrupted:
            interrupted.append(process.pid)
            raise KeyboardInterrupt
        return ending

    monkeypatch.setattr(WorkerProcess, "finish", finish_but_for_the_first)


def test_a_ctrl_c_while_some_are_replaced_leaves_none_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Census.now()
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    wide, _ = mapping(functools.partial(meet_all, tmp_path, 3), range(30), engine="process", max_workers=3)
    narrow, _ = mapping(process_id, [0], engine="process", max_workers=1)
    wide.run(keep_workers=True).wait()
    narrow._kept = wide._kept  # of three one may stay
    interrupt_first_finish(monkeypatch)

    with pytest.raises(KeyboardInterrupt):
        narrow.run(keep_workers=True)

    wait_until(lambda: workers() == set())
    check_nothing_left(before)


def test_a_ctrl_c_while_they_end_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Census.now()
    with kept(process_id, range(10), max_workers=2) as (run, pipeline):
        run()
        interrupt_first_finish(monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            pipeline.end_workers()

    assert workers() == set()
    check_nothing_left(before)


def test_who_ends_them_while_a_run_begins_leaves_it_its_pipe() -> None:
    pipeline = skorche.Pipeline()
    workers_of = KeptWorkers(pipeline)

    own = workers_of.pipe()
    workers_of.end()
    other = workers_of.pipe()
    os.write(own[1], b"own")
    os.write(other[1], b"other")

    assert (os.read(own[0], 9), os.read(other[0], 9)) == (b"own", b"other")
    for file in (*own, *other):
        os.close(file)
    workers_of.end()


def test_they_end_when_the_pipeline_is_garbage() -> None:
    before = Census.now()
    pipeline, out = mapping(process_id, range(10), engine="process")
    run = pipeline.run(keep_workers=True)
    run.wait()
    waiting = workers()

    del pipeline, out
    gc.collect()

    assert waiting
    assert workers() == set()
    check_nothing_left(before)
    assert run.report is not None  # which may be held for longer


def test_a_pipeline_may_be_garbage_before_its_run_has_ended() -> None:
    with skorche.Pipeline("live") as pipeline:
        words: skorche.Queue[Any] = skorche.Queue()
        out = skorche.map(skorche.task(engine="process")(process_id), words)
    run = pipeline.run(keep_workers=True)
    words.put(0)
    assert out.get(timeout=20) in workers()

    del pipeline
    gc.collect()
    run.shutdown()

    assert workers() == set()


def test_the_default_pipeline_ends_them_when_it_begins_anew() -> None:
    skorche.map(skorche.task(engine="process")(process_id), skorche.Queue(fixed_inputs=[0]))
    skorche.run(keep_workers=True).wait()
    waiting = workers()

    skorche.shutdown()

    assert waiting
    assert workers() == set()


PROGRAM = """
import os, sys
import skorche

@skorche.task(engine="process", max_workers=2)
def who(_):
    return os.getpid()

with skorche.Pipeline() as pipeline:
    out = skorche.map(who, skorche.Queue(fixed_inputs=range(4)))

pipeline.run(keep_workers=True).wait()
print(*set(out.flush()), flush=True)
"""


def test_they_do_not_outlive_the_program() -> None:
    ended = run_program("-X", "dev", "-W", "error", "-c", PROGRAM)

    assert (ended.stderr, ended.returncode) == ("", 0)
    assert all(is_gone(int(pid)) for pid in ended.stdout.split())


def test_a_run_that_is_left_open_when_the_program_ends_leaves_none_behind() -> None:
    program = PROGRAM.replace(".wait()", "") + "print(*set(out), flush=True)"
    program = program.replace("print(*set(out.flush()), flush=True)\n", "")

    ended = run_program("-X", "dev", "-W", "error", "-c", program)

    assert (ended.stderr, ended.returncode) == ("", 0)
    assert all(is_gone(int(pid)) for pid in ended.stdout.split())


def test_they_do_not_outlive_a_parent_that_is_killed() -> None:
    with start_program("-c", f"{PROGRAM}\nsys.stdin.read()") as program:
        assert program.stdout is not None
        waiting = [int(pid) for pid in program.stdout.readline().split()]
        assert not any(map(is_gone, waiting))

        os.kill(program.pid, signal.SIGKILL)

        wait_until(lambda: all(map(is_gone, waiting)), 5.0)
        program.wait()


def test_a_fork_of_their_parent_neither_uses_nor_ends_them() -> None:
    ended = run_program(
        "-c",
        f"""{PROGRAM}
def pids():
    pipeline.run(keep_workers=True).wait()
    return set(out.flush())

own = pids()
child = os.fork()
if child == 0:
    print("child", own.isdisjoint(pids()), flush=True)
    sys.exit()
os.waitpid(child, 0)
print("parent", own >= pids() or own <= pids(), os.waitstatus_to_exitcode(0))
another = os.fork()
if another == 0:
    pipeline.end_workers()
    sys.exit()
os.waitpid(another, 0)
print("parent", bool(own & pids()))
""",
    )

    assert ended.stdout.splitlines()[1:] == ["child True", "parent True 0", "parent True"]
    assert (ended.stderr, ended.returncode) == ("", 0)


# -- nothing of an old run is in the next ------------------------------------------------------------------------------


def test_instances_are_closed_at_the_end_of_each_run_and_made_anew_in_the_next(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with skorche.Pipeline() as pipeline:
        out = skorche.map(
            Machine(str(log)).options(engine="process", max_workers=1), skorche.Queue(fixed_inputs=[1, 2])
        )

    for run in (1, 2, 3):
        pipeline.run(keep_workers=True).wait()
        assert effects(log) == [MADE, CLOSED] * run
    pipeline.end_workers()

    assert effects(log) == [MADE, CLOSED] * 3
    assert len({who.split()[0] for _, who in out.flush()}) == 1


def test_a_task_that_has_changed_meanwhile_is_the_new_one() -> None:
    ended = run_program(
        "-c",
        """
import os, skorche

BY = 2

class Scale:
    by = 2
    only_at_first = True

def helper(number):
    return BY * number

@skorche.task(engine="process", max_workers=1)
def scale(number):
    return helper(number), Scale.by * number, hasattr(Scale, "only_at_first"), os.getpid()

with skorche.Pipeline() as pipeline:
    out = skorche.map(scale, skorche.Queue(fixed_inputs=[1]))
pipeline.run(keep_workers=True).wait()
(first,) = out.flush()
BY = Scale.by = 3
del Scale.only_at_first
pipeline.run(keep_workers=True).wait()
(second,) = out.flush()
def helper(number):
    return 100 * number
pipeline.run(keep_workers=True).wait()
(third,) = out.flush()
print(first[:3], second[:3], third[:3], first[3] == second[3] == third[3])
""",
    )

    assert ended.stderr == ""
    assert ended.stdout == "(2, 2, True) (3, 3, False) (100, 3, False) True\n"


def test_a_module_that_has_been_edited_meanwhile_is_imported_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "edited_meanwhile.py"
    file.write_text("def answer(number): return number, 'first'\n")
    monkeypatch.syspath_prepend(tmp_path)
    import edited_meanwhile  # type: ignore[import-not-found]  # it is made above

    with kept(edited_meanwhile.answer, [1], max_workers=1) as (run, _):
        first = run()
        before = workers()
        file.write_text("def answer(number): return number, 'and then'\n")
        second = run()
        after = workers()

        assert (first, second) == ([(1, "first")], [(1, "and then")])
        assert before != after
        assert run() == second
        assert workers() == after


def test_a_module_that_was_replaced_by_an_older_file_is_imported_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, older = tmp_path / "replaced_meanwhile.py", tmp_path / "prepared.py"
    older.write_text("def answer(number): return number, 'prepared before'\n")
    file.write_text("def answer(number): return number, 'first'\n")
    os.utime(older, (0, 0))
    monkeypatch.syspath_prepend(tmp_path)
    import replaced_meanwhile  # type: ignore[import-not-found]  # it is made above

    with kept(replaced_meanwhile.answer, [1], max_workers=1) as (run, _):
        first = run()
        older.replace(file)

        assert (first, run()) == ([(1, "first")], [(1, "prepared before")])


def test_an_idle_worker_holds_nothing_of_a_run() -> None:
    with kept(size_of, [b"1"], max_workers=1) as (run, _):
        run()
        (worker,) = map(psutil.Process, workers())
        before = worker.memory_info().rss

    with skorche.Pipeline() as pipeline:
        blobs = (bytes(20 * MB) for _ in range(3))
        skorche.map(Held(40 * MB).options(engine="process", max_workers=1), skorche.Queue(fixed_inputs=list(blobs)))
    pipeline.run(keep_workers=True).wait()
    (holder,) = map(psutil.Process, workers())

    wait_until(lambda: holder.memory_info().rss < before + 15 * MB)
    pipeline.end_workers()


def test_what_they_say_reaches_the_run_that_it_is_said_in(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    items = ["first"]
    with kept(speak, items, max_workers=1, name="say") as (run, _):
        run()
        first = capsys.readouterr().out, [record.getMessage() for record in caplog.records]
        before = workers()
        caplog.clear()
        items[:] = ["second"]
        run()

        assert first == ("[say 'first'] printed first\n", ["logged first"])
        assert capsys.readouterr().out == "[say 'second'] printed second\n"
        assert [(record.getMessage(), record.__dict__["item"]) for record in caplog.records] == [
            ("logged second", "'second'")
        ]
        assert workers() == before


def test_what_garbage_says_at_its_end_is_said_in_the_run_that_it_is_of(capsys: pytest.CaptureFixture[str]) -> None:
    with skorche.Pipeline() as pipeline:
        skorche.map(LastWords.options(engine="process", max_workers=1), skorche.Queue(fixed_inputs=[0]))
    pipeline.run(keep_workers=True).wait()
    said = capsys.readouterr().out
    pipeline.run().wait()

    assert "the last words" in said
    pipeline.end_workers()


def test_nobody_is_kept_whose_words_have_not_all_been_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            released.wait(20)

    monkeypatch.setattr(listener, "FINISH_SECONDS", 0.1)
    handler = Slow()
    logging.getLogger("keeping").addHandler(handler)
    try:
        with kept(speak, range(3), max_workers=1) as (run, _):
            run()
            left = workers()
    finally:
        released.set()
        logging.getLogger("keeping").removeHandler(handler)

    assert left == set()


def test_the_output_that_is_kept_with_a_failure_is_that_of_its_item() -> None:
    items = ["first"]
    pipeline, _ = mapping(speak_and_fail, items, engine="process", max_workers=1)
    options: Any = {"on_error": "collect", "capture": "item", "keep_workers": True}
    first = pipeline.run(**options).wait()
    before = workers()
    items[:] = ["second"]
    second = pipeline.run(**options).wait()

    assert [failure.output for failure in first.failures] == ["printed first\nWARNING:keeping:logged first\n"]
    assert [failure.output for failure in second.failures] == ["printed second\nWARNING:keeping:logged second\n"]
    assert workers() == before
    pipeline.end_workers()


# -- they are as new ones would be -------------------------------------------------------------------------------------


def change_environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("SKORCHE_TEST_KEPT", "changed")


def change_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.chdir(folder)


def change_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.syspath_prepend(folder)


def change_arguments(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "--changed"])


def change_mask(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    os.umask(0o077)


def change_limits(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))


def change_level(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(logging.getLogger("keeping"), "level", logging.ERROR)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (change_environment, "environment"),
        (change_folder, "folder"),
        (change_path, "path"),
        (change_arguments, "arguments"),
        (change_level, "level"),
        (change_mask, "mask"),
        (change_limits, "most files"),
    ],
)
@pytest.mark.usefixtures("mask_and_limits")
def test_where_new_ones_would_find_something_else_there_are_new_ones(
    change: Callable[[pytest.MonkeyPatch, Path], None], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept(born_with, [0], max_workers=1) as (run, _):
        (first,) = run()
        before = workers()
        change(monkeypatch, tmp_path)
        (second,) = run()
        after = workers()

        assert {name for name in first if first[name] != second[name]} == {what}
        assert before.isdisjoint(after)
        assert run() == [second]
        assert workers() == after


def test_what_changes_while_a_run_goes_on_counts_from_the_start_of_each_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    with skorche.Pipeline("live") as pipeline:
        words: skorche.Queue[Any] = skorche.Queue()
        out = skorche.map(skorche.task(engine="process", max_workers=1)(born_with), words)
    seen = []
    for value in ("second", "second"):
        with pipeline.run(keep_workers=True):
            words.put(0)
            seen.append(out.get(timeout=20)["environment"])
            monkeypatch.setenv("SKORCHE_TEST_KEPT", value)
    pipeline.end_workers()

    assert seen == [None, "second"]


def test_other_ways_to_treat_their_words_are_for_new_ones(capfd: pytest.CaptureFixture[str]) -> None:
    with kept(speak, ["word"], max_workers=1, name="say") as (run, _):
        run()
        streamed = capfd.readouterr().out
        before = workers()
        run(capture="off")

        assert streamed == "[say 'word'] printed word\n"
        assert capfd.readouterr().out == "printed word\n"
        assert before.isdisjoint(workers())


def test_two_pipelines_share_none() -> None:
    with kept(process_id, range(10)) as (one, _), kept(process_id, range(10)) as (other, _):
        one()
        first = workers()

        assert first.isdisjoint(other())
        assert first <= workers()


@pytest.mark.parametrize("options", [{"max_items_per_worker": 1000}, {"max_worker_memory": "1GB"}])
def test_those_that_are_to_be_replaced_are_neither_kept_nor_used_again(options: dict[str, Any]) -> None:
    with kept(process_id, [0], max_workers=1) as (run, _):
        before = run()

        assert run(**options) != before
        assert workers() == set()


# -- what befalls them -------------------------------------------------------------------------------------------------


def test_one_that_dies_while_it_waits_is_replaced_and_nobody_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with kept(functools.partial(meet_all, tmp_path / "first", 2), range(10), max_workers=2) as (run, pipeline):
        (tmp_path / "first").mkdir()
        run()
        dead, other = workers()
        os.kill(dead, signal.SIGKILL)
        report = pipeline.run(keep_workers=True, trace=tmp_path / "trace.json").wait()

        assert (report.ok, report.rerun, report.failures) == (True, 0, ())
        assert "died" not in (tmp_path / "trace.json").read_text()
        assert caplog.records == []
        assert other in workers()
        assert dead not in workers()


def test_one_that_has_had_no_task_yet_may_die_while_it_waits(tmp_path: Path) -> None:
    with kept(process_id, [0], max_workers=2) as (run, pipeline):
        used = set(run())
        assert pipeline._kept is not None
        wait_until(lambda: all(process.slot[AT_REST] for process in pipeline._kept._idle))
        (unused,) = workers() - used
        os.kill(unused, signal.SIGKILL)
        report = pipeline.run(keep_workers=True, trace=tmp_path / "trace.json").wait()

        assert report.ok
        assert "died" not in (tmp_path / "trace.json").read_text()
        assert unused not in workers()


def test_one_that_does_not_wake_is_replaced_and_nobody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hub, "END_SECONDS", 0.2)
    with kept(process_id, [0], max_workers=1) as (run, pipeline):
        (stopped,) = run()
        os.kill(stopped, signal.SIGSTOP)
        report = pipeline.run(keep_workers=True, trace=tmp_path / "trace.json").wait()

        assert (report.ok, report.rerun, report.failures) == (True, 0, ())
        assert "died" not in (tmp_path / "trace.json").read_text()
        assert caplog.records == []
        assert stopped not in workers()


def test_an_answer_to_an_earlier_call_is_none_to_a_later_one() -> None:
    ears = listener.Listener({})
    process = WorkerProcess(ears.mouth)
    Member(process).call_to(wire.REST)
    later, heard = Member(process), []
    later.call_to(wire.WAKE)
    try:
        while not later.ready:
            select.select([process.channel], [], [], 20)
            assert later.read()
            heard += [(message.first, later.hear(message.first)) for message in later.frames()]
    finally:
        process.finish(20)
        ears.finish()

    assert heard == [(0, False), (1, False), (2, True)]


def test_all_may_die_while_they_wait() -> None:
    with kept(process_id, range(10), max_workers=2) as (run, _):
        run()
        dead = workers()
        for pid in dead:
            os.kill(pid, signal.SIGKILL)

        assert dead.isdisjoint(run())
        assert workers()


def test_they_can_be_ended_when_some_have_died() -> None:
    before = Census.now()
    with kept(process_id, range(100), max_workers=2) as (run, pipeline):
        run()
        os.kill(min(workers()), signal.SIGKILL)
        pipeline.end_workers()

    assert workers() == set()
    check_nothing_left(before)


def test_one_that_does_not_come_to_rest_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "END_SECONDS", 0.2)
    with skorche.Pipeline() as pipeline:
        skorche.map(
            Unending(tmp_path / "never").options(engine="process", max_workers=1), skorche.Queue(fixed_inputs=[0])
        )

    pipeline.run(keep_workers=True).wait()

    assert workers() == set()


def test_a_crash_in_the_second_run_is_blamed_on_its_item_and_the_others_are_kept() -> None:
    items = ["work"] * 20
    pipeline, out = mapping(do, items, engine="process", max_workers=2)
    pipeline.run(keep_workers=True).wait()
    assert len(out.flush()) == 20
    items[7] = "die"

    report = pipeline.run(keep_workers=True, on_error="collect").wait()

    assert [(failure.item, type(failure.error)) for failure in report.failures] == [("die", skorche.WorkerCrash)]
    assert len(out.flush()) == 19
    assert len(workers()) in (1, 2)
    pipeline.end_workers()


def test_what_hangs_in_the_second_run_is_killed_in_time() -> None:
    items = ["work", "work"]
    pipeline, out = mapping(do, items, engine="process", max_workers=1, timeout=0.5)
    pipeline.run(keep_workers=True).wait()
    (first, _) = out.flush()
    items[0] = "hang"

    report = pipeline.run(keep_workers=True, on_error="collect").wait()

    (second,) = out.flush()
    assert [(failure.item, type(failure.error)) for failure in report.failures] == [("hang", skorche.TaskTimeout)]
    assert is_gone(first)
    assert workers() == {second}
    pipeline.end_workers()


@pytest.mark.parametrize("wrong", ["die", "fail"])
def test_a_run_after_one_that_failed_has_nothing_of_it(wrong: str) -> None:
    items = ["work", wrong, "work"]
    pipeline, out = mapping(do, items, engine="process", max_workers=2)
    with pytest.raises((skorche.WorkerCrash, ValueError)):
        pipeline.run(keep_workers=True).wait()
    out.flush()
    items[1] = "work"

    report = pipeline.run(keep_workers=True).wait()

    assert (report.ok, report.delivered, len(out.flush())) == (True, 3, 3)
    pipeline.end_workers()


def test_a_worker_that_is_killed_with_its_run_is_not_kept(tmp_path: Path) -> None:
    before = Census.now()
    items = [0]
    pipeline, out = mapping(Hang(0, tmp_path / "marker"), items, engine="process", max_workers=1)
    run = pipeline.run(keep_workers=True)
    wait_file(tmp_path / "marker")
    run.cancel(0.0)
    with pytest.raises(skorche.RunCancelled):
        run.wait()

    assert workers() == set()
    check_nothing_left(before)
    items[0] = 1
    pipeline.run(keep_workers=True).wait()
    assert out.flush() == [1]
    pipeline.end_workers()


# -- how many ----------------------------------------------------------------------------------------------------------


def test_those_that_a_wider_run_wants_besides_are_started(tmp_path: Path) -> None:
    with skorche.Pipeline() as pipeline:
        narrow = skorche.task(engine="process", max_workers=1)(process_id)
        items = [0]
        skorche.map(narrow, skorche.Queue(fixed_inputs=items))
    pipeline.run(keep_workers=True).wait()
    first = workers()
    items.clear()
    with pipeline:
        wide = skorche.task(engine="process", max_workers=3)(functools.partial(meet_all, tmp_path, 3))
        out = skorche.map(wide, skorche.Queue(fixed_inputs=range(30)))

    pipeline.run(keep_workers=True).wait()

    assert len(first) == 1
    assert first <= set(out.flush()) == workers()
    assert len(workers()) == 3
    pipeline.end_workers()


def test_no_more_are_taken_over_than_there_may_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    wide, _ = mapping(functools.partial(meet_all, tmp_path, 3), range(30), engine="process", max_workers=3)
    narrow, out = mapping(process_id, range(30), engine="process", max_workers=1)
    wide.run(keep_workers=True).wait()
    many = workers()
    narrow._kept = wide._kept

    narrow.run(keep_workers=True).wait()

    assert len(many) == 3
    assert workers() == set(out.flush()) < many
    assert len(workers()) == 1
    narrow.end_workers()


def test_what_they_waited_for_before_is_not_told_in_the_next_run() -> None:
    pipeline, _ = mapping(process_id, [0], engine="process", max_workers=1)
    engine, waiting = ProcessEngine(), KeptWorkers(pipeline)
    stages, events = pipeline.plan().stages, SimpleQueue[Any]()
    engine.kept = waiting
    for _ in range(2):
        waiting.wanted = True
        engine.open(stages, events.put)
        wait_until(engine.workers_now)
        (now,) = engine.workers_now()
        engine.close("drain")
        waiting._idle[0].slot[LINED] = 10**15  # nanoseconds

    assert workers() == {now.pid}
    assert (now.stages, now.seconds_in_line <= 1.0) == ((), True)
    waiting.end()


def test_sizes_found_by_a_run_are_for_workers_that_were_kept_too() -> None:
    with kept(double, range(2000), max_workers=2) as (run, _):
        run()
        before = workers()

        assert run(workers="auto", max_workers=2) == list(range(0, 4000, 2))
        assert workers() & before


# -- how it is said ----------------------------------------------------------------------------------------------------


def test_an_async_program_keeps_them_too() -> None:
    pipeline, out = mapping(process_id, [0], engine="process", max_workers=1)

    async def twice() -> None:
        await pipeline.run_async(keep_workers=True)
        await pipeline.run_async(keep_workers=True)

    asyncio.run(twice())

    assert set(out.flush()) == workers()
    pipeline.end_workers()


def test_on_other_engines_it_changes_nothing() -> None:
    pipeline, out = mapping(double, [1, 2])

    pipeline.run(keep_workers=True).wait()

    assert out.flush() == [2, 4]


def test_a_number_of_them_has_no_meaning(told: Callable[[pytest.ExceptionInfo[BaseException]], str]) -> None:
    pipeline, _ = mapping(double, [1, 2])

    with pytest.raises(skorche.GraphError) as caught:
        pipeline.run(keep_workers=2)  # type: ignore[arg-type]  # a mistake

    assert told(caught) == textwrap.dedent("""\
        run() was given keep_workers=2.
          Why:  it has no meaning: as many are kept as there are.
          Mend: give True or False.""")
