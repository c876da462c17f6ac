"""Each way for an object or a task to fail or to end the process, at each point of an item's way.

What is pickled on its way to a worker, and what is unpickled when it comes back, is so in the user's own process: what
ends a process there ends the user's program, with skorche or without. There only exceptions can be survived.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from engines.runs import collect
from engines.tasks import effects

import skorche

from .fatal import Bomb, Call, Obey, Order

pytestmark = pytest.mark.timeout(60)

RAISED = {"raise": "RuntimeError: not here", "sys.exit": "SystemExit: 4", "Ctrl-C": "KeyboardInterrupt"}
DIED = {
    "os._exit": ("exit code 5", 5),
    "libc exit": ("exit code 6", 6),
    "segmentation fault": ("signal 11, SIGSEGV", -11),
    "SIGABRT": ("signal 6, SIGABRT", -6),
    "SIGKILL": ("signal 9, SIGKILL", -9),
}
ITEMS = 50


def item_for(point: str, how: str, log: Path) -> Any:
    """What goes in to have it happen at this point."""
    if point == "call":
        return Call(how)
    what, _, when = point.partition(" ")
    make = Bomb if what == "item" else Order
    return make(when, how, os.getpid(), str(log))


def run_with(item: Any, log: Path, idempotent: bool) -> tuple[skorche.Report, list[Any]]:
    """The item among 50 innocent ones."""
    items = [*range(30), item, *range(30, ITEMS)]
    return collect(Obey(str(log)), items, max_workers=2, idempotent=idempotent, engine="process")


def check_innocents(report: skorche.Report, results: list[Any], log: Path, idempotent: bool) -> None:
    """Each has come out once; and if they may not run twice, they have not."""
    assert [one for one in results if isinstance(one, int)] == list(range(ITEMS))
    assert report.cancelled == 0
    runs = Counter(effects(log))
    assert runs == Counter(range(ITEMS)) if not idempotent else set(runs) == set(range(ITEMS))


@pytest.mark.parametrize("idempotent", [True, False], ids=["may run twice", "runs once"])
@pytest.mark.parametrize("how", RAISED)
@pytest.mark.parametrize(
    ("point", "kind", "told"),
    [
        ("item pickled", skorche.TransferError, "an item cannot be pickled: {}"),
        ("item unpickled", skorche.TransferError, "an item cannot be unpickled in a worker: {}"),
        ("call", None, ""),
        ("result pickled", skorche.TransferError, "a result cannot be pickled: {item}: {}"),
        ("result unpickled", skorche.TransferError, "a result cannot be unpickled: {}"),
    ],
)
def test_what_is_raised_on_the_way_fails_its_item_alone(
    tmp_path: Path, point: str, kind: type[Exception] | None, told: str, how: str, idempotent: bool
) -> None:
    item = item_for(point, how, tmp_path / "thrown away")

    report, results = run_with(item, tmp_path / "log", idempotent)

    (failure,) = report.failures
    check_innocents(report, results, tmp_path / "log", idempotent)
    assert failure.item is item
    assert type(failure.error) is (kind or (RuntimeError if how == "raise" else skorche.TaskError))
    assert told.format(RAISED[how], item=f"Bomb(pickled, {how})") in str(failure.error)
    assert len(results) == ITEMS


@pytest.mark.parametrize("idempotent", [True, False], ids=["may run twice", "runs once"])
@pytest.mark.parametrize("how", DIED)
@pytest.mark.parametrize(
    ("point", "told"),
    [
        ("item unpickled", "the item Bomb(unpickled, {how}) of task 'Obey', while it was read and unpickled."),
        ("call", "the item Call(how='{how}') of task 'Obey'."),
        ("result pickled", "of task 'Obey', while its result was pickled and written."),
    ],
)
def test_what_ends_the_worker_on_the_way_fails_its_item_alone(
    tmp_path: Path, point: str, told: str, how: str, idempotent: bool
) -> None:
    item = item_for(point, how, tmp_path / "thrown away")
    ending, code = DIED[how]

    report, results = run_with(item, tmp_path / "log", idempotent)

    (failure,) = report.failures
    error = failure.error
    check_innocents(report, results, tmp_path / "log", idempotent)
    assert failure.item is item
    assert isinstance(error, skorche.WorkerCrash)
    assert error.exit_code == code
    assert error.what.startswith(f"a worker process died ({ending}) on the item ")
    assert error.what.endswith(told.format(how=how))
    assert ("probably because memory ran out" in error.why) is (how == "SIGKILL")
    assert len(results) == ITEMS


@pytest.mark.parametrize("idempotent", [True, False], ids=["may run twice", "runs once"])
@pytest.mark.parametrize("how", [*RAISED, *DIED])
@pytest.mark.parametrize("point", ["item thrown away", "result thrown away"])
def test_what_happens_when_the_worker_throws_it_away_costs_nothing(
    tmp_path: Path, point: str, how: str, idempotent: bool
) -> None:
    """Its result has left by then; a worker that dies of it is on no item, and is replaced."""
    item = item_for(point, how, tmp_path / "thrown away")

    report, results = run_with(item, tmp_path / "log", idempotent)

    check_innocents(report, results, tmp_path / "log", idempotent)
    assert report.failures == ()
    assert [repr(one) for one in results if not isinstance(one, int)] == [f"Bomb(thrown away, {how})"]
    assert effects(tmp_path / "thrown away") != []
