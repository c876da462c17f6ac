"""What limits a run: how much of everything it needs is used, which is used up, and what more of it would gain.

The laws of operational analysis hold for whatever was counted, without any assumption (Denning and Buzen, Computing
Surveys 10(3), 1978). `docs/insight.md` explains them, and what they cannot tell. Nothing here knows a thread or a
clock: a record of what happened goes in, numbers and names come out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from skorche.events import NodeTally, Surroundings
from skorche.observe.analysis import HERE, SELDOM, Analysis, StageLoad, Watched, predict
from skorche.observe.verdict import verdict_of

__all__ = ["Analysis", "StageLoad", "analyze", "predict"]

SHORTEST, STARTING = 0.05, 0.5
"""Seconds of looking below which nothing is said; and of workers that are no threads, which seem busy while they
start, if their tasks were much less."""
FULL, OFTEN = 0.85, 0.5
FEW = 3
"""With fewer items per worker, those that are still being worked on weigh more than those that are done."""
OVERHEAD = 0.15
"""A stage that seems so much busier than its tasks were has work of its own, such as pickling."""
PREFERENCE = 0.05
"""Of two stages that are as busy, the one in front of which items wait holds up the other."""
RUSH = 100_000
"""Items per second that take about all of the time that Python has, to hand them over."""
LOCKED, SOME, ONE_CORE = 0.6, 0.1, 1.15
"""Python's lock limits if it was not to be had for so much of the time, and what had it got at least some of a core:
else that was kept from one by other programs. What uses more than a core does not need the lock."""


def analyze(record: Watched) -> Analysis:
    """What limits the run of this record or report, which may be finished, a snapshot, or the difference of two.

    >>> from skorche.events import NodeTally, RunFinished, Surroundings
    >>> slow = NodeTally(100, 100, busy_seconds=9.8, stage="slow", engine="thread", workers=1, watched_seconds=10.0,
    ...                  worker_seconds=10.0, queued_seconds=9.6)
    >>> record = RunFinished("job", 10.0, 100, 100, 0, 0, 0, 0, 0, 0, (), {"slow": slow},
    ...                      surroundings=Surroundings(cores=4, watched_seconds=10.0))
    >>> analysis = analyze(record)
    >>> analysis.bottleneck, analysis.throughput, round(analysis.stage("slow").bound, 1)
    ('slow', 10.0, 10.2)
    >>> predict(analysis, "slow", 2)
    2.0
    """
    around = record.surroundings
    watched = around.watched_seconds
    throughput = record.admitted / watched if watched else 0.0
    stages = tuple([_load_of(group, record.admitted, watched) for group in _grouped(record.nodes)])
    used = _used_cores(record, stages)
    others = _other_loads(around, stages, used)
    found = Analysis(
        seconds=watched,
        throughput=throughput,
        cores=around.cores,
        used_cores=used,
        in_line=_in_line(around),
        stages=stages,
        others=others,
        starving=_share(around.source_seconds, watched),
        admitted=record.admitted,
        running=record.running,
        source=around.source,
        output=around.output,
    )
    found = found._replace(bottleneck="" if _is_short(found) else _limit_of(found))
    return found._replace(verdict=verdict_of(found))


def _grouped(nodes: Mapping[str, NodeTally]) -> Iterator[list[tuple[str, NodeTally]]]:
    """Nodes that run together, the first of each stage first."""
    groups: dict[str, list[tuple[str, NodeTally]]] = {}
    for name, tally in nodes.items():
        if tally.stage:
            groups.setdefault(tally.stage, []).append((name, tally))
    for first, group in groups.items():
        yield sorted(group, key=lambda one: one[0] != first)


def _load_of(group: Sequence[tuple[str, NodeTally]], admitted: int, watched: float) -> StageLoad:
    """What a stage did."""
    (name, head), *_ = group
    busy = sum([tally.busy_seconds for _, tally in group])
    cpu = sum([tally.cpu_seconds for _, tally in group])
    had = head.worker_seconds
    workers = had / head.watched_seconds if head.watched_seconds else float(head.workers)
    items = head.received
    starved, blocked, held = (
        _share(one, had) for one in (head.starved_seconds, head.blocked_seconds, head.held_seconds)
    )
    occupied = max(0.0, 1.0 - starved - blocked - held) if had else 0.0
    utilisation = _share(busy, had)
    few = items < FEW * workers or occupied - utilisation > OVERHEAD
    if head.engine == "inline":  # what has been started may be behind another: it has work, but nobody is at it
        few = False
    gated = bool(head.limits) and held > SELDOM
    load = _share(had * ((occupied if few else utilisation) + held * gated), workers * watched)
    seconds = busy / items if items else 0.0
    visits = items / admitted if admitted else 0.0
    longest = max(group, key=lambda one: one[1].busy_seconds)[0]
    return StageLoad(
        name=name,
        nodes=(longest, *[one for one, _ in group if one != longest]),
        engine=head.engine,
        workers=workers,
        items=items,
        visits=visits,
        seconds=seconds,
        cpu_seconds=cpu / items if items else 0.0,
        demand=visits * seconds,
        utilisation=utilisation,
        occupied=occupied,
        starved=starved,
        blocked=blocked,
        held=held,
        queued=_share(head.queued_seconds, head.watched_seconds),
        full=_share(head.full_seconds, head.watched_seconds),
        load=load,
        bound=admitted / watched / load if watched and load else float("inf"),
        serial=head.serial,
        gated=gated,
        ordered=head.ordered,
        paused=head.paused,
        limits=tuple(head.limits),
        cores=cpu / watched if watched else 0.0,
        pinned=head.pinned,
        ending=head.ending,
    )


def _used_cores(record: Watched, stages: Sequence[StageLoad]) -> float:
    """Cores in use by this process, and by the workers whose time is not this process's."""
    around = record.surroundings
    elapsed = max(record.elapsed, around.watched_seconds)
    here = sum([stage.cores for stage in stages if stage.engine in HERE])
    away = sum([stage.cores for stage in stages if stage.engine not in HERE])
    return max(here, around.cpu_seconds / elapsed if elapsed else 0.0) + away


def _in_line(around: Surroundings) -> float:
    """How many workers stood in line for a core, on the average: so many more cores would be in use."""
    return around.lined_seconds / around.watched_seconds if around.watched_seconds else 0.0


def _other_loads(around: Surroundings, stages: Sequence[StageLoad], used: float) -> dict[str, float]:
    """How much of what is no stage is used."""
    watched = around.watched_seconds
    shares = {
        "source": _share(around.reading_seconds or around.source_seconds, watched),
        "sink": _share(around.sink_seconds, watched),
        "memory": _share(around.memory_seconds, watched),
        "cpu": min(1.0, (used + _in_line(around)) / around.cores) if around.cores else 0.0,
        "gil": _python_load(around, stages, used),
    }
    top = max([stage.load for stage in stages], default=0.0)
    if shares["source"] >= top and around.source_seconds < OFTEN * watched:
        shares["source"] = _share(around.source_seconds, watched)  # it gives more when more is asked for
    return {name: share for name, share in shares.items() if share}


def _python_load(around: Surroundings, stages: Sequence[StageLoad], used: float) -> float:
    """How much is used of the one core that Python's lock allows this process.

    It was seen how often the lock was not to be had. Where it was never long in one hand, what tasks on threads compute
    is taken for Python, unless that is so much that it cannot be: threads that run C code may let go of the lock.
    """
    here = used - sum([stage.cores for stage in stages if stage.engine not in HERE])
    ours = [stage for stage in stages if stage.engine in HERE]
    computing = sum([stage.cores for stage in ours])
    seen = _share(around.gil_seconds, around.watched_seconds)
    if here < SOME:
        return here
    if seen >= LOCKED:
        return max(seen, min(1.0, here))
    crowded = any(stage.cores > 0.3 and stage.computes < 0.8 for stage in ours)
    tiny = all(stage.seconds < 0.001 for stage in stages)
    if tiny and sum([stage.items for stage in stages]) >= RUSH * around.watched_seconds:
        return 1.0
    if FULL <= here <= ONE_CORE and (tiny or (crowded and computing >= OFTEN and not around.gil_seconds)):
        return min(1.0, here)
    return computing if computing < OFTEN else min(1.0, max(seen, computing if seen >= computing / 2 else 0.0))


def _is_short(found: Analysis) -> bool:
    """Whether it was not watched for long enough to say what limits it."""
    away = [stage for stage in found.stages if stage.engine not in HERE]
    starting = any(stage.occupied - stage.utilisation > OVERHEAD for stage in away)
    return found.seconds < (STARTING if starting else SHORTEST)


def _limit_of(found: Analysis) -> str:
    """The name of what limits."""
    loads = found.others
    if loads.get("memory", 0.0) >= OFTEN:
        return "memory"
    working = [stage for stage in found.stages if stage.load > 0.0]
    inline = sum([stage.load for stage in working if stage.engine == "inline"])
    top = max(working, key=lambda stage: stage.load + PREFERENCE * stage.queued, default=None)
    if top is None:
        return "source" if found.starving >= OFTEN else ""
    if inline >= OFTEN:
        return max(working, key=lambda stage: stage.load * (stage.engine == "inline")).nodes[0]
    if loads.get("cpu", 0.0) >= FULL:
        return "cpu"
    if loads.get("gil", 0.0) >= LOCKED and not _is_waiting(found, top):
        return "source" if found.starving >= OFTEN and found.tasks_compute_little else "gil"
    held_up = top.load >= FULL and top.queued >= OFTEN
    if loads.get("sink", 0.0) >= OFTEN and loads["sink"] >= top.load and not held_up:
        return "sink"
    if found.starving >= OFTEN and loads.get("source", 0.0) >= top.load and not held_up:
        return "source"
    return top.nodes[0]


def _is_waiting(found: Analysis, top: StageLoad) -> bool:
    """Whether a stage whose tasks wait, for a disk or a network, is used up, whoever else computes."""
    return top.load >= FULL and top.computes < SELDOM and top.seconds >= 0.001 and found.tasks_compute_little


def _share(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole > 0 else 0.0
