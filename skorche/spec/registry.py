"""Which functions a spec may name: those that the program gives, under their plain names. Nothing is ever imported."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import BuiltinFunctionType, MethodType, ModuleType
from typing import Any

from skorche.call import Making, name_of
from skorche.errors import SpecError, nearest, shorten
from skorche.spec.findings import Findings, Where
from skorche.tasks import Task

Functions = Mapping[str, Any] | ModuleType | Iterable[Any]
"""A mapping of names to functions; a module; or a list of functions, tasks and modules."""

HOW = "give load(functions=...) a mapping, a module, or a list of functions."


class Registry:
    """Functions and tasks by name.

    >>> Registry({"size": len}).names, Registry([len, str.upper]).names
    (['size'], ['len', 'upper'])
    """

    def __init__(self, functions: Functions | None = None) -> None:
        self._known: dict[str, Any] = {}
        self.given = functions is not None
        if isinstance(functions, ModuleType):
            self._add_module(functions)
        elif isinstance(functions, Mapping):
            for name, function in dict(functions).items():
                self._add(name, function)
        elif isinstance(functions, Iterable) and not isinstance(functions, str):
            listed: list[Any] = list(functions)
            for one in listed:
                if isinstance(one, ModuleType):
                    self._add_module(one)
                else:
                    self._add(_plain_name(one), one)
            self._add_functions(tasks=[one for one in listed if isinstance(one, Task)])
        elif functions is not None:
            raise SpecError(f"functions={shorten(functions)} holds no functions.", "names are looked up there.", HOW)

    @property
    def names(self) -> list[str]:
        """All of them."""
        return list(self._known)

    def _add(self, name: object, function: Any) -> None:
        if not isinstance(name, str) or not callable(function):
            raise SpecError(
                f"functions= has {shorten(function)} under {shorten(name)}.",
                "it holds functions and tasks under their names.",
                HOW,
            )
        if self._known.setdefault(name, function) is not function:
            raise SpecError(
                f"functions= has two that are called {name!r}.",
                "a spec could mean either.",
                "give a mapping, in which each has a name of its own.",
            )

    def _add_functions(self, tasks: Iterable[Task[Any, Any]]) -> None:
        """Tasks with names of their own go by those of their functions too, which is how a pipeline is written down."""
        for task in tasks:
            self._known.setdefault(name_of(inner(task)), task)

    def _add_module(self, module: ModuleType) -> None:
        """Its public tasks, functions and errors, as far as they are defined there."""
        for name, value in vars(module).items():
            if not name.startswith("_") and _home(value) == module.__name__ and _is_offered(value):
                self._add(name, value)

    def find(self, name: object, where: Where, findings: Findings, what: str = "the function") -> Any:
        """What goes by the name; None, and one more finding, if nothing does."""
        if isinstance(name, str) and name in self._known and "." not in name:
            return self._known[name]
        if not isinstance(name, str):
            findings.add(where, f"{what} is {shorten(name)}.", "a function goes by its name, a text.", "give its name.")
        elif "." in name:
            close = nearest(name.rpartition(".")[2], self._known)
            findings.add(
                where,
                f"{what} {name!r} has a dot in its name.",
                "a spec imports nothing: plain names are looked up among the functions that the program gives.",
                f"{close}Register the function, and name it without its module.",
            )
        elif not self.given:
            findings.add(where, f"{what} {name!r} is not registered.", "no functions were given.", HOW)
        else:
            findings.unknown(where, what, name, self._known, "Otherwise register it: " + HOW)
        return None

    def find_error(self, name: object, where: Where, findings: Findings) -> Any:
        """The class of exceptions that goes by the name: a registered one, or one of Python's own."""
        own = getattr(builtins, name, None) if isinstance(name, str) else None
        if isinstance(own, type) and issubclass(own, BaseException) and name not in self._known:
            return own
        return self.find(name, where, findings, "the exception")

    def name_for(self, function: Any) -> str | None:
        """The name under which a function can be found again, if there is any.

        Without a registry it is the name that the function has in its own module.
        """
        if self.given:
            return next((name for name, one in self._known.items() if "." not in name and _is(one, function)), None)
        name, home = (
            getattr(function, "__qualname__", None),
            sys.modules.get(getattr(function, "__module__", None) or ""),
        )
        found = vars(home).get(name) if home is not None and name else None
        return name if found is not None and _is(found, function) else None

    def known(self, name: str, function: Any) -> Any:
        """What the name stands for: what is registered, or what the function's own module has under it."""
        return self._known[name] if self.given else vars(sys.modules[function.__module__])[name]


def inner(function: Any) -> Any:
    """What is called in the end: the function of a task, the class of one that is made for each worker."""
    if isinstance(function, Task):
        function = function.function
    return function.kind if isinstance(function, Making) else function


def _is(registered: Any, function: Any) -> bool:
    if registered is function or inner(registered) is function:
        return True
    bound = isinstance(function, MethodType | BuiltinFunctionType)
    return bound and type(registered) is type(function) and bool(registered == function)


def _home(value: Any) -> str | None:
    """The name of the module that defines it; of a task, the one that defines what it calls."""
    called = inner(value)
    while isinstance(called, partial):
        called = inner(called.func)
    return getattr(called, "__module__", None)


def _is_offered(value: Any) -> bool:
    if isinstance(value, type):
        return issubclass(value, BaseException)
    return isinstance(value, Task) or callable(value)


def _plain_name(function: Any) -> str:
    if not callable(function):
        raise SpecError(f"functions= holds {shorten(function)}.", "it cannot be called.", HOW)
    return function.name if isinstance(function, Task) else name_of(function)


def bound(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Callable[..., Any]:
    """The function with these arguments fixed."""
    if not arguments:
        return function
    return function.bind(**arguments) if isinstance(function, Task) else partial(function, **arguments)
