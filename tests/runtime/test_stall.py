"""A run in which nothing comes back asks what it waits for, tells it once, and fails if it was told to."""

import math

import pytest

import skorche
from skorche.runtime.command import Command, Diagnose, Diagnosed, Kill, Stop, StopSources, Submit, Wait, Warn
from skorche.runtime.diagnosis import Diagnosis, explain
from skorche.runtime.engine import Lost, Sight
from skorche.runtime.recovery import Policy
from tests.runtime.driving import COLLECT, KILLABLE, Hand, by_hand

PATIENT = Policy(stall_timeout=10.0)
STRICT = Policy(stall_timeout=10.0, on_stall="raise")
NOTHING_KNOWN = Diagnosed("it hangs", {})


def hand_with_one_item_out(policy: Policy = PATIENT) -> Hand:
    with skorche.Pipeline("job") as pipeline:
        skorche.map(skorche.task(name="slow")(abs), skorche.Queue(name="numbers"))
    hand = Hand(pipeline, KILLABLE, policy, seed=0)
    hand.scheduler.handle((), 0.0)
    hand.feed(-7, now=1.0)
    return hand


def hand_with_a_chunk_out(policy: Policy = PATIENT) -> Hand:
    """After the first item has shown that it is quick, several go together: of numbers into slow, out since 2.0."""
    hand = hand_with_one_item_out(policy)
    hand.feed(-1, -2, -3, now=1.5)
    hand.tell(hand.done(only_flight(hand), seconds=1e-6), now=2.0)
    assert len(only_flight(hand).chunk.items) == 3
    return hand


def only_flight(hand: Hand) -> Submit:
    (flight,) = hand.scheduler.flights.values()
    return Submit(flight.ticket, flight.stage.plan.number, flight.chunk)


def of_kind(kind: type, commands: list[Command]) -> list[Command]:
    return [command for command in commands if isinstance(command, kind)]


def seen_at(hand: Hand, at: object, position: int | None = None) -> Diagnosed:
    return Diagnosed("it hangs", {only_flight(hand).ticket: Sight("process 1", position, at)})


def test_a_stall_is_asked_about_with_the_stage_the_item_and_its_age():
    hand = hand_with_one_item_out()

    asked = of_kind(Diagnose, hand.tell(now=11.0))

    assert asked == [Diagnose(10.0, (Wait(1, 0, "numbers into slow", [-7], 10.0),), more=0)]


def test_the_diagnosis_is_told_once_however_long_the_stall():
    hand = hand_with_one_item_out()
    hand.tell(now=11.0)

    assert hand.tell(NOTHING_KNOWN, now=11.5) == [Warn("it hangs")]
    assert hand.tell(now=1000.0) == []
    assert hand.scheduler.next_timer is None


def test_the_scheduler_wants_to_be_woken_when_a_stall_is_due():
    hand = hand_with_one_item_out()

    assert hand.scheduler.next_timer == 11.0


def test_a_run_that_had_nothing_to_do_has_not_stalled():
    hand = hand_with_one_item_out()
    hand.tell(hand.done(only_flight(hand)), now=2.0)

    hand.feed(-8, now=100.0)

    assert of_kind(Diagnose, hand.tell(now=101.0)) == []
    assert hand.scheduler.next_timer == 110.0


def test_a_result_puts_off_the_next_diagnosis():
    hand = hand_with_one_item_out()

    hand.tell(hand.done(only_flight(hand)), now=9.0)
    hand.feed(-8, now=9.0)

    assert of_kind(Diagnose, hand.tell(now=12.0)) == []
    assert of_kind(Diagnose, hand.tell(now=19.0)) != []


def test_a_dead_worker_puts_off_the_next_diagnosis():
    hand = hand_with_one_item_out(PATIENT._replace(on_error="collect"))
    flight = only_flight(hand)

    hand.tell(Lost(flight.ticket, skorche.WorkerCrash("it died"), None, [0]), now=9.0)

    assert of_kind(Diagnose, hand.tell(now=12.0)) == []
    assert hand.scheduler.next_timer == 19.0


def test_a_second_stall_is_told_too():
    hand = hand_with_one_item_out()
    hand.tell(now=11.0)
    hand.tell(NOTHING_KNOWN, now=11.5)
    hand.tell(hand.done(only_flight(hand)), now=12.0)
    hand.feed(-8, now=12.0)

    assert of_kind(Diagnose, hand.tell(now=22.0)) == [
        Diagnose(10.0, (Wait(2, 0, "numbers into slow", [-8], 10.0),), more=0)
    ]


def test_one_diagnosis_is_made_at_a_time():
    hand = hand_with_one_item_out()
    hand.tell(now=11.0)
    hand.tell(hand.done(only_flight(hand)), now=12.0)
    hand.feed(-8, now=12.0)

    assert of_kind(Diagnose, hand.tell(now=22.0)) == []
    assert of_kind(Diagnose, hand.tell(NOTHING_KNOWN, now=23.0)) != []


def test_a_run_that_only_waits_for_input_is_not_stalled():
    hand = hand_with_one_item_out()
    hand.tell(hand.done(only_flight(hand)), now=2.0)

    assert of_kind(Diagnose, hand.tell(now=1000.0)) == []
    assert hand.scheduler.next_timer is None


def test_a_run_that_waits_for_a_reader_of_a_bounded_output_is_not_stalled():
    with by_hand(policy=PATIENT) as drive:
        out = skorche.Queue(name="out", maxsize=1)
        skorche.map(abs, skorche.Queue(), queue_out=out)
    hand = drive()
    (first,) = hand.feed(-1, -2, -3, now=1.0)

    assert hand.work(first, now=2.0) == []
    assert of_kind(Diagnose, hand.tell(now=1000.0)) == []
    assert hand.scheduler.next_timer is None


def test_without_a_time_nothing_is_a_stall():
    hand = hand_with_one_item_out(COLLECT)

    assert hand.tell(now=1e9) == []
    assert hand.scheduler.next_timer is None


def test_a_stall_that_is_to_raise_stops_the_run_and_kills_what_hangs_at_once():
    hand = hand_with_one_item_out(STRICT)
    hand.tell(now=11.0)

    commands = hand.tell(NOTHING_KNOWN, now=11.5)

    error = hand.scheduler.error
    assert type(error) is skorche.StallError
    assert commands == [StopSources(error), Kill(1, 0)]
    assert str(error) == (
        "the run stands still: it hangs\n"
        "  Why:  a task hangs, or takes longer than stall_timeout=10 allows, and on_stall is 'raise'.\n"
        "  Mend: see the stack for what it waits for; give the task a timeout= to fail one item, or raise "
        "stall_timeout=."
    )
    assert error.diagnosis == "it hangs"


def test_what_comes_back_while_the_diagnosis_is_made_saves_the_run():
    hand = hand_with_one_item_out(STRICT)
    hand.tell(now=11.0)
    hand.tell(hand.done(only_flight(hand)), now=11.2)

    assert hand.tell(NOTHING_KNOWN, now=11.5) == [Warn("it hangs")]
    assert hand.scheduler.error is None


def test_a_worker_that_has_moved_on_inside_its_chunk_has_not_stalled():
    hand = hand_with_a_chunk_out(STRICT)
    hand.tell(now=12.0)

    assert hand.tell(seen_at(hand, at=1, position=1), now=12.0) == []  # it may have come there lately
    assert of_kind(Diagnose, hand.tell(now=21.9)) == []
    assert of_kind(Diagnose, hand.tell(now=22.0)) != []
    assert hand.tell(seen_at(hand, at=2, position=2), now=22.0) == []
    assert hand.scheduler.next_timer == 32.0


def test_a_worker_that_has_not_moved_on_between_two_looks_has_stalled():
    hand = hand_with_a_chunk_out()
    hand.tell(now=12.0)
    hand.tell(seen_at(hand, at=1, position=1), now=12.0)
    hand.tell(now=22.0)

    assert hand.tell(seen_at(hand, at=1, position=1), now=22.0) == [Warn("it hangs")]


@pytest.mark.parametrize(("at", "position"), [(0, 0), (None, None)], ids=["on its first item", "nobody knows where"])
def test_a_chunk_that_shows_no_sign_of_work_has_stalled_at_the_first_look(at, position):
    hand = hand_with_a_chunk_out()
    hand.tell(now=12.0)

    assert hand.tell(seen_at(hand, at, position), now=12.0) == [Warn("it hangs")]


def test_a_stop_does_not_end_the_watch_over_what_is_in_flight():
    hand = hand_with_one_item_out()
    hand.tell(Stop(skorche.RunCancelled("enough")), now=2.0)

    assert of_kind(Diagnose, hand.tell(now=11.0)) != []


# -- words ----------------------------------------------------------------------------------------------------------


def test_a_diagnosis_names_stage_item_age_worker_and_stack():
    waits = (
        Wait(1, 0, "urls into load", ["a"], 9.0),
        Wait(2, 0, "urls into load", ["b", "c"], 8.0),
        Wait(3, 1, "pages into parse", ["d", "e"], 7.0),
        Wait(4, 1, "pages into parse", ["f"], 1.0),
    )
    sights = {
        1: Sight("process 42", 0, stack="File here\n  File there\n"),
        2: Sight("process 43", 1),
        3: Sight("thread 'x'"),
    }

    text = explain(Diagnose(9.04, waits, more=1), sights)

    assert text.splitlines() == [
        "no progress for 9.0 s; the run waits for",
        "  urls into load: 'a' for 9.0 s, on process 42",
        "    File here",
        "      File there",
        "  urls into load: 'c' (number 2 of 2) for 8.0 s, on process 43",
        "  pages into parse: 2 items, from 'd' on, for 7.0 s, on thread 'x'",
        "  pages into parse: 'f' for 1.0 s, begun by no worker",
        "  ... and 1 more chunk",
    ]


class _Mute:
    """An engine that breaks when it is asked."""

    def __repr__(self) -> str:
        return "Mute()"

    def look(self, tickets: list[int]) -> dict[int, Sight]:
        raise RuntimeError(f"no answer for {tickets}")


def test_an_engine_that_cannot_be_asked_is_told_with_the_rest():
    answers: list[Diagnosed] = []
    question = Diagnose(9.0, (Wait(1, 0, "urls into load", ["a"], 9.0),), more=0)

    Diagnosis(question, {0: _Mute()}, answers.append).run()

    (answer,) = answers
    assert answer.sights == {}
    assert answer.text.splitlines()[-1] == "  Mute() cannot say what its workers do: RuntimeError: no answer for [1]"


# -- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, -1.0, math.nan])
def test_a_time_that_is_none_is_refused(seconds):
    with pytest.raises(skorche.GraphError) as caught:
        skorche.run(stall_timeout=seconds)

    assert str(caught.value) == (
        f"run() was given stall_timeout={seconds!r}.\n"
        "  Why:  it is a number of seconds above zero.\n"
        "  Mend: give stall_timeout=60, or None for a run that may stand still."
    )


def test_a_reaction_that_does_not_exist_is_refused():
    with pytest.raises(skorche.GraphError) as caught:
        skorche.run(on_stall="panic")

    assert str(caught.value) == (
        "run() was given on_stall='panic'.\n  Why:  it has no meaning.\n  Mend: give 'warn' or 'raise'."
    )


def test_raising_without_a_time_is_refused():
    with pytest.raises(skorche.GraphError) as caught:
        skorche.run(stall_timeout=None, on_stall="raise")

    assert str(caught.value) == (
        "run() was given on_stall='raise' with stall_timeout=None.\n"
        "  Why:  without a time nothing ever counts as a stall, so it would never raise.\n"
        "  Mend: give stall_timeout a number of seconds."
    )
