"""Arrays on their way to worker processes and back: their memory travels beside the pickle, and is their own there."""

import os
import pickle
import resource
import signal
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import skorche
from skorche.engines.process.buffers import Buffers
from skorche.engines.process.packing import ROUND, TAKEN_BYTES, pack, padded, size_of, unpack
from skorche.engines.transfer import LEAST_BYTES

from .tasks import same

pytestmark = pytest.mark.timeout(60)

LARGE = LEAST_BYTES // 8
"""So many floats travel out of band."""


def through_processes(items: Sequence[Any], function: Any = same) -> list[Any]:
    """What comes of the items in two processes."""
    with skorche.Pipeline() as pipeline:
        results = skorche.map(
            skorche.task(function, engine="process", max_workers=2), skorche.Queue(fixed_inputs=items)
        )
    with pipeline.run():
        return list(results)


def there_and_back(value: Any) -> Any:
    """As if it had been through a pipe, into memory of its own."""
    return unpack(bytearray(b"".join(pack(value))))


@pytest.mark.parametrize("count", [1, LARGE - 1, LARGE, 1_000_000])
def test_an_array_comes_back_equal_aligned_and_can_be_written_to(count: int):
    arrays = [np.arange(count, dtype=float) + number for number in range(6)]

    for sent, came in zip(arrays, sorted(through_processes(arrays), key=lambda array: array[0]), strict=True):
        assert np.array_equal(sent, came)
        assert came.flags.aligned
        came[0] = -1.0
    assert [array[0] for array in arrays] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def halves(pair: tuple[Any, Any]) -> dict[str, Any]:
    """Arrays of several kinds in one result."""
    left, right = pair
    return {"rows": left[::2], "turned": right.T, "small": left[:3], "text": str(right.shape)}


def test_several_arrays_of_one_item_are_each_their_own():
    left, right = np.arange(3.0 * LARGE), np.ones((300, 400))

    (came,) = through_processes([(left, right)], halves)

    assert np.array_equal(came["rows"], left[::2])
    assert np.array_equal(came["turned"], right.T)
    assert (came["small"].tolist(), came["text"]) == ([0.0, 1.0, 2.0], "(300, 400)")
    came["rows"][:] = 0.0
    assert came["turned"].all()


class Refuses:
    """Cannot be pickled."""

    def __reduce__(self) -> Any:
        raise TypeError("not this one")


def refuse_two(pair: tuple[int, Any]) -> Any:
    """Raises for one, gives what cannot be pickled for another, else the sum of the array."""
    number, array = pair
    if number == 2:
        raise ValueError("not two")
    return Refuses() if number == 3 else (number, array)


def test_arrays_beside_failures_arrive():
    items = [(number, np.full(2 * LARGE, float(number))) for number in range(6)]
    with skorche.Pipeline() as pipeline:
        task = skorche.task(refuse_two, engine="process", max_workers=2)
        results = skorche.map(task, skorche.Queue(fixed_inputs=items))
    report = pipeline.run(on_error="collect").wait()

    assert {type(failure.error).__name__ for failure in report.failures} == {"ValueError", "TransferError"}
    assert [number for number, _ in results.flush()] == [0, 1, 4, 5]


def test_an_array_that_is_not_in_one_piece_travels_in_the_pickle():
    array = np.arange(4.0 * LARGE)[::2]

    (part,) = pack(array)

    assert np.array_equal(pickle.loads(part), array)


def test_a_large_array_is_not_copied_to_be_sent():
    array = np.zeros(LARGE)

    assert any(
        isinstance(part, memoryview) and part.obj is not None and len(part) == array.nbytes for part in pack(array)
    )


def test_an_array_beside_what_only_cloudpickle_can_pickle_is_sent_once():
    value = [np.ones(LARGE), lambda: 7]

    assert len([part for part in pack(value) if isinstance(part, memoryview)]) == 1
    array, function = there_and_back(value)
    assert (array.sum(), function()) == (LARGE, 7)


def test_what_is_kept_of_several_does_not_keep_the_others():
    first, second = there_and_back([np.zeros(LARGE), np.ones(LARGE)])

    assert first.base is None or len(memoryview(first.base)) <= first.nbytes + ROUND
    assert not np.shares_memory(first, second)


@given(st.lists(st.integers(0, 2 * LEAST_BYTES), max_size=4), st.integers(0, 40))
def test_buffers_stand_on_round_addresses_whatever_is_in_front_of_them(sizes: list[int], before: int):
    value = ["x" * before, *[np.zeros(size, dtype=np.uint8) for size in sizes]]
    parts = padded(pack(value))

    assert size_of(parts) % ROUND == 0
    passed = 0
    for part in parts:
        if isinstance(part, memoryview):
            assert passed % ROUND == 0
        passed += len(part)
    came = unpack(bytearray(b"".join(parts)))
    assert came[0] == value[0]
    assert [len(array) for array in came[1:]] == sizes


# -- memory that is used again ---------------------------------------------------------------------------------------

FLOATS = 2 * TAKEN_BYTES // 8
"""So many are read into memory that was used before."""
KEPT: list[tuple[int, Any]] = []


def keep_some(array: Any) -> tuple[int, bool, Any]:
    """Keeps every third array in this process, writes to all others; says whether those kept are as they were."""
    number = int(array[0])
    if number % 3 == 0:
        KEPT.append((number, array[1:]))
    else:
        array[:] = -number
    return number, all((kept == number).all() for number, kept in KEPT), array


def test_what_a_task_keeps_and_what_is_kept_of_results_stays_as_it_was():
    kept = []
    with skorche.Pipeline() as pipeline:
        task = skorche.task(keep_some, engine="process", max_workers=2)
        arrays = (np.full(FLOATS, float(number)) for number in range(60))
        results = skorche.map(task, skorche.Queue(fixed_inputs=arrays))
    with pipeline.run():
        for number, as_it_was, array in results:
            assert as_it_was
            if number % 4 == 0:
                kept.append((number, array[::2]))

    assert len(kept) == 15
    assert all((array == (-number if number % 3 else number)).all() for number, array in kept)


def count_faults(arrays: list[Any]) -> tuple[int, list[Any]]:
    """How many pages this process was given so far, and arrays as large as those it got."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt, [array * 2.0 for array in arrays]


@pytest.mark.parametrize("count", [1, 2])
def test_large_arrays_that_come_and_go_need_no_new_memory(count: int):
    size = 8 * FLOATS
    items = ([np.ones(size) for _ in range(count)] for _ in range(30))
    with skorche.Pipeline() as pipeline:
        task = skorche.task(count_faults, engine="process", max_workers=1)
        results = skorche.map(task, skorche.Queue(fixed_inputs=items))
    with pipeline.run():
        faults = [found for found, _ in results]

    pages_of_items = count * np.ones(size).nbytes / resource.getpagesize()
    assert median(np.diff(faults)) < pages_of_items  # the results may need some


class DieOnce:
    """A task: the identity, but at one item the process is killed the first time."""

    def __init__(self, number: float, marker: Path) -> None:
        self.number, self.marker = number, marker

    def __call__(self, array: Any) -> Any:
        if array[0] == self.number and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return array


@pytest.mark.parametrize("number", [0.0, 11.0, 19.0])
def test_a_worker_killed_among_large_arrays_loses_none(number: float, tmp_path: Path):
    arrays = [np.full(8 * FLOATS, float(item)) for item in range(20)]
    with skorche.Pipeline() as pipeline:
        task = skorche.task(DieOnce(number, tmp_path / "marker"), engine="process", max_workers=2, retries=1)
        results = skorche.map(task, skorche.Queue(fixed_inputs=arrays))
    with pipeline.run():
        came = sorted(results, key=lambda array: array[0])

    assert len(came) == 20
    assert all(np.array_equal(*pair) for pair in zip(arrays, came, strict=True))


@given(st.lists(st.tuples(st.integers(1, 40_000), st.booleans()), max_size=30))
def test_nobody_is_given_memory_that_somebody_keeps(asked: list[tuple[int, bool]]):
    buffers = Buffers(100_000)
    kept = []

    for number, (size, keeps) in enumerate(asked):
        array = np.frombuffer(buffers.take(size), dtype=np.uint8)
        array[:] = number
        if keeps:
            kept.append((number, array[::2]))

    assert all((array == number).all() for number, array in kept)


def test_what_was_used_least_lately_is_forgotten_when_it_is_too_much():
    buffers = Buffers(40_000)
    first, second = buffers.take(9_000), buffers.take(9_000)
    seen = first.obj, second.obj
    del first, second

    buffers.take(20_000)

    assert [buffers.take(9_000).obj is one for one in seen] == [False, True]


def test_a_small_array_does_not_get_the_memory_of_a_large_one():
    buffers = Buffers()
    large = buffers.take(1 << 20).obj

    assert buffers.take(1 << 19).obj is not large


class Whole(bytearray):
    """Gives its memory away, and is rebuilt from all that it is given, as in the documentation of pickle."""

    def __reduce_ex__(self, protocol: int) -> Any:
        return Whole.rebuilt, (pickle.PickleBuffer(self),)

    @classmethod
    def rebuilt(cls, given: Any) -> Any:
        with memoryview(given) as view:
            return cls(view.obj)


def two_wholes(size: int) -> tuple[Whole, Whole]:
    """Two of that size."""
    return Whole(b"x" * size), Whole(b"y" * size)


def test_several_buffers_are_no_larger_than_what_is_in_them() -> None:
    sizes = [TAKEN_BYTES + 1, TAKEN_BYTES + 1, TAKEN_BYTES, 3 * TAKEN_BYTES + 7]

    came = through_processes(sizes, two_wholes)

    assert sorted((bytes(one), bytes(other)) for one, other in came) == sorted(
        (b"x" * size, b"y" * size) for size in sizes
    )
