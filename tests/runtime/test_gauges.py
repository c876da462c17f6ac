"""What a run is seen doing: who waits for what, exactly in virtual time, and about right in real runs."""

import threading
from collections.abc import Callable

import pytest
from engines.waiting import wait_until

import skorche
from skorche.engines.thread import ThreadEngine
from skorche.observe.report import Report
from skorche.runtime.build import build
from skorche.runtime.gauges import Gauge
from skorche.testing import FakeClock
from skorche.testing.simulation import simulate

pytestmark = pytest.mark.timeout(60)


def simulated(*seconds: float, workers: int = 1, items: int = 200) -> Report:
    """The report of a chain of tasks that take so long each, named a, b, c, with so many workers each."""
    clock = FakeClock()

    def taking(name: str, duration: float) -> skorche.Task[int, int]:
        def work(item: int) -> int:
            clock.sleep(duration)
            return item

        return skorche.task(work, name=name, max_workers=workers)

    with skorche.Pipeline() as pipeline:
        tasks = [taking("abc"[number], duration) for number, duration in enumerate(seconds)]
        skorche.chain(tasks, skorche.Queue(fixed_inputs=range(items)))
    return simulate(pipeline, clock=clock).report


def test_what_stands_before_the_slow_task_is_blocked_and_what_stands_behind_it_starves():
    nodes = simulated(0.01, 0.04, 0.02).nodes

    shares = {
        name: (
            round(node.blocked_seconds / node.worker_seconds, 1),
            round(node.starved_seconds / node.worker_seconds, 1),
        )
        for name, node in nodes.items()
    }
    assert shares == {"a": (0.7, 0.0), "b": (0.0, 0.0), "c": (0.0, 0.5)}


def test_the_queue_before_the_slow_task_is_full_and_the_one_behind_it_empty():
    nodes = simulated(0.01, 0.04, 0.02).nodes

    assert nodes["b"].full_seconds > 0.8 * nodes["b"].watched_seconds
    assert nodes["b"].queued_seconds > 0.9 * nodes["b"].watched_seconds
    assert nodes["b"].mean_waiting > 0.5
    assert nodes["c"].full_seconds < 0.1 * nodes["c"].watched_seconds
    assert nodes["c"].mean_waiting < 0.5


def test_worker_seconds_count_each_worker():
    node = simulated(0.01, workers=4).nodes["a"]

    assert node.workers == 4
    assert node.worker_seconds == pytest.approx(4 * node.watched_seconds)
    assert node.busy_seconds + node.starved_seconds + node.blocked_seconds <= node.worker_seconds * 1.01


def test_nodes_that_run_together_name_their_stage_and_the_first_tells_of_it():
    with skorche.Pipeline() as pipeline:
        numbers = skorche.map(abs, skorche.Queue(fixed_inputs=range(50)))
        skorche.batch(skorche.filter(bool, numbers), batch_size=5)
    nodes = simulate(pipeline).report.nodes

    assert {name: (node.stage, node.engine) for name, node in nodes.items()} == {
        "abs": ("abs", "thread"),
        "Filter(bool)": ("abs", "thread"),
        "Batch(5)": ("", ""),
    }
    assert nodes["abs"].workers == 1
    assert nodes["Filter(bool)"].workers == 0


def test_workers_that_a_limit_holds_are_held_and_the_limit_is_named():
    clock = FakeClock()
    with skorche.Pipeline() as pipeline:
        task = skorche.task(lambda _: clock.sleep(0.1), name="a", max_workers=4, limits=[skorche.limit("api", 1)])
        skorche.map(task, skorche.Queue(fixed_inputs=range(50)))

    node = simulate(pipeline, clock=clock, calm=True).report.nodes["a"]

    assert node.held_seconds > 0.7 * node.worker_seconds
    assert node.limits == ("at most 1 at a time (api)",)


def test_predicates_and_folds_are_serial_and_tasks_are_not():
    with skorche.Pipeline() as pipeline:
        kept = skorche.filter(bool, skorche.Queue(fixed_inputs=range(5)))
        numbers = skorche.map(skorche.task(abs, max_workers=2, ordered=True), kept)
        skorche.reduce(max, numbers, initial=0)

    nodes = simulate(pipeline).report.nodes

    assert [node.serial for node in nodes.values()] == [True, False, True]
    assert [node.ordered for node in nodes.values()] == [False, True, False]


def test_a_source_is_read_as_long_as_it_owes_items():
    clock = FakeClock()

    def give():
        for number in range(50):
            clock.sleep(0.03)
            yield number

    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(lambda _: clock.sleep(0.02), name="a"), skorche.Queue(fixed_inputs=give()))
    around = simulate(pipeline, clock=clock, calm=True).report.surroundings

    assert around.reading_seconds > 0.95 * around.watched_seconds
    assert around.source_seconds > 0.95 * around.watched_seconds


def until_seen(pipeline: skorche.Pipeline, release: threading.Event, seen: Callable[[Report], bool]) -> Report:
    """Run it until that is to be seen of it, then let go; the report so far."""
    with pipeline.run(progress=False) as run:
        wait_until(lambda: seen(run.snapshot()))
        report = run.snapshot()
        release.set()
    return report


def test_a_source_that_gives_nothing_is_seen():
    release = threading.Event()

    def give():
        yield 1
        release.wait(30)

    with skorche.Pipeline() as pipeline:
        skorche.map(abs, skorche.Queue(fixed_inputs=give()))

    report = until_seen(pipeline, release, lambda report: report.surroundings.source_seconds > 0.05)

    assert report.running
    assert report.nodes["abs"].starved_seconds > 0
    assert report.surroundings.sink_seconds == 0


def test_a_full_output_that_nobody_reads_is_seen():
    with skorche.Pipeline() as pipeline:
        out = skorche.Queue(name="out", maxsize=3)
        skorche.map(abs, skorche.Queue(fixed_inputs=range(10)), queue_out=out)

    with pipeline.run(progress=False) as run:
        wait_until(lambda: run.snapshot().surroundings.sink_seconds > 0.05)
        report = run.snapshot()
        assert len(list(out)) == 10

    assert report.nodes["abs"].blocked_seconds > 0
    assert report.surroundings.source_seconds < report.surroundings.sink_seconds


def test_bytes_over_process_borders_and_the_memory_of_workers_are_counted():
    release = threading.Event()

    def give():
        yield b"x" * 100_000
        release.wait(30)

    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(len, engine="process"), skorche.Queue(fixed_inputs=give()))

    def is_done_and_seen(report: Report) -> bool:
        return report.nodes["len"].worker_bytes > 0 and report.nodes["len"].bytes_out > 0

    report = until_seen(pipeline, release, is_done_and_seen)

    assert report.nodes["len"].engine == "process"
    assert 100_000 < report.nodes["len"].bytes_in < 110_000
    assert 0 < report.nodes["len"].bytes_out < 10_000
    assert report.surroundings.resident_bytes > report.nodes["len"].worker_bytes > 1_000_000


def test_the_look_out_ends_with_the_run():
    release = threading.Event()
    with skorche.Pipeline() as pipeline:
        skorche.map(lambda item: release.wait(30), skorche.Queue(fixed_inputs=[1]))

    until_seen(pipeline, release, lambda report: report.surroundings.watched_seconds > 0)

    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("skorche")] == []


def test_the_snapshot_of_a_run_that_has_ended_is_its_report():
    with skorche.Pipeline() as pipeline:
        skorche.map(abs, skorche.Queue(fixed_inputs=[1]))
    run = pipeline.run(progress=False)
    report = run.wait()

    assert run.snapshot() is report
    assert not report.running


def refuse_threads(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The system has no room for threads of this name."""
    start = threading.Thread.start

    def start_if_there_is_room(thread: threading.Thread) -> None:
        if thread.name.startswith(kind):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_if_there_is_room)


def test_a_run_goes_on_unseen_where_nobody_can_look(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    refuse_threads(monkeypatch, "skorche lookout")
    told = "can't start new thread, so the report will not tell what limits the run"

    def give():
        wait_until(lambda: told in caplog.text)
        yield -1

    with skorche.Pipeline() as pipeline:
        results = skorche.map(abs, skorche.Queue(fixed_inputs=give()))

    with caplog.at_level("WARNING", logger="skorche"):
        report = pipeline.run().wait()

    assert results.flush() == [1]
    assert report.surroundings.watched_seconds == 0


def test_a_run_for_which_there_is_no_thread_is_refused_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch):
    with skorche.Pipeline("threadless") as pipeline:
        skorche.map(abs, skorche.Queue(fixed_inputs=[-1]))
    refuse_threads(monkeypatch, "skorche threadless")

    with pytest.raises(RuntimeError, match="can't start new thread"):
        pipeline.run()

    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("skorche")] == []


def test_a_look_at_what_is_just_changing_tells_nothing_and_harms_nothing():
    class OnTheMove:
        @property
        def room(self) -> int:
            raise RuntimeError("dictionary changed size during iteration")

    with skorche.Pipeline() as pipeline:
        skorche.map(abs, skorche.Queue(fixed_inputs=[1]))
    (stage,) = build(pipeline.plan(), [ThreadEngine.capabilities]).stages
    stage.edge.accept([1], range(1))
    stage.targets = [OnTheMove()]
    gauge = Gauge(stage, "thread", serial=False)

    gauge.look(1.0)

    assert (gauge.watched, gauge.blocked) == (1.0, 0.0)
