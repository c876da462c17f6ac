"""What goes into the scheduler besides engine events, and what comes out of it. Data only.

Named tuples: frozen as dataclasses are, but eight times quicker to define and four times to make, and these are made
once per chunk on the hot path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skorche.events import Decision
from skorche.kernel import Items
from skorche.named import NamedTuple
from skorche.place import Places
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import EngineEvent, Sight


class Fed(NamedTuple):
    """A source gave items; `ended` says that no more will come, `error` that it failed."""

    source: int
    items: Items
    ended: bool = False
    error: BaseException | None = None


class Taken(NamedTuple):
    """A user read items of an output with a bound; -1: the bound is lifted."""

    end: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here


class Stop(NamedTuple):
    """Stop the run with this error; what is in flight after `grace` seconds (None: for ever) is killed."""

    error: BaseException
    grace: float | None = None


class Pause(NamedTuple):
    """A stage is to start nothing until it is resumed (`paused` is false)."""

    stage: int
    paused: bool


class Resize(NamedTuple):
    """A stage is to use so many workers; all stages of its engine together `most`. As a command: tell the engine."""

    stage: int
    workers: int
    most: int
    decision: Decision


class Hold(NamedTuple):
    """Sources are to give nothing more for now (`held`), or go on: memory is short, or no longer."""

    held: bool


class Diagnosed(NamedTuple):
    """The answer to `Diagnose`: in words, and what the workers of the tickets were seen doing."""

    text: str
    sights: dict[int, Sight]


Event = EngineEvent | Fed | Taken | Stop | Pause | Resize | Hold | Diagnosed


class Submit(NamedTuple):
    """Give a chunk to the engine of a stage."""

    ticket: int
    stage: int
    chunk: Chunk


class Kill(NamedTuple):
    """Stop work on a ticket."""

    ticket: int
    stage: int


class Pull(NamedTuple):
    """Ask a source for so many more items."""

    source: int
    count: int  # type: ignore[assignment]  # as in Taken


class Deliver(NamedTuple):
    """Give results to an end."""

    end: int
    items: Items
    places: Places


class StopSources(NamedTuple):
    """The run takes no more input."""

    error: BaseException


class Warn(NamedTuple):
    """Tell people something that does not end the run."""

    text: str


class Wait(NamedTuple):
    """A chunk that has been out for so many seconds."""

    ticket: int
    stage: int
    edge: str
    items: Sequence[Any]
    seconds: float


class Diagnose(NamedTuple):
    """Nothing has come back for so many seconds: find out why, holding nobody up; the answer is `Diagnosed`.

    `waits` are the chunks that have been out longest, `more` is how many others there are.
    """

    seconds: float
    waits: tuple[Wait, ...]
    more: int


Command = Submit | Kill | Pull | Deliver | StopSources | Warn | Diagnose | Resize
