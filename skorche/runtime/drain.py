"""Where items end inside a node: one that calls a task for its effect, or makes one value of all items.

An item counts as delivered as soon as its results are in. A value is given once, when all items have come; a run that
stops gives none, for it would be that of some items only.
"""

from __future__ import annotations

from skorche.compile.plan import Fold
from skorche.kernel import Items
from skorche.place import Group, Places, element
from skorche.runtime.flow import UNBOUNDED, Books, Target
from skorche.runtime.ledger import End


class Drain:
    """Takes all that comes. With a `fold` it keeps the value of each chunk, and gives the last to its own target."""

    room = UNBOUNDED
    idle = True

    def __init__(self, books: Books, node: int, fold: Fold | None) -> None:
        self._books, self._node, self._fold = books, node, fold
        self._tally = books.tallies[node]
        self.target: Target | None = None
        self._ended = False

    def hold(self, count: int) -> None:
        """There is always room."""

    def release(self, count: int) -> None:
        """There is always room."""

    def accept(self, items: Items, places: Places) -> None:
        """Items have been taken in: they left the step, but not the node. The last one holds the value."""
        self._tally.emitted -= len(items)
        self._books.ledger.end(places, End.DELIVERED)
        if self._fold is not None:
            self._fold.kept[:] = items[-1:]

    def close(self) -> None:
        """No more items come."""
        self._ended = True

    def flow(self) -> bool:
        """After the last item give the value, as soon as there is room. Whether anything changed."""
        if not self._ended or self.target is None or self._fold is None:
            return False
        if self._fold.kept and not self._books.stopping:
            if self.target.room < 1:
                return False
            self._tally.emitted += 1
            self.target.accept(self._fold.kept[:], [element(Group(), self._node, -1)])
        self._fold.kept.clear()
        self.target.close()
        self.target = None
        return True

    def drop(self) -> None:
        """The run stops: there is no value of it all. What was taken in has been accounted for."""
