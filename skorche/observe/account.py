"""`Account`: the report of a run, made once, for all who ask."""

from __future__ import annotations

from skorche.events import RunFinished
from skorche.observe.outcome import End, Shape
from skorche.observe.report import Report


class Account:
    """Makes the report of a run: one when that has ended, and others of what is known before.

    `ends` are its output queues, with what came out of them.
    `folder` is where the run is kept, if it is.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape, self.ends = shape, list[End]()
        self.folder = ""
        self._report: Report | None = None

    def __call__(self, record: RunFinished) -> Report:
        if self._report is not None:
            return self._report
        report = Report.of(record, shape=self.shape, ends=self.ends, folder=self.folder)
        if not record.running:
            self._report = report
        return report
