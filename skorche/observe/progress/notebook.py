"""Progress as a table below a notebook's cell, which is updated in place. It needs no widgets."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from itertools import count

from IPython import display

from skorche.events import RunFinished, View
from skorche.observe.progress.lines import waiting_for
from skorche.observe.progress.rows import Row, Rows

Show = Callable[..., object]

PAUSE = 0.5
"""Seconds between two updates, each of which goes over the network."""


_NUMBERS = count()


class Notebook:
    """A table with a row for the run, and one for each task."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._display_id = f"skorche-progress-{next(_NUMBERS)}"
        self._shown = False

    def draw(self, view: View, seconds: float) -> float:
        """Show the table, or what has become of it."""
        self._show(view.snapshot(), waiting_for(view.awaited()).removeprefix("; "))
        return PAUSE

    def finish(self, record: RunFinished) -> None:
        """How far it came stays there."""
        self._show(record, "" if record.error is None else f"stopped by {type(record.error).__name__}")

    def close(self) -> None:
        """Nothing was changed."""

    def _show(self, record: RunFinished, remark: str) -> None:
        run, tasks = self._rows.read(record)
        remarks = [remark] if remark else []
        bundle = {
            "text/plain": "\n".join([str(run), *(f"  {row}" for row in tasks), *remarks]),
            "text/html": f"<table>{''.join(map(_html_of, (run, *tasks)))}</table>{escape(remark)}",
        }
        show: Show = display.update_display if self._shown else display.display
        show(bundle, display_id=self._display_id, raw=True)
        self._shown = True


def _html_of(row: Row) -> str:
    """A row of the table.

    >>> _html_of(Row("<lambda>", 1, 2))[:85]
    '<tr><td>&lt;lambda&gt;</td><td><progress value="1" max="2"></progress></td><td>50 %</'
    """
    bar = "" if row.total is None else f'<progress value="{row.done}" max="{max(row.total, 1)}"></progress>'
    left = f"{row.left} left" if row.left else ""
    cells = [escape(row.name), bar, row.share, row.counted, row.speed, left]
    failed = f'<td style="color: #c00; font-weight: bold">{row.trouble}</td>'
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}{failed}</tr>"
