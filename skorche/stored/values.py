"""Results as files, in open formats where that is possible: any program can read them.

.json    a plain value             .jsonl   a list of plain values, one a line
.bin     bytes                     .npy     a numpy array; a list of either is a folder of numbered files
.pickle  whatever else can be pickled. Reading it runs code, so it is signed, and read only if we wrote it
"""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from typing import Any

from skorche.cache.codec import SIGNED, as_json, decode, encode
from skorche.cache.seal import NoSecretError, is_sealed, read_secret, seal_of
from skorche.errors import StoreError, shorten, text_of
from skorche.named import NamedTuple
from skorche.store import PRIVATE, write_whole

ENDINGS = {"json": ".json", "bytes": ".bin", "npy": ".npy", "pickle": ".pickle"}
NUMBERED = ("bytes", "npy")
LINES = "jsonl"
NO_TRUST = "do not trust it."


class Stored(NamedTuple):
    """Where a value stands, relative to the folder of its run, and how. `many`: in numbered files, in a folder."""

    file: str
    format: str
    many: bool = False
    seal: str = ""


def write_value(folder: Path, stem: str, value: Any) -> Stored:
    """Write a value into the folder; what is told names files relative to it.

    Raises:
        StoreError: it cannot be pickled, and no open format fits.
        OSError: the file cannot be written.
    """
    if type(value) is list and value:
        lines = _as_lines(value)
        if lines is not None:
            write_whole(folder / f"{stem}.{LINES}", b"\n".join([*lines, b""]))
            return Stored(f"{stem}.{LINES}", LINES)
        kind = _kind_of(value)
        if kind in NUMBERED:
            return _write_numbered(folder / stem, kind, value)
    kind, data = _encoded(value)
    file_name = f"{stem}{ENDINGS[kind]}"
    write_whole(folder / file_name, data)
    return Stored(file_name, kind, seal=sign(file_name, data) if kind in SIGNED else "")


def _as_lines(values: list[Any]) -> list[bytes] | None:
    """All of them as JSON; None if one is no plain value. In one go: there may be many."""
    lines: list[bytes] = []
    for one in values:
        text = as_json(one)
        if text is None:
            return None
        lines.append(text)
    return lines


def _kind_of(values: list[Any]) -> str:
    """The open format of all these values; "" if there is none."""
    kinds: set[str] = set()
    for one in values:
        try:
            kinds.add(encode(one)[0])
        except Exception:  # noqa: BLE001  (told when all of it is encoded)
            return ""
        if len(kinds) > 1:
            return ""
    return kinds.pop()


def _encoded(value: Any) -> tuple[str, bytes]:
    try:
        return encode(value)
    except Exception as error:
        raise StoreError(
            f"{shorten(value, 80)} cannot be stored: {text_of(error)}",
            f"{type(value).__name__} objects are no plain values, and this one cannot be pickled.",
            "have the last task give values that can be, such as the path of a file it has written.",
        ) from error


def _write_numbered(folder: Path, kind: str, values: list[Any]) -> Stored:
    folder.mkdir(mode=PRIVATE)
    digits = len(str(len(values) - 1))
    try:
        for number, value in enumerate(values):
            write_whole(folder / f"{number:0{digits}}{ENDINGS[kind]}", encode(value)[1])
    except BaseException:
        rmtree(folder)
        raise
    return Stored(folder.name, kind, many=True)


def sign(name: str, data: bytes) -> str:
    """What shows that we wrote a file of this name; nothing, where there is no secret to sign with."""
    try:
        return seal_of(_key(name), "pickle", data, read_secret()).hex()
    except NoSecretError:
        return ""


def _key(name: str) -> bytes:
    return b"skorche-run/1 " + name.encode()


def read_value(folder: Path, stored: Stored, *, trust: bool) -> Any:
    """The value again. A pickle is read if this user's own runs wrote it, or with `trust`.

    Raises:
        StoreError: it is a pickle, and may be anybody's.
        OSError: the file is not there, or cannot be read.
    """
    path = folder / stored.file
    if not path.resolve().is_relative_to(folder.resolve()):
        raise StoreError(f"{path} does not lie in the folder of its run.", "its report says so.", NO_TRUST)
    if stored.many:
        if stored.format not in NUMBERED:
            raise StoreError(f"{path} is a folder of {stored.format}, says its report.", "runs write none.", NO_TRUST)
        return [decode(stored.format, one.read_bytes()) for one in sorted(path.glob(f"[!.]*{ENDINGS[stored.format]}"))]
    if stored.format == LINES:
        return [decode("json", line) for line in path.read_bytes().splitlines()]
    data = path.read_bytes()
    if stored.format in SIGNED and not trust and not is_ours(path.name, data, stored.seal):
        raise StoreError(
            f"{path} was not written by a run of yours, or it was changed since.",
            "it is a pickle: reading it could run whatever whoever wrote it wants.",
            "if you know where it comes from, use open_run(..., trust=True).",
        )
    return decode(stored.format, data)


def is_ours(name: str, data: bytes, seal: str) -> bool:
    """Whether this user's own run wrote a file of this name, and nobody has changed it since."""
    try:
        return is_sealed(bytes.fromhex(seal), _key(name), "pickle", data, read_secret())
    except (NoSecretError, ValueError):
        return False
