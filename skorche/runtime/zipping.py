"""`zip` while running: items wait here for their partners, and gaps for the tuples they spoil.

    tee or sources ──Span: at most so many under way──▶ stages of each lane ──items, gaps──▶ Zip ──tuples──▶ target

A stage on the way tells the zip what it took in and did not pass on: those leave a gap. So a tuple's account is
complete as soon as each lane has given an item or a gap, and nothing waits for what will never come. A zip always takes
what comes, so it holds nobody up; the bound is where the lanes begin, and follows what their stages need to be kept
busy. What stands in a batch under construction on the way is not counted, or the batch might wait for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, cast

from skorche.compact import Abreast
from skorche.compile.plan import Passage, ZipPlan
from skorche.errors import LengthError, PairingError
from skorche.kernel import Items, Outcome
from skorche.place import SOURCE_STRIDE, Group, Place, Places, members
from skorche.runtime.chunk import Chunk
from skorche.runtime.flow import UNBOUNDED, Books, Gather, Target
from skorche.runtime.ledger import End
from skorche.runtime.resolve import Resolver
from skorche.runtime.stage import Stage

GAP: Any = object()
"""Stands for an item that will not come."""
LACKING: Any = object()
SOURCES_APART = 4096
"""So many items one source may be ahead of another where nothing lies on the way that tells how many are needed."""


def number_of(place: Place) -> int | None:
    """The number of an item in its source; None for one that has none, from a list that has changed its length.

    >>> number_of(SOURCE_STRIDE + 3), number_of(Group([3, SOURCE_STRIDE + 3])), number_of((Group([3, 4]), 1))
    (3, 3, None)
    """
    while isinstance(place, Group) and place:
        place = place[0]  # a tuple of another zip
    if isinstance(place, int):
        return place % SOURCE_STRIDE
    return 0 if place == () or place[0] == () else None  # there is only one result of a reduce


def numbers_of(places: Places) -> Sequence[int | None]:
    """The same for many; consecutive ones stay a `range`.

    >>> numbers_of(range(SOURCE_STRIDE, SOURCE_STRIDE + 3)), numbers_of([SOURCE_STRIDE, Group([4, 5])])
    (range(0, 3), [0, 4])
    """
    if type(places) is range:
        start = places.start % SOURCE_STRIDE
        return range(start, start + len(places))
    return [place % SOURCE_STRIDE if type(place) is int else number_of(place) for place in places]


class _Lane:
    """What waits for its partners on one lane: items by key, and how to find their places again.

    Keys are places, or numbers; to these the `offset` of the lane's source is added, unless `places` knows better.
    """

    def __init__(self) -> None:
        self.items: dict[Any, Any] = {}
        self.offset = 0
        self.places: dict[int, Place] = {}
        self.ended = False

    def place_all(self, numbers: Sequence[int], places: Places) -> None:
        """Note the places of these numbers."""
        if type(places) is range or set(map(type, places)) == {int}:
            self.offset = cast("Sequence[int]", places)[0] - numbers[0]
        else:
            self.places.update(zip(numbers, places, strict=True))

    def places_of(self, numbers: Sequence[int]) -> Sequence[Place]:
        """The places of these numbers, which are forgotten."""
        if self.places:
            return [self.places.pop(number, number + self.offset) for number in numbers]
        if type(numbers) is range:
            return range(numbers.start + self.offset, numbers.stop + self.offset)
        return [number + self.offset for number in numbers]


class Zip:
    """Pairs what comes to its `intakes`. `done` counts the pairs that have left, or never will."""

    def __init__(self, books: Books, plan: ZipPlan) -> None:
        self._books, self._tally = books, books.tallies[plan.node]
        self.plan = plan
        self.by_place = plan.tee is not None
        self.intakes = [Intake(self, lane) for lane in range(len(plan.lanes))]
        self.outer: list[tuple[Intake, int]] = []
        self.target: Target
        self.reject: Callable[[int, Any, Place, BaseException], None]
        self._lanes = [_Lane() for _ in plan.lanes]
        self._gaps = 0
        self._ready: deque[tuple[list[Any], Places, int]] = deque()
        self.done = 0
        self.open = True

    @property
    def exhausted(self) -> bool:
        """Whether no more pairs can come, although some of the sources may have more items."""
        pairing = self.plan.pairing
        if self.by_place or not pairing.drops or pairing.strict:
            return False
        return any(lane.ended and not lane.items for lane in self._lanes)

    def accept(self, lane: int, items: Items, places: Places) -> None:
        """Items have come on a lane."""
        self._tally.received += len(items)
        if self._books.stopping:
            self._cancel(places)
        elif self.by_place:
            self._take(lane, items, places)
        else:
            self._accept_numbered(lane, items, places, numbers_of(places))

    def _accept_numbered(self, lane: int, items: Items, places: Places, numbers: Sequence[int | None]) -> None:
        if type(numbers) is not range and None in numbers:
            for number, item, place in zip(numbers, items, places, strict=True):
                if number is None:
                    self.reject(self.plan.node, item, place, self._unpaired())
            kept = [position for position, number in enumerate(numbers) if number is not None]
            items, places = [items[one] for one in kept], [places[one] for one in kept]
            numbers = [numbers[one] for one in kept]
        known = cast("Sequence[int]", numbers)
        if known:
            self._lanes[lane].place_all(known, places)
            self._take(lane, items, known)

    def lose(self, lane: int, places: Iterable[Place]) -> None:
        """Items will not come on a lane."""
        keys = list(places) if self.by_place else [one for one in numbers_of(list(places)) if one is not None]
        self._gaps += len(keys)
        self._take(lane, [GAP] * len(keys), keys)

    def _take(self, lane: int, items: Items, keys: Sequence[Any]) -> None:
        """Make the tuples that become complete by these; the others wait."""
        ready = self._complete(lane, keys)
        if len(ready) == len(keys):  # as it is on the slowest lane: none of them needs to wait
            self._pop(keys, lane, items)
            return
        self._lanes[lane].items.update(zip(keys, items, strict=True))
        if ready:
            self._pop(ready)

    def _complete(self, number: int, keys: Sequence[Any]) -> Sequence[Any]:
        """Those of the keys that are there on all other lanes, or would be, had those not ended."""
        for other, lane in enumerate(self._lanes):
            if other != number and (self.by_place or not lane.ended):
                keys = list(filter(lane.items.__contains__, keys))
        return keys

    def _pop(self, keys: Sequence[Any], number: int = -1, items: Sequence[Any] = ()) -> None:
        """Take out what waits under these keys, or has just come on one lane, and give it."""
        columns = [items if other == number else self._pop_lane(lane, keys) for other, lane in enumerate(self._lanes)]
        if self._gaps:
            self._give_with_gaps(keys, columns)
        else:
            self._give(keys, columns)

    def _pop_lane(self, lane: _Lane, keys: Sequence[Any]) -> list[Any]:
        """A lane that has ended leaves a gap for each number it has not come to."""
        if self.by_place or not lane.ended:
            return list(map(lane.items.pop, keys))
        found = [lane.items.pop(key, LACKING) for key in keys]
        for position, item in enumerate(found):
            if item is LACKING:
                found[position] = GAP
                self._gaps += 1
                if self.plan.pairing.strict and self._books.fatal is None:
                    self._books.fatal = self._unequal(keys[position])
        return found

    def _unequal(self, number: int) -> LengthError:
        return LengthError(
            f"{self._title} was given strict=True, and its inputs are not of one length.",
            f"one has item number {number}, counted from 0, and another has ended before.",
            "leave strict out to drop the rest, or give missing= a value to take its place.",
        )

    @property
    def _title(self) -> str:
        return self._books.plan.nodes[self.plan.node].title

    def _give(self, keys: Sequence[Any], columns: Sequence[Sequence[Any]]) -> None:
        """Tuples without a gap."""
        items = list(zip(*columns, strict=True))
        if self.by_place:
            self._books.ledger.join(keys, len(columns))
            self._send(items, keys, len(columns))
        else:
            self._send(items, _groups([lane.places_of(keys) for lane in self._lanes]), len(columns))

    def _give_with_gaps(self, keys: Sequence[Any], columns: Sequence[Sequence[Any]]) -> None:
        full: list[int] = []
        for position, (key, *row) in enumerate(zip(keys, *columns, strict=True)):
            gaps = [item is GAP for item in row].count(True)
            if not gaps:
                full.append(position)
                continue
            self._gaps -= gaps
            present = [lane for lane, item in zip(self._lanes, row, strict=True) if item is not GAP]
            if not present or self.plan.pairing.drops:
                self._drop_row(key, present)
            else:
                value = self.plan.pairing.missing
                self._fill_row(key, tuple([value if item is GAP else item for item in row]), present)
        if full:
            self._give([keys[one] for one in full], [[column[one] for one in full] for column in columns])

    def _drop_row(self, key: Any, present: Sequence[_Lane]) -> None:
        """A tuple that will not be: what has come for it counts as filtered."""
        places = [key] * len(present) if self.by_place else [lane.places_of([key])[0] for lane in present]
        self._tally.filtered += len(present)
        self._books.ledger.end(places, End.FILTERED)
        self.done += 1
        for intake, depth in self.outer:
            intake.lose(members([key], depth))

    def _fill_row(self, key: Any, row: tuple[Any, ...], present: Sequence[_Lane]) -> None:
        if self.by_place:
            self._books.ledger.join([key], len(present))
            self._send([row], [key], len(present))
        else:
            self._send([row], _groups([lane.places_of([key]) for lane in present]), len(present))

    def _send(self, items: list[Any], places: Places, size: int) -> None:
        """Tuples of so many items each are ready to go."""
        self._ready.append((items, places, size))
        self._emit()

    def _emit(self) -> bool:
        """Pass on what there is room for; whether anything went."""
        went = False
        while self._ready and (room := self.target.room) > 0:
            items, places, size = self._ready.popleft()
            if len(items) > room:
                self._ready.appendleft((items[room:], places[room:], size))
                items, places = items[:room], places[:room]
            self.done += len(items)
            self._tally.passed += size * len(items)
            self._tally.members += size * len(items)
            self._tally.emitted += len(items)
            self.target.accept(items, places)
            went = True
        return went

    def flow(self) -> bool:
        """Pass on what waited for room; close when all has come. Whether anything changed."""
        changed = self._emit()
        if self.open and not self._ready and all(lane.ended for lane in self._lanes):
            self.open, changed = False, True
            self.target.close()
        return changed

    def end(self, number: int) -> None:
        """No more items come on a lane."""
        self._lanes[number].ended = True
        if self._books.stopping:
            return
        if not self.by_place:
            for other, lane in enumerate(self._lanes):
                if ready := self._complete(other, list(lane.items)):
                    self._pop(ready)
        elif all(lane.ended for lane in self._lanes):
            self._reject_rest()

    def _reject_rest(self) -> None:
        """What has come by way of a list that changed its length has no partners: it fails."""
        for lane in self._lanes:
            for place, item in lane.items.items():
                if item is not GAP:
                    self.reject(self.plan.node, item, place, self._unpaired())
            lane.items.clear()

    def _unpaired(self) -> PairingError:
        return PairingError(
            f"{self._title} was given an item that has no partner.",
            "it comes from a list whose length has changed on the way, so nobody knows which member it was.",
            "let tasks on a branch keep the length of lists, or do not gather them into batches.",
        )

    def _cancel(self, places: Places) -> None:
        self._tally.cancelled += len(places)
        self._books.ledger.end(places, End.CANCELLED)

    def drop(self) -> None:
        """Cancel what waits: the run stops."""
        for lane in self._lanes:
            keys = [key for key, item in lane.items.items() if item is not GAP]
            lane.items.clear()
            self._cancel(keys if self.by_place else lane.places_of(keys))
        for items, places, size in self._ready:
            self._tally.cancelled += size * len(items)
            self._books.ledger.end(places, End.CANCELLED)
        self._ready.clear()


def _groups(columns: Sequence[Sequence[Place]]) -> Places:
    """The places of tuples made by number: each comes from all its items."""
    if all(type(column) is range for column in columns):
        return Abreast(cast("Sequence[range]", columns))
    rows = zip(*columns, strict=True)
    if set(map(type, chain.from_iterable(columns))) == {int}:
        return list(map(Group, rows))
    return [Group(chain.from_iterable([one if isinstance(one, Group) else (one,) for one in row])) for row in rows]


class Intake:
    """One input of a zip. It takes whatever comes."""

    room = UNBOUNDED

    def __init__(self, owner: Zip, lane: int) -> None:
        self._zip, self._lane = owner, lane

    @property
    def idle(self) -> bool:
        """Whether the reader behind has nothing to do."""
        return self._zip.target.idle

    def hold(self, count: int) -> None:
        """There is always room."""

    def release(self, count: int) -> None:
        """There is always room."""

    def accept(self, items: Items, places: Places) -> None:
        """Items have come."""
        if items:
            self._zip.accept(self._lane, items, places)

    def lose(self, places: Iterable[Place]) -> None:
        """Items will not come."""
        self._zip.lose(self._lane, places)

    def close(self) -> None:
        """No more items come."""
        self._zip.end(self._lane)


class Span:
    """What lies between the beginning of a zip's lanes and the zip: how many items may be there at a time."""

    def __init__(self, zip: Zip) -> None:
        self.zip = zip
        self.stages: list[Stage] = []
        self.batches: list[tuple[Gather, int]] = []

    def room(self, begun: int) -> int:
        """How many more may set out when so many have. Enough for the slowest stage to be kept busy, all told."""
        if self.stages:
            most = sum([stage.floor for stage in self.stages])
            most = 2 * (most + len(self.stages) * min([stage.edge.limit for stage in self.stages]))
        else:
            most = UNBOUNDED if self.zip.by_place else SOURCES_APART
        held = sum([gather.holding(depth) for gather, depth in self.batches])
        return most + held - (begun - self.zip.done)


class Way:
    """What a stage on the way to a zip has to tell it."""

    def __init__(self, intake: Intake, passage: Passage) -> None:
        self.intake, self.passage = intake, passage

    def tell_gaps(self, stage: Stage, chunk: Chunk, outcome: Outcome, resolver: Resolver, again: set[int]) -> None:
        """Tell the zip what the stage took in with a chunk, has not passed on, and will not do again."""
        ports = self.passage.ports
        passed = sum([len(outcome.ports[port][0]) for port in ports if port < len(outcome.ports)])
        if passed == len(chunk.items) and not outcome.eventful:
            return
        left = set(
            members([place for index, place in enumerate(chunk.places) if index not in again], self.passage.depth)
        )
        for port, depth in ports.items():
            if port < len(outcome.ports):
                left.difference_update(members(resolver.places(outcome.ports[port][1]), depth))
        for trouble in outcome.troubles:
            port = stage.error_target.get(stage.plan.nodes[trouble.step], -1)
            if port in ports:
                left.difference_update(members([resolver.place(trouble.path)], ports[port]))
        if left:
            self.intake.lose(left)
