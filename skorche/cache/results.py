"""The results of one task in a store, as one worker finds and keeps them. Nothing that goes wrong here fails an item.

What cannot be found is made, what cannot be kept is delivered all the same, and told once for each task.
"""

from __future__ import annotations

import os
import pickle
import secrets
import sqlite3
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from typing import Any

from skorche.cache.codec import FILES, SIGNED, decode, encode
from skorche.cache.contents import (
    Files,
    FolderError,
    are_as_kept,
    are_unchanged,
    contents_of,
    pickle_and_paths,
    write_file,
)
from skorche.cache.fingerprint import Code
from skorche.cache.index import Entry, Index
from skorche.cache.seal import NoSecretError, is_sealed, read_secret, seal_of
from skorche.canonical import SIZE, Form, FormlessError
from skorche.errors import text_of
from skorche.named import NamedTuple

LARGE = 64 * 1024
"""Bytes of a value that gets a file of its own."""
GROUP, GROUP_SECONDS = 64, 0.1
"""What is kept is written in groups, of so many or after so long at the latest."""
VALUES = "values"
NOTHING = object()


class Shelf(NamedTuple):
    """Where the results of a task lie: under its key, in this folder. With `reload` they are made anew.

    `run` is the same for all workers of a run, so that each thing is told once.
    """

    key: bytes
    folder: str
    node: str
    run: str
    reload: bool = False


class Sought(NamedTuple):
    """The key of an item's result, and the files whose contents are in it."""

    key: bytes
    files: Files


class Results:
    """The results of a task, for one worker. `hits` counts those that were found; `timed`: a `flush` will come."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf, self._base = shelf, blake2b(shelf.key, digest_size=SIZE)
        self._code = Code()
        self._secret: bytes | None = None
        self._asked = False
        self._index: Index | None = None
        self._waiting: list[Entry] = []
        self._since = monotonic()
        self.hits = 0
        self.timed = False
        try:
            self._index = Index(shelf.folder)
        except (OSError, sqlite3.Error) as error:
            self._tell("the index of the cache cannot be opened (%s), so nothing is found or kept", text_of(error))

    def look_at(self, item: object) -> Sought | None:
        """The key of an item's result; None if the item has none."""
        if self._index is None:
            return None
        files: Files = []
        try:
            return Sought(Form(self._base.copy(), partial(self._write, files), ordered=True).of(item), files)
        except FolderError:
            self._tell("an item is, or holds, the path of a folder, so what it makes of it is not cached")
        except FormlessError as error:
            self._tell("%s objects have no canonical form, so what it makes of them is not cached", error.kind)
        except Exception as error:  # noqa: BLE001  (whatever the item's class does when asked for its state)
            self._tell("an item cannot be asked for its state (%s), so its result is not cached", text_of(error))
        return None

    def _write(self, files: Files, form: Form, value: Any) -> bool:
        """What an item holds of code and of files is written as what that is, not only as its name."""
        if isinstance(value, Path):
            write_file(form, value, files)
            return True
        return self._code.write(form, value)

    def find(self, sought: Sought) -> Any:
        """The result under this key, or `NOTHING`: there is none, or none that can be read."""
        if self._shelf.reload or self._index is None:
            return NOTHING
        key = sought.key
        try:
            entry = self._index.find(key)
            if entry is None:
                return NOTHING
            data = self._read_file(entry.file) if entry.data is None else entry.data
            signed = entry.codec in SIGNED
            if not is_sealed(entry.seal, key, entry.codec, data, self._get_secret() if signed else None):
                return NOTHING
            value = decode(entry.codec, data)
            if entry.codec == FILES:
                pickled, contents = value
                if not are_as_kept(contents):
                    return NOTHING
                value = pickle.loads(pickled)
        except Exception:  # noqa: BLE001  (an entry that cannot be read, for whatever reason, is made again)
            return NOTHING
        self.hits += 1
        return value

    def keep(self, sought: Sought, value: Any) -> None:
        """Keep a result, if that is possible."""
        key = sought.key
        if self._index is None or not are_unchanged(sought.files):
            return
        try:
            codec, data = _encoded(value)
            seal = seal_of(key, codec, data, self._get_secret() if codec in SIGNED else None)
            file = self._write_file(data) if len(data) > LARGE else None
        except FolderError:
            self._tell("a result is, or holds, the path of a folder, so it is not cached")
        except NoSecretError as error:
            self._tell("results that need pickle are not cached: %s", str(error))
        except OSError as error:
            self._tell("results cannot be kept (%s); they are delivered all the same", text_of(error))
        except Exception as error:  # noqa: BLE001  (whatever pickling raises)
            self._tell("a result cannot be pickled (%s), so it is not cached", text_of(error))
        else:
            if not self._waiting:
                self._since = monotonic()
            self._waiting.append(Entry(key, codec, data if file is None else None, file, seal))
            if len(self._waiting) >= GROUP or monotonic() - self._since > GROUP_SECONDS:
                self.flush()

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to write."""
        return bool(self._waiting)

    def together(self) -> AbstractContextManager[None]:
        """A block in which results are looked for in one go."""
        return nullcontext() if self._index is None else self._index.together()

    def flush(self) -> None:
        """Write what waits."""
        self.timed = False
        entries, self._waiting = self._waiting, []
        if not entries or self._index is None:
            return
        try:
            self._index.add(entries)
        except (OSError, sqlite3.Error) as error:
            self._tell("results cannot be kept (%s); they are delivered all the same", text_of(error))

    def close(self) -> None:
        """The worker's end."""
        self.flush()
        if self._index is not None:
            self._index.close()
            self._index = None

    def _get_secret(self) -> bytes:
        if self._secret is None:
            self._secret = read_secret()
        return self._secret

    def _read_file(self, name: bytes | None) -> bytes:
        file = os.open(self._path_of(name or b""), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(file, "rb") as opened:
            return opened.read()

    def _write_file(self, data: bytes) -> bytes:
        """Write a value to a file that is named by its content: it is whole, or not there."""
        name = blake2b(data, digest_size=SIZE).digest()
        path = self._path_of(name)
        folder = os.path.dirname(path)
        for one in (os.path.dirname(folder), folder):
            with suppress(FileExistsError):
                os.mkdir(one, 0o700)
            if os.path.islink(one):
                raise NotADirectoryError(f"{one} is a link")
        own = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
        try:
            file = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(file, "wb") as opened:
                opened.write(data)
            os.replace(own, path)
        except BaseException:
            if os.path.lexists(own):
                os.unlink(own)
            raise
        return name

    def _path_of(self, name: bytes) -> str:
        text = name.hex()
        return os.path.join(self._shelf.folder, VALUES, text[:2], text)

    def _tell(self, text: str, *parts: object) -> None:
        """Say it, once for each task of a run."""
        what = blake2b(f"{self._shelf.run}\n{self._shelf.node}\n{text}".encode(), digest_size=SIZE).digest()
        if what in _TOLD:
            return
        _TOLD.add(what)
        with suppress(OSError, sqlite3.Error):  # where nothing can be written, each process tells it
            if self._index is not None and not self._index.is_first(what):
                return
        from logging import getLogger  # 10 ms to import: only what goes wrong needs it

        getLogger("skorche").warning("%s: %s", self._shelf.node, text % parts)


def _encoded(value: Any) -> tuple[str, bytes]:
    """The name of a format and the value in it, with what is in the files that it names."""
    paths: list[Path] = []

    def pickled(value: Any) -> bytes:
        data, found = pickle_and_paths(value)
        paths.extend(found)
        return data

    codec, data = encode(value, pickled)
    contents = contents_of(paths)
    return (FILES, pickle.dumps((data, contents), protocol=5)) if contents else (codec, data)


_TOLD: set[bytes] = set()
