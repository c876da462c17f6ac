"""The process engine: which functions and items travel, and how workers behave."""

import functools
import itertools
import os
import sys
import textwrap
import time
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

import psutil
import pytest

import skorche
from skorche.engines.process.blame import Verdict, judge
from skorche.engines.process.engine import ProcessEngine
from skorche.engines.process.slot import ANY, IDLE, INDEX, LAST, LOADING, READING, STEP, TICKET, WRITING
from skorche.runtime.chunk import Chunk

from . import deadly, fragile, tasks
from .census import find_family, is_gone
from .programs import ROOT, run_program
from .waiting import wait_file

pytestmark = pytest.mark.timeout(60)


def run(function: Any, items: Any, **options: Any) -> list[Any]:
    """The results of a run on processes."""
    with skorche.Pipeline("process") as pipeline:
        task = function if isinstance(function, skorche.Task) else skorche.task(function)
        out = skorche.map(task.options(engine="process", **options), skorche.Queue(fixed_inputs=items))
    pipeline.run().wait()
    return out.flush()


# -- how functions travel ----------------------------------------------------------------------------------------------


def test_a_function_of_a_module_travels_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "ORIGIN", "changed in the parent")

    assert tasks.origin(0) == "changed in the parent"
    assert run(tasks.origin, [0]) == ["as imported"]


def test_a_function_that_travels_by_name_needs_no_cloudpickle() -> None:
    assert run(tasks.has_cloudpickle, [0]) == [False]


def test_a_function_that_cannot_be_found_by_name_travels_by_value() -> None:
    place = "closure"

    assert run(lambda number: (place, number), [1]) == [("closure", 1)]


def test_a_task_that_cannot_travel_is_told_when_the_run_begins() -> None:
    lock = Lock()

    with pytest.raises(skorche.GraphError, match="task '<lambda>' cannot travel to another process") as caught:
        run(lambda number: (lock, number), [1])

    assert "open files and locks inside it, or use engine='thread'" in str(caught.value)


SCRIPT = textwrap.dedent("""
    import functools
    import skorche

    print("top level")
    BY = 3

    class Point:
        def __init__(self, x):
            self.x = x
        def moved(self, by):
            return Point(self.x + by)

    class Refused(Exception):
        def __init__(self, number, reason):
            super().__init__(f"{number}: {reason}")

    @skorche.task(engine="process")
    def scale(number):
        return helper(number)

    def helper(number):
        return BY * number

    def move(point):
        return point.moved(10)

    def refuse(number):
        raise Refused(number, "no")

    with skorche.Pipeline() as pipeline:
        numbers = lambda: skorche.Queue(fixed_inputs=[1, 2])
        on = functools.partial(skorche.task, engine="process")
        outs = [
            skorche.map(scale, numbers()),
            skorche.map(on()(lambda number: BY * number), numbers()),
            skorche.map(on()(functools.partial(pow, BY)), numbers()),
            skorche.map(on()(Point(5).moved), numbers()),
            skorche.map(on()(move), skorche.Queue(fixed_inputs=[Point(1)])),
        ]
        skorche.map(on(on_error="collect")(refuse), skorche.Queue(fixed_inputs=[4]))
    report = pipeline.run().wait()
    scaled, lambdas, powers, moved, points = [out.flush() for out in outs]
    print(scaled, lambdas, powers)
    print([type(point) is Point and point.x for point in moved + points])
    print([(type(failure.error) is Refused, str(failure.error)) for failure in report.failures])
""")
EXPECTED = "top level\n[3, 6] [3, 6] [3, 9]\n[6, 7, 11]\n[(True, '4: no')]\n"


def test_functions_of_a_script_without_a_main_guard_work(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    ended = run_program(script)

    assert (ended.stdout, ended.stderr, ended.returncode) == (EXPECTED, "", 0)


def test_functions_of_a_command_line_work() -> None:
    ended = run_program("-c", SCRIPT)

    assert (ended.stdout, ended.stderr, ended.returncode) == (EXPECTED, "", 0)


def test_functions_of_a_script_on_standard_input_work() -> None:
    ended = run_program("-", stdin=SCRIPT)

    assert (ended.stdout, ended.stderr, ended.returncode) == (EXPECTED, "", 0)


def test_functions_of_a_module_run_as_a_program_work(tmp_path: Path) -> None:
    (tmp_path / "program_module.py").write_text(SCRIPT)

    ended = run_program("-m", "program_module", folder=tmp_path)

    assert (ended.stdout, ended.stderr, ended.returncode) == (EXPECTED, "", 0)


def test_a_worker_has_the_path_and_the_arguments_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    given = ["program", "--option", "it's", "\udce9", *(f"a-file-of-many-{number}.jpg" for number in range(20_000))]
    monkeypatch.setattr(sys, "argv", given)

    ((path, arguments),) = run(lambda _: (sys.path, sys.argv), [0])

    assert path[0] == str(tmp_path)
    assert arguments == given


def test_where_text_is_ascii_names_need_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
import logging, skorche
logging.getLogger("Größe").setLevel(logging.DEBUG)
with skorche.Pipeline() as pipeline:
    levels = skorche.map(lambda name: logging.getLogger(name).level, skorche.Queue(fixed_inputs=["Größe"]))
pipeline.run(engine="process").wait()
print(levels.flush())
"""
    for name, value in (("LC_ALL", "C"), ("PYTHONUTF8", "0"), ("PYTHONCOERCECLOCALE", "0")):
        monkeypatch.setenv(name, value)

    ended = run_program("-", stdin=script)

    assert (ended.stdout, ended.stderr, ended.returncode) == ("[10]\n", "", 0)


def test_importing_the_package_in_a_script_is_not_needed_for_its_workers_to_start_where_it_lies(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{SCRIPT}")

    ended = run_program(script, path=())

    assert (ended.stdout, ended.stderr, ended.returncode) == (EXPECTED, "", 0)


def test_a_worker_has_the_flags_of_its_parent() -> None:
    script = """
import sys, skorche
with skorche.Pipeline() as pipeline:
    see = skorche.task(engine="process")(lambda _: (tuple(sys.flags), sys.warnoptions))
    seen = skorche.map(see, skorche.Queue(fixed_inputs=[0]))
pipeline.run().wait()
print(seen.flush() == [(tuple(sys.flags), sys.warnoptions)], sys.flags.optimize, sys.flags.utf8_mode)
"""

    ended = run_program("-O", "-X", "utf8", "-W", "error::UserWarning", "-c", script)

    assert (ended.stdout, ended.stderr) == ("True 1 1\n", "")


# -- how workers behave ------------------------------------------------------------------------------------------------


def test_tasks_share_workers_which_are_no_more_than_cores_or_the_widest_task_wants() -> None:
    with skorche.Pipeline("shared") as pipeline:
        outs = [
            skorche.map(
                skorche.task(engine="process", max_workers=3, name=name)(tasks.process_id),
                skorche.Queue(fixed_inputs=range(300)),
            )
            for name in ("one", "two", "three")
        ]
    pipeline.run().wait()

    assert len(set(itertools.chain(*[out.flush() for out in outs]))) <= max(3, os.cpu_count() or 1)


def test_workers_are_children_in_sessions_of_their_own_with_little_open() -> None:
    ((parent, session, pid, files),) = run(tasks.describe_process, [0])

    assert parent == os.getpid()
    assert session == pid
    # standard input, output and errors, the pipe, the memory shared with the parent and the file behind it for stacks,
    # the lifeline, the pipe for what is logged and printed; and of the thread that tells the parent of memory and cores
    # another view of the shared memory, and the two files of the system that it looks into
    assert len(files) == 11


def test_a_program_that_a_task_starts_inherits_no_pipe() -> None:
    assert run(tasks.list_files_of_a_child, [0]) == [["0", "1", "2"]]


def test_an_idle_worker_keeps_no_item_alive() -> None:
    megabytes = 1 << 20
    with skorche.Pipeline("large") as pipeline:
        sizes: skorche.Queue[bytes] = skorche.Queue()
        out = skorche.map(skorche.task(engine="process")(tasks.size_of), sizes)
    with pipeline.run():
        sizes.put(b"1")
        assert out.get(timeout=20) == 1
        (worker,) = map(psutil.Process, find_family())
        before = worker.memory_info().rss
        sizes.put(bytes(64 * megabytes))
        assert out.get(timeout=20) == 64 * megabytes
        sizes.put(b"12")
        assert out.get(timeout=20) == 2
        grown = worker.memory_info().rss - before
    assert grown < 32 * megabytes


def test_a_result_of_many_megabytes_comes_back_whole() -> None:
    (blob,) = run(functools.partial(tasks.fill, 7), [100 << 20])

    assert (len(blob), blob.count(7)) == (100 << 20, 100 << 20)


def test_an_element_that_cannot_be_pickled_fails_alone() -> None:
    with skorche.Pipeline("elements") as pipeline:
        lists = skorche.map(
            skorche.task(engine="process")(fragile.list_with_lock), skorche.Queue(fixed_inputs=range(3))
        )
        out = skorche.unbatch(lists)

    report = pipeline.run(on_error="collect").wait()

    assert out.flush() == [0, 0, 1, 1, 2, 2]
    assert [failure.node for failure in report.failures] == ["Unbatch"] * 3
    assert all("lock" in failure.item for failure in report.failures)
    assert (report.admitted, report.failed) == (3, 3)


def test_a_branch_that_cannot_be_pickled_fails_alone() -> None:
    with skorche.Pipeline("branches") as pipeline:
        made = skorche.map(skorche.task(engine="process")(fragile.lock_for), skorche.Queue(fixed_inputs=range(6)))
        true, false = skorche.split(bool, made, fuse=True)

    report = pipeline.run(on_error="collect").wait()

    assert (true.flush(), false.flush()) == ([1, 2, 4, 5], [0])
    assert [type(failure.error) for failure in report.failures] == [skorche.TransferError]


def test_a_close_in_a_hurry_waits_for_no_task(tmp_path: Path) -> None:
    with skorche.Pipeline("hurry") as pipeline:
        task = skorche.task(engine="process")(deadly.Hang(0, tmp_path / "marker"))
        skorche.map(task, skorche.Queue(fixed_inputs=[0]))
    engine, events = ProcessEngine(), SimpleQueue[Any]()

    engine.open(pipeline.plan().stages, events.put)
    engine.submit(1, 0, Chunk([0], range(1)))
    wait_file(tmp_path / "marker")
    began = time.monotonic()
    engine.close("kill")

    assert time.monotonic() - began < 2
    assert is_gone(int((tmp_path / "marker").read_text()))


def test_a_hub_that_fails_itself_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("skorche.engines.process.hub.judge", broken)

    with pytest.raises(skorche.InternalError, match="the process engine failed with ZeroDivisionError: a bug"):
        run(deadly.Deadly("3", frozenset({5})), range(1000), max_workers=2)


# -- whom to blame -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "index", "last", "verdict"),
    [
        (IDLE, 3, 5, Verdict()),
        (LOADING, -1, 0, Verdict()),
        (READING, -1, 0, Verdict(unclear=True)),
        (READING, 4, 4, Verdict(suspect=4)),
        (0, -1, 5, Verdict()),
        (0, 2, 5, Verdict()),
        (0, 3, 5, Verdict(suspect=3)),
        (0, 5, 5, Verdict(suspect=5, rerun=2)),
        (1, -1, 5, Verdict(rerun=3, unclear=True)),
        (1, 4, 5, Verdict(suspect=4, rerun=2)),
        (0, ANY, 5, Verdict(rerun=3, unclear=True)),
        (0, ANY, 3, Verdict(suspect=3)),
        (WRITING, 5, 5, Verdict(rerun=3, unclear=True)),
        (WRITING, 3, 3, Verdict(suspect=3)),
        (WRITING, 2, 2, Verdict()),
    ],
)
def test_the_slot_tells_whom_to_blame(step: int, index: int, last: int, verdict: Verdict) -> None:
    left = [3, 4, 5, 6, 7]

    assert judge(1, left, {TICKET: 1, STEP: step, INDEX: index, LAST: last}) == verdict
    assert judge(2, left, {TICKET: 1, STEP: step, INDEX: index, LAST: last}) == Verdict()


def test_the_only_item_is_to_blame_when_its_worker_dies_reading() -> None:
    assert judge(1, [9], {TICKET: 1, STEP: READING, INDEX: -1, LAST: 0}) == Verdict(suspect=9)
