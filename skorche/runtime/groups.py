"""Groups that may be complete at any time: by the clock, by weight, or to make room for others.

    feeders ──▶ grouping (groups under construction) ──complete──▶ ready ──as there is room──▶ target

How many groups come out of what comes in cannot be foreseen, so no room is held for them behind: a complete group waits
here until its target has room, and nothing more is let in meanwhile than what is on its way.
"""

from __future__ import annotations

from skorche.kernel import Items
from skorche.place import Places
from skorche.regrouping import Grouping
from skorche.runtime.chunk import Waiting
from skorche.runtime.flow import Books, Gather


class Grouper(Gather):
    """An operator with memory that gives groups. With `stepped` a step of the same node stands before it."""

    def __init__(self, books: Books, node: int, grouping: Grouping, feeders: int, stepped: bool) -> None:
        super().__init__(books, node, grouping, feeders)
        self._grouping, self._stepped = grouping, stepped
        self._ready = Waiting()

    @property
    def due(self) -> float:
        """When the next group is complete by the clock; infinity if none will be."""
        return self._grouping.due

    @property
    def room(self) -> int:
        """Items that may still come without overfilling the target, as far as can be told."""
        return self._grouping.inputs(max(0, self._room_behind - self._ready.count)) - self._held

    @property
    def _room_behind(self) -> int:
        return min([target.room for target in self.targets])

    @property
    def idle(self) -> bool:
        """Whether the reader behind has nothing to do."""
        return not self._ready.count and super().idle

    def _reserve(self) -> None:
        """No room is held behind."""

    def accept(self, items: Items, places: Places) -> None:
        """Regroup; what is complete waits for `flow`. What a step of the same node gives was received before that."""
        if not self._stepped:
            self._tally.received += len(items)
        if self._books.stopping:
            self._cancel(places)
        else:
            self._grouping.now = self._books.now
            self._put(*self._grouping.feed(items, places))

    def flow(self) -> bool:
        """Complete what is due, early, or the last; let go what there is room for; then close. Whether any went."""
        grouping, ending = self._grouping, not self._feeders and self.open
        if grouping.due <= self._books.now:
            grouping.now = self._books.now
            self._put(*grouping.expire())
        if ending and grouping.held:
            self._put(*grouping.close("end"))
        elif grouping.eager and grouping.held and self.idle and self._room_behind > 0:
            self._put(*grouping.close("early"))
        count = min(self._ready.count, self._room_behind)
        if count > 0:
            self._send(*self._ready.take(count))
        last = ending and not self._ready.count
        if last:
            self.open = False
            for target in self.targets:
                target.close()
        return count > 0 or last

    def _put(self, groups: Items, places: Places) -> None:
        if groups:
            self._ready.add(groups, places)

    def drop(self) -> None:
        """Cancel what is held, and what is complete: the run stops."""
        super().drop()
        for group in self._ready.drain()[1]:
            self._cancel(group)  # type: ignore[arg-type]  # the places of groups are those of their members
