"""Items that give many, a part at a time: what is left of one waits where it came from, and nothing is overfilled."""

import itertools

import skorche
from skorche.runtime.command import Deliver, Stop, Taken
from skorche.runtime.ledger import End

from .driving import Hand, by_hand

STOPPED = RuntimeError("stopped")


def one_expansion(function: object, maxsize: int | None = None, **options: object) -> Hand:
    """A `flat_map` behind one source."""
    with by_hand() as drive:
        task = skorche.task(name="many", **options)(function)
        skorche.flat_map(task, skorche.Queue(), queue_out=skorche.Queue(maxsize=maxsize))
    hand = drive()
    assert isinstance(hand, Hand)
    return hand


def count_for_ever(_: object) -> object:
    return itertools.count()


def test_a_chunk_may_give_as_much_as_there_is_room_for():
    hand = one_expansion(count_for_ever, maxsize=5)

    (out,) = hand.feed("item")

    assert out.chunk.portion is not None
    assert out.chunk.portion.elements == 5


def test_what_is_left_of_an_item_waits_for_room_and_then_goes_on_where_it_stopped():
    hand = one_expansion(count_for_ever, maxsize=5)
    (out,) = hand.feed("item")

    waiting = hand.work(out)
    (again,) = [one for one in hand.tell(Taken(0, 2)) if not isinstance(one, Deliver)]
    hand.tell(hand.done(again))

    assert waiting == []
    assert again.chunk.portion.elements == 2
    assert hand.delivered == [0, 1, 2, 3, 4, 5, 6]
    places = [place for one in hand.commands if isinstance(one, Deliver) for place in one.places]
    assert places == [(0, index) for index in range(7)]


def test_idle_workers_leave_room_for_each_other():
    hand = one_expansion(count_for_ever, maxsize=7, max_workers=3)

    outs = hand.feed("a", "b", "c")

    assert [out.chunk.portion.elements for out in outs] == [3, 2, 2]


def test_an_item_for_which_no_room_was_left_is_not_begun():
    begun = []

    def count(item: object) -> object:
        begun.append(item)
        return [] if item == "measured" else itertools.count()

    hand = one_expansion(count, maxsize=6)
    hand.work(*hand.feed("measured"), seconds=1e-6)
    (out,) = hand.feed("a", "b", "c")

    hand.work(out)

    waiting, places = hand.scheduler.edges()[0].waiting.drain()
    assert begun == ["measured", "a"]
    assert (list(map(repr, waiting)), places) == (["'a'", "'b'", "'c'"], [1, 2, 3])


def test_a_list_is_given_whole_and_what_comes_after_it_waits():
    hand = one_expansion(lambda item: [item] * 4, maxsize=2)
    (out,) = hand.feed("a", "b", "c")

    left = hand.work(out)

    assert hand.delivered == ["a"] * 4
    assert left == []
    assert hand.scheduler.edges()[0].waiting.count == 2


def test_a_task_that_may_be_tried_again_has_no_portion():
    hand = one_expansion(lambda item: [item], maxsize=5, retries=1)

    (out,) = hand.feed("item")

    assert out.chunk.portion is None


def test_a_stop_cancels_what_is_left_of_an_item():
    hand = one_expansion(count_for_ever, maxsize=5)
    hand.work(*hand.feed("item", ended=True))

    hand.tell(Stop(STOPPED))

    assert hand.scheduler.finished
    assert hand.scheduler.books.ledger.ended[End.CANCELLED] == 1
    assert hand.scheduler.books.tallies[0].cancelled == 1


def test_what_comes_back_in_part_after_a_stop_is_cancelled_too():
    hand = one_expansion(count_for_ever, maxsize=5)
    (out,) = hand.feed("item", ended=True)
    hand.tell(Stop(STOPPED))

    hand.work(out)

    assert hand.scheduler.finished
    assert len(hand.delivered) == 5
    assert hand.scheduler.books.ledger.ended[End.CANCELLED] == 1


def test_the_cost_of_an_item_is_that_of_all_its_parts():
    hand = one_expansion(lambda item: iter(range(12)), maxsize=5)
    stage = hand.scheduler.parts.stages[0]
    out = hand.feed("item")
    costs = []

    for _ in range(3):
        hand.work(*out, seconds=1.0)
        costs.append(stage.cost)
        out = [one for one in hand.tell(Taken(0, 5)) if not isinstance(one, Deliver)]

    assert costs == [None, None, 3.0]
