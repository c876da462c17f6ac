"""The protocol between the scheduler and what runs kernels. An engine knows no operator, no queue and no policy.

    scheduler ──submit(ticket, stage, chunk)──▶ engine          never blocks
    scheduler ◀──Started | Done | Lost ... ───── engine          by `emit`, from threads of its own

Every submitted ticket comes back exactly once, as `Done` or as `Lost`; or its items do, in `Returned`s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeGuard

from skorche.compile.plan import StagePlan
from skorche.kernel import Outcome
from skorche.named import NamedTuple
from skorche.runtime.chunk import Chunk

if TYPE_CHECKING:
    from skorche.runtime.served import Ending


class Capabilities(NamedTuple):
    """What an engine can do. `chunk_seconds` of work make a good chunk; `chunk_bytes` bounds it when it is copied.

    `kill`: a ticket can be stopped. `ahead`: tickets may wait inside the engine so that its workers never do.
    An edge in front of it holds at most `edge_items`. `guarantee` says what is weaker than usual, for the report.
    `returns`: `submit` comes back at once, the work is done elsewhere; false for `inline` alone.
    `side_by_side`: the items of a chunk are worked on all at once, each by a worker of its own, and come back in parts.
    """

    kill: bool
    ahead: bool
    chunk_seconds: float
    chunk_bytes: int | None = None
    edge_items: int = 4096
    guarantee: str = ""
    returns: bool = True
    side_by_side: bool = False


class Done(NamedTuple):
    """A chunk has been worked on, by this thread or process, as the system numbers it (None: not known).

    If its outcome says that some of it is left, those stand first in line again, and next the chunks `behind` it, by
    their tickets: they come back as they were, so that a lone worker keeps the order.
    """

    ticket: int
    outcome: Outcome
    worker: int | None = None
    behind: Sequence[int] = ()


class Returned(NamedTuple):
    """Some items of a chunk have been worked on, others may be out. Only said where they go side by side.

    The paths of the outcome are relative to these items, as if they were a chunk of their own.
    """

    ticket: int
    indices: Sequence[int]
    outcome: Outcome


class Lost(NamedTuple):
    """A worker died, or was stopped, with this chunk.

    `finished` is what had left the worker; `suspect` is the index of the item it was on (None: it was on none), with
    `cause`, and with the `output` that was kept of it; `left` are the indices that come back, of which `rerun` had run
    before. `worker`: as in `Done`.
    """

    ticket: int
    cause: BaseException
    suspect: int | None
    left: Sequence[int]
    finished: Outcome | None = None
    rerun: int = 0
    abandoned_thread: bool = False
    output: str = ""
    worker: int | None = None


class Started(NamedTuple):
    """Work on a ticket begins. Only said for stages that ask for it (`tells_start`): with a `timeout` or a rate."""

    ticket: int


class Recycled(NamedTuple):
    """So many workers ended themselves in good order, to be replaced."""

    workers: int


class Starved(NamedTuple):
    """A worker at work for this stage was killed, probably because memory ran out. Its chunk comes back by itself."""

    stage: int


class Died(NamedTuple):
    """A worker ended that was not told to. What it had comes back by itself."""

    worker: int
    text: str


class Noticed(NamedTuple):
    """Something that people should be told, and that does not end the run."""

    text: str


class Broken(NamedTuple):
    """The engine cannot go on at all; the run fails with this error. It then gives all tickets back as `Lost`."""

    error: BaseException


class Sight(NamedTuple):
    """What a worker was seen doing: where in its chunk it is (None: not known), and its stack ("": not known).

    `at` changes as the work goes on: two that are equal say that it stands still, None says nothing.
    """

    worker: str
    position: int | None = None
    at: object = None
    stack: str = ""


EngineEvent = Done | Returned | Lost | Started | Recycled | Starved | Died | Noticed | Broken
Emit = Callable[[EngineEvent], None]


class Engine(Protocol):
    """Where kernels run."""

    capabilities: Capabilities

    def open(self, stages: Sequence[StagePlan], emit: Emit) -> None:
        """Get ready for these stages; may start workers. Raises if it cannot."""
        ...

    def submit(self, ticket: int, stage: int, chunk: Chunk) -> None:
        """Take a chunk; never blocks. At most `workers` calls of a stage run at a time.

        A thread that calls `emit` may be lent to the run for a moment, and call this, or `kill`, from there.
        """
        ...

    def kill(self, ticket: int) -> None:
        """Stop work on a ticket, if the engine can; it comes back as `Lost`, or as `Done` if it just ended."""
        ...

    def look(self, tickets: Sequence[int]) -> dict[int, Sight]:
        """What workers are doing; tickets that none has begun, or of which nothing is known, are left out.

        Called when a run seems to stand still, from a thread that may be kept waiting for a second or two.
        """
        ...

    def close(self, how: Literal["drain", "kill"]) -> None:
        """Leave nothing behind. Called once, when no ticket is out ("drain"), or in a hurry ("kill")."""
        ...


class Resizable(Protocol):
    """An engine whose stages can get other numbers of workers while they run."""

    def resize(self, stage: int, workers: int, most: int) -> None:
        """Let a stage use so many workers from now on, and all stages of this engine together `most` at a time.

        Called like `submit`. Where there are too many, none is stopped: those that are at work finish what they have.
        """
        ...


Lend = Callable[[Callable[[], None]], bool]
"""Has an idle thread do something; see `Lender`."""


class Cutting(Protocol):
    """An engine that can end chunks early: their outcomes say which items are left."""

    def cut(self) -> None:
        """End those that have been worked on since this was called last. From any thread; it does not wait."""
        ...


class Lender(Protocol):
    """An engine that has threads in this process, which may do something for the run while they are idle."""

    def lend(self, stage: int, action: Callable[[], None]) -> bool:
        """Have an idle thread of a stage do this soon; False if there is none. Called from any thread.

        It may be done later if a turn begins meanwhile, and gives the stage a chunk.
        """
        ...


class WorkerNow(NamedTuple):
    """A worker process: the numbers of the stages it has worked for, what it has in memory, and what it waited for."""

    pid: int
    stages: Sequence[int]
    resident_bytes: int
    seconds_in_line: float


class HasWorkers(Protocol):
    """An engine with worker processes of its own, which need memory and cores."""

    def workers_now(self) -> Sequence[WorkerNow]:
        """All of them. Called now and then, from any thread, while the engine goes on."""
        ...


class SharedEngine(Protocol):
    """An engine that all processes of one program have a part of. The run is led by one, and the others serve in it."""

    @property
    def leads(self) -> bool:
        """Whether the run goes on in this process."""
        ...

    def serve(self) -> Ending:
        """In a process that does not lead: work until the run has ended. Raises what kept it from starting."""
        ...

    def tell(self, ending: Ending) -> None:
        """In the one that leads: tell the others how the run ended. Called when the engine is closed."""
        ...

    def refuse(self, error: BaseException) -> None:
        """In the one that leads: tell the others that the run did not start, unless they know its end."""
        ...


def close_engines(engines: Sequence[Engine], how: Literal["drain", "kill"]) -> None:
    """Close all of them, also if one of them raises.

    Raises:
        Exception: what the first of those has raised.
    """
    problem: BaseException | None = None
    for engine in engines:
        try:
            engine.close(how)
        except BaseException as error:  # noqa: BLE001  (raised when the others are closed)
            problem = problem or error
    if problem is not None:
        raise problem


# What more an engine can do is asked by name: asking for a protocol imports `inspect` from Python 3.12 on (13 ms).


def can_resize(engine: Engine) -> TypeGuard[Resizable]:
    """Whether its stages can get other numbers of workers."""
    return hasattr(engine, "resize")


def can_lend(engine: Engine) -> TypeGuard[Lender]:
    """Whether it has threads that may do something for the run."""
    return hasattr(engine, "lend")


def can_cut(engine: Engine) -> TypeGuard[Cutting]:
    """Whether it can end chunks that take too long."""
    return hasattr(engine, "cut")


def has_workers(engine: Engine) -> TypeGuard[HasWorkers]:
    """Whether it has worker processes of its own."""
    return hasattr(engine, "workers_now")


def is_shared(engine: Engine) -> TypeGuard[SharedEngine]:
    """Whether other processes of the program have a part of it."""
    return hasattr(engine, "leads")
