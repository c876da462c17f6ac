"""`batch`: items gathered into lists."""

import tracemalloc
from decimal import Decimal
from fractions import Fraction

import pytest

import skorche
from skorche import GraphError, Pipeline, Queue
from skorche.ops.batch import Batching
from skorche.testing import drive


def test_items_are_gathered_into_lists():
    made = drive(skorche.batch, "abcdef", batch_size=3)

    assert made == [["a", "b", "c"], ["d", "e", "f"]]


def test_a_short_last_batch_is_kept():
    made = drive(skorche.batch, "abcd", batch_size=3)

    assert made == [["a", "b", "c"], ["d"]]


def test_no_items_give_no_batch():
    made = drive(skorche.batch, [], batch_size=3)

    assert made == []


def test_full_batches_leave_no_empty_one_behind():
    made = drive(skorche.batch, "abcd", batch_size=2)

    assert made == [["a", "b"], ["c", "d"]]


def test_a_batch_holds_one_item_unless_told_otherwise():
    made = drive(skorche.batch, "ab")

    assert made == [["a"], ["b"]]


def test_fewer_items_than_a_batch_are_one_batch():
    made = drive(skorche.batch, "ab", batch_size=1_000_000)

    assert made == [["a", "b"]]


def test_none_is_a_member_like_others():
    made = drive(skorche.batch, [None, None, None], batch_size=2)

    assert made == [[None, None], [None]]


def test_batches_can_be_batched():
    with Pipeline() as pipeline:
        pairs = skorche.batch(Queue(fixed_inputs=range(7)), batch_size=2)
        made = skorche.batch(pairs, batch_size=2)
    pipeline.run(engine="inline").wait()

    assert made.flush() == [[[0, 1], [2, 3]], [[4, 5], [6]]]


def test_nested_batches_unbatch_to_the_items_in_input_order():
    with Pipeline() as pipeline:
        nested = skorche.batch(skorche.batch(Queue(fixed_inputs=range(7)), batch_size=2), batch_size=2)
        made = skorche.unbatch(skorche.unbatch(nested))
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == list(range(7))
    assert (report.admitted, report.delivered) == (7, 7)


def test_members_stand_in_input_order_whatever_the_order_of_arrival():
    batching = Batching(3, eager=False)

    first, _ = batching.feed(["c", "a"], [7, 2])
    then, places = batching.feed(["b"], [5])

    assert (first, then) == ([], [["a", "b", "c"]])
    assert places == [(2, 5, 7)]


def test_a_batch_stands_where_its_first_member_stood():
    with Pipeline() as pipeline:
        odd, even = skorche.split(lambda number: number % 2, Queue(fixed_inputs=range(8)))
        made = skorche.merge((skorche.batch(odd, batch_size=2), skorche.batch(even, batch_size=2)))
    pipeline.run(engine="inline").wait()

    assert made.flush() == [[0, 2], [1, 3], [4, 6], [5, 7]]


def test_without_fill_batch_a_lonely_item_does_not_wait_for_company():
    with Pipeline() as pipeline:
        letters = Queue(name="letters")
        made = skorche.batch(letters, batch_size=100, fill_batch=False)

    with pipeline.run(engine="inline"):
        letters.put("a")
        first = made.get(timeout=10)
        letters.put("b")
        second = made.get(timeout=10)

    assert (first, second) == (["a"], ["b"])


def test_without_fill_batch_no_list_is_empty_or_too_long():
    made = drive(skorche.batch, range(100), batch_size=3, fill_batch=False)

    assert [item for members in made for item in members] == list(range(100))
    assert {len(members) for members in made} <= {1, 2, 3}


def test_members_are_counted():
    with Pipeline() as pipeline:
        skorche.batch(Queue(fixed_inputs="abcde"), batch_size=3)
    report = pipeline.run(engine="inline").wait()

    tally = report.nodes["Batch(3)"]
    assert (tally.received, tally.emitted, tally.members) == (5, 2, 5)
    assert (report.admitted, report.delivered) == (5, 5)


def test_a_failed_batch_is_one_failure_and_fails_all_its_members():
    def refuse_b(letters):
        if "b" in letters:
            raise ValueError("no b")
        return letters

    with Pipeline() as pipeline:
        made = skorche.map(refuse_b, skorche.batch(Queue(fixed_inputs="abcd"), batch_size=2))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert made.flush() == [["c", "d"]]
    assert [failure.item for failure in report.failures] == [["a", "b"]]
    assert (report.admitted, report.delivered, report.failed) == (4, 2, 2)


@pytest.mark.parametrize("size", [0, -1, 2.5, "3", None])
def test_a_size_that_no_item_fits_into_is_refused(size):
    with pytest.raises(GraphError) as caught:
        skorche.batch(Queue(), batch_size=size)

    assert str(caught.value) == (
        f"batch was given batch_size={size!r}.\n  Why:  no item fits into such a batch.\n  Mend: give 1 or more."
    )


def test_the_size_is_given_by_name():
    with pytest.raises(TypeError):
        skorche.batch(Queue(), 10)


# -- closed by weight -------------------------------------------------------------------------------------------------


def test_members_together_weigh_no_more_than_was_said():
    made = drive(skorche.batch, ["aa", "b", "cc", "d", "e"], weight=len, max_weight=4)

    assert made == [["aa", "b"], ["cc", "d", "e"]]


def test_an_item_that_is_too_heavy_alone_is_a_list_of_its_own():
    made = drive(skorche.batch, ["a", "bbbbbbb", "c", "d"], weight=len, max_weight=4)

    assert made == [["a"], ["bbbbbbb"], ["c", "d"]]


def test_a_list_that_weighs_all_it_may_leaves_at_once():
    with Pipeline() as pipeline:
        words = Queue(name="words")
        made = skorche.batch(words, weight=len, max_weight=4)

    with pipeline.run(engine="inline"):
        words.put("four")
        first = made.get(timeout=10)

    assert first == ["four"]


def test_size_and_weight_close_a_list_whichever_is_first():
    made = drive(skorche.batch, ["a", "b", "cccc", "d", "e", "f"], batch_size=2, weight=len, max_weight=4)

    assert made == [["a", "b"], ["cccc"], ["d", "e"], ["f"]]


def test_weights_are_any_numbers_from_zero_on():
    weights = [0, 0.5, Fraction(1, 2), Decimal("1.5"), True, 10**400, float("inf")]

    made = drive(skorche.batch, weights, weight=lambda weight: weight, max_weight=2)

    assert made == [weights[:3], [Decimal("1.5")], [True], [10**400], [float("inf")]]


@pytest.mark.parametrize("weight", [-1, -0.5, float("nan"), None, "3", 2j])
def test_an_item_whose_weight_is_no_such_number_fails(weight):
    with Pipeline() as pipeline:
        made = skorche.batch(Queue(fixed_inputs=[1, weight, 2]), weight=lambda given: given, max_weight=9)
    report = pipeline.run(engine="inline", on_error="collect").wait()

    (failure,) = report.failures
    assert made.flush() == [[1, 2]]
    assert (failure.node, failure.attempts) == ("Batch(<lambda>)", 1)
    assert isinstance(failure.error, skorche.BatchError)
    assert str(failure.error) == (
        f"Batch(<lambda>) was given the weight {weight!r}.\n"
        "  Why:  weights are added up, so they are numbers from 0 on.\n"
        "  Mend: let weight give such a number, and filter items out before that have none."
    )


# -- by key -----------------------------------------------------------------------------------------------------------


def test_a_list_holds_items_of_one_key():
    made = drive(skorche.batch, ["apple", "bean", "almond", "beet", "acorn"], key=lambda word: word[0])

    assert made == [["apple", "almond", "acorn"], ["bean", "beet"]]


def test_each_key_fills_its_own_lists():
    made = drive(skorche.batch, range(8), batch_size=2, key=lambda number: number % 3)

    assert made == [[0, 3], [1, 4], [2, 5], [6], [7]]


def test_for_one_more_key_the_oldest_list_leaves_early():
    with Pipeline() as pipeline:
        letters = Queue(name="letters")
        made = skorche.batch(letters, key=str.lower, max_keys=2)

    with pipeline.run(engine="inline") as run:
        for letter in "abBc":
            letters.put(letter)
        first = made.get(timeout=10)

    assert [first, *made] == [["a"], ["b", "B"], ["c"]]
    assert run.report.nodes["Batch(lower)"].closed == {"key": 1, "end": 2}


def test_a_list_that_is_complete_with_its_first_item_takes_no_place_of_another_key():
    with Pipeline() as pipeline:
        made = skorche.batch(
            Queue(fixed_inputs=["a", "bb", "a"]), key=lambda word: word, weight=len, max_weight=2, max_keys=1
        )
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == [["a", "a"], ["bb"]]
    assert report.nodes["Batch(<lambda>, len)"].closed == {"weight": 2}


def test_weights_are_added_up_for_each_key():
    made = drive(skorche.batch, ["a", "b", "aa", "bb", "aa"], key=lambda word: word[0], weight=len, max_weight=3)

    assert made == [["a", "aa"], ["b", "bb"], ["aa"]]


def test_unbatch_gives_back_the_items_in_input_order():
    made = skorche.Queue()
    with Pipeline() as pipeline:
        lists = skorche.batch(Queue(fixed_inputs=range(100)), batch_size=4, key=lambda number: number % 7, max_keys=3)
        skorche.unbatch(lists, queue_out=made)
    pipeline.run(engine="inline").wait()

    assert made.flush() == list(range(100))


def test_an_item_that_has_no_key_fails():
    with Pipeline() as pipeline:
        made = skorche.batch(Queue(fixed_inputs=[{"id": 1}, {}, {"id": 1}]), key=lambda row: row["id"])
    report = pipeline.run(engine="inline", on_error="collect").wait()

    (failure,) = report.failures
    assert made.flush() == [[{"id": 1}, {"id": 1}]]
    assert (failure.node, failure.item) == ("Batch(<lambda>)", {})
    assert isinstance(failure.error, KeyError)
    assert (report.admitted, report.delivered, report.failed) == (3, 2, 1)


def test_an_item_whose_key_cannot_be_looked_up_fails():
    with Pipeline() as pipeline:
        made = skorche.batch(Queue(fixed_inputs=[(1,), [2], (1,)]), key=lambda item: item)
    report = pipeline.run(engine="inline", on_error="collect").wait()

    (failure,) = report.failures
    assert made.flush() == [[(1,), (1,)]]
    assert isinstance(failure.error, skorche.BatchError)
    assert str(failure.error) == (
        "Batch(<lambda>) was given the key [2].\n"
        "  Why:  lists are found by their keys, and this one cannot be looked up: unhashable type: 'list'.\n"
        "  Mend: let key give a text, a number, or a tuple of them."
    )


def test_a_failure_of_a_key_stops_the_run_as_that_of_a_task_does():
    with Pipeline() as pipeline:
        skorche.batch(Queue(fixed_inputs=[1, 0]), key=lambda number: 1 / number)

    with pytest.raises(ZeroDivisionError) as caught:
        pipeline.run(engine="inline").wait()

    assert "in op 'Batch(<lambda>)'" in caught.value.__notes__[0]


# -- by time (see tests/runtime/test_groups.py too) -------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_a_list_leaves_in_time_though_it_is_not_full(engine):
    with Pipeline() as pipeline:
        letters = Queue(name="letters")
        made = skorche.batch(letters, batch_size=3, timeout=0.01)

    with pipeline.run(engine=engine) as run:
        letters.put("a")
        first = made.get(timeout=10)
        letters.put("b")
        second = made.get(timeout=10)

    assert (first, second) == (["a"], ["b"])
    assert run.report.nodes["Batch(3)"].closed == {"timeout": 2}


def test_time_alone_closes_lists_of_any_size():
    with Pipeline() as pipeline:
        made = skorche.batch(Queue(fixed_inputs=range(10_000)), timeout=3600)
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == [list(range(10_000))]
    assert report.nodes["Batch"].closed == {"end": 1}


# -- why, and how it is told ------------------------------------------------------------------------------------------


def test_the_report_tells_why_lists_closed():
    with Pipeline() as pipeline:
        skorche.batch(Queue(fixed_inputs="abcde"), batch_size=2)
    report = pipeline.run(engine="inline").wait()

    assert report.nodes["Batch(2)"].closed == {"size": 2, "end": 1}
    assert report.to_dict()["nodes"]["Batch(2)"]["closed"] == {"size": 2, "end": 1}


def test_a_node_is_named_by_its_size_or_else_by_what_it_goes_by():
    with Pipeline() as pipeline:
        for closing in (
            {"batch_size": 10, "timeout": 2, "key": len, "weight": len, "max_weight": 3},
            {"key": str.lower, "weight": len, "max_weight": 3},
            {"timeout": 2},
            {"timeout": 2, "batch_size": 1},
            {},
        ):
            skorche.batch(Queue(), **closing)

    assert [node.name for node in pipeline.graph.nodes] == [
        "Batch(10)",
        "Batch(lower, len)",
        "Batch",
        "Batch(1)",
        "Batch(1)(2)",
    ]


def test_a_key_costs_no_second_node():
    with Pipeline() as pipeline:
        made = skorche.batch(Queue(fixed_inputs="abcd"), batch_size=2, key=str.upper)
    report = pipeline.run(engine="inline").wait()

    tally = report.nodes["Batch(2)"]
    assert list(report.nodes) == ["Batch(2)"]
    assert (tally.received, tally.emitted, tally.members, tally.failed) == (4, 4, 4, 0)
    assert tally.busy_seconds > 0
    assert made.flush() == [["a"], ["b"], ["c"], ["d"]]


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "what", "mend"),
    [
        ({"timeout": 0}, "batch was given timeout=0.", "give more than 0 seconds, or None."),
        ({"timeout": "2"}, "batch was given timeout='2'.", "give more than 0 seconds, or None."),
        ({"timeout": 1, "batch_size": 0}, "batch was given batch_size=0.", "give 1 or more."),
        ({"key": "id"}, "batch was given 'id' as key.", "give a function of one item."),
        ({"weight": 3, "max_weight": 9}, "batch was given 3 as weight.", "give a function of one item."),
        (
            {"weight": len},
            "batch was given weight without max_weight.",
            "give weight=, a function of an item, and max_weight=, a number, or neither.",
        ),
        (
            {"max_weight": 3},
            "batch was given max_weight without weight.",
            "give weight=, a function of an item, and max_weight=, a number, or neither.",
        ),
        ({"weight": len, "max_weight": 0}, "batch was given max_weight=0.", "give a number above 0."),
        ({"key": len, "max_keys": 0}, "batch was given max_keys=0.", "give 1 or more, or leave it out."),
        (
            {"max_keys": 3},
            "batch was given max_keys=3 without key.",
            "give key=, a function of an item, too, or leave it out.",
        ),
    ],
)
def test_what_has_no_meaning_is_refused(given, what, mend):
    with pytest.raises(GraphError) as caught:
        skorche.batch(Queue(), **given)

    assert (caught.value.what, caught.value.mend) == (what, mend)


def test_a_large_list_costs_no_more_per_item_while_it_grows():
    """Nothing of what is held already is copied when one more comes, but for the few times that a list grows."""
    held = 100_000
    memory = Batching(1_000_000, eager=False)
    memory.feed(list(range(held)), [*range(1, held), 0])
    copies = 0
    tracemalloc.start()

    for number in range(held, held + 100):
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        memory.feed([number], [number])
        copies += tracemalloc.get_traced_memory()[1] - before > held

    tracemalloc.stop()
    ((made,), ((first, *_),)) = memory.close("end")
    assert copies <= 4
    assert (len(made), made[0], first) == (held + 100, held - 1, 0)
