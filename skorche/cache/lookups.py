"""What finds code, or anything else, by a name that is made while a function runs: nobody can read off what it finds.

It is known by what it is, not by what it is called: `get = getattr` is `getattr` all the same.
"""

from __future__ import annotations

import sys
from operator import attrgetter, methodcaller
from types import ModuleType

from skorche.cache.source import Source
from skorche.canonical import FormlessError
from skorche.named import NamedTuple

LOOKUPS = {
    "builtins": ("eval", "exec", "compile", "globals", "locals", "vars", "__import__", "getattr"),
    "gc": ("get_objects", "get_referents", "get_referrers"),
    "importlib": ("import_module", "__import__", "reload"),
    "importlib.metadata": ("entry_points",),
    "importlib.util": ("module_from_spec", "spec_from_file_location"),
    "inspect": ("currentframe", "getattr_static", "getmembers", "stack"),
    "operator": ("attrgetter", "methodcaller"),
    "pkgutil": ("resolve_name",),
    "pydoc": ("locate",),
    "runpy": ("run_module", "run_path"),
    "sys": ("_getframe", "modules"),
}
"""By the modules that hold them."""
WAYS = frozenset({"__builtins__", "__globals__", "__subclasses__", "f_builtins", "f_globals", "f_locals"})
"""Attributes that lead to all there is in a module, or in a program."""
NAMED = {"getattr": slice(1, 2), "operator.attrgetter": slice(None), "operator.methodcaller": slice(0, 1)}
"""What is fine with names that stand in the code, and which of the arguments are those."""
GETTERS = (attrgetter, methodcaller)


MACHINERY = frozenset(
    {
        "__builtins__",
        "__cached__",
        "__doc__",
        "__file__",
        "__loader__",
        "__name__",
        "__package__",
        "__path__",
        "__spec__",
    }
)
"""What Python notes of a module."""


class UnknownCodeError(FormlessError):
    """Code that cannot be fingerprinted; `what` says which, and why."""

    def __init__(self, what: str) -> None:
        TypeError.__init__(self, what)
        self.kind = self.what = what


class Look(NamedTuple):
    """What a function, known by its label, may ask of modules; `attributes` None: anything."""

    label: str
    attributes: frozenset[str] | None
    source: Source | None = None

    def takes_whole(self, name: str) -> bool:
        """Whether it does more with a module of this name than to ask for attributes that it names."""
        return self.attributes is None or self.source is None or name in self.source.bare

    @property
    def scope(self) -> object:
        """What it comes down to for a module: the same scope writes the same."""
        return self.attributes, None if self.source is None else self.source.bare


def lookup_of(value: object) -> str:
    """The name of what looks up by name; "" for anything else.

    >>> get = getattr
    >>> lookup_of(get), lookup_of(sys.modules), lookup_of(len)
    ('getattr', 'sys.modules', '')
    """
    for module, names in LOOKUPS.items():
        held = vars(sys.modules[module]) if module in sys.modules else {}
        for name in names:
            if name in held and held[name] is value:
                return _shown(module, name)
    return ""


def misuse(lookup: str, name: str, source: Source | None) -> str:
    """Why it cannot be told what this finds, where it goes by that name in the code; "" if it can."""
    if lookup not in NAMED:
        return f"it uses {lookup}{'' if lookup == 'sys.modules' else '()'}"
    uses = source.uses.get(name, ()) if source is not None else ()
    for one in uses:
        if one.constants is None:
            return f"it hands on {lookup} (line {one.line})"
        names = one.constants[NAMED[lookup]]
        if not names or not all(names):
            return f"it calls {lookup} with a name that is made while it runs (line {one.line})"
    return "" if uses else f"it uses {lookup}"


def misuse_of_module(module: ModuleType, attributes: frozenset[str], source: Source | None) -> str:
    """The same for what is asked of a module that is not the user's."""
    held = vars(module)
    for attribute in sorted(attributes & held.keys()):
        lookup = lookup_of(held[attribute])
        problem = misuse(lookup, attribute, source) if lookup else ""
        if problem:
            return problem
    return ""


def misuse_of_import(module: str, attributes: frozenset[str], source: Source | None) -> str:
    """The same for a module that may not have been imported yet."""
    for held, names in LOOKUPS.items():
        for name in names if f"{module}.".startswith(f"{held}.") else ():
            problem = misuse(_shown(held, name), name, source) if name in attributes else ""
            if problem:
                return problem
    return ""


def refuse(label: str, problem: str) -> None:
    """Refuse a function, known by its label, for this problem, if it is one.

    Raises:
        UnknownCodeError: it is one.
    """
    if problem:
        raise UnknownCodeError(f"it cannot be told what {label} calls: {problem}")


def _shown(module: str, name: str) -> str:
    return name if module == "builtins" else f"{module}.{name}"
