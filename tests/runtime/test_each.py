"""The quick way through a kernel that only calls a function: it does what the kernel's own `run` does."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skorche.cut import Cut
from skorche.each import each_of, runner_of
from skorche.engines.process.packing import Results, Sealing, pack_results, unpack_outcome
from skorche.errors import TransferError
from skorche.kernel import Kernel, Outcome, Step
from skorche.ops.function import Mapping

RAISED: dict[str, type[BaseException]] = {"value": ValueError, "stop": StopIteration, "exit": SystemExit}


def obey(item: str) -> str:
    """Gives the item back, or raises what it names."""
    if item in RAISED:
        raise RAISED[item](item)
    return item.upper()


def kernel_of(function: Callable[[Any], Any]) -> Kernel:
    return Kernel((Step(Mapping(function), (~0,)),), ports=1)


def told(outcome: Outcome) -> tuple[object, ...]:
    """All of it, but how long it took."""
    (items, paths), *others = outcome.ports
    assert not others
    counts = [count and count._replace(seconds=0.0, cpu_seconds=0.0) for count in outcome.counts]
    troubles = [(one.step, one.path, one.item, type(one.error), str(one.error)) for one in outcome.troubles]
    return items, list(paths), counts, troubles, outcome.expansions, outcome.dropped


@given(st.lists(st.sampled_from(["a", "b", *RAISED])))
def test_what_comes_is_what_the_kernel_gives(items: list[str]):
    kernel = kernel_of(obey)

    assert told(runner_of(kernel)(items, 0, None)) == told(kernel.run(items))


def looked_at(cut: Cut, at: int, raises: type[BaseException] | None = None) -> Callable[[Any], Any]:
    """Somebody looks twice while this is at one of its items, which may fail for it."""

    def give_back(item: int) -> int:
        if item == at:
            cut.look()
            cut.look()
            if raises is not None:
                raise raises
        return item

    return give_back


@pytest.mark.parametrize("items", [list(range(100)), tuple(range(100)), range(100)], ids=["list", "tuple", "range"])
@pytest.mark.parametrize("at", [0, 50, 98, 99])
@pytest.mark.parametrize("steps", [1, 2])
def test_what_was_not_begun_when_a_chunk_is_cut_is_left(items: Any, at: int, steps: int):
    cut = Cut()
    first, second = Step(Mapping(looked_at(cut, at)), (1,)), Step(Mapping(str), (~0,))
    kernel = Kernel((first, second), ports=1) if steps == 2 else kernel_of(looked_at(cut, at))

    outcome = runner_of(kernel, cut)(items, 0, None)

    ((results, paths),) = outcome.ports
    assert [int(one) for one in results] == list(paths) == list(range(at + 1))
    assert list(outcome.left) == list(range(at + 1, 100))
    assert [count and (count.received, count.passed) for count in outcome.counts] == [(at + 1, at + 1)] * steps
    assert outcome.troubles == []


@pytest.mark.parametrize("raises", [ValueError, SystemExit])
@pytest.mark.parametrize("steps", [1, 2])
def test_the_item_on_which_a_chunk_is_cut_may_fail(raises: type[BaseException], steps: int):
    cut = Cut()
    first, second = Step(Mapping(looked_at(cut, 5, raises)), (1,)), Step(Mapping(str), (~0,))
    kernel = Kernel((first, second), ports=1) if steps == 2 else kernel_of(looked_at(cut, 5, raises))

    outcome = runner_of(kernel, cut)(list(range(10)), 0, None)

    assert [trouble.path for trouble in outcome.troubles] == [5]
    assert list(outcome.ports[0][1]) == list(range(5))
    assert list(outcome.left) == list(range(6, 10))


def test_a_chunk_after_one_that_was_cut_is_gone_through_to_its_end():
    cut = Cut()
    run = runner_of(kernel_of(looked_at(cut, 5)), cut)

    run(list(range(10)), 0, None)
    outcome = run(list(range(10, 20)), 0, None)

    assert (outcome.ports[0][0], list(outcome.left)) == (list(range(10, 20)), [])


def test_one_look_cuts_nothing():
    cut = Cut()

    def look(item: int) -> int:
        if item == 5:
            cut.look()
        return item

    assert list(runner_of(kernel_of(look), cut)(list(range(10)), 0, None).left) == []


class Thing:
    """What can be looked at from outside, to see whether it is still there."""


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("steps", [1, 2])
def test_nothing_is_kept_of_what_was_gone_through(steps: int, raises: bool):
    def take(thing: Thing) -> bool:
        if raises:
            raise ValueError
        return True

    cut, (taking, asking) = Cut(), (Step(Mapping(take), (1,)), Step(Mapping(str), (~0,)))
    things = [Thing(), Thing()]
    seen = [weakref.ref(thing) for thing in things]

    runner_of(Kernel((taking, asking), ports=1) if steps == 2 else kernel_of(take), cut)(things, 0, None)
    cut.look()
    del things
    gc.collect()

    assert [one() for one in seen] == [None, None]


def test_no_item_is_called_twice():
    seen: list[int] = []

    def note(item: int) -> int:
        seen.append(item)
        return 1 // (item % 3)

    runner_of(kernel_of(note))(list(range(10)), 0, None)

    assert seen == list(range(10))


def test_the_traceback_of_a_failure_begins_in_the_task():
    outcome = runner_of(kernel_of(obey))(["a", "value"], 0, None)

    (trouble,) = outcome.troubles
    assert trouble.error.__traceback__ is not None
    assert trouble.error.__traceback__.tb_frame.f_code is obey.__code__


def test_a_kernel_with_more_steps_than_one_call_is_run_as_it_is():
    upper = Mapping(str.upper)
    kernel = Kernel((Step(upper, (1,)), Step(Mapping(len), (~0,))), ports=1)

    assert each_of(kernel) is None
    assert runner_of(kernel)(["ab", "c"], 0, None).ports == [([2, 1], range(2))]
    assert runner_of(kernel)(["ab", "c"], 1, None).ports == [([2, 1], range(2))]


class Wrapped:
    """A step that does something around another, and has all it has."""

    def __init__(self, work: Mapping) -> None:
        self.work, self.seen = work, list[object]()

    def run(self, items: Any, paths: Any, record: Any) -> Any:
        self.seen += items
        return self.work.run(items, paths, record)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.work, name)


def test_a_step_that_wraps_a_call_is_none():
    step = Wrapped(Mapping(abs))
    runner_of(Kernel((Step(step, (~0,)),), ports=1))([-1], 0, None)

    assert step.seen == [-1]


# -- as bytes -------------------------------------------------------------------------------------------------------


def test_results_travel_with_what_they_took():
    data = b"".join(pack_results([1, "two"], kernel_of(abs), range(2), 0.5, 0.25, Sealing()))

    assert unpack_outcome(data, [0, 0]) == Results([1, "two"], 0.5, 0.25, len(data))


@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_result_that_cannot_be_pickled_fails_its_item_and_no_other(where: int):
    results: list[object] = [10, 11, 12]
    results[where] = (one for one in ())

    data = b"".join(pack_results(results, kernel_of(abs), range(4, 7), 0.5, 0.25, Sealing()))
    outcome = unpack_outcome(data, "abcdefgh")

    assert isinstance(outcome, Outcome)
    (trouble,) = outcome.troubles
    assert (trouble.path, trouble.item, type(trouble.error)) == (4 + where, "efg"[where], TransferError)
    kept = [number for number in range(3) if number != where]
    assert outcome.ports == [([10 + number for number in kept], [4 + number for number in kept])]
    (count,) = outcome.counts
    assert count is not None
    assert (count.received, count.passed, count.emitted) == (3, 2, 2)
