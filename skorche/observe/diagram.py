"""The status diagram of a run, as SVG: how busy each stage is, how much goes over each line, what fails, what limits.

It stands alone or in a page: no scripts, no ids, nothing asked for from elsewhere. The colours are attributes, as all
programs that draw SVG understand them; a style sheet, for classes that no page is likely to use, changes them on dark
screens.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from skorche.observe.layout import Size
from skorche.observe.load import (
    AMBER,
    BORDER,
    RED,
    STEPS,
    UNKNOWN,
    Load,
    limit_words,
    load_picture,
    loads_of,
    shade,
    step,
)
from skorche.observe.overview import Overview
from skorche.observe.picture import Link, Mark
from skorche.observe.svg import EDGE, FONT, LINE, LINE_HEIGHT, SMALL, Drawing, Point, box, label_size, length, place
from skorche.observe.svg import TEXT as SIZE

TITLE = 13
METER = 5
"""How high the meter of a box is, below its words."""

BADGE, HANG = 15, 4
"""How high a badge is; the words of its box stand so much lower."""

LEGEND = 44
"""Pixels for the legend, below the rest."""

INK, SOFT, PAPER, TRACK, FULL = "#1a1f26", "#4a5560", "#ffffff", "#d3dfeb", "#1f6fb8"
DARK_IDLE, DARK_BUSY = (0x1D, 0x28, 0x34), (0x2A, 0x6A, 0xAD)


def diagram_of(overview: Overview) -> str:
    """The status diagram as an SVG document, without a prolog, so that it may stand in a page too."""
    return Diagram(overview).text()


def style() -> str:
    """What a dark screen shows instead, by class."""
    rules = {"ink": "#e6e9ed", "soft": "#a9b4bf", "paper": "#171c23", "track": "#3a4653", "full": "#7db9f0"}
    rules["unknown"] = "#33383e"
    rules |= {f"u{number}": _between(number / STEPS) for number in range(STEPS + 1)}
    filled = "".join(f".sk-{name}{{fill:{colour}}}" for name, colour in rules.items())
    lines = ".sk-line{stroke:#8b97a3}.sk-head{fill:#8b97a3}.sk-edge{stroke:#6f8fb0}.sk-red{stroke:#ff6b5e}"
    lines += ".sk-redink{fill:#ff8a80}"
    return f"@media screen and (prefers-color-scheme:dark){{{filled}{lines}}}"


def _between(part: float) -> str:
    return "#" + "".join(
        f"{round(low + part * (high - low)):02x}" for low, high in zip(DARK_IDLE, DARK_BUSY, strict=True)
    )


def _shade_class(busy: float | None) -> str:
    return "sk-unknown" if busy is None else f"sk-u{step(busy)}"


def _box(mark: Mark, ports: int) -> Size:
    """As other pictures have it, and room for the title, the meter and the badges."""
    size = box(mark, ports)
    if not mark.node:
        return size
    badges = sum(_badge_breadth(badge) + 4 for badge in mark.badges) + 12
    breadth = max(size.depth, round(length(mark.lines[0], TITLE) * 1.08) + 24, round(badges))
    return Size(size.half + METER + (HANG if mark.badges else 0), breadth)


def _label_size(link: Link) -> Size | None:
    """The line below the words may be thick."""
    size = label_size(link)
    return size and Size(size.half + 6, size.depth)


def _badge_breadth(badge: str) -> float:
    return length(badge, SMALL) * 1.15 + 14


class Diagram(Drawing):
    """The drawing: boxes with meters and badges, lines as thick as what goes over them, and a legend."""

    arrow, between = 9, 24

    def __init__(self, overview: Overview) -> None:
        picture = load_picture(overview)
        super().__init__(picture, place(picture, _box, _label_size))
        self.loads = loads_of(overview.nodes)
        self.bottom = self.height
        self.height += LEGEND
        self.limit = limit_words(overview)
        self.breadth = max(self.breadth, 2 * EDGE + 580 + length(self.limit, SMALL))

    def text(self) -> str:
        """The document."""
        size = f'width="{self.breadth:g}" height="{self.height:g}" viewBox="0 0 {self.breadth:g} {self.height:g}"'
        lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">']
        lines += [f"<title>{escape(self.picture.name)}: status</title>", f"<style>{style()}</style>"]
        lines.append(f'<rect class="sk-paper" width="{self.breadth:g}" height="{self.height:g}" fill="{PAPER}"/>')
        for number, link in enumerate(self.picture.links):
            lines += self.draw_link(number, link)
        for own, mark in enumerate(self.picture.marks):
            lines += self.draw_mark(own, mark)
        return "\n".join([*lines, *self._legend(), "</svg>", ""])

    # -- marks -----------------------------------------------------------------------------------------------------

    def draw_mark(self, own: int, mark: Mark) -> Iterator[str]:
        """A mark, with its words, its meter and its badges."""
        if mark.kind == "point":
            yield from super().draw_mark(own, mark)
            return
        corner, size = self.corner(own), self.layout.spots[own].size
        middle = Point(corner.x + size.depth / 2, corner.y + size.half)
        yield f'<g data-node="{escape(mark.own)}">'
        if not mark.node:
            yield _said(mark.lines[0], Point(middle.x, middle.y + SIZE * 0.35), SIZE)
            yield from self._badges(mark, Point(corner.x, corner.y - BADGE / 2))
        else:
            load = self.loads.get(mark.node, Load())
            yield self._frame(mark, corner, size, load)
            up = METER * (load.busy is not None) - HANG * bool(mark.badges)
            yield from self._lines(mark, Point(middle.x, middle.y - up))
            yield from _meter(load, Point(corner.x + 10, corner.y + 2 * size.half - METER - 5), size.depth - 20)
            yield from self._badges(mark, Point(corner.x + 6, corner.y - BADGE / 2))
        yield "</g>"

    def _frame(self, mark: Mark, corner: Point, size: Size, load: Load) -> str:
        place = f'x="{corner.x:g}" y="{corner.y:g}" width="{size.depth}" height="{2 * size.half}" rx="6"'
        border = mark.look.border if mark.look else BORDER
        edge = ' class="{} {}"'.format(_shade_class(load.busy), {RED: "sk-red", BORDER: "sk-edge"}.get(border, ""))
        dashes = ' stroke-dasharray="5 3"' if mark.look and mark.look.dashed else ""
        width = 2.5 if mark.badges else 1
        return f'<rect{edge} {place} fill="{shade(load.busy)}" stroke="{border}" stroke-width="{width}"{dashes}/>'

    def _lines(self, mark: Mark, middle: Point) -> Iterator[str]:
        """The name, and below it smaller what it did."""
        y = middle.y - (len(mark.lines) - 1) * SIZE * LINE_HEIGHT / 2 + SIZE * 0.35
        yield _said(mark.lines[0], Point(middle.x, y), TITLE, bold=True)
        for line in mark.lines[1:]:
            y += SIZE * LINE_HEIGHT
            yield _said(line, Point(middle.x, y), SIZE - 1)

    def _badges(self, mark: Mark, corner: Point) -> Iterator[str]:
        """Words on a ground of their own, over the upper border."""
        x = corner.x
        for badge in mark.badges:
            yield from _badge(badge, Point(x, corner.y), AMBER if badge == "bottleneck" else RED)
            x += _badge_breadth(badge) + 4

    # -- lines ------------------------------------------------------------------------------------------------------

    def draw_link(self, number: int, link: Link) -> Iterator[str]:
        """A line as thick as its flow, with its words."""
        end, half = self.coming[number], max(4.0, link.width * 0.9)
        stroke = (RED, "sk-red", "sk-redink") if link.errors else (LINE, "sk-line", "sk-head")
        dashes = ' stroke-dasharray="3 3"' if link.flow == 0 else ""
        yield f'<g data-link="{escape(link.tail)} {escape(link.head)}">'
        drawn = f'fill="none" stroke="{stroke[0]}" stroke-width="{link.width:.2g}" stroke-opacity="0.75"{dashes}'
        yield f'<path class="{stroke[1]}" d="{self.path(number)}" {drawn}/>'
        arrow = f"{end.x:g},{end.y:g} {end.x - self.arrow:g},{end.y - half:g} {end.x - self.arrow:g},{end.y + half:g}"
        yield f'<polygon class="{stroke[2]}" points="{arrow}" fill="{stroke[0]}"/>'
        if link.lines:
            spot = self.layout.ways[number][1]
            corner, size = self.corner(spot), self.layout.spots[spot].size
            y = corner.y + (size.half - 6) / 2 - (len(link.lines) - 1) * SMALL * LINE_HEIGHT / 2 + SMALL * 0.35
            colour, own = (RED, "sk-redink") if link.errors else (SOFT, "sk-soft")
            for place, line in enumerate(link.lines):
                at = Point(corner.x + size.depth / 2, y + place * SMALL * LINE_HEIGHT)
                yield _said(line, at, SMALL, colour=colour, own=own)
        yield "</g>"

    # -- the legend -------------------------------------------------------------------------------------------------

    def _legend(self) -> Iterator[str]:
        y = self.bottom + 12
        left = Point(EDGE + 4, y + 11)
        yield '<g data-legend="">'
        yield _said("idle", left, SMALL, anchor="start", colour=SOFT, own="sk-soft")
        for number in range(STEPS + 1):
            yield _chip(Point(EDGE + 28 + 10 * number, y + 1), 10, shade(number / STEPS), f"sk-u{number}")
        yield _said("busy", Point(EDGE + 144, left.y), SMALL, anchor="start", colour=SOFT, own="sk-soft")
        yield _chip(Point(EDGE + 190, y + 1), 12, UNKNOWN, "sk-unknown")
        yield _said("not known", Point(EDGE + 207, left.y), SMALL, anchor="start", colour=SOFT, own="sk-soft")
        x = EDGE + 275
        yield f'<path class="sk-line" d="M{x},{y + 7:g}h26" fill="none" stroke="{LINE}" stroke-width="5"/>'
        yield _said("many items", Point(x + 32, left.y), SMALL, anchor="start", colour=SOFT, own="sk-soft")
        yield f'<path class="sk-red" d="M{x + 100},{y + 7:g}h22" fill="none" stroke="{RED}" stroke-width="2.5"/>'
        yield _said("failures", Point(x + 128, left.y), SMALL, anchor="start", colour=SOFT, own="sk-soft")
        if self.limit:
            yield from _badge("bottleneck", Point(x + 184, y), AMBER)
            yield _said(self.limit, Point(x + 190 + _badge_breadth("bottleneck"), left.y), SMALL, anchor="start")
        yield "</g>"


def _said(
    line: str,
    at: Point,
    size: float,
    *,
    bold: bool = False,
    anchor: str = "middle",
    colour: str = INK,
    own: str = "sk-ink",
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{at.x:g}" y="{at.y:g}" text-anchor="{anchor}" font-size="{size:g}"{weight}'
    return f'<text class="{own}" {place} fill="{colour}" xml:space="preserve">{escape(line)}</text>'


def _chip(corner: Point, breadth: float, colour: str, own: str) -> str:
    return f'<rect class="{own}" x="{corner.x:g}" y="{corner.y:g}" width="{breadth:g}" height="12" fill="{colour}"/>'


def _badge(words: str, corner: Point, colour: str) -> Iterator[str]:
    """The colours of badges are the same on any screen."""
    breadth, ink = _badge_breadth(words), "#000000" if colour == AMBER else "#ffffff"
    place = f'x="{corner.x:g}" y="{corner.y:g}" width="{breadth:g}" height="{BADGE}" rx="7.5"'
    yield f'<rect {place} fill="{colour}"/>'
    at = Point(corner.x + breadth / 2, corner.y + BADGE / 2 + SMALL * 0.35)
    yield _said(words, at, SMALL, bold=True, colour=ink, own="sk-badge")


def _meter(load: Load, corner: Point, breadth: float) -> Iterator[str]:
    """The share of the time that workers were busy, as a bar."""
    if load.busy is None:
        return
    place = f'x="{corner.x:g}" y="{corner.y:g}" height="{METER}" rx="2"'
    yield f'<rect class="sk-track" {place} width="{breadth:g}" fill="{TRACK}"/>'
    yield f'<rect class="sk-full" {place} width="{breadth * load.busy:.4g}" fill="{FULL}"/>'
