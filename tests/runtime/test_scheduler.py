"""The scheduler by hand: events and the time go in, commands come out."""

from typing import Any

import pytest

import skorche
from skorche.errors import EngineError, InternalError, TaskTimeout, WorkerCrash
from skorche.kernel import StepCount, Trouble
from skorche.runtime.command import Command, Deliver, Fed, Kill, Pull, Stop, StopSources, Submit, Taken, Warn
from skorche.runtime.engine import Broken, Lost, Noticed, Started, Starved
from skorche.testing import FakeClock

from .driving import KILLABLE, UNSTOPPABLE, Hand, by_hand, submitted

CRASH = WorkerCrash("the worker died.")
STOPPED = RuntimeError("stopped")


def one_task(capabilities: Any = KILLABLE, maxsize: int | None = None, **options: Any) -> Hand:
    """A task that doubles, behind one source."""
    with by_hand(capabilities) as drive:
        task = skorche.task(name="double", **options)(lambda number: 2 * number)
        skorche.map(task, skorche.Queue(), queue_out=skorche.Queue(maxsize=maxsize))
    hand = drive()
    assert isinstance(hand, Hand)
    return hand


def counts(hand: Hand) -> dict[str, int]:
    """What became of the source items."""
    return {end.name.lower(): count for end, count in hand.scheduler.books.ledger.ended.items() if count}


# -- what comes back ------------------------------------------------------------------------------------------------


def test_a_source_is_asked_for_what_there_is_room_for_and_no_more():
    hand = one_task(max_workers=3)

    assert hand.commands == [Pull(0, 6)]
    assert [command for command in hand.tell(Fed(0, [1, 2])) if isinstance(command, Pull)] == []


def test_results_are_delivered_with_their_places():
    hand = one_task()
    (out,) = hand.feed(1)

    (delivered,) = [command for command in hand.tell(hand.done(out)) if isinstance(command, Deliver)]

    assert (delivered.items, delivered.places) == ([2], range(1))


def test_a_ticket_that_comes_back_twice_is_an_error():
    hand = one_task()
    (out,) = hand.feed(1)
    again = hand.done(out)
    hand.tell(again)

    with pytest.raises(InternalError, match="an engine returned ticket 1, which is not out"):
        hand.tell(again)


def test_a_ticket_that_is_lost_after_it_came_back_is_an_error():
    hand = one_task()
    (out,) = hand.feed(1)
    hand.work(out)

    with pytest.raises(InternalError, match="an engine lost ticket 1, which is not out"):
        hand.tell(Lost(out.ticket, CRASH, 0, ()))


def test_the_item_a_worker_died_on_fails_and_its_neighbours_run_again():
    hand = one_task(max_workers=1)
    (out,) = hand.feed(7, 8)
    hand.tell(Lost(out.ticket, CRASH, suspect=0, left=()))

    hand.finish()

    (failure,) = hand.scheduler.recovery.failures
    assert (failure.item, failure.error, failure.attempts) == (7, CRASH, 1)
    assert hand.delivered == [16]
    assert counts(hand) == {"failed": 1, "delivered": 1}


def test_a_worker_that_died_on_no_item_costs_no_attempt():
    hand = one_task()
    (out,) = hand.feed(7)

    (again,) = submitted(hand.tell(Lost(out.ticket, CRASH, suspect=None, left=[0])))

    assert (again.chunk.items, again.chunk.attempts) == ([7], [0])


def test_a_crash_is_retried_as_any_failed_attempt_is():
    hand = one_task(retries=1, backoff=0.0)
    (out,) = hand.feed(7, ended=True)

    (again,) = submitted(hand.tell(Lost(out.ticket, CRASH, suspect=0, left=())))
    hand.work(again)

    assert again.chunk.attempts == [1]
    assert hand.delivered == [14]


def test_what_had_left_a_dead_worker_counts_and_what_runs_again_is_told():
    hand = one_task(KILLABLE._replace(chunk_seconds=1.0))
    (out,) = hand.feed(1, 2)
    (out,) = hand.work(out, seconds=1e-6)
    hand.feed(3, 4, 5)
    (out,) = hand.work(out, seconds=1e-6)
    kernel = hand.scheduler.plan.stages[0].kernel

    hand.tell(Lost(out.ticket, CRASH, 2, [1], kernel.run(out.chunk.items[:1]), rerun=1), now=1.0)
    hand.finish()

    assert out.chunk.items == [3, 4, 5]
    assert hand.delivered == [2, 4, 6, 8]
    assert [failure.item for failure in hand.scheduler.recovery.failures] == [5]
    assert hand.scheduler.rerun == 1


# -- memory ---------------------------------------------------------------------------------------------------------


def starve(hand: Hand, out: Submit) -> list[Command]:
    """A worker is killed on the first item of this chunk, probably for want of memory."""
    return hand.tell(Starved(out.stage), Lost(out.ticket, CRASH, suspect=0, left=range(1, len(out.chunk.items))))


def test_after_a_death_for_want_of_memory_a_stage_goes_on_with_one_worker_fewer():
    hand = one_task(max_workers=3)
    first, second, _ = hand.feed(1, 2, 3, 4, 5)

    assert submitted(starve(hand, first)) == []  # two are out still, and no more there may be
    (fourth,) = hand.work(second)

    assert fourth.chunk.items == [4]
    assert len(hand.scheduler.flights) == 2


def test_each_such_death_takes_a_worker_and_the_last_is_kept():
    hand = one_task(max_workers=3)
    out = hand.feed(*range(10))
    for one in out:
        starve(hand, one)

    assert len(hand.scheduler.flights) == 1
    assert hand.scheduler.books.tallies[0].freeze().shed_workers == 2
    hand.finish()
    assert counts(hand) == {"failed": 3, "delivered": 7}


def test_that_there_are_fewer_workers_is_told_once():
    hand = one_task(max_workers=3)
    out = hand.feed(*range(3))

    told = [command for one in out for command in starve(hand, one) if isinstance(command, Warn)]

    assert told == [
        Warn(
            "task 'double' goes on with 2 workers at a time, not 3: one was killed from outside, probably because "
            "memory ran out. Each such death takes one more, down to the last; give it fewer workers (max_workers=), "
            "or smaller items."
        )
    ]


def test_a_task_with_one_worker_goes_on_as_before():
    hand = one_task(max_workers=1)
    (out,) = hand.feed(1, 2)

    commands = starve(hand, out)

    assert [command.chunk.items for command in submitted(commands)] == [[2]]
    assert not any(isinstance(command, Warn) for command in commands)
    assert hand.scheduler.books.tallies[0].shed_workers == 0


def test_what_an_engine_has_noticed_is_told():
    assert one_task().tell(Noticed("it is dark")) == [Warn("it is dark")]


# -- timeouts -------------------------------------------------------------------------------------------------------


def test_an_item_that_takes_too_long_is_killed_when_its_time_is_up():
    clock, hand = FakeClock(), one_task(timeout=2.0)
    (out,) = hand.feed(7)
    clock.sleep(1.0)
    hand.tell(Started(out.ticket), now=clock())
    clock.sleep(1.9)
    early = hand.tell(now=clock())
    clock.sleep(0.1)

    late = hand.tell(now=clock())

    assert hand.scheduler.next_timer is None
    assert early == []
    assert late == [Kill(out.ticket, 0)]


def test_time_runs_from_the_start_of_the_work_and_not_from_its_submission():
    hand = one_task(timeout=2.0)

    hand.feed(7)

    assert hand.scheduler.next_timer is None


def test_an_item_killed_for_its_timeout_fails_with_a_timeout_that_says_what_to_do():
    hand = one_task(timeout=2.0)
    (out,) = hand.feed(7)
    hand.tell(Started(out.ticket))
    hand.tell(now=2.0)

    hand.tell(Lost(out.ticket, CRASH, 0, (), abandoned_thread=True), now=2.1)

    (failure,) = hand.scheduler.recovery.failures
    assert isinstance(failure.error, TaskTimeout)
    assert failure.error.what == "task 'double' took longer than its timeout of 2 s."
    assert failure.error.mend == "raise timeout=, or look into what the task waits for."
    assert hand.scheduler.abandoned_threads == 1


def test_an_item_that_ends_just_before_it_is_killed_is_delivered():
    hand = one_task(timeout=2.0)
    (out,) = hand.feed(7)
    hand.tell(Started(out.ticket))
    hand.tell(now=2.0)

    hand.work(out, now=2.0)

    assert hand.delivered == [14]


def test_an_item_that_ends_in_time_leaves_no_timer():
    hand = one_task(timeout=2.0)
    (out,) = hand.feed(7)
    hand.tell(Started(out.ticket))

    hand.work(out, now=1.0)
    hand.tell(now=1.0)

    assert hand.scheduler.next_timer is None


def test_the_late_result_of_an_engine_that_cannot_stop_is_dropped():
    hand = one_task(UNSTOPPABLE, timeout=2.0)
    (out,) = hand.feed(7)

    hand.work(out, seconds=2.5)

    (failure,) = hand.scheduler.recovery.failures
    assert isinstance(failure.error, TaskTimeout)
    assert failure.error.why == "this engine cannot stop an item, so its late result was dropped."
    assert hand.delivered == []


# -- stops ----------------------------------------------------------------------------------------------------------


def test_a_stop_cancels_what_waits_and_lets_what_is_out_finish():
    hand = one_task()
    (out,) = hand.feed(1, 2)

    commands = hand.tell(Stop(STOPPED))
    hand.work(out)
    hand.finish()

    assert commands == [StopSources(STOPPED)]
    assert hand.scheduler.error is STOPPED
    assert hand.delivered == [2]
    assert counts(hand) == {"delivered": 1, "cancelled": 1}


def test_what_is_out_after_the_grace_is_killed_and_cancelled():
    hand = one_task()
    (out,) = hand.feed(1)
    hand.tell(Stop(STOPPED, grace=5.0), now=10.0)

    killed = hand.tell(now=15.0)
    hand.tell(Lost(out.ticket, CRASH, 0, ()), now=15.1)
    hand.finish()

    assert killed == [Kill(out.ticket, 0)]
    assert hand.scheduler.recovery.failures == []
    assert counts(hand) == {"cancelled": 1}


def test_an_item_is_cancelled_where_it_was_to_go_on():
    with by_hand() as drive:
        both = skorche.task(engine="process", max_workers=2, retries=1)
        tasks = [both(abs), both(float)]
        skorche.chain(tasks, skorche.Queue())
    hand = drive()
    (out,) = hand.feed(1)
    failed = hand.done(out)
    trouble = Trouble(1, 0, 1, ValueError("not yet"), "")
    failed.outcome.troubles.append(trouble)
    failed.outcome.ports[:] = [([], ())]
    failed.outcome.counts[1] = StepCount(received=1)
    (again,) = submitted([*hand.tell(failed, now=1.0), *hand.tell(now=100.0)])
    assert again.chunk.entry == 1

    hand.tell(Stop(STOPPED, grace=5.0), now=100.0)
    hand.tell(Lost(again.ticket, CRASH, None, range(1)), now=101.0)
    hand.finish()

    assert [tally.cancelled for tally in hand.scheduler.books.tallies] == [0, 1]
    assert counts(hand) == {"cancelled": 1}


def test_a_stopped_run_tries_nothing_again():
    hand = one_task(retries=5)
    (out,) = hand.feed(1)
    hand.tell(Stop(STOPPED))

    hand.tell(Lost(out.ticket, CRASH, 0, ()))
    hand.finish()

    assert [failure.attempts for failure in hand.scheduler.recovery.failures] == [1]


def test_a_stop_cancels_what_waits_for_its_retry():
    hand = one_task(retries=1, backoff=9.0)
    (out,) = hand.feed(1)
    hand.tell(Lost(out.ticket, CRASH, 0, ()))

    hand.tell(Stop(STOPPED))
    hand.finish()

    assert counts(hand) == {"cancelled": 1}


def test_the_first_reason_to_stop_is_the_runs_error():
    hand = one_task()

    hand.tell(Stop(STOPPED))
    hand.tell(Stop(ValueError("later")))

    assert hand.scheduler.error is STOPPED


def test_what_a_source_still_gives_after_a_stop_is_cancelled():
    hand = one_task()
    hand.tell(Stop(STOPPED))

    hand.feed(1, 2, ended=True)

    assert counts(hand) == {"cancelled": 2}
    assert hand.scheduler.finished


def test_a_stop_waits_for_sources_that_have_not_said_that_they_ended():
    hand = one_task()
    (out,) = hand.feed(1, 2)

    hand.tell(hand.done(out), Stop(STOPPED))

    assert not hand.scheduler.finished


def test_a_broken_engine_ends_the_run_with_its_error():
    hand = one_task()
    (out,) = hand.feed(1)
    broken = EngineError("no more processes.")

    hand.tell(Broken(broken), Lost(out.ticket, CRASH, None, [0]))
    hand.finish()

    assert hand.scheduler.error is broken
    assert counts(hand) == {"cancelled": 1}


def test_an_error_of_a_source_ends_the_run_and_its_last_items_are_counted():
    hand = one_task()
    problem = OSError("the disk is gone")

    hand.tell(Fed(0, [1], ended=True, error=problem))

    assert hand.scheduler.error is problem
    assert counts(hand) == {"cancelled": 1}


# -- bounds ---------------------------------------------------------------------------------------------------------


def test_an_output_with_a_bound_holds_the_pipeline_back_until_somebody_reads():
    hand = one_task(maxsize=1)
    (out,) = hand.feed(1, 2)

    held_back = hand.work(out)
    (released,) = submitted(hand.tell(Taken(0, 1)))

    assert held_back == []
    assert released.chunk.items == [2]


def test_a_lifted_bound_holds_nothing_back():
    hand = one_task(maxsize=1)
    (out,) = hand.feed(1, 2)
    hand.work(out)

    hand.tell(Taken(0, -1))
    hand.finish()

    assert hand.delivered == [2, 4]


def test_two_sources_merged_into_an_output_do_not_exceed_its_bound():
    with by_hand() as drive:
        skorche.merge((skorche.Queue(), skorche.Queue()), queue_out=skorche.Queue(maxsize=1))
    hand = drive()

    hand.feed("a", source=0, ended=True)
    hand.feed("b", source=1, ended=True)
    before = hand.delivered
    hand.tell(Taken(0, 1))

    assert before == ["a"]
    assert hand.delivered == ["a", "b"]


@pytest.mark.parametrize("fill", [True, False])
def test_a_last_short_batch_waits_for_room_in_an_output_with_a_bound(fill: bool):
    with by_hand() as drive:
        made = skorche.Queue(maxsize=1)
        skorche.batch(skorche.Queue(), batch_size=2, fill_batch=fill, queue_out=made)
    hand = drive()

    hand.feed("a", "b", ended=False)
    hand.feed("c", ended=True)
    before = hand.delivered
    hand.tell(Taken(0, 1))

    assert before == [["a", "b"]]
    assert hand.delivered == [["a", "b"], ["c"]]


# -- standing still -------------------------------------------------------------------------------------------------


def test_standing_still_for_no_reason_is_an_error_that_names_the_edges():
    with by_hand() as drive:
        skorche.map(skorche.task(name="double")(lambda number: 2 * number), skorche.Queue(name="inputs"))
    hand = drive()
    (out,) = hand.feed(1, 2, ended=True)
    hand.scheduler.parts.stages[0].slots = 0

    with pytest.raises(InternalError) as raised:
        hand.work(out)

    assert raised.value.what == ("nothing can happen any more, but items are left: inputs into double (1 waiting).")


def test_waiting_for_a_source_is_no_standstill():
    hand = one_task()

    hand.tell()

    assert not hand.scheduler.finished


def test_waiting_for_a_reader_is_no_standstill():
    hand = one_task(maxsize=1)
    (out,) = hand.feed(1, 2, ended=True)

    hand.work(out)

    assert not hand.scheduler.finished


def test_a_run_without_items_ends_when_its_source_does():
    hand = one_task()

    hand.feed(ended=True)

    assert hand.scheduler.finished
