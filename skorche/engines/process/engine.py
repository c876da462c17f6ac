"""The engine of worker processes: `runtime.engine`'s protocol on one side, the hub on the other."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Literal

from skorche.compile.plan import StagePlan
from skorche.engines.process.hub import Hub
from skorche.engines.process.job import Job
from skorche.engines.process.member import Asked
from skorche.engines.transfer import dump_kernel
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Capabilities, Emit, Sight, WorkerNow

if TYPE_CHECKING:
    from skorche.engines.process.kept import KeptWorkers  # only who keeps workers needs it

HUB_SECONDS = 2.0
"""How long the thread that talks to the workers is waited for when it is asked about them."""


class ProcessEngine:
    """One pool per run, at most as many processes as cores or as the widest task wants; any runs any stage.

    `kept`: where they may come from, and wait for the next run of the pipeline.
    """

    kept: KeptWorkers | None = None
    capabilities = Capabilities(kill=True, ahead=True, chunk_seconds=0.03, chunk_bytes=1 << 20, edge_items=32_768)

    def __repr__(self) -> str:
        return "ProcessEngine()"

    def open(self, stages: Sequence[StagePlan], emit: Emit) -> None:
        """Pickle the kernels and start the workers.

        Raises:
            GraphError: a task cannot be pickled.
        """
        kernels = {stage.number: pickle.dumps((dump_kernel(stage), stage.sealed)) for stage in stages}
        most = max([os.cpu_count() or 1, *(stage.workers for stage in stages)])
        self._stages = {stage.number: stage for stage in stages}
        kept = self.kept
        if kept is not None and any(any(stage.recycling) for stage in stages):
            kept.end()  # what they have done, and grown by, is not to be forgotten
            kept = None
        self._hub: Hub | None = Hub(stages, kernels, most, emit, kept)
        self._hub.start(min(most, sum(stage.workers for stage in stages)))

    def submit(self, ticket: int, stage: int, chunk: Chunk) -> None:
        """Hand the chunk to the hub."""
        hub, job = self._hub, Job(ticket, self._stages[stage], chunk)
        assert hub is not None
        hub.call(lambda: hub.submit(job))

    def kill(self, ticket: int) -> None:
        """Kill the process that works on this ticket."""
        hub = self._hub
        assert hub is not None
        hub.call(lambda: hub.kill(ticket))

    def lend(self, stage: int, action: Callable[[], None]) -> bool:
        """Have the hub do this, if it waits for nothing else: with work out, many events are better handled at once."""
        hub = self._hub
        if hub is None or hub.out:
            return False
        hub.call(action)
        return True

    def resize(self, stage: int, workers: int, most: int) -> None:
        """Let the hub use more or fewer workers for a stage."""
        hub = self._hub
        assert hub is not None
        hub.call(lambda: hub.resize(stage, workers, most))

    def look(self, tickets: Sequence[int]) -> dict[int, Sight]:
        """The stacks of the workers, which all are asked before one is waited for."""
        hub, answer = self._hub, SimpleQueue[dict[int, Asked]]()
        assert hub is not None
        hub.call(lambda: answer.put({ticket: asked for ticket in tickets if (asked := hub.ask(ticket)) is not None}))
        return {ticket: asked.sight() for ticket, asked in answer.get(timeout=HUB_SECONDS).items()}

    def workers_now(self) -> list[WorkerNow]:
        """What each worker says of itself. A look without a lock: one that is buried meanwhile is left out."""
        hub, found = self._hub, []
        for member in [] if hub is None else hub.crew.members[:]:
            with suppress(ValueError):  # what it shared with us is gone
                found.append(member.now())
        return found

    def close(self, how: Literal["drain", "kill"]) -> None:
        """End all workers, or have them wait for the next run; those still at work are killed."""
        if getattr(self, "_hub", None) is not None:
            assert self._hub is not None
            self._hub.stop(rest=how == "drain")
            self._hub = None
