"""Limits and rates: how many items start, when, and whose turn it is."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

import skorche
from skorche.runtime.command import Command, Diagnose, Stop, Submit
from skorche.runtime.engine import Lost, Started
from skorche.runtime.gate import RateGate
from skorche.runtime.recovery import Policy
from skorche.testing import simulate

from .driving import COLLECT, KILLABLE, Hand, by_hand, submitted

CRASH = skorche.WorkerCrash("the worker died.")
MANY = range(100)


def limited(*tasks: Sequence[Any], policy: Policy = COLLECT, **options: Any) -> Hand:
    """Tasks side by side, each with its limits, four workers and a source of its own."""
    with by_hand(KILLABLE, policy) as drive:
        for number, limits in enumerate(tasks):
            task = skorche.task(name=f"task {number}", limits=limits, **{"max_workers": 4} | options)
            skorche.map(task(lambda item: item), skorche.Queue())
    hand = drive()
    assert isinstance(hand, Hand)
    return hand


def begin(hand: Hand, *out: Submit, now: float) -> list[Submit]:
    """Work on these chunks begins."""
    return submitted(hand.tell(*(Started(one.ticket) for one in out), now=now))


def items_of(submits: Sequence[Submit]) -> list[Any]:
    return [item for one in submits for item in one.chunk.items]


# -- rates ----------------------------------------------------------------------------------------------------------
#
# A window of 10 s has a margin of 0.02 s.


def test_a_rate_lets_so_many_start_and_the_next_when_the_first_start_leaves_the_window():
    hand = limited([skorche.rate("api", 2, per=10.0)])
    first, second = hand.feed(1, 2, 3, 4, now=1.0)
    begin(hand, first, now=1.0)
    begin(hand, second, now=4.0)

    assert hand.scheduler.next_timer == pytest.approx(11.02)
    assert submitted(hand.tell(now=11.0)) == []
    assert items_of(submitted(hand.tell(now=11.02))) == [3]
    assert items_of(submitted(hand.tell(now=14.0))) == []
    assert items_of(submitted(hand.tell(now=14.02))) == [4]


def test_a_start_counts_from_when_the_work_begins_and_not_from_its_submission():
    hand = limited([skorche.rate("api", 1, per=10.0)])
    (out,) = hand.feed(1, 2, now=0.0)

    asleep = hand.scheduler.next_timer
    long_after = submitted(hand.tell(now=50.0))
    begin(hand, out, now=51.0)

    assert (asleep, long_after) == (None, [])
    assert hand.scheduler.next_timer == pytest.approx(61.02)


def test_work_that_an_engine_begins_once_more_counts_from_then():
    hand = limited([skorche.rate("api", 1, per=10.0)])
    (out,) = hand.feed(1, 2, now=0.0)
    begin(hand, out, now=1.0)

    begin(hand, out, now=3.0)

    assert hand.scheduler.next_timer == pytest.approx(13.02)


def test_a_start_that_no_engine_tells_of_is_known_from_what_the_work_took():
    hand = limited([skorche.rate("api", 1, per=10.0)])
    (out,) = hand.feed(1, 2, now=0.0)

    hand.work(out, seconds=2.0, now=7.0)

    assert hand.scheduler.next_timer == pytest.approx(15.02)


def test_a_start_was_not_after_the_end_of_the_work():
    hand = limited([skorche.rate("api", 1, per=10.0)])
    (out,) = hand.feed(1, 2, now=0.0)
    begin(hand, out, now=1.0)

    hand.work(out, seconds=0.01, now=1.01)

    assert hand.scheduler.next_timer == pytest.approx(11.01)


def test_what_the_work_took_may_put_its_start_later_than_was_told():
    hand = limited([skorche.rate("api", 1, per=10.0)])
    (out,) = hand.feed(1, 2, now=0.0)
    begin(hand, out, now=1.0)

    hand.work(out, seconds=2.0, now=3.5)

    assert hand.scheduler.next_timer == pytest.approx(11.52)


def test_a_start_is_never_put_before_its_submission():
    hand = limited([skorche.rate("api", 1, per=10.0)])
    (out,) = hand.feed(1, 2, now=5.0)

    hand.work(out, seconds=100.0, now=6.0)

    assert hand.scheduler.next_timer == pytest.approx(15.02)


def test_the_margin_of_a_short_window_is_small():
    hand = limited([skorche.rate("api", 1, per=0.5)])
    (out,) = hand.feed(1, 2, now=0.0)

    begin(hand, out, now=1.0)

    assert hand.scheduler.next_timer == pytest.approx(1.51)


def test_a_retry_is_a_start():
    hand = limited([skorche.rate("api", 1, per=10.0)], retries=1, backoff=0.0)
    (out,) = hand.feed(1, now=0.0)
    begin(hand, out, now=0.0)

    at_once = submitted(hand.tell(Lost(out.ticket, CRASH, 0, ()), now=0.01))
    (again,) = submitted(hand.tell(now=10.02))

    assert at_once == []
    assert (again.chunk.items, again.chunk.attempts) == ([1], [1])


@pytest.mark.parametrize(("lost_at", "leaves"), [(0.01, 10.01), (0.5, 10.5), (5.0, 11.02)])
def test_work_that_died_may_have_begun_later_than_was_told_but_not_by_more_than_a_second(lost_at: float, leaves: float):
    hand = limited([skorche.rate("api", 1, per=10.0)])
    (out,) = hand.feed(1, 2, now=0.0)
    begin(hand, out, now=0.0)

    hand.tell(Lost(out.ticket, CRASH, 0, ()), now=lost_at)

    assert hand.scheduler.next_timer == pytest.approx(leaves)


def test_an_item_that_is_given_back_has_started_and_starts_again():
    hand = limited([skorche.rate("api", 2, per=10.0)])
    first, second = hand.feed(1, 2, 3, now=0.0)
    begin(hand, first, now=0.0)

    again = submitted(hand.tell(Lost(second.ticket, CRASH, None, [0]), now=4.0))
    at_ten = submitted(hand.tell(now=10.02))
    before, at_fourteen = submitted(hand.tell(now=13.9)), submitted(hand.tell(now=14.0))

    assert (again, before) == ([], [])
    assert (items_of(at_ten), items_of(at_fourteen)) == ([2], [3])


def test_a_rate_holds_for_all_tasks_that_name_it():
    hand = limited([skorche.rate("api", 3, per=10.0)], [skorche.rate("api", 3, per=10.0)])

    out = hand.feed(*MANY, source=0) + hand.feed(*MANY, source=1)

    assert len(out) == 3


def test_waiting_for_a_rate_is_no_stall_and_no_end_of_everything():
    hand = limited([skorche.rate("api", 1, per=1000.0)], policy=Policy(stall_timeout=10.0, on_stall="raise"))
    (out,) = hand.feed(1, 2, ended=True)
    begin(hand, out, now=0.0)
    hand.work(out, seconds=1.0, now=1.0)

    said: list[Command] = [command for now in (20.0, 500.0, 999.0) for command in hand.tell(now=now)]
    (last,) = submitted(hand.tell(now=1000.02))
    stall = [type(command) for command in hand.tell(now=1010.02)]

    assert said == []
    assert last.chunk.items == [2]
    assert stall == [Diagnose]


def test_a_stopped_run_waits_for_no_rate():
    hand = limited([skorche.rate("api", 1, per=1000.0)])
    (out,) = hand.feed(1, 2, ended=True)
    begin(hand, out, now=0.0)

    hand.tell(Stop(RuntimeError("stopped")), now=1.0)
    timer = hand.scheduler.next_timer
    hand.work(out, now=2.0)

    assert timer is None
    assert hand.scheduler.finished


def test_a_start_that_has_left_the_window_can_still_turn_out_to_be_later():
    gate = RateGate(1, per=1.0)
    gate.enter()
    gate.begin(None, at=0.0)
    open_again = gate.room(1.02)

    gate.leave(0.0, at=0.5, now=1.1)

    assert open_again == 1
    assert (gate.room(1.51), gate.room(1.53)) == (0, 1)


# -- limits ---------------------------------------------------------------------------------------------------------


def test_a_limit_lets_so_many_be_at_work_over_all_tasks_that_name_it():
    hand = limited([skorche.limit("gpu", 3)], [skorche.limit("gpu", 3)])

    out = hand.feed(*MANY, source=0) + hand.feed(*MANY, source=1)
    after_one = hand.work(out[0])

    assert (len(out), len(after_one)) == (3, 1)


def test_an_item_that_fails_or_is_lost_gives_its_place_back():
    hand = limited([skorche.limit("gpu", 1)])
    (out,) = hand.feed(1, 2, 3)

    (second,) = submitted(hand.tell(Lost(out.ticket, CRASH, 0, ())))
    (third,) = submitted(hand.tell(Lost(second.ticket, CRASH, None, [0])))

    assert (items_of([second]), items_of([third])) == ([2], [2])


def test_a_task_with_a_limit_takes_one_item_at_a_time_however_quick_it_is():
    hand = limited([skorche.limit("gpu", 2)], max_workers=2)
    out = hand.feed(*MANY)

    for _ in range(20):
        out = hand.work(*out, seconds=1e-6)

    assert [len(one.chunk.items) for one in submitted(hand.commands)] == [1] * 42
    assert hand.scheduler.edges()[0].limit == 4


def test_each_of_several_limits_counts():
    hand = limited([skorche.limit("gpu", 3), skorche.rate("api", 2, per=1.0)])

    out = hand.feed(*MANY)

    assert len(out) == 2


# -- turns ----------------------------------------------------------------------------------------------------------


def test_tasks_that_share_a_limit_take_turns():
    gpu = [skorche.limit("gpu", 1)]
    hand = limited(gpu, gpu, gpu)
    out = [one for source in range(3) for one in hand.feed(*MANY, source=source)]

    for _ in range(8):
        out += hand.work(out[-1])

    assert [one.stage for one in out] == [0, 1, 2] * 3


def test_a_window_that_opens_for_many_at_once_is_shared_evenly():
    api = [skorche.rate("api", 4, per=1.0)]
    hand = limited(api, api)
    out = hand.feed(*MANY, source=0) + hand.feed(*MANY, source=1)
    begin(hand, *out, now=0.0)
    hand.work(*out, seconds=0.5, now=0.5)

    later = submitted(hand.tell(now=1.02))

    assert Counter(one.stage for one in later) == {0: 2, 1: 2}


def test_who_needs_two_limits_is_not_starved_by_those_who_need_one_each():
    one, other = skorche.limit("one", 1), skorche.limit("other", 1)
    hand = limited([one], [other], [one, other])
    (first,), (second,) = hand.feed(*MANY, source=0), hand.feed(*MANY, source=1)
    hand.feed(*MANY, source=2)

    kept = hand.work(first)
    (both,) = hand.work(second)
    after = hand.work(both)

    assert kept == []
    assert both.stage == 2
    assert sorted(one.stage for one in after) == [0, 1]


def test_who_needs_two_rates_is_not_starved_by_those_who_need_one_each():
    often, seldom = skorche.rate("often", 1, per=1.0), skorche.rate("seldom", 1, per=7.3)
    hand = limited([often], [seldom], [often, seldom])
    hand.feed(*MANY, source=0)
    hand.feed(*MANY, source=1)
    hand.feed(*MANY, source=2)

    starts = play(hand, until=100.0)

    assert starts[2] >= 5
    assert starts[0] + starts[2] >= 90
    assert starts[1] + starts[2] >= 12


def play(hand: Hand, until: float) -> Counter[int]:
    """Work that takes no time, from timer to timer; how often each stage has started."""
    now = 0.0
    while now < until:
        out = [one for one in submitted(hand.commands) if one.ticket in hand.scheduler.flights]
        hand.work(*out, now=now)
        for feed in hand.scheduler.parts.feeds:
            hand.feed(*range(feed.asked), source=feed.number, now=now)
        if not hand.scheduler.flights:
            now = hand.scheduler.next_timer or math.inf
            hand.tell(now=now)
    return Counter(one.stage for one in submitted(hand.commands))


def test_who_waits_long_for_a_rate_keeps_no_place_from_others_meanwhile():
    gpu, hourly = skorche.limit("gpu", 1), skorche.rate("hourly", 1, per=3600.0)
    hand = limited([gpu, hourly], [gpu], [hourly])
    hand.feed(*MANY, source=0)
    hand.feed(*MANY, source=1)
    hand.feed(*MANY, source=2)

    starts = play_steps(hand, 50)

    assert starts[1] >= 45


def play_steps(hand: Hand, steps: int) -> Counter[int]:
    """Work that takes a second, without a look at timers; how often each stage has started."""
    for step in range(steps):
        out = [one for one in submitted(hand.commands) if one.ticket in hand.scheduler.flights]
        hand.work(*out, seconds=1.0, now=1.0 + step)
        for feed in hand.scheduler.parts.feeds:
            hand.feed(*range(feed.asked), source=feed.number, now=1.0 + step)
    return Counter(one.stage for one in submitted(hand.commands))


def test_a_task_that_has_ended_or_has_no_room_holds_nobody_up():
    gpu = [skorche.limit("gpu", 1)]
    with by_hand() as drive:
        task = skorche.task(limits=gpu)(lambda item: item)
        skorche.map(task, skorche.Queue(), queue_out=skorche.Queue(maxsize=1))
        skorche.map(task, skorche.Queue())
        skorche.map(task, skorche.Queue())
    hand = drive()
    (full,) = hand.feed(1, 2, source=0)
    hand.work(full)
    hand.feed(source=1, ended=True)

    (out,) = hand.feed(1, 2, 3, source=2)
    (next_one,) = hand.work(out)

    assert (out.stage, next_one.stage) == (2, 2)


@pytest.mark.parametrize("seed", range(50))
def test_tasks_that_share_limits_go_on_side_by_side_whatever_the_schedule(seed: int):
    api, places = skorche.rate("api", 2, per=10.0), skorche.limit("places", 2)
    mixed: list[list[Any]] = [[api], [places, api], [api, places]]
    began: list[int] = []
    with skorche.Pipeline() as pipeline:
        for number, limits in enumerate(mixed):
            task = skorche.task(max_workers=3, limits=limits)(lambda item, number=number: began.append(number))
            skorche.map(task, skorche.Queue(fixed_inputs=MANY))

    simulate(pipeline, seed=seed)

    assert min(Counter(began[:150]).values()) >= 40
