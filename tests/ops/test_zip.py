"""`zip`: what belongs together, in tuples."""

import itertools

import pytest

import skorche
from skorche import GraphError, Pipeline, Queue
from skorche.testing import drive, simulate


def source(items):
    return Queue(fixed_inputs=items)


def same(item):
    return item


def odd(number):
    return number % 2 == 1


# -- by number -------------------------------------------------------------------------------------------------------


def test_items_of_several_sources_pair_by_their_number():
    made = drive(skorche.zip, [1, 2], "ab", [True, False])

    assert made == [(1, "a", True), (2, "b", False)]


def test_the_rest_of_a_longer_source_is_dropped_and_counted_as_filtered():
    with Pipeline() as pipeline:
        made = skorche.zip((source([1, 2, 3]), source("a")))
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == [(1, "a")]
    assert (report.admitted, report.delivered) == (report.delivered + report.filtered, 2)


def test_the_rest_of_a_longer_source_is_filled_up():
    made = drive(skorche.zip, [1, 2, 3], "a", missing="-")

    assert made == [(1, "a"), (2, "-"), (3, "-")]


@pytest.mark.timeout(20)
def test_a_source_without_an_end_is_read_no_further_than_the_other_goes():
    read = []

    def numbers():
        for number in itertools.count():
            read.append(number)
            yield number

    with Pipeline() as pipeline:
        made = skorche.zip((source(numbers()), source("abc")))
    pipeline.run().wait()

    assert made.flush() == [(0, "a"), (1, "b"), (2, "c")]
    assert len(read) < 100_000


@pytest.mark.parametrize("inputs", [([1, 2, 3], [1, 2]), ([1], [1, 2]), ([], [1])])
def test_different_lengths_are_an_error_if_they_must_agree(inputs):
    with pytest.raises(skorche.LengthError, match="not of one length"):
        drive(skorche.zip, *inputs, strict=True)


def test_equal_lengths_are_fine_if_they_must_agree():
    assert drive(skorche.zip, [1, 2], [3, 4], strict=True) == [(1, 3), (2, 4)]


def test_an_item_filtered_out_leaves_a_gap_and_moves_no_other():
    with Pipeline() as pipeline:
        made = skorche.zip((skorche.filter(odd, source(range(6))), source("abcdef")))
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == [(1, "b"), (3, "d"), (5, "f")]
    assert (report.admitted, report.delivered, report.filtered) == (12, 6, 6)


def test_a_tuple_comes_from_all_its_sources():
    with Pipeline() as pipeline:
        made = skorche.zip((source([1, 2]), source([0, 1])))
        skorche.map(lambda pair: pair[0] / pair[1], made)
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert (report.failed, report.delivered) == (2, 2)


def test_zips_of_zips_pair_by_number_too():
    with Pipeline() as pipeline:
        inner = skorche.zip((source([1, 2, 3]), skorche.filter(odd, source([4, 5, 6]))), missing=None)
        made = skorche.zip((inner, source("abc")))
    pipeline.run(engine="inline").wait()

    assert made.flush() == [((1, None), "a"), ((2, 5), "b"), ((3, None), "c")]


def test_live_queues_pair_as_items_come():
    left, right = Queue(), Queue()
    with Pipeline() as pipeline:
        made = skorche.zip((left, right))
    with pipeline.run():
        left.put(1)
        right.put("a")
        assert made.get(timeout=10) == (1, "a")
        left.close()
        right.close()


def test_what_takes_the_place_of_a_missing_item_is_never_compared():
    class Array:
        def __eq__(self, other):
            raise AssertionError("an item was compared")

        __hash__ = None

    filler = Array()

    assert drive(skorche.zip, [1, 2], "a", missing=filler)[1][1] is filler


def test_results_of_all_items_pair_with_each_other_and_with_single_calls():
    with Pipeline() as pipeline:
        left, right = skorche.tee(source([3, 1, 2]))
        lowest, highest = skorche.reduce(min, left), skorche.reduce(max, right)
        made = skorche.apply(lambda low, high, name: (name, low, high), lowest, highest, skorche.apply(str, "range"))
    report = pipeline.run().wait()

    assert made.flush() == [("range", 1, 3)]
    assert (report.admitted, report.delivered) == (4, 4)


# -- by place --------------------------------------------------------------------------------------------------------


def test_branches_of_a_tee_pair_by_the_item_they_come_from():
    with Pipeline() as pipeline:
        number, other = skorche.tee(source(range(1000)))
        slow = skorche.map(skorche.task(max_workers=8)(lambda number: -number), other)
        made = skorche.zip((number, slow))
    report = pipeline.run().wait()

    assert made.flush() == [(number, -number) for number in range(1000)]
    assert (report.admitted, report.delivered) == (1000, 1000)


def test_filters_and_failures_leave_gaps():
    with Pipeline() as pipeline:
        left, right = skorche.tee(source(range(8)))
        made = skorche.zip((skorche.filter(odd, left), skorche.map(lambda number: 6 / (number - 3), right)))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == [(1, -3.0), (5, 3.0), (7, 1.5)]
    assert (report.delivered, report.filtered, report.failed) == (3, 4, 1)
    assert report.nodes["Zip"].filtered == 5


def test_a_gap_is_filled_with_the_value_given_for_what_is_missing():
    with Pipeline() as pipeline:
        left, right = skorche.tee(source(range(4)))
        made = skorche.zip((skorche.filter(odd, left), skorche.filter(lambda number: number < 2, right)), missing=None)
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == [(None, 0), (1, 1), (3, None)]
    assert (report.delivered, report.filtered) == (3, 1)


def test_a_branch_may_go_through_batches():
    with Pipeline() as pipeline:
        left, right = skorche.tee(source(range(10)))
        lists = skorche.map(
            skorche.task(max_workers=3)(lambda numbers: [-one for one in numbers]), skorche.batch(left, batch_size=4)
        )
        made = skorche.zip((skorche.unbatch(lists), right))
    pipeline.run().wait()

    assert made.flush() == [(-number, number) for number in range(10)]


def test_a_failed_batch_leaves_a_gap_for_each_member():
    def refuse(numbers):
        if 5 in numbers:
            raise ValueError
        return numbers

    with Pipeline() as pipeline:
        left, right = skorche.tee(source(range(10)))
        made = skorche.zip((skorche.unbatch(skorche.map(refuse, skorche.batch(left, batch_size=4))), right), missing=-1)
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == [(n, n) if n not in range(4, 8) else (-1, n) for n in range(10)]
    assert (report.failed, report.delivered) == (4, 6)


def test_a_list_that_changed_its_length_is_told_and_holds_nobody_up():
    with Pipeline() as pipeline:
        left, right = skorche.tee(source(range(6)))
        longer = skorche.map(
            lambda numbers: [*numbers, 0] if 3 in numbers else numbers, skorche.batch(left, batch_size=3)
        )
        made = skorche.zip((skorche.unbatch(longer), right))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == [(0, 0), (1, 1), (2, 2)]
    assert {type(failure.error) for failure in report.failures} == {skorche.PairingError}
    assert [failure.item for failure in report.failures] == [3, 4, 5, 0]
    assert (report.delivered, report.failed) == (3, 3)


@pytest.mark.parametrize("change", [lambda some: some[:2], lambda some: some + some, lambda some: [max(some)]])
def test_a_list_that_changed_its_length_is_told_also_where_sources_pair(change):
    with Pipeline() as pipeline:
        changed = skorche.unbatch(skorche.map(change, skorche.batch(source(range(6)), batch_size=3)))
        made = skorche.zip((changed, source("abcdef")))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == []
    assert {type(failure.error) for failure in report.failures} == {skorche.PairingError}
    assert (report.admitted, report.failed, report.filtered) == (12, 6, 6)


def test_a_list_that_kept_its_length_pairs_beside_one_that_did_not():
    with Pipeline() as pipeline:
        changed = skorche.map(
            lambda some: some[:2] if 4 in some else some, skorche.batch(source(range(6)), batch_size=3)
        )
        made = skorche.zip((skorche.unbatch(changed), source("abcdef")))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == [(0, "a"), (1, "b"), (2, "c")]
    assert [failure.item for failure in report.failures] == [3, 4]


def test_a_branch_may_split_and_merge_again():
    with Pipeline() as pipeline:
        left, right = skorche.tee(source(range(6)))
        odds, evens = skorche.split(odd, left)
        made = skorche.zip((skorche.merge((odds, skorche.map(lambda number: -number, evens))), right))
    pipeline.run().wait()

    assert made.flush() == [(0, 0), (1, 1), (-2, 2), (3, 3), (-4, 4), (5, 5)]


def test_what_a_split_sends_elsewhere_leaves_a_gap():
    with Pipeline() as pipeline:
        left, right = skorche.tee(source(range(6)))
        odds, evens = skorche.split(odd, left)
        made = skorche.zip((odds, right))
    report = pipeline.run().wait()

    assert (made.flush(), evens.flush()) == ([(1, 1), (3, 3), (5, 5)], [0, 2, 4])
    assert (report.delivered, report.nodes["Zip"].filtered) == (6, 3)


def test_failures_that_an_error_queue_brings_back_are_no_gaps():
    with Pipeline() as pipeline:
        left, right = skorche.tee(source([2, 0, 1]))
        errors = Queue()
        halves = skorche.map(lambda number: 2 / number, left, queue_errors=errors)
        told = skorche.map(lambda failure: type(failure.error).__name__, errors)
        made = skorche.zip((skorche.merge((halves, told)), right))
    pipeline.run(engine="inline").wait()

    assert made.flush() == [(1.0, 2), ("ZeroDivisionError", 0), (2.0, 1)]


def test_a_diamond_in_a_branch():
    with Pipeline() as pipeline:
        left, right = skorche.tee(source(range(6)))
        one, two = skorche.tee(left)
        inner = skorche.zip((skorche.filter(odd, one), two), missing=None)
        made = skorche.zip((inner, right))
    pipeline.run().wait()

    assert made.flush() == [((None if n % 2 == 0 else n, n), n) for n in range(6)]


@pytest.mark.timeout(30)
def test_a_batch_larger_than_what_may_be_under_way_holds_nobody_up():
    with Pipeline() as pipeline:
        left, right = skorche.tee(source(range(5000)))
        lists = skorche.batch(skorche.batch(left, batch_size=40), batch_size=40)
        flat = skorche.unbatch(skorche.unbatch(lists))
        made = skorche.zip((flat, skorche.map(same, right)))
    pipeline.run().wait()

    assert made.flush() == [(number, number) for number in range(5000)]


# -- no stall, whatever happens on the way ---------------------------------------------------------------------------

COUNT = 10_000


def eventful(count, bound, workers=3):
    """A zip after a filter on one branch, one that fails and tries again, and one that batches."""
    known = set()

    def shaky(number):
        if number % 7 == 0 and number not in known:
            known.add(number)
            raise ConnectionError
        if number % 11 == 0:
            raise ValueError
        return -number

    with Pipeline() as pipeline:
        one, two, three = skorche.tee(source(range(count)), n=3, queue_out=[Queue(maxsize=bound) for _ in range(3)])
        kept = skorche.filter(odd, one, queue_out=Queue(maxsize=bound))
        task = skorche.task(max_workers=workers, retries=workers, backoff=0.001, retry_on=ConnectionError)(shaky)
        tried = skorche.map(task, two, queue_out=Queue(maxsize=bound))
        lists = skorche.map(skorche.task(max_workers=2)(same), skorche.batch(three, batch_size=10))
        made = skorche.zip((kept, tried, skorche.unbatch(lists)), queue_out=Queue(maxsize=bound))
        made = skorche.map(same, made)
    wanted = [(number, -number, number) for number in range(count) if number % 2 and number % 11]
    return pipeline, made, wanted


@pytest.mark.timeout(60)
@pytest.mark.parametrize("engine", ["thread", "process", "inline"])
def test_the_right_tuples_come_after_filters_retries_and_failures(engine):
    pipeline, made, wanted = eventful(COUNT, bound=32)

    report = pipeline.run(engine=engine, on_error="collect", progress=False).wait()

    assert made.flush() == wanted
    assert report.admitted == COUNT == report.delivered + report.filtered + report.failed
    assert report.failed == len(range(0, COUNT, 11))


@pytest.mark.timeout(120)
def test_the_right_tuples_come_in_two_thousand_random_schedules():
    for seed in range(2000):
        pipeline, made, wanted = eventful(count=16, bound=2 + seed % 31, workers=1 + seed % 4)

        simulation = simulate(pipeline, seed=seed, on_error="collect")

        assert simulation.flush(made) == wanted, f"seed {seed}"


# -- what has no pairs -----------------------------------------------------------------------------------------------


def branches():
    return skorche.tee(source([[1], [2]]))


@pytest.mark.parametrize(
    ("declare", "told"),
    [
        (lambda left, right: (skorche.unbatch(left), right), "'Unbatch' .* makes other items of them"),
        (lambda left, right: (skorche.batch(left), right), r"'Batch\(1\)' .* gathers them into lists"),
        (
            lambda left, right: (skorche.map(skorche.task(isolate=True)(same), left), right),
            r"'same' .* may divide them \(isolate=True\)",
        ),
        (
            lambda left, right: (skorche.merge(skorche.tee(left)), right),
            r"'Merge' .* merges several copies of each item",
        ),
        (
            lambda left, right: (skorche.merge((left, source([1]))), right),
            "'Merge' .* merges several sources",
        ),
    ],
)
def test_branches_without_pairs_are_refused_when_compiled(declare, told):
    with Pipeline() as pipeline:
        skorche.zip(declare(*branches()))

    with pytest.raises(GraphError, match=f"(?s)'Zip' .* has no pairs to make.*{told}.*zip before that"):
        pipeline.run()


@pytest.mark.parametrize(
    "way", [same, lambda left: skorche.map(same, left), lambda left: skorche.unbatch(skorche.batch(left, batch_size=2))]
)
def test_copies_that_were_merged_before_they_are_teed_again_cannot_be_told_apart(way):
    with Pipeline() as pipeline:
        left, right = branches()
        first, second = skorche.tee(skorche.merge((way(left), right)))
        skorche.zip((first, skorche.map(same, second)))

    with pytest.raises(GraphError, match=r"(?s)'Zip' .* before op 'Tee\(2\)' .*'Merge' .* several copies .* of 'Tee'"):
        pipeline.run()


def triple(number):
    return [number] * 3


@pytest.mark.parametrize(
    ("way", "wanted"),
    [
        (lambda queue: skorche.merge(skorche.split(odd, queue)), [1, 2, 3]),
        (lambda queue: skorche.merge((queue, source([7]))), [1, 2, 3, 7]),
        (lambda queue: flattened(*skorche.tee(queue)), [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]),
        (lambda queue: reduced(*skorche.tee(queue)), [6, 6]),
        (lambda queue: skorche.unbatch(skorche.zip(skorche.tee(queue))), [1, 1, 2, 2, 3, 3]),
    ],
    ids=["split", "sources", "flat_map", "reduce", "zip"],
)
def test_what_was_merged_before_it_is_teed_pairs_where_no_two_items_are_copies(way, wanted):
    with Pipeline() as pipeline:
        left, right = skorche.tee(way(source([1, 2, 3])))
        made = skorche.zip((left, skorche.map(same, right)))
    pipeline.run().wait(30)

    assert sorted(made.flush()) == [(number, number) for number in wanted]


def flattened(left, right):
    return skorche.merge((skorche.flat_map(triple, left), right))


def reduced(left, right):
    return skorche.merge([skorche.reduce(int.__add__, one, initial=0) for one in (left, right)])


def test_one_result_of_all_items_has_no_partner_among_many():
    with Pipeline() as pipeline:
        left, right = skorche.tee(source([1, 2, 3]))
        skorche.zip((skorche.reduce(max, left), right))

    with pytest.raises(GraphError, match="input 1 gives one item for all, and its input 2 any number"):
        pipeline.run()


def test_a_call_with_constants_has_no_partner_among_many():
    with Pipeline() as pipeline:
        skorche.apply(pow, source([1, 2, 3]), skorche.apply(int, "2"))

    with pytest.raises(GraphError, match="input 2 gives one item for all"):
        pipeline.run()


def test_different_branches_of_a_split_never_meet():
    with Pipeline() as pipeline:
        skorche.zip(skorche.split(odd, source([1, 2, 3])))

    with pytest.raises(GraphError, match="different branches of 'Split"):
        pipeline.run()


def test_different_branches_of_a_split_fill_each_others_gaps():
    with Pipeline() as pipeline:
        made = skorche.zip(skorche.split(odd, source([1, 2, 3])), missing=None)
    pipeline.run(engine="inline").wait()

    assert made.flush() == [(1, None), (None, 2), (3, None)]


def test_strict_and_missing_contradict_each_other():
    with Pipeline(), pytest.raises(GraphError, match="give one of them"):
        skorche.zip((source([1]), source([2])), strict=True, missing=0)


def test_one_queue_alone_is_refused():
    with Pipeline(), pytest.raises(GraphError, match="given 1 queue"):
        skorche.zip(source([1]))


def test_the_same_queue_twice_is_refused():
    queue = source([1])
    with Pipeline(), pytest.raises(GraphError, match="consumes"):
        skorche.zip((queue, queue))


def test_a_plan_of_many_zips_in_a_row_looks_at_each_zip_once_for_each_of_them(monkeypatch):
    looked = []
    monkeypatch.setattr("skorche.compile.pairs._common_tee", lambda graph, node: looked.append(node.name))
    with Pipeline() as pipeline:
        numbers = source(range(3))
        for _ in range(20):
            numbers = skorche.apply(max, numbers, source(range(3)))

    pipeline.plan()

    assert len(looked) <= 2 * 20 * 20
