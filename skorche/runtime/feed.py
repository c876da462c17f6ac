"""Sources as the scheduler sees them: what they were asked for, what has come, and when they are asked for more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from skorche.place import SOURCE_STRIDE
from skorche.runtime.chunk import Waiting
from skorche.runtime.command import Fed, Pull
from skorche.runtime.flow import Books, Limit, Target

if TYPE_CHECKING:
    from skorche.runtime.zipping import Zip

LARGEST_PULL = 1 << 16
"""Items a source is asked for at once, also when what follows has room without end."""


class Feed:
    """A source as the scheduler sees it: `asked` items have been asked for and have not come.

    `portion` is the most that was asked for at once.
    Several feeders of one target cannot keep room for items that may never come, so what comes may have to wait here.
    """

    def __init__(self, number: int, target: Target) -> None:
        self.number, self.target = number, target
        self.asked = self.portion = self.given = 0
        self.exhausted = self.ended = False
        self.waiting = Waiting()
        self.limits: list[Limit] = []
        self.fed: list[Zip] = []

    @property
    def room(self) -> int:
        """Items that may still go on."""
        room = self.target.room
        for limit in self.limits:
            room = min(room, limit.room(self.given - self.waiting.count))
        return room

    @property
    def unwanted(self) -> bool:
        """Whether nothing behind has any use for more of it."""
        return bool(self.fed) and any(one.exhausted for one in self.fed)

    def flow(self, *, stopping: bool) -> bool:
        """Let what has come go on, as far as there is room; after the last item close. Whether anything changed."""
        self.exhausted |= self.unwanted and not self.asked
        count = self.waiting.count if stopping else min(self.waiting.count, self.room)
        if count > 0:
            self.target.accept(*self.waiting.take(count))
        closing = self.exhausted and not self.ended and not self.waiting.count
        if closing:
            self.ended = True
            self.target.close()
        return count > 0 or closing


def take_fed(feed: Feed, event: Fed, books: Books) -> None:
    """Items have come."""
    count = len(event.items)
    feed.asked -= min(count, feed.asked)
    if count:
        start = event.source * SOURCE_STRIDE + feed.given
        feed.given += count
        books.ledger.admitted += count
        feed.waiting.add(event.items, range(start, start + count))
    feed.exhausted |= event.ended


def pull(feeds: Sequence[Feed], books: Books) -> None:
    """Ask sources for what there is room for: a good part of it at a time, unless the stage behind starves."""
    for feed in feeds:
        if feed.exhausted or (feed.fed and feed.unwanted):
            continue
        room = feed.room if feed.limits else feed.target.room
        wanted = min(room, LARGEST_PULL) - feed.asked - feed.waiting.count
        if wanted <= 0 or wanted < feed.asked:
            continue
        if 4 * wanted >= feed.portion or feed.target.idle:
            feed.asked += wanted
            feed.portion = max(wanted, feed.portion)
            books.commands.append(Pull(feed.number, wanted))


def pull_one(feeds: Sequence[Feed], books: Books) -> None:
    """Ask for one item each, unless something may still come. So a run goes on that is held, and has nothing else."""
    wanted = [feed for feed in feeds if not (feed.exhausted or feed.unwanted)]
    if any(feed.asked for feed in wanted):
        return
    for feed in wanted:
        if feed.room > feed.waiting.count:
            feed.asked += 1
            books.commands.append(Pull(feed.number, 1))
