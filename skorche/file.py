"""Files as inputs and as outputs: `files` finds them, `lines` reads them, `atomic` writes them whole or not at all.

What `files` and `lines` give does nothing until it is iterated, and can be iterated again: each run of a pipeline looks
anew. Only a stream is read once.
"""

from __future__ import annotations

import fnmatch
import io
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from operator import itemgetter
from pathlib import Path
from typing import IO, TextIO

from skorche.errors import GraphError, SkorcheError, shorten
from skorche.named import NamedTuple

ANY_DEPTH = "**"
MAGIC = re.compile(r"[*?[]")

Part = str | re.Pattern[str]
"""A part of a pattern, between slashes: a name, names, or `ANY_DEPTH`."""
Tail = tuple[Part, ...]
"""What of a pattern is left to match, in some directory."""


# -- finding files ---------------------------------------------------------------------------------------------------


def files(*patterns: str | os.PathLike[str], root: str | os.PathLike[str] = "", missing_ok: bool = False) -> Files:
    """The files that match a pattern such as "photos/**/*.jpg", or one of several, as `Path`s.

    They come in the order of `sorted(paths)`, each once, and are looked for as they are asked for, a directory at a
    time. `*` and `?` stand for what is in a name, `**` for directories at any depth, or none. As in a shell they match
    no name that begins with a dot, unless the pattern has the dot. `**` enters no directory that is a symbolic link.
    Patterns are relative to `root`, whose name is taken as it is; without it, to the current directory.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.txt", "a.txt", "a.jpg"):
    ...         open(os.path.join(folder, name), "w").close()
    ...     [path.name for path in skorche.files("**/*.txt", root=folder)]
    ['a.txt', 'b.txt']

    Raises:
        GraphError: there is no pattern, or one is not a path.
        FileNotFoundError: when it is read: nothing matches any pattern. With `missing_ok` there are then no items.
        PermissionError: when it is read: a directory cannot be listed, so there may be files that would be missed.
    """
    if not patterns:
        raise GraphError("files() was given no pattern.", "it finds nothing.", 'give one, such as "photos/**/*.jpg".')
    return Files([_checked(pattern) for pattern in patterns], Path(root), missing_ok)


def _checked(pattern: object) -> str:
    if isinstance(pattern, str | os.PathLike):
        text = os.fspath(pattern)
        if isinstance(text, str) and text:
            return text
    raise GraphError(
        f"files() was given {shorten(pattern)}.",
        "a pattern is a text or a Path, and not empty.",
        'give "photos/**/*.jpg"; several patterns are several arguments, so a list needs a star: files(*patterns).',
    )


class Step(NamedTuple):
    """An entry of a directory that matches so far: perhaps as a file, perhaps as a directory on the way."""

    path: str
    is_found: bool
    tails: list[Tail]


class Files(Iterable[Path]):
    """What `files` gives."""

    def __init__(self, patterns: Sequence[str], root: Path, missing_ok: bool) -> None:
        self.patterns, self.root, self.missing_ok = patterns, root, missing_ok

    def __repr__(self) -> str:
        return f"files({', '.join(map(repr, self.patterns))})"

    def __iter__(self) -> Iterator[Path]:
        found = False
        levels = [_steps("", [_tail(pattern, self.root) for pattern in self.patterns])]
        while levels:
            for step in levels[-1]:
                if step.is_found:
                    found = True
                    yield Path(step.path)
                if step.tails:
                    levels.append(_steps(step.path, step.tails))
                    break
            else:
                levels.pop()
        if not found and not self.missing_ok:
            raise FileNotFoundError(str(self._nothing()))

    def _nothing(self) -> SkorcheError:
        return SkorcheError(
            f"no file matches {' or '.join(map(repr, self.patterns))}.",
            f"the patterns are relative to {self.root.absolute()}, and directories are no files.",
            "see whether that is the folder; give missing_ok=True if there may be none.",
        )


def _tail(pattern: str, root: Path) -> Tail:
    parts = Path(pattern).parts
    beginning = () if Path(pattern).is_absolute() else root.parts
    return (*beginning, *map(_part, parts))


def _part(text: str) -> Part:
    if text == ANY_DEPTH or not MAGIC.search(text):
        return text
    return re.compile(fnmatch.translate(text) if text[0] == "." else r"(?!\.)" + fnmatch.translate(text))


def _steps(directory: str, tails: list[Tail]) -> Iterator[Step]:
    """The entries of a directory by which the tails go on, by name.

    A tail that may skip its `**` counts without it, too; the last `**` of a pattern takes files as well.
    """
    tails = list(dict.fromkeys(tails))
    for tail in tails:  # it grows meanwhile: one `**` may follow another
        if tail[0] == ANY_DEPTH and len(tail) > 1 and tail[1:] not in tails:
            tails.append(tail[1:])
    for name, entry in _entries(directory, tails):
        step = _step(name, entry, tails)
        if step.is_found or step.tails:
            yield step


Entry = os.DirEntry[str] | Path


def _entries(directory: str, tails: list[Tail]) -> list[tuple[str, Entry]]:
    """What may match. A directory is listed only for patterns: to pass through one by its name takes fewer rights."""
    names = {tail[0] for tail in tails if isinstance(tail[0], str) and tail[0] != ANY_DEPTH}
    entries: dict[str, Entry] = {name: Path(directory, name) for name in names}
    if any(tail[0] not in names for tail in tails):
        # One that was removed since it was found has nothing in it.
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory or ".") as listing:
            entries |= {entry.name: entry for entry in listing}
    return sorted(entries.items(), key=itemgetter(0))


def _step(name: str, entry: Entry, tails: list[Tail]) -> Step:
    found, deeper = False, []
    for tail in tails:
        if _matches(tail[0], name):
            found = found or len(tail) == 1
            if tail[0] == ANY_DEPTH and not entry.is_symlink():
                deeper.append(tail)
            elif tail[0] != ANY_DEPTH and len(tail) > 1:
                deeper.append(tail[1:])
    return Step(os.fspath(entry), found and entry.is_file(), deeper if deeper and entry.is_dir() else [])


def _matches(part: Part, name: str) -> bool:
    if part == ANY_DEPTH:
        return name[0] != "."
    return part == name if isinstance(part, str) else name != ".." and part.match(name) is not None


# -- reading lines ---------------------------------------------------------------------------------------------------

OPENERS = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma"}
"""The modules that open what is compressed, by the end of its name."""


def lines(
    source: str | os.PathLike[str] | TextIO, *, encoding: str | None = None, errors: str | None = None
) -> Iterable[str]:
    r"""The lines of a text file, or of a stream such as `sys.stdin` (also called "-"), each without its newline.

    A file is opened when the run begins to read it, and again for each run; if its name ends in .gz, .bz2 or .xz it is
    unpacked. `encoding` (UTF-8 if not given) and `errors` are those of `open`. A stream has an encoding of its own, is
    read once, and gives each line as it comes.

    >>> import io
    >>> list(skorche.lines(io.StringIO("one\ntwo")))
    ['one', 'two']

    Raises:
        GraphError: `source` is neither a path nor a stream of text, or a stream was given with an encoding.
        OSError: when it is read: the file cannot be opened, or is not what its name says.
    """
    if isinstance(source, str | os.PathLike) and source != "-":
        return Lines(Path(source), encoding or "utf-8", errors)
    stream = sys.stdin if isinstance(source, str | os.PathLike) else source
    if not hasattr(stream, "readline") or isinstance(stream, io.RawIOBase | io.BufferedIOBase):
        raise GraphError(
            f"lines() was given {shorten(source)}.",
            "it is neither a path nor an open stream of text.",
            'give the path of a file, sys.stdin, or "-" for that.',
        )
    if encoding or errors:
        raise GraphError(
            f"lines() was given an encoding for {shorten(source)}.",
            "a stream that is open has one.",
            "call its reconfigure(encoding=...) before.",
        )
    return StreamLines(stream, shorten(source))


class Lines(Iterable[str]):
    """What `lines` gives for a path."""

    def __init__(self, path: Path, encoding: str, errors: str | None) -> None:
        self.path, self.encoding, self.errors = path, encoding, errors

    def __repr__(self) -> str:
        return f"lines({str(self.path)!r})"

    def __iter__(self) -> Iterator[str]:
        module = import_module(OPENERS.get(self.path.suffix, "io"))
        file: IO[str]
        with module.open(self.path, "rt", encoding=self.encoding, errors=self.errors) as file:
            for line in file:
                yield line.removesuffix("\n")


class StreamLines(Iterator[str]):
    """What `lines` gives for a stream: an iterator, so that a second run is refused, which would find nothing."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream, self._name = stream, name

    def __repr__(self) -> str:
        return f"lines({self._name})"

    def __next__(self) -> str:
        return next(self._stream).removesuffix("\n")


# -- writing files ---------------------------------------------------------------------------------------------------

UNFINISHED = ".skorche-"
"""How the names of unfinished files begin. The dot hides them from `*`, here and in a shell."""
LONGEST_END = 50
"""Characters of a file's name that are in that of its unfinished one; systems allow 255 bytes."""


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file whole or not at all: gives a path to write to, which becomes `path` if the block ends well.

    Whoever finds `path` finds all of it, also after a crash of the machine: the content is on the disk before the name
    is. Folders on the way to it are made. If the block raises, nothing is left and what was there before stays. Several
    threads, processes or machines may do this at the same time: the last one wins. The block may make a directory
    instead; that cannot replace one that has something in it.

    The path given ends like `path`, so what looks at its suffix sees the same. It begins with ".skorche-": when a
    process is killed inside the block, a file of such a name stays, to be removed when nothing writes there any more.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with skorche.atomic(os.path.join(folder, "made", "words.txt")) as path:
    ...         _ = path.write_text("one two")
    ...     os.listdir(os.path.join(folder, "made"))
    ['words.txt']

    Raises:
        FileNotFoundError: the block has written nothing to the path it was given.
    """
    whole = Path(path)
    part = whole.with_name(f"{UNFINISHED}{os.urandom(4).hex()}-{whole.name[-LONGEST_END:]}")
    whole.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        if not part.exists():
            raise FileNotFoundError(
                f"the block of atomic({str(whole)!r}) ended, and nothing was written: write to the path that it gives"
            )
        _put_on_disk(part)
        os.replace(part, whole)
    except BaseException:
        _remove(part)
        raise
    _synchronize(whole.parent)


def _put_on_disk(part: Path) -> None:
    if part.is_dir():
        for directory, _, names in os.walk(part):
            for path in (Path(directory, name) for name in names):
                if path.is_file() and not path.is_symlink():
                    _synchronize(path)
            _synchronize(Path(directory))
    else:
        _synchronize(part)


def _synchronize(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)
