"""What limits a run: by records of which the truth is plain, and by real runs that leave no doubt."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from engines.waiting import wait_until

import skorche
from skorche.events import NodeTally, RunFinished, Surroundings
from skorche.observe.analyze import Analysis, analyze, predict
from skorche.observe.report import Report

pytestmark = pytest.mark.timeout(120)

SECONDS = 10.0


def stage(
    name: str, load: float, *, workers: int = 1, items: int = 1000, queued: float = 0.0, **more: object
) -> NodeTally:
    """A stage on threads, watched for ten seconds, starved when it was not busy; its tasks waited all the time."""
    had = SECONDS * workers
    seen: dict[str, object] = {
        "received": items,
        "emitted": items,
        "busy_seconds": load * had,
        "stage": name,
        "engine": "thread",
        "workers": workers,
        "watched_seconds": SECONDS,
        "worker_seconds": had,
        "starved_seconds": (1 - load) * had,
        "queued_seconds": queued * SECONDS,
    }
    return NodeTally(**seen | more)


def record_of(nodes: dict[str, NodeTally], *, items: int = 1000, **around: object) -> RunFinished:
    seen: dict[str, object] = {"cores": 4, "watched_seconds": SECONDS} | around
    return RunFinished(
        "job", SECONDS, items, items, 0, 0, 0, 0, 0, 0, (), nodes, surroundings=Surroundings(**seen), running=False
    )


def found(*stages: NodeTally, **around: object) -> Analysis:
    return analyze(record_of({one.stage: one for one in stages}, **around))


# -- what a stage did -------------------------------------------------------------------------------------------------


def test_a_stage_has_a_demand_per_source_item_and_a_bound():
    analysis = found(stage("half", 0.5, workers=2, items=4000, cpu_seconds=2.0))

    (half,) = analysis.stages
    assert analysis.throughput == 100.0
    assert (half.visits, half.seconds, half.demand) == pytest.approx((4.0, 0.0025, 0.01))
    assert (half.cpu_seconds, half.computes) == pytest.approx((0.0005, 0.2))
    assert (half.utilisation, half.starved, half.load) == pytest.approx((0.5, 0.5, 0.5))
    assert half.bound == pytest.approx(half.workers / half.demand)


def test_nodes_that_run_together_are_one_stage_named_by_the_one_that_takes_longest():
    head = stage("parse", 0.1)
    rider = NodeTally(received=1000, emitted=500, busy_seconds=8.5, stage="parse", engine="thread")

    analysis = analyze(record_of({"parse": head, "is_big": rider}))

    assert analysis.stages[0].nodes == ("is_big", "parse")
    assert analysis.bottleneck == "is_big"
    assert analysis.stage("parse") is analysis.stage("is_big")


def test_operators_with_memory_are_no_stages():
    analysis = analyze(record_of({"Batch(5)": NodeTally(received=1000, emitted=200)}))

    assert analysis.stages == ()


def test_work_that_has_not_ended_counts_as_it_was_seen():
    analysis = found(stage("slow", 1.0, items=1, busy_seconds=0.0, starved_seconds=0.0), items=1)

    assert analysis.stages[0].load == 1.0
    assert analysis.bottleneck == "slow"


# -- what limits ------------------------------------------------------------------------------------------------------


def test_the_busiest_stage_limits():
    analysis = found(stage("quick", 0.3), stage("slow", 0.98, workers=2, queued=0.96), stage("last", 0.6))

    assert analysis.bottleneck == "slow"
    assert analysis.verdict == (
        "`slow` limits: busy 98%, items waiting for it 96% of the time; +2 workers (max_workers=4): about 1.6 times"
    )


def test_of_two_that_are_as_busy_the_one_before_which_items_wait_limits():
    assert found(stage("first", 0.97, queued=0.99), stage("second", 0.98, queued=0.1)).bottleneck == "first"


def test_cores_that_are_idle_are_told_where_the_limit_computes():
    verdict = found(stage("resize", 0.98, engine="process", cpu_seconds=9.6)).verdict

    assert verdict.endswith("; 3 cores idle")


def test_cores_that_are_all_in_use_limit():
    analysis = found(stage("resize", 0.98, engine="process", workers=4, cpu_seconds=38.0, queued=1.0))

    assert analysis.bottleneck == "cpu"
    assert analysis.verdict == (
        "all 4 cores are in use (95%): more workers gain nothing; `resize` computes most, 3.8 of 3.8 cores in use"
    )


def test_workers_that_stand_in_line_for_a_core_would_use_one():
    resize = stage("resize", 0.98, engine="process", workers=4, cpu_seconds=8.0, queued=1.0)

    analysis = found(resize, lined_seconds=31.0)

    assert analysis.bottleneck == "cpu"
    assert analysis.others["cpu"] == pytest.approx(0.975)
    assert analysis.verdict == (
        "the cores limit, which other programs use too: 3.1 workers stand in line for a core, on the average; "
        "more workers gain little; `resize` computes most, 0.8 of 0.8 cores in use"
    )


def test_python_on_threads_is_limited_by_its_lock_and_processes_would_help():
    parse = stage("parse", 0.98, workers=4, cpu_seconds=9.7, queued=1.0)

    analysis = found(parse, cpu_seconds=9.9, gil_seconds=9.5)

    assert analysis.bottleneck == "gil"
    assert analysis.verdict == (
        "pure-Python work on threads, one at a time because of Python's lock (99% of the time): "
        "engine='process' for `parse`, 4 workers, would give about 4.0 times"
    )


def test_of_two_tasks_that_the_lock_keeps_from_each_other_one_on_processes_frees_both():
    stages = [stage(name, 0.97, cpu_seconds=1.5, queued=1.0) for name in ("parse", "check")]

    verdict = found(*stages, cpu_seconds=3.1, gil_seconds=9.5).verdict

    assert verdict.endswith("engine='process' for `parse`, 4 workers, would give about 1.9 times")


def test_one_core_that_threads_fight_for_is_taken_for_the_lock_where_that_was_not_seen():
    assert found(stage("parse", 0.98, workers=4, cpu_seconds=9.7), cpu_seconds=9.9).bottleneck == "gil"


def test_c_code_that_lets_go_of_the_lock_is_not_limited_by_it():
    one = found(stage("digest", 0.99, cpu_seconds=9.8), cpu_seconds=9.9, gil_seconds=0.3)
    two = found(stage("digest", 0.99, workers=2, cpu_seconds=19.0), cpu_seconds=19.1, gil_seconds=0.3)

    assert (one.bottleneck, two.bottleneck) == ("digest", "digest")
    assert predict(one, "digest", 2) == pytest.approx(2.0)


def test_tasks_that_wait_limit_though_others_hold_the_lock():
    fetch = stage("fetch", 0.97, workers=8, cpu_seconds=0.4, queued=1.0)

    assert found(fetch, cpu_seconds=9.0, gil_seconds=8.0).bottleneck == "fetch"


def test_a_lock_that_was_not_to_be_had_while_hardly_anything_computed_limits_nothing():
    """Who had it was kept from a core by another program."""
    analysis = found(stage("fetch", 0.7, cpu_seconds=0.3), cpu_seconds=0.4, gil_seconds=7.0)

    assert analysis.bottleneck == "fetch"
    assert predict(analysis, "fetch", 2) == pytest.approx(2.0)


def test_items_so_many_that_python_does_nothing_but_hand_them_over_are_limited_by_its_lock():
    abs_stage = stage("abs", 0.4, items=5_000_000, cpu_seconds=3.0)

    analysis = found(abs_stage, items=5_000_000, cpu_seconds=9.8)

    assert analysis.bottleneck == "gil"
    assert analysis.verdict == (
        "Python outside of the tasks limits (500,000 items per second through `abs`): its threads compute all the "
        "time, and most of that is none of the tasks' doing; give these more to do at once, as with batch()"
    )


def test_a_source_that_keeps_all_waiting_limits():
    analysis = found(stage("parse", 0.4), source_seconds=9.6, reading_seconds=9.9, source="urls")

    assert analysis.bottleneck == "source"
    assert analysis.verdict == (
        "the source 'urls' limits: tasks could have begun something, and waited for it, 96% of the time; "
        "`parse` was busy 40%: a quicker source would give up to 2.5 times"
    )


def test_a_source_that_is_as_busy_as_a_stage_with_items_before_it_does_not_limit():
    analysis = found(stage("parse", 0.95, queued=0.9), source_seconds=6.0, reading_seconds=9.9)

    assert analysis.bottleneck == "parse"


def test_a_run_in_which_nothing_has_come_waits_for_its_source():
    record = record_of({"parse": stage("parse", 0.0, items=0)}, items=0, source_seconds=9.9, reading_seconds=9.9)

    assert analyze(record._replace(running=True)).bottleneck == "source"


def test_an_output_that_nobody_reads_limits():
    analysis = found(stage("parse", 0.25, blocked_seconds=7.4), sink_seconds=9.5, output="x")

    assert analysis.bottleneck == "sink"
    assert analysis.verdict == (
        "nobody reads output 'x' in time, which was full 95% of the time: read quicker, it would be up to 3.8 times"
    )


def test_an_output_that_nobody_reads_at_all_is_told_with_what_to_do():
    analysis = found(stage("parse", 0.001, blocked_seconds=9.9), sink_seconds=9.9, output="x")

    assert analysis.verdict == (
        "nobody reads output 'x' in time, which was full 99% of the time: "
        "read it while the run goes on, or leave its maxsize out"
    )


def test_memory_that_holds_the_sources_limits():
    analysis = found(stage("parse", 0.3), memory_seconds=8.0, source_seconds=8.0, reading_seconds=1.0)

    assert analysis.bottleneck == "memory"
    assert analysis.verdict == (
        "memory limits: sources were held 80% of the time since it was short; give it more (memory=), or have fewer or "
        "smaller items at once"
    )


def test_a_stage_that_a_limit_holds_gains_nothing_by_workers():
    held = stage("fetch", 0.2, workers=4, starved_seconds=0.0, held_seconds=32.0, limits=("at most 1 at a time (api)",))

    analysis = found(held)

    assert (analysis.bottleneck, predict(analysis, "fetch", 8)) == ("fetch", 1.0)
    assert "at most 1 at a time (api) held its workers for 80% of their time" in analysis.verdict


def test_a_predicate_gains_nothing_by_workers():
    analysis = found(stage("Filter(is_big)", 0.97, serial=True, queued=1.0))

    assert predict(analysis, "Filter(is_big)", 4) == 1.0
    assert "it takes one item after the other, so no workers help" in analysis.verdict


def test_of_a_pinned_task_no_more_workers_are_advised():
    analysis = found(stage("train", 0.97, workers=2, pinned=True, queued=1.0))

    assert analysis.bottleneck == "train"
    assert analysis.verdict.endswith(
        "pin=True keeps it at 2 workers: let it do less, or take the pin away if more may work side by side"
    )


def test_inline_tasks_take_turns_and_the_longest_is_named():
    analysis = found(stage("read", 0.2, engine="inline"), stage("parse", 0.75, engine="inline"))

    assert (analysis.bottleneck, predict(analysis, "parse", 4)) == ("parse", 1.0)
    assert "inline, one thing is done after the other" in analysis.verdict


def test_inline_a_task_that_has_work_and_stands_behind_another_is_not_busy():
    behind = stage("quick", 0.1, engine="inline", starved_seconds=0.0, queued=0.9)

    assert found(stage("slow", 0.85, engine="inline", queued=0.2), behind).bottleneck == "slow"


def test_too_few_items_are_told():
    analysis = found(stage("a", 0.4, items=1, starved_seconds=6.0), stage("b", 0.3, items=1), items=1)

    assert analysis.verdict == (
        "nothing was busy all the time, `a` most: 40% of it, 1 item for 1 worker; more workers gain nothing: there are "
        "too few items to share"
    )


@pytest.mark.parametrize("watched", [0.0, 0.04])
def test_of_a_run_that_was_too_short_nothing_is_said(watched: float):
    analysis = found(stage("parse", 0.9), watched_seconds=watched)

    assert analysis.bottleneck == ""
    assert analysis.verdict == f"it was too short to tell what limits it: {watched:.2f} s were watched"


@pytest.mark.parametrize(
    ("engine", "watched", "busy", "limit"),
    [("process", 0.4, 0.05, ""), ("process", 0.6, 0.05, "a"), ("process", 0.4, 0.35, "a"), ("thread", 0.4, 0.05, "a")],
)
def test_workers_that_have_hardly_started_limit_nothing(engine: str, watched: float, busy: float, limit: str):
    had = {"watched_seconds": watched, "worker_seconds": watched, "busy_seconds": busy, "starved_seconds": 0.0}
    analysis = found(stage("a", 0.0, engine=engine, queued=1.0, **had), watched_seconds=watched)

    assert analysis.bottleneck == limit


def test_nothing_limits_a_run_that_did_nothing():
    analysis = found(stage("parse", 0.0, items=0), items=0)

    assert (analysis.bottleneck, analysis.verdict) == ("", "nothing was done, so nothing limited it")


@pytest.mark.parametrize("name", ["cpu", "gil", "source", "sink", "memory"])
def test_a_task_may_be_called_like_something_else_that_limits(name: str):
    assert found(stage(name, 0.95, queued=1.0)).verdict.startswith(f"`{name}` limits")


# -- what would be ----------------------------------------------------------------------------------------------------


def test_the_next_limit_takes_over():
    analysis = found(stage("slow", 0.9, queued=1.0), stage("next", 0.6))

    assert [predict(analysis, "slow", workers) for workers in (1, 2, 3)] == pytest.approx([1.0, 1.5, 1.5])
    assert predict(analysis, "next", 2) == 1.0


def test_fewer_workers_cost():
    assert predict(found(stage("slow", 0.9, workers=4)), "slow", 2) == pytest.approx(0.5)


def test_the_cores_are_a_limit_of_what_workers_gain():
    analysis = found(stage("resize", 0.98, engine="process", workers=2, cpu_seconds=19.6))

    assert predict(analysis, "resize", 8) == pytest.approx(2.0)


def test_few_items_do_not_fill_more_workers():
    analysis = found(stage("slow", 0.9, workers=4, items=6, starved_seconds=1.0))

    assert predict(analysis, "slow", 5) == 1.0
    assert predict(analysis, "slow", 6) == 2.0


def test_nobody_foresees_what_a_node_gains_that_is_not_there():
    with pytest.raises(KeyError):
        predict(found(stage("slow", 0.9)), "quick", 2)


# -- real runs --------------------------------------------------------------------------------------------------------


def waiting(name: str, seconds: float, **options: object) -> skorche.Task[int, int]:
    def wait(item: int) -> int:
        time.sleep(seconds)
        return item

    return skorche.task(wait, name=name, **options)


def report_of(pipeline: skorche.Pipeline, **options: object) -> Report:
    return pipeline.run(progress=False, **options).wait()


def test_a_run_that_does_all_its_work_in_one_turn_is_looked_at():
    with skorche.Pipeline() as pipeline:
        skorche.chain([waiting("slow", 0.01), waiting("quick", 0.001)], skorche.Queue(fixed_inputs=range(30)))

    report = report_of(pipeline, engine="inline")

    assert report.bottleneck == "slow"
    assert report.surroundings.watched_seconds > 0.2


def test_a_pinned_task_is_known_to_be_so():
    with skorche.Pipeline() as pipeline:
        skorche.map(waiting("slow", 0.01, pin=True), skorche.Queue(fixed_inputs=range(30)))

    assert "pin=True keeps it at 1 worker" in report_of(pipeline).verdict


def test_a_task_that_waits_longest_is_named():
    with skorche.Pipeline() as pipeline:
        tasks = [waiting("a", 0.001), waiting("b", 0.02), waiting("c", 0.002)]
        skorche.chain(tasks, skorche.Queue(fixed_inputs=range(40)))

    report = report_of(pipeline)

    assert report.bottleneck == "b"
    assert report.verdict.startswith("`b` limits: busy ")
    assert report.verdict in str(report).splitlines()
    assert (report.to_dict()["bottleneck"], report.to_dict()["verdict"]) == ("b", report.verdict)


def test_python_on_threads_is_limited_by_the_lock():
    def spin(item: int) -> int:
        until = time.thread_time() + 0.01
        while time.thread_time() < until:
            item += 1
        return item

    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(spin, max_workers=4), skorche.Queue(fixed_inputs=range(100)))

    report = report_of(pipeline)

    assert report.bottleneck == "gil"
    assert "engine='process' for `spin`" in report.verdict or "more workers gain nothing" in report.verdict


def test_a_generator_that_gives_slowly_is_the_limit():
    def give() -> Iterator[int]:
        for number in range(20):
            time.sleep(0.02)
            yield number

    with skorche.Pipeline() as pipeline:
        skorche.map(waiting("a", 0.001), skorche.Queue("numbers", fixed_inputs=give()))

    report = report_of(pipeline)

    assert report.bottleneck == "source"
    assert report.verdict.startswith("the source 'numbers' limits")


def test_an_output_that_is_not_read_is_the_limit_and_seen_while_it_runs():
    with skorche.Pipeline() as pipeline:
        out = skorche.Queue(name="out", maxsize=3)
        skorche.map(abs, skorche.Queue(fixed_inputs=range(10)), queue_out=out)

    with pipeline.run(progress=False) as run:
        wait_until(lambda: run.snapshot().bottleneck == "sink")
        assert run.snapshot().verdict.startswith("nobody reads output 'out' in time")
        assert len(list(out)) == 10


def test_an_open_input_is_the_limit_while_nobody_puts_anything():
    with skorche.Pipeline() as pipeline:
        numbers = skorche.Queue(name="numbers")
        skorche.map(abs, numbers)

    with pipeline.run(progress=False) as run:
        wait_until(lambda: run.snapshot().bottleneck == "source")
        numbers.close()


def test_async_tasks_in_flight_are_its_workers():
    async def fetch(item: int) -> int:
        await asyncio.sleep(0.02)
        return item

    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(fetch, max_workers=4), skorche.Queue(fixed_inputs=range(100)))

    report = report_of(pipeline)

    assert report.bottleneck == "fetch"
    assert "max_workers=8" in report.verdict


def test_a_limit_that_holds_a_task_is_told():
    api = skorche.limit("api", 1)
    with skorche.Pipeline() as pipeline:
        skorche.map(waiting("fetch", 0.01, max_workers=4, limits=[api]), skorche.Queue(fixed_inputs=range(40)))

    report = report_of(pipeline)

    assert report.bottleneck == "fetch"
    assert "at most 1 at a time (api) held its workers" in report.verdict


def test_a_reader_that_is_prompt_is_no_limit_though_the_output_is_small():
    with skorche.Pipeline() as pipeline:
        out = skorche.Queue(maxsize=1)
        skorche.map(waiting("slow", 0.02), skorche.Queue(fixed_inputs=range(20)), queue_out=out)

    with pipeline.run(progress=False) as run:
        assert len(list(out)) == 20

    assert run.report is not None
    assert run.report.bottleneck == "slow"


def test_a_run_that_was_kept_has_its_verdict_and_one_of_before_has_none(tmp_path):
    with skorche.Pipeline("job") as pipeline:
        skorche.map(waiting("slow", 0.01), skorche.Queue(fixed_inputs=range(20)))
    report = report_of(pipeline, store=tmp_path)

    kept = skorche.open_run(tmp_path)
    assert (kept.bottleneck, kept.verdict) == ("slow", report.verdict)

    path = kept.path / "report.json"
    text = path.read_text()
    for field in ("bottleneck", "verdict"):
        text = text.replace(f'"{field}"', f'"no_{field}"')
    path.write_text(text)
    assert (skorche.open_run(tmp_path).bottleneck, skorche.open_run(tmp_path).verdict) == ("", "")
