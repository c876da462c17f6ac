"""What there is to a class: its source, and the members that make a difference."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cached_property, partialmethod
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

from skorche.cache.source import Source, Sources

SLOTS = (GetSetDescriptorType, MemberDescriptorType)
CODE = (FunctionType, staticmethod, classmethod, property)


def source_of_class(kind: type, sources: Sources) -> tuple[Mapping[str, Any], Source | None]:
    """The names around a class, and its source; None where it has none, as a class that was made by a call."""
    method = next((one for one in _methods(kind) if not one.__code__.co_filename.startswith("<")), None)
    module = sys.modules.get(kind.__module__)
    known = method.__globals__ if method is not None else vars(module) if module is not None else {}
    file = method.__code__.co_filename if method is not None else known.get("__file__")
    return known, sources.of_class(file, kind.__qualname__) if file else None


def _methods(kind: type) -> Iterator[FunctionType]:
    for member in vars(kind).values():
        inner = getattr(member, "__func__", getattr(member, "fget", member))
        inner = getattr(inner, "__wrapped__", inner)
        if isinstance(inner, FunctionType) and inner.__module__ == kind.__module__:
            yield inner


def class_members(kind: type) -> Iterator[tuple[str, Any]]:
    """Members by name: functions and values, the fields of a dataclass, the members of an enum."""
    if issubclass(kind, Enum):
        yield "members", [(name, one.value) for name, one in kind.__members__.items()]
    if "__dataclass_fields__" in vars(kind):
        yield "fields", list(_fields(vars(kind)["__dataclass_fields__"]))
        yield "params", repr(vars(kind).get("__dataclass_params__"))
    for name, member in sorted(vars(kind).items()):
        is_known = issubclass(kind, Enum) and (isinstance(member, kind) or name.startswith("_"))
        if not is_known and (isinstance(member, CODE) or not (_is_special(name) or isinstance(member, SLOTS))):
            yield name, member


def generated(kind: type, function: FunctionType) -> bool:
    """Whether a method was made of what else is known of a class: its fields."""
    made_of = ("__dataclass_fields__", "_fields", "__attrs_attrs__")
    function = getattr(function, "__wrapped__", function)
    is_made = function.__code__.co_filename.startswith("<") or function.__globals__.get("__name__") == "collections"
    return is_made and any(hasattr(kind, name) for name in made_of)


def functions_in(member: Any) -> list[Any]:
    """What of a member of a class runs, or the member itself."""
    if isinstance(member, staticmethod | classmethod):
        return functions_in(member.__func__)
    if isinstance(member, property):
        return [one for one in (member.fget, member.fset, member.fdel) if one is not None]
    if isinstance(member, cached_property):
        return [member.func]
    if isinstance(member, partialmethod):
        return [member.func, list(member.args), member.keywords]
    return [member]


def _is_special(name: str) -> bool:
    return (name.startswith("__") and name.endswith("__")) or name == "_abc_impl"


def _fields(fields: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    from dataclasses import MISSING

    for name, field in sorted(fields.items()):
        defaults = [one for one in (field.default, field.default_factory) if one is not MISSING]
        yield name, defaults, field.init, field.kw_only is True
