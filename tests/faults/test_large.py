"""Items and results that are large: they are told of, and what there is no room for fails alone."""

import os
import re
import time
from functools import partial
from typing import Any

import pytest
from engines.programs import run_program
from engines.runs import collect
from engines.tasks import same, size_of

import skorche
from skorche.engines.transfer import largest_result
from skorche.errors import glance, shorten
from skorche.kernel import Outcome

from .fatal import limit_room, make_bytes

pytestmark = pytest.mark.timeout(60)

LARGE = 17 << 20


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "skorche"]


# -- what is told ------------------------------------------------------------------------------------------------------


def test_a_large_item_is_told_with_its_task_and_size(caplog: pytest.LogCaptureFixture) -> None:
    collect(size_of, [bytes(LARGE)], name="resize", engine="process")

    (text,) = told(caplog)
    assert text == (
        "engines: an item of task 'resize' takes 17.0 MiB on its way to a worker process, and is copied several times: "
        "rather pass a path, or an id, and let the task read it. (Told once for each task.)"
    )


def test_a_large_result_is_told_with_its_task_and_size(caplog: pytest.LogCaptureFixture) -> None:
    collect(make_bytes, [LARGE], name="load", engine="process")

    (text,) = told(caplog)
    assert text == (
        "engines: a result of task 'load' takes 17.0 MiB on its way back from a worker process, and is copied several "
        "times: rather write it to a file and return its path. (Told once for each task.)"
    )


def test_it_is_told_once_for_each_task(caplog: pytest.LogCaptureFixture) -> None:
    with skorche.Pipeline("chain") as pipeline:
        alone = skorche.task(engine="process", max_workers=2, fuse=False)
        steps = [alone(same).options(name=name) for name in ("first", "second")]
        numbers = skorche.map(steps[1], skorche.map(steps[0], skorche.Queue(fixed_inputs=[bytes(LARGE)] * 4)))

    pipeline.run(progress=False).wait()

    assert [len(one) for one in numbers.flush()] == [LARGE] * 4
    assert sorted(re.findall("of task '(.*?)'", " ".join(told(caplog)))) == ["first", "second"]


@pytest.mark.parametrize(("task", "what"), [(size_of, "an item of"), (make_bytes, "a result of")])
def test_one_among_many_small_ones_is_found(task: object, what: str, caplog: pytest.LogCaptureFixture) -> None:
    sizes = [1] * 500 + [LARGE] + [1] * 500
    items = [bytes(size) for size in sizes] if task is size_of else sizes

    report, results = collect(task, items, engine="process", max_workers=2)

    assert (report.ok, len(results)) == (True, 1001)
    assert [text.partition(": ")[2][: len(what)] for text in told(caplog)] == [what]


@pytest.mark.parametrize("task", [size_of, make_bytes])
def test_many_that_are_large_together_are_not(task: object, caplog: pytest.LogCaptureFixture) -> None:
    sizes = [1] * 200 + [6 << 20] * 8
    items = [bytes(size) for size in sizes] if task is size_of else sizes

    report, _ = collect(task, items, engine="process", max_workers=2)

    assert (report.ok, told(caplog)) == (True, [])


def test_the_largest_result_is_found_at_any_port() -> None:
    outcome = Outcome([([b"a"], range(1)), ([b"a" * 300, b"a"], range(2))], [], [], [], [])

    assert 300 < largest_result(outcome) < 350


def test_where_nothing_is_copied_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    collect(same, [bytes(LARGE)], engine="thread")

    assert told(caplog) == []


@pytest.mark.parametrize("tell", [shorten, partial(glance, longest=100)], ids=["shorten", "glance"])
@pytest.mark.parametrize(
    ("value", "start", "end"),
    [("a" * LARGE + "z", "'aaa", "aaz'"), (b"a" * LARGE + b"z", "b'aaa", "aaz'")],
    ids=["text", "bytes"],
)
def test_a_large_item_is_described_by_its_ends(tell: Any, value: Any, start: str, end: str) -> None:
    began = time.process_time()

    for _ in range(10):
        said = tell(value)

    assert (said.startswith(start), "aa...aa" in said, said.endswith(end)) == (True, True, True)
    assert len(said) <= 200
    assert time.process_time() - began < 0.2


# -- what there is no room for -----------------------------------------------------------------------------------------

NARROW = """
import resource, skorche
from engines.tasks import size_of

items = [b"a", bytes(600 << 20), b"b"]
with open("/proc/self/statm") as file:
    taken = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (400 << 20), resource.RLIM_INFINITY))
with skorche.Pipeline("narrow") as pipeline:
    out = skorche.map(skorche.task(engine="process", max_workers=1)(size_of), skorche.Queue(fixed_inputs=items))
report = pipeline.run(on_error="collect", progress=False).wait()
(failure,) = report.failures
print(out.flush(), len(failure.item) >> 20, type(failure.error).__name__, type(failure.error.__cause__).__name__)
"""


NARROW_FOR_RESULTS = """
import resource, skorche
from faults.fatal import make_bytes_in_any_case

with open("/proc/self/statm") as file:
    taken = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (300 << 20), resource.RLIM_INFINITY))
sizes = [1, 2, 400 << 20, 3]
with skorche.Pipeline("narrow") as pipeline:
    task = skorche.task(engine="process", max_workers=1, idempotent=False)(make_bytes_in_any_case)
    out = skorche.map(task, skorche.Queue(fixed_inputs=sizes))
report = pipeline.run(on_error="collect", progress=False).wait()
(failure,) = report.failures
print([len(one) for one in out.flush()], failure.item >> 20, failure.error.exit_code, failure.error.why)
"""


def test_a_result_that_memory_has_no_room_for_here_fails_alone() -> None:
    done = run_program("-c", NARROW_FOR_RESULTS)

    assert done.stdout.startswith("[1, 2, 3] 400 -9 it was killed"), done.stderr
    assert "probably because memory ran out" in done.stdout


def test_an_item_that_memory_has_no_room_for_twice_fails_alone() -> None:
    done = run_program("-c", NARROW)

    assert (done.stdout, done.stderr) == ("[1, 1] 600 TransferError MemoryError\n", "")


@pytest.mark.parametrize(
    ("options", "error", "what"),
    [
        ({"timeout": 30.0}, skorche.WorkerCrash, "while it was read and unpickled"),
        ({}, skorche.TransferError, "an item cannot be unpickled in a worker: MemoryError"),
    ],
    ids=["sent alone", "sent among others"],
)
def test_an_item_that_a_worker_has_no_room_for_fails_alone(
    options: Any, error: type[skorche.SkorcheError], what: str, capfd: pytest.CaptureFixture[str]
) -> None:
    huge, small = bytes(120 << 20), [b"a"] * 100  # so many that none goes alone, unless all do

    report, results = collect(limit_room, [*small, huge, *small], max_workers=1, engine="process", **options)

    (failure,) = report.failures
    assert (failure.item is huge, type(failure.error), what in str(failure.error)) == (True, error, True)
    assert results == [1] * 200
    assert "MemoryError" in capfd.readouterr().err


def test_what_passes_between_tasks_that_travel_together_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with skorche.Pipeline("journey") as pipeline:
        everywhere = skorche.task(engine="process", max_workers=os.cpu_count())
        large = skorche.map(everywhere(bytes), skorche.Queue(fixed_inputs=[LARGE] * 4))
        lengths = skorche.map(everywhere(len), large)

    pipeline.run(progress=False).wait()

    assert lengths.flush() == [LARGE] * 4
    assert told(caplog) == []
