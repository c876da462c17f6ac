"""What is wanted of skorche beside its peers: ratios, each made within a round before the median is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.harness.figure import Figure
from benchmarks.peers.kept import Entry, samples_of
from benchmarks.peers.rows import BY_NAME
from benchmarks.peers.table import NAMES, best_peer

BEST = "the best peer"
OURS = "skorche"

Ratio = Callable[[float, float], float]


def _times(ours: float, theirs: float) -> float:
    return ours / theirs


def _share(ours: float, theirs: float) -> float:
    """Of their throughput, or of their speed."""
    return theirs / ours


def _more(ours: float, theirs: float) -> float:
    return ours - theirs


def _alone(ours: float, theirs: float) -> float:
    return ours


@dataclass(frozen=True)
class Bound:
    """One wish: a row, whom it is compared with, how, and how large it may be."""

    row: str
    beside: str
    ratio: Ratio
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    def of(self, one: Entry) -> Figure | None:
        """As it was in this run; None where one of the two has no figures."""
        other = best_peer(one) if self.beside == BEST else self.beside
        row = BY_NAME[self.row]
        ours, theirs = samples_of(row, one, OURS), samples_of(row, one, other) if other else []
        if not ours or len(ours) != len(theirs):
            return None
        assert other is not None
        name = NAMES.get(other, other)
        return Figure.of(
            [self.ratio(mine, its) for mine, its in zip(ours, theirs, strict=True)],
            row.what,
            "nobody" if self.ratio is _alone else f"{BEST}: {name}" if self.beside == BEST else name,
            count=one["counts"][OURS],
            unit=self.unit,
            at_most=self.at_most,
            at_least=self.at_least,
        )


BOUNDS = (
    Bound("chain", "loop", _times, "times the loop", at_most=1.9),
    *(Bound("chain", peer, _share, "times as fast", at_least=15) for peer in ("pyper", "pypeln", "spdl")),
    Bound("demo", "loop", _times, "times the loop", at_most=2.5),
    Bound("demo", "bytewax", _times, "times bytewax", at_most=1.0),
    Bound("processes", BEST, _times, "times the best", at_most=0.9),
    Bound("waits", "bare", _share, "of the ceiling", at_least=0.97),
    Bound("arrays", BEST, _times, "times its throughput", at_least=2.0),
    Bound("arrays_memory", OURS, _alone, "MB", at_most=250),
    Bound("cpu", BEST, _times, "of its efficiency", at_least=0.97),
    Bound("skewed", BEST, _times, "of its efficiency", at_least=0.97),
    Bound("photos", BEST, _share, "of its speed", at_least=1.0),
    Bound("latency", OURS, _alone, "ms", at_most=0.12),
    Bound("import", "futures", _more, "ms more", at_most=15),
    Bound("start_threads", "futures", _more, "ms more", at_most=20),
    Bound("start_processes", "futures", _more, "ms more", at_most=100),
)


def figures_of(entries: Sequence[Entry]) -> list[tuple[str, Figure]]:
    """Every bound that the run can tell of, with the name of its row."""
    by_row = {one["row"]: one for one in entries}
    told = [(bound.row, bound.of(by_row[bound.row])) for bound in BOUNDS if bound.row in by_row]
    return [(row, figure) for row, figure in told if figure is not None]
