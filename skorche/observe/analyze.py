"""What limits a run: how much of everything it needs is used, which is used up, and what more of it would gain.

The laws of operational analysis hold for whatever was counted, without any assumption (Denning and Buzen, Computing
Surveys 10(3), 1978). `docs/insight.md` explains them, and what they cannot tell. Nothing here knows a thread or a
clock: a record of what happened goes in, numbers and names come out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from skorche.events import NodeTally, RunFinished, Surroundings

SHORTEST = 0.05
"""Seconds of looking below which nothing is said."""
FULL, OFTEN, SELDOM = 0.85, 0.5, 0.2
FEW = 3
"""With fewer items per worker, those that are still being worked on weigh more than those that are done."""
OVERHEAD = 0.15
"""A stage that seems so much busier than its tasks were has work of its own, such as pickling."""
PREFERENCE = 0.05
"""Of two stages that are as busy, the one in front of which items wait holds up the other."""
SURE_PYTHON = 0.3
"""Cores in use by this process, from which on its lock can be what limits."""


class StageLoad(NamedTuple):
    """What a stage did with its workers. Shares are between 0 and 1, of its workers' time or of the time.

    Per item: wall `seconds` and `cpu_seconds`; per source item: how many items (`visits`) and how many worker-seconds
    (`demand`). `utilisation`: workers were in a task. `occupied`: they had work, which includes handing it over.
    Idle workers were `starved` (nothing waited), `blocked` (no room for results) or `held` (by a limit, or a pause).
    Items waited (`queued`), or filled the room in front of it (`full`), for that share of the time.

    `load` is the share of what it could do in the time that was watched: at 1 it can do no more. `bound` is the
    throughput at which that would be so, in source items per second, and infinite if it did nothing. A `serial` stage,
    or one whose limits hold it (`gated`), gains nothing by more workers.
    """

    name: str
    nodes: tuple[str, ...]
    engine: str
    workers: float
    items: int
    visits: float
    seconds: float
    cpu_seconds: float
    demand: float
    utilisation: float
    occupied: float
    starved: float
    blocked: float
    held: float
    queued: float
    full: float
    load: float
    bound: float
    serial: bool = False
    gated: bool = False
    ordered: bool = False
    paused: bool = False
    limits: tuple[str, ...] = ()
    cores: float = 0.0

    @property
    def computes(self) -> float:
        """The share of an item's time that is spent computing, on a core: the rest it waits."""
        return min(1.0, self.cpu_seconds / self.seconds) if self.seconds else 0.0


class Analysis(NamedTuple):
    """What limits a run, and what it looked like; `analyze` makes it.

    `throughput` in source items per second. `others` are the loads of what is no stage: source, sink, memory, cpu, gil;
    of all loads the highest decides. `cores` there are, of which `used_cores` were in use by this run. `starving`:
    the share of the time in which tasks could have started something, had the sources given it. `bottleneck` is the
    name of a node, one of those words, or "" if nothing can be said.
    """

    seconds: float
    throughput: float
    cores: int
    used_cores: float
    stages: tuple[StageLoad, ...]
    others: Mapping[str, float]
    starving: float
    bottleneck: str
    running: bool

    def stage(self, node: str) -> StageLoad:
        """The stage that does the work of a node.

        Raises:
            KeyError: none does.
        """
        for stage in self.stages:
            if node == stage.name or node in stage.nodes:
                return stage
        raise KeyError(node)

    @property
    def limit(self) -> StageLoad | None:
        """The stage that limits, if one does."""
        return next((stage for stage in self.stages if self.bottleneck in stage.nodes), None)

    @property
    def loads(self) -> list[float]:
        """All of them."""
        return [*(stage.load for stage in self.stages), *self.others.values()]

    def bound(self, name: str) -> float:
        """Source items per second at which cpu, gil, source, ... would be used up."""
        load = self.others.get(name, 0.0)
        return self.throughput / load if load else float("inf")


def analyze(record: RunFinished) -> Analysis:
    """What limits the run of this record, which may be finished, a snapshot, or the difference of two.

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
    starving = _share(around.source_seconds, watched)
    found = Analysis(watched, throughput, around.cores, used, stages, others, starving, "", record.running)
    return found._replace(bottleneck=_limit_of(found) if watched >= SHORTEST else "")


def predict(analysis: Analysis, node: str, workers: int) -> float:
    """How many times the throughput there would be if the stage of this node had so many workers; 1.0 is no gain.

    The load of the stage falls, and what is used most then decides. What is lost to start-up and overhead now is lost
    then too.

    Raises:
        KeyError: there is no such node that works.
    """
    stage = analysis.stage(node)
    if stage.serial or stage.gated or stage.engine == "inline" or not stage.load or not analysis.bottleneck:
        return 1.0
    after = stage.load * _fewer_rounds(analysis, stage, workers)
    rest = [one.load for one in analysis.stages if one is not stage]
    return max(analysis.loads) / max([after, *rest, *analysis.others.values()])


def _fewer_rounds(analysis: Analysis, stage: StageLoad, workers: int) -> float:
    """The time the items take with so many workers, as a share of that they took. Few items come out uneven."""
    few = not analysis.running and stage.items and stage.workers == int(stage.workers)
    if few:
        return -(-stage.items // workers) / -(-stage.items // int(stage.workers))
    return stage.workers / workers


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
    )


def _used_cores(record: RunFinished, stages: Sequence[StageLoad]) -> float:
    """Cores in use by this process, and by the workers whose time is not this process's."""
    around = record.surroundings
    elapsed = max(record.elapsed, around.watched_seconds)
    here = sum([stage.cores for stage in stages if stage.engine in HERE])
    away = sum([stage.cores for stage in stages if stage.engine not in HERE])
    return max(here, around.cpu_seconds / elapsed if elapsed else 0.0) + away


HERE = ("thread", "inline", "async")


def _other_loads(around: Surroundings, stages: Sequence[StageLoad], used: float) -> dict[str, float]:
    """How much of what is no stage is used."""
    watched = around.watched_seconds
    shares = {
        "source": _share(around.reading_seconds or around.source_seconds, watched),
        "sink": _share(around.sink_seconds, watched),
        "memory": _share(around.memory_seconds, watched),
        "cpu": used / around.cores if around.cores else 0.0,
        "gil": _python_load(around, stages, used),
    }
    top = max([stage.load for stage in stages], default=0.0)
    if shares["source"] >= top and around.source_seconds < OFTEN * watched:
        shares["source"] = _share(around.source_seconds, watched)  # it gives more when more is asked for
    return {name: share for name, share in shares.items() if share}


def _python_load(around: Surroundings, stages: Sequence[StageLoad], used: float) -> float:
    """How much of the one core that Python's lock allows this process is used.

    Threads that use more than one core run C code without the lock. So does one that uses a core and never keeps
    others from the lock. Where the lock is never long in one hand, what tasks compute on threads is taken for Python.
    """
    here = used - sum([stage.cores for stage in stages if stage.engine not in HERE])
    computing = sum([stage.cores for stage in stages if stage.engine in HERE])
    seen = _share(around.gil_seconds, around.watched_seconds)
    contended = any(stage.engine == "thread" and stage.cores > SURE_PYTHON and stage.computes < 0.8 for stage in stages)
    if seen >= OFTEN and here >= SURE_PYTHON:
        return min(1.0, max(seen, here))
    if FULL <= here <= 1.15 and computing >= OFTEN and contended and not around.gil_seconds:
        return min(1.0, here)
    return min(computing, 1.0) if computing < OFTEN or seen >= computing / 2 else seen


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
    if loads.get("gil", 0.0) >= 0.6 and not _is_waiting(found, top):
        return "source" if found.starving >= OFTEN and _tasks_compute_little(found) else "gil"
    held_up = top.load >= FULL and top.queued >= OFTEN
    if loads.get("sink", 0.0) >= OFTEN and loads["sink"] >= top.load and not held_up:
        return "sink"
    if found.starving >= OFTEN and loads.get("source", 0.0) >= top.load and not held_up:
        return "source"
    return top.nodes[0]


def _is_waiting(found: Analysis, top: StageLoad) -> bool:
    """Whether a stage whose tasks wait, for a disk or a network, is used up, whoever else computes."""
    return top.load >= FULL and top.computes < SELDOM and top.seconds >= 0.001 and _tasks_compute_little(found)


def _tasks_compute_little(found: Analysis) -> bool:
    here = [stage.cores for stage in found.stages if stage.engine in HERE]
    return sum(here) < found.others.get("gil", 0.0) / 2


def _share(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole > 0 else 0.0
