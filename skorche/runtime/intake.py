"""The inputs of a run, as the coordinator handles them: who wakes the run, what they gave, and which have ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from skorche.named import NamedTuple
from skorche.runtime.command import Fed
from skorche.runtime.engine import Lend
from skorche.runtime.inputs import Input, InputMaker, LiveInput
from skorche.runtime.turns import Turns


class Ready(NamedTuple):
    """A source has something, or has ended."""

    source: int


class Intake:
    """All inputs of a run, by the number of their source. `ended` are those of which nothing more will come."""

    def __init__(self) -> None:
        self._inputs: list[Input] = []
        self.ended: set[int] = set()

    def open(self, makers: Sequence[InputMaker], turns: Turns, lend_of: Callable[[int], Lend | None]) -> None:
        """Begin to read. A thread that the stage behind a source lends handles what users put, if there is one."""
        for source, make in enumerate(makers):
            ready = Ready(source)
            self._inputs.append(make(partial(turns.emit, ready), partial(turns.post, ready, lend_of(source))))

    @property
    def length(self) -> int | None:
        """How many items there will be in all; None if an input does not tell."""
        lengths = [one.length for one in self._inputs]
        known = [length for length in lengths if length is not None]
        return sum(known) if len(known) == len(lengths) else None

    @property
    def live(self) -> list[int]:
        """Those that users may still put into."""
        return [source for source, one in self._open() if isinstance(one, LiveInput)]

    @property
    def reads_unsized(self) -> bool:
        """Whether one is being read that may have no end."""
        return any(not one.sized for _, one in self._open())

    def _open(self) -> list[tuple[int, Input]]:
        return [(source, one) for source, one in enumerate(self._inputs) if source not in self.ended]

    def ask(self, source: int, count: int) -> None:
        """Have an input give so many more items."""
        self._inputs[source].ask(count)

    def read(self, source: int) -> Fed | None:
        """What an input has given since it was read last, or that it has ended; None for neither."""
        if source in self.ended:
            return None
        one = self._inputs[source]
        items: list[Any] = one.take()
        ended = one.ended
        if ended:
            items += one.take()  # what came between the two looks
            self.ended.add(source)
        elif not items:
            return None
        return Fed(source, items, ended, one.error if ended else None)

    def give_up(self) -> list[Fed]:
        """Read once more those that have not ended, and never again."""
        left = self._open()
        self.ended.update([source for source, _ in left])
        return [Fed(source, one.take(), True) for source, one in left]

    def stop(self, error: BaseException) -> None:
        """Tell those that have not ended that the run takes no more."""
        for _, one in self._open():
            one.stop(error)

    def finish(self, error: BaseException | None = None) -> None:
        """Leave nothing behind; with an `error` all are stopped first."""
        for one in self._inputs:
            if error is not None:
                one.stop(error)
            one.finish()
