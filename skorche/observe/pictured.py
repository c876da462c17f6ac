"""`Pictured`: what can be shown as a status page: a report, or a run that was kept. `Sketch`: a picture to be made."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skorche.observe.overview import Overview
    from skorche.observe.picture import Picture


class Pictured:
    """Shows how busy each task was, what went over each queue, what failed, and what limited the run."""

    __slots__ = ()

    def overview(self) -> Overview:
        """What is to be shown."""
        raise NotImplementedError

    def to_html(self) -> str:
        """The status page: one HTML document with the diagram, the table of the nodes and the failures.

        It holds no script, and asks for nothing from elsewhere.

        >>> pipeline = Pipeline("sizes")
        >>> _ = pipeline.map(len, Queue("words", ["a", "bc"]), queue_out=Queue("sizes"))
        >>> pipeline.run().wait().to_html().startswith("<!DOCTYPE html>")
        True
        """
        from skorche.observe.page import page_of  # who shows no page needs none of it

        return page_of(self.overview())

    def to_svg(self) -> str:
        """The status diagram alone, as SVG: the same for the same counts and times."""
        from skorche.observe.diagram import diagram_of

        return diagram_of(self.overview())

    def to_dot(self) -> str:
        """The status diagram as text for Graphviz."""
        from skorche.observe.dot import dot_of
        from skorche.observe.load import load_picture

        return dot_of(load_picture(self.overview()))

    def save_page(self, path: str | os.PathLike[str]) -> str:
        """Write the status page to a file, whole or not at all, and return its path.

        Raises:
            OSError: the file cannot be written.
        """
        from pathlib import Path  # not with an import of skorche

        from skorche.observe.page import write_page

        write_page(Path(path), self.to_html())
        return str(path)


class Sketch:
    """The picture of what became of a graph, made when somebody first asks for it. It travels as the picture."""

    def __init__(self, make: Callable[[], Picture] | None = None) -> None:
        self._make = make
        self._picture: Picture | None = None

    @property
    def picture(self) -> Picture:
        """The picture; without marks if nothing is known of the graph."""
        if self._picture is None:
            from skorche.observe.picture import NOTHING  # a run does without it until somebody looks

            self._picture = self._make() if self._make is not None else NOTHING
            self._make = None
        return self._picture

    def __reduce__(self) -> tuple[Callable[[Picture], Sketch], tuple[Picture]]:
        return _sketched, (self.picture,)


def _sketched(picture: Picture) -> Sketch:
    return Sketch(lambda: picture)
