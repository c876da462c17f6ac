"""A picture as SVG, drawn here: for notebooks, and for computers without Graphviz.

Left to right, as Graphviz's. Text stays text. There are no scripts, styles or ids, so several pictures may stand in one
page and change nothing around them.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from html import escape

from skorche.named import NamedTuple
from skorche.observe.layout import Layout, Size, lay_out
from skorche.observe.looks import LOOKS, Look
from skorche.observe.picture import Link, Mark, Picture

FONT = "Helvetica,Arial,sans-serif"
TEXT, SMALL = 12, 10
"""Sizes of the words in marks and on lines, in pixels, as are all lengths here."""

LINE_HEIGHT = 1.25
EDGE = 10
"""Around the whole picture."""

BETWEEN_LAYERS, BETWEEN_MARKS = 36, 16
PORTS = 10
"""Between two lines of the same mark, where there is so much room."""

ARROW = 7
LOOK_OF = {"task": Look("#ffffff", "#000000"), "op": Look("#dddddd", "#000000")}
LINE, RED = "#555555", "#d00000"


class Point(NamedTuple):
    """A place in the picture."""

    x: float
    y: float


def svg_of(picture: Picture) -> str:
    """The picture as an SVG document, without a prolog, so that it may stand in a page too."""
    return Drawing(picture, place(picture, box, label_size)).text()


def place(picture: Picture, box: Callable[[Mark, int], Size], label: Callable[[Link], Size | None]) -> Layout:
    """Where all stands, if marks (with so many lines at most on a side) and labels are of these sizes."""
    numbers = {mark.own: number for number, mark in enumerate(picture.marks)}
    lines = [(numbers[link.tail], numbers[link.head]) for link in picture.links]
    ports = Counter(("out", tail) for tail, _ in lines) + Counter(("in", head) for _, head in lines)
    boxes = [box(mark, max(ports["out", own], ports["in", own])) for own, mark in enumerate(picture.marks)]
    labels = [label(link) for link in picture.links]
    return lay_out(boxes, lines, labels, gap=BETWEEN_MARKS, bare=Size(0, 0))


def box(mark: Mark, ports: int) -> Size:
    """The size of a mark."""
    if mark.kind == "point":
        return Size(3, 6)
    breadth = max((length(line, TEXT) for line in mark.lines), default=0)
    aside, across = (6, 8) if mark.kind == "end" else (12, 14)
    height = max(len(mark.lines) * TEXT * LINE_HEIGHT + across, 28, ports * 4)
    return Size(round(height / 2), max(round(breadth) + 2 * aside, 0 if mark.kind == "end" else 44))


def label_size(link: Link) -> Size | None:
    """Words stand above their line, and nothing below it: it goes through the middle of its spot."""
    if not link.lines:
        return None
    return Size(round(len(link.lines) * SMALL * LINE_HEIGHT) + 4, round(max(length(x, SMALL) for x in link.lines)) + 8)


def length(line: str, size: int) -> float:
    """About how long a text is; rather longer, as fonts differ."""
    return sum(_share(one) for one in line) * size


def _share(one: str) -> float:
    """Of a letter's size, how much its breadth is."""
    if unicodedata.east_asian_width(one) in "WF":
        return 1.05
    if unicodedata.combining(one):
        return 0.0
    if one in "ijl.,:;|!'()[]ftrI ":
        return 0.36
    if one in "mwMW@%" or not one.isascii():
        return 0.95
    return 0.75 if one.isupper() else 0.6


class Drawing:
    """Where the layers begin, and where the lines leave and enter the marks; `arrow` is how long arrows are,
    and `between` how far layers are from each other."""

    arrow, between = ARROW, BETWEEN_LAYERS

    def __init__(self, picture: Picture, layout: Layout) -> None:
        self.picture, self.layout = picture, layout
        self.lefts: list[float] = []
        self.depths = [max(layout.spots[own].size.depth for own in layer) for layer in layout.layers]
        left = float(EDGE)
        for depth in self.depths:
            self.lefts.append(left)
            left += depth + self.between
        self.breadth = max(left - self.between, EDGE) + EDGE
        ends = (centre + spot.size.half for centre, spot in zip(layout.centres, layout.spots, strict=True))
        self.height = max(ends, default=0) + 2 * EDGE
        self.leaving, self.coming = self._ports()

    def text(self) -> str:
        """The document."""
        size = f'width="{self.breadth:g}" height="{self.height:g}" viewBox="0 0 {self.breadth:g} {self.height:g}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">'
        lines = [head, f"<title>{escape(self.picture.name)}</title>"]
        lines.append(f'<rect width="{self.breadth:g}" height="{self.height:g}" fill="#ffffff"/>')
        for number, link in enumerate(self.picture.links):
            lines += self.draw_link(number, link)
        for own, mark in enumerate(self.picture.marks):
            lines += self.draw_mark(own, mark)
        return "\n".join([*lines, "</svg>", ""])

    def _ports(self) -> tuple[list[Point], list[Point]]:
        """Where each line begins and ends; those of one mark beside each other, in the order of where they go."""
        leaving: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        coming: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, way in enumerate(self.layout.ways):
            leaving[way[0]].append((self.layout.centres[way[1]], number))
            coming[way[-1]].append((self.layout.centres[way[-2]], number))
        begins = self._spread(leaving, at_end=True)
        return begins, self._spread(coming, at_end=False)

    def _spread(self, lines: dict[int, list[tuple[int, int]]], *, at_end: bool) -> list[Point]:
        found = [Point(0, 0)] * len(self.layout.ways)
        for own, there in lines.items():
            start, middle = self.corner(own), self.layout.centres[own] + EDGE
            size = self.layout.spots[own].size
            step = min(PORTS, (2 * size.half - 8) / max(len(there) - 1, 1))
            for place, (_, number) in enumerate(sorted(there)):
                y = middle + step * (place - (len(there) - 1) / 2)
                found[number] = Point(start.x + size.depth * at_end, y)
        return found

    def corner(self, own: int) -> Point:
        """The upper left corner of a spot, which stands in the middle of its layer."""
        spot = self.layout.spots[own]
        spare = self.depths[spot.layer] - spot.size.depth
        return Point(self.lefts[spot.layer] + spare / 2, self.layout.centres[own] - spot.size.half + EDGE)

    # -- marks -----------------------------------------------------------------------------------------------------

    def draw_mark(self, own: int, mark: Mark) -> Iterator[str]:
        """A mark, with its words."""
        corner, size = self.corner(own), self.layout.spots[own].size
        yield f'<g data-node="{escape(mark.own)}">'
        if mark.kind == "point":
            yield f'<circle cx="{corner.x + 3:g}" cy="{corner.y + 3:g}" r="3" fill="{LINE}"/>'
        elif mark.kind != "end":
            look = LOOKS.get(mark.outcome, LOOK_OF[mark.kind])
            drawn = f'fill="{look.fill}" stroke="{look.border}" stroke-width="{2.5 if look.thick else 1}"'
            drawn += ' stroke-dasharray="5 3"' if look.dashed else ""
            place = f'x="{corner.x:g}" y="{corner.y:g}" width="{size.depth}" height="{2 * size.half}"'
            yield f"<rect {place} {drawn}/>"
        yield from words(mark.lines, Point(corner.x + size.depth / 2, corner.y + size.half), TEXT, "#000000")
        yield "</g>"

    # -- lines ------------------------------------------------------------------------------------------------------

    def draw_link(self, number: int, link: Link) -> Iterator[str]:
        """A line, with its words."""
        colour, end = RED if link.errors else LINE, self.coming[number]
        yield f'<g data-link="{escape(link.tail)} {escape(link.head)}">'
        yield f'<path d="{self.path(number)}" fill="none" stroke="{colour}"/>'
        arrow = f"{end.x:g},{end.y:g} {end.x - ARROW:g},{end.y - 3:g} {end.x - ARROW:g},{end.y + 3:g}"
        yield f'<polygon points="{arrow}" fill="{colour}"/>'
        if link.lines:
            spot = self.layout.ways[number][1]
            corner, size = self.corner(spot), self.layout.spots[spot].size
            middle = Point(corner.x + size.depth / 2, corner.y + size.half / 2)
            yield from words(link.lines, middle, SMALL, RED if link.errors else "#000000")
        yield "</g>"

    def path(self, number: int) -> str:
        """Level through each layer that the line only passes, and bent between."""
        here, end = self.leaving[number], self.coming[number]
        drawn = f"M{here.x:g},{here.y:g}"
        for own in self.layout.ways[number][1:-1]:
            left, y = self.lefts[self.layout.spots[own].layer], self.layout.centres[own] + EDGE
            drawn += _bend(here, Point(left, y)) + f"H{left + self.depths[self.layout.spots[own].layer]:g}"
            here = Point(left + self.depths[self.layout.spots[own].layer], y)
        return drawn + _bend(here, Point(end.x - self.arrow, end.y))


def _bend(start: Point, end: Point) -> str:
    middle = (start.x + end.x) / 2
    if start.y == end.y:
        return f"H{end.x:g}"
    return f"C{middle:g},{start.y:g} {middle:g},{end.y:g} {end.x:g},{end.y:g}"


def words(lines: Sequence[str], middle: Point, size: int, colour: str) -> Iterator[str]:
    """Lines of text below each other, around a point."""
    first = middle.y - (len(lines) - 1) * size * LINE_HEIGHT / 2 + size * 0.35
    for number, line in enumerate(lines):
        place = f'x="{middle.x:g}" y="{first + number * size * LINE_HEIGHT:g}" text-anchor="middle"'
        yield f'<text {place} font-size="{size}" fill="{colour}" xml:space="preserve">{escape(line)}</text>'
