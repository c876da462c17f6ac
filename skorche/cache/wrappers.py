"""What stands around a function, or instead of one: calls with fixed arguments, methods, objects that can be called."""

from __future__ import annotations

import os
import sys
from functools import partial
from types import MethodType
from typing import Any

from skorche.cache.owner import MAIN
from skorche.call import Around, Awaiting, Making, Unpacking, name_of
from skorche.canonical import label_of

CALLS = (Around, Awaiting, Making, Unpacking, partial)
"""What calls another function, with arguments of its own."""
NAMELESS = ("<lambda>", "<locals>")


def taken_apart(call: Any) -> tuple[Any, dict[str, Any]]:
    """What a wrapper calls, and what is fixed of its arguments."""
    if isinstance(call, partial):
        return call.func, {"arguments": call.args, **call.keywords} if call.args else call.keywords
    held = {name.strip("_"): one for name, one in vars(call).items() if name not in ("_own", "__name__")}
    inner = held.pop("kind", None) or held.pop("function")
    return inner, held


def called_code(function: Any) -> list[Any]:
    """The functions and classes that are called, from the outermost in: what a version stands for.

    >>> called_code(partial(label_of, code=int)) == [label_of]
    True
    """
    while isinstance(function, CALLS):
        function, _ = taken_apart(function)
    if isinstance(function, MethodType):
        owner = function.__self__
        return [owner if isinstance(owner, type) else type(owner), *called_code(function.__func__)]
    if not hasattr(function, "__name__"):
        return [type(function)]
    wrapped = getattr(function, "__wrapped__", None)
    is_wrapper = wrapped is not None and not isinstance(function, type)
    return [function, *(called_code(wrapped) if is_wrapper else ())]


def identity_of(function: Any, name: str) -> list[str]:
    """What tells a function, or a class, from all others: its label, and the script, or the task's own name, with it.

    Nothing at all if that is not enough: lambdas of a script all have the same name.
    """
    named = called_code(function)[-1]
    label, module = label_of(named), getattr(named, "__module__", None)
    script = _script_of(named) if module in MAIN else ""
    if script is not None and not any(one in label for one in NAMELESS):
        return [label, os.path.abspath(script) if script else ""]
    return [label, script or "", name] if name and name != name_of(function) else []


def _script_of(named: Any) -> str | None:
    """The file of a program that a function or a class of it stands in; None for a notebook's, which has none."""
    code = getattr(named, "__code__", None)
    if code is not None and os.path.isfile(code.co_filename):
        return str(code.co_filename)
    return getattr(sys.modules.get(named.__module__), "__file__", None)
