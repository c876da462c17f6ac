"""How large the next chunk of a stage is."""

from collections.abc import Sequence
from typing import Any

import pytest

import skorche
from skorche.kernel import Outcome, StepCount
from skorche.runtime.stage import LATELY_SECONDS, Stage
from skorche.testing import FakeClock, simulate

from .driving import KILLABLE, UNSTOPPABLE, by_hand, outcome

PLENTY = 1000


def new_stage(capabilities: Any = UNSTOPPABLE, maxsize: int | None = None, **options: Any) -> Stage:
    """A stage of one task, whose results go to an end of this size."""
    with by_hand(capabilities) as drive:
        skorche.map(skorche.task(**options)(abs), skorche.Queue(), queue_out=skorche.Queue(maxsize=maxsize))
    return drive().scheduler.parts.stages[0]


def stage(capabilities: Any = UNSTOPPABLE, maxsize: int | None = None, **options: Any) -> Stage:
    """The same when so much was taken off its edge lately that this bounds nothing."""
    made = new_stage(capabilities, maxsize, **options)
    made._most, made._tells_at = 1 << 40, LATELY_SECONDS
    return made


def measured(stage: Stage, item_seconds: float, count: int = 1, now: float = 0.0) -> Stage:
    """The stage after a chunk of so many items, each of which took so long."""
    stage.learn(outcome(range(count), item_seconds * count), count, now)
    return stage


def test_a_chunk_is_one_item_until_its_cost_is_measured():
    assert stage().size(PLENTY) == 1


def test_a_chunk_takes_about_as_long_as_the_engine_likes():
    quick = measured(stage(), 0.0005, count=100)

    assert quick.size(PLENTY) == 10


def test_slow_items_go_one_by_one():
    assert measured(stage(), 1.0).size(PLENTY) == 1


def test_a_chunk_is_at_most_four_times_the_largest_one_measured():
    assert measured(stage(), 1e-6, count=5).size(PLENTY) == 20


def test_under_a_timeout_each_item_goes_alone():
    assert measured(stage(timeout=9.0), 1e-6, count=100).size(PLENTY) == 1


def test_a_chunk_shrinks_to_the_room_behind():
    assert measured(stage(maxsize=3), 1e-6, count=100).size(PLENTY) == 3


def test_without_room_behind_nothing_starts():
    full = measured(stage(maxsize=3), 1e-6, count=100)

    full.hold(3)

    assert full.size(PLENTY) == 0


@pytest.mark.parametrize(("room", "busy", "size"), [(66, 0, 66), (66, 1, 0), (67, 1, 67), (100, 1, 100)])
def test_while_its_worker_has_a_chunk_little_room_behind_can_grow(room: int, busy: int, size: int):
    """A chunk that would only stand in line is as large as two thirds of the largest so far, or does not go."""
    limited = measured(stage(KILLABLE._replace(ahead=True), maxsize=100), 1e-6, count=100)
    limited.hold(100 - room)
    limited.in_flight = busy

    assert limited.size(PLENTY) == size


def test_a_chunk_that_is_copied_goes_ahead_however_little_room_there_is_behind():
    """Its worker would stand still until a larger one had come to it."""
    far = KILLABLE._replace(ahead=True, chunk_bytes=1 << 20)
    limited = measured(stage(far, maxsize=100, max_workers=2), 1e-6, count=100)
    limited.hold(98)
    limited.in_flight = 2

    assert limited.size(PLENTY) == 2


def test_what_waits_is_shared_among_the_workers():
    shared = measured(stage(max_workers=4), 1e-6, count=100)

    assert shared.size(40) <= 10


def test_chunks_that_are_copied_are_bounded_in_bytes():
    heavy = stage(UNSTOPPABLE._replace(chunk_bytes=1000))
    weighed = outcome(range(100), 1e-4)
    weighed.bytes_in = 100 * 200

    heavy.learn(weighed, 100, 0.0)

    assert heavy.size(PLENTY) == 5


def expanded(parts: int, count: int, seconds: float = 1e-4) -> Outcome:
    """What an unbatch gives for `count` items, each of `parts` elements."""
    items: Sequence[int] = range(parts * count)
    paths = [(index, part) for index in range(count) for part in range(parts)]
    made = Outcome([(list(items), paths)], [StepCount(received=count, seconds=seconds)], [], [], [])
    made.expansions = [(index, parts) for index in range(count)]
    return made


def test_an_expansion_needs_as_much_room_as_the_last_ones_took():
    fan = stage(maxsize=100)

    fan.learn(expanded(parts=10, count=20), 20, 0.0)

    assert fan.size(PLENTY) == 10
    assert fan.hold(4) == [40]


def test_an_expansion_may_overflow_by_one_item_rather_than_never_start():
    fan = stage(maxsize=5)

    fan.learn(expanded(parts=10, count=20), 20, 0.0)

    assert fan.size(PLENTY) == 1


def test_a_rise_of_the_cost_is_believed_sooner_than_a_fall():
    rising, falling = measured(stage(), 0.001), measured(stage(), 0.001)

    measured(rising, 0.002)
    measured(falling, 0.0)
    measured(falling, 0.0005)

    assert rising.cost == pytest.approx(0.0015)
    assert falling.cost == pytest.approx(0.00085)


def test_nothing_measured_changes_nothing():
    untouched = stage()

    untouched.learn(outcome(()), 0, 0.0)

    assert untouched.cost is None


def test_an_edge_holds_what_its_stage_works_off_in_fifty_milliseconds():
    assert measured(stage(max_workers=2), 0.001, count=10).edge.limit == 100


def test_an_edge_holds_two_and_a_half_good_chunks_for_each_worker_where_that_is_more():
    long = KILLABLE._replace(chunk_seconds=0.04)

    assert measured(stage(long, max_workers=2), 0.001, count=10).edge.limit == 200


def test_an_edge_holds_two_items_for_each_worker_at_least():
    assert stage(max_workers=3).edge.limit == 6
    assert measured(stage(max_workers=3), 5.0).edge.limit == 6


@pytest.mark.parametrize("feeder", ["results", "errors"])
def test_an_edge_has_room_for_an_item_from_each_worker_that_feeds_it(feeder: str):
    wide = skorche.task(max_workers=8)(abs)
    with by_hand() as drive:
        errors = skorche.Queue()
        results = skorche.map(wide, skorche.Queue(), queue_errors=errors)
        skorche.map(str, results if feeder == "results" else errors)

    assert drive().scheduler.parts.stages[1].edge.limit == 9


def test_a_stage_has_one_chunk_out_for_each_worker_and_one_ahead_while_items_are_short():
    ahead = KILLABLE._replace(ahead=True)

    assert stage(ahead, max_workers=3).slots == 3
    assert measured(stage(ahead, max_workers=3), 1e-4).slots == 6
    assert measured(stage(ahead, max_workers=3), 1.0).slots == 3
    assert measured(stage(ahead, max_workers=3, timeout=9.0), 1e-4).slots == 3
    assert measured(stage(KILLABLE, max_workers=3), 1e-4).slots == 3


@pytest.mark.parametrize(("cost", "slots"), [(0.001, 6), (0.029, 6), (0.031, 3)])
def test_a_chunk_waits_ahead_however_long_it_is_while_its_items_are_short(cost: float, slots: int):
    ahead = KILLABLE._replace(ahead=True, chunk_seconds=0.04)

    assert measured(stage(ahead, max_workers=3), cost, count=40).slots == slots


def test_a_stage_that_sheds_a_worker_has_a_chunk_fewer_out_and_none_ahead():
    starved = measured(stage(KILLABLE._replace(ahead=True), max_workers=3), 1e-4)

    assert starved.shed()

    assert starved.slots == 2
    assert measured(starved, 1e-6, count=100).slots == 2


def test_chunks_do_not_grow_where_workers_are_shed():
    starved = measured(stage(max_workers=2), 1e-6, count=100)
    starved.edge.open = False
    before = starved.size(40)

    starved.shed()

    assert (before, starved.size(40)) == (10, 10)


def test_a_stage_keeps_its_last_worker():
    starved = stage(max_workers=2)

    assert [starved.shed(), starved.shed(), starved.slots] == [True, False, 1]


# -- what was taken off its edge lately --------------------------------------------------------------------------------


def test_an_edge_grows_with_what_was_taken_off_it_while_that_is_all_that_is_known():
    quick = new_stage()
    limits = []

    for count in (1, 4, 20):
        measured(quick, 1e-6, count=count, now=0.001)
        limits.append(quick.edge.limit)

    assert limits == [2 + 4, 2 + 20, 2 + 100]


def test_an_edge_holds_no_more_than_four_times_what_was_taken_off_it_lately():
    quick, limits = new_stage(), []
    measured(quick, 1e-6, count=100, now=0.0)

    for count, now in ((100, 0.0625), (2000, 0.125), (2, 0.25)):
        measured(quick, 1e-6, count=count, now=now)
        limits.append(quick.edge.limit)

    assert limits == [2 + int(4 * 0.05 * 200 / 0.0625), 4096, 2 + int(4 * 0.05 * 2 / 0.125)]


def test_what_waits_in_front_of_a_quick_task_is_what_the_slow_one_behind_takes():
    clock, given, leads = FakeClock(), [0], []

    def give():
        for number in range(4_000):
            given[0] = number + 1
            yield number

    def work(number):
        clock.sleep(0.004)
        leads.append(given[0] - number)

    with skorche.Pipeline() as pipeline:
        skorche.sink(work, skorche.map(abs, skorche.Queue(fixed_inputs=give())))

    report = simulate(pipeline, clock=clock, calm=True).report

    assert report.delivered == 4_000
    assert max(leads) < 300
