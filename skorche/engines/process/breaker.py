"""When it is the environment that is broken, not an item: deaths are counted until something is finished.

it died before it could take an item        3 in a row: the engine cannot start workers
it died while it loaded a task              3 in a row, those above counted in: nor can it for this task
it died with work, on an item or on none    as many in a row as MOST_CRASHES says: every item would meet the same end

Any result puts an end to a row. An item that is tried again and dies again counts once: it may well be to blame itself.
"""

from __future__ import annotations

from collections import Counter

from skorche.engines.process.blame import told_ending
from skorche.errors import EngineError, WorkerCrash, WorkerStartError, text_of
from skorche.place import Place

MOST_FAILED_STARTS = 3
MOST_CRASHES = 10
"""A folder of bad files is no broken environment, so it is not fewer; a start takes 20 ms, so it is soon told. With
many workers it is twice their number: whatever strikes all at once, twice, is still survived."""


class Breaker:
    """Counts the deaths of workers since the last result; raises when the row is too long."""

    def __init__(self, workers: int) -> None:
        self._most = max(MOST_CRASHES, 2 * workers)
        self._starts = 0
        self._loads: Counter[int] = Counter()
        self._suspects: set[tuple[int, Place]] = set()
        self._unexplained = 0
        self._said = ""
        self.deaths = 0

    @property
    def failed_starts(self) -> int:
        """Workers in a row that died before their first item."""
        return self._starts + max(self._loads.values(), default=0)

    def finish(self, stage: int) -> None:
        """Something came back from this stage."""
        self._starts = self._unexplained = 0
        self._suspects.clear()
        del self._loads[stage]
        self.deaths = self._loads.total()  # those of other stages

    def count_start(self, code: int, said: str) -> None:
        """A worker died before it was ready.

        Raises:
            WorkerStartError: it is one too many.
        """
        self.deaths += 1
        self._starts += 1
        self._said = said or self._said
        if self.failed_starts >= MOST_FAILED_STARTS:
            raise _cannot_start("could take an item", code, self._said)

    def count_load(self, stage: int, task: str, code: int, said: str) -> None:
        """A worker died while it loaded the task of a stage.

        Raises:
            WorkerStartError: it is one too many.
        """
        self.deaths += 1
        self._loads[stage] += 1
        self._said = said or self._said
        if self.failed_starts >= MOST_FAILED_STARTS:
            raise _cannot_start(f"had loaded task {task!r}", code, self._said)

    def count_crash(self, crash: WorkerCrash, suspect: tuple[int, Place] | None) -> None:
        """A worker died on an item of a stage, or on nothing that could be named.

        Raises:
            EngineError: it is one too many.
        """
        self.deaths += 1
        if suspect is None:
            self._unexplained += 1
        else:
            self._suspects.add(suspect)
        if len(self._suspects) + self._unexplained >= self._most:
            raise self._broken(crash) from crash

    def _broken(self, crash: WorkerCrash) -> EngineError:
        code = crash.exit_code or 0
        items = len(self._suspects)
        where = f"on {items} different items" if not self._unexplained else f"{self._unexplained} of them on no item"
        return EngineError(
            f"{items + self._unexplained} worker processes in a row died, {where}, and nothing was finished in between"
            f" (the last: {told_ending(code)}).",
            "the environment is broken, not an item: memory, a limit of the system, or a library that all items need.",
            "see what the workers printed on stderr, and call the task on one item in a Python of its own; "
            "if these items are to blame after all, leave them out.",
        )


def _cannot_start(when: str, code: int, said: str) -> WorkerStartError:
    return WorkerStartError(
        f"{MOST_FAILED_STARTS} worker processes in a row died before they {when} ({told_ending(code)}).",
        "something in the environment, or in the module of a task, keeps workers from starting."
        + (f" One of them said:\n{said}" if said else ""),
        "see what they printed on stderr; try `python -c 'import skorche'`, and to import the module of the task.",
    )


def cannot_hire(error: OSError) -> WorkerStartError:
    """The system starts no process."""
    return WorkerStartError(
        f"a worker process cannot be started: {text_of(error)}",
        "the operating system, or sys.executable, does not allow it.",
        "see whether processes, memory or open files have run out, and what sys.executable is.",
    )


def cannot_load(task: str, cause: BaseException) -> WorkerStartError:
    """A worker has told why a task cannot be had there."""
    if isinstance(cause, WorkerStartError):
        return cause
    problem = WorkerStartError(
        f"a worker process cannot load {task!r}: {text_of(cause)}",
        "the function, or a module it needs, cannot be imported there.",
        "check that its module can be imported from sys.path without side effects that fail.",
    )
    problem.__cause__ = cause
    return problem
