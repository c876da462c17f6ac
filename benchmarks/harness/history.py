"""`history.jsonl`: a line for each benchmark of each run, and the table made from the last of them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.harness.figure import Figure

HOME = Path(__file__).resolve().parents[1]
HISTORY = HOME / "history.jsonl"
README = HOME / "README.md"
BEGIN, END = "<!-- results: python -m benchmarks --table -->", "<!-- end of results -->"
HEADINGS = ("benchmark", "what", "how many", "against", "figure", "min .. max", "wanted", "met")


def entry(name: str, seconds: float, shares: dict[str, float | None], figures: Sequence[Figure]) -> dict[str, Any]:
    """One line of the history."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        **shares,
        "name": name,
        "seconds": round(seconds, 1),
        "figures": [figure.to_dict() for figure in figures],
    }


def append(line: dict[str, Any]) -> None:
    """Add a line to the history."""
    with HISTORY.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def last_entries() -> list[dict[str, Any]]:
    """The last line of each benchmark, in the order of their names."""
    lines = HISTORY.read_text(encoding="utf-8").splitlines() if HISTORY.exists() else []
    last = {line["name"]: line for line in map(json.loads, lines)}
    return [last[name] for name in sorted(last)]


def rows_of(entries: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each figure, with the `HEADINGS`."""
    return [
        row_of(one["name"] if not number else "", Figure.from_dict(kept))
        for one in entries
        for number, kept in enumerate(one["figures"])
    ]


def row_of(name: str, figure: Figure) -> tuple[str, ...]:
    """The cells of a figure, below the `HEADINGS`."""
    met = {True: "yes", False: "NO", None: ""}[figure.met]
    spread = f"{short(figure.low)} .. {short(figure.high)}" if figure.samples > 1 else ""
    value = f"{short(figure.value)} {figure.unit}"
    return name, figure.what, figure.count, figure.against, value, spread, figure.wanted, met


def short(value: float) -> str:
    """Three digits that mean something.

    >>> short(0.01234), short(1.2345), short(123.4), short(0.0)
    ('0.0123', '1.23', '123', '0')
    """
    if not value:
        return "0"
    digits = 2 if abs(value) >= 1 else 3
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.{digits}f}" if abs(value) >= 0.1 else f"{value:.3g}"


def as_text(rows: Sequence[tuple[str, ...]]) -> str:
    """A table for the terminal."""
    return aligned([HEADINGS, *rows])


def aligned(table: Sequence[tuple[str, ...]]) -> str:
    """Columns one below the other; the first line holds the headings."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def as_markdown(entries: Sequence[dict[str, Any]]) -> str:
    """The table for the README, with when and where the lines were measured."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *rows_of(entries)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{_origin(entries)}\n\n{table}"


def _origin(entries: Sequence[dict[str, Any]]) -> str:
    days = sorted({one["date"][:10] for one in entries})
    pythons = sorted({one["python"] for one in entries})
    cpus = sorted({str(one["cpus"]) for one in entries})
    steal = max((one["steal"] or 0.0 for one in entries), default=0.0)
    others = max((one["others"] or 0.0 for one in entries), default=0.0)
    return (
        f"Measured {' to '.join(dict.fromkeys((days[0], days[-1])))} with Python {', '.join(pythons)} on"
        f" {', '.join(cpus)} shared CPUs;"
        f" of all CPU time at most {steal:.0%} was stolen and {others:.0%} went to other programs during a benchmark."
    )


def write_readme(table: str, begin: str = BEGIN, end: str = END) -> None:
    """Put a table between its marks in the README."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    README.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")
