"""What runs hold while they go on, and after: the same for the thousandth run as for the first."""

import itertools
import os
import threading

import pytest
from engines.census import Census, find_family

import skorche
from benchmarks.million_items import growth_of_pipeline

pytestmark = pytest.mark.timeout(60)


def increment(number: int) -> int:
    """One more."""
    return number + 1


def refuse_threes(number: int) -> int:
    """Fails for every third number."""
    if number % 3 == 0:
        raise ValueError(number)
    return number


def run_once(engine: str, number: int) -> None:
    """A small run: in turn one that goes well, one that stops at a failure, and one that is cancelled."""
    with skorche.Pipeline("small") as pipeline:
        numbers = itertools.count(1) if number % 3 == 2 else range(1, 6)
        task = skorche.task(engine=engine, max_workers=2)(refuse_threes if number % 3 == 1 else increment)
        out = skorche.map(task, skorche.Queue(fixed_inputs=numbers), queue_out=skorche.Queue(maxsize=20))
    run = pipeline.run(progress=False)
    if number % 3 == 2:
        out.get(timeout=20)
        run.cancel()
    run.close()
    assert run.join(20).failed == (number % 3 == 1)


def held() -> tuple[int, int, int]:
    """How many threads, open files and processes of this family there are."""
    return threading.active_count(), len(os.listdir("/proc/self/fd")), len(list(find_family()))


@pytest.mark.parametrize(("engine", "count"), [("thread", 985), ("process", 15)])
def test_a_thousand_runs_in_one_process_hold_no_more_than_the_first(engine: str, count: int) -> None:
    run_once(engine, 0)
    first, seen = held(), set()

    for number in range(count):
        run_once(engine, number)
        seen.add(held())

    assert seen == {first}


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_a_million_items_through_five_tasks_hold_no_more_than_the_first_hundred_thousand(engine: str) -> None:
    megabytes, threads, files, workers = growth_of_pipeline(engine)

    assert (threads, files, workers) == (0, 0, 0)
    assert megabytes < 50


def test_a_thousand_failures_hold_no_items_and_no_frames_of_theirs() -> None:
    class Payload:
        alive = 0

        def __init__(self, number: int) -> None:
            self.number = number
            Payload.alive += 1

        def __del__(self) -> None:
            Payload.alive -= 1

    def unpack_and_fail(number: int) -> None:
        payload = Payload(number)
        raise ValueError(payload.number)

    with skorche.Pipeline("failing") as pipeline:
        skorche.map(unpack_and_fail, skorche.Queue(fixed_inputs=range(1000)))

    report = pipeline.run(on_error="collect", progress=False).wait(30)

    assert (report.failed, Payload.alive) == (1000, 0)


def test_a_run_holds_no_shared_memory_and_no_temporary_file_that_has_a_name() -> None:
    before = Census.now()
    with skorche.Pipeline("slots") as pipeline:
        task = skorche.task(engine="process", max_workers=2)(increment)
        numbers = skorche.Queue(name="numbers")
        out = skorche.map(task, numbers)

    with pipeline.run(progress=False):
        numbers.put(1)
        first = out.get(timeout=20)
        held_now = Census.now().left_since(before)  # its input is open: it goes on
        numbers.close()

    assert first == 2
    assert [one for one in held_now if one.startswith("process")]
    assert [one for one in held_now if one.startswith(("shared memory", "temporary file"))] == []
