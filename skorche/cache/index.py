"""The index of a cache: an SQLite file, with a connection for each worker, never shared over a fork.

Small values lie in it, others in files beside it. One that is damaged is put aside, never deleted, and a new one begun.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from skorche.named import NamedTuple

NAME = "index.sqlite"
VERSION = 1
PATIENCE = 5.0
"""Seconds to wait for another worker that is just writing, which takes well below a millisecond."""
NETWORK = ("nfs", "cifs", "smb", "lustre", "gpfs", "ceph", "beegfs", "glusterfs", "afs", "9p", "fuse.sshfs", "pvfs")
"""File systems on which several hosts may have the index open: they do not share the memory that a WAL needs."""


class Entry(NamedTuple):
    """A value in the index: in `data`, or in the file with the name `file` (a hash, as bytes)."""

    key: bytes
    codec: str
    data: bytes | None
    file: bytes | None
    seal: bytes


class Index:
    """A connection to the index in this folder.

    Raises:
        OSError, sqlite3.Error: it cannot be opened.
    """

    _connection: sqlite3.Connection
    _read: Callable[..., sqlite3.Cursor]
    _process = 0
    _is_reading: bool

    def __init__(self, folder: str) -> None:
        self._folder, self._path = folder, os.path.join(folder, NAME)
        self._together = False
        self._open()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is looked for in the block is looked for in one transaction, at half the price, up to the first miss."""
        self._together = True
        try:
            yield
        finally:
            self._together = False
            self._end_reading()

    def _end_reading(self) -> None:
        """While a transaction reads, nobody can tidy up the log: it must not last while a task works."""
        if self._is_reading:
            self._is_reading = False
            with suppress(sqlite3.Error):
                self._read("COMMIT")

    def find(self, key: bytes) -> Entry | None:
        """The entry with this key, as it is now."""
        if os.getpid() != self._process:
            self._open()  # in a child: the parent's connection is not ours, not even to close it
        try:
            if self._together and not self._is_reading:
                self._read("BEGIN")
                self._is_reading = True
            row = self._read(FIND, (key,)).fetchone()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # it is busy, or the disk does not answer: it need not be damaged
            self._put_aside()
            return None
        if row is not None:
            return Entry(key, *row)
        self._end_reading()
        return None

    def add(self, entries: Sequence[Entry]) -> None:
        """Add entries, or replace those with the same keys, all in one go.

        Raises:
            sqlite3.Error: it cannot be done: the disk is full, say.
        """
        if os.getpid() != self._process:
            self._open()
        self._end_reading()
        try:
            self._add(entries)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._put_aside()
            self._add(entries)

    def is_first(self, what: bytes) -> bool:
        """Whether nobody has said this before, in whatever process."""
        return self._read("INSERT OR IGNORE INTO told VALUES (?)", (what,)).rowcount == 1

    def close(self) -> None:
        """End the connection."""
        if os.getpid() == self._process:
            self._connection.close()

    __del__ = close  # nobody tells the workers of an executor that they are not needed any more

    def _add(self, entries: Sequence[Entry]) -> None:
        self._read("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", entries)
            self._read("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._read("ROLLBACK")
            raise

    def _open(self) -> None:
        try:
            self._connect()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._put_aside()

    def _connect(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(self._path, flags, 0o600))  # SQLite gives its other files the mode of this one
        self._connection = connection = sqlite3.connect(
            self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        self._process, self._is_reading, self._read = os.getpid(), False, connection.execute
        try:
            _prepare(connection, self._folder)
        except BaseException:
            connection.close()
            raise

    def _put_aside(self) -> None:
        """Give a damaged index another name, unless somebody else just did, and begin a new one."""
        with suppress(sqlite3.Error):
            self._connection.close()
        with _locked(self._folder):
            try:
                self._connect()
                if self._read("PRAGMA quick_check(1)").fetchone() == ("ok",):
                    return
                self._connection.close()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                pass
            mark = next(name for name in _names(self._path) if not os.path.exists(name))
            for end in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.rename(self._path + end, mark + end)
            self._connect()


FIND = "SELECT codec, data, file, seal FROM entries WHERE key = ?"


def _prepare(connection: sqlite3.Connection, folder: str) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise sqlite3.OperationalError(f"it was written by a later version of skorche (form {version})")
    wanted = "DELETE" if is_on_network(folder) else "WAL"
    with suppress(sqlite3.OperationalError):  # a file system without shared memory: the journal is a file then
        connection.execute(f"PRAGMA journal_mode={wanted}")
    connection.execute("PRAGMA synchronous=NORMAL")
    if not version:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS entries "
            "(key BLOB PRIMARY KEY, codec TEXT NOT NULL, data BLOB, file BLOB, seal BLOB NOT NULL)"
        )
        connection.execute("CREATE TABLE IF NOT EXISTS told (what BLOB PRIMARY KEY) WITHOUT ROWID")
        connection.execute(f"PRAGMA user_version={VERSION}")


def _names(path: str) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"{path}.damaged-{number}"


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Alone among the workers of this host."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(os.path.join(folder, "index.lock"), flags, 0o600)
    try:
        with suppress(OSError):  # a file system without locks: two may put the index aside, and nothing is lost
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _unescaped(path: str) -> str:
    """A path as it is: spaces, tabs, line ends and backslashes stand there by their numbers, such as `\\040`."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def is_on_network(folder: str, mountinfo: str = "/proc/self/mountinfo") -> bool:
    """Whether other hosts may see the folder."""
    try:
        with open(mountinfo, encoding="utf-8", errors="surrogateescape") as lines:
            mounts = [line.split() for line in lines]
    except OSError:
        return False
    around = os.path.realpath(folder).rstrip("/") + "/"
    points = [(_unescaped(fields[4]), fields[fields.index("-") + 1]) for fields in mounts]
    fitting = [(len(point), kind) for point, kind in points if around.startswith(point.rstrip("/") + "/")]
    return bool(fitting) and max(fitting)[1].startswith(NETWORK)
