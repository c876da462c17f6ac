"""A run in which nothing comes back says what it waits for."""

import skorche
from skorche.runtime.command import Command, Submit, Warn
from skorche.runtime.recovery import Policy
from tests.runtime.driving import KILLABLE, Hand

PATIENT = Policy(stall_timeout=10.0)


def hand_with_one_item_out() -> Hand:
    with skorche.Pipeline("job") as pipeline:
        skorche.map(skorche.task(name="slow")(abs), skorche.Queue(name="numbers"))
    hand = Hand(pipeline, KILLABLE, PATIENT, seed=0)
    hand.scheduler.begin(0.0)
    hand.feed(-7, now=1.0)
    return hand


def warnings(commands: list[Command]) -> list[str]:
    return [command.text for command in commands if isinstance(command, Warn)]


def test_a_stall_is_told_once_with_the_stage_the_item_and_its_age():
    hand = hand_with_one_item_out()

    told = warnings(hand.tell(now=11.0))

    assert told == [
        "nothing has come back for 10.0 s; the run waits for\n  numbers into slow: 1 items for 10.0 s, the first is -7"
    ]
    assert warnings(hand.tell(now=12.0)) == []


def test_the_scheduler_wants_to_be_woken_when_a_stall_is_due():
    hand = hand_with_one_item_out()

    assert hand.scheduler.next_timer == 11.0


def test_a_run_that_had_nothing_to_do_has_not_stalled():
    hand = hand_with_one_item_out()
    (submit,) = hand.scheduler.flights.values()
    hand.tell(hand.done(_as_submit(submit)), now=2.0)

    hand.feed(-8, now=100.0)

    assert warnings(hand.tell(now=101.0)) == []
    assert hand.scheduler.next_timer == 110.0


def test_a_result_puts_off_the_next_warning():
    hand = hand_with_one_item_out()
    (submit,) = hand.scheduler.flights.values()

    hand.tell(hand.done(_as_submit(submit)), now=9.0)
    hand.feed(-8, now=9.0)

    assert warnings(hand.tell(now=12.0)) == []
    assert warnings(hand.tell(now=19.0)) != []


def test_a_run_that_only_waits_for_input_is_not_stalled():
    hand = hand_with_one_item_out()
    (submit,) = hand.scheduler.flights.values()
    hand.tell(hand.done(_as_submit(submit)), now=2.0)

    assert warnings(hand.tell(now=1000.0)) == []
    assert hand.scheduler.next_timer is None


def _as_submit(flight):
    return Submit(flight.ticket, flight.stage.plan.number, flight.chunk)
