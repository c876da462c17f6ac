"""Runs kernels at once, in the coordinator's thread: the simplest engine, and what all others must agree with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from skorche.compile.plan import StagePlan
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Capabilities, Done, Emit, Sight


class InlineEngine:
    """Nothing runs in parallel. A timeout is judged after the fact."""

    capabilities = Capabilities(kill=False, ahead=False, chunk_seconds=0.005, returns=False)

    def __repr__(self) -> str:
        return "InlineEngine()"

    def open(self, stages: Sequence[StagePlan], emit: Emit) -> None:
        """Remember the kernels."""
        self._kernels = {stage.number: stage.kernel for stage in stages}
        self._emit = emit

    def submit(self, ticket: int, stage: int, chunk: Chunk) -> None:
        """Run the chunk now."""
        self._emit(Done(ticket, self._kernels[stage].run(chunk.items, entry=chunk.entry, portion=chunk.portion)))

    def kill(self, ticket: int) -> None:
        """Nothing is ever under way when somebody could ask."""

    def look(self, tickets: Sequence[int]) -> dict[int, Sight]:
        """Tasks run in the very thread that would notice a stall, so nothing is ever out."""
        return {}

    def close(self, how: Literal["drain", "kill"]) -> None:
        """Nothing to leave."""
