"""What becomes of an item that failed."""

from typing import Any

import pytest

import skorche
from skorche.errors import TooManyFailures
from skorche.runtime.recovery import LONGEST_BACKOFF, Policy

from .driving import COLLECT, Hand, by_hand


def refuse(item: Any) -> Any:
    raise ValueError(f"no {item}")


def failing(policy: Policy = COLLECT, seed: int = 0, **options: Any) -> Hand:
    """A task that always fails, with these options."""
    with by_hand(policy=policy, seed=seed) as drive:
        skorche.map(skorche.task(name="refuse", **options)(refuse), skorche.Queue())
    hand = drive()
    assert isinstance(hand, Hand)
    return hand


def delays(hand: Hand, retries: int) -> list[float]:
    """How long the scheduler waits before each retry of one item, from timer to timer."""
    now, waited = 0.0, []
    (out,) = hand.feed("a")
    for _ in range(retries):
        assert hand.work(out, now=now) == []
        due = hand.scheduler.next_timer
        assert due is not None
        waited.append(due - now)
        (out,) = hand.work(now=(now := due))
    return waited


@pytest.mark.parametrize("seed", range(20))
def test_a_retry_waits_between_nothing_and_a_backoff_that_doubles(seed: int):
    waited = delays(failing(seed=seed, retries=5, backoff=0.5), 5)

    assert all(0 <= one <= 0.5 * 2**number for number, one in enumerate(waited))
    assert len(set(waited)) == 5


def test_waits_are_spread_over_the_whole_backoff():
    first = [delays(failing(seed=seed, retries=1, backoff=1.0), 1)[0] for seed in range(200)]

    assert min(first) < 0.05
    assert max(first) > 0.95
    assert 0.4 < sum(first) / len(first) < 0.6


def test_the_same_seed_waits_the_same_and_another_one_differently():
    waits = [delays(failing(seed=seed, retries=3), 3) for seed in (1, 1, 2)]

    assert waits[0] == waits[1] != waits[2]


def test_no_backoff_is_longer_than_a_minute():
    waited = [delays(failing(seed=seed, retries=3, backoff=1000.0), 3) for seed in range(20)]

    assert max(max(one) for one in waited) <= LONGEST_BACKOFF


def test_a_backoff_may_double_any_number_of_times():
    waited = delays(failing(retries=1500, backoff=1e-6), 1500)

    assert max(waited) <= LONGEST_BACKOFF


def test_no_backoff_at_all_tries_again_at_once():
    hand = failing(retries=1, backoff=0.0)
    (out,) = hand.feed("a")

    (again,) = hand.work(out, now=0.0)

    assert (again.chunk.items, again.chunk.attempts) == (["a"], [1])


def test_an_item_fails_after_its_last_attempt():
    hand = failing(retries=2, backoff=0.0)
    hand.feed("a", ended=True)

    hand.finish()

    (failure,) = hand.scheduler.recovery.failures
    assert (failure.node, failure.item, failure.attempts) == ("refuse", "a", 3)
    assert str(failure) == "refuse failed after 3 attempts for 'a': ValueError: no a"


def test_an_error_that_is_not_to_be_retried_fails_at_once():
    hand = failing(retries=5, retry_on=OSError)
    hand.feed("a", ended=True)

    hand.finish()

    assert [failure.attempts for failure in hand.scheduler.recovery.failures] == [1]


def test_a_failure_ends_the_run_with_the_tasks_own_error_and_says_how_to_go_on():
    hand = failing(Policy("raise"))
    (out,) = hand.feed("a", ended=True)

    hand.work(out)

    error = hand.scheduler.error
    assert isinstance(error, ValueError)
    assert str(error) == "no a"
    where, how = error.__notes__
    assert where.startswith("in task 'refuse' (")
    assert where.endswith("for the item 'a'")
    assert how.startswith("to keep going after a failure: run(on_error='collect')")


def test_a_tasks_own_setting_wins_over_the_runs():
    hand = failing(Policy("raise"), on_error="collect")
    hand.feed("a", ended=True)

    hand.finish()

    assert hand.scheduler.error is None
    assert len(hand.scheduler.recovery.failures) == 1


def test_one_failure_more_than_allowed_ends_the_run_and_keeps_the_last_as_the_cause():
    hand = failing(Policy("collect", max_failures=2))
    (out,) = hand.feed("a", "b", "c")
    (out,) = hand.work(out)
    (out,) = hand.work(out)
    before = hand.scheduler.error

    hand.work(out)

    error = hand.scheduler.error
    assert before is None
    assert isinstance(error, TooManyFailures)
    assert error.what.startswith("3 items failed, more than max_failures=2 allows; the last: refuse failed for 'c'")
    assert str(error.__cause__) == "no c"


def test_a_share_of_failures_is_judged_only_when_twenty_items_have_ended():
    hand = failing(Policy("collect", max_failures=0.5))
    out = hand.feed(*range(25))
    for _ in range(19):
        out = hand.work(*out)
    before = hand.scheduler.error

    hand.work(*out)

    assert before is None
    assert isinstance(hand.scheduler.error, TooManyFailures)


def test_an_isolated_batch_is_divided_until_only_its_poisoned_member_fails():
    def work(numbers: list[int]) -> list[int]:
        if 3 in numbers:
            raise ValueError("poison")
        return numbers

    with by_hand() as drive:
        skorche.map(skorche.task(isolate=True)(work), skorche.batch(skorche.Queue(), batch_size=4))
    hand = drive()
    hand.feed(1, 2, 3, 4, ended=True)

    hand.finish()

    assert [failure.item for failure in hand.scheduler.recovery.failures] == [[3]]
    assert sorted(hand.delivered) == [[1, 2], [4]]
    assert hand.scheduler.books.tallies[1].divided == 2


def test_a_list_of_one_is_not_divided_but_retried():
    with by_hand() as drive:
        skorche.map(skorche.task(isolate=True, retries=1, backoff=0.0)(refuse), skorche.Queue())
    hand = drive()
    hand.feed([7], ended=True)

    hand.finish()

    assert [failure.attempts for failure in hand.scheduler.recovery.failures] == [2]


def test_a_list_that_was_no_batch_is_divided_too_and_counts_as_one_item():
    def work(numbers: list[int]) -> list[int]:
        if 3 in numbers:
            raise ValueError("poison")
        return numbers

    with by_hand() as drive:
        skorche.map(skorche.task(isolate=True)(work), skorche.Queue())
    hand = drive()
    hand.feed([1, 2, 3, 4], ended=True)

    hand.finish()

    assert sorted(hand.delivered) == [[1, 2], [4]]
    assert {end.name: count for end, count in hand.scheduler.books.ledger.ended.items() if count} == {"FAILED": 1}
