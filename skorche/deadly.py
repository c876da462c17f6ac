"""A step that an item's worker died in, behind others: what the item was there is known in no process that lives.

So the item goes through the steps before it once more, and fails where it died, without being tried there again. Its
failure then names the right task with the right item, which can be retried, put into an error queue, or replayed. What
those steps make of it this time counts: where one now drops the item, or fails, the death itself is not told.

Behind a step that makes many items of one nobody knows which of them it was, so the item fails where it entered. So it
does where nothing may run again by itself (`idempotent=False`, limits, a timeout), which `Job.mourn` sees to.
"""

from __future__ import annotations

from collections.abc import Sequence

from skorche.errors import WorkerCrash
from skorche.kernel import Item, Kernel, Mark, Outcome, Paths, Record, Step, Trouble
from skorche.named import NamedTuple


class Deadly(NamedTuple):
    """The step, what is told of the death, and what the task had said by then."""

    step: int
    error: WorkerCrash
    output: str = ""


def go_again(kernel: Kernel, deadly: Deadly, item: Item, index: int, entry: int, mark: Mark | None = None) -> Outcome:
    """What becomes of the item, which entered the kernel at a step before; `mark` is as for `Kernel.run`.

    >>> from skorche.ops.function import Mapping
    >>> kernel = Kernel((Step(Mapping(abs), (1,)), Step(Mapping(exit), (~0,))), ports=1)
    >>> (trouble,) = go_again(kernel, Deadly(1, WorkerCrash("it died")), -7, 0, entry=0).troubles
    >>> trouble.step, trouble.item
    (1, 7)
    """
    steps = [*kernel.steps]
    branches = steps[deadly.step].branches
    steps[deadly.step] = Step(_Failing(deadly, len(branches)), branches)
    outcome = kernel._replace(steps=tuple(steps)).run([item], [index], entry, mark)
    if outcome.expansions:
        outcome = Outcome.empty(kernel)
        outcome.troubles.append(Trouble(entry, index, item, deadly.error, "", deadly.output))
    return outcome


class _Failing:
    """The work of that step."""

    def __init__(self, deadly: Deadly, branches: int) -> None:
        self._deadly, self._branches = deadly, branches

    def run(self, items: Sequence[Item], paths: Paths, record: Record) -> list[tuple[Sequence[Item], Paths]]:
        step, error, output = self._deadly
        record.troubles += [
            Trouble(step, path, item, error, "", output) for path, item in zip(paths, items, strict=True)
        ]
        return [([], ())] * self._branches
