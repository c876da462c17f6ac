"""The world around a run: sources that give items when they like, and users who read results when they like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from skorche.kernel import Items
from skorche.place import Places
from skorche.runtime.command import Fed, Taken
from skorche.testing.clock import Agenda

LONGEST_DELAYS = (0.0, 1e-4, 1e-2, 1.0)


class Source:
    """An iterable that is read by portions, never further than was asked for; it may sleep on the agenda's clock.

    A `calm` one gives all that was asked for as soon as it is there. A `range` is given in parts, as in a real run.
    """

    def __init__(
        self, number: int, items: Iterable[Any], agenda: Agenda, emit: Callable[[Fed], None], *, calm: bool = False
    ) -> None:
        self._number, self._agenda, self._emit = number, agenda, emit
        self._items: Iterator[Any] = iter(items)
        self._left = items if type(items) is range else None
        self._delay = agenda.random.choice(LONGEST_DELAYS)
        self._calm, self._delay = calm, 0.0 if calm else self._delay
        self._reading = False
        self.asked = 0
        self.ended = False

    def ask(self, count: int) -> None:
        """Allow so many more items to be read."""
        self.asked += count
        if not self._reading and not self.ended:
            self._reading = True
            self._agenda.soon(self._delay, self._give)

    def stop(self) -> None:
        """End soon; what is being read still comes."""
        self._agenda.soon(self._delay, lambda: self._read(self._agenda.random.randint(0, self.asked), last=True))

    def _give(self) -> None:
        self._read(self.asked if self._calm else self._agenda.random.randint(0, self.asked))

    def _read(self, count: int, *, last: bool = False) -> None:
        """Read up to so many items and give them; an iterable that has no more, or raises, has ended.

        What it slept for comes later, and those before it at once.
        """
        if self.ended:
            return
        clock, items = self._agenda.clock, list[Any]()
        began, error = clock.now, None
        try:
            while len(items) < count and clock.now == began:
                items.append(next(self._items))
        except StopIteration:
            last = True
        except Exception as raised:  # noqa: BLE001  (whatever a source raises is the run's error)
            last, error = True, raised
        self.asked -= len(items)
        slept, clock.now = clock.now - began, began
        if not slept:
            self._come(items, last, error)
            return
        if items[:-1]:
            self._emit(Fed(self._number, items[:-1], False, None))
        self._agenda.after(slept, lambda: self._come(items[-1:], last, error))

    def _come(self, items: list[Any], last: bool, error: BaseException | None) -> None:
        """Items are there; go on reading, if more were asked for."""
        self._reading = False
        if self.ended:
            return  # it was stopped meanwhile
        self.ended = last
        if items or last:
            self._emit(Fed(self._number, self._part_of(items), last, error))
        if self.asked:
            self.ask(0)

    def _part_of(self, items: list[Any]) -> Items:
        """These items, as the part of the `range` that they are."""
        if self._left is None:
            return items
        part, self._left = self._left[: len(items)], self._left[len(items) :]
        return part


class Reader:
    """What came out at one end, and the user who reads it. With a bound, `unread` items push back."""

    def __init__(
        self, number: int, maxsize: int | None, agenda: Agenda, emit: Callable[[Taken], None], *, calm: bool = False
    ) -> None:
        self._number, self._agenda, self._emit = number, agenda, emit
        self.maxsize = maxsize
        self.pieces: list[tuple[Sequence[Any], Places]] = []
        self.unread = 0
        self._delay = agenda.random.choice(LONGEST_DELAYS)
        self._calm, self._delay = calm, 0.0 if calm else self._delay
        self._reading = False

    def deliver(self, items: Sequence[Any], places: Places) -> None:
        """Results have come."""
        self.pieces.append((items, places))
        if self.maxsize is not None:
            self.unread += len(items)
            self._look()

    def _look(self) -> None:
        if self.unread and not self._reading:
            self._reading = True
            self._agenda.soon(self._delay, self._read)

    def _read(self) -> None:
        self._reading = False
        if not self._calm and self._agenda.random.random() < 0.02:
            self.maxsize = None
            self._emit(Taken(self._number, -1))
            return
        count = self.unread if self._calm else self._agenda.random.randint(1, self.unread)
        self.unread -= count
        self._emit(Taken(self._number, count))
        self._look()
