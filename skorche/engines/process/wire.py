"""What crosses the pipe: frames of bytes. Both sides use the same code.

A frame is a header (length, kind, ticket, first index, last index) and a body, which its sender pickled (see
`engines.transfer`) before it wrote the first byte.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER = struct.Struct("<QBQqq")

# to a worker
STAGE, WORK = 1, 2
# from a worker
READY, BEGUN, PART, END, UNREADABLE, REFUSED, RETIRED = 11, 12, 13, 14, 15, 16, 17
# A STAGE carries, where others have indices, after how many items and above how many bytes a worker retires (0: never).
# RETIRED is like PART, but the worker takes no more: neither the rest of the chunk nor another.


class Work(NamedTuple):
    """What a `WORK` frame asks for, before the items: `indices` are the items' numbers in the chunk (None: all).

    `single`: each result leaves before the next item starts. `careful`: items are pickled one by one. `timed`: say when
    the work begins.
    """

    stage: int
    entry: int
    single: bool
    careful: bool
    timed: bool
    indices: list[int] | None


class Frame(NamedTuple):
    """One message."""

    kind: int
    ticket: int
    first: int
    last: int
    body: bytes


def frame(kind: int, ticket: int, body: bytes, first: int = 0, last: int = 0) -> list[bytes]:
    """A message, ready to be written: header and body, not copied together."""
    return [HEADER.pack(len(body), kind, ticket, first, last), body]
