"""Values as bytes: open formats where they say exactly the same, pickle for the rest."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any

FILES = "pickle of files"
"""A pickle with paths of files in it, which were there when it was written."""
SIGNED = frozenset({"pickle", FILES})
"""Formats whose reading runs code: they are read only with a signature of our own."""
LONGEST_INT = 4000
"""Digits, about: Python writes and reads no longer ones without being told to."""


def encode(value: Any) -> tuple[str, bytes]:
    """The name of a format, and the value in it.

    >>> encode({"a": [1, None]}), encode(b"raw"), encode((1,))[0]
    (('json', b'{"a":[1,null]}'), ('bytes', b'raw'), 'pickle')

    Raises:
        Exception: it cannot be pickled either.
    """
    if type(value) is bytes:
        return "bytes", value
    if _is_plain_array(value):
        return "npy", _npy(value)
    if _is_json(value, 32):
        return "json", json.dumps(value, separators=(",", ":")).encode()
    return "pickle", pickle.dumps(value, protocol=5)


def decode(name: str, data: bytes) -> Any:
    """The value again.

    Raises:
        Exception: the bytes are none of that format.
    """
    return _READERS[name](data)


def _is_json(value: Any, depth: int) -> bool:
    """Whether JSON gives back just this value: no tuple that would be a list, no key that would be a text."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii()) or not any("\ud800" <= one <= "\udfff" for one in value)
    if kind is float:
        return bool(value == value)  # a nan has bits that would be lost
    if kind is int:
        return value.bit_length() < 3 * LONGEST_INT  # type: ignore[no-any-return]  # an int
    if kind is dict:
        return depth > 0 and all(
            type(key) is str and _is_json(key, 0) and _is_json(one, depth - 1) for key, one in value.items()
        )
    if kind is list:
        return depth > 0 and all(_is_json(one, depth - 1) for one in value)
    return kind is bool or value is None


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
    "json": json.loads,
    "npy": _from_npy,
    "pickle": pickle.loads,
    FILES: pickle.loads,
}
