"""Results as files, in open formats where that is possible: any program can read them.

.json    plain values: None, bool, int, float, str, and lists and dicts of them
.jsonl   a list of plain values, one a line
.bin     bytes           .npy    a numpy array, or a folder of numbered ones for a list of them
.pickle  whatever else can be pickled; reading it back runs code, so it is read only from a store that is trusted
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable, Iterable
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from skorche.errors import SkorcheError, shorten, text_of

Writer = Callable[[Path, Any], None]
Reader = Callable[[Path], Any]


def is_plain(value: Any) -> bool:
    """Whether JSON gives it back as it is, exactly.

    >>> is_plain({"a": [1, None, "b"]}), is_plain((1, 2)), is_plain({1: 2}), is_plain(float("nan"))
    (True, False, False, False)
    """
    kind = type(value)
    if kind is list:
        return all(map(is_plain, value))
    if kind is dict:
        return all(type(key) is str and is_plain(one) for key, one in value.items())
    return kind in (str, int, bool, type(None)) or (kind is float and isfinite(value))


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")  # there is no array where nobody has imported it
    return numpy is not None and type(value) is numpy.ndarray and not value.dtype.hasobject


def _write_json(path: Path, value: Any) -> None:
    _write_lines(path, [value])


def _read_json(path: Path) -> Any:
    return _read_lines(path)[0]


def _write_lines(path: Path, value: Iterable[Any]) -> None:
    with path.open("w", encoding="utf-8", errors="surrogatepass") as file:
        file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in value)


def _read_lines(path: Path) -> list[Any]:
    with path.open(encoding="utf-8", errors="surrogatepass") as file:
        return [json.loads(line) for line in file]


def _write_bytes(path: Path, value: bytes) -> None:
    path.write_bytes(value)


def _write_array(path: Path, value: Any) -> None:
    import numpy

    with path.open("wb") as file:
        numpy.save(file, value, allow_pickle=False)


def _read_array(path: Path) -> Any:
    import numpy

    return numpy.load(path, allow_pickle=False)


def _write_pickle(path: Path, value: Any) -> None:
    path.write_bytes(pickle.dumps(value, 5))


def _read_pickle(path: Path) -> Any:
    return pickle.loads(path.read_bytes())


class Format(NamedTuple):
    """How values of a kind stand in a file."""

    ending: str
    fits: Callable[[Any], bool]
    write: Writer
    read: Reader


FORMATS = {
    "json": Format(".json", is_plain, _write_json, _read_json),
    "bytes": Format(".bin", lambda value: type(value) is bytes, _write_bytes, Path.read_bytes),
    "npy": Format(".npy", _is_array, _write_array, _read_array),
    "pickle": Format(".pickle", lambda value: True, _write_pickle, _read_pickle),
}
LINES = Format(".jsonl", is_plain, _write_lines, _read_lines)
NUMBERED = ("bytes", "npy")


class Stored(NamedTuple):
    """Where a value stands, relative to its folder, and how. `many`: in numbered files of that format in a folder."""

    file: str
    format: str
    many: bool = False


def write_value(folder: Path, stem: str, value: Any) -> Stored:
    """Write a value into the folder.

    Raises:
        SkorcheError: it cannot be pickled, and nothing else fits.
        OSError: the file cannot be written.
    """
    if type(value) is list and value and LINES.fits(value):
        LINES.write(folder / f"{stem}.jsonl", value)
        return Stored(f"{stem}.jsonl", "jsonl")
    for name in NUMBERED:
        if type(value) is list and value and all(map(FORMATS[name].fits, value)):
            return _write_numbered(folder / stem, name, value)
    name = next(name for name, one in FORMATS.items() if one.fits(value))
    file = f"{stem}{FORMATS[name].ending}"
    try:
        FORMATS[name].write(folder / file, value)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise SkorcheError(
            f"{shorten(value, 80)} cannot be stored: {text_of(error)}",
            f"{type(value).__name__} objects are no plain values, and this one cannot be pickled.",
            "have the last task give values that can be, such as the path of a file it has written.",
        ) from error
    return Stored(file, name)


def _write_numbered(folder: Path, name: str, values: list[Any]) -> Stored:
    folder.mkdir()
    digits = len(str(len(values) - 1))
    for number, value in enumerate(values):
        FORMATS[name].write(folder / f"{number:0{digits}}{FORMATS[name].ending}", value)
    return Stored(folder.name, name, many=True)


def read_value(folder: Path, stored: Stored) -> Any:
    """The value again.

    Raises:
        OSError: the file is not there, or cannot be read.
    """
    path = folder / stored.file
    if stored.many:
        return [FORMATS[stored.format].read(one) for one in sorted(path.iterdir())]
    return (LINES if stored.format == "jsonl" else FORMATS[stored.format]).read(path)
