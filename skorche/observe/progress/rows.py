"""What there is to show of a run that goes on, whoever draws it: a row for the run, and one for each of its tasks."""

from __future__ import annotations

from collections import deque

from skorche.events import NodeTally, RunFinished
from skorche.named import NamedTuple
from skorche.observe.outcome import Shape
from skorche.observe.progress.expected import Expected, came_to, done_by

WINDOW_SECONDS = 10.0
"""A rate is that of the last so many seconds."""


class Row(NamedTuple):
    """How far the run, or one task of it, is. `total` items, if that is known; `rate` items per second."""

    name: str
    done: int
    total: int | None = None
    rate: float = 0.0
    failed: int = 0
    waiting: int = 0

    @property
    def counted(self) -> str:
        """How many are done, of how many.

        >>> Row("resize", 200, 640).counted, Row("resize", 200, waiting=4).counted
        ('200/640', '200, 4 waiting')
        """
        if self.total is not None:
            return f"{self.done}/{self.total}"
        return f"{self.done}, {self.waiting} waiting" if self.waiting else f"{self.done}"

    @property
    def share(self) -> str:
        """How much is done, rounded down: all is done at 100 % only.

        >>> Row("resize", 639, 640).share
        '99 %'
        """
        return "" if self.total is None else f"{100 * self.done // self.total if self.total else 100} %"

    @property
    def speed(self) -> str:
        """Items per second.

        >>> Row("resize", 1, rate=0.25).speed, Row("resize", 9, rate=12345.6).speed
        ('0.25/s', '12346/s')
        """
        return f"{self.rate:.0f}/s" if self.rate >= 100 else f"{self.rate:.3g}/s"

    @property
    def left(self) -> str:
        """The time until all is done, at this rate.

        >>> Row("resize", 200, 640, rate=4.0).left
        '1:50'
        """
        return span((self.total - self.done) / self.rate) if self.total and self.rate and not self.over else ""

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self.total is not None and self.done >= self.total

    @property
    def trouble(self) -> str:
        """What failed."""
        return f"{self.failed} failed" if self.failed else ""

    def __str__(self) -> str:
        """In a line.

        >>> print(Row("resize", 200, 640, rate=4.0, failed=2))
        resize: 200/640, 31 %, 4/s, 1:50 left, 2 failed
        """
        parts = [self.counted, self.share, self.speed, self.left and f"{self.left} left", self.trouble]
        return f"{self.name}: {', '.join(part for part in parts if part)}"


class Rows:
    """Makes rows of records, and remembers the last ones: rates are those of the last seconds."""

    def __init__(self, name: str, shape: Shape | None, total: int | None) -> None:
        """`total` is how many items all sources give, if that is known."""
        self._name, self._total = name, total
        self._expected = Expected(shape, total) if shape is not None else None
        self._tasks = None if shape is None else [node.name for node in shape.nodes if node.task is not None]
        self._past: deque[tuple[float, dict[str, int]]] = deque()

    def read(self, record: RunFinished) -> tuple[Row, list[Row]]:
        """The row of the run, and those of its tasks."""
        ended = record.delivered + record.filtered + record.failed + record.cancelled
        expected = self._expected.items(record.nodes) if self._expected is not None else {}
        shown = {name: record.nodes[name] for name in self._tasks or record.nodes}
        done = {"": ended} | {name: done_by(tally) for name, tally in shown.items()}
        rates = self._rates(record, done)
        run = Row(self._name, ended, self._total, rates[""], record.failed)
        return run, [_row(name, tally, expected.get(name), rates[name]) for name, tally in shown.items()]

    def _rates(self, record: RunFinished, done: dict[str, int]) -> dict[str, float]:
        """Since the run began, at its end; else lately."""
        began, before = 0.0, dict.fromkeys(done, 0)
        if record.running:
            while len(self._past) > 1 and self._past[1][0] < record.elapsed - WINDOW_SECONDS:
                self._past.popleft()
            if self._past and self._past[0][0] < record.elapsed - WINDOW_SECONDS:
                began, before = self._past[0]
            self._past.append((record.elapsed, done))
        seconds = max(record.elapsed - began, 1e-9)
        return {name: (count - before[name]) / seconds for name, count in done.items()}


def _row(name: str, tally: NodeTally, expected: int | None, rate: float) -> Row:
    done = done_by(tally)
    total = None if expected is None else max(done, expected)
    return Row(name, done, total, rate, tally.failed, max(0, came_to(tally) - done))


def span(seconds: float) -> str:
    """Some time, as people read it.

    >>> span(7.2), span(119.9), span(3725), span(400_000)
    ('0:07', '1:59', '1:02:05', '4 days')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
