"""The engine `mpi`: the adapter for executors, with one of mpi4py.futures whose workers are the other ranks.

A program of one process (`mpirun -n 1`, or no launcher at all) has no other ranks: its tasks run on its threads,
through the same adapter, and MPI need not even be installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Literal

from skorche.compile.plan import StagePlan
from skorche.engines.executor import ExecutorEngine
from skorche.engines.mpi.parcel import dump_named, pack, unpack
from skorche.engines.mpi.ranks import WORLD, Ranks, Word
from skorche.engines.transfer import dump_error, load_error
from skorche.errors import AlreadyRunning, EngineError
from skorche.runtime.engine import Emit
from skorche.runtime.served import Ending

CHUNK_SECONDS = 0.1
"""A message takes a millisecond, since both sides look for it now and then."""


class MpiEngine(ExecutorEngine):
    """Tasks on the other ranks. Weaker than the engines of skorche's own, which the report says."""

    def __init__(self) -> None:
        super().__init__(self._make_executor)
        self._ranks = WORLD.ranks()
        self._number = 0 if self._ranks is None else self._ranks.next_number()
        self._said: Literal["nothing", "run", "end"] = "nothing"
        self._most = 1
        if self._ranks is None:
            who = "one process alone: tasks ran on its threads"
        else:
            others = self._ranks.size - 1
            who = f"{others} serving rank{'s' * (others > 1)}: when a rank dies, the program ends"
        self.capabilities = self.capabilities._replace(
            chunk_seconds=CHUNK_SECONDS, guarantee=f"mpi, {who}; a timeout cannot stop an item"
        )

    def __repr__(self) -> str:
        return "MpiEngine()"

    @property
    def leads(self) -> bool:
        """Whether runs go on in this process."""
        return self._ranks is None or self._ranks.leads

    def open(self, stages: Sequence[StagePlan], emit: Emit) -> None:
        """Call the other ranks to serve.

        Raises:
            AlreadyRunning: they serve in another run.
            GraphError: a task cannot be pickled.
        """
        self._most = sum(stage.workers for stage in stages)
        if self._ranks is not None:
            self._call(self._ranks)
        super().open(stages, emit)

    def _call(self, ranks: Ranks) -> None:
        if ranks.leading:
            raise AlreadyRunning(
                "a run with engine='mpi' was started while another one goes on.",
                "the other ranks serve in one run at a time.",
                "wait for the first run, or declare both in one pipeline.",
            )
        ranks.leading = True
        self._said = "run"
        ranks.say(self._number, Word("run"))

    def _make_executor(self) -> Executor:
        if self._ranks is None:
            return ThreadPoolExecutor(self._most, thread_name_prefix="skorche mpi")
        made: Executor = _comm_executor(self._ranks).__enter__()
        return made

    def serve(self) -> Ending:
        """On the other ranks: work until the run has ended.

        Raises:
            Exception: what kept the run from starting, or that rank 0 has left the program.
        """
        ranks = self._ranks
        assert ranks is not None
        with ranks.held():
            word = ranks.hear(self._number)
            if word.kind == "run":
                _comm_executor(ranks).__enter__()  # comes back when rank 0 has shut its executor down
                word = ranks.hear(self._number)
            ending = unpack(ranks.receive_end(word)) if word.kind == "end" else None
        if ending is not None:
            return ending
        if word.kind == "refused":
            raise load_error(word.payload)
        raise EngineError(
            f"rank {ranks.rank} came to a run with engine='mpi' that rank 0 did not come to.",
            "rank 0 has left the program, perhaps by an exception.",
            "see what rank 0 said; all ranks must come to the same runs, in the same order.",
        )

    def tell(self, ending: Ending) -> None:
        """On rank 0: tell the others how the run ended."""
        if self._ranks is not None:
            self._tell_last(self._ranks, lambda ranks: ranks.end(self._number, pack(ending)))

    def refuse(self, error: BaseException) -> None:
        """On rank 0: tell the others that the run did not start, unless they know how it ended."""
        if self._ranks is not None:
            word = Word("refused", dump_error(error, dump_named))
            self._tell_last(self._ranks, lambda ranks: ranks.say(self._number, word))

    def _tell_last(self, ranks: Ranks, tell: Callable[[Ranks], None]) -> None:
        if self._said == "end":
            return
        began, self._said = self._said == "run", "end"
        try:
            tell(ranks)
        except BaseException as problem:  # noqa: BLE001  (the others wait for it)
            ranks.abort(f"rank 0 could not tell the others how a run ended ({problem!r})")
        if began:
            ranks.leading = False


def _comm_executor(ranks: Ranks) -> Any:
    from mpi4py.futures import MPICommExecutor

    return MPICommExecutor(ranks.comm, root=0, use_pkl5=True)
