"""Places one after the other: what is consecutive stays a range, and nothing else is taken for that."""

import pytest

from skorche.place import Abreast, Places, join

FIRST = Abreast([range(2), range(5, 7)])


@pytest.mark.parametrize(
    "following",
    [
        Abreast([range(2, 4), range(7, 9)]),
        Abreast([range(3, 5), range(7, 9)]),
        Abreast([range(2, 4), range(8, 10)]),
        Abreast([range(2, 4), range(7, 9), range(9, 11)]),
        Abreast([range(2, 4)]),
        range(2, 4),
        [(2, 7)],
    ],
    ids=["consecutive", "a gap in one", "a gap in the other", "more", "fewer", "one alone", "held one by one"],
)
def test_joined_places_are_those_of_the_parts_one_after_the_other(following: Places) -> None:
    assert list(join([FIRST, following])) == [*FIRST, *following]


def test_several_runs_abreast_stay_so_where_each_goes_on() -> None:
    joined = join([FIRST, Abreast([range(2, 4), range(7, 9)])])

    assert isinstance(joined, Abreast)
    assert joined.runs == [range(4), range(5, 9)]
