"""What the ranks of a program say to each other about its runs: begin, refused, end, and that rank 0 leaves.

The n-th run of the script is the n-th everywhere, so its number is the tag of what is said about it. Whoever waits
sleeps between two looks: waiting inside MPI would keep a processor busy. No rank leaves the program before rank 0 does,
so one that has failed on its own is missed when the next run begins, and the program is ended instead of hanging.
"""

from __future__ import annotations

import atexit
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, Literal, NoReturn

from skorche.engines.mpi.launch import Launch
from skorche.errors import AlreadyRunning, EngineError, text_of
from skorche.named import NamedTuple
from skorche.runtime.exit import EXIT

BYE_TAG = 1
MOST_TAGS = 32766
"""For runs. Every MPI has at least one more, besides 0."""
PIECE = 1 << 28
"""Bytes that go at once: many MPIs count no further than 2 GiB."""
SHORTEST_NAP, LONGEST_NAP = 0.00005, 0.01


class Word(NamedTuple):
    """What rank 0 says to the others of a run, or for good."""

    kind: Literal["run", "refused", "end", "bye"]
    payload: Any = None


class Ranks:
    """All processes of this program, as one of them sees them. `leads`: it is rank 0. `serving`: it is in a run."""

    def __init__(self, mpi: Any, pkl5: Any) -> None:
        self._mpi = mpi
        self._numbers = count(1)
        self._sent: list[Any] = []
        self.serving = self.leading = self._dismissed = False
        world = mpi.COMM_WORLD
        copy, request = world.Idup()  # so that nothing that is said here meets what the script says itself
        _sleep_until(request.Test)
        self.comm = copy
        self._talk = pkl5.Intracomm(copy)  # which has no limit of 2 GiB
        self.rank, self.size = world.Get_rank(), world.Get_size()
        atexit.register(self._leave)

    @property
    def leads(self) -> bool:
        """Whether this is the rank that leads all runs."""
        return bool(self.rank == 0)

    def next_number(self) -> int:
        """The number of the run that begins now.

        Raises:
            AlreadyRunning: this rank serves in one, so a task wants to start one.
        """
        if self.serving:
            raise AlreadyRunning(
                "a task that runs on a rank of MPI started a run with engine='mpi'.",
                "all ranks are taken by the run that it is part of.",
                "choose another engine for the inner run.",
            )
        return next(self._numbers)

    def say(self, number: int, word: Word) -> None:
        """Rank 0 tells all others. Does not wait: they may be in a run before this one."""
        self._sent = [one for one in self._sent if not one.test()[0]]
        self._sent += [self._talk.isend(word, rank, _tag(number)) for rank in range(1, self.size)]

    def end(self, number: int, data: bytes) -> None:
        """Rank 0 tells all others, who are in this run, how it ended."""
        self.say(number, Word("end", len(data)))
        self._pass_on(memoryview(data))

    def hear(self, number: int) -> Word:
        """What rank 0 says of this run; or that it has left. Waits."""
        tag = _tag(number)

        def find() -> int | None:
            found = [one for one in (tag, BYE_TAG) if self._talk.iprobe(0, one)]
            if found == [BYE_TAG] and self._talk.iprobe(0, tag):
                return tag  # it came between the two looks
            return found[0] if found else None

        word: Word = self._talk.recv(None, 0, _sleep_until(find))
        self._dismissed |= word.kind == "bye"
        return word

    def receive_end(self, word: Word) -> bytearray:
        """What rank 0 tells of the end, in full."""
        data = bytearray(word.payload)
        self._pass_on(memoryview(data))
        return data

    def _pass_on(self, data: memoryview) -> None:
        """From rank 0 to all others, who pass it on to each other, so that many ranks take little longer than a few."""
        for start in range(0, len(data), PIECE):
            self.comm.Bcast([data[start : start + PIECE], self._mpi.BYTE], 0)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While a rank serves in a run, others wait for it: whatever takes it away ends the program."""
        self.serving = True
        try:
            yield
        except BaseException:  # noqa: BLE001  (a signal as well)
            traceback.print_exc()
            self.abort(f"rank {self.rank} fell out of a run")
        finally:
            self.serving = False

    def abort(self, why: str) -> NoReturn:
        """End all processes of the program."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"skorche: {why}; the program is ended on all ranks.\n")
            sys.stderr.flush()
        self._mpi.COMM_WORLD.Abort(1)
        raise SystemExit(1)  # not reached

    def _leave(self) -> None:
        """The end of the interpreter. A rank that has left is missed when rank 0 begins another run."""
        if self._mpi.Is_finalized():
            return
        if self.leads:
            for rank in range(1, self.size):
                self._talk.send(Word("bye"), rank, BYE_TAG)
        status = self._mpi.Status()
        while not self.leads and not self._dismissed:
            _sleep_until(lambda: self._talk.iprobe(0, self._mpi.ANY_TAG, status))
            word = self._talk.recv(None, 0, status.tag)
            self._dismissed = word.kind == "bye"
            if word.kind == "run":
                self.abort(f"rank {self.rank} left the program, and rank 0 begins a run that needs it")


def _tag(number: int) -> int:
    return BYE_TAG + 1 + number % MOST_TAGS


def _sleep_until(look: Callable[[], Any]) -> Any:
    """What `look` finds, once it finds something."""
    nap = SHORTEST_NAP
    while not (found := look()):
        time.sleep(nap)  # MPI can only be asked; its own waiting would keep a processor busy
        nap = min(2 * nap, LONGEST_NAP)
    return found


class World:
    """The ranks of this program, looked for when a run first needs them."""

    def __init__(self) -> None:
        self._looked = False
        self._ranks: Ranks | None = None

    def ranks(self) -> Ranks | None:
        """All of them; None if this process is alone.

        Raises:
            EngineError: mpi4py is missing, or does not work with what started this program.
        """
        if not self._looked:
            self._ranks = _find_ranks(Launch.seen())
            self._looked = True
        return self._ranks


def _find_ranks(launch: Launch) -> Ranks | None:
    if launch.size == 1:
        return None  # MPI need not be there
    try:
        from mpi4py import MPI, futures  # noqa: F401  (it registers what it does at the exit)
        from mpi4py.util import pkl5
    except Exception as error:
        raise EngineError(
            f"engine='mpi' cannot use MPI: {text_of(error)}",
            "a launcher such as mpirun started this program, and mpi4py is not installed or finds no MPI library.",
            "pip install skorche[mpi], and see that `python -m mpi4py.bench helloworld` works under the launcher.",
        ) from error
    EXIT.come_first()  # mpi4py.futures has something to do at the exit, too
    size = MPI.COMM_WORLD.Get_size()
    if launch.size is not None and size != launch.size:
        raise EngineError(
            f"a launcher started this program {launch.size} times, but MPI sees {size} of them.",
            "mpirun (or the like) and mpi4py belong to different installations of MPI.",
            "use the mpirun of the MPI that `python -m mpi4py --mpi-library` names; with Slurm, try srun --mpi=pmix.",
        )
    if MPI.Query_thread() < MPI.THREAD_SERIALIZED:
        raise EngineError(
            "engine='mpi' needs an MPI that may be used from several threads.",
            "this one was started for a single thread.",
            "leave mpi4py.rc.thread_level alone, or ask for 'multiple' or 'serialized'.",
        )
    return Ranks(MPI, pkl5) if size > 1 else None


WORLD = World()
