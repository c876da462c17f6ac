"""Values as bytes: open formats where they say exactly the same, pickle for the rest."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any

FILES = "pickle and files"
"""The pickle of the pickle of a value with paths of files in it, and of what those held when it was written."""
SIGNED = frozenset({"pickle", FILES})
"""Formats whose reading runs code: they are read only with a signature of our own."""
_LARGEST = 10**4000
"""Python writes and reads no much larger numbers without being told to."""
_read_json = json.JSONDecoder().decode  # json.loads looks first for how bytes are encoded
_write_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def encode(value: Any, pickled: Callable[[Any], bytes] | None = None) -> tuple[str, bytes]:
    """The name of a format, and the value in it; `pickled` pickles what has no other.

    >>> encode({"a": [1, None]}), encode(b"raw"), encode((1,))[0]
    (('json', b'{"a":[1,null]}'), ('bytes', b'raw'), 'pickle')

    Raises:
        Exception: it cannot be pickled either.
    """
    if type(value) is bytes:
        return "bytes", value
    if _is_plain_array(value):
        return "npy", _npy(value)
    text = as_json(value)
    if text is not None:
        return "json", text
    return "pickle", pickle.dumps(value, protocol=5) if pickled is None else pickled(value)


def as_json(value: Any) -> bytes | None:
    """A value as JSON; None if that would not give back just the same."""
    return _write_json(value).encode() if _is_json(value, 32) else None


def decode(name: str, data: bytes) -> Any:
    """The value again.

    Raises:
        Exception: the bytes are none of that format.
    """
    return _READERS[name](data)


def _is_json(value: Any, depth: int) -> bool:
    """Whether JSON gives back just this value: no tuple that would be a list, no key that would be a text."""
    kind = type(value)
    leaf = _LEAVES.get(kind)
    if leaf is not None:
        return leaf(value)
    if kind is dict and depth:
        for key, one in value.items():
            if type(key) is not str or not (key.isascii() or _is_text(key)) or not _is_json(one, depth - 1):
                return False
        return True
    if kind is list and depth:
        return all(_is_json(one, depth - 1) for one in value)
    return False


def _is_text(text: str) -> bool:
    """Whether it has no half of a pair in it: two halves that stand side by side would become one character."""
    return text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text)


_LEAVES: dict[type, Callable[[Any], bool]] = {
    type(None): lambda value: True,
    bool: lambda value: True,
    str: _is_text,
    int: lambda value: -_LARGEST < value < _LARGEST,
    float: lambda value: value == value,  # a nan has bits that would be lost
}


def _is_plain_array(value: Any) -> bool:
    kind = type(value)
    if kind.__name__ != "ndarray" or kind.__module__ != "numpy":
        return False
    dtype = value.dtype
    return not dtype.hasobject and dtype.metadata is None and dtype.names is None


def _npy(array: Any) -> bytes:
    import numpy

    held = BytesIO()
    numpy.save(held, array, allow_pickle=False)
    return held.getvalue()


def _from_npy(data: bytes) -> Any:
    import numpy

    return numpy.load(BytesIO(data), allow_pickle=False)


_READERS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "json": lambda data: _read_json(data.decode()),
    "npy": _from_npy,
    "pickle": pickle.loads,
    FILES: pickle.loads,
}
