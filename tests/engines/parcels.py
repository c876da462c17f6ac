"""Items that know where they were unpickled, and tasks that make them and look at them. Workers import this module."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

LINES = 200
"""So many make an item take long to pickle."""


class Parcel:
    """A number, and the processes in which it was unpickled."""

    def __init__(self, number: int) -> None:
        self.number, self.opened_in = number, list[int]()
        self.lines = [f"line {line} of {number}" for line in range(LINES)]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self.opened_in = [*self.opened_in, os.getpid()]

    def __repr__(self) -> str:
        return f"Parcel({self.number})"


class Fragile(Parcel):
    """It cannot be unpickled where it was not made, if its number is 3."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["number"] == 3:
            raise ValueError("broken on the way")
        super().__setstate__(state)


class Brick(Parcel):
    """It cannot be pickled, if its number is 3."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self.number == 3:
            raise ValueError("too heavy")
        return super().__reduce_ex__(protocol)


class Once(Parcel):
    """It can be pickled once: it gives away what it has."""

    def __reduce__(self) -> Any:
        state = self.__dict__ | {"lines": self.lines}
        self.lines = []
        return Once.__new__, (Once,), state


SECONDS = 0.002
"""So long takes a task whose results are to leave one by one."""


def make(number: int) -> Parcel:
    """Slowly."""
    time.sleep(SECONDS)  # the work: what takes so long leaves its worker alone
    return Parcel(number)


def make_fragile(number: int) -> Fragile:
    """The same."""
    time.sleep(SECONDS)  # the work: what takes so long leaves its worker alone
    return Fragile(number)


def count_lines(parcel: Parcel) -> int:
    """How much is in it."""
    return len(parcel.lines)


Tracks = tuple[int, list[int], int]


def tracks_of(parcel: Parcel) -> Tracks:
    """Its number, where it was unpickled, and where that is read."""
    return parcel.number, parcel.opened_in, os.getpid()


def tracks_of_all(parcels: Sequence[Parcel]) -> list[Tracks]:
    """The same of several."""
    return [tracks_of(parcel) for parcel in parcels]


def is_even(parcel: Parcel) -> bool:
    """Whether its number is."""
    return parcel.number % 2 == 0


def refuse_three(parcel: Parcel) -> int:
    """Its number, but 3 is refused."""
    if parcel.number == 3:
        raise ValueError("no three")
    return parcel.number


def refuse_three_of_all(parcels: Sequence[Parcel]) -> list[int]:
    """The same of several."""
    return [refuse_three(parcel) for parcel in parcels]


def die_of_three(parcel: Parcel) -> int:
    """Its number, but 3 is the end of the process."""
    if parcel.number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return parcel.number


def get_number(parcel: Parcel) -> int:
    """Its number."""
    return parcel.number


def get_numbers(parcels: Sequence[Parcel]) -> list[int]:
    """Those of several."""
    return [parcel.number for parcel in parcels]


def sleep_at_three(parcel: Parcel) -> int:
    """Its number; 3 takes for ever."""
    if parcel.number == 3:
        time.sleep(3600)  # the work that hangs, until it is stopped
    return parcel.number


COMMON = [f"line {line}" for line in range(10_000)]


def with_much_in_common(number: int) -> tuple[int, list[str]]:
    """A number, with what all have."""
    return number, COMMON


def make_closure(number: int) -> Callable[[], int]:
    """What pickle alone cannot take along."""
    lines = [f"line {line} of {number}" for line in range(LINES)]
    return lambda: number * bool(lines)


def call(function: Callable[[], int]) -> int:
    """What it gives."""
    return function()
