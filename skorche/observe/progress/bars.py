"""Progress as bars on a terminal: rich makes the lines, `terminal` puts them there."""

from __future__ import annotations

import io
import sys
import time

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from skorche.events import RunFinished, View
from skorche.observe.progress.lines import waiting_for
from skorche.observe.progress.rows import Row, Rows, span
from skorche.observe.progress.terminal import TERMINAL

PAUSE, LONGEST_PAUSE = 0.2, 1.0
"""Seconds between two drawings; a snapshot costs the run a turn."""
COSTS = 100
"""The pause is at least so many times as long as it takes to draw: the run has the rest."""
LONGEST_BAR, SHORTEST_BAR = 40, 8
WORDS = 60
"""Columns that names and numbers want; a bar has what is left."""


class Bars:
    """A line for the run, and one for each task."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        assert isinstance(sys.stderr, io.TextIOWrapper)
        self._page = _Page(sys.stderr.encoding)
        self._console = Console(file=self._page, force_terminal=True, highlight=False)
        TERMINAL.open(self, sys.stderr)

    def draw(self, view: View, seconds: float) -> float:
        """Draw all lines anew."""
        began = time.thread_time()
        remark = waiting_for(view.awaited()).removeprefix("; ")
        TERMINAL.show(self, self._lines(view.snapshot(), remark))
        return min(LONGEST_PAUSE, max(PAUSE, COSTS * (time.thread_time() - began)))

    def finish(self, record: RunFinished) -> None:
        """How far it came stays there."""
        remark = "" if record.error is None else f"stopped by {type(record.error).__name__}"
        TERMINAL.show(self, self._lines(record, remark))

    def close(self) -> None:
        """Leave the terminal."""
        TERMINAL.close(self)

    def _lines(self, record: RunFinished, remark: str) -> list[str]:
        """As many lines as there is room for."""
        columns, room = TERMINAL.size()
        self._console.width = max(20, columns - 1)  # a full line would break on some terminals
        run, tasks = self._rows.read(record)
        fit = max(0, room - 2 - bool(remark))
        table = Table.grid(padding=(0, 2, 0, 0))
        for justify in ("left", "left", "right", "right", "right", "left", "left"):
            table.add_column(justify=justify, no_wrap=True, overflow="ellipsis")
        width = min(LONGEST_BAR, max(SHORTEST_BAR, columns - WORDS))
        for row in (run, *tasks[: fit if len(tasks) <= fit else fit - 1]):
            table.add_row(*_cells(row, width, row is run, record))
        self._console.print(table)
        if len(tasks) > fit:
            self._console.print(Text(f"... and {len(tasks) - fit + 1} more tasks", style="dim"))
        if remark:
            self._console.print(Text(remark, style="yellow", no_wrap=True, overflow="ellipsis"))
        return self._page.take()


def _cells(row: Row, width: int, of_run: bool, record: RunFinished) -> list[Text | ProgressBar]:
    name = Text(("" if of_run else "  ") + _printable(row.name), style="bold" if of_run else "")
    total = row.total
    bar = (
        Text("") if total is None else ProgressBar(total=max(total, 1), completed=row.done if total else 1, width=width)
    )
    left = f"{row.left} left" if record.running and row.left else f"in {span(record.elapsed)}" if of_run else ""
    numbers = [Text(row.share), Text(row.counted), Text(row.speed), Text(left)]
    return [name, bar, *numbers, Text(row.trouble, style="bold red")]


def _printable(name: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in name)


class _Page(io.StringIO):
    """What rich writes to; it draws with what the terminal's encoding has."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # rich asks for it
        return self._encoding

    def take(self) -> list[str]:
        """The lines since it was last asked."""
        lines = self.getvalue().splitlines()
        self.seek(0)
        self.truncate()
        return lines
