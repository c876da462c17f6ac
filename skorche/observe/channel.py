"""Lines between two layers of a picture in characters: each goes down, across in a row of its own, and down.

This is channel routing (A. Hashimoto, J. Stevens, "Wire routing by optimizing channel assignment within large
apertures", Design Automation Workshop 1971): lines that do not meet share a row, and where a line ends in the column
that another begins in, the one that begins goes first. Where that goes round in a circle, a line makes a detour through
a new column.

All columns are even: there is a blank between a corner and somebody else's line, and a picture can be read in one way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skorche.named import NamedTuple

ROOM = 2
"""Columns, and rows, from one corner to the next of another line."""


class Stretch(NamedTuple):
    """The part of a line that goes across: in which row, from which column to which."""

    row: int
    start: int
    end: int


class _Piece:
    """A stretch that has no row yet; `above` must have theirs first."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.above: list[_Piece] = []
        self.row = -1

    @property
    def rank(self) -> tuple[int, int]:
        """Who is to be first where it does not matter: so lines that fan out the same way do not cross."""
        return (0, -self.start) if self.end > self.start else (1, self.start)

    @property
    def ready(self) -> bool:
        return self.row < 0 and all(piece.row >= 0 for piece in self.above)

    def place(self, rows: list[list[tuple[int, int]]]) -> None:
        """Take the first row that is free from here to there, below all that must be above."""
        low, high = min(self.start, self.end), max(self.start, self.end)
        self.row = max((piece.row + ROOM for piece in self.above), default=0)
        while self.row < len(rows) and any(low < last + ROOM and first < high + ROOM for first, last in rows[self.row]):
            self.row += 1
        rows += [[] for _ in range(len(rows), self.row + 1)]
        rows[self.row].append((low, high))


def route(lines: Sequence[tuple[int, int]]) -> list[list[Stretch]]:
    """For each line, from a column above to a column below, its stretches from top to bottom; none if it goes straight.

    >>> route([(0, 0), (2, 6), (10, 4)])
    [[], [Stretch(row=0, start=2, end=6)], [Stretch(row=1, start=10, end=4)]]
    """
    crooked = {start: [_Piece(start, end)] for start, end in lines if start != end}
    _order(crooked, detour=max((column for line in lines for column in line), default=0) + ROOM)
    left = sorted((piece for pieces in crooked.values() for piece in pieces), key=lambda piece: piece.rank)
    rows: list[list[tuple[int, int]]] = []
    while left:
        piece = next(piece for piece in left if piece.ready)
        piece.place(rows)
        left.remove(piece)
    return [list(_runs(crooked.get(start, []))) for start, _ in lines]


def _runs(pieces: list[_Piece]) -> Iterator[Stretch]:
    return (Stretch(piece.row, piece.start, piece.end) for piece in pieces)


def _order(crooked: dict[int, list[_Piece]], *, detour: int) -> None:
    """Say who must be above whom; one line of each circle is cut in two, which stand beside all others."""
    settled: set[int] = set()
    for first in list(crooked):
        start, trail = first, []
        while start in crooked and start not in settled:  # the line that ends where this one begins must be below
            settled.add(start)
            trail.append(start)
            start = crooked[start][-1].end
        if trail and start == first:
            end = crooked[first][0].end
            cut = [_Piece(first, detour), _Piece(detour, end)]
            cut[1].above.append(cut[0])
            crooked[first], detour = cut, detour + ROOM
    for pieces in crooked.values():
        above = crooked.get(pieces[-1].end)
        if above is not None:
            pieces[-1].above.append(above[0])
