"""`Analysis`: what a run did with what it had, stage by stage, and what a change would gain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from skorche.events import NodeTally, Surroundings
from skorche.named import NamedTuple

HERE = ("thread", "inline", "async")
"""Engines whose workers are threads of this process."""
SELDOM = 0.2
"""Tasks that compute for a smaller share of their time are waiting."""


class Watched(Protocol):
    """What must be known of a run: a `RunFinished` says it, and so does a `Report`."""

    @property
    def elapsed(self) -> float: ...
    @property
    def admitted(self) -> int: ...
    @property
    def nodes(self) -> Mapping[str, NodeTally]: ...
    @property
    def surroundings(self) -> Surroundings: ...
    @property
    def running(self) -> bool: ...


class StageLoad(NamedTuple):
    """What a stage did with its workers. Shares are between 0 and 1, of its workers' time or of the time.

    Per item: wall `seconds` and `cpu_seconds`; per source item: how many items (`visits`) and how many worker-seconds
    (`demand`). `utilisation`: workers were in a task. `occupied`: they had work, which includes handing it over.
    Idle workers were `starved` (nothing waited), `blocked` (no room for results) or `held` (by a limit, or a pause).
    Items waited (`queued`), or filled the room in front of it (`full`), for that share of the time.

    `load` is the share of what it could do in the time that was watched: at 1 it can do no more. `bound` is the
    throughput at which that would be so, in source items per second, and infinite if it did nothing. A `serial` stage,
    or one whose limits hold it (`gated`), gains nothing by more workers; a `pinned` one is to get none. All that comes
    to one that is `ending` has come.
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
    pinned: bool = False
    ending: bool = False

    @property
    def computes(self) -> float:
        """The share of an item's time that is spent computing, on a core: the rest it waits."""
        return min(1.0, self.cpu_seconds / self.seconds) if self.seconds else 0.0


class Analysis(NamedTuple):
    """What limits a run, and what it looked like; `analyze` makes it.

    `throughput` in source items per second, of which `admitted` came. `others` are the loads of what is no stage:
    source, sink, memory, cpu, gil; of all loads the highest decides. `cores` there are, of which `used_cores` were in
    use by this run; `in_line` for one stood so many of its worker processes. `starving`: the share of the time in which
    tasks could have started something, had the sources given it. `bottleneck` is the name of a node, one of those
    words, or "" if nothing can be said; `verdict` says it in a sentence. `source` and `output` are the names of those
    that were waited for last.
    """

    seconds: float
    throughput: float
    cores: int
    used_cores: float
    in_line: float
    stages: tuple[StageLoad, ...]
    others: Mapping[str, float]
    starving: float
    admitted: int = 0
    running: bool = False
    bottleneck: str = ""
    verdict: str = ""
    source: str = ""
    output: str = ""

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

    @property
    def used_here(self) -> float:
        """Cores in use by this process, on its threads."""
        return self.used_cores - sum([stage.cores for stage in self.stages if stage.engine not in HERE])

    @property
    def tasks_compute_little(self) -> bool:
        """Whether most of what this process computes is none of its tasks' doing."""
        return sum([stage.cores for stage in self.stages if stage.engine in HERE]) < self.used_here / 2

    def bound(self, name: str) -> float:
        """Source items per second at which cpu, gil, source, ... would be used up."""
        load = self.others.get(name, 0.0)
        return self.throughput / load if load else float("inf")


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


def predict_processes(analysis: Analysis, node: str, workers: int) -> float:
    """The same for a stage on threads that Python's lock holds up, if it had so many worker processes instead.

    What its tasks waited for the lock is gone; what it costs to send items there is not foreseen.

    Raises:
        KeyError: there is no such node that works.
    """
    stage, python, here = analysis.stage(node), analysis.others.get("gil", 0.0), analysis.used_here

    def held(one: StageLoad) -> float:
        """How much of the lock's time was that of a stage."""
        return python * min(1.0, one.cores / here) if here and one.engine in HERE else 0.0

    rest = [held(one) / one.workers if held(one) > SELDOM else one.load for one in analysis.stages if one is not stage]
    others = {**analysis.others, "gil": python - held(stage)}
    used = max(held(stage), stage.cores) / min(workers, analysis.cores or workers)
    return python / max([used, *rest, *others.values(), 1e-9])


def _fewer_rounds(analysis: Analysis, stage: StageLoad, workers: int) -> float:
    """The time the items take with so many workers, as a share of that they took. Few items come out uneven."""
    few = not analysis.running and stage.items and stage.workers == int(stage.workers)
    if few:
        return -(-stage.items // workers) / -(-stage.items // int(stage.workers))
    return stage.workers / workers
