"""Finds out what a run that stands still waits for: asks the engines in a thread of its own, and finds words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import TYPE_CHECKING

from skorche.errors import shorten, text_of
from skorche.runtime.command import Diagnose, Diagnosed, Wait

if TYPE_CHECKING:
    from skorche.runtime.engine import Engine, Sight

FINISH_SECONDS = 5.0


class Diagnosis(Thread):
    """One answer to one question. A daemon: the `repr` of a user's item, which it needs, may hang too."""

    def __init__(
        self, question: Diagnose, engine_of: Mapping[int, Engine], answer: Callable[[Diagnosed], None]
    ) -> None:
        super().__init__(name="skorche diagnosis", daemon=True)
        self._question, self._engine_of, self._answer = question, engine_of, answer

    def run(self) -> None:
        """Look, and tell."""
        sights: dict[int, Sight] = {}
        notes: list[str] = []
        for engine, tickets in self._tickets():
            try:
                sights |= engine.look(tickets)
            except Exception as error:  # noqa: BLE001  (told with the rest: a poor diagnosis is better than none)
                notes.append(f"{engine!r} cannot say what its workers do: {text_of(error)}")
        self._answer(Diagnosed(explain(self._question, sights, notes), sights))

    def _tickets(self) -> list[tuple[Engine, list[int]]]:
        """Each engine, with its share of the tickets."""
        shares: dict[int, tuple[Engine, list[int]]] = {}
        for wait in self._question.waits:
            engine = self._engine_of[wait.stage]
            shares.setdefault(id(engine), (engine, []))[1].append(wait.ticket)
        return list(shares.values())

    def finish(self) -> None:
        """Wait for the thread, but not for one that hangs."""
        self.join(FINISH_SECONDS)


def explain(question: Diagnose, sights: Mapping[int, Sight], notes: Sequence[str] = ()) -> str:
    """The diagnosis in words.

    >>> print(explain(Diagnose(9.0, (Wait(1, 0, "urls into load", ["a"], 9.0),), more=2), {}))
    no progress for 9.0 s; the run waits for
      urls into load: 'a' for 9.0 s, begun by no worker
      ... and 2 more chunks
    """
    from textwrap import indent  # only who stands still needs it

    lines = [f"no progress for {question.seconds:.1f} s; the run waits for"]
    for wait in question.waits:
        lines.append("  " + _told(wait, sights.get(wait.ticket)))
        if (sight := sights.get(wait.ticket)) is not None and sight.stack:
            lines.append(indent(sight.stack.rstrip(), "    "))
    if question.more:
        lines.append(f"  ... and {question.more} more chunk{'s' * (question.more > 1)}")
    return "\n".join([*lines, *(f"  {note}" for note in notes)])


def _told(wait: Wait, sight: Sight | None) -> str:
    where = "begun by no worker" if sight is None else f"on {sight.worker}"
    return f"{wait.edge}: {_item(wait.items, sight)} for {wait.seconds:.1f} s, {where}"


def _item(items: Sequence[object], sight: Sight | None) -> str:
    """The item in hand, if it is known, else how many there are."""
    position = 0 if len(items) == 1 else sight.position if sight is not None else None
    if position is None:
        return f"{len(items)} items, from {shorten(items[0])} on,"
    return shorten(items[position]) + (f" (number {position + 1} of {len(items)})" if len(items) > 1 else "")
