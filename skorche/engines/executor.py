"""Runs kernels on any `concurrent.futures.Executor`: the standard pools, loky's, a cluster client's.

An executor given as an object stays the user's, who also ends it; from a factory the engine makes its own, and makes
another one when it breaks. The interface cannot stop an item, nor tell which item broke the pool. So after a break the
lost items run again one at a time, with nothing else under way, until the one to blame is found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from threading import Condition
from typing import Any, Literal

from skorche.compile.plan import StagePlan
from skorche.engines.transfer import decode, dumps, encode, loads
from skorche.errors import EngineError, WorkerCrash
from skorche.kernel import Kernel, Outcome, Paths, Trouble, describe
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Broken, Capabilities, Done, Emit, Lost


class Ticket:
    """A chunk under way; when it is run item by item, `outcome` holds what is done and `next` is the item's index."""

    def __init__(self, number: int, stage: StagePlan, chunk: Chunk) -> None:
        self.number, self.stage, self.chunk = number, stage, chunk
        self.alone = False
        self.next = 0
        self.outcome = Outcome.empty(stage.kernel)


class ExecutorEngine:
    """An adapter. Weaker than the engines of skorche's own, which the report says."""

    def __init__(self, choice: Executor | Callable[[], Executor]) -> None:
        self._make = None if hasattr(choice, "submit") else choice
        self._executor: Any = choice if self._make is None else None
        self._changed = Condition()
        self._out: dict[int, Ticket] = {}
        self._alone: deque[Ticket] = deque()
        self._waiting: deque[Ticket] = deque()
        self._closed = False
        self._kernels: dict[int, bytes] = {}
        name = type(choice).__name__ if self._make is None else getattr(choice, "__name__", repr(choice))
        self.capabilities = Capabilities(
            kill=False,
            ahead=False,
            chunk_seconds=0.02,
            guarantee=f"executor {name}: items in flight when a worker dies run again; a timeout cannot stop an item",
        )

    def __repr__(self) -> str:
        return f"ExecutorEngine({self._executor or self._make!r})"

    def open(self, stages: Sequence[StagePlan], emit: Emit) -> None:
        """Make the executor, if it is ours to make."""
        self._stages = {stage.number: stage for stage in stages}
        self._emit = emit
        self._renew()

    def _renew(self) -> None:
        if self._make is not None:
            self._executor = self._make()
        self._in_process = isinstance(self._executor, ThreadPoolExecutor)

    def submit(self, ticket: int, stage: int, chunk: Chunk) -> None:
        """Submit the chunk, unless lost items have to run alone first."""
        with self._changed:
            self._waiting.append(Ticket(ticket, self._stages[stage], chunk))
        self._advance()

    def _advance(self) -> None:
        """Start what may start. After a break that is one item of one ticket, and nothing beside it."""
        with self._changed:
            if self._alone:
                ready = [] if self._out else [self._alone.popleft()]
            else:
                ready, self._waiting = list(self._waiting), deque()
            self._out.update((ticket.number, ticket) for ticket in ready)
        for ticket in ready:
            self._start(ticket)

    def _start(self, ticket: Ticket) -> None:
        items = ticket.chunk.items
        chosen = [items[ticket.next]] if ticket.alone else items
        try:
            future = self._call(ticket.stage, chosen, ticket.chunk.entry)
        except BrokenExecutor as error:
            self._break(ticket, error)
            return
        except Exception as error:  # an item that cannot be pickled, or an executor that was shut down
            self._reject(ticket, error)
            return
        future.add_done_callback(lambda done: self._finish(ticket, chosen, done))

    def _call(self, stage: StagePlan, items: Sequence[Any], entry: int) -> Future[Any]:
        executor: Executor = self._executor
        if self._in_process:
            return executor.submit(stage.kernel.run, items, None, entry)
        if stage.number not in self._kernels:
            self._kernels[stage.number] = dumps(stage.kernel)
        return executor.submit(work, self._kernels[stage.number], dumps(list(items)), entry)

    def _reject(self, ticket: Ticket, error: Exception) -> None:
        """It cannot even be submitted: one item fails, a chunk is tried item by item."""
        if isinstance(error, RuntimeError) and "shutdown" in str(error):
            self._give_up(EngineError("the executor was shut down while the run used it."), error)
        elif len(ticket.chunk.items) == 1 or ticket.alone:
            self._fail_item(ticket, error, describe(error))
            self._next(ticket)
        else:
            self._isolate([ticket])

    def _finish(self, ticket: Ticket, items: Sequence[Any], future: Future[Any]) -> None:
        """Called by the executor when a chunk, or an item that runs alone, has come back."""
        try:
            made = future.result()
            outcome: Outcome = made if self._in_process else decode(made, items)
        except BrokenExecutor as error:
            self._break(ticket, error)
            return
        except BaseException as error:  # noqa: BLE001  (a cancelled future, or a result that cannot come back)
            self._reject(ticket, error if isinstance(error, Exception) else EngineError(f"the executor gave {error!r}"))
            return
        if not ticket.alone:
            with self._changed:
                self._out.pop(ticket.number, None)
            self._emit(Done(ticket.number, outcome))
            self._advance()
            return
        ticket.outcome.add(shifted(outcome, ticket.next))
        self._next(ticket)

    def _next(self, ticket: Ticket) -> None:
        """An item that ran alone is done; the next one of its ticket follows, or the ticket is."""
        ticket.next += 1
        with self._changed:
            self._out.pop(ticket.number, None)
            finished = ticket.next >= len(ticket.chunk.items)
            if not finished:
                self._alone.appendleft(ticket)
        if finished:
            self._emit(Done(ticket.number, ticket.outcome))
        self._advance()

    def _fail_item(self, ticket: Ticket, error: BaseException, text: str) -> None:
        index = ticket.next if ticket.alone else 0
        trouble = Trouble(ticket.chunk.entry, index, ticket.chunk.items[index], error, text)
        ticket.outcome.troubles.append(trouble)

    def _break(self, ticket: Ticket, error: BaseException) -> None:
        """The pool broke. One item that ran alone is to blame; otherwise all that was out runs again, one at a time."""
        if self._make is None:
            self._give_up(EngineError("the executor broke.", str(error), "give a factory, so it can be replaced."), error)
            return
        if ticket.alone:
            crash = WorkerCrash(f"a worker of the executor died: {error}", "the task, or a library it calls, ended it.")
            self._replace()
            self._fail_item(ticket, crash, "")
            self._next(ticket)
            return
        self._isolate([ticket])

    def _isolate(self, tickets: list[Ticket]) -> None:
        """From here on these run item by item; when all that was out with them is back, with a new executor."""
        with self._changed:
            for ticket in tickets:
                self._out.pop(ticket.number, None)
                ticket.alone = True
                ticket.outcome.rerun += len(ticket.chunk.items)
                self._alone.append(ticket)
            last = not self._out
        if last:
            self._replace()
            self._advance()

    def _replace(self) -> None:
        if self._make is not None:
            old = self._executor
            self._renew()
            old.shutdown(wait=False)

    def _give_up(self, problem: EngineError, cause: BaseException) -> None:
        problem.__cause__ = cause
        with self._changed:
            tickets = [*self._out.values(), *self._alone, *self._waiting]
            self._out.clear()
            self._alone.clear()
            self._waiting.clear()
        self._emit(Broken(problem))
        for ticket in tickets:
            left = range(ticket.next, len(ticket.chunk.items))
            self._emit(Lost(ticket.number, problem, None, left, ticket.outcome))

    def kill(self, ticket: int) -> None:
        """The interface has no way to stop an item."""

    def close(self, how: Literal["drain", "kill"]) -> None:
        """End the executor, if it is ours."""
        if self._make is not None and self._executor is not None:
            self._executor.shutdown(wait=True)


def work(kernel: bytes, items: bytes, entry: int) -> bytes:
    """Runs in a worker of the executor."""
    loaded: Kernel = loads(kernel)
    return encode(loaded.run(loads(items), None, entry), loaded)


def shifted(outcome: Outcome, index: int) -> Outcome:
    """The outcome of one item, as that of item `index` of its chunk.

    >>> shifted(Outcome([(["a"], range(1))], [None]), 5).ports
    [(['a'], [5])]
    """

    def moved(path: Any) -> Any:
        return index if type(path) is int else (index, *path[1:])

    ports: list[tuple[list[Any], Paths]] = [(items, [moved(path) for path in paths]) for items, paths in outcome.ports]
    troubles = [trouble._replace(path=moved(trouble.path)) for trouble in outcome.troubles]
    shifted_one = Outcome(ports, outcome.counts, troubles, [(moved(path), n) for path, n in outcome.expansions])
    shifted_one.bytes_out = outcome.bytes_out
    return shifted_one
