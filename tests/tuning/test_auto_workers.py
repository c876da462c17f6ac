"""`run(workers="auto")` in real runs: it grows tasks, keeps within its budget, and tells what it did."""

import asyncio
import threading
from typing import Any

import pytest
from engines.waiting import wait_until

import skorche
from skorche import GraphError

pytestmark = pytest.mark.timeout(60)


def numbers(count: int = 10) -> skorche.Queue[int]:
    return skorche.Queue(fixed_inputs=range(count))


def test_a_task_that_holds_up_a_run_gets_more_threads():
    gate = threading.Event()

    def wait_a_little(item: int) -> int:
        gate.wait(0.005)
        return item

    with skorche.Pipeline() as pipeline:
        results = skorche.map(wait_a_little, skorche.Queue(fixed_inputs=range(2000)))

    with pipeline.run(workers="auto", max_workers=8, progress=False) as run:
        wait_until(lambda: run.statistics()["wait_a_little"].workers == 8)
        gate.set()  # the rest need not be waited for

    assert run.report is not None
    assert results.flush() == list(range(2000))
    assert run.report.decisions[0].node == "wait_a_little"
    assert f"decided at {run.report.decisions[0]}" in str(run.report)
    assert [thread for thread in threading.enumerate() if thread.name.startswith("skorche")] == []


def test_an_async_task_gets_more_items_in_flight():
    gate = threading.Event()

    @skorche.task(max_workers=1)
    async def wait_a_little(item: int) -> int:
        if not gate.is_set():
            await asyncio.sleep(0.005)
        return item

    with skorche.Pipeline() as pipeline:
        results = skorche.map(wait_a_little, skorche.Queue(fixed_inputs=range(2000)))

    with pipeline.run(workers="auto", max_workers=20, progress=False) as run:
        wait_until(lambda: run.statistics()["wait_a_little"].workers > 4)
        gate.set()

    assert results.flush() == list(range(2000))


def test_a_predicate_is_called_one_at_a_time_also_behind_a_task_that_grows():
    inside, most = threading.Lock(), list[bool]()

    def is_even(number: int) -> bool:
        most.append(inside.acquire(blocking=False))
        if most[-1]:
            inside.release()
        return number % 2 == 0

    with skorche.Pipeline() as pipeline:
        even = skorche.filter(is_even, skorche.map(skorche.task(abs, max_workers=4), numbers(500)))

    pipeline.run(workers="auto").wait()

    assert len(even.flush()) == 250
    assert all(most)


def test_a_run_that_is_not_tuned_decides_nothing():
    with skorche.Pipeline() as pipeline:
        skorche.map(abs, numbers())

    assert pipeline.run().wait().decisions == ()


@pytest.mark.parametrize(
    ("options", "what", "mend"),
    [
        ({"workers": 4}, "run() was given workers=4.", "give workers='auto', or max_workers= to the tasks."),
        ({"workers": "auto", "max_workers": 0}, "run() was given max_workers=0.", "give 1 or more workers."),
        (
            {"max_workers": 8},
            "run() was given max_workers=8 without workers='auto'.",
            "give workers='auto' too, or max_workers= to the tasks.",
        ),
        (
            {"workers": "auto", "max_workers": 2},
            "run() was given max_workers=2, and the tasks begin with 3 workers.",
            "give max_workers=3 or more, or let tasks begin with fewer.",
        ),
        (
            {"memory": "much"},
            "run() was given memory='much'.",
            "give bytes, or a text such as '500MB' or '2GiB', or None.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], what: str, mend: str):
    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(abs, max_workers=3), numbers())

    with pytest.raises(GraphError) as caught:
        pipeline.run(**options)

    assert (caught.value.what, caught.value.mend) == (what, mend)


# -- memory ---------------------------------------------------------------------------------------------------------


def test_while_memory_is_short_sources_are_held_and_the_run_still_ends():
    with skorche.Pipeline() as pipeline:
        results = skorche.map(abs, numbers(200))

    with pipeline.run(memory=1, progress=False) as run:  # always short: this process has more
        pass

    assert run.report is not None
    assert results.flush() == list(range(200))


def test_a_run_whose_memory_is_short_takes_in_one_item_after_the_other():
    taken, gate = list[int](), threading.Event()

    def give():
        for number in range(50):
            taken.append(number)
            yield number

    def work(item: int) -> int:
        gate.wait(30)
        return item

    with skorche.Pipeline() as pipeline:
        results = skorche.map(work, skorche.Queue(fixed_inputs=give()))

    with pipeline.run(memory=1, progress=False) as run:
        wait_until(lambda: run.snapshot().surroundings.memory_seconds > 0)
        before = len(taken)
        gate.set()

    assert run.report is not None
    assert before <= 5
    assert results.flush() == list(range(50))


def test_tuning_that_fails_is_logged_and_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def refuse(tuner: object, record: object) -> None:
        raise ArithmeticError("no tuning today")

    def give():
        wait_until(lambda: "tuning has failed" in caplog.text)
        yield from range(5)

    monkeypatch.setattr("skorche.tuning.tuner.Tuner.look", refuse)
    with skorche.Pipeline() as pipeline:
        results = skorche.map(abs, skorche.Queue(fixed_inputs=give()))

    with caplog.at_level("ERROR", logger="skorche"):
        report = pipeline.run(workers="auto").wait()

    assert report.ok
    assert results.flush() == list(range(5))
    assert "no tuning today" in caplog.text
