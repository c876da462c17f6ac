"""Memory for large messages, used again as soon as nobody has it any more.

To make memory costs more than to fill it: the system clears each page of it, a fault at a time, and takes them all back
when it is let go. What comes, is used and goes, chunk after chunk, finds the pages of the one before. An array that
somebody keeps has them to itself as ever, since memory that is looked at is not used again.
"""

from __future__ import annotations

MOST_BYTES = 32 << 20
"""So much is remembered at each end of a pipe. Messages that take more are told of, see `wire.LARGE_BYTES`."""
PAGE = 1 << 12


class Buffers:
    """Remembers at most so many bytes, and forgets first what was used least lately.

    What it has forgotten belongs to those who have it, and goes with them.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._known: list[bytearray] = []

    def take(self, size: int, *, exact: bool = False) -> memoryview:
        """Memory of this size that nobody has, with whatever was in it. `exact`: there is no more of it behind.

        >>> buffers = Buffers()
        >>> kept = buffers.take(9_000)
        >>> other = buffers.take(9_000).obj
        >>> other is kept.obj, other is buffers.take(8_999).obj
        (False, True)
        """
        for number, buffer in enumerate(self._known):
            if size <= len(buffer) <= (size if exact else _most_for(size)) and _is_free(buffer):
                del self._known[number]
                break
        else:
            buffer = bytearray(size if exact else size + -size % PAGE)
        self._known.append(buffer)
        while sum(map(len, self._known)) > self._most_bytes:
            del self._known[0]
        return memoryview(buffer)[:size]


def _most_for(size: int) -> int:
    """Memory may be a little larger than what is in it; who keeps a small array must not keep what a large one took."""
    return size + size // 8 + PAGE


def _is_free(buffer: bytearray) -> bool:
    """Whether nobody looks at it: Python refuses to change the size of what somebody does."""
    try:
        buffer.append(buffer.pop())  # the rest stays where it is
    except BufferError:
        return False
    return True
