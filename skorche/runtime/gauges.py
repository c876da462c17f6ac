"""What a run looks like while it goes on: who is idle, and why, and how much waits where. By looks, not by events.

A thread looks at the stages some twenty times a second, at irregular times, and weighs what it sees by the time since
its last look. Looks at times that have nothing to do with what is seen give true shares of the time ("random
observers", Wolff, Operations Research 30(2), 1982), and cost a chunk nothing. Numbers are read without a lock: each is
true, though another may be a moment younger.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from skorche.events import NodeTally, Surroundings
from skorche.runtime.build import Parts
from skorche.runtime.engine import Engine, has_workers
from skorche.runtime.stage import Stage
from skorche.runtime.vitals import usable_cores


class Gauge:
    """What was seen of one stage. Seconds, or worker-seconds; see `events.NodeTally`."""

    def __init__(self, stage: Stage, engine: str, *, serial: bool) -> None:
        self.stage, self.engine, self.serial = stage, engine, serial
        self.watched = self.workers = self.starved = self.blocked = self.queued = self.full = 0.0
        self.waiting = self.held = 0.0
        self.worker_bytes = 0

    def look(self, seconds: float) -> None:
        """So it has been for `seconds`."""
        stage, edge = self.stage, self.stage.edge
        if not stage.unfinished:
            return
        waiting = edge.waiting.count
        idle = stage.workers - min(stage.in_flight, stage.workers)
        self.watched += seconds
        self.workers += seconds * stage.workers
        self.waiting += seconds * waiting
        if waiting:
            self.queued += seconds
        if edge.room < 1:
            self.full += seconds
        if idle and not (waiting or stage.due):
            self.starved += seconds * idle
        elif idle and self._is_blocked():
            self.blocked += seconds * idle
        elif idle:
            self.held += seconds * idle

    def _is_blocked(self) -> bool:
        """Whether there is no room for results in some target, as far as can be told from another thread."""
        try:
            return any(target.room < 1 for target in self.stage.targets)
        except RuntimeError:  # an operator's memory changed while its groups were counted: items are on the move there
            return False

    def seen(self) -> dict[str, Any]:
        """What a `NodeTally` says of the whole stage."""
        plan = self.stage.plan
        return {
            "workers": self.stage.workers,
            "bytes_in": self.stage.bytes_in,
            "bytes_out": self.stage.bytes_out,
            "worker_bytes": self.worker_bytes,
            "watched_seconds": self.watched,
            "worker_seconds": self.workers,
            "starved_seconds": self.starved,
            "blocked_seconds": self.blocked,
            "queued_seconds": self.queued,
            "full_seconds": self.full,
            "mean_waiting": self.waiting / self.watched if self.watched else 0.0,
            "held_seconds": self.held,
            "serial": self.serial,
            "ordered": plan.ordered,
            "limits": tuple([str(one) for one in plan.limits]),
            "pinned": plan.pinned,
            "ending": not self.stage.edge.open,
        }


class Gauges:
    """Looks at all that a run consists of, and keeps what it sees; asked, puts it together with what was counted."""

    def __init__(self, parts: Parts, engines: Sequence[tuple[Engine, Sequence[int]]] = ()) -> None:
        """`engines` with the numbers of their stages."""
        self._parts = parts
        is_task = [node.is_task for node in parts.books.plan.nodes]
        self._gauges = [
            Gauge(stage, stage.plan.engine_name, serial=stage.plan.folds or not is_task[stage.plan.nodes[0]])
            for stage in parts.stages
        ]
        self._engines = [(engine, numbers) for engine, numbers in engines if has_workers(engine)]
        self._stage_of = {node: gauge for gauge in self._gauges for node in gauge.stage.plan.nodes}
        self._watched = self._source = self._reading = self._sink = self._memory = self._gil = 0.0
        self._last_source = self._last_output = -1
        self._resident = 0
        self._lined, self._lines = 0.0, dict[int, float]()
        self._cpu_began = time.process_time()

    def look(self, seconds: float, *, locked: bool = False) -> None:
        """So it has been for `seconds`; `locked`: who looks had to wait for Python's lock."""
        parts = self._parts
        self._watched += seconds
        self._gil += seconds * locked
        self._memory += seconds * parts.books.holding
        for gauge in self._gauges:
            gauge.look(seconds)
        reading = [feed for feed in parts.feeds if feed.asked and not (feed.exhausted or feed.waiting.count)]
        if reading:
            self._reading += seconds
        owing = [feed.number for feed in reading if feed.target.idle]
        if owing:
            self._source += seconds
            self._last_source = owing[0]
        unread = [number for number, outlet in enumerate(parts.outlets) if outlet.unread]
        if unread:
            self._sink += seconds
            self._last_output = unread[0]

    def weigh(self, own_bytes: int) -> int:
        """Look at the worker processes; gives what they and this one have in memory now, in bytes."""
        total = own_bytes
        for engine, _ in self._engines:
            for worker in engine.workers_now():
                total += worker.resident_bytes
                self._lined += max(0.0, worker.seconds_in_line - self._lines.get(worker.pid, 0.0))
                self._lines[worker.pid] = worker.seconds_in_line
                for number in worker.stages:
                    gauge = self._gauges[number]
                    gauge.worker_bytes = max(worker.resident_bytes, gauge.worker_bytes)
        self._resident = max(total, self._resident)
        return total

    def tallies(self) -> dict[str, NodeTally]:
        """What each node did and was seen doing. Only for who has the turn."""
        nodes = {}
        for number, tally in enumerate(self._parts.books.tallies):
            gauge = self._stage_of.get(number)
            frozen = tally.freeze()
            if gauge is not None:
                first = gauge.stage.plan.nodes[0]
                seen = gauge.seen() if number == first else {}
                name = self._parts.books.tallies[first].name
                frozen = frozen._replace(stage=name, engine=gauge.engine, **seen)
            nodes[tally.name] = frozen
        return nodes

    def surroundings(self) -> Surroundings:
        """What was around."""
        plan, source, output = self._parts.books.plan, self._last_source, self._last_output
        return Surroundings(
            cores=usable_cores(),
            watched_seconds=self._watched,
            source_seconds=self._source,
            sink_seconds=self._sink,
            memory_seconds=self._memory,
            cpu_seconds=time.process_time() - self._cpu_began,
            resident_bytes=self._resident,
            reading_seconds=self._reading,
            gil_seconds=self._gil,
            lined_seconds=self._lined,
            source=plan.sources[source].name if source >= 0 else "",
            output=plan.ends[output].name if output >= 0 else "",
        )
