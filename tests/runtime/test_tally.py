"""What a node did, added up from what its steps counted."""

import pytest

from skorche.kernel import StepCount
from skorche.runtime.tally import MANY_COUNTS, Tally

COUNT = StepCount(3, 2, 4, 1, 5, seconds=0.3, cpu_seconds=0.1, divided=6, cached=7)


@pytest.mark.parametrize("times", [1, MANY_COUNTS - 1, MANY_COUNTS, 2 * MANY_COUNTS + 1])
def test_every_count_is_in_the_record_however_many_there_are(times: int):
    tally = Tally("double")
    tally.received = 3 * times

    for _ in range(times):
        tally.add(COUNT, head=True)
    record = tally.freeze()

    assert (record.received, record.passed, record.emitted) == (3 * times, 2 * times, 4 * times)
    assert (record.filtered, record.members, record.divided) == (times, 5 * times, 6 * times)
    assert record.cached == 7 * times
    assert record.busy_seconds == pytest.approx(0.3 * times)
    assert record.cpu_seconds == pytest.approx(0.1 * times)
    assert tally.freeze() == record


def test_what_was_counted_is_added_once_also_when_adding_up_breaks(monkeypatch: pytest.MonkeyPatch):
    tally = Tally("double")
    tally.add(COUNT, head=True)

    with monkeypatch.context() as broken:
        broken.setattr(tally.sketch, "add_all", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tally.freeze()

    assert tally.freeze().passed == 2


def test_what_comes_to_a_step_behind_the_first_is_received_there_and_then():
    tally = Tally("even")

    tally.add(COUNT, head=False)

    assert tally.received == 3


def test_the_law_of_a_node_is_checked_with_all_that_was_counted():
    tally = Tally("double")
    tally.received = 3

    tally.add(StepCount(3, 3, 3), head=True)
    sound = list(tally.violations())
    tally.add(StepCount(1, 1, 1), head=True)

    assert sound == []
    assert list(tally.violations()) == [
        "double: received 3 + divided 0 != passed 4 + filtered 0 + failed 0 + cancelled 0"
    ]
