"""Runs kernels at once, in the coordinator's thread: the simplest engine, and what all others must agree with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from skorche.call import Ends, close_all
from skorche.compile.plan import StagePlan
from skorche.each import Runner, runner_of
from skorche.errors import WorkerStartError
from skorche.log import complain
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Broken, Capabilities, Done, Emit, Lost, Sight


class InlineEngine:
    """Nothing runs in parallel. A timeout is judged after the fact."""

    capabilities = Capabilities(kill=False, ahead=False, chunk_seconds=0.005, returns=False)

    def __init__(self) -> None:
        self._opened: dict[int, Runner] = {}
        self._ends: Ends = []

    def __repr__(self) -> str:
        return "InlineEngine()"

    def open(self, stages: Sequence[StagePlan], emit: Emit) -> None:
        """Remember the kernels."""
        self._kernels = {stage.number: stage.kernel for stage in stages}
        self._emit = emit

    def submit(self, ticket: int, stage: int, chunk: Chunk) -> None:
        """Run the chunk now."""
        run = self._opened.get(stage)
        if run is None:
            try:
                run = self._opened[stage] = runner_of(self._kernels[stage].opened(self._ends))
            except WorkerStartError as error:
                self._emit(Broken(error))
                self._emit(Lost(ticket, error, None, range(len(chunk.items))))
                return
        self._emit(Done(ticket, run(chunk.items, chunk.entry, chunk.portion)))

    def kill(self, ticket: int) -> None:
        """Nothing is ever under way when somebody could ask."""

    def look(self, tickets: Sequence[int]) -> dict[int, Sight]:
        """Tasks run in the very thread that would notice a stall, so nothing is ever out."""
        return {}

    def close(self, how: Literal["drain", "kill"]) -> None:
        """Close what was made for the tasks."""
        close_all(self._ends, complain)
