"""How busy the stages of a run were, and how much went over its lines: a picture that shows it.

Colour is utilisation: pale is idle, deep blue is busy, grey is what nobody looked at. Width is flow. Red is failures
only, and amber what limits the run, so that both can be found at a glance; words say all of it too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from skorche.events import NodeTally
from skorche.named import NamedTuple
from skorche.observe.amounts import count_text, rate_text, share_text
from skorche.observe.looks import Look
from skorche.observe.overview import Overview
from skorche.observe.picture import Link, Mark, Picture, shown

IDLE, BUSY, UNKNOWN = (0xF3, 0xF8, 0xFD), (0x4F, 0x9F, 0xE3), "#ececec"
BORDER, RED, AMBER = "#33516e", "#c62828", "#e69f00"
STEPS = 10
"""Shades between idle and busy."""

THINNEST, THICKEST = 1.2, 9.0
WORKERS = {"thread": "thread", "process": "process"}
LIMITS = {"cpu": "the CPU", "gil": "the GIL", "source": "the source", "sink": "the reader", "memory": "memory"}
"""What may limit a run besides its nodes."""


class Load(NamedTuple):
    """How the workers of a stage spent their time, and how its queue was, as shares of the time; None: not known."""

    busy: float | None = None
    starved: float | None = None
    blocked: float | None = None
    queued: float | None = None
    full: float | None = None


def loads_of(nodes: Mapping[str, NodeTally]) -> dict[str, Load]:
    """The load of each node, by its name. The first of a stage tells of the whole, others of their own work there.

    >>> loads_of({"a": NodeTally(stage="a", busy_seconds=3.0, worker_seconds=4.0, watched_seconds=2.0)})["a"].busy
    0.75
    """
    together: defaultdict[str, float] = defaultdict(float)
    for tally in nodes.values():
        together[tally.stage] += tally.busy_seconds
    return {name: _load(name, tally, nodes, together) for name, tally in nodes.items()}


def _load(name: str, tally: NodeTally, nodes: Mapping[str, NodeTally], together: Mapping[str, float]) -> Load:
    stage = nodes.get(tally.stage)
    if stage is None or stage.worker_seconds <= 0:
        return Load()
    if tally.stage != name:
        return Load(_share(tally.busy_seconds, stage.worker_seconds))
    return Load(
        _share(together[name], tally.worker_seconds),
        _share(tally.starved_seconds, tally.worker_seconds),
        _share(tally.blocked_seconds, tally.worker_seconds),
        _share(tally.queued_seconds, tally.watched_seconds),
        _share(tally.full_seconds, tally.watched_seconds),
    )


def _share(part: float, whole: float) -> float | None:
    """Work is counted when it is done, workers when somebody looks: so a share may come out above the whole."""
    return min(part / whole, 1.0) if whole > 0 else None


def load_picture(overview: Overview) -> Picture:
    """The picture with the loads of its nodes, the flow and the rate of its lines, and what limits the run."""
    picture, loads = overview.picture, loads_of(overview.nodes)
    limiting = limiting_marks(overview)
    most = max((link.flow or 0 for link in picture.links), default=0)
    marks = [_mark(mark, overview, loads, limits=mark.own in limiting) for mark in picture.marks]
    return picture._replace(marks=tuple(marks), links=tuple(_link(link, overview, most) for link in picture.links))


def limiting_marks(overview: Overview) -> set[str]:
    """Which marks stand for what limits the run, by their `own`: a node, or the inputs, or the outputs."""
    marks, links = overview.picture.marks, overview.picture.links
    found = {mark.own for mark in marks if mark.node and mark.node == overview.bottleneck}
    ends = {mark.own for mark in marks if not mark.node}
    if not found and overview.bottleneck == "source":
        found = ends - {link.head for link in links}
    elif not found and overview.bottleneck == "sink":
        found = ends - {link.tail for link in links}
    return found


def limit_words(overview: Overview) -> str:
    """What limits the run, in words, or "".

    >>> limit_words(Overview("a", "", True, False, 1.0, {}, {}, {}, bottleneck="gil"))
    'the GIL'
    """
    named = overview.bottleneck in overview.nodes
    return shown(overview.bottleneck if named else LIMITS.get(overview.bottleneck, overview.bottleneck))


def _mark(mark: Mark, overview: Overview, loads: Mapping[str, Load], *, limits: bool) -> Mark:
    tally = overview.nodes.get(mark.node)
    badges: tuple[str, ...] = ("bottleneck",) if limits else ()
    if tally is None:
        return mark._replace(badges=badges)
    busy = loads[mark.node].busy
    badges += (f"{tally.failed:,} failed",) if tally.failed else ()
    border = RED if tally.failed else AMBER if limits else BORDER
    look = Look(shade(busy), border, thick=bool(badges), dashed=mark.outcome == "skipped")
    return mark._replace(lines=(mark.lines[0], *_words(mark, tally, busy)), badges=badges, look=look)


def _words(mark: Mark, tally: NodeTally, busy: float | None) -> list[str]:
    """What a node says below its name."""
    load = f"{share_text(busy)} busy" if busy is not None else ""
    if load and tally.stage == mark.node and tally.workers:
        load += f", {workers_text(tally)}"
    ends = [f"{getattr(tally, name):,} {name}" for name in ("cached", "filtered", "cancelled") if getattr(tally, name)]
    told = ["skipped"] if mark.outcome == "skipped" else ends
    told += ["paused"] if tally.paused else []
    return [line for line in (load, ", ".join(told)) if line]


def workers_text(tally: NodeTally) -> str:
    """How many workers a stage has, and of which kind.

    >>> workers_text(NodeTally(engine="process", workers=2)), workers_text(NodeTally(engine="async", workers=32))
    ('2 processes', '32 async workers')
    """
    return count_text(tally.workers, WORKERS.get(tally.engine) or f"{shown(tally.engine)} worker".strip())


def shade(busy: float | None) -> str:
    """The colour of a share, on white paper.

    >>> shade(0.0), shade(1.0), shade(None)
    ('#f3f8fd', '#4f9fe3', '#ececec')
    """
    if busy is None:
        return UNKNOWN
    part = step(busy) / STEPS
    return "#" + "".join(f"{round(low + part * (high - low)):02x}" for low, high in zip(IDLE, BUSY, strict=True))


def step(busy: float) -> int:
    """Which shade it is, from 0 to `STEPS`."""
    return round(busy * STEPS)


def _link(link: Link, overview: Overview, most: int) -> Link:
    if link.flow is None:
        return link._replace(width=THINNEST)
    words = (*link.lines[:-1], count_text(link.flow, "item"), rate_text(link.flow, overview.elapsed))
    return link._replace(lines=words, width=THINNEST + (THICKEST - THINNEST) * link.flow / max(most, 1))
