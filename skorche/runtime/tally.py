"""What each node did, counted where it happens, and the laws these counts obey."""

from __future__ import annotations

from collections.abc import Iterator

from skorche.events import NodeTally
from skorche.kernel import StepCount
from skorche.runtime.sketch import Sketch

MANY_COUNTS = 64
"""So many counts are kept before they are added up, all in one go: for a quarter of the price of each by itself."""


class Tally:
    """Counters of one node. `passed` are items in that got through; for a map they equal those that came out.

    What steps count is added up in `settle`; before, `passed`, `emitted` and what follows from them are behind.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.received = self.passed = self.emitted = self.members = self.filtered = self.failed = self.cancelled = 0
        self.retried = self.divided = self.handled = self.cached = self.shed_workers = 0
        self.paused = False
        self.seconds = self.cpu_seconds = 0.0
        self.sketch = Sketch()
        self.closed: dict[str, int] = {}
        self._counts: list[StepCount] = []

    def add(self, count: StepCount, *, head: bool) -> None:
        """Add a step's counts; the head's items were counted as received when they came to its edge."""
        if not head:
            self.received += count.received
        self._counts.append(count)
        if len(self._counts) >= MANY_COUNTS:
            self.settle()

    def settle(self) -> None:
        """Add up what has been counted."""
        counts, self._counts = self._counts, []  # first: who looks at a run that broke here counts nothing twice
        if not counts:
            return
        columns = zip(*counts, strict=True)
        _, passed, emitted, filtered, members, seconds, cpu_seconds, divided, cached = map(sum, columns)
        self.passed += passed
        self.emitted += emitted
        self.filtered += filtered
        self.members += members
        self.divided += divided
        self.cached += cached
        self.seconds += seconds
        self.cpu_seconds += cpu_seconds
        self.sketch.add_all([(count.seconds / count.received, count.received) for count in counts if count.received])

    def violations(self) -> Iterator[str]:
        """The law of the node, if it does not hold."""
        self.settle()
        came = self.received + self.divided
        went = self.passed + self.filtered + self.failed + self.cancelled
        if came != went:
            yield (
                f"{self.name}: received {self.received} + divided {self.divided} != passed {self.passed} "
                f"+ filtered {self.filtered} + failed {self.failed} + cancelled {self.cancelled}"
            )

    def freeze(self) -> NodeTally:
        """The counts as a record."""
        self.settle()
        return NodeTally(
            self.received,
            self.emitted,
            self.filtered,
            self.failed,
            self.cancelled,
            self.retried,
            self.divided,
            self.members,
            self.seconds,
            self.cpu_seconds,
            self.sketch.quantile(0.5),
            self.sketch.quantile(0.9),
            self.sketch.quantile(0.99),
            self.shed_workers,
            dict(self.closed),
            self.paused,
            self.cached,
            passed=self.passed,
        )


class SteppedTally(Tally):
    """The counters of a node whose step leads into its own memory: what the step lets through stays in the node."""

    def add(self, count: StepCount, *, head: bool) -> None:
        """Add a step's counts; what leaves the node is counted where it does, by the memory."""
        super().add(count._replace(passed=0, emitted=0), head=head)
