"""From paths within a chunk to places within the inputs."""

from skorche.compact import Elements
from skorche.expansion import Part
from skorche.place import Group
from skorche.runtime.resolve import Resolver


def test_a_whole_chunk_keeps_its_places_as_they_are():
    places = range(10, 13)

    assert Resolver(places, []).places(range(3)) is places


def test_a_slice_of_a_chunk_stays_a_range():
    assert Resolver(range(10, 20), []).places(range(2, 5)) == range(12, 15)


def test_what_is_left_of_a_chunk_keeps_its_places():
    assert Resolver([4, (5, 1), 9], []).places([0, 2]) == [4, 9]


def test_the_elements_of_an_item_stand_below_it():
    resolver = Resolver(range(10, 12), [(0, 1), (1, 2)])

    assert resolver.places([(0, 0), (1, 0), (1, 1)]) == [(10, 0), (11, 0), (11, 1)]


def test_the_elements_of_elements_stand_below_those():
    resolver = Resolver([10], [(0, 2), ((0, 1), 2)])

    assert resolver.places([(0, 0), (0, 1, 0), (0, 1, 1)]) == [(10, 0), (10, 1, 0), (10, 1, 1)]


def test_a_batch_that_kept_its_length_gives_its_members_their_places():
    resolver = Resolver([Group([3, (4, 1)])], [(0, 2)])

    assert resolver.places([(0, 0), (0, 1)]) == [3, (4, 1)]


def test_the_elements_of_a_batch_that_changed_stand_below_the_batch():
    batch = Group([3, 4])
    resolver = Resolver([batch], [(0, 3)])

    assert resolver.places([(0, 0), (0, 2)]) == [(batch, 0), (batch, 2)]


def test_one_place_is_the_same_as_many():
    batch = Group([3, Group([4, 5])])
    resolver = Resolver([batch, 8], [(0, 2), ((0, 1), 2), (1, 1)])
    paths = [(0, 0), (0, 1, 0), (0, 1, 1), (1, 0)]

    assert [resolver.place(path) for path in paths] == resolver.places(paths) == [3, 4, 5, (8, 0)]


def test_elements_of_plain_items_stay_together():
    found = Resolver(range(10, 20), [(1, 2), (3, 1)]).places(Elements([1, 1, 3], [0, 1, 0]))

    assert isinstance(found, Elements)
    assert list(found) == [(11, 0), (11, 1), (13, 0)]


def test_elements_of_batches_are_told_one_by_one():
    found = Resolver([Group([3, 4]), 9], [(0, 2), (1, 1)]).places(Elements([0, 0, 1], [0, 1, 0]))

    assert list(found) == [3, 4, (9, 0)]


def test_elements_of_a_batch_of_which_more_may_come_are_no_members():
    batch = Group([3, 4])

    found = Resolver([batch], [], [Part(0, 2, lives=True)]).places(Elements([0, 0], [5, 6]))

    assert list(found) == [(batch, 5), (batch, 6)]


def test_the_elements_of_several_batches_have_their_members_places_whether_all_are_there_or_not():
    batches = [Group([3, 4]), Group([5]), 8, Group([6, 7])]
    resolver = Resolver(batches, [(0, 2), (1, 0), (2, 2), (3, 2)])
    paths = [(0, 0), (0, 1), (2, 0), (2, 1), (3, 0), (3, 1)]

    for kept in (paths, paths[1:], paths[:-1], paths[::2]):
        found = resolver.places(Elements(*map(list, zip(*kept, strict=True))))
        assert list(found) == [resolver.place(path) for path in kept]


def test_the_elements_of_a_branch_are_told_from_those_of_another():
    resolver = Resolver([Group([3, 4]), Group([5, 6])], [(0, 2), (1, 2)])  # each was unbatched in a branch of its own

    assert list(resolver.places(Elements([1, 1], [0, 1]))) == [5, 6]
    assert list(resolver.places(Elements([0, 0], [0, 1]))) == [3, 4]
