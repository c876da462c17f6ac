"""Which nodes run together in a stage."""

import skorche
from skorche import Pipeline, Queue


def inc(number):
    return number + 1


def is_even(number):
    return number % 2 == 0


def spread(number):
    return [number, number]


def stages_of(pipeline: Pipeline, **choice) -> list[tuple[list[str], str, int]]:
    """The names in each stage, its engine, and its workers."""
    plan = pipeline.plan(**choice)
    return [([plan.nodes[node].name for node in stage.nodes], stage.engine, stage.workers) for stage in plan.stages]


def test_a_predicate_rides_behind_a_thread_task_with_one_worker():
    with Pipeline() as pipeline:
        skorche.filter(is_even, skorche.map(inc, Queue()))

    assert stages_of(pipeline) == [(["inc", "Filter(is_even)"], "thread", 1)]


def test_a_predicate_behind_four_workers_is_a_lane_of_its_own():
    four = skorche.task(max_workers=4)(inc)

    with Pipeline() as pipeline:
        skorche.filter(is_even, skorche.map(four, Queue()))

    assert stages_of(pipeline) == [(["inc"], "thread", 4), (["Filter(is_even)"], "thread", 1)]


def test_a_predicate_behind_a_process_is_a_lane_of_its_own_in_this_one():
    away = skorche.task(engine="process")(inc)

    with Pipeline() as pipeline:
        skorche.split(is_even, skorche.map(away, Queue()))

    assert stages_of(pipeline) == [(["inc"], "process", 1), (["Split(is_even)"], "thread", 1)]


def test_a_predicate_behind_a_task_with_a_timeout_is_a_lane_of_its_own():
    stoppable = skorche.task(timeout=5)(inc)

    with Pipeline() as pipeline:
        skorche.filter(is_even, skorche.map(stoppable, Queue()))

    assert stages_of(pipeline) == [(["inc"], "thread", 1), (["Filter(is_even)"], "thread", 1)]


def test_fuse_lets_a_predicate_travel_with_a_process():
    away = skorche.task(engine="process", max_workers=4)(inc)

    with Pipeline() as pipeline:
        skorche.filter(is_even, skorche.map(away, Queue()), fuse=True)

    assert stages_of(pipeline) == [(["inc", "Filter(is_even)"], "process", 4)]


def test_fuse_lets_a_predicate_run_in_several_threads():
    four = skorche.task(max_workers=4)(inc)

    with Pipeline() as pipeline:
        skorche.split(is_even, skorche.map(four, Queue()), fuse=True)

    assert stages_of(pipeline) == [(["inc", "Split(is_even)"], "thread", 4)]


def test_predicates_ride_behind_predicates():
    with Pipeline() as pipeline:
        small, _ = skorche.split(is_even, skorche.filter(is_even, Queue()))
        skorche.filter(is_even, small)

    assert stages_of(pipeline) == [(["Filter(is_even)", "Split(is_even)", "Filter(is_even)(2)"], "thread", 1)]


def test_both_branches_of_a_split_ride_on():
    with Pipeline() as pipeline:
        small, large = skorche.split(is_even, Queue())
        skorche.filter(is_even, small)
        skorche.unbatch(large)

    assert stages_of(pipeline) == [(["Split(is_even)", "Filter(is_even)", "Unbatch"], "thread", 1)]


def test_an_unbatch_rides_behind_any_task():
    away = skorche.task(engine="process", max_workers=4)(spread)

    with Pipeline() as pipeline:
        skorche.unbatch(skorche.map(away, Queue()))

    assert stages_of(pipeline) == [(["spread", "Unbatch"], "process", 4)]


def test_an_unbatch_at_the_start_is_a_lane_of_its_own():
    with Pipeline() as pipeline:
        skorche.unbatch(Queue())

    assert stages_of(pipeline) == [(["Unbatch"], "thread", 1)]


def test_thread_tasks_are_never_fused():
    with Pipeline() as pipeline:
        skorche.chain([inc, inc, inc], Queue())

    assert stages_of(pipeline) == [(["inc"], "thread", 1), (["inc(2)"], "thread", 1), (["inc(3)"], "thread", 1)]


def test_the_consumer_of_an_error_queue_is_not_fused_with_what_feeds_it():
    errors = Queue()

    with Pipeline() as pipeline:
        skorche.map(inc, Queue(), queue_errors=errors)
        skorche.filter(is_even, errors)

    assert stages_of(pipeline) == [(["inc"], "thread", 1), (["Filter(is_even)"], "thread", 1)]


def test_operators_with_memory_are_in_no_stage():
    with Pipeline() as pipeline:
        skorche.map(inc, skorche.batch(skorche.merge((skorche.map(inc, Queue()), Queue()))))

    assert stages_of(pipeline) == [(["inc"], "thread", 1), (["inc(2)"], "thread", 1)]
    assert [pipeline.plan().nodes[gather.node].name for gather in pipeline.plan().gathers] == ["Merge", "Batch(1)"]


def test_a_predicate_behind_an_operator_with_memory_is_a_lane_of_its_own():
    with Pipeline() as pipeline:
        skorche.filter(is_even, skorche.batch(skorche.map(inc, Queue())))

    assert stages_of(pipeline) == [(["inc"], "thread", 1), (["Filter(is_even)"], "thread", 1)]


def test_the_key_of_a_batch_is_asked_for_where_a_predicate_would_be():
    away = skorche.task(engine="process")(inc)

    with Pipeline() as pipeline:
        skorche.batch(skorche.map(inc, Queue()), batch_size=9, key=is_even)
        skorche.batch(skorche.map(away, Queue()), batch_size=5, weight=abs, max_weight=3)

    assert stages_of(pipeline) == [
        (["inc", "Batch(9)"], "thread", 1),
        (["inc(2)"], "process", 1),
        (["Batch(5)"], "thread", 1),
    ]


def test_nothing_rides_behind_the_memory_of_a_batch_by_key():
    with Pipeline() as pipeline:
        skorche.unbatch(skorche.filter(len, skorche.batch(skorche.map(inc, Queue()), key=is_even)))

    assert stages_of(pipeline) == [
        (["inc", "Batch(is_even)"], "thread", 1),
        (["Filter(len)", "Unbatch"], "thread", 1),
    ]


def test_a_batch_by_time_asks_nothing_and_is_in_no_stage():
    with Pipeline() as pipeline:
        skorche.batch(skorche.map(inc, Queue()), timeout=1)

    assert stages_of(pipeline) == [(["inc"], "thread", 1)]


def test_nodes_declared_downstream_first_are_fused_all_the_same():
    between = Queue()

    with Pipeline() as pipeline:
        skorche.filter(is_even, between)
        skorche.map(inc, Queue(), queue_out=between)

    assert stages_of(pipeline) == [(["inc", "Filter(is_even)"], "thread", 1)]


def test_the_runs_engine_is_for_tasks_that_choose_none():
    away = skorche.task(engine="process")(inc)

    with Pipeline() as pipeline:
        skorche.chain([inc, away], Queue())

    assert [engine for _, engine, _ in stages_of(pipeline, engine="inline")] == ["inline", "process"]


def test_a_run_on_processes_keeps_predicates_here():
    with Pipeline() as pipeline:
        skorche.filter(is_even, skorche.map(inc, Queue()))

    assert stages_of(pipeline, engine="process") == [(["inc"], "process", 1), (["Filter(is_even)"], "thread", 1)]
