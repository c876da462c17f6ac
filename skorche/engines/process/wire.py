"""What crosses the pipe: frames of bytes. Both sides use the same code.

A frame is a header (length, kind, ticket, first index, last index) and a body, which its sender pickled (see
`engines.transfer`) before it wrote the first byte. The items of a `WORK` go as they were pickled, not copied together.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skorche.engines.process.packing import Piece, padded, size_of
from skorche.engines.transfer import dumps, loads
from skorche.named import NamedTuple

if TYPE_CHECKING:
    from skorche.deadly import Deadly

HEADER = struct.Struct("<QBQqq")

# to a worker
STAGE, WORK, REST, WAKE = 1, 2, 3, 4
# from a worker
READY, BEGUN, PART, END, UNREADABLE, REFUSED, RETIRED, LARGE, PARTS, CUT = 11, 12, 13, 14, 15, 16, 17, 18, 19, 20
# REST ends a run: all that is of it is to be put down. WAKE begins the next.
# Both carry, as their first index, the number of the call, which READY repeats; 0: the process has started.
# A STAGE carries a kernel and its ports that may be sealed; and, where others have indices, after how many items and
# above how many bytes a worker retires (0: never).
# RETIRED is like PART, but the worker takes no more: neither the rest of the chunk nor another.
# CUT is like END, but the rest of the chunk was not begun: it took too long already.
# PARTS carries PARTs, with their headers, one behind the other, as they stood in the spool.
# LARGE carries, as its first index, how many bytes a result takes that comes next.

LARGE_BYTES = 16 << 20
"""Items and results that take more are told of: it costs more to bring them there and back than people expect."""


class Work(NamedTuple):
    """What a `WORK` frame asks for, before the items: `indices` are the items' numbers in the chunk (None: all).

    `single`: each result leaves before the next item starts. `timed`: say when the work begins. `sizes`: items are
    pickled one by one, carefully, and take so many bytes each (None: all together). Items whose worker died behind
    the first step, which are `deadly` by their numbers, go as far as that. `may_be_cut`: if it takes far too long, what
    has not begun may go back.
    """

    stage: int
    entry: int
    single: bool
    timed: bool
    indices: list[int] | None
    sizes: list[int] | None
    deadly: dict[int, Deadly]
    may_be_cut: bool

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked for but the results."""
        return not self.single and self.sizes is None


Part = tuple[int, int, bytes | bytearray | memoryview]
"""Results of items: the first one's index, the last one's, and the results as bytes."""


class Frame(NamedTuple):
    """One message."""

    kind: int
    ticket: int
    first: int
    last: int
    body: bytes | bytearray | memoryview

    def parts(self) -> list[Part]:
        """The results in it, in one part or those of a `PARTS`. None of these has a buffer: the spool has no room."""
        if self.kind != PARTS:
            return [(self.first, self.last, self.body)]
        whole, start, found = memoryview(self.body), 0, list[Part]()
        while start < len(whole):
            length, _, _, first, last = HEADER.unpack_from(whole, start)
            start += HEADER.size
            found.append((first, last, whole[start : start + length]))
            start += length
        return found


def frame(kind: int, ticket: int, body: Sequence[Piece], first: int = 0, last: int = 0) -> list[Piece]:
    """A message, ready to be written: header and body, not copied together."""
    return [HEADER.pack(size_of(body), kind, ticket, first, last), *body]


def work_frame(ticket: int, work: Work, packed: Sequence[Piece]) -> list[Piece]:
    """A `WORK` message: header, what to do, and the items. The first index is where the items start."""
    head = padded([dumps(tuple(work))])  # which needs no look for the class at either end
    return frame(WORK, ticket, [*head, *packed], size_of(head))


def read_work(message: Frame) -> tuple[Work, list[memoryview]]:
    """What to do, and the items as bytes: all in one, or each by itself."""
    body, start = memoryview(message.body), message.first
    work = Work(*loads(body[:start]))
    packed = []
    for size in (len(body) - start,) if work.sizes is None else work.sizes:
        packed.append(body[start : start + size])
        start += size
    return work, packed
