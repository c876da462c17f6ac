"""Whether a value of one type may be of another. It says no only where that is certain.

The question is not that of a type checker ("is every `A` a `B`?") but whether *some* value may be both: nothing is said
against `Animal` where `Dog` is wanted, nor against `int | str` where `int` is. Protocols, type variables and whatever
is not understood fit everything; a container is judged by its elements as if it had some.
"""

from __future__ import annotations

from collections import ChainMap, Counter, OrderedDict, abc, defaultdict, deque
from collections.abc import Iterable
from types import UnionType
from typing import Any, Literal, NewType, Protocol, TypeVarTuple, Union, get_args, get_origin, is_typeddict

from skorche.hints.read import Hint
from skorche.named import NamedTuple

WIDER = {float: (float, int), complex: (complex, float, int), bytes: (bytes, bytearray, memoryview)}
"""What these names promise: PEP 484 lets an `int` stand for a `float`, and so on."""

ELEMENT: dict[type, Hint] = {str: str, bytes: int, bytearray: int, memoryview: int, range: int}
"""What the iterables give that have no parameters."""

MAPPINGS = frozenset({dict, defaultdict, OrderedDict, Counter, ChainMap, abc.Mapping, abc.MutableMapping})
CONTAINERS = MAPPINGS | {
    *(list, tuple, set, frozenset, deque),
    *(abc.Iterable, abc.Iterator, abc.Reversible, abc.Collection, abc.Sequence, abc.MutableSequence, abc.Set),
    *(abc.MutableSet, abc.KeysView, abc.ValuesView, abc.Generator, abc.AsyncIterable, abc.AsyncIterator),
    abc.AsyncGenerator,
}
"""What gives its first parameter when it is iterated; a mapping holds its second as well."""

SPEECH = frozenset({"typing", "typing_extensions"})
"""Modules whose classes (`Any`, `IO`, `SupportsInt`) describe values and are not what values are made of."""


class Form(NamedTuple):
    """One member of a union, understood: a class (None: unknown), its parameters, the value of a literal, wrapped."""

    cls: type | None
    parameters: tuple[Hint, ...] = ()
    value: tuple[object, ...] = ()


def fits(given: Hint, wanted: Hint) -> bool:
    """Whether a value of type `given` may be one of type `wanted`; true if nobody can tell.

    >>> fits(int, float), fits(str, int)
    (True, False)
    >>> fits(int | str, str), fits(list[str], abc.Iterable[int])
    (True, False)
    """
    try:
        return any(_fits(one, other) for one in forms(given) for other in forms(wanted))
    except Exception:  # noqa: BLE001  (whatever a metaclass does when it is asked: nothing is certain then)
        return True


def forms(hint: Hint) -> list[Form]:
    """The members of a union; of anything else, itself."""
    origin = get_origin(hint)
    if origin is Union or origin is UnionType:
        return [form for member in get_args(hint) for form in forms(member)]
    if origin is Literal:
        return [Form(type(value), (), (value,)) for value in get_args(hint)]
    if isinstance(hint, NewType):
        return forms(hint.__supertype__)
    if is_typeddict(hint):
        return [Form(dict)]
    if hint is None:
        return [Form(type(None))]
    cls = hint if origin is None else origin
    if not isinstance(cls, type) or cls.__module__ in SPEECH or getattr(type(cls), "__hash__", None) is None:
        return [Form(None)]
    return [Form(one, _parameters(hint)) for one in WIDER.get(cls, (cls,))]


def _parameters(hint: Hint) -> tuple[Hint, ...]:
    """None where it is not known how many there are."""
    parameters = get_args(hint)
    starred = any(isinstance(one, TypeVarTuple) or getattr(one, "__unpacked__", False) for one in parameters)
    return () if starred else parameters


def _fits(given: Form, wanted: Form) -> bool:
    if given.cls is None or wanted.cls is None:
        return True
    if given.value and wanted.value:
        return given.value == wanted.value
    return _may_be_both(given.cls, wanted.cls) and _elements_fit(given, wanted)


# -- classes ---------------------------------------------------------------------------------------------------------


def _may_be_both(given: type, wanted: type) -> bool:
    if Protocol in (*given.__bases__, *wanted.__bases__):
        return True
    if issubclass(given, wanted) or issubclass(wanted, given):
        return True
    return _behaves(given, wanted) or _known_as_both(given, wanted) or _are_numbers(given, wanted)


def _behaves(given: type, wanted: type) -> bool:
    """Whether it does without being a subclass what an abstract class asks for: an array is as good as a `Sequence`."""
    if wanted is abc.Iterable and _has(given, "__getitem__"):
        return True
    if issubclass(given, (abc.Sequence, abc.Mapping, abc.Set)):  # a list has all methods of a `Mapping`
        return False
    asked: frozenset[str] = getattr(wanted, "__abstractmethods__", frozenset())
    return bool(asked) and all(_has(given, name) for name in asked)


def _has(cls: type, name: str) -> bool:
    """Whether its instances have that method; `hasattr(int, "__call__")` would speak of calling `int`."""
    return any(name in vars(base) for base in cls.__mro__)


def _known_as_both(given: type, wanted: type) -> bool:
    """Whether there is a class that is both; of two abstract ones that cannot be known, as classes need not inherit.

    Nobody who writes `int` means `re.RegexFlag`, which can be iterated: of what is built in, no class is looked for
    that is an abstract one besides.
    """
    if _is_abstract(given):
        given, wanted = wanted, given
    if _is_abstract(given):
        return True
    if _is_abstract(wanted) and given.__module__ == "builtins":
        return False
    return any(issubclass(one, wanted) for one in _descendants(given))


def _is_abstract(cls: type) -> bool:
    return bool(getattr(cls, "__abstractmethods__", None))


def _descendants(cls: type) -> set[type]:
    found, ahead = set[type](), [cls]
    while ahead:
        new: set[type] = set(type.__subclasses__(ahead.pop())) - found
        found |= new
        ahead += new
    return found


def _are_numbers(given: type, wanted: type) -> bool:
    """Numbers of any kind do for each other: NumPy's, say."""
    from numbers import Number

    return issubclass(given, Number) and issubclass(wanted, Number)


# -- elements --------------------------------------------------------------------------------------------------------


def _elements_fit(given: Form, wanted: Form) -> bool:
    if not given.parameters and not wanted.parameters:
        return True
    ours, theirs = _members(given), _members(wanted)
    if _is_row(given) and _is_row(wanted):
        return len(ours) == len(theirs) and all(map(fits, ours, theirs))
    if {given.cls, wanted.cls} <= MAPPINGS and not all(map(fits, given.parameters[1:], wanted.parameters[1:])):
        return False
    return all(fits(one, other) for one in ours for other in theirs)


def _members(form: Form) -> tuple[Hint, ...]:
    """What it is sure to hold: an element of each of these types. None where that is not known."""
    if form.cls in ELEMENT:
        return (ELEMENT[form.cls],)
    if form.cls not in CONTAINERS:
        return ()
    return form.parameters if _is_row(form) else form.parameters[:1]


def _is_row(form: Form) -> bool:
    """Whether it is a tuple of a known length."""
    return form.cls is tuple and bool(form.parameters) and form.parameters[-1] is not ...


def element(hint: Hint) -> Hint:
    """What one gets by iterating; `Any` if nobody can tell.

    >>> element(dict[str, int]), element(tuple[int, str]), element(int)
    (<class 'str'>, typing.Union[int, str], typing.Any)
    """
    return either(one for form in forms(hint) for one in _members(form) or (Any,))


def members_of_row(hint: Hint) -> tuple[Hint, ...]:
    """The types of the members of a tuple whose length is known; of anything else, none.

    >>> members_of_row(tuple[int, str]), members_of_row(tuple[int, ...]), members_of_row(str)
    ((<class 'int'>, <class 'str'>), (), ())
    """
    (first, *others) = forms(hint)
    return first.parameters if _is_row(first) and not others else ()


def either(hints: Iterable[Hint]) -> Hint:
    """The union; `Any` if one of them is no type at all.

    >>> either([int, str]), either([int, [str]])
    (typing.Union[int, str], typing.Any)
    """
    try:
        hash(hints := tuple(hints))  # or Python 3.13 would take anything
        return Union[hints]  # noqa: UP007  (no annotation, but a value made of hints that are there only at run time)
    except Exception:  # noqa: BLE001  (what is no type, and metaclasses: it compares and hashes what others made)
        return Any


def in_words(hint: Hint) -> str:
    """A hint as one would write it."""
    if hint is type(None):
        return "None"
    if isinstance(hint, type) and get_origin(hint) is None:
        first, *parts = hint.__module__.split(".")
        public = [first, *(part for part in parts if not part.startswith("_"))]  # Python 3.13 has pathlib._local.Path
        return hint.__qualname__ if public == ["builtins"] else ".".join([*public, hint.__qualname__])
    return repr(hint).replace("typing.", "")
