"""Which tasks on worker processes travel together, so that what is between them need not leave the worker."""

from typing import Any

import pytest

import skorche
from skorche import Pipeline, Queue
from skorche.compile.planner import make_plan
from skorche.engines import EngineNames

CORES = 4


def inc(number):
    return number + 1


def is_even(number):
    return number % 2 == 0


def away(**options: Any) -> Any:
    """A task on worker processes, as many as there are cores, unless the options say otherwise."""
    return skorche.task(**{"engine": "process", "max_workers": CORES, **options})(inc)


def stages_of(pipeline: Pipeline, **choice: Any) -> list[list[str]]:
    """The names in each stage, on a machine with four cores."""
    plan = make_plan(pipeline.graph, engines=EngineNames(), cores=CORES, **choice)
    return [[plan.nodes[node].name for node in stage.nodes] for stage in plan.stages]


TOGETHER, APART = [["inc", "inc(2)"]], [["inc"], ["inc(2)"]]


def of_two(first: Any, second: Any, **choice: Any) -> list[list[str]]:
    """The stages of two tasks, one after the other."""
    with Pipeline() as pipeline:
        skorche.chain([first, second], Queue())
    return stages_of(pipeline, **choice)


def test_tasks_that_may_use_every_process_travel_together():
    with Pipeline() as pipeline:
        skorche.chain([away(), away(), away()], Queue())

    assert stages_of(pipeline) == [["inc", "inc(2)", "inc(3)"]]


def test_the_plan_shows_what_travels_together():
    with Pipeline("journey") as pipeline:
        skorche.chain([away(), away()], Queue(name="numbers"), queue_out=Queue(name="out"))

    assert make_plan(pipeline.graph, engines=EngineNames(), cores=CORES).explain().splitlines()[:2] == [
        "journey: 1 stages",
        "  stage 0: inc + inc(2) [process, 4 workers] -> output out",
    ]


@pytest.mark.parametrize(("first", "second"), [(2, 4), (4, 2), (3, 3)])
def test_tasks_that_would_leave_processes_idle_do_not(first, second):
    assert of_two(away(max_workers=first), away(max_workers=second)) == APART


def test_a_task_with_more_workers_than_there_are_cores_makes_the_pool_larger():
    wide = away(max_workers=2 * CORES)

    assert of_two(wide, wide) == TOGETHER
    assert of_two(wide, away()) == APART


@pytest.mark.parametrize(
    "options",
    [
        {"fuse": False},
        {"timeout": 5},
        {"limits": [skorche.limit("api", 2)]},
        {"idempotent": False},
        {"ordered": True},
        {"max_items_per_worker": 10},
        {"max_worker_memory": "1GB"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_that_keep_a_task_apart(options):
    assert of_two(away(**options), away()) == APART
    assert of_two(away(), away(**options)) == APART


@pytest.mark.parametrize("options", [{"ordered": True}, {"max_items_per_worker": 10}, {"max_worker_memory": "1GB"}])
def test_options_that_hold_for_the_whole_of_a_trip_may_be_the_same(options):
    assert of_two(away(**options), away(**options)) == TOGETHER


@pytest.mark.parametrize(
    "options",
    [{"retries": 3}, {"on_error": "collect"}, {"unpack": True}, {"tag": "x"}],
    ids=lambda one: next(iter(one)),
)
def test_options_of_the_calls_alone_keep_nothing_apart(options):
    assert len(of_two(away(), away(**options))) == 1


def test_an_isolating_task_can_only_lead():
    lists = away(isolate=True)

    assert of_two(lists, away()) == TOGETHER
    assert of_two(away(), lists) == APART


def test_workers_that_may_change_keep_tasks_apart():
    assert of_two(away(), away(), resizing=True) == APART
    assert of_two(away(pin=True), away(pin=True), resizing=True) == TOGETHER


def test_other_engines_keep_tasks_apart():
    assert of_two(away(engine="thread"), away()) == APART
    assert of_two(away(), away(engine="thread")) == APART


def test_pure_predicates_go_along():
    with Pipeline() as pipeline:
        even, odd = skorche.split(is_even, skorche.map(away(), Queue()), fuse=True)
        skorche.map(away(), skorche.filter(is_even, even, fuse=True))
        skorche.map(away(), odd)

    assert stages_of(pipeline) == [["inc", "Split(is_even)", "Filter(is_even)", "inc(2)", "inc(3)"]]


def test_a_predicate_that_is_called_one_at_a_time_is_in_between():
    with Pipeline() as pipeline:
        skorche.map(away(), skorche.filter(is_even, skorche.map(away(), Queue())))

    assert stages_of(pipeline) == [["inc"], ["Filter(is_even)"], ["inc(2)"]]


def test_elements_of_a_list_are_shared_out_among_the_workers():
    with Pipeline() as pipeline:
        skorche.map(away(), skorche.unbatch(skorche.map(away(), Queue())))
        skorche.map(away(), skorche.flat_map(away(), Queue()))

    assert stages_of(pipeline) == [["inc", "Unbatch"], ["inc(2)"], ["inc(3)"], ["inc(4)"]]


def test_a_task_that_makes_many_items_of_one_may_be_the_last():
    with Pipeline() as pipeline:
        skorche.flat_map(away(), skorche.map(away(), Queue()))
        skorche.sink(away(), skorche.map(away(), Queue()))

    assert stages_of(pipeline) == [["inc", "inc(2)"], ["inc(3)", "inc(4)"]]


def test_what_follows_a_memory_begins_a_trip():
    with Pipeline() as pipeline:
        left, right = skorche.tee(skorche.map(away(), Queue()))
        skorche.map(away(), skorche.merge((left, right)))

    assert stages_of(pipeline) == [["inc"], ["inc(2)"]]


def test_failures_of_a_task_do_not_travel_with_it():
    errors = Queue()

    with Pipeline() as pipeline:
        skorche.map(away(), Queue(), queue_errors=errors)
        skorche.map(away(), errors)

    assert stages_of(pipeline) == [["inc"], ["inc(2)"]]
