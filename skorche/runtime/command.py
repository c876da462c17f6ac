"""What goes into the scheduler besides engine events, and what comes out of it. Data only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skorche.place import Places
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import EngineEvent


@dataclass(frozen=True, slots=True)
class Fed:
    """A source gave items; `ended` says that no more will come, `error` that it failed."""

    source: int
    items: list[Any]
    ended: bool = False
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A user read items of an output with a bound; -1: the bound is lifted."""

    end: int
    count: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the run with this error; what is in flight after `grace` seconds (None: for ever) is killed."""

    error: BaseException
    grace: float | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: timers may be due."""


Event = EngineEvent | Fed | Taken | Stop | Tick


@dataclass(slots=True)
class Submit:  # not frozen, as Chunk
    """Give a chunk to the engine of a stage."""

    ticket: int
    stage: int
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Kill:
    """Stop work on a ticket."""

    ticket: int
    stage: int


@dataclass(frozen=True, slots=True)
class Pull:
    """Ask a source for so many more items."""

    source: int
    count: int


@dataclass(slots=True)
class Deliver:  # not frozen, as Chunk
    """Give results to an end."""

    end: int
    items: list[Any]
    places: Places


@dataclass(frozen=True, slots=True)
class StopSources:
    """The run takes no more input."""

    error: BaseException


Command = Submit | Kill | Pull | Deliver | StopSources
Commands = Sequence[Command]
