"""Pictures of a graph, written: what Graphviz's `dot` draws where that program is installed, else what we draw.

Names come from users, so none is trusted: not to stay within its label, not to stay within the folder.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import subprocess
from pathlib import Path

from skorche.errors import GraphError, nearest, shorten
from skorche.graph import Graph
from skorche.observe.dot import dot_of
from skorche.observe.looks import Outcomes
from skorche.observe.picture import Picture, Root, picture_of
from skorche.observe.svg import svg_of

FORMATS = ("svg", "png", "pdf", "dot")

DOT_PATIENCE = 60.0
"""Seconds after which a picture that is still not drawn is given up, and drawn here."""

_LOG = logging.getLogger("skorche")


def render(
    graph: Graph,
    filename: str,
    root: Root,
    directory: str,
    format: str,
    skip_anon_queues: bool,
    status: Outcomes | None = None,
) -> str:
    """Draw the graph into `directory`, and return the path of the picture.

    Where `dot` does not draw it, that is an SVG of our own, whatever the format, and the DOT text is written beside it.

    Raises:
        GraphError: a root is not in the graph, the format is unknown, the file would not be in `directory`, or the
            status is that of another graph.
        OSError: the file cannot be written.
    """
    target = _target(filename, directory, format)
    picture = picture_of(graph, root, skip_anon_queues, status)
    content = dot_of(picture).encode()
    if format != "dot":
        try:
            content = _picture(content, format)
        except _NotDrawnError as reason:
            return _draw_here(picture, target.with_name(target.name.removesuffix(f".{format}")), reason)
    _write(target, content)
    return str(target)


def _draw_here(picture: Picture, stem: Path, reason: Exception) -> str:
    drawn, text = (stem.with_name(f"{stem.name}.{kind}") for kind in ("svg", "dot"))
    _write(text, dot_of(picture).encode())
    _write(drawn, svg_of(picture).encode())
    _LOG.warning("%s. skorche drew the picture itself: %s (and as DOT text: %s)", reason, drawn, text)
    return str(drawn)


# -- where it is written --------------------------------------------------------------------------------------------


def _target(filename: str, directory: str, format: str) -> Path:
    """The file to write, which is surely below the directory."""
    if format not in FORMATS:
        raise GraphError(
            f"render was given format={format!r}.",
            f"the formats are {', '.join(map(repr, FORMATS))}.",
            f"{nearest(str(format), FORMATS)}Otherwise leave it out, for a picture in SVG.",
        )
    stem = os.fspath(filename).removesuffix(f".{format}")
    target = Path(directory, f"{stem}.{format}")
    named = os.path.basename(stem) and "\0" not in stem
    if not named or not target.parent.resolve().is_relative_to(Path(directory).resolve()):
        raise GraphError(
            f"render was given filename={shorten(filename)}.",
            f"that is no file inside the directory {directory!r}.",
            "give a name such as 'demo', and the folder as directory=.",
        )
    return target


def _write(target: Path, content: bytes) -> None:
    """Write the file whole or not at all: whoever opens `target` finds the old picture or the new one."""
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        said = f"the picture cannot be written ({error.strerror}); choose another place with directory="
        raise OSError(error.errno, said, str(target)) from error


class _NotDrawnError(Exception):
    """`dot` is not there, or does not manage: no reason to stop the program that wanted to see its graph."""


def _picture(text: bytes, format: str) -> bytes:
    """What `dot` makes of the text."""
    dot = shutil.which("dot")
    if dot is None:
        cure = "apt install graphviz (Debian, Ubuntu), brew install graphviz (macOS) or conda install graphviz"
        raise _NotDrawnError(f"Graphviz's program dot is not installed ({cure})")
    try:
        command = [dot, f"-T{format}"]
        done = subprocess.run(command, input=text, capture_output=True, timeout=DOT_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise _NotDrawnError(f"{dot} was stopped after {DOT_PATIENCE:g} s") from None
    except OSError as error:
        raise _NotDrawnError(f"{dot} cannot be run ({error.strerror})") from error
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()[-500:] or "it said nothing"
        raise _NotDrawnError(f"{dot} failed with exit code {done.returncode} ({said})")
    return done.stdout
