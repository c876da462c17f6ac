"""How a worker goes through a chunk: slice by slice, saying in its slot where it is, and saving what is done.

A slice is about a millisecond of measured work, so that no more than that is lost when the process dies; where items
suddenly take much longer it is cut. Its results go into the spool, or with all that is in it to the parent when it is
full or the chunk is done.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from skorche.cut import Cut
from skorche.each import each_of, failed_last
from skorche.engines.process.packing import Piece, Sealing, pack_outcome, pack_results, size_of, unpack
from skorche.engines.process.slot import ANY, IDLE, INDEX, LAST, NONE, READING, SPOOLED, STEP, WRITING
from skorche.engines.process.voice import At, Voice
from skorche.engines.process.wire import CUT, END, HEADER, LARGE, LARGE_BYTES, PART, PARTS, RETIRED, Work, frame
from skorche.engines.transfer import largest, largest_result
from skorche.errors import TransferError, describe, text_of
from skorche.kernel import Kernel, Outcome, Trouble
from skorche.named import NamedTuple
from skorche.runtime.memory import resident_bytes

SLICE_SECONDS = 0.001
GROWTH = 4
FINE_SLICE = 1000
"""In a larger slice, of items below a microsecond, the slot does not say which one the worker is on: saying it would
take as long as the item. When the worker dies there, the slice is done again one by one."""


LOOKS = 2
"""A chunk that has seen so many looks has taken a tenth of a second, and should have taken a third of that."""


class LoadedStage:
    """A stage's kernel, how its results leave, the slice that fits its cost, and when this process has done enough."""

    def __init__(self, kernel: Kernel, sealing: Sealing, most_items: int, most_bytes: int) -> None:
        self.kernel, self.each, self.sealing = kernel, each_of(kernel), sealing
        self._slice = 1
        self.items_left = most_items or sys.maxsize
        self.most_bytes = most_bytes
        self.told_size = False

    @property
    def is_bloated(self) -> bool:
        return bool(self.most_bytes) and resident_bytes() > self.most_bytes

    def slice(self, single: bool) -> int:
        return min(1 if single else self._slice, self.items_left)

    def learn(self, count: int, seconds: float) -> None:
        wanted = max(1, int(SLICE_SECONDS * count / max(seconds, 1e-9)))
        self._slice = min(wanted, self._slice * GROWTH)


class Assignment(NamedTuple):
    """A chunk to work on; `indices` are the items' numbers in the parent's chunk."""

    ticket: int
    work: Work
    items: Sequence[Any]
    indices: Sequence[int]


Send = Callable[[Sequence[Piece]], None]


class Slicer:
    """Goes through chunks, in one worker. `channel` is the pipe to the parent, to which `send` writes."""

    def __init__(self, slot: memoryview, spool: memoryview, voice: Voice, channel: int, send: Send, cut: Cut) -> None:
        self._slot, self._spool, self._voice, self._channel, self._send = slot, spool, voice, channel, send
        self._cut, self._looks = cut, 0
        self._first = self._last = 0  # the items that the spool has results of

    def go_through(self, job: Assignment, stage: LoadedStage) -> None:
        """Work on the items, as long as this process may, and unless it takes far too long."""
        start, count = 0, len(job.items)
        self._looks = self._cut.looks
        if stage.each is not None and job.work.is_plain and self._voice.transcript is None:
            self._voice.at = At(job.work.stage, job.items, job.indices)
            began = time.thread_time()
            while start < count and stage.items_left:
                start = self._call_each(job, stage, stage.each, start, began)
        while start < count and stage.items_left:
            start = self._slice(job, stage, start)
        self._cut.items = None

    def _call_each(
        self, job: Assignment, stage: LoadedStage, call: Callable[[Any], Any], start: int, cpu_began: float
    ) -> int:
        """The same as `_slice` does where the kernel is one call, with as little as possible around it.

        It stops at an item that fails. With items of a millisecond each is a slice, and all that is done here has left
        the caches of the processor meanwhile. CPU time is told with the last slice.
        """
        slot, stop = self._slot, min(len(job.items), start + stage.slice(single=False))
        indices, results = job.indices[start:stop], list[Any]()
        self._cut.items = items = iter(job.items[start:stop])
        slot[LAST] = indices[-1]
        began = time.perf_counter()
        failure = self._call(call, items, indices, results)
        seconds = time.perf_counter() - began
        count = len(results)
        if start + count < stop:
            if failure is None and not self._cut.was_made(items):
                failure = StopIteration()  # which `map` took for the end of the items
            stop = start + count + (failure is not None)
            if stop == start:
                return start  # it was ended before it had begun
            slot[LAST] = job.indices[stop - 1]
        stage.learn(stop - start, seconds)
        slot[STEP] = WRITING
        kind = self._count_off(job, stage, start, stop)
        cpu = 0.0 if kind == PART else time.thread_time() - cpu_began
        done = indices[:count]
        if failure is not None:
            failed = start + count
            outcome = failed_last(results, done, job.items[failed], job.indices[failed], failure, seconds, cpu)
            body = pack_outcome(outcome, stage.kernel, None, stage.sealing)
        else:
            body = pack_results(results, stage.kernel, done, seconds, cpu, stage.sealing)
        size = size_of(body)
        if size > LARGE_BYTES and not stage.told_size:
            self._tell_size(job.ticket, stage, size if stop == start + 1 else largest(results))
        self._leave(kind, job.ticket, body, indices[0], job.indices[stop - 1])
        slot[STEP] = IDLE
        return len(job.items) if kind == CUT else stop

    def _call(
        self, call: Callable[[Any], Any], items: Iterator[Any], indices: Sequence[int], results: list[Any]
    ) -> BaseException | None:
        """Add a result for each item, up to one that fails: what it has raised."""
        slot = self._slot
        try:
            if len(indices) > FINE_SLICE:
                slot[INDEX], slot[STEP] = ANY, 0
                results.extend(map(call, items))
            else:
                slot[INDEX], slot[STEP] = NONE, 0
                append = results.append
                for item, slot[INDEX] in zip(items, indices):  # noqa: B905  (as long as each other, unless it is cut)
                    append(call(item))
        except BaseException as error:  # noqa: BLE001  (a SystemExit in a task fails its item, as in `kernel`)
            return error
        return None

    def _count_off(self, job: Assignment, stage: LoadedStage, start: int, stop: int) -> int:
        """These items are done; gives the kind of the message that says so."""
        stage.items_left -= stop - start
        if stop == len(job.items) or not stage.items_left:
            return END if stage.items_left else RETIRED
        took_long = self._cut.looks >= self._looks + LOOKS
        return CUT if took_long and job.work.may_be_cut else PART

    def _slice(self, job: Assignment, stage: LoadedStage, start: int) -> int:
        """Work on the next slice and send its results; gives where the one after it starts."""
        stop = min(len(job.items), start + stage.slice(job.work.single))
        indices, items = job.indices[start:stop], job.items[start:stop]
        self._slot[LAST] = indices[-1]
        outcome = None
        if job.work.sizes is not None:
            items, outcome = self._unpack(items, indices, stage.kernel)
        if outcome is None:
            outcome = self._run(job.work, stage, items, indices)
        self._slot[STEP] = WRITING
        kind = self._count_off(job, stage, start, stop)
        transcript = self._voice.transcript
        complete = None if transcript is None else transcript.attach
        body = pack_outcome(outcome, stage.kernel, complete, stage.sealing)
        size = size_of(body)
        if size > LARGE_BYTES and not stage.told_size:
            self._tell_size(job.ticket, stage, size if stop == start + 1 else largest_result(outcome))
        self._leave(kind, job.ticket, body, indices[0], indices[-1])
        self._slot[STEP] = IDLE
        return len(job.items) if kind == CUT else stop

    def _run(self, work: Work, stage: LoadedStage, items: Sequence[Any], indices: Sequence[int]) -> Outcome:
        """Run the kernel over a slice."""
        transcript = self._voice.transcript
        if transcript is not None:
            transcript.clear()
        self._voice.at = At(work.stage, items, indices)
        began = time.perf_counter()
        mark = self._slot if len(items) <= FINE_SLICE or transcript is not None else None
        if mark is None:
            self._slot[INDEX], self._slot[STEP] = ANY, work.entry
        if indices[0] in work.deadly:  # then it is the only one of its slice
            from skorche.deadly import go_again  # which few workers need

            return go_again(stage.kernel, work.deadly[indices[0]], items[0], indices[0], work.entry, mark)
        outcome = stage.kernel.run(items, indices, work.entry, mark)
        stage.learn(len(items), time.perf_counter() - began)
        return outcome

    def _tell_size(self, ticket: int, stage: LoadedStage, size: int) -> None:
        if size > LARGE_BYTES:
            stage.told_size = True
            self._send(frame(LARGE, ticket, [], size))

    def _leave(self, kind: int, ticket: int, body: list[Piece], first: int, last: int) -> None:
        """The results of a slice leave the worker: into the spool, or with all that is in it to the parent."""
        start = self._slot[SPOOLED]
        size = size_of(body)
        stop = start + HEADER.size + size
        if kind == PART and stop <= len(self._spool):
            os.fstat(self._channel)  # a task that has closed the pipe is found out now, not with the last slice
            HEADER.pack_into(self._spool, start, size, kind, ticket, first, last)
            self._first, self._last = first if not start else self._first, last
            self._spool[start + HEADER.size : stop] = b"".join(body)
            self._slot[SPOOLED] = stop
            return
        spooled = frame(PARTS, ticket, [self._spool[:start]], self._first, self._last) if start else []
        self._send([*spooled, *frame(kind, ticket, body, first, last)])
        self._slot[SPOOLED] = 0

    def _unpack(self, items: Sequence[memoryview], indices: Sequence[int], kernel: Kernel) -> tuple[list[Any], Any]:
        """The one item of a careful slice; an outcome that says why, if it cannot be unpickled."""
        self._voice.at = None
        self._slot[INDEX] = indices[0]
        self._slot[STEP] = READING
        try:
            return [unpack(items[0])], None
        except BaseException as error:  # noqa: BLE001  (whatever unpickling raises fails the item)
            problem = TransferError(
                f"an item cannot be unpickled in a worker: {text_of(error)}",
                "its class raised while it was rebuilt.",
                "give its class a __reduce__ that works, or pass a path or an id in its place.",
            )
            problem.__cause__ = error
            outcome = Outcome.empty(kernel)
            outcome.troubles.append(Trouble(0, indices[0], None, problem, describe(error)))
            return [], outcome
