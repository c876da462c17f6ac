"""Memory kept back for when there is no other left, so that a run that has none ends, and says why.

To tell an error takes memory, and to pass one on may: where not even 32 bytes are free, CPython 3.11 raises an
exception that leaves a `finally` of a long function anew, again and again, with the GIL held (`exception_unwind` in
ceval.c), and the program hangs; with sixteen `MemoryError`s about, it aborts. So whoever catches what may be one gives
back first: by a function in C, since even to call one in Python may take memory. With the next run it is kept again.

    >>> keep()
    >>> len(RESERVE)
    1
    >>> RESERVE.clear()
"""

from __future__ import annotations

from contextlib import suppress
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap

BYTES = 48 << 20
"""Of the address space, which nobody touches while they are kept: so they take no memory. They are fewer than the
64 MiB that the C library (glibc) asks for at once for the small objects of a thread, or one would get them all."""

RESERVE: list[mmap] = []
"""The reserve of this process, if it is kept; to `clear` it gives it back. All runs share it."""


def keep() -> None:
    """Keep it from now on, if there is room for it."""
    if not RESERVE:
        with suppress(OSError):
            RESERVE.append(mmap(-1, BYTES, MAP_PRIVATE | MAP_ANONYMOUS))
