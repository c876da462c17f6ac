"""The store of a run: a folder of the user's own, with `cache/` and `runs/` in it.

What lies there is trusted (results are read back), so a folder that others could write to is refused, and so is a link
in it that leads elsewhere. Folders are made with mode 0700, files with 0600, whatever the umask says.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from skorche.errors import StoreError, shorten

PRIVATE = 0o700
LONGEST_SLUG = 80


class Store:
    """A folder that results are kept in. Nothing is made, or looked at, before `open`.

    >>> store = Store("results")
    >>> store.cache.name, store.runs.name, store.inside("runs", slug("my job/1")).name
    ('cache', 'runs', 'my_job_1')
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.abspath(os.fspath(path)))

    @classmethod
    def of(cls, given: object) -> Store | None:
        """The store that an option names: None is none.

        Raises:
            StoreError: it is no path.
        """
        if given is None or isinstance(given, Store):
            return given
        if isinstance(given, str | os.PathLike) and os.fspath(given):
            return cls(os.fspath(given))  # bytes are refused by `Path`
        raise StoreError(
            f"run() was given store={shorten(given)}.", "a store is a folder.", "give its path: store='store/'."
        )

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def open(self) -> Store:
        """Make the folders that are missing, and look whether all of them are the user's own.

        Raises:
            StoreError: a folder cannot be made or used, or others could write to it.
        """
        _make(self.path)
        self.path = self.path.resolve()  # the store itself may stand behind a link; what is in it may not
        _check(self.path)
        for folder in (self.cache, self.runs):
            self.folder(folder.name)
        return self

    @property
    def cache(self) -> Path:
        """Where results of tasks lie, by their keys."""
        return self.path / "cache"

    @property
    def runs(self) -> Path:
        """Where a folder for each run lies."""
        return self.path / "runs"

    def inside(self, *names: str) -> Path:
        """The path of something in the store.

        Raises:
            StoreError: it would lie elsewhere, also by a link.
        """
        path = self.path.joinpath(*names)
        for one in (path, *path.parents):
            if one == self.path:
                return path
            if ".." in names or one.is_symlink():
                break
        raise StoreError(
            f"{path} does not lie in the store {self.path}.",
            "what a store holds must lie in it, and not behind a link that leads out of it.",
            "remove the link, or give the run another store.",
        )

    def folder(self, *names: str) -> Path:
        """A folder in the store, made if it is missing.

        Raises:
            StoreError: it cannot be made or used, or others could write to it.
        """
        path = self.inside(*names)
        _make(path)
        _check(path)
        return path


def private(path: str, flags: int) -> int:
    """Opens a file that only its owner may read; for the `opener` of `open`."""
    return os.open(path, flags, 0o600)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file for its owner alone, whole or not at all: who finds it finds all of it, also when the disk is full.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb", opener=private) as file:
            file.write(data)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def slug(name: str) -> str:
    """A name as part of a path: no separators, no leading dots, never empty.

    >>> slug("../secret plan"), slug("")
    ('secret_plan', '_')
    """
    plain = re.sub(r"[^\w.()=+-]+", "_", name).lstrip("._")
    return plain[:LONGEST_SLUG] or "_"


def _make(path: Path) -> None:
    try:
        path.mkdir(mode=PRIVATE, parents=True)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(
            f"the folder {path} cannot be made: {error}",
            "results cannot be kept where there is no folder.",
            "give run(store=...) a path where you may write.",
        ) from error


def _check(path: Path) -> None:
    """Refuse a folder that is none, that is somebody else's, or that others may write to."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError(f"{path} is no folder.", "a store is a folder.", "give run(store=...) another path.")
    if found.st_uid != os.geteuid():
        raise StoreError(
            f"the folder {path} is owned by another user.",
            "whoever can write there could change what your program takes for its own results.",
            "give run(store=...) a folder of your own.",
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StoreError(
            f"the folder {path} can be written to by others (mode {stat.S_IMODE(found.st_mode):o}).",
            "whoever can write there could change what your program takes for its own results.",
            f"say `chmod go-w {path}` if it is yours alone, or give run(store=...) another folder.",
        )
