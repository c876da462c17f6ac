"""Frozen records of what happened. They cross storeys, so they hold data only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

from skorche.errors import SkorcheError, shorten, text_of


class Failure:
    """One item that failed: where, with what, why, and after how many attempts. Frozen.

    `error` is the exception itself (or a `RemoteError` for one that cannot leave its process), `traceback` its text
    as it was printed where it was raised. A `queue_errors` carries these as ordinary items. Under `isolate=True` the
    item is a list of one. `output` is what the task printed and logged on the item in its last attempt, or the end of
    it, in a run with `capture="item"` on worker processes; "" otherwise.
    """

    __slots__ = ("_again", "attempts", "error", "item", "node", "output", "traceback")

    node: str
    item: Any  # Any: whatever the user's sources gave; a Failure is not generic because a report mixes them
    error: BaseException
    traceback: str
    attempts: int
    output: str
    _again: Callable[[], Any] | None

    def __init__(
        self, node: str, item: Any, error: BaseException, traceback: str = "", attempts: int = 1, output: str = ""
    ) -> None:
        names = ("node", "item", "error", "traceback", "attempts", "output")
        for name, value in zip(names, (node, item, error, traceback, attempts, output), strict=True):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_again", None)

    def replay(self) -> Any:
        """Run the item again, alone and in this process, through the same task: gives what that gives, or raises.

        A debugger that is on stops where the task fails. Retries, timeouts and the cache are left out.

        >>> def half(number):
        ...     return 1 / number
        >>> with Pipeline() as pipeline:
        ...     halves = skorche.map(half, Queue(fixed_inputs=[0]))
        >>> (failure,) = pipeline.run(on_error="collect").wait().failures
        >>> try:
        ...     failure.replay()
        ... except ZeroDivisionError as error:
        ...     print(error)
        division by zero

        Raises:
            BaseException: what the task raises.
            SkorcheError: the failure has left its program (pickled, say), or comes from what needs other items too.
        """
        if self._again is None:
            raise SkorcheError(
                f"this failure of {self.node} cannot be replayed.",
                "it was pickled, or is an item of a queue: it does not know its task.",
                "take it from report.failures of the run.",
            )
        return self._again()

    def replayed_by(self, again: Callable[[], Any]) -> Failure:
        """The same failure; `again` runs its item."""
        copy = Failure(*self.__reduce__()[1])
        object.__setattr__(copy, "_again", again)
        return copy

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Failure cannot be changed: {name}")

    def __reduce__(self) -> tuple[type[Failure], tuple[Any, ...]]:
        return Failure, (self.node, self.item, self.error, self.traceback, self.attempts, self.output)

    def __repr__(self) -> str:
        return f"<Failure: {self}>"

    def __str__(self) -> str:
        tries = "" if self.attempts == 1 else f" after {self.attempts} attempts"
        return f"{self.node} failed{tries} for {shorten(self.item, 80)}: {text_of(self.error)}"


class NodeTally(NamedTuple):
    """What one node did. Items unless the name says otherwise; seconds as float.

    `members` are what a batch's lists hold, or what an unbatch's inputs held; `divided` counts the batches that
    `isolate=True` broke in two, and elements that failed by themselves (each adds an item). `shed_workers`: so many of
    its workers it had to do without from some time on, since one was killed each time, probably because memory ran out.
    `closed` tells how many lists a batch closed for which reason: "size", "weight", "timeout", "key" (another key had
    need of the place), "early" (`fill_batch=False`) or "end" (of the input). `paused`: it was told by `run.pause()` to
    start nothing. `cached` are items whose result was found in the run's store, so that the task was not called.
    """

    received: int = 0
    emitted: int = 0
    filtered: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    divided: int = 0
    members: int = 0
    busy_seconds: float = 0.0
    cpu_seconds: float = 0.0
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    shed_workers: int = 0
    closed: Mapping[str, int] = MappingProxyType({})
    paused: bool = False
    cached: int = 0


class RunFinished(NamedTuple):
    """All that is known of a run at its end: what a report is made from."""

    name: str
    elapsed: float
    admitted: int
    delivered: int
    filtered: int
    failed: int
    cancelled: int
    rerun: int
    unhandled: int
    abandoned_threads: int
    failures: tuple[Failure, ...]
    nodes: Mapping[str, NodeTally]
    guarantees: tuple[str, ...] = ()
    error: BaseException | None = None
    recycled: int = 0
    shard: str | None = None
