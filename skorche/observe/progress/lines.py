"""Progress as plain lines on stderr, for logs, pipes and terminals that cannot move their cursor."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from skorche.events import RunFinished, View
from skorche.observe.analyze import analyze
from skorche.observe.progress.rows import span


class Lines:
    """Writes a line now and then; a run that only waits for inputs says for which."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name, self._seconds = name, seconds

    def draw(self, view: View, seconds: float) -> float:
        """Write a line."""
        line = progress_line(self._name, view.counts(), seconds, view.total())
        text = f"{line}{limit_of(view.snapshot())}{waiting_for(view.awaited())}\n"
        if sys.stderr is not None:  # there may be none
            sys.stderr.write(text)
            sys.stderr.flush()
        return self._seconds

    def finish(self, record: RunFinished) -> None:
        """The report tells the end."""

    def close(self) -> None:
        """Nothing was changed."""


def progress_line(name: str, counts: dict[str, int], seconds: float, total: int | None = None) -> str:
    """One line about a run that goes on.

    >>> counts = {"admitted": 40, "delivered": 30, "filtered": 0, "failed": 2, "cancelled": 0}
    >>> progress_line("job", counts, 6.0)
    'job: 6 s, 40 admitted, 30 delivered, 2 failed, 5.33 items/s'
    >>> progress_line("job", counts, 6.0, total=640)
    'job: 6 s, 40 admitted, 30 delivered, 2 failed, 5.33 items/s, 5 % of 640, 1:54 left'
    """
    ended = sum(counts.values()) - counts["admitted"]
    parts = [f"{count} {word}" for word, count in counts.items() if count or word in ("admitted", "delivered")]
    parts.append(f"{ended / max(seconds, 1e-9):.3g} items/s")
    if total:
        parts.append(f"{100 * ended // total} % of {total}")
    if total and 0 < ended < total:
        parts.append(f"{span((total - ended) * seconds / ended)} left")
    return f"{name}: {seconds:.0f} s, {', '.join(parts)}"


def limit_of(record: RunFinished) -> str:
    """What a line says of what limits the run, if that is known."""
    analysis = analyze(record)
    return f"; {analysis.verdict}" if analysis.bottleneck else ""


def waiting_for(inputs: Sequence[str]) -> str:
    """What a line says of inputs that the run waits for.

    >>> waiting_for(["urls"]), waiting_for([])
    ('; waits for input urls, which is open: close() it, or call shutdown()', '')
    """
    several = len(inputs) > 1
    told = f"input{'s' * several} {', '.join(inputs)}, which {'are' if several else 'is'} open: close()"
    return f"; waits for {told} {'them' if several else 'it'}, or call shutdown()" if inputs else ""
