"""Our `NamedTuple` makes the same classes as that of `typing`, sooner."""

import copy
import inspect
import pickle
import typing

import pytest

from skorche import named


def told_of(kind):
    """What can be seen of a class of named tuples, and done with it."""
    one = kind(1, many=(2,))
    return {
        "fields": (kind._fields, kind._field_defaults, kind.__match_args__, kind.__slots__),
        "hints": typing.get_type_hints(kind),
        "signature": [(each.name, each.default) for each in inspect.signature(kind).parameters.values()],
        "words": (kind.__name__, kind.__qualname__, kind.__module__, kind.__doc__),
        "tuple": (tuple(one), one.number, one.word, one == (1, "none", [2]), one._asdict(), one._replace(number=3)),
        "repr": repr(one),
        "methods": (one.twice(), kind.of(5), one.doubled),
    }


class Ours(named.NamedTuple):
    """Words."""

    number: "int"
    word: "str" = "none"
    many: "tuple[int, ...]" = ()

    def twice(self):
        return 2 * self.number

    @classmethod
    def of(cls, number):
        return cls(number)

    @property
    def doubled(self):
        return 2 * self.number


class Theirs(typing.NamedTuple):
    """Words."""

    number: "int"
    word: "str" = "none"
    many: "tuple[int, ...]" = ()

    twice, of, doubled = Ours.twice, classmethod(Ours.of.__func__), Ours.doubled


def test_ours_is_like_theirs():
    ours, theirs = told_of(Ours), told_of(Theirs)

    assert ours.pop("repr") == "Ours(number=1, word='none', many=(2,))"
    assert theirs.pop("repr") == "Theirs(number=1, word='none', many=(2,))"
    assert ours.pop("words") == ("Ours", "Ours", __name__, "Words.")
    assert theirs.pop("words") == ("Theirs", "Theirs", __name__, "Words.")
    assert ours == theirs


def test_it_travels_and_cannot_be_changed():
    one = Ours(1)

    assert pickle.loads(pickle.dumps(one)) == one
    assert isinstance(one, Ours)
    with pytest.raises(AttributeError):
        one.number = 2


class Other(named.NamedTuple):
    """As many fields as `Ours`, by other names."""

    name: str
    size: int = 5
    links: tuple = ("a",)


class Single(named.NamedTuple):
    """One field."""

    value: int


class Empty(named.NamedTuple):
    """None."""


def test_classes_with_as_many_fields_have_their_own_names_and_defaults():
    other = Other("x")

    assert (other.name, other.size, other.links) == ("x", 5, ("a",))
    assert other._replace(size=2) == Other(name="x", size=2) == ("x", 2, ("a",))
    assert not hasattr(other, "number")
    assert Ours(1) == (1, "none", ())


@pytest.mark.parametrize(("kind", "values"), [(Empty, ()), (Single, (1,)), (Other, ("x", 2, ()))])
def test_it_is_made_of_any_number_of_values(kind, values):
    assert kind(*values) == kind._make(iter(values)) == values
    assert type(kind._make(values)) is kind


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
def test_copies_are_equal_and_of_the_same_class(make):
    copied = make(Ours(1, many=(2,)))

    assert copied == Ours(1, many=(2,))
    assert type(copied) is Ours


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (Ours, TypeError),
        (lambda: Ours(1, few=2), TypeError),
        (lambda: Ours(1, "", (), 5), TypeError),
        (lambda: Ours._make([1]), TypeError),
        (lambda: Ours(1)._replace(few=2), ValueError),
    ],
)
def test_what_does_not_fit_is_refused_by_the_name_of_the_class(make, error):
    with pytest.raises(error, match="Ours"):
        make()
