"""What JSON can say of values that are not its own."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any


def json_line(value: object) -> str:
    """A value as JSON, on one line, whatever it is.

    >>> json_line({(1, 2): float("nan"), "b": {3}})
    '{"(1, 2)": "nan", "b": [3]}'
    """
    try:
        return json.dumps(value, default=plain, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(_spelt_out(value, 100), ensure_ascii=False)


def plain(value: object) -> Any:
    """A path as text, a date in ISO form, a dataclass as an object, a set as a list; whatever else as its `repr`.

    >>> from pathlib import Path
    >>> plain(Path("a/b")), plain({1}), plain(b"x")
    ('a/b', [1], "b'x'")
    """
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    for name in ("isoformat", "tolist"):  # dates and times, numpy's arrays and numbers
        if callable(made := getattr(value, name, None)):
            return made()
    return repr(value)


def _spelt_out(value: object, depth: int) -> Any:
    """The value with keys that are texts, and numbers that JSON has; what is deeper than so many levels as text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else repr(value)
    if not depth:
        return repr(value)
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): _spelt_out(one, depth - 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_spelt_out(one, depth - 1) for one in value]
    return _spelt_out(plain(value), depth - 1)
