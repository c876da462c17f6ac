"""Groups that are complete by the clock or by weight: when they leave, what they wait for, and who is told the time."""

import pytest

import skorche
from skorche.ops.batch import TimedBatching
from skorche.runtime.command import Stop, Taken

from .driving import by_hand


def test_a_list_is_due_a_while_after_its_first_member_came():
    with by_hand() as drive:
        skorche.batch(skorche.Queue(), batch_size=3, timeout=2)
    hand = drive()

    before = hand.scheduler.next_timer
    hand.feed("a", now=10.0)
    hand.feed("b", now=11.0)
    due = hand.scheduler.next_timer
    hand.tell(now=11.9)
    early = hand.delivered
    hand.tell(now=12.0)

    assert (before, due) == (None, 12.0)
    assert (early, hand.delivered) == ([], [["a", "b"]])
    assert hand.scheduler.next_timer is None


def test_what_is_left_of_a_chunk_begins_a_list_with_a_time_of_its_own():
    with by_hand() as drive:
        skorche.batch(skorche.Queue(), batch_size=3, timeout=2)
    hand = drive()

    hand.feed("a", now=10.0)
    hand.feed("b", "c", "d", now=11.0)

    assert hand.delivered == [["a", "b", "c"]]
    assert hand.scheduler.next_timer == 13.0


def test_each_key_has_a_time_of_its_own():
    with by_hand() as drive:
        skorche.batch(skorche.Queue(), timeout=2, key=str.lower)
    hand = drive()

    hand.work(*hand.feed("a", now=10.0), now=10.0)
    hand.work(*hand.feed("b", now=11.0), now=11.0)
    hand.work(*hand.feed("A", now=11.5), now=11.5)
    due = hand.scheduler.next_timer
    hand.tell(now=12.0)
    first, then = hand.delivered, hand.scheduler.next_timer
    hand.tell(now=20.0)

    assert (due, first, then) == (12.0, [["a", "A"]], 13.0)
    assert hand.delivered == [["a", "A"], ["b"]]


def test_without_a_timeout_nobody_is_waked_for_a_list():
    with by_hand() as drive:
        skorche.batch(skorche.Queue(), key=str.lower)
    hand = drive()

    hand.work(*hand.feed("a", now=10.0), now=10.0)

    assert hand.scheduler.next_timer is None


def test_the_nearest_of_several_times_is_told():
    with by_hand() as drive:
        skorche.batch(skorche.Queue(), timeout=5)
        skorche.batch(skorche.Queue(), timeout=2)
    hand = drive()

    hand.feed("a", source=0, now=10.0)
    hand.feed("b", source=1, now=11.0)

    assert hand.scheduler.next_timer == 13.0


def test_nothing_is_let_in_while_there_is_no_room_behind():
    with by_hand() as drive:
        made = skorche.Queue(maxsize=1)
        skorche.batch(skorche.Queue(), batch_size=9, timeout=2, queue_out=made)
    hand = drive()
    (gather,) = hand.scheduler.parts.gathers

    hand.feed("a", now=10.0)
    hand.tell(now=12.0)
    hand.feed("b", now=13.0)
    hand.tell(now=20.0)
    waiting, room, timer = hand.delivered, gather.room, hand.scheduler.next_timer
    hand.tell(Taken(0, 1), now=21.0)
    hand.tell(now=23.0)

    assert (waiting, room, timer) == ([["a"]], 0, None)
    assert hand.delivered == [["a"], ["b"]]


def test_lists_that_wait_for_room_leave_in_order_and_then_the_end_follows():
    with by_hand() as drive:
        made = skorche.Queue(maxsize=1)
        skorche.batch(skorche.Queue(), weight=len, max_weight=2, queue_out=made)
    hand = drive()

    hand.feed("aa", "bb", "c", ended=True)
    hand.finish()
    before = hand.delivered
    for _ in range(2):
        hand.tell(Taken(0, 1))
        hand.finish()

    assert before == [["aa"]]
    assert hand.delivered == [["aa"], ["bb"], ["c"]]
    assert hand.scheduler.finished


def test_a_list_whose_time_has_come_waits_for_room_and_takes_no_more():
    with by_hand() as drive:
        made = skorche.Queue(maxsize=1)
        letters = skorche.map(skorche.task(max_workers=2)(str.upper), skorche.Queue())
        skorche.batch(letters, batch_size=9, timeout=2, queue_out=made)
    hand = drive()

    first, second = hand.feed("a", "b", now=10.0)
    hand.work(first, now=10.0)
    hand.tell(now=12.0)
    hand.work(second, now=12.0)
    hand.tell(now=14.0)
    waiting = hand.delivered
    begun = hand.feed("c", now=15.0)
    hand.tell(Taken(0, 1), now=16.0)

    assert (waiting, begun) == ([["A"]], [])
    assert hand.delivered == [["A"], ["B"]]


@pytest.mark.parametrize("closing", [{"timeout": 2}, {"timeout": 2, "key": str.lower}])
def test_a_stop_cancels_open_lists_and_those_that_wait_for_room(closing):
    with by_hand() as drive:
        made = skorche.Queue(maxsize=1)
        skorche.batch(skorche.Queue(), queue_out=made, **closing)
    hand = drive()

    for number, letter in enumerate("abc"):
        hand.work(*hand.feed(letter, now=10.0 * number), now=10.0 * number)
        hand.tell(now=10.0 * number + 2 * (letter != "c"))
    hand.tell(Stop(skorche.RunCancelled("enough"), None), now=30.0)
    hand.finish()

    ledger = hand.scheduler.books.ledger
    assert hand.delivered == [["a"]]
    assert hand.scheduler.finished
    assert hand.scheduler.next_timer is None
    assert [count for count in ledger.ended.values() if count] == [1, 2]


def test_a_list_is_given_when_its_time_has_come_and_not_before():
    memory = TimedBatching(3, False, 2.0)
    memory.now = 10.0
    memory.feed(["a"], [0])

    memory.now = 11.0
    early = memory.expire()
    memory.now = 12.0
    late, places = memory.expire()

    assert (early, late, list(places)) == (([], []), [["a"]], [(0,)])
    assert memory.closed == {"timeout": 1}
