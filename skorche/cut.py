"""Chunks that take far longer than was foreseen are cut short: what has not begun goes back, to be shared out anew.

A chunk is as large as items cost so far. If the next ones cost a thousand times as much, because what came before had
been done already, say, one worker would be on them for minutes, while others have nothing to do, nobody sees a result,
and a stop has to wait.

A worker goes through its items by an iterator of Python's own, the place of which can be set: another thread, which
looks now and then, sets it to the end. So it costs an item nothing, and the one that is worked on is finished.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any


class Cut:
    """What one worker is going through, for another thread to end.

    >>> cut = Cut()
    >>> cut.items = items = iter([1, 2, 3])
    >>> next(items), cut.look(), cut.look(), list(items), cut.was_made(items)
    (1, None, None, [], True)
    """

    __slots__ = ("_ended", "_seen", "items", "looks")

    def __init__(self) -> None:
        self.items: Iterator[Any] | None = None
        """What the worker goes through now. It says so itself, once a chunk, and None when it has come to the end."""
        self._seen: Iterator[Any] | None = None
        self._ended: Iterator[Any] | None = None
        self.looks = 0
        """How often somebody has looked: what has seen two of them took as long as lies between."""

    def was_made(self, iterator: Iterator[Any]) -> bool:
        """Whether this was ended before it had come to its end."""
        return self._ended is iterator

    def look(self) -> None:
        """End what has been gone through since the last look. From another thread, every tenth of a second."""
        iterator = self.items
        self.looks += 1
        if iterator is not None and iterator is self._seen and hasattr(iterator, "__setstate__"):
            self._ended = iterator
            iterator.__setstate__(sys.maxsize)
        self._seen = iterator
