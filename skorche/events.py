"""Frozen records of what happened, which cross storeys and so hold data only; and the `View` that observers get."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn, Protocol

from skorche.errors import SkorcheError, shorten, text_of
from skorche.named import NamedTuple


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
    `isolate=True` broke in two, and elements that failed by themselves (each adds an item). In the end
    `received + divided` are `passed + filtered + failed + cancelled`. `shed_workers`: so many of
    its workers it had to do without from some time on, since one was killed each time, probably because memory ran out.
    `closed` tells how many lists a batch closed for which reason: "size", "weight", "timeout", "key" (another key had
    need of the place), "early" (`fill_batch=False`) or "end" (of the input). `paused`: it was told by `run.pause()` to
    start nothing. `cached` are items whose result was found in the run's store, so that the task was not called.

    Nodes that run together are a stage: `stage` is the name of its first node ("" for an operator with memory), and
    `engine` where it runs. The first node tells what is true of the stage: `workers` it has now; `bytes_in` and
    `bytes_out`, pickled, over process borders; `worker_bytes`, resident, of the largest worker process seen. And by
    looks taken some twenty times a second (`watched_seconds` in all, none in a run that is over before the first), in
    worker-seconds: `worker_seconds` there were, of which `starved_seconds` idle with no item waiting, `blocked_seconds`
    idle with items waiting and no room for results, `held_seconds` idle for another reason: a limit or rate (`limits`
    names those that it obeys), a pause, or what is about to start. In seconds: `queued_seconds` with an item in front
    of it, and `full_seconds` with no room there for another; `mean_waiting` items stood there. `serial`: more workers
    would not be used, since it goes on from the value before, or is a predicate; `ordered`: results keep their order;
    `pinned`: the task was to keep its workers (`pin=True`); `ending`: all that comes to it has come.
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
    stage: str = ""
    engine: str = ""
    workers: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    worker_bytes: int = 0
    watched_seconds: float = 0.0
    worker_seconds: float = 0.0
    starved_seconds: float = 0.0
    blocked_seconds: float = 0.0
    queued_seconds: float = 0.0
    full_seconds: float = 0.0
    mean_waiting: float = 0.0
    held_seconds: float = 0.0
    serial: bool = False
    ordered: bool = False
    limits: tuple[str, ...] = ()
    passed: int = 0
    pinned: bool = False
    ending: bool = False


class Surroundings(NamedTuple):
    """What a run had around it: by looks, in seconds, like the waits of a `NodeTally`; sizes in bytes, resident.

    `source_seconds` something could have started and the sources had given nothing; `reading_seconds` a source had been
    asked for items that had not come; `sink_seconds` an output was full that nobody read; `memory_seconds` sources were
    held because memory was short; `gil_seconds` Python's lock was not to be had for some milliseconds, since threads of
    this process were running Python. `cpu_seconds` this process has used; `lined_seconds` its worker processes, added
    up, stood in line for a core. `resident_bytes` of this process and its workers, at the most. `source` and `output`:
    the name of the one that was last seen so.
    """

    cores: int = 0
    watched_seconds: float = 0.0
    source_seconds: float = 0.0
    sink_seconds: float = 0.0
    memory_seconds: float = 0.0
    cpu_seconds: float = 0.0
    resident_bytes: int = 0
    reading_seconds: float = 0.0
    gil_seconds: float = 0.0
    lined_seconds: float = 0.0
    source: str = ""
    output: str = ""


NOTHING_SEEN = Surroundings()


class Decision(NamedTuple):
    """A change of the number of workers of a task while it ran: `seconds` after the start of the run, and why."""

    seconds: float
    node: str
    before: int
    after: int
    why: str

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s: {self.node} {self.before} -> {self.after} workers: {self.why}"


class RunFinished(NamedTuple):
    """All that is known of a run at its end, or so far: what a report is made from."""

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
    surroundings: Surroundings = NOTHING_SEEN
    running: bool = False
    decisions: tuple[Decision, ...] = ()


class Worked(NamedTuple):
    """A chunk, or a part of it, that a worker is done with. Times are those of `time.monotonic`.

    `worker` is the thread or process, as the system numbers it (None: not known); `process` tells which. `first` is the
    number of the first item's source item. `steps` are the items and the seconds of each step (None: not reached).
    `lost` says why the chunk did not come back, "" if it did.
    """

    stage: int
    ticket: int
    worker: int | None
    process: bool
    began: float
    ended: float
    items: int
    first: int | None
    steps: Sequence[tuple[int, float] | None] = ()
    failures: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    lost: str = ""


class Queued(NamedTuple):
    """So many items wait in front of a stage, which has so many workers."""

    at: float
    stage: int
    items: int
    workers: int


class Happened(NamedTuple):
    """Something that is no work: a failure, say, or a stop. `told` may be an exception."""

    at: float
    what: str
    where: str = ""
    told: object = ""


Note = Worked | Queued | Happened
"""What is written down of a run while it goes on, for who wants all of it."""


class View(Protocol):
    """What an observer may ask of a run while it goes on, from a thread of its own."""

    def counts(self) -> dict[str, int]:
        """Source items admitted, and their ends, so far. Costs the run nothing; may be a little behind."""
        ...

    def awaited(self) -> Sequence[str]:
        """The open inputs, by name, if there is nothing to do but to wait for them. Costs nothing either."""
        ...

    def total(self) -> int | None:
        """How many source items there will be, if all the sources have a length; None if that is not known."""
        ...

    def snapshot(self) -> RunFinished:
        """All that is known so far. Costs the run a turn, some 50 us."""
        ...
