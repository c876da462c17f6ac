"""`split`: each item to the branch its predicate names."""

import pytest

import skorche
from skorche import GraphError, Pipeline, Queue, SplitError
from skorche.testing import drive


class Unhashable:
    """A value whose own code raises when a branch is looked up by it."""

    def __hash__(self):
        raise RuntimeError("hashed")

    def __repr__(self):
        return "Unhashable()"


class Silent:
    """A value that cannot even be shown."""

    def __repr__(self):
        raise RuntimeError("shown")

    __str__ = __repr__


def test_true_comes_first_and_false_second():
    made = drive(skorche.split, [1, 2, 3, 4, 5], predicate_fn=lambda number: number > 3)

    assert made == ([4, 5], [1, 2, 3])


def test_the_branches_stand_in_the_order_of_predicate_values():
    made = drive(skorche.split, [1, 2, 3], predicate_fn=lambda number: number > 2, predicate_values=(False, True))

    assert made == ([1, 2], [3])


def test_truthiness_counts():
    made = drive(skorche.split, ["a", "", "b"], predicate_fn=lambda text: text)

    assert made == (["a", "b"], [""])


def test_the_seeds_predicate_that_returns_nothing_is_false():
    made = drive(skorche.split, [1, 2], predicate_fn=lambda item: None)

    assert made == ([], [1, 2])


def test_a_classifier_chooses_among_many_branches():
    kinds = {"a.jpg": "img", "b.txt": "doc", "c.wav": "audio", "d.png": "img"}

    made = drive(skorche.split, kinds, predicate_fn=kinds.get, predicate_values=("img", "doc", "audio"))

    assert made == (["a.jpg", "d.png"], ["b.txt"], ["c.wav"])


def test_none_may_be_the_value_of_a_branch():
    made = drive(skorche.split, [1, None], predicate_fn=lambda item: item, predicate_values=(None, 1))

    assert made == ([None], [1])


def test_no_items_give_empty_branches():
    made = drive(skorche.split, [], predicate_fn=bool)

    assert made == ([], [])


def test_an_unknown_value_fails_the_item_and_offers_the_nearest_name():
    with pytest.raises(SplitError) as caught:
        drive(skorche.split, ["clip.wav"], predicate_fn=lambda name: "audoi", predicate_values=("img", "doc", "audio"))

    assert str(caught.value) == (
        "Split(<lambda>) met 'audoi'.\n"
        "  Why:  its branches are 'img', 'doc', 'audio', so this item has nowhere to go.\n"
        "  Mend: Did you mean 'audio'? Otherwise add 'audoi' to predicate_values."
    )
    assert (caught.value.value, caught.value.allowed) == ("audoi", ("img", "doc", "audio"))


def test_an_unknown_value_fails_only_its_item():
    with Pipeline() as pipeline:
        ones, twos = skorche.split(lambda item: item, Queue(fixed_inputs=[1, 3, 2]), predicate_values=(1, 2))
    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert (ones.flush(), twos.flush()) == ([1], [2])
    assert [(failure.node, failure.item) for failure in report.failures] == [("Split(<lambda>)", 3)]


def test_a_value_that_cannot_be_hashed_is_an_unknown_value():
    with pytest.raises(SplitError, match=r"met \['img'\]"):
        drive(skorche.split, ["a"], predicate_fn=lambda name: ["img"], predicate_values=("img", "doc"))


def test_a_value_whose_hash_raises_fails_the_item_with_that_error():
    with pytest.raises(RuntimeError, match="hashed"):
        drive(skorche.split, ["a"], predicate_fn=lambda name: Unhashable(), predicate_values=("img", "doc"))


def test_a_value_that_cannot_be_shown_is_told_all_the_same():
    with pytest.raises(SplitError, match="met <Silent whose repr\\(\\) raised RuntimeError>"):
        drive(skorche.split, ["a"], predicate_fn=lambda name: Silent(), predicate_values=("img", "doc"))


def test_a_predicate_that_raises_fails_the_item():
    with pytest.raises(ZeroDivisionError) as caught:
        drive(skorche.split, [0], predicate_fn=lambda number: 1 / number)

    assert any("op 'Split(<lambda>)'" in note and "for the item 0" in note for note in caught.value.__notes__)


def test_queues_can_be_given_for_some_branches():
    images = Queue(name="images")

    made = skorche.split(bool, Queue(), queue_out=(images, None))

    assert made[0] is images
    assert isinstance(made[1], Queue)


def test_a_number_of_queues_that_does_not_match_is_refused():
    with pytest.raises(GraphError) as caught:
        skorche.split(bool, Queue(), queue_out=(Queue(),))

    assert str(caught.value) == (
        "split(bool) was given 1 queues for 2 values.\n"
        "  Why:  each value needs a queue.\n"
        "  Mend: give as many queues in queue_out as predicate_values."
    )


def test_one_queue_for_two_branches_is_refused(told):
    both = Queue(name="both")

    with pytest.raises(GraphError) as caught:
        skorche.split(bool, Queue(), queue_out=(both, both))

    assert told(caught).startswith("op 'Split(bool)' (here) fills queue 'both', which it fills already.\n")


def test_a_value_given_twice_is_refused():
    with pytest.raises(GraphError) as caught:
        skorche.split(len, Queue(), predicate_values=("img", "doc", "img"))

    assert str(caught.value) == (
        "split(len) was given the predicate value 'img' twice.\n"
        "  Why:  it is not clear which branch its items should take.\n"
        "  Mend: give each value once (note that True == 1 and False == 0)."
    )


def test_true_and_one_are_the_same_value():
    with pytest.raises(GraphError, match="was given the predicate value 1 twice"):
        skorche.split(len, Queue(), predicate_values=(True, 1))


def test_an_unhashable_value_is_refused():
    with pytest.raises(GraphError) as caught:
        skorche.split(len, Queue(), predicate_values=(["img"], ["doc"]))

    assert str(caught.value) == (
        "split(len) was given the predicate value ['img'].\n"
        "  Why:  list objects cannot be hashed, so no branch can be looked up by it.\n"
        "  Mend: use strings, numbers, booleans or tuples of them."
    )


def test_a_single_value_is_refused_with_the_way_to_filter():
    with pytest.raises(GraphError) as caught:
        skorche.split(len, Queue(), predicate_values=("img",))

    assert str(caught.value) == (
        "split(len) was given 1 predicate values.\n"
        "  Why:  there is nothing to choose between.\n"
        "  Mend: give two or more; use filter to keep the items of one value."
    )


def test_a_predicate_that_cannot_be_called_is_refused():
    with pytest.raises(GraphError) as caught:
        skorche.split("is_image", Queue())

    assert str(caught.value) == (
        "split was given 'is_image' as predicate_fn.\n"
        "  Why:  str objects cannot be called.\n"
        "  Mend: give a function of one item."
    )


def test_branches_come_together_again_in_input_order():
    with Pipeline() as pipeline:
        odd, even = skorche.split(lambda number: number % 2, Queue(fixed_inputs=range(10)))
        made = skorche.merge((even, odd))
    pipeline.run(engine="inline").wait()

    assert made.flush() == list(range(10))
