"""What a function says of itself: the hint of the parameter that takes the item, and that of its result.

`Any` stands for all that is not said, or said in words that nobody can resolve now. A function that was wrapped by a
decorator says nothing: `functools.wraps` copies the hints, whatever the decorator has made of the types.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import _lru_cache_wrapper, partial
from types import CodeType, FunctionType, MethodDescriptorType, MethodType, SimpleNamespace
from typing import Any, Optional, TypeGuard, get_type_hints

from skorche.call import Making
from skorche.named import NamedTuple

Hint = object
"""What stands in an annotation: a class, `list[int]`, `int | None`, ...; not always a `type`."""

VARARGS, KEYWORDS = 0x04, 0x08
"""`inspect.CO_VARARGS` and `inspect.CO_VARKEYWORDS`; that module takes 5 ms to import."""

MAKES_ITSELF = (bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict)
"""Built-in classes whose call gives an instance of them; others need not (`reversed`)."""


class Said(NamedTuple):
    """The name and the hint of a parameter, and the hint of the result."""

    parameter: str = "..."
    takes: Hint = Any
    gives: Hint = Any


def read(function: object, parameter: int | str = 0) -> Said:
    """What the function says of one of its parameters, by name or by number (bound ones are not counted).

    >>> def repeat(times: int, word: "str") -> list[str]: ...
    >>> read(repeat, 1)
    Said(parameter='word', takes=<class 'str'>, gives=list[str])
    >>> read(partial(repeat, 3)).parameter
    'word'
    """
    if isinstance(function, type):
        return _read_class(function, parameter)
    if isinstance(function, MethodDescriptorType):  # such as `str.upper`, which takes strings only
        return Said("self", function.__objclass__) if parameter == 0 else Said()
    plain, skipped, bound = _unwrap(function)
    return Said() if plain is None else _read_function(plain, parameter, skipped, bound)


def _read_class(cls: type, parameter: int | str) -> Said:
    """Calling a class gives an instance of it, unless it, or its own class, says how one is made."""
    if any(cls is one for one in MAKES_ITSELF):  # a class need not be hashable
        return Said(gives=cls)
    metaclass: type = type(cls)
    if any("__new__" in vars(base) for base in cls.__mro__[:-1]):  # the last one is object
        return Said()
    if any("__call__" in vars(base) for base in metaclass.__mro__[:-2]):  # the last ones are type and object
        return Said()
    made = getattr(cls, "__init__")  # noqa: B009  (type checkers take `cls.__init__` for a call)
    if not _is_plain(made):
        return Said(gives=cls)
    return _read_function(made, parameter, 1, frozenset())._replace(gives=cls)


def _unwrap(function: object) -> tuple[FunctionType | None, int, frozenset[str]]:
    """The plain function that is called in the end, the arguments it is given before the item, and the names of those
    it is given as keywords."""
    skipped, bound = 0, frozenset[str]()
    while not _is_plain(function):
        if type(function) is partial:
            skipped, bound = skipped + len(function.args), bound | function.keywords.keys()
            function = function.func
        elif type(function) is MethodType:
            function, skipped = function.__func__, skipped + 1
        elif type(function) is Making:
            function, skipped = getattr(function.kind, "__call__"), skipped + 1  # noqa: B004, B009  (not that of the class)
        elif isinstance(function, _lru_cache_wrapper):
            function = function.__wrapped__
        elif _is_plain(method := type(function).__call__) and not hasattr(function, "__wrapped__"):
            function, skipped = method, skipped + 1
        else:
            return None, 0, bound
    return function, skipped, bound


def _is_plain(function: object) -> TypeGuard[FunctionType]:
    return isinstance(function, FunctionType) and not hasattr(function, "__wrapped__")


def _read_function(function: FunctionType, parameter: int | str, skipped: int, bound: frozenset[str]) -> Said:
    if not _annotations(function):
        return Said()
    gives = _hint(function, "return")
    name = _name(function.__code__, parameter, skipped)
    if name is None or name in bound:  # the call would fail, which is not a matter of types
        return Said(gives=gives)
    takes = _hint(function, name)
    if takes is not Any and _is_none_by_default(function, name):
        takes = Optional[takes]  # noqa: UP045  (made here, not written down)
    return Said(name, takes, gives)


def _annotations(function: FunctionType) -> Mapping[str, Hint]:
    """Its hints as they stand. From Python 3.14 on they are looked at now: one may be for type checkers only."""
    try:
        return function.__annotations__
    except Exception:  # noqa: BLE001  (whatever stands there may raise)
        return {}


def _name(code: CodeType, parameter: int | str, skipped: int) -> str | None:
    """The parameter that takes an argument; `*args` and `**kwargs` stand after all others."""
    positional, named = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    starred = named + bool(code.co_flags & VARARGS)
    if isinstance(parameter, str):
        if parameter in code.co_varnames[code.co_posonlyargcount : named]:
            return parameter
        return code.co_varnames[starred] if code.co_flags & KEYWORDS else None
    if skipped + parameter < positional:
        return code.co_varnames[skipped + parameter]
    return code.co_varnames[named] if code.co_flags & VARARGS else None


def _hint(function: FunctionType, name: str) -> Hint:
    """Each is resolved by itself, so that one that cannot be does not hide the other."""
    annotations = _annotations(function)
    if name not in annotations or hasattr(function, "__no_type_check__"):
        return Any
    hint: Hint = annotations[name]
    if type(hint) is type:  # the usual case, ten times as fast
        return hint
    said = SimpleNamespace(__annotations__={name: hint})
    try:
        return get_type_hints(said, function.__globals__)[name]
    except Exception:  # noqa: BLE001  (it is a text that may mean anything, such as a name that only mypy imports)
        return Any


def _is_none_by_default(function: FunctionType, name: str) -> bool:
    """`count: int = None` takes None too, as PEP 484 once said of all such parameters."""
    code, defaults = function.__code__, function.__defaults__ or ()
    by_name = dict(zip(code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True))
    return (by_name | (function.__kwdefaults__ or {})).get(name, ...) is None
