"""Runs kernels on any `concurrent.futures.Executor`: the standard pools, loky's, a cluster client's.

    submit ───────────────▶ inbox ──▶ ┌────────────┐ ──submit──▶ executor     it alone asks anything of the executor,
    futures that are done ──▶ inbox ──▶ │ one thread │                          which a pool may not allow in the
    emit ◀──Done, Lost, Broken───────── └────────────┘                          callbacks of its futures

An executor given as an object stays the user's, who also ends it; from a factory the engine makes its own, and makes
another one when it breaks. The interface cannot stop an item, nor tell which item broke the pool. So after a break the
lost items run again one at a time, with nothing else under way, until the one to blame is found.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from threading import Thread, local
from typing import Any, Literal

from skorche.compile.plan import StagePlan
from skorche.engines.pools import end_broken, make_executor
from skorche.engines.transfer import decode, dump_error, dump_kernel, dumps, encode, load_error, loads
from skorche.errors import EngineError, TransferError, WorkerCrash, WorkerStartError, blamed_on, describe, text_of
from skorche.kernel import Kernel, Outcome, Trouble
from skorche.reserve import RESERVE
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Broken, Capabilities, Done, Emit, Lost, Sight

MOST_BREAKS = 3
"""After so many breaks with no result in between, a call that does nothing must show that a new executor works."""


class Ticket:
    """A chunk under way: the indices of items still to be done, in order, and what has become of the others.

    When it is `single`, its items go one by one; when it is `alone`, moreover, nothing else is under way meanwhile.
    """

    def __init__(self, number: int, stage: StagePlan, chunk: Chunk) -> None:
        self.number, self.stage, self.chunk = number, stage, chunk
        self.left = list(range(len(chunk.items)))
        self.single = self.alone = False
        self.outcome = Outcome.empty(stage.kernel)

    @property
    def next(self) -> list[int]:
        """The items that go next."""
        return self.left[:1] if self.single else self.left

    def done(self, count: int) -> None:
        """So many of the first items are done."""
        self.left = self.left[count:]

    def fail(self, count: int, error: BaseException, text: str = "") -> None:
        """So many of the first items have failed."""
        for index in self.left[:count]:
            trouble = Trouble(self.chunk.entry, index, self.chunk.items[index], error, text)
            self.outcome.troubles.append(trouble)
        self.done(count)

    def refuse(self, count: int, what: str, cause: BaseException, ran: bool) -> None:
        """The first items cannot cross the border: a single one fails, several are tried one by one."""
        if count == 1:
            problem = TransferError(
                f"{what}: {text_of(cause)}",
                "an executor of processes gets items and gives results as bytes." + " The function did run." * ran,
                "pass something that can be pickled, such as a path or an id, or use engine='thread'.",
            )
            problem.__cause__ = cause
            self.fail(1, problem, describe(cause))
        else:
            self.single = True
            self.outcome.rerun += ran * count


class ExecutorEngine:
    """An adapter. Weaker than the engines of skorche's own, which the report says."""

    def __init__(self, choice: Executor | Callable[[], Executor]) -> None:
        self._make = choice if isinstance(choice, type) or not hasattr(choice, "submit") else None
        self._executor: Any = choice if self._make is None else None
        self._inbox: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._kernels: dict[int, bytes] = {}
        self._run_key, self._of_thread = os.urandom(8), local()
        self._out: set[Ticket] = set()
        self._waiting: deque[Ticket] = deque()
        self._alone: deque[Ticket] = deque()
        self._failed: BaseException | None = None
        self._broken = False
        self._breaks = 0
        name = type(choice).__name__ if self._make is None else getattr(choice, "__name__", repr(choice))
        self.capabilities = Capabilities(
            kill=False,
            ahead=False,
            chunk_seconds=0.02,
            chunk_bytes=1 << 20,
            guarantee=f"executor {name}: when a worker dies, items in flight run again, or fail with idempotent=False; "
            "a timeout cannot stop an item",
        )

    def __repr__(self) -> str:
        return f"ExecutorEngine({self._executor or self._make!r})"

    def open(self, stages: Sequence[StagePlan], emit: Emit) -> None:
        """Make the executor, if it is ours to make, and start the thread.

        Raises:
            GraphError: a task cannot be pickled, or what should make the executor makes none.
        """
        self._stages = {stage.number: stage for stage in stages}
        self._emit = emit
        if self._make is not None:
            self._executor = make_executor(self._make)
        self._in_process = isinstance(self._executor, ThreadPoolExecutor)
        if not self._in_process:
            self._kernels = {stage.number: dump_kernel(stage) for stage in stages}
        self._thread = Thread(target=self._run, name="skorche executor", daemon=True)
        self._thread.start()

    def submit(self, ticket: int, stage: int, chunk: Chunk) -> None:
        """Hand the chunk to the thread."""
        self._inbox.put(partial(self._waiting.append, Ticket(ticket, self._stages[stage], chunk)))

    def kill(self, ticket: int) -> None:
        """The interface has no way to stop an item."""

    def look(self, tickets: Sequence[int]) -> dict[int, Sight]:
        """An executor does not say which of its workers has what; only that it was given these."""
        out = {ticket.number for ticket in self._out.copy()}
        return {
            ticket: Sight(f"a worker of {self._executor!r}, which cannot be asked")
            for ticket in out.intersection(tickets)
        }

    def close(self, how: Literal["drain", "kill"]) -> None:
        """End the thread, and the executor if it is ours."""
        if self._thread is not None and self._thread.ident is not None:  # it may not have been started
            self._inbox.put(None)
            self._thread.join()
        if self._make is not None and self._executor is not None:
            if self._broken:
                end_broken(self._executor)
            else:
                self._executor.shutdown(wait=True)
            self._executor = None  # it may hold on to pipes for as long as it is held itself

    # -- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (action := self._inbox.get()) is not None:
            try:
                action()
                self._start_ready()
            except BaseException as error:  # noqa: BLE001  (nobody may wait for a dead thread)
                RESERVE.clear()
                self._give_up(error)

    def _start_ready(self) -> None:
        """Start what may start. After a break that is one item, with nothing beside it; first, a new executor."""
        if self._failed is not None:
            self._give_up(self._failed)
        while (self._alone or self._waiting) and not (self._out and (self._alone or self._broken)):
            if self._broken:
                self._replace()
            self._start((self._alone or self._waiting).popleft())

    def _start(self, ticket: Ticket) -> None:
        self._out.add(ticket)
        try:
            call = self._prepare(ticket)
        except BaseException as error:  # noqa: BLE001  (whatever pickling raises fails the item)
            ticket.refuse(len(ticket.next), "an item cannot be pickled", error, ran=False)
            self._go_on(ticket)
            return
        try:
            future: Future[Any] = self._executor.submit(*call)
        except BrokenExecutor as error:  # before it had this ticket
            self._note_break(error)
            self._go_on(ticket)
        except Exception as error:
            raise _useless(error) from error
        else:
            future.add_done_callback(lambda done: self._inbox.put(partial(self._finish, ticket, done)))

    def _prepare(self, ticket: Ticket) -> tuple[Any, ...]:
        """What to submit."""
        stage, entry, indices = ticket.stage, ticket.chunk.entry, ticket.next
        items = [ticket.chunk.items[index] for index in indices]
        if self._in_process:
            return self._run_here, stage, items, indices, entry
        packed = dumps(items)
        ticket.outcome.bytes_in += len(packed)
        key = (self._run_key, stage.number)
        return work, key, self._kernels[stage.number], packed, indices, entry, stage.idempotent

    def _run_here(self, stage: StagePlan, items: list[Any], indices: list[int], entry: int) -> Outcome:
        """In a thread of the executor, with a kernel of its own."""
        kernels: dict[str, Kernel] = self._of_thread.__dict__
        kernel = kernels.get(f"stage {stage.number}")
        if kernel is None:
            kernel = kernels[f"stage {stage.number}"] = stage.kernel.opened([])
        return kernel.run(items, indices, entry)

    def _go_on(self, ticket: Ticket) -> None:
        """What is left of the ticket comes next; if nothing is, it is done."""
        self._out.discard(ticket)
        if not ticket.left:
            self._emit(Done(ticket.number, ticket.outcome))
        else:
            (self._alone if ticket.alone else self._waiting).appendleft(ticket)

    # -- what comes back --------------------------------------------------------------------------------------------

    def _finish(self, ticket: Ticket, future: Future[Any]) -> None:
        if ticket not in self._out:
            return  # it was given up
        try:
            made = future.result()
        except BrokenExecutor as error:
            self._note_break(error)
            self._lose(ticket, error)
        except WorkerStartError:  # in a thread of the executor
            raise
        except BaseException as error:
            raise _useless(error) from error
        else:
            self._breaks = 0
            self._take(ticket, made)
        self._go_on(ticket)

    def _take(self, ticket: Ticket, made: Any) -> None:
        """Outcomes; or the error that kept the task, or its items, from being unpickled there."""
        if self._in_process:
            ticket.outcome.add([made])
            ticket.done(len(ticket.next))
            return
        unloaded, unread, outcomes = made
        if unloaded is not None:
            raise _unloadable(ticket.stage, load_error(unloaded))
        if unread is not None:
            ticket.refuse(len(ticket.next), "an item cannot be unpickled in a worker", load_error(unread), ran=False)
            return
        count = len(ticket.next) // len(outcomes)  # one outcome for all items, or one for each
        for data in outcomes:
            try:
                ticket.outcome.add([decode(data, ticket.chunk.items)])
                ticket.done(count)
            except BaseException as error:  # noqa: BLE001  (whatever unpickling raises fails the item)
                ticket.refuse(count, "a result cannot be unpickled", error, ran=True)

    # -- breaks -----------------------------------------------------------------------------------------------------

    def _note_break(self, error: BaseException) -> None:
        if self._make is None:
            mend = "give a factory in place of the executor, so that it can be replaced."
            raise EngineError("the executor broke.", text_of(error), mend) from error
        self._broken = True

    def _lose(self, ticket: Ticket, error: BaseException) -> None:
        """The executor broke with this ticket: an item that was alone is to blame, others run again, each alone."""
        count = len(ticket.next)
        if ticket.alone or not ticket.stage.idempotent:
            crash = WorkerCrash(
                f"a worker of the executor died: {error}",
                "the task, or a library it calls, ended it."
                if ticket.alone
                else "it is not known who ended it, and with idempotent=False nothing may run twice.",
                "retries= tries again with a new executor.",
            )
            ticket.fail(count, crash)
        else:
            ticket.single = ticket.alone = True
            ticket.outcome.rerun += count

    def _replace(self) -> None:
        assert self._make is not None
        end_broken(self._executor)
        self._executor = make_executor(self._make)
        self._broken = False
        self._breaks += 1
        if self._breaks > MOST_BREAKS:
            try:
                self._executor.submit(do_nothing).result()
            except BrokenExecutor as error:
                raise WorkerStartError(
                    f"the executor breaks again and again: {text_of(error)}",
                    "a new one cannot even do nothing.",
                    "see what its workers printed on stderr, and look at its initializer.",
                ) from error

    def _give_up(self, error: BaseException) -> None:
        """The engine cannot go on: say so once, and give every ticket back."""
        if self._failed is None:
            self._failed = blamed_on("the adapter of an executor", error)
            self._emit(Broken(self._failed))
        for ticket in (*self._out, *self._alone, *self._waiting):
            self._emit(Lost(ticket.number, self._failed, None, ticket.left, ticket.outcome))
        for held in (self._out, self._alone, self._waiting):
            held.clear()


def _useless(error: BaseException) -> EngineError:
    return EngineError(
        f"the executor does not work: {text_of(error)}",
        "it was shut down while the run used it, or it cannot carry bytes.",
        "shut it down after the run; or give a factory, so that the run has an executor of its own.",
    )


def _unloadable(stage: StagePlan, cause: BaseException) -> WorkerStartError:
    if isinstance(cause, WorkerStartError):
        return cause
    problem = WorkerStartError(
        f"a worker of the executor cannot load {stage.edge.rpartition(' into ')[2]!r}: {text_of(cause)}",
        "the function, or a module it needs, cannot be imported there.",
        "check that its module can be imported from sys.path without side effects that fail.",
    )
    problem.__cause__ = cause
    return problem


Reply = tuple[bytes | None, bytes | None, list[bytes]]


_OPENED: dict[tuple[bytes, int], Kernel] = {}
"""In a worker: kernels that hold what they have made for themselves, by run and stage."""
MOST_OPENED = 8


def _load(key: tuple[bytes, int], data: bytes) -> Kernel:
    """The kernel as this worker uses it. What it has made for itself is kept; that of earlier runs is let go."""
    if key in _OPENED:
        return _OPENED[key]
    loaded: Kernel = loads(data)
    opened = loaded.opened([])
    if opened is not loaded:
        for old in list(_OPENED)[: len(_OPENED) + 1 - MOST_OPENED]:
            del _OPENED[old]
        _OPENED[key] = opened
    return opened


def work(key: tuple[bytes, int], kernel: bytes, packed: bytes, indices: list[int], entry: int, together: bool) -> Reply:
    """Runs in a worker of the executor: the error if the kernel cannot be loaded, that of the items, the outcomes."""
    try:
        loaded = _load(key, kernel)
    except BaseException as error:  # noqa: BLE001  (whatever an import raises is told)
        return dump_error(error), None, []
    try:
        items = loads(packed)
    except BaseException as error:  # noqa: BLE001  (whatever unpickling raises is told)
        return None, dump_error(error), []
    if together:
        return None, None, [encode(loaded.run(items, indices, entry), loaded)]
    pairs = zip(items, indices, strict=True)
    return None, None, [encode(loaded.run([item], [index], entry), loaded) for item, index in pairs]


def do_nothing() -> None:
    """What every executor can do, unless its workers cannot start."""
