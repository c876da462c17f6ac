"""A stage that keeps order: results wait until all that entered before them have left.

Each chunk opens a *slot* in a window. An item that will be tried again keeps its slot open; a filtered, failed or empty
one simply leaves nothing in it. Results of a slot leave when it and all before it are complete. The room they will take
stays held meanwhile, which bounds the window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from skorche.kernel import Paths
from skorche.place import Places, order_key

Origin = tuple["Slot", int]


class Slot:
    """One chunk's results under construction, per port: (position in the chunk, item, place)."""

    __slots__ = ("_divided", "holds", "parts", "pending")

    def __init__(self, pending: int, ports: int, holds: list[int]) -> None:
        self.pending = pending
        self.holds = holds
        self.parts: list[list[tuple[int, Any, Any]]] = [[] for _ in range(ports)]
        self._divided = False

    def divide(self) -> None:
        """One of the items has become two, which are worked on apart and need room each."""
        self.pending += 1
        self.holds = [hold + 1 for hold in self.holds]
        self._divided = True

    def sort(self) -> None:
        """Put the results in order; what was divided shares a position, and is told apart by its places."""
        for part in self.parts:
            part.sort(key=lambda piece: (piece[0], order_key(piece[2]) if self._divided else ()))


class Window:
    """The slots of a stage, oldest first."""

    def __init__(self, ports: int) -> None:
        self._ports = ports
        self._slots: deque[Slot] = deque()

    def __len__(self) -> int:
        return len(self._slots)

    def open(self, count: int, holds: list[int]) -> list[Origin]:
        """A slot for a chunk of `count` fresh items."""
        slot = Slot(count, self._ports, holds)
        self._slots.append(slot)
        return [(slot, position) for position in range(count)]

    def add(self, origins: Sequence[Origin], port: int, items: Sequence[Any], paths: Paths, places: Places) -> None:
        """Results of a chunk, for one port."""
        for item, path, place in zip(items, paths, places, strict=True):
            slot, position = origins[path if type(path) is int else path[0]]
            slot.parts[port].append((position, item, place))

    def complete(self) -> list[Slot]:
        """Take out the slots that may leave, in order, each with its parts sorted by position."""
        ready: list[Slot] = []
        while self._slots and not self._slots[0].pending:
            slot = self._slots.popleft()
            slot.sort()
            ready.append(slot)
        return ready
