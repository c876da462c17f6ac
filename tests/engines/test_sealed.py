"""What workers make for other workers passes through this process as bytes: nobody looks into it on the way."""

import os
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import skorche
from skorche.engines.process.packing import Results, Sealing, unpack_outcome
from skorche.engines.transfer import Aside
from skorche.sealed import Sealed, opened

from . import parcels
from .parcels import Brick, Parcel, Tracks

pytestmark = pytest.mark.timeout(60)

HERE = os.getpid()
ITEMS = 60


def away(function: Callable[..., Any], **options: Any) -> Any:
    """A task on one process, so that it travels with no other."""
    return skorche.task(**{"engine": "process", "max_workers": 1, "fuse": False, **options})(function)


def made(function: Callable[..., Any] = parcels.make, count: int = ITEMS) -> Any:
    """The queue of what a worker has made of numbers, one at a time unless the function is another."""
    return skorche.map(away(function, name="make"), skorche.Queue(fixed_inputs=range(count)))


def same(parcel: Parcel) -> Parcel:
    """A task of this process."""
    return parcel


def report_of(pipeline: skorche.Pipeline, **options: Any) -> skorche.Report:
    """After the run."""
    return pipeline.run(progress=False, **{"on_error": "collect", **options}).wait(40)


def assert_opened_once(tracks: list[Tracks], numbers: list[int]) -> None:
    """All of them are there, and each was unpickled by the process that read it, and by nobody else."""
    assert sorted(number for number, _, _ in tracks) == numbers
    assert [opened_in for _, opened_in, _ in tracks] == [[reader] for _, _, reader in tracks]
    assert HERE not in {reader for _, _, reader in tracks}


# -- which way they go -------------------------------------------------------------------------------------------------


def test_from_one_task_to_the_next() -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(away(parcels.tracks_of), made())

    assert report_of(pipeline).ok
    assert_opened_once(out.flush(), [*range(ITEMS)])


def test_through_a_batch_and_a_batch_of_batches() -> None:
    with skorche.Pipeline() as pipeline:
        batches = skorche.batch(skorche.batch(made(), batch_size=7), batch_size=2)
        out = skorche.map(away(lambda lists: [parcels.tracks_of_all(one) for one in lists]), batches)

    assert report_of(pipeline).ok
    assert_opened_once([one for lists in out.flush() for each in lists for one in each], [*range(ITEMS)])


def test_through_a_timed_batch() -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(away(parcels.tracks_of_all), skorche.batch(made(), batch_size=1000, timeout=0.05))

    assert report_of(pipeline).ok
    assert_opened_once([one for each in out.flush() for one in each], [*range(ITEMS)])


def test_through_a_tee_each_reader_has_a_copy() -> None:
    with skorche.Pipeline() as pipeline:
        left, right = skorche.tee(made())
        outs = [skorche.map(away(parcels.tracks_of), one) for one in (left, right)]

    assert report_of(pipeline).ok
    for out in outs:
        assert_opened_once(out.flush(), [*range(ITEMS)])


def test_through_a_merge() -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(away(parcels.tracks_of), skorche.merge((made(), made())))

    assert report_of(pipeline).ok
    assert_opened_once(out.flush(), sorted([*range(ITEMS)] * 2))


def test_through_a_split_that_travels_with_its_task() -> None:
    with skorche.Pipeline() as pipeline:
        even, odd = skorche.split(parcels.is_even, made(), fuse=True)
        outs = [skorche.map(away(parcels.tracks_of), one) for one in (even, odd)]

    assert report_of(pipeline).ok
    for remainder, out in enumerate(outs):
        assert_opened_once(out.flush(), [*range(remainder, ITEMS, 2)])


def test_in_order() -> None:
    with skorche.Pipeline() as pipeline:
        made_in_order = skorche.map(
            away(parcels.make, ordered=True, max_workers=2), skorche.Queue(fixed_inputs=range(ITEMS))
        )
        out = skorche.map(away(parcels.tracks_of, ordered=True, max_workers=2), made_in_order)

    assert report_of(pipeline).ok
    assert [number for number, _, _ in out.flush()] == [*range(ITEMS)]


def test_what_is_read_here_is_not_sealed() -> None:
    with skorche.Pipeline() as pipeline:
        left, right = skorche.tee(made())
        out = skorche.map(away(parcels.tracks_of), left)

    assert report_of(pipeline).ok
    assert {tuple(parcel.opened_in) for parcel in right.flush()} == {(HERE,)}
    assert {tuple(opened_in) for _, opened_in, _ in out.flush()} != {()}


def test_a_predicate_of_this_process_sees_the_items() -> None:
    with skorche.Pipeline() as pipeline:
        even = skorche.filter(parcels.is_even, made())
        out = skorche.map(away(parcels.tracks_of), even)

    assert report_of(pipeline).ok
    assert sorted(number for number, _, _ in out.flush()) == [*range(0, ITEMS, 2)]


@pytest.mark.parametrize("between", [False, True])
def test_a_key_of_this_process_sees_the_items(between: bool) -> None:
    with skorche.Pipeline() as pipeline:
        queue = skorche.map(same, made()) if between else made()  # the key is asked for where that task is
        batches = skorche.batch(queue, batch_size=5, key=parcels.is_even)
        out = skorche.map(away(parcels.get_numbers), batches)

    assert report_of(pipeline).ok
    assert all(len({number % 2 for number in numbers}) == 1 for numbers in out.flush())


@pytest.mark.parametrize("keep_workers", [False, True])
def test_arrays_arrive_whole(keep_workers: bool) -> None:
    np = pytest.importorskip("numpy")
    with skorche.Pipeline() as pipeline:
        arrays = skorche.map(away(_make_arrays), skorche.Queue(fixed_inputs=range(20)))
        out = skorche.map(away(_sums_of), skorche.batch(arrays, batch_size=3))

    assert report_of(pipeline, keep_workers=keep_workers).ok
    pipeline.end_workers()
    found = sorted(one for each in out.flush() for one in each)
    assert found == [(number, 30_000.0 * number, 10.0 * number, True) for number in range(20)]
    assert np.float64  # it was there


def _make_arrays(number: int) -> Any:
    import numpy as np

    lines = [f"line {line}" for line in range(parcels.LINES)]
    return number, np.full(30_000, float(number)), np.full(10, float(number)), lines


def _sums_of(batch: Any) -> list[Any]:
    found = []
    for number, large, small, _ in batch:
        large[0] += 0.0  # it may be written to
        found.append((number, float(large.sum()), float(small.sum()), bool(large.flags.writeable)))
    return found


# -- when they fail ----------------------------------------------------------------------------------------------------


def test_a_failure_has_the_item_itself() -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(away(parcels.refuse_three), made())

    report = report_of(pipeline)

    (failure,) = report.failures
    assert (type(failure.item), failure.item.number, failure.item.opened_in) == (Parcel, 3, [HERE])
    assert "no three" in str(failure.error)
    assert len(out.flush()) == ITEMS - 1


def test_a_failure_of_a_batch_has_the_items_themselves() -> None:
    with skorche.Pipeline() as pipeline:
        skorche.map(away(parcels.refuse_three_of_all), skorche.batch(made(), batch_size=4))

    (failure,) = report_of(pipeline).failures
    assert [parcel.number for parcel in failure.item] == [0, 1, 2, 3]


def test_a_batch_is_divided_until_the_bad_item_is_alone() -> None:
    with skorche.Pipeline() as pipeline:
        batches = skorche.batch(made(), batch_size=8)
        out = skorche.map(away(parcels.refuse_three_of_all, isolate=True), batches)

    (failure,) = report_of(pipeline).failures
    assert [parcel.number for parcel in failure.item] == [3]
    assert sorted(number for numbers in out.flush() for number in numbers) == [n for n in range(ITEMS) if n != 3]


def test_an_error_queue_has_the_items_themselves() -> None:
    failed = skorche.Queue(name="failed")
    with skorche.Pipeline() as pipeline:
        skorche.map(away(parcels.refuse_three), made(), queue_errors=failed)

    assert report_of(pipeline).ok
    assert [failure.item.number for failure in failed.flush()] == [3]


def test_what_is_tried_again_is_the_same() -> None:
    with skorche.Pipeline() as pipeline:
        skorche.map(away(parcels.refuse_three, retries=2, backoff=0.0), made())

    (failure,) = report_of(pipeline).failures
    assert (failure.item.number, failure.attempts) == (3, 3)


def test_a_run_that_stops_at_a_failure_names_the_item() -> None:
    with skorche.Pipeline() as pipeline:
        skorche.map(away(parcels.refuse_three), made())

    with pytest.raises(ValueError, match="no three") as raised:
        report_of(pipeline, on_error="raise")
    assert "for the item Parcel(3)" in "\n".join(raised.value.__notes__)


def test_a_worker_that_dies_costs_that_item_only_and_is_told_of_with_it() -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(away(parcels.die_of_three), made())

    (failure,) = report_of(pipeline).failures
    assert (failure.item.number, type(failure.error)) == (3, skorche.WorkerCrash)
    assert "Parcel(3)" in str(failure.error)
    assert sorted(out.flush()) == [number for number in range(ITEMS) if number != 3]


def test_an_item_that_takes_too_long_is_told_by_itself() -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(away(parcels.sleep_at_three, timeout=0.3), made())

    (failure,) = report_of(pipeline).failures
    assert (failure.item.number, isinstance(failure.error, TimeoutError)) == (3, True)
    assert sorted(out.flush()) == [number for number in range(ITEMS) if number != 3]


def test_a_result_that_cannot_be_pickled_fails_where_it_was_made() -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(away(parcels.get_number), made(Brick))

    (failure,) = report_of(pipeline).failures
    assert (failure.node, type(failure.error)) == ("make", skorche.TransferError)
    assert sorted(out.flush()) == [number for number in range(ITEMS) if number != 3]


def test_what_cannot_be_unpickled_fails_where_it_should_have_been_read() -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(away(parcels.get_number), made(parcels.make_fragile))

    (failure,) = report_of(pipeline).failures
    assert (failure.node, type(failure.error)) == ("get_number", skorche.TransferError)
    assert "broken on the way" in str(failure.error)
    assert failure.item.endswith("bytes that cannot be rebuilt here: ValueError>")
    assert sorted(out.flush()) == [number for number in range(ITEMS) if number != 3]


def test_what_pickle_alone_cannot_take_along_arrives() -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(away(parcels.call), made(parcels.make_closure))

    assert report_of(pipeline).ok
    assert sorted(out.flush()) == [*range(ITEMS)]


# -- whether it is worth it --------------------------------------------------------------------------------------------


def sealed_of(sealing: Sealing, results: list[Any], slices: int = 1) -> int:
    """In how many of so many slices all these results are sealed; in the others they are as they were made."""
    count = 0
    for _ in range(slices):
        found = unpack_outcome(b"".join(sealing.pack([(results, ())], 0.0, 0.0)), ())
        assert isinstance(found, Results)
        assert {type(one) for one in found.items} in ({Sealed}, {type(results[0])})
        count += type(found.items[0]) is Sealed
    return count


def test_a_result_that_comes_alone_is_sealed() -> None:
    assert sealed_of(Sealing([0]), [1], slices=10) == 10


def test_what_goes_elsewhere_is_not() -> None:
    assert sealed_of(Sealing([]), [Parcel(1)], slices=10) == 0


def test_several_that_take_long_to_pickle_are_but_for_a_look_now_and_then() -> None:
    assert sealed_of(Sealing([0]), [Parcel(1), Parcel(2)], slices=100) > 50


def test_several_that_take_no_time_are_not() -> None:
    assert sealed_of(Sealing([0]), [*range(10_000)], slices=20) == 0


def test_several_that_are_only_large_are_not() -> None:
    assert sealed_of(Sealing([0]), [b"x" * 50_000] * 100, slices=20) == 0


def test_several_with_much_in_common_are_sealed_ever_less_often() -> None:
    results = [parcels.with_much_in_common(number) for number in range(10)]

    assert sealed_of(Sealing([0]), results, slices=64) <= 6


def test_several_that_come_to_have_much_in_common_are_soon_not_sealed_any_more() -> None:
    sealing = Sealing([0])
    sealed_of(sealing, [(number, [*map(str, range(100))]) for number in range(10)], slices=20)

    assert sealed_of(sealing, [parcels.with_much_in_common(number) for number in range(10)], slices=64) <= 8


def test_each_is_pickled_once() -> None:
    with skorche.Pipeline() as pipeline:
        out = skorche.map(away(parcels.count_lines), made(parcels.Once))

    assert report_of(pipeline).ok
    assert out.flush() == [parcels.LINES] * ITEMS


# -- what is sealed ----------------------------------------------------------------------------------------------------


def test_it_is_told_as_what_it_is() -> None:
    assert repr([Sealed(pickle.dumps("a text"))]) == "['a text']"


def test_a_large_one_is_passed_on_without_a_copy() -> None:
    large = [*map(str, range(100_000))]
    aside = Aside()

    data = pickle.dumps(Sealed(memoryview(pickle.dumps(large))), 5, buffer_callback=aside.leaves)

    assert (len(data) < 200, len(aside.buffers)) == (True, 1)
    assert pickle.loads(data, buffers=aside.buffers) == large


def test_what_is_deeper_than_the_batches_is_not_looked_at() -> None:
    one = Sealed(pickle.dumps(1))

    assert opened([one, 2], depth=1) == [1, 2]
    assert opened([[one], [2]], depth=2) == [[1], [2]]
    assert opened([[one]], depth=1)[0][0] is one


def test_a_failed_list_that_was_never_sealed_is_the_same_list() -> None:
    around: list[Any] = []
    for _ in range(5000):
        around = [around, around]
    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(int, name="int"), skorche.Queue(fixed_inputs=[around]))

    (failure,) = report_of(pipeline).failures
    assert failure.item is around


def test_the_plan_says_what_may_be_sealed_and_how_deep() -> None:
    with skorche.Pipeline("parcels") as pipeline:
        left, right = skorche.tee(made())
        skorche.map(away(parcels.get_number), left)
        batches = skorche.batch(skorche.batch(right, batch_size=2), batch_size=3)
        skorche.map(skorche.task(len), skorche.map(away(len, name="sizes"), batches))
    plan = pipeline.plan()

    assert [line.split("] -> ")[1] for line in pipeline.explain().splitlines() if "make" in line] == ["op 0 (sealed)"]
    assert {stage.names[0]: stage.sealed_depth for stage in plan.stages} == {
        "make": None,
        "get_number": 0,
        "sizes": 2,
        "len": None,
    }
