"""A stage that is paused starts nothing, and the scheduler knows that it waits for a word, not for work."""

import pytest

import skorche
from skorche.errors import GraphError
from skorche.runtime.command import Pause, Pull, Stop, Warn
from skorche.runtime.engine import Lost
from skorche.runtime.recovery import Policy

from .driving import COLLECT, KILLABLE, Hand, by_hand, submitted

PATIENT = Policy(stall_timeout=10.0, on_stall="raise")
CRASH = skorche.WorkerCrash("the worker died.")


def two_tasks(policy: Policy = COLLECT, **options: object) -> Hand:
    """`first`, then `second`, one worker each."""
    with by_hand(KILLABLE, policy) as drive:
        tasks = [skorche.task(name=name, **options)(lambda item: item) for name in ("first", "second")]
        skorche.chain(tasks, skorche.Queue())
    hand = drive()
    assert isinstance(hand, Hand)
    return hand


def pause(hand: Hand, stage: int, *, now: float = 0.0) -> None:
    hand.tell(Pause(stage, paused=True), now=now)


@pytest.mark.parametrize("options", [{}, {"limits": [skorche.limit("gpu", 1)]}])
def test_what_is_paused_starts_nothing_and_what_is_resumed_goes_on(options: dict[str, object]):
    hand = two_tasks(**options)
    pause(hand, 0)

    paused = hand.feed(1)
    resumed = submitted(hand.tell(Pause(0, paused=False)))

    assert paused == []
    assert [one.chunk.items for one in resumed] == [[1]]


def test_what_is_in_flight_finishes_and_others_go_on_until_edges_are_full():
    hand = two_tasks()
    out = hand.feed(1)
    pause(hand, 1)

    done = 0
    while out:
        out = hand.work(*out)
        done += 1
        out += hand.feed(done)

    assert done == hand.scheduler.edges()[1].limit
    assert hand.scheduler.edges()[1].waiting.count == done
    hand.tell(Pause(1, paused=False))
    hand.finish()
    assert len(hand.delivered) == done + 1


def test_a_source_is_asked_for_no_more_than_there_is_room_for():
    hand = two_tasks()
    pause(hand, 0)

    hand.feed(1, 2)

    asked = [command.count for command in hand.commands if isinstance(command, Pull)]
    assert sum(asked) == hand.scheduler.edges()[0].limit


def test_a_retry_of_a_paused_stage_waits_too():
    hand = two_tasks(retries=1, backoff=0.0)
    (out,) = hand.feed(1)
    pause(hand, 0)

    again = submitted(hand.tell(Lost(out.ticket, CRASH, 0, ())))
    resumed = submitted(hand.tell(Pause(0, paused=False)))

    assert (again, [one.chunk.items for one in resumed]) == ([], [[1]])


def test_statistics_tell_what_is_paused():
    hand = two_tasks()

    pause(hand, 1)
    paused = [tally.freeze().paused for tally in hand.scheduler.books.tallies]
    hand.tell(Pause(1, paused=False))

    assert paused == [False, True]
    assert not any(tally.freeze().paused for tally in hand.scheduler.books.tallies)


def test_what_has_nothing_left_to_do_ends_though_it_is_paused():
    hand = two_tasks()
    pause(hand, 0)
    pause(hand, 1)

    hand.feed(ended=True)

    assert hand.scheduler.finished
    assert not any(tally.paused for tally in hand.scheduler.books.tallies)


def test_a_stop_ends_what_is_paused():
    hand = two_tasks()
    pause(hand, 0)
    hand.feed(1, 2, ended=True)

    hand.tell(Stop(RuntimeError("stopped")))

    assert hand.scheduler.finished
    assert hand.scheduler.books.tallies[0].cancelled == 2


def test_to_be_paused_is_no_quiescence_and_told_once_as_no_stall():
    hand = two_tasks(PATIENT)
    hand.feed(1, 2, ended=True)
    hand.finish()
    hand = two_tasks(PATIENT)
    pause(hand, 0, now=100.0)
    hand.feed(1, 2, ended=True, now=101.0)

    timer = hand.scheduler.next_timer
    early, due, later = hand.tell(now=109.0), hand.tell(now=110.0), hand.tell(now=1000.0)

    assert timer == 110.0
    assert (early, later) == ([], [])
    assert due == [Warn("the run waits for run.resume(): 'first' (2 items wait) is paused, and nothing else goes on")]
    assert hand.scheduler.next_timer is None


def test_all_that_is_paused_and_holds_something_back_is_told():
    hand = two_tasks(PATIENT)
    (first,) = hand.feed(1)
    hand.feed(2, 3)
    pause(hand, 1)
    pause(hand, 0, now=1.0)
    hand.tell(hand.done(first), now=2.0)

    due = hand.tell(now=100.0)

    told = "'second' (1 item waits), 'first' (2 items wait) are paused"
    assert due == [Warn(f"the run waits for run.resume(): {told}, and nothing else goes on")]


def test_to_be_paused_with_nothing_to_hold_back_is_waiting_for_input():
    hand = two_tasks(PATIENT)

    pause(hand, 0)

    assert hand.scheduler.next_timer is None
    assert hand.tell(now=1000.0) == []


def test_a_run_that_was_resumed_is_watched_as_before():
    hand = two_tasks(PATIENT)
    pause(hand, 0)
    hand.feed(1)
    hand.tell(now=10.0)

    hand.tell(Pause(0, paused=False), now=50.0)

    assert hand.scheduler.next_timer == 60.0


def test_a_stage_is_found_by_any_node_that_runs_in_it():
    with skorche.Pipeline("job") as pipeline:
        kept = skorche.filter(bool, skorche.map(abs, skorche.Queue()))
        skorche.map(len, skorche.batch(kept, batch_size=2))
    plan = pipeline.plan()

    assert [plan.stage_of(name) for name in ("abs", "Filter(bool)", "len")] == [0, 0, 1]


@pytest.mark.parametrize(
    ("node", "why", "mend"),
    [
        ("absolute", "it has no node of that name.", "Those that work are 'abs', 'len'."),
        ("leng", "it has no node of that name.", "Did you mean 'len'? Those that work are 'abs', 'len'."),
        ("Batch(2)", "that only regroups what others have made.", "Those that work are 'abs', 'len'."),
        (abs, "it has no node of that name.", "Those that work are 'abs', 'len'."),
    ],
)
def test_what_is_no_node_that_works_is_refused(node: object, why: str, mend: str):
    with skorche.Pipeline("job") as pipeline:
        skorche.map(len, skorche.batch(skorche.map(abs, skorche.Queue()), batch_size=2))

    with pytest.raises(GraphError) as caught:
        pipeline.plan().stage_of(node)

    assert caught.value.what == f"pipeline 'job' was asked for the work of {node!r}."
    assert (caught.value.why, caught.value.mend) == (why, mend)
