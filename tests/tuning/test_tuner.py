"""How many workers each task gets: steps towards the best, measured, undone if they did not help. In virtual time."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

import skorche
from skorche.events import NodeTally, RunFinished, Surroundings
from skorche.observe.report import Report
from skorche.testing import FakeClock, simulate
from skorche.tuning.tuner import Step, Tuner

Seconds = float | Callable[[int], float]


def tuned(
    *seconds: Seconds, begin: Sequence[int] = (1, 1, 1), items: int = 3000, budget: int | None = 14, pin: str = ""
) -> Report:
    """The report of a chain of the tasks a, b, c, which take so long for an item."""
    clock = FakeClock()

    def taking(name: str, duration: Seconds, workers: int) -> skorche.Task[int, int]:
        def work(item: int) -> int:
            clock.sleep(duration(item) if callable(duration) else duration)
            return item

        return skorche.task(work, name=name, max_workers=workers, pin=name in pin)

    with skorche.Pipeline() as pipeline:
        tasks = [taking("abc"[number], one, begin[number]) for number, one in enumerate(seconds)]
        skorche.chain(tasks, skorche.Queue(fixed_inputs=range(items)))
    return simulate(pipeline, clock=clock, max_workers=budget).report


def workers_of(report: Report) -> dict[str, int]:
    """What each task had in the end."""
    return {name: node.workers for name, node in report.nodes.items()}


def test_from_one_worker_each_a_run_finds_the_best_numbers():
    report = tuned(0.01, 0.04, 0.02)

    assert workers_of(report) == {"a": 2, "b": 8, "c": 4}


def test_finding_them_takes_little_of_the_run():
    by_hand = tuned(0.01, 0.04, 0.02, begin=(2, 8, 4), budget=None)
    found = tuned(0.01, 0.04, 0.02)

    assert found.elapsed <= by_hand.elapsed / 0.85


def test_once_found_the_numbers_stay():
    report = tuned(0.01, 0.04, 0.02, items=6000)

    assert report.elapsed > 30
    assert [str(one) for one in report.decisions if one.seconds > 10] == []


def test_there_are_never_more_workers_than_the_budget_allows():
    report = tuned(0.01, 0.04, 0.02, budget=7)

    workers, most = dict.fromkeys("abc", 1), 0
    for one in report.decisions:
        assert workers[one.node] == one.before
        workers[one.node] = one.after
        most = max(most, sum(workers.values()))
    assert most == 7
    assert workers == workers_of(report)


def test_a_change_of_load_midway_is_followed():
    def early(item: int) -> float:
        return 0.04 if item < 2500 else 0.01

    def late(item: int) -> float:
        return 0.01 if item < 2500 else 0.04

    report = tuned(early, late, begin=(1, 1), items=6000, budget=10)

    halfway = {one.node: one.after for one in report.decisions if one.seconds < 10}
    assert halfway == {"a": 8, "b": 2}
    workers = workers_of(report)
    assert workers["b"] in (7, 8)  # the last one would bring less than a tenth more
    assert sum(workers.values()) == 10


def test_a_pinned_task_stays_as_it_is_and_others_get_no_more_than_it_can_use():
    report = tuned(0.01, 0.04, 0.02, pin="b")

    workers = workers_of(report)
    assert workers["b"] == 1
    assert workers["a"] <= 2
    assert workers["c"] <= 2


def test_workers_that_a_task_began_with_and_does_not_need_are_taken_away():
    report = tuned(0.01, 0.01, begin=(2, 9), pin="a")

    assert workers_of(report) == {"a": 2, "b": 3}


def test_one_change_at_a_time_is_made():
    report = tuned(0.01, 0.04, 0.02)

    times = [one.seconds for one in report.decisions]
    assert all(later - earlier >= 0.25 for earlier, later in pairwise(times))


# -- what the tuner goes by -----------------------------------------------------------------------------------------


def record(seconds: float, done: int, workers: int) -> RunFinished:
    """A run of a task that waits, always busy, with items in front of it."""
    tally = NodeTally(
        received=done + 10,
        emitted=done,
        busy_seconds=seconds * workers,
        stage="a",
        engine="thread",
        workers=workers,
        watched_seconds=seconds,
        worker_seconds=seconds * workers,
        queued_seconds=seconds,
        full_seconds=seconds,
    )
    around = Surroundings(cores=2, watched_seconds=seconds)
    return RunFinished(
        "job", seconds, done, done, 0, 0, 0, 0, 0, 0, (), {"a": tally}, surroundings=around, running=True
    )


def plus(earlier: RunFinished, seconds: float, done: int, workers: int) -> RunFinished:
    """The same run so many seconds later."""
    tally, more = earlier.nodes["a"], record(seconds, done, workers).nodes["a"]
    total = {
        name: getattr(tally, name) + getattr(more, name)
        for name in ("received", "emitted", "busy_seconds", "watched_seconds", "worker_seconds", "queued_seconds")
    }
    nodes = {"a": more._replace(full_seconds=tally.full_seconds + seconds, **total)}
    return earlier._replace(
        elapsed=earlier.elapsed + seconds,
        admitted=earlier.admitted + done,
        delivered=earlier.delivered + done,
        nodes=nodes,
        surroundings=Surroundings(cores=2, watched_seconds=earlier.elapsed + seconds),
    )


def test_the_first_look_decides_nothing():
    assert Tuner({"a": 1}, 8).look(record(5.0, 500, 1)) is None


def test_what_does_not_help_is_undone_and_not_tried_again():
    tuner = Tuner({"a": 1}, 8)
    seen = record(0.1, 10, 1)
    tuner.look(seen)
    grown = tuner.look(seen := plus(seen, 1.0, 100, 1))

    undone = tuner.look(seen := plus(seen, 2.0, 200, 5))  # no faster than before
    later = [tuner.look(seen := plus(seen, 2.0, 200, 1)) for _ in range(4)]

    assert grown == Step("a", 1, 5, "busy 100%, its input full 100% of the time; about 5.00 times the throughput")
    assert undone == Step("a", 5, 1, "undone, since it brought 1.00 times the throughput and not 5.00")
    assert later == [None] * 4
    assert tuner.workers == {"a": 1}


def test_when_a_task_takes_another_time_what_did_not_help_is_tried_again():
    tuner = Tuner({"a": 1}, 8)
    seen = record(0.1, 10, 1)
    tuner.look(seen)
    tuner.look(seen := plus(seen, 1.0, 100, 1))
    tuner.look(seen := plus(seen, 2.0, 200, 5))

    again = tuner.look(plus(seen, 2.0, 100, 1))  # twice as long for each

    assert again is not None
    assert (again.before, again.after) == (1, 5)


def test_a_step_that_helped_stays():
    tuner = Tuner({"a": 1}, 8)
    seen = record(0.1, 10, 1)
    tuner.look(seen)
    tuner.look(seen := plus(seen, 1.0, 100, 1))

    after = tuner.look(plus(seen, 1.0, 480, 5))

    assert after is not None
    assert after.after > 5


@pytest.mark.parametrize("seconds", [0.01, 0.1, 0.24])
def test_a_short_window_decides_nothing(seconds: float):
    tuner = Tuner({"a": 1}, 8)
    seen = record(0.1, 10, 1)
    tuner.look(seen)

    assert tuner.look(plus(seen, seconds, int(100 * seconds), 1)) is None


@pytest.mark.parametrize(
    "state",
    [{"ending": True}, {"paused": True}, {"limits": ("at most 1 at a time",), "held_seconds": 0.5}],
    ids=["nothing more comes", "paused", "held by its limits"],
)
def test_a_task_that_cannot_show_what_it_needs_keeps_its_workers(state: dict[str, object]):
    tuner = Tuner({"a": 1}, 8)
    seen = record(0.1, 10, 1)
    tuner.look(seen)
    seen = plus(seen, 1.0, 100, 1)

    assert tuner.look(seen._replace(nodes={"a": seen.nodes["a"]._replace(**state)})) is None
    assert tuner.workers == {"a": 1}


def test_a_step_is_not_judged_by_what_a_task_does_when_nothing_more_comes():
    tuner = Tuner({"a": 1}, 8)
    seen = record(0.1, 10, 1)
    tuner.look(seen)
    tuner.look(seen := plus(seen, 1.0, 100, 1))
    seen = plus(seen, 2.0, 2, 5)

    assert tuner.look(seen._replace(nodes={"a": seen.nodes["a"]._replace(ending=True)})) is None
    assert tuner.workers == {"a": 5}


def test_of_few_items_no_more_is_made_than_one_worker_more():
    tuner = Tuner({"a": 1}, 8)
    seen = record(0.1, 1, 1)
    tuner.look(seen)

    step = tuner.look(plus(seen, 1.0, 5, 1))

    assert step is not None
    assert (step.before, step.after) == (1, 2)
