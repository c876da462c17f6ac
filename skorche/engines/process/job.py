"""A chunk on its way through the worker processes, and what has come back of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from skorche.compile.plan import StagePlan
from skorche.engines.process.packing import Piece, Results, Take, pack, padded, size_of, unpack_outcome
from skorche.engines.process.slot import READING
from skorche.engines.process.wire import LARGE_BYTES, Frame, Work, work_frame
from skorche.errors import TransferError, WorkerCrash, describe, text_of
from skorche.kernel import Outcome, StepCount, Trouble
from skorche.reserve import RESERVE
from skorche.runtime.chunk import Chunk
from skorche.runtime.engine import Done, Lost

if TYPE_CHECKING:
    from skorche.deadly import Deadly


class Job:
    """One ticket. `left` are the indices of items still to be done, in order; `frames` what has come back.

    `largest` is how many bytes the largest of them takes, if that is large; `worker` the process that was given it;
    `deadly` are, by index, items that a worker died on behind the first step;
    `take` gives memory for what comes back of it.
    """

    def __init__(self, ticket: int, stage: StagePlan, chunk: Chunk) -> None:
        self.ticket, self.stage, self.chunk = ticket, stage, chunk
        self.left: Sequence[int] = range(len(chunk.items))
        self.careful = bool(stage.limits)  # so that the hub never does one again that has begun: that is a start too
        self.stopped = False
        self.worker: int | None = None
        self.take: Take | None = None
        self.largest = 0
        self.frames: list[Frame] = []
        self.deadly: dict[int, Deadly] = {}
        self.outcome = Outcome.empty(stage.kernel)

    def request(self, *, alone: bool) -> list[Piece]:
        """The frame that asks a worker to do what is left; items that cannot be pickled fail here.

        A worker that is `alone` keeps its order, so no chunk is cut short, behind which it has another one already.
        """
        packed = [] if self.careful else self._pack_together()
        if self.careful:
            packed = self._pack_each()
        lengths = list(map(size_of, packed))
        stage, whole = self.stage, not self.careful and len(self.left) == len(self.chunk.items)
        single, timed = self.careful or not stage.idempotent, stage.tells_start
        indices, sizes = None if whole else list(self.left), lengths if self.careful else None
        self.outcome.bytes_in += sum(lengths)
        self.largest = max(lengths, default=0)
        may_be_cut = not (alone or self.careful or self.deadly)
        work = Work(stage.number, self.chunk.entry, single, timed, indices, sizes, self.deadly, may_be_cut)
        return work_frame(self.ticket, work, list(chain.from_iterable(packed)))

    def _pack_together(self) -> list[list[Piece]]:
        """What is left, at once. If it cannot be, or is so large that one of the items may be, they go one by one."""
        items = self.chunk.items
        try:
            data = pack(items if len(self.left) == len(items) else [items[index] for index in self.left])
        except BaseException:  # noqa: BLE001  (whatever pickling raises: found below, one by one)
            self.careful = True
            return []
        self.careful = size_of(data) > LARGE_BYTES and len(self.left) > 1
        return [] if self.careful else [data]

    def _pack_each(self) -> list[list[Piece]]:
        packed: list[list[Piece]] = []
        kept: list[int] = []
        for index in self.left:
            try:
                packed.append(padded(pack(self.chunk.items[index])))
                kept.append(index)
            except BaseException as error:  # noqa: BLE001  (whatever pickling raises fails the item)
                problem = TransferError(
                    f"an item cannot be pickled: {text_of(error)}",
                    "a process gets its items as bytes.",
                    "pass something that can be pickled, such as a path or an id, or use engine='thread'.",
                )
                problem.__cause__ = error
                self.fail(index, problem, describe(error))
        self.left = kept
        return packed

    def fail(self, index: int, error: BaseException, text: str = "", output: str = "") -> None:
        """One item has failed without running to its end."""
        self.outcome.troubles.append(Trouble(self.chunk.entry, index, self.chunk.items[index], error, text, output))

    def task_at(self, step: int) -> str:
        """What works on it when the slot of its worker names this step."""
        names = self.stage.names
        return names[step] if step >= 0 else names[0] if step == READING else " + ".join(names)

    def mourn(self, index: int | None, step: int, crash: WorkerCrash, output: str) -> bool:
        """A worker has died on an item (None: on none that is known). True: nothing is lost, the job is to go on.

        It goes on to find out what the item was that died behind the first step, if that may run again; and once there
        is such an item, whatever else befalls the job, since nobody else knows of it.
        """
        stage = self.stage
        may_run_again = stage.idempotent and not stage.one_by_one
        if index is not None and step > self.chunk.entry and may_run_again and index not in self.deadly:
            from skorche.deadly import Deadly  # only who survives a worker needs it

            self.deadly[index] = Deadly(step, crash, output)
            self.outcome.rerun += 1
            return True
        if not any(one in self.deadly for one in self.left):
            return False
        if index is not None:
            self.fail(index, crash, output=output)
            self.left = [one for one in self.left if one != index]
        return True

    def is_over(self, frame: Frame) -> bool:
        """Whether results are only those of items that a worker has died on."""
        return all(first == last and first in self.deadly for first, last, _ in frame.parts())

    def absorb(self) -> list[int]:
        """Unpickle what has come back; gives the indices of items whose results cannot be unpickled here.

        Those of a part of one item fail that item. Those of a larger part are left, to be done again, one by one.
        """
        again: list[int] = []
        row: list[Results] = []
        come = -1
        outcomes: list[Outcome] = []
        for _, last, body in chain.from_iterable(map(Frame.parts, self.frames)):
            try:
                found = unpack_outcome(body, self.chunk.items, self.take)
            except BaseException as error:  # noqa: BLE001  (whatever unpickling raises fails the item)
                outcomes += self._joined(row, come)
                inside = self._passed(last)
                if len(inside) > 1:
                    again += inside
                else:
                    self._fail_unreadable(inside[0], error)
            else:
                if isinstance(found, Results):
                    row.append(found)
                else:
                    outcomes += [*self._joined(row, come), found]
                    self._passed(last)
            come = last
        self.outcome.add([*outcomes, *self._joined(row, come)])
        self.frames = []
        if again:
            self.left = [*again, *self.left]
        return again

    def _passed(self, last: int) -> Sequence[int]:
        """What has come back up to this index. A worker goes through the items in order, so that is the start."""
        count = bisect_right(self.left, last)
        inside, self.left = self.left[:count], self.left[count:]
        return inside

    def _joined(self, row: list[Results], last: int) -> list[Outcome]:
        """One outcome of parts in a row that are all results, up to this index; the row is empty then."""
        if not row:
            return []
        inside = self._passed(last)
        items, size = list[Any](), 0
        seconds = cpu = 0.0
        for part, part_seconds, part_cpu, part_size in row:
            items += part
            seconds += part_seconds
            cpu += part_cpu
            size += part_size
        count = len(items)
        counted = StepCount(count, count, count, seconds=seconds, cpu_seconds=cpu)
        outcome = Outcome([(items, inside)], [counted], [], [], [])
        outcome.bytes_out = size
        row.clear()
        return [outcome]

    def _fail_unreadable(self, index: int, error: BaseException) -> None:
        problem = TransferError(
            f"a result cannot be unpickled: {text_of(error)}",
            "its class raised while it was rebuilt. The function did run.",
            "give its class a __reduce__ that works, or return plain values.",
        )
        problem.__cause__ = error
        self.fail(index, problem, describe(error))

    def done(self) -> Done:
        """All of it has come back, but for what is left of a chunk that was cut."""
        self.outcome.left = self.left
        return Done(self.ticket, self.outcome, self.worker)

    def lost(self, cause: BaseException, suspect: int | None, rerun: int, output: str = "") -> Lost:
        """The worker died; `rerun` of what is left had run before, and `output` was kept of the suspect."""
        left = [index for index in self.left if index != suspect]
        return Lost(self.ticket, cause, suspect, left, self.outcome, rerun, output=output, worker=self.worker)

    def broken_off(self, cause: BaseException) -> Lost:
        """The engine cannot go on: what has come back counts as far as it can be unpickled."""
        try:
            self.absorb()
        except BaseException:  # noqa: BLE001  (memory ran out: the run is told one reason why it ends, `cause`)
            RESERVE.clear()
        return self.lost(cause, None, 0)


def explain_size(task: str, size: int, *, result: bool) -> str:
    """What to tell of an item, or a result, that is large."""
    what, way = ("a result", "back from") if result else ("an item", "to")
    mend = "write it to a file and return its path" if result else "pass a path, or an id, and let the task read it"
    return (
        f"{what} of task {task!r} takes {size / (1 << 20):.1f} MiB on its way {way} a worker process, and is copied "
        f"several times: rather {mend}. (Told once for each task.)"
    )
