"""The adapter for executors: what a pool's death costs, and pools that cannot be used."""

import functools
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest

import skorche

from . import deadly, fragile, tasks
from .choices import loky_processes, spawned_processes
from .runs import collect, mapping
from .waiting import wait_file

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=[spawned_processes, loky_processes], ids=["process pool", "loky"])
def factory(request: pytest.FixtureRequest) -> Callable[[], Executor]:
    made: Callable[[], Executor] = request.param
    return made


# -- pools that die ----------------------------------------------------------------------------------------------------


def test_a_death_fails_exactly_its_item(factory: Callable[[], Executor]) -> None:
    report, results = collect(deadly.Deadly("3", frozenset({70})), range(200), max_workers=2, engine=factory)

    (failure,) = report.failures
    assert (failure.item, type(failure.error)) == (70, skorche.WorkerCrash)
    assert "a worker of the executor died" in str(failure.error)
    assert results == [number for number in range(200) if number != 70]


def test_what_ran_again_after_a_death_is_counted_at_most(factory: Callable[[], Executor], tmp_path: Path) -> None:
    log = tmp_path / "log"

    report, _ = collect(deadly.Deadly("3", frozenset({70}), str(log)), range(200), max_workers=2, engine=factory)

    ran = Counter(tasks.effects(log))
    assert set(ran) == set(range(200))
    assert ran.total() - 200 <= report.rerun


def test_what_is_not_idempotent_never_runs_twice(factory: Callable[[], Executor], tmp_path: Path) -> None:
    log = tmp_path / "log"
    task = deadly.Deadly("3", frozenset({70}), str(log))

    report, results = collect(task, range(200), max_workers=2, idempotent=False, engine=factory)

    failed = {failure.item for failure in report.failures}
    assert set(Counter(tasks.effects(log)).values()) == {1}
    assert 70 in failed
    assert results == [number for number in range(200) if number not in failed]
    assert {type(failure.error) for failure in report.failures} == {skorche.WorkerCrash}


def test_a_retry_after_a_death_succeeds_in_a_new_executor(factory: Callable[[], Executor], tmp_path: Path) -> None:
    report, results = collect(deadly.die_once, [tmp_path / "marker"], retries=1, backoff=0.001, engine=factory)

    assert (report.ok, len(results)) == (True, 1)


@pytest.mark.parametrize(
    ("item", "kind", "told"),
    [
        (fragile.Fragile("raise", "pickled"), skorche.TransferError, "an item cannot be pickled: RuntimeError"),
        (
            fragile.Fragile("raise", "unpickled"),
            skorche.TransferError,
            "an item cannot be unpickled in a worker: Runtim",
        ),
        (
            fragile.Fragile("leave", "unpickled"),
            skorche.TransferError,
            "an item cannot be unpickled in a worker: System",
        ),
        (fragile.Fragile("exit", "unpickled"), skorche.WorkerCrash, "a worker of the executor died"),
        (
            fragile.Order("raise", "pickled"),
            skorche.TransferError,
            "a result cannot be pickled: Fragile(raise, pickled)",
        ),
        (fragile.Order("exit", "pickled"), skorche.WorkerCrash, "a worker of the executor died"),
        (fragile.Order("raise", "unpickled"), skorche.TransferError, "a result cannot be unpickled: RuntimeError"),
    ],
    ids=repr,
)
def test_an_object_that_makes_trouble_on_its_way_fails_alone(
    factory: Callable[[], Executor], item: Any, kind: type[Exception], told: str
) -> None:
    report, results = collect(fragile.obey, [*range(30), item, *range(30, 50)], engine=factory)

    (failure,) = report.failures
    assert results == list(range(50))
    assert failure.item is item
    assert type(failure.error) is kind
    assert told in str(failure.error)


def test_a_result_that_cannot_come_back_fails_alone_also_when_nothing_may_run_twice(
    factory: Callable[[], Executor], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    bad = fragile.Order("raise", "unpickled")
    obey = fragile.NoteAndObey(str(log))

    report, results = collect(obey, [*range(30), bad, *range(30, 50)], idempotent=False, engine=factory)

    assert [failure.item for failure in report.failures] == [bad]
    assert results == list(range(50))
    assert len(tasks.effects(log)) == 51


class Lingering(ProcessPoolExecutor):
    """As the standard library's may do when it breaks: it waits for a worker that it has not told to end."""

    def __init__(self) -> None:
        super().__init__(2, multiprocessing.get_context("spawn"))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        is_broken, workers = self._broken, self._processes  # type: ignore[attr-defined]  # the library's own
        super().shutdown(wait, cancel_futures=cancel_futures)
        if is_broken:
            forgotten = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(1000,))
            forgotten.start()
            workers[0] = forgotten
            forgotten.join()


def test_an_executor_that_broke_and_waits_for_a_worker_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skorche.engines.pools.BURIAL_SECONDS", 2.0)

    report, results = collect(deadly.Deadly("3", frozenset({7})), range(20), max_workers=2, engine=Lingering)

    assert [failure.item for failure in report.failures] == [7]
    assert results == [number for number in range(20) if number != 7]


# -- executors of the user's -------------------------------------------------------------------------------------------


def test_a_class_of_executors_is_called_to_make_one() -> None:
    report, results = collect(tasks.double, range(10), engine=ThreadPoolExecutor)

    assert (report.ok, results) == (True, [2 * number for number in range(10)])


def test_what_makes_something_else_than_an_executor_is_refused() -> None:
    pipeline, _ = mapping(tasks.double, [1], engine=lambda: 3)

    with pytest.raises(skorche.GraphError, match=r"<lambda> was given as an engine, and gave 3\."):
        pipeline.run()


def test_an_executor_given_as_an_object_is_left_to_its_owner() -> None:
    with ThreadPoolExecutor(2) as pool:
        report, results = collect(tasks.double, range(10), engine=pool)

        assert pool.submit(tasks.double, 21).result() == 42
    assert (report.ok, results) == (True, list(range(0, 20, 2)))


def test_tasks_share_an_executor_given_as_an_object() -> None:
    with ThreadPoolExecutor(1) as pool:
        with skorche.Pipeline("shared") as pipeline:
            first = skorche.map(skorche.task(engine=pool)(tasks.double), skorche.Queue(fixed_inputs=range(50)))
            out = skorche.map(skorche.task(engine=pool)(tasks.double), first)
        pipeline.run().wait()

    assert out.flush() == list(range(0, 200, 4))


def test_an_executor_given_as_an_object_that_breaks_ends_the_run() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pipeline, _ = mapping(deadly.Deadly("3", frozenset({5})), range(20), engine=pool)

        with pytest.raises(skorche.EngineError, match="the executor broke") as caught:
            pipeline.run(on_error="collect").wait(timeout=20)

    assert "give a factory" in str(caught.value)


def test_an_executor_that_was_shut_down_before_is_told() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    pipeline, _ = mapping(tasks.double, range(20), engine=pool)

    with pytest.raises(skorche.EngineError, match="cannot schedule new futures after shutdown"):
        pipeline.run(on_error="collect").wait(timeout=20)


def test_an_executor_that_is_shut_down_meanwhile_is_told(tmp_path: Path) -> None:
    pool = ThreadPoolExecutor(1)
    first, second = tmp_path / "first", tmp_path / "second"
    pipeline, _ = mapping(tasks.meet, [tasks.Meeting(number, first, second) for number in range(3)], engine=pool)

    run = pipeline.run(on_error="collect")
    wait_file(first)
    pool.shutdown(wait=False, cancel_futures=True)
    second.touch()

    with pytest.raises(skorche.EngineError, match="the executor does not work"):
        run.wait(timeout=20)


# -- executors that cannot work ----------------------------------------------------------------------------------------


def test_a_factory_that_fails_is_told_when_the_run_begins() -> None:
    def no_executor() -> Executor:
        raise OSError("no cluster")

    pipeline, _ = mapping(tasks.double, range(3), engine=no_executor)

    with pytest.raises(OSError, match="no cluster"):
        pipeline.run()


def test_an_executor_whose_workers_never_start_is_told_and_not_made_for_ever(tmp_path: Path) -> None:
    made = []

    def hopeless() -> Executor:
        made.append(1)
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, mp_context=context, initializer=os._exit, initargs=(7,))

    pipeline, _ = mapping(tasks.double, range(100), engine=hopeless)

    with pytest.raises(skorche.WorkerStartError, match="breaks again and again"):
        pipeline.run(on_error="collect").wait(timeout=30)
    assert len(made) <= 5


def test_a_task_whose_module_cannot_be_imported_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = f"import os\nif os.getpid() != {os.getpid()}:\n    raise ImportError('only at home')\ndef twice(n): ...\n"
    (tmp_path / "home_alone.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    import home_alone

    pipeline, _ = mapping(home_alone.twice, range(3), engine=spawned_processes)

    with pytest.raises(skorche.WorkerStartError, match="cannot load 'twice': ImportError: only at home"):
        pipeline.run(on_error="collect").wait(timeout=30)


def test_a_task_that_cannot_travel_is_told_when_the_run_begins(factory: Callable[[], Executor]) -> None:
    lock = Lock()
    pipeline, _ = mapping(lambda number: (lock, number), range(3), engine=factory)

    with pytest.raises(skorche.GraphError, match="task '<lambda>' cannot travel to another process"):
        pipeline.run()


# -- executors that break at a chosen moment ---------------------------------------------------------------------------


class Scripted(Executor):
    """An executor that does its calls at once, but breaks at those a script says: at the `submit`, or in the call."""

    def __init__(self, script: Iterator[str]) -> None:
        self.script, self.is_broken = script, False

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        what = next(self.script, "")
        if what == "at submit" or self.is_broken:
            self.is_broken = True
            raise BrokenExecutor("found broken")
        future: Future[Any] = Future()
        if what == "in the call":
            self.is_broken = True
            future.set_exception(BrokenExecutor("broke meanwhile"))
        else:
            future.set_result(function(*args, **kwargs))
        return future


def test_nobody_is_blamed_when_the_executor_was_broken_before() -> None:
    script = iter(["", "at submit", "", "at submit", "at submit"])

    report, results = collect(tasks.double, range(20), engine=functools.partial(Scripted, script))

    assert (report.failures, results) == ((), list(range(0, 40, 2)))
    assert report.rerun == 0


def test_an_item_alone_is_not_blamed_when_its_executor_was_broken_before() -> None:
    script = iter(["in the call", "at submit", ""])

    report, results = collect(tasks.double, [1], engine=functools.partial(Scripted, script))

    assert (report.failures, results) == ((), [2])
    assert report.rerun == 1


def test_an_item_alone_is_blamed_when_its_executor_breaks_in_its_call() -> None:
    script = iter(["in the call", "in the call", ""])

    report, results = collect(tasks.double, [1, 2], engine=functools.partial(Scripted, script))

    assert [(failure.item, type(failure.error)) for failure in report.failures] == [(1, skorche.WorkerCrash)]
    assert results == [4]


class Breaking(Executor):
    """An executor that breaks when it has four calls. Like the standard library's from 3.12 on, it tells its futures
    under a lock: whoever asked for anything in their callbacks would wait for ever.
    """

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []
        self.lock = Lock()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self.shutdown()
        future: Future[Any] = Future()
        self.futures.append(future)
        if len(self.futures) == 4:
            Thread(target=self.tell).start()
        return future

    def tell(self) -> None:
        with self.lock:
            for future in self.futures:
                future.set_exception(BrokenExecutor("all at once"))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        assert self.lock.acquire(timeout=5), "asked in the callback of a future"
        self.lock.release()


class Watching(ThreadPoolExecutor):
    """An executor that sees how many calls are under way."""

    under_way = most = 0

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self.under_way += 1
        Watching.most = max(Watching.most, self.under_way)
        future = super().submit(function, *args, **kwargs)
        future.add_done_callback(self.note_done)
        return future

    def note_done(self, _: object) -> None:
        self.under_way -= 1


def test_after_a_break_lost_items_run_alone_with_nothing_beside_them() -> None:
    executors = iter([Breaking(), Watching(4)])

    report, results = collect(tasks.double, range(4), max_workers=4, engine=lambda: next(executors))

    assert (report.failures, results, report.rerun) == ((), [0, 2, 4, 6], 4)
    assert Watching.most == 1
