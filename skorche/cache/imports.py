"""Imports in functions: which module is meant, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from skorche.cache.code import Import


def name_of_import(one: Import, known: Mapping[str, Any]) -> str:
    """The whole name of a module, among these globals: `from . import part` does not tell it.

    >>> name_of_import(Import("part", 1, ()), {"__package__": "whole"})
    'whole.part'
    """
    if not one.level:
        return one.module
    package = known.get("__package__") or str(known.get("__name__", "")).rpartition(".")[0]
    around = package.split(".")[: len(package.split(".")) - one.level + 1]
    return ".".join([*around, *filter(None, [one.module])])


def imported(name: str, names: tuple[str, ...]) -> ModuleType | None:
    """The module, and those that are taken from it, imported; None if it is not there.

    Raises:
        BaseException: whatever the module raises.
    """
    try:
        module = import_module(name)
        for attribute in names:
            if not hasattr(module, attribute) and hasattr(module, "__path__"):
                import_module(f"{name}.{attribute}")
    except ModuleNotFoundError:
        return None
    return module
