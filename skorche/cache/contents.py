"""Files among items, arguments and results: a `Path` stands for what is in the file, not only for its name.

An item, or an argument, that is or holds the path of a file has another key when the file has changed. A result that is
or holds the path of a file is of no use when that is gone, or has changed. What is in a folder is not looked at, so an
item or a result that holds the path of one is not cached. A text is a text, whatever it may name.
"""

from __future__ import annotations

import os
import pickle
import stat
from collections.abc import Iterable
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

from skorche.canonical import SIZE, Form, FormlessError

Files = list[tuple[Path, tuple[int, ...]]]
"""Paths with what the system says of each: size, time of the last change, and which file it is."""
Contents = list[tuple[str, bytes]]
"""Paths, and the hashes of what is in their files."""
PIECE = 1 << 20


class FolderError(FormlessError):
    """A path of a folder, or of what else is there and is no file: nobody looks at what is in it."""


def write_file(form: Form, path: Path, files: Files) -> None:
    """Write a path, and what is in its file, if it is one; notes the file in `files`.

    Raises:
        FolderError: it is there, and no file; its name has been written.
        FormlessError: the file cannot be read, or changes meanwhile.
    """
    form.put(b"path", type(path).__name__, str(path))
    state = _state_of(path)
    if state is None:
        return
    form.put_bytes(b"content", _hash_of(path))
    if _state_of(path) != state:
        raise FormlessError(path, "its file changes while it is read")
    files.append((path, state))


def are_unchanged(files: Files) -> bool:
    """Whether all files are still what they were when they were read for the key."""
    try:
        return all(_state_of(path) == state for path, state in files)
    except FolderError:
        return False


def pickle_and_paths(value: object) -> tuple[bytes, list[Path]]:
    """A value pickled, and all the paths that it holds, wherever in it.

    >>> pickle_and_paths({"log": [Path("log.txt")]})[1] == [Path("log.txt")]
    True

    Raises:
        Exception: it cannot be pickled.
    """
    held = BytesIO()
    pickler = _Pickler(held, protocol=5)
    pickler.dump(value)
    return held.getvalue(), pickler.found


def contents_of(paths: Iterable[Path]) -> Contents:
    """What is in these files. Those that are not there are left out.

    Raises:
        FolderError: one is a folder.
        FormlessError: one cannot be read.
    """
    there = [path for path in dict.fromkeys(paths) if _state_of(path) is not None]
    return [(str(path), _hash_of(path)) for path in there]


def are_as_kept(contents: Contents) -> bool:
    """Whether all files are there, and hold what they held."""
    return all(_state_of(Path(path)) is not None and _hash_of(Path(path)) == known for path, known in contents)


class _Pickler(pickle.Pickler):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.found: list[Path] = []

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Path):
            self.found.append(value)
        return NotImplemented


def _hash_of(path: Path) -> bytes:
    content = blake2b(digest_size=SIZE)
    try:
        with open(path, "rb") as opened:
            while piece := opened.read(PIECE):
                content.update(piece)
    except OSError as error:
        raise FormlessError(path, f"its file cannot be read: {error}") from error
    return content.digest()


def _state_of(path: Path) -> tuple[int, ...] | None:
    """What changes when a file does; None where nothing is.

    Raises:
        FolderError: something else is there.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        raise FolderError(path, "it is no file")
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev
