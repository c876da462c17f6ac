"""Workers that are replaced because they have done enough or grown too large: nothing is lost, nothing runs twice."""

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from engines.census import is_gone
from engines.deadly import Deadly
from engines.runs import collect, mapping
from engines.tasks import double, effects, process_id
from engines.waiting import wait_until

import skorche
from skorche.engines.process import hub

from .fatal import KeepBusy, Leak, stay_on, use_for_a_while

pytestmark = pytest.mark.timeout(60)

MB = 1_000_000


def processes_of(log: Path) -> Counter[int]:
    """How many items each process did, from the log of `KeepBusy`."""
    return Counter(one // 1000 for one in effects(log))


# -- by count ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize(("most", "items", "recycled"), [(1, 12, 12), (7, 100, 14)])
def test_a_worker_is_replaced_after_so_many_items(
    tmp_path: Path, most: int, items: int, recycled: int, idempotent: bool
) -> None:
    log = tmp_path / "log"
    task = KeepBusy(str(log), 0.0)

    report, results = collect(task, range(items), max_items_per_worker=most, idempotent=idempotent, engine="process")

    done = processes_of(log)
    assert results == list(range(items))
    assert Counter(one % 1000 for one in effects(log)) == Counter(range(items))
    assert sorted(done.values()) == sorted([most] * recycled + [items % most] * (items % most > 0))
    assert (report.recycled, report.rerun, report.failures) == (recycled, 0, ())


def test_several_workers_are_replaced_while_others_go_on(tmp_path: Path) -> None:
    log = tmp_path / "log"

    report, results = collect(
        KeepBusy(str(log), 0.002), range(100), max_workers=2, max_items_per_worker=9, ordered=True, engine="process"
    )

    assert results == list(range(100))
    assert max(processes_of(log).values()) == 9
    assert report.recycled == sum(count == 9 for count in processes_of(log).values())


def test_the_items_of_each_task_are_counted_by_themselves(tmp_path: Path) -> None:
    with skorche.Pipeline("two") as pipeline:
        rare = skorche.task(engine="process", max_items_per_worker=10)(KeepBusy(str(tmp_path / "rare"), 0.0))
        frequent = skorche.task(engine="process")(KeepBusy(str(tmp_path / "frequent"), 0.0))
        outs = [skorche.map(task, skorche.Queue(fixed_inputs=range(40))) for task in (rare, frequent)]

    report = pipeline.run(max_items_per_worker=20).wait()

    assert [out.flush() for out in outs] == [list(range(40))] * 2
    assert max(processes_of(tmp_path / "rare").values()) <= 10
    assert max(processes_of(tmp_path / "frequent").values()) <= 20
    assert report.recycled >= 4  # the rare task's limit wins over the run's


def test_failures_and_deaths_count_as_items_done(tmp_path: Path) -> None:
    log = tmp_path / "log"

    report, results = collect(
        Deadly("3", frozenset({5, 20}), str(log)), range(40), max_items_per_worker=6, idempotent=False, engine="process"
    )

    assert results == [number for number in range(40) if number not in (5, 20)]
    assert Counter(effects(log)) == Counter(range(40))
    assert [failure.item for failure in report.failures] == [5, 20]
    assert report.recycled >= 5


def test_items_of_a_task_with_a_timeout_are_given_back_by_workers_that_retire() -> None:
    report, results = collect(
        process_id, range(20), max_workers=2, timeout=20.0, max_items_per_worker=3, engine="process"
    )

    assert max(Counter(results).values()) == 3
    assert (report.delivered, report.failures) == (20, ())


def test_a_retired_worker_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "END_SECONDS", 0.2)
    with skorche.Pipeline("live") as pipeline:
        numbers: skorche.Queue[int] = skorche.Queue()
        task = skorche.task(engine="process", max_items_per_worker=1)(stay_on)
        out = skorche.map(task, numbers)

    with pipeline.run() as run:
        numbers.put(0)
        first = out.get(timeout=20)
        wait_until(lambda: is_gone(first))
        numbers.put(1)
        second = out.get(timeout=20)

    assert second != first
    assert run.report is not None
    assert run.report.recycled == 2


# -- by memory ---------------------------------------------------------------------------------------------------------


def test_a_worker_that_leaks_is_replaced_before_it_is_too_large() -> None:
    report, results = collect(
        Leak(50 * MB), range(20), max_workers=2, max_worker_memory="180MB", idempotent=False, engine="process"
    )

    kept = dict(sorted(results))  # the last of each process is what it had at its end
    assert (report.delivered, report.rerun) == (20, 0)
    assert max(kept.values()) <= 250 * MB  # one item over the limit, and another that was on its way already
    over = [most for most in kept.values() if most > 150 * MB]
    assert 2 <= len(kept) - 2 <= report.recycled <= len(over)  # of the two that are there at the end nobody may hear it


def test_memory_that_is_free_again_after_an_item_does_not_count() -> None:
    report, results = collect(use_for_a_while, range(8), max_worker_memory=70 * MB, engine="process")

    assert [(number, len(data)) for number, _, data in results] == [(number, 40 * MB) for number in range(8)]
    assert len({pid for _, pid, _ in results}) == 1
    assert report.recycled == 0


def test_a_limit_below_what_any_worker_needs_is_told_at_once() -> None:
    pipeline, _ = mapping(double, range(10), max_worker_memory="1MB", engine="process")

    with pytest.raises(skorche.WorkerStartError) as caught:
        pipeline.run().wait(timeout=5)

    assert caught.value.what.startswith("max_worker_memory is 1 MB, but a worker has ")
    assert caught.value.why == "that is what it takes to load the task, before the first item."
    assert caught.value.mend == "give max_worker_memory= a good deal more than that."


# -- the options -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "mend"),
    [
        *itertools.product(["max_items_per_worker"], [0, -1, 1.5, "many", True], ["give 1 or more items, or None."]),
        *itertools.product(
            ["max_worker_memory"],
            [0, -1, 1e9, "", "much", "500XB", "0 MB", "MB", "-5MB", True],
            ["give bytes, or a text such as '500MB' or '2GiB', or None."],
        ),
    ],
)
def test_a_limit_without_meaning_is_refused(option: str, value: Any, mend: str) -> None:
    pipeline, _ = mapping(double, range(3), engine="process")

    with pytest.raises(skorche.GraphError) as by_task:
        skorche.task(engine="process", **{option: value})
    with pytest.raises(skorche.GraphError) as by_run:
        pipeline.run(**{option: value})

    for who, error in (("a task", by_task.value), ("run()", by_run.value)):
        assert (error.what, error.why, error.mend) == (
            f"{who} was given {option}={value!r}.",
            "it has no meaning.",
            mend,
        )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500 * MB),
        ("500 mb", 500 * MB),
        ("1.5G", 1500 * MB),
        ("2GiB", 2 << 30),
        ("64k", 64_000),
        ("64KiB", 65_536),
        ("1tb", 1_000_000 * MB),
        ("300000000", 300 * MB),
        (" 300000000 B ", 300 * MB),
        (250 * MB, 250 * MB),
    ],
)
def test_a_size_may_be_a_number_or_a_text(text: int | str, size: int) -> None:
    pipeline, _ = mapping(double, range(3), max_worker_memory=text, engine="process")

    (stage,) = pipeline.plan().stages

    assert stage.recycling == (None, size)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({}, "on engine 'thread'"),
        ({"engine": "thread"}, "on engine 'thread'"),
        ({"engine": "inline"}, "on engine 'inline'"),
        ({"engine": ThreadPoolExecutor}, "in an executor, which has workers of its own"),
    ],
)
def test_a_task_without_a_process_of_its_own_cannot_have_limits(options: dict[str, Any], where: str) -> None:
    pipeline, _ = mapping(double, range(3), max_items_per_worker=5, max_worker_memory="1GB", **options)

    with pytest.raises(skorche.GraphError) as caught:
        pipeline.run()

    assert "was given max_items_per_worker=5 and max_worker_memory='1GB'." in caught.value.what
    assert caught.value.why == f"it runs {where}: skorche has no worker process there that it could replace."
    assert caught.value.mend == "add engine='process', or leave it out."


def test_a_run_on_another_engine_leaves_the_limits_aside() -> None:
    pipeline, out = mapping(double, range(3), max_items_per_worker=1)

    report = pipeline.run(engine="inline").wait()

    assert (out.flush(), report.recycled) == ([0, 2, 4], 0)


def test_the_limits_of_a_run_are_for_tasks_on_processes_only() -> None:
    with skorche.Pipeline("mixed") as pipeline:
        doubled = skorche.map(skorche.task(double), skorche.Queue(fixed_inputs=range(10)))
        out = skorche.map(skorche.task(engine="process")(double), doubled)

    report = pipeline.run(max_items_per_worker=2).wait()

    assert (out.flush(), report.recycled) == ([4 * number for number in range(10)], 5)


def test_the_report_tells_how_many_were_replaced(tmp_path: Path) -> None:
    report, _ = collect(process_id, range(4), max_items_per_worker=2, engine="process")

    assert "4 delivered, 2 workers recycled" in str(report)
    assert report.to_dict()["recycled"] == 2
