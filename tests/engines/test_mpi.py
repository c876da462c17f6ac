"""The engine `mpi`, under a real MPI: what each rank of a program gets, and what becomes of one that goes astray."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from .mpirun import command, needs_mpi, start_ranks, surroundings
from .programs import run_program
from .waiting import holds_within

pytestmark = pytest.mark.timeout(120)

HEAD = """\
import os, sys, threading, time, warnings
from pathlib import Path
import skorche
from skorche.engines.mpi.launch import Launch

RANK = Launch.seen().rank or 0


def say(*things):
    with open(f"rank-{RANK}", "a") as file:
        print(*things, file=file)


def mapping(function, items, **options):
    with skorche.Pipeline("job") as pipeline:
        out = skorche.map(skorche.task(**{"max_workers": 2, **options})(function), skorche.Queue(fixed_inputs=items))
    return pipeline, out


"""


def said(folder: Path) -> list[str]:
    """What each rank has said, by rank."""
    return [path.read_text() for path in sorted(folder.glob("rank-*"))]


def run_ranks(
    folder: Path, program: str, count: int = 3, arguments: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the program, with the names of `HEAD`, in this folder."""
    (folder / "job.py").write_text(HEAD + program)
    return start_ranks(count, "job.py", *arguments, folder=folder)


def run_well(folder: Path, program: str, count: int = 3) -> str:
    """What all ranks said alike in a program that ends well."""
    done = run_ranks(folder, program, count)
    assert done.returncode == 0, done.stdout + done.stderr
    first, *others = said(folder)
    assert others == [first] * (count - 1)
    return first


# -- what each rank gets -----------------------------------------------------------------------------------------------

EVERYTHING = """\
class Point:
    def __init__(self, x):
        self.x = x


@skorche.task(max_workers=2, ordered=True)
def to_point(number):
    return Point(number), os.getpid()


@skorche.task(max_workers=2, ordered=True, engine="thread")
def out_of_point(pair):
    point, pid = pair
    assert type(point) is Point
    return point.x, pid != os.getpid()


@skorche.task(max_workers=2)
def total(numbers):
    return sum(number for number, _ in numbers)


def run(engine):
    with skorche.Pipeline("everything") as pipeline:
        low, high = skorche.split(lambda number: number >= 50, skorche.Queue(fixed_inputs=range(100)))
        sums = skorche.map(total, skorche.batch(skorche.chain([to_point, out_of_point], low), batch_size=7))
        points = skorche.map(to_point, high, queue_out=skorche.Queue(name="points"))
    report = pipeline.run(engine=engine).wait()
    return [point.x for point, _ in points.flush()], sums.flush(), report


*expected, reference = run("thread")
*made, report = run("mpi")
assert made == expected
assert report.ok and (report.admitted, report.delivered) == (reference.admitted, reference.delivered)
assert {name: node.emitted for name, node in report.nodes.items()} == {
    name: node.emitted for name, node in reference.nodes.items()
}
say(made, report)
"""


@needs_mpi
def test_every_rank_has_the_results_of_the_thread_run_and_the_same_report(tmp_path: Path) -> None:
    told = run_well(tmp_path, EVERYTHING)

    assert "everything: ok" in told
    assert "mpi, 2 serving ranks: when a rank dies, the program ends" in told


WHERE = """\
pipeline, out = mapping(lambda number: Launch.seen().rank, range(20))
pipeline.run(engine="mpi").wait()
say(0 in out.flush())
"""


@needs_mpi
def test_tasks_run_on_the_other_ranks(tmp_path: Path) -> None:
    assert run_well(tmp_path, WHERE) == "False\n"


RUNS = """\
class Odd(Exception):
    pass


def even(number):
    if number % 2:
        raise Odd(number)
    return number


skorche.map(skorche.task(even), skorche.Queue(fixed_inputs=[0, 2, 4]), queue_out=(out := skorche.Queue()))
skorche.run(engine="mpi")
report = skorche.shutdown()
say(out.flush(), report.delivered)

pipeline, out = mapping(even, range(5))
with pipeline.run(engine="mpi", on_error="collect") as run:
    pass
say(out.flush(), sorted([(failure.item, type(failure.error) is Odd) for failure in run.report.failures]))
say(run.statistics()["even"].failed, run.running, len(list(out)))

try:
    pipeline.run(engine="mpi").wait()
except Odd as error:
    say("Odd", run.report.failed, pipeline.last_run.report.ok)

pipeline, out = mapping(lambda number, lock=threading.Lock(): number, [1])
try:
    pipeline.run(engine="mpi")
except skorche.GraphError as error:
    say(error.what)

first, out = mapping(even, [2])
numbers = skorche.Queue(name="numbers")
with skorche.Pipeline("live") as second:
    doubled = skorche.map(lambda number: 2 * number, numbers)
second.run(engine="mpi")
try:
    first.run(engine="mpi")
except skorche.AlreadyRunning as error:
    say(error.what)
numbers.put(4)
second.shutdown()
say(doubled.flush())

numbers.put(5)
numbers.close()
second.run(engine="thread")
say(doubled.flush())

first.run(engine="mpi")  # left open: it is finished at the end of the program
"""


@needs_mpi
def test_runs_follow_each_other_and_fail_alike_on_every_rank(tmp_path: Path) -> None:
    assert run_well(tmp_path, RUNS).splitlines() == [
        "[0, 2, 4] 3",
        "[0, 2, 4] [(1, True), (3, True)]",
        "2 False 0",
        "Odd 2 False",
        "task '<lambda>' cannot travel to another process: TypeError: cannot pickle '_thread.lock' object",
        "a run with engine='mpi' was started while another one goes on.",
        "[8]",
        "[10]",
    ]


FAILURES = """\
def fail(how):
    if how == "exit":
        sys.exit(0)
    if how == "lock":
        return threading.Lock()
    if how == "nested":
        mapping(abs, [1])[0].run(engine="mpi")
    raise KeyboardInterrupt


pipeline, out = mapping(fail, ["exit", "lock", "nested", "interrupt"])
report = pipeline.run(engine="mpi", on_error="collect").wait()
say(*[f"{failure.item}:{type(failure.error).__name__}" for failure in report.failures])
"""


@needs_mpi
def test_what_a_task_raises_on_a_rank_is_an_ordinary_failure(tmp_path: Path) -> None:
    told = run_well(tmp_path, FAILURES).split()

    assert sorted(told) == ["exit:TaskError", "interrupt:TaskError", "lock:TransferError", "nested:AlreadyRunning"]


LIVE = """\
numbers = skorche.Queue(name="numbers")
with skorche.Pipeline("live") as pipeline:
    doubled = skorche.map(lambda number: 2 * number, numbers)
run = pipeline.run(engine="mpi")
for number in range(3):
    numbers.put(number)
try:
    first = doubled.get()
except skorche.EngineError as error:
    first = error.what
say(first)
run.shutdown()
try:
    say(sorted(doubled))
except skorche.EngineError as error:
    say(error.why)
"""


@needs_mpi
def test_live_reading_is_for_rank_0_and_the_others_are_told(tmp_path: Path) -> None:
    done = run_ranks(tmp_path, LIVE, 2)

    assert done.returncode == 0, done.stdout + done.stderr
    first, second = said(tmp_path)
    assert first == "0\n[2, 4]\n"
    assert second.splitlines() == [
        "an output was read in a process that only served in the run.",
        "rank 0 leads it: results were read there one by one while the run went on, and are gone.",
    ]


UNSENDABLE = """\
with skorche.Pipeline("locks") as pipeline:
    numbers = skorche.map(skorche.task(engine="mpi")(abs), skorche.Queue(fixed_inputs=range(3)))
    locks = skorche.map(skorche.task(engine="thread")(lambda number: threading.Lock()), numbers)
report = pipeline.run().wait()
try:
    say(len(locks.flush()))
except skorche.TransferError as error:
    say(error.what)
"""


@needs_mpi
def test_results_that_cannot_be_sent_are_rank_0s_alone(tmp_path: Path) -> None:
    done = run_ranks(tmp_path, UNSENDABLE, 2)

    assert done.returncode == 0, done.stdout + done.stderr
    told = "the results of a queue did not reach this rank: TypeError: cannot pickle '_thread.lock' object\n"
    assert said(tmp_path) == ["3\n", told]


# -- ranks that go astray ----------------------------------------------------------------------------------------------

TWO_RUNS = """\
for number in range(2):
    pipeline, out = mapping(abs, range(5))
    pipeline.run(engine="mpi").wait()
    say(out.flush())
    if (str(RANK), number) == (sys.argv[1], 0):
        raise ValueError("only here")
"""


@needs_mpi
def test_a_rank_that_fails_between_runs_ends_the_program_at_the_next(tmp_path: Path) -> None:
    done = run_ranks(tmp_path, TWO_RUNS, arguments=["1"])

    assert done.returncode != 0
    assert "ValueError: only here" in done.stderr
    assert "rank 1 left the program, and rank 0 begins a run that needs it" in done.stderr


@needs_mpi
def test_ranks_do_not_wait_for_a_rank_0_that_has_failed(tmp_path: Path) -> None:
    done = run_ranks(tmp_path, TWO_RUNS, arguments=["0"])

    assert done.returncode != 0
    assert "ValueError: only here" in done.stderr
    assert said(tmp_path) == ["[0, 1, 2, 3, 4]\n"] * 3


DYING = """\
pipeline, out = mapping(lambda number: os.kill(os.getpid(), 9), [1])
pipeline.run(engine="mpi").wait()
say("not reached")
"""


@needs_mpi
def test_a_rank_that_dies_ends_the_program(tmp_path: Path) -> None:
    done = run_ranks(tmp_path, DYING)

    assert done.returncode != 0
    assert said(tmp_path) == []


HANGING = """\
def hang(number):
    Path(f"began-{number}").touch()
    threading.Event().wait()


pipeline, out = mapping(hang, range(2))
pipeline.run(engine="mpi").wait()
"""


@needs_mpi
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_to_mpirun_ends_every_rank(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(HEAD + HANGING)
    with subprocess.Popen(
        command(3, "job.py"),
        cwd=tmp_path,
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as launcher:
        began = holds_within(60.0, lambda: len(list(tmp_path.glob("began-*"))) == 2)
        launcher.send_signal(number)
        launcher.communicate(timeout=60)

    assert began
    assert launcher.returncode != 0  # that nothing is left, the fixture of all tests sees


# -- programs of one process -------------------------------------------------------------------------------------------

ALONE = """\
pipeline, out = mapping(lambda number: number + 1, range(3))
report = pipeline.run(engine="mpi").wait()
say(out.flush(), os.getpid() == os.getpid(), [name for name in sys.modules if name == "mpi4py"])
say(*report.guarantees)
"""
TOLD_ALONE = "[1, 2, 3] True []\nmpi, one process alone: tasks ran on its threads; a timeout cannot stop an item\n"


@needs_mpi
def test_a_world_of_one_rank_runs_on_threads_and_needs_no_mpi(tmp_path: Path) -> None:
    assert run_well(tmp_path, ALONE, 1) == TOLD_ALONE


def test_without_a_launcher_the_program_runs_on_threads_and_needs_no_mpi(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(HEAD + ALONE)

    run_program("job.py", folder=tmp_path)

    assert said(tmp_path) == [TOLD_ALONE]


COPIES = """\
import logging
logging.basicConfig(filename=f"rank-{RANK}", format="%(name)s %(levelname)s %(message)s")
for number in range(2):
    pipeline, out = mapping(abs, range(5))
    pipeline.run(engine="thread").wait()
say(out.flush())
"""


@needs_mpi
def test_a_run_that_every_rank_does_alone_is_warned_of_once(tmp_path: Path) -> None:
    done = run_ranks(tmp_path, COPIES, 2)

    first, second = said(tmp_path)
    assert done.returncode == 0
    assert first.startswith("skorche WARNING this program was started 2 times, by mpirun or the like")
    assert first.count("WARNING") == 1
    assert second == "[0, 1, 2, 3, 4]\n"


@pytest.mark.parametrize("blocked", ["mpi4py", ""], ids=["missing", "of another MPI"])
def test_an_mpi_that_is_not_the_launchers_is_told(blocked: str, tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    if not blocked and (reason := _why_no_library()):
        pytest.skip(reason)
    block = f"sys.modules[{blocked!r}] = None\n" if blocked else ""
    job = "os.environ['PMI_SIZE'] = '4'\n" + block + "mapping(abs, range(5))[0].run(engine='mpi')\n"
    (tmp_path / "job.py").write_text(HEAD + job)

    done = run_program("job.py", folder=tmp_path)

    assert done.returncode == 1
    told = "engine='mpi' cannot use MPI" if blocked else "started this program 4 times, but MPI sees 1 of them"
    assert told in done.stderr


def _why_no_library() -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from mpi4py import MPI"], capture_output=True, text=True, check=False, env=os.environ
    )
    return "" if done.returncode == 0 else "there is no MPI library"
