"""What `batch` does by key and weight: the step that asks, and the memory that does what it was told."""

import gc
import pickle

from skorche.kernel import Record
from skorche.ops.keyed import Asking, KeyedBatching, Token


def initial(word: str) -> str:
    return word[0]


def ask(asking: Asking, *items: object) -> tuple[list[object], list[object]]:
    """What goes on, and what failed."""
    record = Record(None, None)
    ((members, _),) = asking.run(items, range(len(items)), record)
    return list(members), [trouble.item for trouble in record.troubles]


def test_an_item_goes_on_with_its_key_and_its_weight():
    members, _ = ask(Asking("Batch", initial, len), "apple", "bean", "acorn")

    (apple, bean, acorn) = members
    assert [item for item, _, _ in members] == ["apple", "bean", "acorn"]
    assert [weight for _, _, weight in members] == [5.0, 4.0, 5.0]
    assert apple[1] is acorn[1] is not bean[1]


def test_what_has_a_key_but_no_weight_fails_and_the_others_keep_theirs():
    members, failed = ask(Asking("Batch", type, len), "a", 5, "b", [], "c")

    assert failed == [5]
    assert [(item, weight) for item, _, weight in members] == [("a", 1.0), ("b", 1.0), ([], 0.0), ("c", 1.0)]
    assert members[0][1] is members[1][1] is members[3][1] is not members[2][1]


def test_a_key_is_known_as_long_as_an_item_of_it_is_about():
    asking = Asking("Batch", initial, None)
    ((_, first, _),), _ = ask(asking, "apple")

    ask(asking, *(chr(number) for number in range(1000, 2000)))
    ((_, again, _),), _ = ask(asking, "acorn")

    assert first is again


def test_keys_of_which_nothing_is_left_are_forgotten():
    asking = Asking("Batch", int, None)

    for number in range(10_000):
        ask(asking, number)
    gc.collect()

    assert len(asking._tokens) < 500


def test_the_step_travels_without_what_it_remembers():
    asking = Asking("Batch", initial, len)
    ask(asking, "apple")

    copy = pickle.loads(pickle.dumps(asking))

    assert (copy.name, copy.key, copy.weight, copy._tokens) == ("Batch", initial, len, {})


def test_keys_are_compared_where_the_users_code_may_run_and_nowhere_else():
    class Key:
        asked = 0

        def __hash__(self) -> int:
            Key.asked += 1
            return 1

    members, _ = ask(Asking("Batch", lambda _: Key(), None), "a", "b")
    asked = Key.asked
    memory = KeyedBatching(9, False, None, 9.0, 9)
    memory.feed(members, range(2))
    made, _ = memory.close("end")

    assert made == [["a"], ["b"]]
    assert Key.asked == asked


def test_members_stand_in_input_order_whatever_the_order_of_arrival():
    key = Token()
    memory = KeyedBatching(3, False, None, 9.0, 9)

    made, places = memory.feed([("c", key, 0.0), ("a", key, 0.0), ("b", key, 0.0)], [7, 2, 5])

    assert (made, places) == ([["a", "b", "c"]], [(2, 5, 7)])


def test_early_the_oldest_list_leaves_and_at_the_end_all():
    first, second, third = Token(), Token(), Token()
    memory = KeyedBatching(9, True, None, 9.0, 9)
    memory.feed([("a", first, 0.0), ("b", second, 0.0), ("c", third, 0.0), ("d", first, 0.0)], range(4))

    early, _ = memory.close("early")
    last, _ = memory.close("end")

    assert (early, last) == ([["a", "d"]], [["b"], ["c"]])
    assert memory.closed == {"early": 1, "end": 2}


def test_what_fits_is_judged_by_the_lists_so_far():
    keys = [Token(), Token()]
    memory = KeyedBatching(100, False, None, 9.0, 9)
    before = memory.inputs(3)

    memory.feed([("a", key, 0.0) for key in keys for _ in range(10)], range(20))

    assert (before, memory.inputs(3), memory.inputs(0)) == (3, 30, 0)
