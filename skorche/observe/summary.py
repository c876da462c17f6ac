"""A picture in characters, from top to bottom: boxes, and lines that go down, across and down again.

Tasks have corners of `+`, operators of `.` and `'`; named ends are plain text. A line that crosses another is broken
where they meet. What is said of a line (a split's value, a name, "errors") stands in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from skorche.named import NamedTuple
from skorche.observe.channel import Stretch, route
from skorche.observe.layout import Layout, Size, lay_out
from skorche.observe.picture import Link, Mark, Picture

UNIT = 2
"""Columns in one unit of the layout, so that all lines run in even columns."""

PORTS = 4
"""Columns between two lines of the same box."""


def summary_of(picture: Picture) -> str:
    """The picture as text, as wide as it needs to be; no line of it ends with blanks."""
    if not picture.marks:
        return "nothing is declared yet"
    labels = [_said(link) for link in picture.links]
    numbers = {mark.own: number for number, mark in enumerate(picture.marks)}
    lines = [(numbers[link.tail], numbers[link.head]) for link in picture.links]
    ports = Counter(("out", tail) for tail, _ in lines) + Counter(("in", head) for _, head in lines)
    boxes = [_size(mark, max(ports["out", own], ports["in", own])) for own, mark in enumerate(picture.marks)]
    sizes = [Size(_units(_breadth(said) // 2), len(said)) if said else None for said in labels]
    return _Canvas(picture, lay_out(boxes, lines, sizes, gap=2, bare=Size(0, 1)), labels).text()


def _said(link: Link) -> tuple[str, ...]:
    return ("errors", *link.lines) if link.errors else link.lines


def _units(columns: int) -> int:
    return -(-columns // UNIT)


def _breadth(lines: Sequence[str]) -> int:
    """Columns of a terminal: Chinese characters take two, accents none."""
    from rich.cells import cell_len  # rich is imported by who prints something only

    return max(map(cell_len, lines), default=0)


def _columns(mark: Mark, ports: int) -> int:
    """How broad a mark is; half of that stands left of the column in the middle."""
    frame = 0 if mark.kind == "end" else 2
    return max(_breadth(mark.lines) + 2 * frame, PORTS * (ports - 1) + 3)


def _size(mark: Mark, ports: int) -> Size:
    return Size(_units(_columns(mark, ports) // 2), len(mark.lines) + (0 if mark.kind == "end" else 2))


class _End(NamedTuple):
    """Where a line goes on from a spot: to the `other`, which stands there."""

    centre: int
    line: int
    other: int


class _Canvas:
    """Characters in rows and columns, and where each layer's rows begin."""

    def __init__(self, picture: Picture, layout: Layout, labels: list[tuple[str, ...]]) -> None:
        self.picture, self.layout, self.labels = picture, layout, labels
        self.cells: dict[tuple[int, int], str] = {}
        self.outgoing: dict[int, list[_End]] = {}
        self.incoming: dict[int, list[_End]] = {}
        for number, way in enumerate(layout.ways):
            for tail, head in pairwise(way):
                self.outgoing.setdefault(tail, []).append(_End(layout.centres[head], number, head))
                self.incoming.setdefault(head, []).append(_End(layout.centres[tail], number, tail))

    def text(self) -> str:
        """Draw everything; rows are taken as they are needed."""
        label_of = {way[1]: label for way, label in zip(self.layout.ways, self.labels, strict=True) if label}
        top = 0
        for layer in self.layout.layers:
            height = max(self.layout.spots[own].size.depth for own in layer)
            for own in layer:
                self._draw_spot(own, top, height, label_of.get(own, ()))
            top += height
            top += self._draw_lines(layer, top)
        return "\n".join(self._rows())

    def _rows(self) -> Iterator[str]:
        columns: dict[int, dict[int, str]] = {}
        for (row, column), one in self.cells.items():
            columns.setdefault(row, {})[column] = one
        first = min(min(row) for row in columns.values())
        for number in range(max(columns) + 1):
            cells = columns.get(number, {})
            yield "".join(cells.get(column, " ") for column in range(first, max(cells, default=first) + 1)).rstrip()

    def _column(self, own: int) -> int:
        return UNIT * self.layout.centres[own]

    def _ports(self, own: int, ends: dict[int, list[_End]]) -> Iterator[tuple[int, _End]]:
        """In which column each line leaves, or comes to, a spot."""
        there = sorted(ends.get(own, []))
        first = self._column(own) - PORTS // 2 * (len(there) - 1)
        return ((first + PORTS * place, end) for place, end in enumerate(there))

    # -- boxes ------------------------------------------------------------------------------------------------------

    def _draw_spot(self, own: int, top: int, height: int, label: tuple[str, ...]) -> None:
        spot = self.layout.spots[own]
        spare = height - spot.size.depth
        if spot.box is None:
            for row in range(top, top + height):
                self._write(row, self._column(own), "|")
            for row, line in enumerate(label, top + spare // 2):
                self._write_middle(row, own, line)
            return
        mark = self.picture.marks[spot.box]
        above = spare if own not in self.incoming else 0  # a beginning stands at the foot of its layer
        self._draw_mark(mark, own, top + above)
        for column, _ in self._ports(own, self.outgoing):
            for row in range(top + above + spot.size.depth, top + height):
                self._write(row, column, "|")

    def _draw_mark(self, mark: Mark, own: int, top: int) -> None:
        frame = mark.kind != "end"
        for row, line in enumerate(mark.lines, top + frame):
            self._write_middle(row, own, line)
        if frame:
            columns = _columns(mark, max(len(self.incoming.get(own, [])), len(self.outgoing.get(own, []))))
            left, middle = self._column(own) - columns // 2, "-" * (columns - 2)
            right = left + columns - 1
            roof, floor = (".", "'") if mark.kind == "op" else ("+", "+")
            self._write(top, left, roof + middle + roof)
            for row in range(top + 1, top + 1 + len(mark.lines)):
                self._write(row, left, "|")
                self._write(row, right, "|")
            self._write(top + 1 + len(mark.lines), left, floor + middle + floor)

    def _write_middle(self, row: int, own: int, text: str) -> None:
        self._write(row, self._column(own) - _breadth([text]) // 2, text)

    def _write(self, row: int, column: int, text: str) -> None:
        """Write characters: one that takes two columns empties the next, an accent joins the one before it."""
        for one in text:
            breadth = _breadth([one])
            if not breadth:
                self.cells[row, column - 1] = self.cells.get((row, column - 1), "") + one
                continue
            self.cells[row, column] = one
            if breadth > 1:
                self.cells[row, column + 1] = ""
            column += breadth

    # -- lines ------------------------------------------------------------------------------------------------------

    def _draw_lines(self, layer: list[int], top: int) -> int:
        """Draw what goes on to the next layer; gives the rows that it takes."""
        starts = [(column, end) for own in layer for column, end in self._ports(own, self.outgoing)]
        heads = {end.other for _, end in starts}
        ends = {end.line: column for head in heads for column, end in self._ports(head, self.incoming)}
        routes = route([(column, ends[end.line]) for column, end in starts])
        runs = [run for each in routes for run in each]
        if not starts:
            return 0
        arrows = any(self.layout.spots[head].box is not None for head in heads)
        height = 1 + max((run.row + 2 for run in runs), default=int(arrows))
        for run in runs:
            self._write(top + 1 + run.row, min(run.start, run.end), "-" * (abs(run.end - run.start) + 1))
        for (column, end), each in zip(starts, routes, strict=True):
            self._draw_drops(top, top + height - 1, column, each)
            if self.layout.spots[end.other].box is not None:
                self._write(top + height - 1, ends[end.line], "v")
        return height

    def _draw_drops(self, top: int, bottom: int, column: int, runs: list[Stretch]) -> None:
        """The parts of a line that go down, over what goes across; then its corners."""
        row, corners = top, []
        for run in runs:
            self._drop(column, row, top + 1 + run.row)
            corners += [(top + 1 + run.row, run.start), (top + 1 + run.row, run.end)]
            row, column = top + 1 + run.row, run.end
        self._drop(column, row, bottom)
        for where in corners:
            self.cells[where] = "+"

    def _drop(self, column: int, first: int, last: int) -> None:
        for row in range(first, last + 1):
            if self.cells.get((row, column)) != "+":
                self.cells[row, column] = "|"
