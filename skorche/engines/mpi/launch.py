"""How the program was started, by what launchers leave in the environment. Nothing of MPI is imported for it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from skorche.log import say
from skorche.named import NamedTuple

SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "PALS_SIZE", "SLURM_STEP_NUM_TASKS")
RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MV2_COMM_WORLD_RANK", "PALS_RANKID", "SLURM_PROCID")
PROMISES = ("PMIX_RANK", "PMI_RANK", "PALS_RANKID")
"""Set for each process of a launcher that does not say how many there are: MPI must be asked."""


class Launch(NamedTuple):
    """What a launcher told this process: how many were started (None: it did not say), and which one this is."""

    size: int | None
    rank: int | None

    @classmethod
    def seen(cls, environment: Mapping[str, str] = os.environ) -> Launch:
        """By the environment; a size of 1 if there is no sign of a launcher.

        >>> Launch.seen({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "2"})
        Launch(size=4, rank=2)
        >>> Launch.seen({"PMIX_RANK": "0"}), Launch.seen({})
        (Launch(size=None, rank=0), Launch(size=1, rank=None))
        """
        size, rank = _first_number(environment, SIZES), _first_number(environment, RANKS)
        if size is None and not any(name in environment for name in PROMISES):
            size = 1
        return cls(size, rank)


def _first_number(environment: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    return next((int(environment[name]) for name in names if environment.get(name, "").isdigit()), None)


class Copies:
    """Tells, once in a process, that a run is one of many that all do the same; not to who has used `engine="mpi"`."""

    def __init__(self) -> None:
        self._told = False

    def forbear(self) -> None:
        """Say nothing from now on: they know."""
        self._told = True

    def warn(self, launch: Launch) -> None:
        """One of `launch.size` processes runs the whole job. Only the first of them says so."""
        if self._told or launch.size is None or launch.size < 2 or launch.rank:
            return
        self._told = True
        say(
            "this program was started %d times, by mpirun or the like, and EACH of them now runs the WHOLE job: "
            "give run(engine='mpi') to share the work among them, or run(shard=...) for a part in each",
            launch.size,
        )


COPIES = Copies()
