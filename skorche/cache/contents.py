"""Files among items and results: a `Path` stands for what is in the file, not only for its name.

An item that is, or holds, the path of a file has another key when the file has changed. A result that is, or holds,
the path of a file is of no use when that is gone. A text is a text, whatever it may name.
"""

from __future__ import annotations

import os
import stat
from hashlib import blake2b
from pathlib import Path
from typing import Any

from skorche.canonical import SIZE, Form, FormlessError

Files = list[tuple[Path, tuple[int, ...]]]
"""Paths with what the system says of each: size, time of the last change, and which file it is."""
PIECE = 1 << 20


def write_file(form: Form, path: Path, files: Files) -> bool:
    """Write a path, and what is in its file, if it is one; notes the file in `files`.

    Raises:
        FormlessError: the file cannot be read, or changes meanwhile.
    """
    form.put(b"path", type(path).__name__, str(path))
    state = _state_of(path)
    if state is None:
        return True
    content = blake2b(digest_size=SIZE)
    try:
        with open(path, "rb") as opened:
            while piece := opened.read(PIECE):
                content.update(piece)
    except OSError as error:
        raise FormlessError(path, f"its file cannot be read: {error}") from error
    if _state_of(path) != state:
        raise FormlessError(path, "its file changes while it is read")
    form.put_bytes(b"content", content.digest())
    files.append((path, state))
    return True


def are_unchanged(files: Files) -> bool:
    """Whether all files are still what they were when they were read for the key."""
    return all(_state_of(path) == state for path, state in files)


def are_there(value: Any) -> bool | None:
    """Whether there is a file, or a folder, for each path in a result; None if there is no path in it."""
    if isinstance(value, Path):
        return value.exists()
    inside = value.values() if type(value) is dict else value if type(value) in (list, tuple, set) else ()
    found = {are_there(one) for one in inside} - {None}
    return None if not found else found == {True}


def _state_of(path: Path) -> tuple[int, ...] | None:
    """What changes when a file does; None for what is no file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev
