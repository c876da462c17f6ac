"""A canonical form of values, as bytes: equal values have one, in every process, whatever `PYTHONHASHSEED` says.

Each value is written with its type and its length, so no two can be taken for each other: 1, 1.0, True and "1" all
differ. Sets are written in an order of their own, not in the order they were filled, and so are dicts, unless the form
is `ordered`: a function that goes through a dict may give something else for another order. Objects are written as
what they would be rebuilt from (`__reduce_ex__`), but never as pickled bytes, which may differ from run to run.
"""

from __future__ import annotations

import copyreg
from collections import OrderedDict
from collections.abc import Callable, Iterable
from enum import Enum
from hashlib import blake2b
from itertools import chain
from pathlib import PurePath
from struct import Struct
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

SIZE = 32
LARGE = 1 << 16
"""Bytes that are hashed where they lie: gathering them first would copy them."""
MEMO_DEPTH = 8
"""From here on what stands in several places is written once: nested pairs of pairs would take for ever otherwise."""

_DOUBLE = Struct(">d").pack
CODE = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)
"""What stands for code, not for data."""


class FormlessError(TypeError):
    """A value has no canonical form; `kind` is the name of its type."""

    def __init__(self, value: object, why: str = "") -> None:
        self.kind = label_of(type(value))
        super().__init__(f"{self.kind} objects have no canonical form{f': {why}' if why else ''}")


def digest(value: object) -> bytes:
    """The hash of a value: 32 bytes that stand for it, in any process and at any time.

    >>> digest({"a": 1, "b": {2, 3}}) == digest({"b": {3, 2}, "a": 1}) != digest({"a": 1.0, "b": {2, 3}})
    True

    Raises:
        FormlessError: it has no canonical form, as a lock or an open file.
    """
    return Form().of(value)


def label_of(code: object) -> str:
    """The module and the name of a class or a function.

    >>> label_of(Form)
    'skorche.canonical.Form'
    """
    name = str(getattr(code, "__qualname__", None) or getattr(code, "__name__", type(code).__qualname__))
    module = getattr(code, "__module__", None) or label_of(type(getattr(code, "__self__", None)))
    return name if module == "builtins" else f"{module}.{name}"


class Form:
    """Writes values into a hash. `write_code` writes what stands for code, and says whether a value was that.

    >>> Form(ordered=True).of({"a": 1, "b": 2}) == Form(ordered=True).of({"b": 2, "a": 1})
    False
    """

    def __init__(
        self, hasher: Any = None, write_code: Callable[[Form, Any], bool] | None = None, *, ordered: bool = False
    ) -> None:
        self.ordered = ordered
        self._hasher = blake2b(digest_size=SIZE) if hasher is None else hasher
        self._write_code = _write_name if write_code is None else write_code
        self._parts: list[bytes] = []
        self._open: set[int] = set()
        self._known: dict[int, tuple[object, bytes]] = {}

    def of(self, value: object) -> bytes:
        """The hash of all that was written, this value at last.

        Raises:
            FormlessError: it has no canonical form.
        """
        try:
            self.write(value)
        except RecursionError:
            raise FormlessError(value, "it is nested too deeply") from None
        return self.done()

    def done(self) -> bytes:
        """The hash of all that was written."""
        self._hasher.update(b"".join(self._parts))
        self._parts.clear()
        digest: bytes = self._hasher.digest()
        return digest

    def put(self, tag: bytes, *texts: str) -> None:
        """Write texts, under a tag that says what they are."""
        self._parts.append(tag)
        for text in texts:
            _write_str(self, text)

    def put_bytes(self, tag: bytes, data: Any) -> None:
        """Write bytes, under a tag that says what they are."""
        self._parts.append(tag + b"%d:" % len(data))
        if len(data) < LARGE:
            self._parts.append(bytes(data))
            return
        self._hasher.update(b"".join(self._parts))
        self._parts.clear()
        self._hasher.update(data)

    def write(self, value: object) -> None:
        """Write a value.

        Raises:
            FormlessError: it has no canonical form.
        """
        writer = _SIMPLE.get(type(value))
        if writer is not None:
            writer(self, value)
        elif type(value) in _CONTAINERS or not self._write_code(self, value):
            self._nest(value)

    def _nest(self, value: object) -> None:
        """Write what may hold other values, and maybe itself."""
        this, around = id(value), self._open
        if this in around:
            raise FormlessError(value, "it holds itself")
        around.add(this)
        writer = _CONTAINERS.get(type(value), _write_object)
        if len(around) % MEMO_DEPTH:
            writer(self, value)
        else:
            self._write_once(value, this, writer)
        around.discard(this)

    def _write_once(self, value: object, this: int, writer: Callable[[Form, Any], None]) -> None:
        """Write the hash of a value, which need not be made again where it stands once more."""
        if this not in self._known:
            self._known[this] = value, self.apart(value, writer)  # the value is kept, so that its id stays its own
        self.put_bytes(b"#", self._known[this][1])

    def apart(self, value: object, writer: Callable[[Form, Any], None] | None = None) -> bytes:
        """The hash of a value that stands in what is being written, by itself."""
        inner = Form(None, self._write_code, ordered=self.ordered)
        inner._open, inner._known = self._open, self._known
        (Form.write if writer is None else writer)(inner, value)
        return inner.done()

    def write_all(self, tag: bytes, values: Iterable[object], count: int) -> None:
        """Write values in their order."""
        self._parts.append(tag + b"%d:" % count)
        for value in values:
            self.write(value)


def _write_str(form: Form, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    form.put_bytes(b"s", data)


def _write_dict(form: Form, values: Any) -> None:
    if form.ordered:
        form.write_all(b"d", chain.from_iterable(values.items()), len(values))
        return
    if all(type(key) is str for key in values):
        form.write_all(b"d", (part for key in sorted(values) for part in (key, values[key])), len(values))
        return
    pairs = sorted([(form.apart(key), key) for key in values], key=lambda pair: pair[0])
    form.write_all(b"d", (part for _, key in pairs for part in (key, values[key])), len(values))


def _write_set(form: Form, values: Any) -> None:
    form.put(b"S" if type(values) is set else b"Z", str(len(values)))
    for one in sorted([form.apart(value) for value in values]):
        form.put_bytes(b"#", one)


def _write_name(form: Form, code: Any) -> bool:
    """A class by its name; what runs has no form by its name alone."""
    if not isinstance(code, CODE):
        return False
    if not isinstance(code, type):
        raise FormlessError(code, f"nothing is known of the code of {label_of(code)}")
    form.put(b"C", label_of(code))
    return True


def _write_object(form: Form, value: Any) -> None:
    """A value of any other class."""
    kind = type(value)
    if isinstance(value, Enum):
        form.write(kind)
        form.put(b"E", value.name or "")
        form.write(value.value)
    elif isinstance(value, PurePath):
        form.put(b"P", kind.__name__, str(value))
    elif kind.__name__ == "ndarray" and kind.__module__ == "numpy":
        _write_array(form, value)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        form.write(kind)
        form.write_all(b"n", value, len(value))
        form.write(getattr(value, "__dict__", None))
    else:
        _write_parts(form, value, _parts_of(value))


def _write_array(form: Form, array: Any) -> None:
    form.put(b"A", repr(array.dtype), repr(array.shape))
    if array.dtype.hasobject:
        form.write(array.tolist())
    else:
        form.put_bytes(b"b", array.tobytes())


def _parts_of(value: Any) -> Any:
    """What an object would be rebuilt from."""
    reduce = copyreg.dispatch_table.get(type(value))
    try:
        return reduce(value) if reduce is not None else value.__reduce_ex__(4)
    except Exception as error:
        raise FormlessError(value, str(error)) from error


def _write_parts(form: Form, value: Any, parts: Any) -> None:
    if isinstance(parts, str):
        form.put(b"g", parts)
        form.write(type(value))
        return
    make, args, state, items, pairs = (*parts, None, None, None)[:5]
    form.put(b"o", label_of(make))
    form.write(type(value))
    form.write(args)
    form.write(state)
    if items is not None:
        form.write(list(items))
    if pairs is not None:
        listed = list(pairs)
        form.write(listed if isinstance(value, OrderedDict) else dict(listed))


_SIMPLE: dict[type, Callable[[Form, Any], None]] = {
    type(None): lambda form, value: form._parts.append(b"N"),
    type(...): lambda form, value: form._parts.append(b"..."),
    type(NotImplemented): lambda form, value: form._parts.append(b"!"),
    bool: lambda form, value: form._parts.append(b"T" if value else b"F"),
    int: lambda form, value: form._parts.append(b"i%x;" % value),
    float: lambda form, value: form._parts.append(b"f" + _DOUBLE(value)),
    complex: lambda form, value: form._parts.append(b"c" + _DOUBLE(value.real) + _DOUBLE(value.imag)),
    str: _write_str,
    bytes: lambda form, value: form.put_bytes(b"b", value),
    bytearray: lambda form, value: form.put_bytes(b"B", value),
}
_CONTAINERS: dict[type, Callable[[Form, Any], None]] = {
    list: lambda form, value: form.write_all(b"l", value, len(value)),
    tuple: lambda form, value: form.write_all(b"t", value, len(value)),
    dict: _write_dict,
    set: _write_set,
    frozenset: _write_set,
    MappingProxyType: _write_dict,
}
