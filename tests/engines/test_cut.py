"""Quick items, and behind them slow ones: work is shared out anew, results come, and a stop is heard."""

import time
from collections import Counter
from pathlib import Path
from threading import get_native_id

import pytest

import skorche

from .deadly import Deadly
from .runs import collect
from .tasks import effects, note

pytestmark = pytest.mark.timeout(120)

QUICK = 5_000
ENGINES = ["thread", "process"]


class Uneven:
    """The first items are done already, as after a run that was interrupted. The others are noted, and take a while."""

    def __init__(self, log: Path, seconds: float) -> None:
        self.log, self.seconds = str(log), seconds

    def __call__(self, number: int) -> int:
        if number >= QUICK:
            note(number, self.log)
            note(get_native_id(), f"{self.log} of workers")
            time.sleep(self.seconds)  # the work itself
        return number


def uneven(task: Uneven, slow: int, **options: object) -> tuple[skorche.Pipeline, skorche.Queue[int]]:
    numbers = skorche.Queue(name="numbers", fixed_inputs=list(range(QUICK + slow)))
    with skorche.Pipeline("uneven") as pipeline:
        return pipeline, skorche.map(skorche.task(**options)(task), numbers)


@pytest.mark.parametrize("engine", ENGINES)
def test_slow_items_behind_quick_ones_are_shared_by_all_workers(engine: str, tmp_path: Path) -> None:
    pipeline, out = uneven(Uneven(tmp_path / "log", 0.02), 200, max_workers=4)

    report = pipeline.run(engine=engine).wait()

    assert out.flush() == list(range(QUICK + 200))
    assert sorted(effects(tmp_path / "log")) == list(range(QUICK, QUICK + 200))
    by_worker = Counter(effects(tmp_path / "log of workers"))
    assert len(by_worker) == 4
    assert max(by_worker.values()) < 100  # a chunk that nobody cuts has all 200
    assert (report.delivered, report.rerun) == (QUICK + 200, 0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_lone_worker_keeps_the_order_and_several_each_item(engine: str, workers: int, tmp_path: Path) -> None:
    pipeline, out = uneven(Uneven(tmp_path / "log", 0.02), 50, max_workers=workers)

    with pipeline.run(engine=engine):
        came = list(out)

    assert sorted(came) == list(range(QUICK + 50))
    assert came == sorted(came) or workers > 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("workers", [1, 2])
def test_with_ordered_they_come_in_order(engine: str, workers: int, tmp_path: Path) -> None:
    pipeline, out = uneven(Uneven(tmp_path / "log", 0.01), 50, max_workers=workers, ordered=True)

    with pipeline.run(engine=engine):
        assert list(out) == list(range(QUICK + 50))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_cancel_waits_for_no_more_than_is_under_way(engine: str, tmp_path: Path) -> None:
    pipeline, out = uneven(Uneven(tmp_path / "log", 0.02), 2_000, max_workers=2)
    run = pipeline.run(engine=engine)
    for number in out:
        if number >= QUICK:
            break

    run.cancel(grace=20)
    report = run.join(10)

    begun = len(effects(tmp_path / "log"))
    assert begun < 200
    assert report.delivered == QUICK + begun
    assert report.cancelled == report.admitted - report.delivered


def test_a_death_behind_quick_items_costs_little(tmp_path: Path) -> None:
    class Killed(Uneven):
        def __call__(self, number: int) -> int:
            return Deadly("3", frozenset({QUICK + 100}))(super().__call__(number))

    log = tmp_path / "log"
    report, results = collect(Killed(log, 0.005), list(range(QUICK + 300)), max_workers=1, engine="process")

    assert [failure.item for failure in report.failures] == [QUICK + 100]
    assert results == [number for number in range(QUICK + 300) if number != QUICK + 100]
    assert len(effects(log)) == 300  # none of the slow ones ran twice


def test_a_run_that_goes_on_slowly_has_not_stalled(tmp_path: Path) -> None:
    pipeline, _ = uneven(Uneven(tmp_path / "log", 0.05), 40, max_workers=1)

    report = pipeline.run(engine="process", stall_timeout=1.0, on_stall="raise").wait()

    assert report.ok
