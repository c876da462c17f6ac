"""What each node did, counted where it happens, and the laws these counts obey."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from skorche.events import NodeTally
from skorche.kernel import StepCount
from skorche.runtime.sketch import Sketch


@dataclass(slots=True)
class Tally:
    """Counters of one node. `passed` are items in that got through; for a map they equal those that came out."""

    name: str
    received: int = 0
    passed: int = 0
    emitted: int = 0
    members: int = 0
    filtered: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    divided: int = 0
    handled: int = 0
    cached: int = 0
    shed_workers: int = 0
    paused: bool = False
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    sketch: Sketch = field(default_factory=Sketch)
    closed: dict[str, int] = field(default_factory=dict)

    def add(self, count: StepCount, *, head: bool) -> None:
        """Add a step's counts; the head's items were counted as received when they came to its edge."""
        received, passed, emitted, filtered, members, seconds, cpu_seconds, divided, cached = count
        if not head:
            self.received += received
        self.passed += passed
        self.emitted += emitted
        if filtered or members or divided or cached:
            self.filtered += filtered
            self.members += members
            self.divided += divided
            self.cached += cached
        self.seconds += seconds
        self.cpu_seconds += cpu_seconds
        if received:
            self.sketch.add(seconds / received, received)

    def violations(self) -> Iterator[str]:
        """The law of the node, if it does not hold."""
        came = self.received + self.divided
        went = self.passed + self.filtered + self.failed + self.cancelled
        if came != went:
            yield (
                f"{self.name}: received {self.received} + divided {self.divided} != passed {self.passed} "
                f"+ filtered {self.filtered} + failed {self.failed} + cancelled {self.cancelled}"
            )

    def freeze(self) -> NodeTally:
        """The counts as a record."""
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

    __slots__ = ()

    def add(self, count: StepCount, *, head: bool) -> None:
        """Add a step's counts; what leaves the node is counted where it does, by the memory."""
        super().add(count._replace(passed=0, emitted=0), head=head)
