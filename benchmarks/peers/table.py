"""The tables: of a run for the terminal, and of the last results for the README."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness.history import aligned, short
from benchmarks.peers.kept import Entry, median_of, samples_of
from benchmarks.peers.rows import BY_NAME
from benchmarks.peers.ways import NO_PEERS, WAYS

BEGIN, END = "<!-- peers: python -m benchmarks.peers --table -->", "<!-- end of peers -->"
NOTHING = "No run has been kept yet: `make bench-peers` makes one."
NAMES = {
    "loop": "plain loop",
    "bare": "bare ceiling",
    "queues": "by hand",
    "futures": "concurrent.futures",
    "pool": "multiprocessing.Pool",
    "dask": "dask.bag",
    "spdl": "SPDL",
}
"""How a peer is called in a table, where it is not called as its file is."""
DETAILS = ("work", "peer", "items", "figure", "min .. max", "setting")
NONE = "-"


def as_text(entries: Sequence[Entry]) -> str:
    """The medians, for the terminal: a line for each peer, a column for each row."""
    names = _names(entries)
    lines = [("work", "", *names), *(cells for one in entries for cells in _medians(one, names, mark=False))]
    return aligned([tuple(column) for column in zip(*lines, strict=True)])


def as_markdown(entries: Sequence[Entry]) -> str:
    """For the README: the medians beside each other, and behind them how they were spread and set."""
    if not entries:
        return NOTHING
    names = _names(entries)
    medians = [cells for one in entries for cells in _medians(one, names, mark=True)]
    details = [line for one in entries for line in _details(one, names)]
    return "\n\n".join(
        [
            origin(entries),
            _markdown(("work", "", *(NAMES.get(name, name) for name in names)), medians),
            "<details><summary>Items, spread and settings</summary>",
            _markdown(DETAILS, details),
            "</details>",
        ]
    )


def origin(entries: Sequence[Entry]) -> str:
    """When and where it was measured, with which versions, and what the machine did meanwhile."""
    days = sorted({one["date"][:10] for one in entries})
    versions = {name: version for one in entries for name, version in one["versions"].items() if version}
    told = ", ".join(f"{NAMES.get(name, name)} {versions[name]}" for name in WAYS if name in versions)
    again, rounds = sum(one["again"] for one in entries), sum(len(one["rounds"]) for one in entries)
    return (
        f"Measured {' to '.join(dict.fromkeys((days[0], days[-1])))} with Python {_all(entries, 'python')}"
        f" on {_all(entries, 'cpus')} shared CPUs; the load before it was {max(one['load'] for one in entries):.1f}."
        f" Of all CPU time at most {_most(entries, 'steal')} was stolen during a round, and {_most(entries, 'others')}"
        f" went to other programs; {rounds} rounds were kept, {again} taken again. Versions: {told}."
    )


def _all(entries: Sequence[Entry], what: str) -> str:
    return ", ".join(sorted({str(one[what]) for one in entries}))


def _most(entries: Sequence[Entry], what: str) -> str:
    return f"{max(one[what] for one in entries):.0%}"


def _names(entries: Sequence[Entry]) -> list[str]:
    """All peers that any of the rows has, and those that have none because they were not there."""
    return [name for name in WAYS if any(name in one["counts"] or name in one["missing"] for one in entries)]


def _medians(one: Entry, names: Sequence[str], *, mark: bool) -> list[tuple[str, ...]]:
    """A line for each figure of the row; the best peer is marked."""
    row = BY_NAME[one["row"]]
    lines = []
    for figure, unit in enumerate(row.units):
        found = {name: median_of(row, one, name, figure) for name in names}
        best = best_peer(one, figure) if mark else None
        cells = [f"**{_cell(found[name])}**" if name == best else _cell(found[name]) for name in names]
        cells = ["failed" if name in one["failed"] else cell for name, cell in zip(names, cells, strict=True)]
        lines.append((row.what if not figure and mark else row.name if not mark else "", unit, *cells))
    return lines


def best_peer(one: Entry, figure: int = 0) -> str | None:
    """The peer with the best median; ceilings, the loop and skorche itself are none."""
    row = BY_NAME[one["row"]]
    found = {name: median_of(row, one, name, figure) for name in one["counts"] if name not in NO_PEERS}
    known = {name: value for name, value in found.items() if value is not None}
    if not known:
        return None
    return (max if row.more_is_better else min)(known, key=lambda name: known[name])


def _details(one: Entry, names: Sequence[str]) -> list[tuple[str, ...]]:
    row = BY_NAME[one["row"]]
    lines = []
    for name in names:
        for figure, unit in enumerate(row.units):
            if samples := samples_of(row, one, name, figure):
                spread = f"{short(min(samples))} .. {short(max(samples))}" if len(samples) > 1 else ""
                value = f"{_cell(median_of(row, one, name, figure))} {unit}"
                setting = one["settings"].get(name, "")
                lines.append((row.name, NAMES.get(name, name), f"{one['counts'][name]:,}", value, spread, setting))
    return lines


def _cell(value: float | None) -> str:
    return NONE if value is None else short(value)


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *lines))
