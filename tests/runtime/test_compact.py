"""Forms of places: each stands for the list of what it holds, whatever is done with it."""

import gc
import pickle
from array import array
from collections.abc import Sequence
from itertools import compress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import skorche
from skorche.compact import (
    Abreast,
    Elements,
    Groups,
    Packed,
    Selected,
    Spread,
    ascending,
    in_a_row,
    join,
    pack,
    select,
    span_of,
)
from skorche.input_order import in_order
from skorche.place import Group, Places, order_key
from skorche.runtime.chunk import Waiting
from skorche.runtime.ledger import End, Ledger
from skorche.runtime.resolve import Resolver

FIRST = Abreast([range(2), range(5, 7)])


def selected_of(of: range | Selected, flags: Sequence[bool]) -> Selected:
    known = [*flags, *[False] * len(of)][: len(of)]
    return Selected(of, known, sum(known))


runs = st.builds(lambda start, size: range(start, start + size), st.integers(0, 40), st.integers(1, 12))
flags = st.lists(st.booleans(), min_size=12, max_size=12)
selections = st.builds(selected_of, runs, flags)
nested = st.builds(selected_of, selections, flags)
numbers: st.SearchStrategy[list[int]] = st.lists(st.integers(0, 50), min_size=1, max_size=12, unique=True)
packed = st.one_of(numbers, numbers.map(sorted)).map(pack)
groups = st.builds(Groups, st.one_of(runs, numbers.map(sorted), selections.filter(len)), st.integers(1, 4))
counts = st.lists(st.integers(0, 3), min_size=12, max_size=12)
spread = st.builds(lambda wholes, counts: Spread(wholes, counts[: len(wholes)]), st.one_of(runs, numbers), counts)
abreast = st.builds(
    lambda run, apart: Abreast([run, range(run.start + apart, run.stop + apart)]), runs, st.integers(20, 40)
)
forms: st.SearchStrategy[Any] = st.one_of(
    runs, selections, nested, packed, groups, abreast, spread, spread.map(lambda some: some.elements), numbers
)


# -- each form is a sequence -------------------------------------------------------------------------------------------


@given(form=forms, start=st.integers(0, 14), stop=st.integers(0, 14))
def test_a_form_is_the_sequence_of_what_it_holds(form: Places, start: int, stop: int) -> None:
    held = list(form)

    assert len(form) == len(held)
    assert [form[index] for index in range(len(form))] == held
    assert list(form[start:stop]) == held[start:stop]
    assert list(pickle.loads(pickle.dumps(form))) == held


@given(parts=st.lists(forms, min_size=1, max_size=4))
def test_joined_places_are_those_of_the_parts_one_after_the_other(parts: list[Places]) -> None:
    assert list(join(parts)) == in_a_row(parts) == [place for part in parts for place in part]


@given(form=forms, cuts=st.lists(st.integers(0, 14), max_size=3).map(sorted))
def test_what_was_cut_and_joined_again_is_as_before(form: Places, cuts: list[int]) -> None:
    pieces = [form[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(form)], strict=True) if start < stop]

    assert not pieces or list(join(pieces)) == list(form)


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ([range(2), range(2, 5)], range),
        ([range(2), range(3, 5)], list),
        ([selected_of(range(2), [True]), selected_of(range(2, 4), [False, True])], Selected),
        ([selected_of(range(2), [True]), selected_of(range(3, 5), [False, True])], list),
        ([pack([3, 4]), pack([1, 2])], Packed),
        ([Groups([3, 5], 2), Groups([7], 2)], Groups),
        ([Groups([3], 2), Groups([5, 7], 2)], list),
        ([Groups([3, 5], 2), Groups([7, 8], 1)], list),
        ([FIRST, Abreast([range(2, 4), range(7, 9)])], Abreast),
        ([FIRST, Abreast([range(3, 5), range(7, 9)])], list),
        ([FIRST, Abreast([range(2, 4), range(8, 10)])], list),
        ([FIRST, Abreast([range(2, 4), range(7, 9), range(9, 11)])], list),
        ([Spread([3], [2]), Spread([4], [1])], Spread),
        ([Elements([3, 3], [0, 1]), Elements([4], [0])], Elements),
        ([Elements([3, 3], [0, 1]), Spread([4], [1])], Elements),
        ([FIRST, range(2, 4)], list),
    ],
)
def test_joined_places_keep_their_form_where_each_goes_on(parts: list[Places], kept: type) -> None:
    assert type(join(parts)) is kept
    assert list(join(parts)) == in_a_row(parts)


# -- what is told without a look at each -------------------------------------------------------------------------------


@given(form=forms, flags=flags)
def test_what_is_selected_are_those_that_are_flagged(form: Places, flags: list[bool]) -> None:
    known = [*flags, *[True] * len(form)][: len(form)]

    some = select(form, known, sum(known))

    assert (len(some), list(some)) == (sum(known), list(compress(form, known)))


def test_what_is_selected_again_and_again_is_listed_now_and_then() -> None:
    """Else whoever asks for it would have to ask as many times as there are filters, one inside the other."""
    some: Any = range(20)
    forms = []

    for _ in range(5_000):
        some = select(some, [True] * 20, 20)
        forms.append(type(some))

    assert forms[:3] == [Selected, Selected, list]
    assert list(some) == list(range(20))


@given(form=forms)
def test_places_are_said_to_ascend_only_where_they_do(form: Places) -> None:
    are_numbers = all(type(place) is int for place in form)

    if ascending(form):
        assert are_numbers
    elif type(form) is list and are_numbers:
        assert list(form) != sorted(form)


@pytest.mark.parametrize("places", [[1, (2, 0)], [(2, 0), 3], [1, Group([2])], [Group([1])], [], Elements([1], [0])])
def test_places_that_are_not_all_numbers_do_not_ascend(places: Places) -> None:
    assert not ascending(places)


@given(form=forms)
def test_the_span_of_places_holds_them_in_order(form: Places) -> None:
    span = span_of(form)

    if span is not None and len(form):
        firsts = [order_key(place)[0] for place in form]
        assert firsts == sorted(firsts)
        if type(form) is Spread:  # an item that has no elements at all may be the first, or the last
            assert span.start <= firsts[0] <= firsts[-1] < span.stop
        else:
            assert span.start == firsts[0]
            assert span.stop - 1 == (form.numbers[-1] if type(form) is Groups else firsts[-1])


@pytest.mark.parametrize("places", [[1, (2, 0)], [Group([1, 2])], [1 << 80, 1], range(3), [(1, 0)]])
def test_what_are_not_numbers_of_sources_is_not_packed(places: Places) -> None:
    assert pack(places) is places


@given(form=forms)
def test_what_is_packed_is_the_same_places(form: Places) -> None:
    assert list(pack(form)) == list(form)


def test_what_is_packed_holds_no_object_for_each_number() -> None:
    some = [selected_of(range(100), [True] * 50), list(range(1000, 1100)), Groups(list(range(1000, 1100)), 10), [1000]]

    kinds = [(type(form), type(form.numbers) if type(form) is Groups else None) for form in map(pack, some)]

    assert kinds == [(Packed, None), (Packed, None), (Groups, Packed), (range, None)]


def test_few_of_many_wait_as_a_list_and_most_of_them_as_flags() -> None:
    few, most = selected_of(range(100), [True] * 19), selected_of(range(100), [True] * 20)
    waiting = Waiting()

    waiting.add(["few"] * 19, few)
    waiting.add(["most"] * 20, most)

    assert waiting.take(19) == (["few"] * 19, list(range(19)))
    assert waiting.take(20)[1] is most
    assert type(selected_of(most, [True] * 19).smallest) is list  # with the flags of both


# -- what is made of forms is what is made of lists --------------------------------------------------------------------


@given(form=forms, alive=st.dictionaries(st.integers(0, 90), st.integers(2, 4), max_size=20), how=st.sampled_from(End))
def test_the_ledger_ends_a_form_as_it_ends_its_list(form: Places, alive: dict[int, int], how: End) -> None:
    def after(places: Places) -> tuple[dict[End, int], dict[int, int]]:
        ledger = Ledger()
        for root, lives in alive.items():
            ledger.become(root, 1 + len(form) * lives)
        ledger.end(places, how)
        return ledger.ended, ledger._alive

    assert after(form) == after(list(form))


def elements_of(indices: Sequence[int], counts: Sequence[int]) -> list[tuple[int, int]]:
    return [(index, number) for index, count in zip(indices, counts, strict=True) for number in range(count)]


@given(form=forms, flags=flags, counts=counts, data=st.data())
def test_paths_of_all_forms_lead_to_the_same_places_as_lists(
    form: Places, flags: list[bool], counts: list[int], data: st.DataObject
) -> None:
    """Also where batches give all their members back, or another number of elements."""
    kept = [*compress(range(len(form)), flags)]
    wholes = data.draw(st.sampled_from([range(len(form)), kept]))
    sizes = [len(place) if isinstance(place, Group) else 2 for place in form]
    given_back = data.draw(st.booleans())
    found = [sizes[whole] if given_back else count for whole, count in zip(wholes, counts * 3, strict=False)]
    expansions = list(zip(wholes, found, strict=True))
    paths = Spread(wholes, found)

    resolved = Resolver(form, expansions).places(paths)
    chosen = Resolver(form, []).places(selected_of(range(len(form)), flags))

    plain = Resolver(list(form), expansions)
    assert list(resolved) == [plain.place(path) for path in elements_of(wholes, found)]
    assert list(chosen) == [list(form)[index] for index in compress(range(len(form)), [*flags, *[False] * 60])]


def test_elements_of_few_of_many_items_wait_without_the_flags_of_all() -> None:
    few = Spread(selected_of(range(100), [True]), [2])

    places = Resolver(range(1000, 1100), [(0, 2)]).places(few)

    assert isinstance(places, Spread)
    assert (places.wholes, list(places)) == ([1000], [(1000, 0), (1000, 1)])


def test_of_some_of_the_batches_only_their_own_members_come_back() -> None:
    both = Resolver(Groups([3, 5, 7, 8], 2), [(0, 2), (1, 2)])

    assert list(both.places(Spread([1], [2]))) == [7, 8]


@given(
    sizes=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    numbers=st.lists(st.integers(0, 90), min_size=6, max_size=6, unique=True).map(sorted),
    order=st.randoms(use_true_random=False),
)
def test_only_batches_that_gave_as_many_as_they_had_give_their_members_back(
    sizes: list[int], numbers: list[int], order: Any
) -> None:
    places = Groups(numbers[: 2 * len(sizes) - 1], 2)
    expansions = list(enumerate(sizes[: len(places)]))
    order.shuffle(expansions)

    told = Resolver(places, expansions).gives_members_back

    true = all(len(places[index]) == count for index, count in expansions) and len(expansions) == len(places)
    assert told == (true and expansions == sorted(expansions))


# -- input order -------------------------------------------------------------------------------------------------------


@given(st.lists(forms, max_size=5))
def test_items_of_pieces_come_in_input_order_and_else_as_they_came(all_places: list[Places]) -> None:
    pieces = [([object() for _ in places], pack(places)) for places in all_places if len(places)]
    placed = [(place, item) for items, places in pieces for place, item in zip(places, items, strict=True)]

    found = in_order(pieces)

    assert found == [item for _, item in sorted(placed, key=lambda one: order_key(one[0]))]


def test_pieces_that_lie_apart_are_not_sorted_within() -> None:
    """What is told here of one of them is false, and nobody looks."""
    told = Packed(array("q", [5, 9, 7]), ascends=True)

    assert in_order([(["c", "e", "d"], told), (["a", "b"], pack([1, 2]))]) == ["a", "b", "c", "e", "d"]
    assert in_order([(["c", "e", "d"], told), (["a", "b"], pack([1, 6]))]) == ["a", "c", "b", "d", "e"]


def test_results_that_wait_are_nothing_the_garbage_collector_looks_through() -> None:
    """Else each of its rounds would take as long as there are results."""
    big = 10**9
    with skorche.Pipeline() as pipeline:
        odd, even = skorche.split(lambda number: number % 2, skorche.Queue(fixed_inputs=range(big, big + 5_000)))
        results = skorche.merge((skorche.map(abs, odd), even))
    flags_before = sum(type(one) is bool for one in looked_through())

    pipeline.run().wait()

    found = looked_through()
    assert not [one for one in found if type(one) is int and big < one < big + 5_000]
    assert sum(type(one) is bool for one in found) < flags_before + 1_000  # which would tell where the items went
    assert results.flush() == list(range(big, big + 5_000))


def looked_through() -> list[object]:
    """What is in all lists and tuples that the garbage collector knows."""
    gc.collect()
    return [one for held in gc.get_objects() if type(held) in (list, tuple) for one in held]
