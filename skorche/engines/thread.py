"""Runs kernels on threads of this process: `workers` threads per stage, fed by one queue each.

    coordinator ──(ticket, chunk)──▶ stage queue ──▶ worker threads ──Done──▶ coordinator

A thread cannot be stopped. When an item is given up, its thread is *abandoned*: a new thread takes its place, and what
it says later is dropped. So all are daemons, which do not keep the interpreter alive; the coordinator's thread does,
and joins those that are not abandoned.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread
from types import FrameType
from typing import Any, Literal

from skorche.call import Ends, close_all
from skorche.compile.plan import StagePlan
from skorche.cut import Cut
from skorche.each import Each, runner_of
from skorche.errors import EngineError, TaskTimeout, blamed_on
from skorche.kernel import Paths, Record
from skorche.log import complain
from skorche.reserve import RESERVE
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Broken, Capabilities, Done, Emit, Lost, Noticed, Sight, Started

HURRY_SECONDS = 5.0
MEMORY_SECONDS = 0.01
"""So long a thread waits that has no memory to tell that it has none."""

_Work = SimpleQueue["tuple[int, Chunk] | Callable[[], None] | None"]


class ThreadEngine:
    """Threads, one pool per stage."""

    capabilities = Capabilities(kill=True, ahead=True, chunk_seconds=0.005)

    def __init__(self) -> None:
        self._pools: dict[int, _Pool] = {}

    def __repr__(self) -> str:
        return "ThreadEngine()"

    def open(self, stages: Sequence[StagePlan], emit: Emit) -> None:
        """Make the pools; threads start with the first chunks, as many as there is work for."""
        self._pools = {stage.number: _Pool(stage, emit) for stage in stages}

    def submit(self, ticket: int, stage: int, chunk: Chunk) -> None:
        """Put the chunk into the stage's queue."""
        self._pools[stage].submit(ticket, chunk)

    def lend(self, stage: int, action: Callable[[], None]) -> bool:
        """Have an idle thread of the stage do this."""
        return self._pools[stage].lend(action)

    def resize(self, stage: int, workers: int, most: int) -> None:
        """Let a stage use more or fewer threads; `most` is of no use to an engine whose stages share nothing."""
        self._pools[stage].resize(workers)

    def cut(self) -> None:
        """End the chunks that threads have been on since this was called last."""
        for pool in self._pools.values():
            for cut in [*pool.cuts.values()]:
                cut.look()

    def kill(self, ticket: int) -> None:
        """Abandon the thread that works on this ticket."""
        for pool in self._pools.values():
            pool.abandon(ticket)

    def look(self, tickets: Sequence[int]) -> dict[int, Sight]:
        """The stacks of the threads, and where in their chunks they are."""
        threads = {ticket: thread for pool in self._pools.values() for ticket, thread in pool.working(tickets)}
        frames = sys._current_frames()
        return {
            ticket: _see(thread, frame)
            for ticket, thread in threads.items()
            if (frame := frames.get(thread.ident or 0)) is not None
        }

    def close(self, how: Literal["drain", "kill"]) -> None:
        """End and join all threads, the abandoned ones excepted; in a hurry, only those that end soon."""
        for pool in self._pools.values():
            pool.end()
        until = None if how == "drain" else time.monotonic() + HURRY_SECONDS
        for pool in self._pools.values():
            pool.join(until)


class _Pool:
    """The threads of one stage."""

    def __init__(self, stage: StagePlan, emit: Emit) -> None:
        self._stage, self._emit, self._workers = stage, emit, stage.workers
        self._names = stage.edge.rpartition(" into ")[2]
        self._work: _Work = SimpleQueue()
        self._threads: set[Thread] = set()
        self._left: list[Thread] = []
        self._ended = False
        self._lock = Lock()
        self._chunks: dict[int, Chunk] = {}
        self._working: dict[int, Thread] = {}
        self._growing = False
        self._shortage = ""
        self.cuts: dict[Thread, Cut] = {}

    def submit(self, ticket: int, chunk: Chunk) -> None:
        with self._lock:
            self._chunks[ticket] = chunk
            if len(self._threads) < self._workers:
                self._grow()
        self._work.put((ticket, chunk))
        if self._shortage:
            self._tell_shortage()

    def lend(self, action: Callable[[], None]) -> bool:
        """Have a thread that has no chunk do this, if one will stay without until then: a look without the lock."""
        staying = min(len(self._threads), self._workers)
        if self._ended or staying <= len(self._chunks):
            return False
        self._work.put(action)
        return True

    def resize(self, workers: int) -> None:
        """From now on so many threads. Where there are more, those that are idle first leave."""
        with self._lock:
            self._workers = workers
            surplus = len(self._threads) - workers
            self._grow()
        for _ in range(surplus):
            self._work.put(None)
        self._tell_shortage()

    def _leaves(self, thread: Thread) -> bool:
        """Whether a thread that was told that there are too many is one of them, or all are to end."""
        with self._lock:
            if self._ended:
                return True
            surplus = len(self._threads) > self._workers
            if surplus:
                self._leave(thread)
            return surplus

    def _leave(self, thread: Thread) -> None:
        """It is not counted on any more, unless it was abandoned before."""
        if thread in self._threads:
            self._threads.discard(thread)
            self._left.append(thread)

    def _grow(self) -> None:
        """Start a thread, if there is work for one more; that one looks again, so a submit starts one at most."""
        if not self._growing and len(self._threads) < min(self._workers, len(self._chunks)):
            self._growing = True
            thread = Thread(target=self._serve, name=f"skorche {self._names}", daemon=True)
            try:
                thread.start()  # it waits for the lock then
            except RuntimeError as error:
                self._growing = False
                self._make_do(error)
            else:
                self._threads.add(thread)

    def _make_do(self, error: RuntimeError) -> None:
        """The system starts no more threads. Those that there are do the work, if there are any."""
        there = len(self._threads)
        if not there:
            raise _no_threads(self._names) from error
        self._shortage = f"{error}: {self._names} goes on with {there} of {self._workers} threads"
        self._workers = there

    def _tell_shortage(self) -> None:
        """If there is one. Not under the lock: whoever is told may ask something of the run."""
        with self._lock:
            text, self._shortage = self._shortage, ""
        if text:
            self._emit(Noticed(text))

    def _has_grown(self) -> None:
        with self._lock:
            self._growing = False
            self._grow()
        self._tell_shortage()

    def _serve(self) -> None:
        ends: Ends = []
        held: list[tuple[int, Chunk]] = []
        try:
            self._work_off(ends, held)
        except BaseException as error:  # noqa: BLE001  (what it needs cannot be made; whatever else, nobody may wait)
            RESERVE.clear()
            if type(error) is MemoryError:
                error.__traceback__ = None  # its frames hold on to a chunk and what became of it
            while not (self._ended or self._give_up(error, held)):
                time.sleep(MEMORY_SECONDS)  # others use memory too, and let go of it as the run stops
        finally:
            self.cuts.pop(current_thread(), None)
            close_all(ends, complain)

    def _work_off(self, ends: Ends, held: list[tuple[int, Chunk]]) -> None:
        """Until there is no more for this thread. `held` is the chunk that it alone knows of, until it is told."""
        me, run, tells_start = current_thread(), None, self._stage.tells_start
        worker, lock, working = me.native_id, self._lock, self._working
        self.cuts[me] = cut = Cut()
        self._has_grown()
        while (work := self._work.get()) is not None or not self._leaves(me):
            if work is None:
                continue  # there is work for all of them again
            if not isinstance(work, tuple):
                work()
                continue
            ticket, chunk = work
            with lock:
                wanted = ticket in self._chunks
                if wanted:
                    working[ticket] = me  # from now on this thread works on it
            if not wanted:
                del work, chunk
                continue
            if run is None:
                run = runner_of(self._stage.kernel.opened(ends), cut)
            if tells_start:
                self._emit(Started(ticket))
            outcome = run(chunk.items, chunk.entry, chunk.portion)
            with lock:
                working.pop(ticket, None)
                kept = self._chunks.pop(ticket, None)
            if kept is not None:
                held.append((ticket, kept))
                self._emit(Done(ticket, outcome, worker, self._take_line(held) if outcome.left else ()))
                held.clear()
            if me not in self._threads:
                return
            del work, chunk, kept, outcome  # an idle thread must not keep items alive

    def _take_line(self, held: list[tuple[int, Chunk]]) -> list[int]:
        """The tickets that stand in line for a lone thread. It alone knows of them now, until that is told."""
        with self._lock:
            if self._workers > 1:
                return []
            others: list[Callable[[], None] | None] = []
            with suppress(Empty):  # asked without waiting: a thread that is about to leave may take one too
                while True:
                    work = self._work.get_nowait()
                    if not isinstance(work, tuple):
                        others.append(work)
                    elif self._chunks.pop(work[0], None) is not None:
                        held.append(work)
            for other in others:
                self._work.put(other)
            return [ticket for ticket, _ in held[1:]]

    def _give_up(self, error: BaseException, held: list[tuple[int, Chunk]]) -> bool:
        """This thread cannot go on: the run ends, and all that no other thread is on comes back.

        False: to say so takes memory, of which there is none left.
        """
        try:
            self._break_off(blamed_on("a thread of the thread engine", error, EngineError), held)
        except MemoryError:
            return False
        return True

    def _break_off(self, problem: BaseException, held: list[tuple[int, Chunk]]) -> None:
        self._emit(Broken(problem))
        me = current_thread()
        with self._lock:
            self._leave(me)
            for ticket in [ticket for ticket in self._chunks if self._working.get(ticket, me) is me]:
                held.append((ticket, self._chunks[ticket]))
                del self._chunks[ticket]
                self._working.pop(ticket, None)
        while held:
            ticket, chunk = held[-1]
            self._emit(Lost(ticket, problem, None, range(len(chunk.items))))
            held.pop()

    def abandon(self, ticket: int) -> None:
        """Give a ticket back as lost; its thread, if one works on it, is replaced."""
        with self._lock:
            chunk = self._chunks.pop(ticket, None)
            if chunk is None:
                return
            thread = self._working.pop(ticket, None)
            if thread is not None:
                self._threads.discard(thread)
                self._grow()
        self._tell_shortage()
        indices = range(len(chunk.items))
        cause = TaskTimeout("the item was given up.")
        if thread is None:
            self._emit(Lost(ticket, cause, None, indices))
        else:
            self._emit(Lost(ticket, cause, 0, indices[1:], abandoned_thread=True, worker=thread.native_id))

    def working(self, tickets: Sequence[int]) -> list[tuple[int, Thread]]:
        """Those of these tickets that are worked on, with their threads."""
        with self._lock:
            return [(ticket, self._working[ticket]) for ticket in tickets if ticket in self._working]

    def end(self) -> None:
        """Let the threads end; what waits is not begun."""
        with self._lock:
            self._ended = True
            self._chunks = {ticket: self._chunks[ticket] for ticket in self._working}
        for _ in self._threads:
            self._work.put(None)

    def join(self, until: float | None) -> None:
        """Wait for the threads, but no longer than `until`."""
        for thread in (*self._threads, *self._left):
            thread.join(None if until is None else max(0.0, until - time.monotonic()))


def _no_threads(names: str) -> EngineError:
    return EngineError(
        f"no thread could be started for {names}.",
        "the system gives this program no more threads, or no memory for one.",
        "use fewer (max_workers=), or allow more: `ulimit -u`, `ulimit -v`, or the limits of the container.",
    )


def _see(thread: Thread, frame: FrameType) -> Sight:
    """What the thread does, from the kernel on."""
    from traceback import StackSummary, walk_stack  # 8 ms to import: only a stall needs it

    frames = list(takewhile(lambda pair: pair[0].f_code is not _Pool._serve.__code__, walk_stack(frame)))
    stack = "".join(StackSummary.extract(reversed(frames)).format())
    applying = [one.f_locals for one, _ in frames if one.f_code in _APPLYING]
    position, at = _find_position(applying[-1]) if applying else (None, None)
    return Sight(f"thread {thread.name!r} ({thread.ident})", position, at, stack)


_APPLYING = (Record.apply.__code__, Each.run.__code__)


def _find_position(variables: Mapping[str, Any]) -> tuple[int | None, object]:
    """Which item one of these is on: its own variables tell, so that nobody has to write it down for each item."""
    paths: Paths = variables["paths"]
    count = len(variables.get("results", ())) + len(variables.get("failed", ()))
    path = paths[count] if count < len(paths) else None
    return path[0] if type(path) is tuple else path, (getattr(variables["self"], "step", 0), count)
