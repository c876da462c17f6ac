"""`../peers.jsonl`: a line for each row of each run. The last line of a row is what the README tells."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks.harness.history import HOME
from benchmarks.peers.rounds import Taken
from benchmarks.peers.rows import CPUS, ROWS, Row
from benchmarks.peers.ways import LOOP, version_of

RESULTS = HOME / "peers.jsonl"

Entry = dict[str, Any]


def entry(
    row: Row,
    taken: Taken,
    counts: dict[str, int],
    settings: dict[str, str],
    *,
    missing: Sequence[str],
    seconds: float,
    load: float,
) -> Entry:
    """One line: when and where, the items and the setting of each peer, and all figures, round by round.

    `missing` are the peers that are not installed; `load` is how many programs wanted a CPU, on average over the minute
    before the run.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": load,
        "steal": taken.steal,
        "others": taken.others,
        "row": row.name,
        "seconds": round(seconds, 1),
        "again": taken.again,
        "versions": {name: version_of(name) for name in counts},
        "counts": counts,
        "settings": settings,
        "missing": list(missing),
        "failed": taken.failed,
        "rounds": [{name: [float(f"{one:.5g}") for one in said] for name, said in one.items()} for one in taken.rounds],
    }


def append(line: Entry) -> None:
    """Add a line to the results."""
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def last_entries() -> list[Entry]:
    """The last line of each row, in the order of the table."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    last = {line["row"]: line for line in map(json.loads, lines)}
    return [last[row.name] for row in ROWS if row.name in last]


def samples_of(row: Row, one: Entry, name: str, figure: int = 0) -> list[float]:
    """What the row tells of this peer, round by round; nothing if it failed, or does not do the row.

    >>> from benchmarks.peers.rows import BY_NAME
    >>> rounds = [{"loop": [4.0], "pool": [2.5]}, {"loop": [4.0], "pool": [2.0]}]
    >>> samples_of(BY_NAME["cpu"], {"rounds": rounds, "failed": []}, "pool")
    [0.8, 1.0]
    """
    if name in one["failed"]:
        return []
    told = [(taken[name][figure], taken) for taken in one["rounds"] if name in taken]
    if row.told == "efficiency":
        return [taken[LOOP][figure] / CPUS / value for value, taken in told]
    if row.told == "more" and name != LOOP:
        return [value - taken[LOOP][figure] for value, taken in told]
    return [value for value, _ in told]


def median_of(row: Row, one: Entry, name: str, figure: int = 0) -> float | None:
    """The median over the rounds; None if there is none."""
    samples = samples_of(row, one, name, figure)
    return median(samples) if samples else None
