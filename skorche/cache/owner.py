"""Whose code a module is: the user's, which is read; Python's or a package's, which goes by its version."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from typing import Literal

from skorche.named import NamedTuple

INSTALLED = ("site-packages", "dist-packages")
MAIN = frozenset({"__main__", "__mp_main__"})


class Owner(NamedTuple):
    """`kind` "user": changes at any time. Otherwise `version` tells when it has changed; "" if nobody knows."""

    kind: Literal["user", "python", "package"]
    version: str = ""


USER, PYTHON = Owner("user"), Owner("python")  # the version of Python is in each key


def owner_of(name: str | None, own: str | None = None) -> Owner:
    """Whose a module is, by its name; all of the package `own` is the user's, wherever it lies.

    >>> owner_of("__main__").kind, owner_of("json.decoder").kind, owner_of("pytest").kind
    ('user', 'python', 'package')
    """
    if not name:
        return Owner("package")
    top = name.partition(".")[0]
    if name in MAIN or top == own:
        return USER
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return PYTHON
    return _look_up(name, top, name in sys.modules)


def owner_of_import(name: str, own: str | None = None) -> Owner:
    """Whose a module is that may not have been imported yet, and is not imported for it if it is not the user's.

    >>> owner_of_import("json.tool").kind, owner_of_import("pytest").kind
    ('python', 'package')
    """
    top = name.partition(".")[0]
    if top in sys.modules or top in sys.stdlib_module_names:
        return owner_of(top, own)
    spec = find_spec(top)  # a name without dots: nothing is imported
    places = [] if spec is None else [spec.origin or "", *(spec.submodule_search_locations or ())]
    if top != own and any(folder in place for folder in INSTALLED for place in places):
        return Owner("package", _version_of(top))
    return USER


@lru_cache(maxsize=1024)
def _look_up(name: str, top: str, loaded: bool) -> Owner:
    if top == "skorche":
        return Owner("package", f"skorche {metadata.version(top)}" if _is_installed(top) else "skorche")
    module = sys.modules.get(name)
    if module is None:
        return USER  # made by `exec`, say: whether its source is there will be seen
    file = getattr(module, "__file__", None)
    if file is None and not hasattr(module, "__path__"):
        return USER if _is_plain(module) else Owner("package")
    if file is not None and not any(folder in file for folder in INSTALLED):
        return USER if file.endswith((".py", ".pyc")) else Owner("package", _version_of(top))
    return USER if file is None else Owner("package", _version_of(top))


def _is_plain(module: object) -> bool:
    """Whether it is made of Python code all the same, as what a notebook or a test makes."""
    return getattr(module, "__spec__", None) is None and getattr(module, "__loader__", None) is None


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


@lru_cache(maxsize=1024)
def _version_of(top: str) -> str:
    """The distribution of a package, and its version; "" if there is none."""
    names = [top] if _is_installed(top) else sorted(set(_distributions().get(top, ())))
    return ", ".join(f"{name} {metadata.version(name)}" for name in names)


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())
