"""What is done to a chunk of items: steps in, `Outcome` out. The same kernel runs in every engine.

A kernel is a small tree of steps. Each step takes items and gives items, one list per branch; a branch leads to a
later step or leaves the kernel by a *port*. Items are followed by their *path*, their place relative to the chunk:
the index in the chunk, or `(index, i)` for element `i` of an expansion. Nothing here knows a queue, a thread, an
engine or an operator.

    items ──▶ step 0 ──▶ step 1 ──▶ port 0          one `try` per step on the happy path, not one per item;
                             └────▶ port 1          a failed item is noted and the others go on from there
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import perf_counter, thread_time
from typing import Any, Protocol, TypeGuard

from skorche.compact import in_a_row, join
from skorche.cut import Cut
from skorche.errors import describe, ordinary, trimmed
from skorche.expansion import Part, Portion, Rest
from skorche.named import NamedTuple
from skorche.reserve import RESERVE

Path = Any  # Any: an index, or a tuple of indices; a place relative to the chunk (see `place.Place`)
Paths = Sequence[Path]
Item = Any  # Any: a user's object. The kernel never looks inside
Items = list[Item] | range
"""Items in a row: a `range` where a source is one, since every part of it is another."""


class Mark(Protocol):
    """Two numbers that others can see: the index of the item a step is on, and the step. Kept only where wanted."""

    def __setitem__(self, index: int, value: int, /) -> None: ...


class Trouble(NamedTuple):
    """An item that failed in a step, with the text of its traceback as it was there, and what its task had said.

    `as_text`: the item is but the text of one that could not leave its process.
    """

    step: int
    path: Path
    item: Item
    error: BaseException
    traceback: str
    output: str = ""
    as_text: bool = False


class StepCount(NamedTuple):
    """What one step did to one chunk. `passed` are inputs that got through, `members` what an expansion held.

    `divided` are members that failed by themselves afterwards: each is one more item to account for. `cached` are
    inputs whose results were found in a store.
    """

    received: int = 0
    passed: int = 0
    emitted: int = 0
    filtered: int = 0
    members: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    divided: int = 0
    cached: int = 0


class Outcome:
    """What became of a chunk: items and paths per port, counts per step (None: not reached), troubles.

    `left` are those of its items that were not begun, since the chunk was cut short.
    """

    # fmt: off
    __slots__ = (
        "bytes_in", "bytes_out", "counts", "dropped", "expansions", "left", "parts", "ports", "rerun", "troubles",
    )
    # fmt: on

    def __init__(
        self,
        ports: list[tuple[list[Item], Paths]],
        counts: list[StepCount | None],
        troubles: list[Trouble],
        expansions: list[tuple[Path, int]],
        dropped: Paths,
        parts: list[Part] | None = None,
        left: Paths = (),
    ) -> None:
        self.ports, self.counts = ports, counts
        self.troubles, self.expansions, self.dropped = troubles, expansions, dropped
        self.parts: list[Part] = [] if parts is None else parts
        self.left = left
        self.bytes_in = self.bytes_out = self.rerun = 0

    @classmethod
    def empty(cls, kernel: Kernel) -> Outcome:
        """Nothing has been done yet."""
        return cls([([], ())] * kernel.ports, [None] * len(kernel.steps), [], [], [])

    def add(self, others: Sequence[Outcome]) -> None:
        """Take in what became of other items of the same chunk, which come after these, in this order."""
        if not others:
            return
        parts = [self, *others]
        self.ports = [_joined(ports) for ports in zip(*[one.ports for one in parts], strict=True)]
        self.counts = [_added(counts) for counts in zip(*[one.counts for one in parts], strict=True)]
        for other in others:
            self.troubles += other.troubles
            self.expansions += other.expansions
            self.dropped = join([self.dropped, other.dropped]) if self.dropped else other.dropped
            self.parts += other.parts
            self.bytes_in += other.bytes_in
            self.bytes_out += other.bytes_out
            self.rerun += other.rerun
            self.left = other.left  # only the last one is cut

    @property
    def eventful(self) -> bool:
        """Whether there is more to it than items that went through once."""
        return bool(self.troubles or self.expansions or self.dropped or self.parts or self.rerun)

    @property
    def seconds(self) -> float:
        """Wall seconds of all steps."""
        total = 0.0
        for count in self.counts:
            if count is not None:
                total += count.seconds
        return total


def _joined(parts: Sequence[tuple[list[Item], Paths]]) -> tuple[list[Item], Paths]:
    """Items and paths of one port, one part after the other."""
    filled = [part for part in parts if part[0]]
    if len(filled) < 2:
        return filled[0] if filled else ([], ())
    return in_a_row([items for items, _ in filled]), join([paths for _, paths in filled])


def _added(counts: Sequence[StepCount | None]) -> StepCount | None:
    """The sums of the counts of one step."""
    known = [count for count in counts if count is not None]
    if len(known) < 2:
        return known[0] if known else None
    return StepCount._make(map(sum, zip(*known, strict=True)))


class Record:
    """What a running step writes down. One per kernel run, of which a `portion` may be all that is wanted at once."""

    # fmt: off
    __slots__ = (
        "cached", "cut", "dropped", "expansions", "filtered", "left", "mark", "members", "parts", "passed", "portion",
        "step", "troubles",
    )
    # fmt: on

    def __init__(self, mark: Mark | None, portion: Portion | None, cut: Cut | None = None) -> None:
        self.mark, self.portion, self.cut = mark, portion, cut
        self.left: Paths = ()
        self.step = 0
        self.filtered = self.members = self.passed = self.cached = 0
        self.troubles: list[Trouble] = []
        self.expansions: list[tuple[Path, int]] = []
        self.dropped: Paths = ()
        self.parts: list[Part] = []

    def fail(self, path: Path, item: Item, error: BaseException) -> None:
        """Note a failed item; what is no `Exception`, or would end an iteration, is wrapped in a `TaskError`."""
        item = item.item if type(item) is Rest else item
        self.troubles.append(Trouble(self.step, path, item, ordinary(error), describe(error)))

    def drop(self, paths: Paths) -> None:
        """Note items that go no further."""
        self.dropped = join([self.dropped, paths]) if self.dropped else paths

    def give_up(
        self, branches: int, items: Sequence[Item], paths: Paths, error: BaseException
    ) -> list[tuple[Sequence[Item], Paths]]:
        """The step itself broke: all its items fail, and nothing comes out of it."""
        ours, self.left = set(paths), ()
        self.filtered = self.members = self.passed = self.cached = 0
        self.troubles[:] = [trouble for trouble in self.troubles if trouble.step != self.step]
        self.expansions[:] = [expansion for expansion in self.expansions if expansion[0] not in ours]
        self.dropped = [path for path in self.dropped if path not in ours]
        self.parts[:] = [part for part in self.parts if part.path not in ours]
        for path, item in zip(paths, items, strict=True):
            self.fail(path, item, error)
        return [([], ())] * branches

    def apply(
        self, function: Callable[[Item], Any], items: Sequence[Item], paths: Paths
    ) -> tuple[list[Any], Sequence[Item], Paths]:
        """`function` of each item; gives the results, and the items and paths of those that did not fail.

        On the happy path `map` runs the whole chunk in one `try`. When an item fails, what came before stays in
        `results` and the iterator goes on behind it, so no item ever runs twice.
        """
        results: list[Any] = []
        iterator = iter(items)
        if self.cut is not None:
            self.cut.items = iterator
        advance = self._advance(function, iterator, paths, results)
        found = self.go_on(results, advance, [], items, paths, iterator)
        self.cut = None  # what comes now is of items that have begun
        return found

    def go_on(
        self,
        results: list[Any],
        advance: Callable[[], None],
        failed: list[tuple[int, BaseException]],
        items: Sequence[Item],
        paths: Paths,
        iterator: Iterator[Item],
    ) -> tuple[list[Any], Sequence[Item], Paths]:
        """The same where some of it has been done: `advance` adds to the results until an item fails.

        It goes through `iterator`. If that is cut, what is left of the items is noted.
        """
        while len(results) + len(failed) < len(items):
            try:
                advance()
                if len(results) + len(failed) < len(items):
                    if self._is_cut(iterator, len(results) + len(failed), paths):
                        items, paths = items[: -len(self.left)], paths[: -len(self.left)]
                        break
                    failed.append((len(results) + len(failed), StopIteration()))  # which map took for the end
            except BaseException as error:  # noqa: BLE001  (a SystemExit in a task fails its item: DESIGN 3.2)
                if type(error) is MemoryError:
                    RESERVE.clear()
                failed.append((len(results) + len(failed), trimmed(error)))
        if not failed:
            return results, items, paths
        for position, cause in failed:
            self.fail(paths[position], items[position], cause)
        out = {position for position, _ in failed}
        kept = [position for position in range(len(items)) if position not in out]
        return results, [items[position] for position in kept], [paths[position] for position in kept]

    def _is_cut(self, iterator: Iterator[Item], done: int, paths: Paths) -> bool:
        """Whether somebody else has ended this, and so the items from there on have not begun."""
        if self.cut is None or not self.cut.was_made(iterator):
            return False
        self.left = paths[done:]
        return True

    def _advance(
        self, function: Callable[[Item], Any], items: Iterator[Item], paths: Paths, results: list[Any]
    ) -> Callable[[], None]:
        """A call that works on from where it stopped; with a mark it says before each item which one it is."""
        if self.mark is None:
            return partial(results.extend, map(function, items))
        mark, append = self.mark, results.append
        mark[0], mark[1] = -1, self.step
        indices = [path if type(path) is int else path[0] for path in paths] if type(paths) is not range else paths
        marked = zip(items, indices)  # noqa: B905  (items may be cut)

        def advance() -> None:
            for item, mark[0] in marked:
                append(function(item))

        return advance


class Work(Protocol):
    """What a step does: items in, one pair of items and paths per branch out."""

    def run(self, items: Sequence[Item], paths: Paths, record: Record) -> list[tuple[Sequence[Item], Paths]]: ...


class PerWorker(Protocol):
    """Work that may need something each worker must have for itself, such as an instance of a class."""

    def opened(self, ends: list[Callable[[], Any]]) -> Work:
        """The work as one worker does it, itself if it needs nothing; `ends` is what that worker does at its end."""
        ...


def _is_per_worker(work: Work) -> TypeGuard[PerWorker]:
    return hasattr(work, "opened")


class Step(NamedTuple):
    """Work and where its branches lead: `n >= 0` to step n, `~p` out of the kernel by port p."""

    work: Work
    branches: tuple[int, ...]


class Kernel(NamedTuple):
    """The steps of a stage. Picklable; `run` may be called anywhere.

    >>> from skorche.ops.function import Mapping
    >>> kernel = Kernel((Step(Mapping(abs), (~0,)),), ports=1)
    >>> kernel.run([-1, 2]).ports
    [([1, 2], range(0, 2))]
    """

    steps: tuple[Step, ...]
    ports: int

    def opened(self, ends: list[Callable[[], Any]]) -> Kernel:
        """This kernel for one worker, before its first item; `ends` is what that worker does after its last.

        Raises:
            WorkerStartError: something that a step needs cannot be made.
        """
        steps = tuple(
            [step._replace(work=step.work.opened(ends)) if _is_per_worker(step.work) else step for step in self.steps]
        )
        return self if steps == self.steps else self._replace(steps=steps)

    def run(
        self,
        items: Sequence[Item],
        paths: Paths | None = None,
        entry: int = 0,
        mark: Mark | None = None,
        portion: Portion | None = None,
        cut: Cut | None = None,
    ) -> Outcome:
        """Run the items through the steps, beginning at step `entry`; `mark` says which item it is on.

        The first step may be `cut` short, unless its items are done by and by.
        """
        record = Record(mark, portion, cut if portion is None else None)
        ports: list[tuple[list[Item], Paths]] = [([], ())] * self.ports
        counts: list[StepCount | None] = [None] * len(self.steps)
        outcome = Outcome(ports, counts, record.troubles, record.expansions, (), record.parts)
        self._visit(entry, items, range(len(items)) if paths is None else paths, record, outcome)
        outcome.dropped = record.dropped
        if record.left and (begun := counts[entry]) is not None:
            outcome.left = record.left
            counts[entry] = begun._replace(received=begun.received - len(record.left))
        if cut is not None:
            cut.items = None
        return outcome

    def _visit(self, index: int, items: Sequence[Item], paths: Paths, record: Record, outcome: Outcome) -> None:
        step = self.steps[index]
        record.step = index
        record.filtered = record.members = record.passed = record.cached = 0
        cpu, wall = thread_time(), perf_counter()  # the system call first: it may cost us the processor
        try:
            branches = step.work.run(items, paths, record)
        except BaseException as error:  # noqa: BLE001  (a MemoryError, say: no engine may lose a worker to a step)
            RESERVE.clear()
            branches = record.give_up(len(step.branches), items, paths, error)
        outcome.counts[index] = StepCount(
            len(items),
            record.passed,
            len(branches[0][0]) if len(branches) == 1 else sum([len(made) for made, _ in branches]),
            record.filtered,
            record.members,
            perf_counter() - wall,
            thread_time() - cpu,
            0,
            record.cached,
        )
        for target, (made, made_paths) in zip(step.branches, branches):  # noqa: B905  (per chunk: equally long)
            if target < 0:
                outcome.ports[~target] = (made if type(made) is list else list(made), made_paths)
            elif made:
                self._visit(target, made, made_paths, record, outcome)
