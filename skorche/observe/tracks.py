"""Notes of a run as lines of a trace: which track each slice lies on, and the JSON that Perfetto and Chrome read.

A worker process is a process with one track; a worker thread is a track of the process that runs the pipeline. Where it
is not known who did the work (`async`, executors, `inline`) slices lie on *lanes*: one that was free, or else another.
Slices of one track never overlap, which viewers could not draw: where clocks disagree, the later one is cut.

The form is the "JSON Array Format" of the Trace Event Format: times are whole microseconds since the run began, so that
no reader's rounding makes slices overlap. "X" is a slice, "C" a counter, "i" an instant, "M" tells a name.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from skorche.compile.plan import Plan
from skorche.errors import text_of
from skorche.events import Happened, Note, Queued, RunFinished, Worked

LANES_START = 1 << 23
"""Tracks of lanes have numbers that no thread has: Linux counts to 2^22."""
LANES_OF_A_STAGE = 1 << 14
FOREVER = 1 << 62
LONGEST_TEXT = 200


class _Track:
    """Where slices are drawn, by what the format calls process and thread; the next begins at `free_from` or later."""

    __slots__ = ("free_from", "process", "thread", "where")

    def __init__(self, process: int, thread: int) -> None:
        self.process, self.thread = process, thread
        self.where = f'"pid":{process},"tid":{thread}'
        self.free_from = 0


class Tracks:
    """Makes lines of notes. They should come in order for each worker."""

    def __init__(self, plan: Plan, began: float) -> None:
        """`began` is the time of `time.monotonic` at which the trace begins."""
        self._plan, self._began = plan, began
        self._here = os.getpid()
        self._titles = [" + ".join(stage.names) for stage in plan.stages]
        self._names = [json.dumps(title) for title in self._titles]
        self._steps = [[json.dumps(name) for name in stage.names] for stage in plan.stages]
        self._counters = [json.dumps(f"waiting for {title}") for title in self._titles]
        self._workers = [stage.workers for stage in plan.stages]
        self._lanes: list[list[tuple[int, int]]] = [[] for _ in plan.stages]
        self._run = _Track(self._here, self._here)  # by the main thread's number, which works on nothing
        self._tracks: dict[int, _Track] = {}
        self._threads = [0] * len(plan.stages)
        self._waiting = [0] * len(plan.stages)

    def first_lines(self) -> Iterator[str]:
        """What is known before anything happens."""
        yield self._named("process_name", _Track(self._here, 0), name=f"skorche {self._plan.name}")
        yield self._named("process_sort_index", _Track(self._here, 0), sort_index=0)
        yield self._named("thread_name", self._run, name="run")
        yield self._named("thread_sort_index", self._run, sort_index=-1)
        yield from (self._counter(0, stage, 0) for stage in range(len(self._titles)))

    def last_lines(self, record: RunFinished, at: float) -> Iterator[str]:
        """What is known when all is over: nothing waits any more, and how it ended."""
        end = self._micros(at)
        yield from (self._counter(end, stage, 0) for stage, count in enumerate(self._waiting) if count)
        counts = ("admitted", "delivered", "filtered", "failed", "cancelled")
        told = {name: getattr(record, name) for name in counts}
        if record.error is not None:
            told["error"] = _cut(text_of(record.error))
        yield self._event("X", self._plan.name, self._run, ts=0, dur=end, cat="run", args=told)

    def lines(self, notes: Iterable[Note]) -> list[str]:
        """The lines of these notes."""
        lines: list[str] = []
        for note in notes:
            if isinstance(note, Worked):
                self._draw(note, lines)
            else:
                lines += self._tell(note)
        return lines

    def _tell(self, note: Queued | Happened) -> Iterator[str]:
        """What is no slice."""
        at = self._micros(note.at)
        if isinstance(note, Happened):
            told = text_of(note.told) if isinstance(note.told, BaseException) else str(note.told)
            yield self._instant(at, note.what, note.where, told)
            return
        yield self._counter(at, note.stage, note.items)
        if note.workers != self._workers[note.stage]:
            told = f"{self._workers[note.stage]} to {note.workers} workers"
            self._workers[note.stage] = note.workers
            yield self._instant(at, "resize", self._titles[note.stage], told)

    def _micros(self, at: float) -> int:
        return max(0, int((at - self._began) * 1e6))

    # -- slices -----------------------------------------------------------------------------------------------------

    def _draw(self, note: Worked, lines: list[str]) -> None:
        """Add the slice of a chunk, and those of its steps."""
        began, ended, stage, number = self._micros(note.began), self._micros(note.ended), note.stage, note.worker
        lane = -1
        if number is None:
            lane = self._take_lane(stage, began)
            number = LANES_START + stage * LANES_OF_A_STAGE + lane
        track = self._tracks.get(number)
        if track is None:
            track = self._tracks[number] = _Track(number if note.process and lane < 0 else self._here, number)
            lines += self._introduce(track, stage, lane)
        began = max(began, track.free_from)
        track.free_from = ended = max(ended, began + 1)
        if lane >= 0:
            insort(self._lanes[stage], (ended, lane))
        first = "null" if note.first is None else note.first
        lines.append(
            f'{{"ph":"X","cat":"chunk","name":{self._names[stage]},{track.where},"ts":{began},"dur":{ended - began},'
            f'"args":{{"items":{note.items},"ticket":{note.ticket},"first":{first}{_more(note)}}}}}'
        )
        if len(note.steps) > 1:
            lines += self._children(note, track, began, ended)

    def _take_lane(self, stage: int, began: int) -> int:
        """The lane that was free last; if none was, a new one, but no more than there are workers.

        Slices come in the order of their ends: lanes that were free earlier are kept for those that began earlier.
        """
        lanes = self._lanes[stage]
        free = bisect_right(lanes, (began, FOREVER))
        if free:
            return lanes.pop(free - 1)[1]
        if len(lanes) < max(self._workers[stage], 1):
            return len(lanes)
        return lanes.pop(0)[1]

    def _introduce(self, track: _Track, stage: int, lane: int) -> Iterator[str]:
        """Name a track that nothing lay on before."""
        if track.process != self._here:
            yield self._named("process_name", track, name="skorche worker")
            yield self._named("process_sort_index", track, sort_index=1)
            yield self._named("thread_name", track, name=f"worker {track.process}")
            return
        self._threads[stage] += 1
        number = lane + 1 if lane >= 0 else self._threads[stage]
        yield self._named("thread_name", track, name=f"{self._titles[stage]} {number}")
        yield self._named("thread_sort_index", track, sort_index=stage * LANES_OF_A_STAGE + number)

    def _children(self, note: Worked, track: _Track, began: int, ended: int) -> Iterator[str]:
        """A slice for each step, one after the other, though a worker may have gone through them several times."""
        total = sum(step[1] for step in note.steps if step is not None)
        scale = min(1e6, (ended - began) / total) if total else 0.0
        seconds = 0.0
        for name, step in zip(self._steps[note.stage], note.steps, strict=True):
            if step is None:
                continue
            start, seconds = began + int(seconds * scale), seconds + step[1]
            stop = began + int(seconds * scale)
            if stop > start:
                yield (
                    f'{{"ph":"X","cat":"step","name":{name},{track.where},"ts":{start},"dur":{stop - start},'
                    f'"args":{{"items":{step[0]}}}}}'
                )

    # -- all else ---------------------------------------------------------------------------------------------------

    def _counter(self, at: int, stage: int, items: int) -> str:
        self._waiting[stage] = items
        return f'{{"ph":"C","name":{self._counters[stage]},{self._run.where},"ts":{at},"args":{{"items":{items}}}}}'

    def _instant(self, at: int, what: str, where: str, told: str) -> str:
        about = {"node": where, "told": _cut(told)}
        args = {name: text for name, text in about.items() if text}
        return self._event("i", f"{what}: {where}" if where else what, self._run, s="t", ts=at, args=args)

    def _named(self, what: str, track: _Track, **args: object) -> str:
        return self._event("M", what, track, args=args)

    def _event(self, phase: str, name: str, track: _Track, args: Mapping[str, object], **rest: Any) -> str:
        whole = {"ph": phase, "name": name, "pid": track.process, "tid": track.thread, **rest, "args": args}
        return json.dumps(whole, separators=(",", ":"))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 3]}..."


def _more(note: Worked) -> str:
    """What there is to say of some chunks only."""
    text = f',"failures":{note.failures}' if note.failures else ""
    if note.bytes_in or note.bytes_out:
        text += f',"bytes_in":{note.bytes_in},"bytes_out":{note.bytes_out}'
    return f'{text},"lost":{json.dumps(_cut(note.lost))}' if note.lost else text
