"""A frozen plan: stages with their kernels, the operators with memory between them, sources and ends.

A plan names queues by number, nodes by number and engines by name, and holds no queue, so it can be pickled (unless an
engine was given as an object).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol

from skorche.errors import GraphError, nearest, shorten
from skorche.graph import Pairing
from skorche.kernel import Kernel
from skorche.limits import AnyLimit, Rate
from skorche.named import NamedTuple
from skorche.options import OnError, Recycling
from skorche.regrouping import Regrouping

if TYPE_CHECKING:
    from skorche.shard import Shard

Capture = Literal["stream", "item", "off"]


class Destination(NamedTuple):
    """Where a port leads: a stage, an operator with memory, a zip (to which input), an end, or a drain, by number."""

    kind: Literal["stage", "gather", "zip", "end", "drain"]
    number: int
    lane: int = 0


class NodePlan(NamedTuple):
    """What the runtime needs to know of a node: its name for people, and its policies."""

    name: str
    title: str
    is_task: bool
    retries: int = 0
    backoff: float = 0.0
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = Exception
    on_error: OnError | None = None
    isolate: bool = False
    errors: Destination | None = None


class StagePlan(NamedTuple):
    """Steps that run together in one engine, `workers` calls at a time; each step is the work of one of the `names`.

    What leaves by the `sealed` ports goes to other worker processes, and nobody looks into it on the way. What comes
    may be sealed if `sealed_depth` is not None: in at most so many batches.
    """

    number: int
    nodes: tuple[int, ...]
    kernel: Kernel
    ports: tuple[Destination, ...]
    engine: Any
    workers: int
    timeout: float | None
    ordered: bool
    idempotent: bool
    edge: str
    maxsize: int | None
    recycling: Recycling = Recycling()
    names: tuple[str, ...] = ()
    capture: Capture = "stream"
    flows: bool = False
    folds: bool = False
    limits: tuple[AnyLimit, ...] = ()
    resizes: bool = False
    pinned: bool = False
    sealed: tuple[int, ...] = ()
    sealed_depth: int | None = None

    @property
    def engine_name(self) -> str:
        """Where it runs, in a word."""
        return _engine_name(self.engine)

    @property
    def one_by_one(self) -> bool:
        """Whether each chunk is one item, of which no worker has another in line."""
        return self.timeout is not None or bool(self.limits)

    @property
    def tells_start(self) -> bool:
        """Whether the engine says when work on a chunk begins."""
        return self.timeout is not None or any(isinstance(one, Rate) for one in self.limits)


class GatherPlan(NamedTuple):
    """An operator with memory; the scheduler runs it."""

    node: int
    make: Callable[[], Regrouping]
    outputs: tuple[Destination, ...]
    feeders: int


class Fold(Protocol):
    """A step that goes on from a value, which `kept` holds, or nothing; it is told when a chunk's results have come."""

    kept: list[Any]


class DrainPlan(NamedTuple):
    """Where items end inside a node. With a `fold`, the value it has come to goes to the `output` at the end."""

    node: int
    output: Destination | None
    fold: Fold | None


class Passage(NamedTuple):
    """A stage on the way to a zip. `depth` batches are around an item there, and so many at the ports that lead on.

    It tells the zip what is lost there, unless it stands before another zip, which does.
    """

    stage: int
    depth: int
    ports: dict[int, int]
    tells: bool


class Lane(NamedTuple):
    """The way to one input of a zip: what is on it, by number, with the depth at a gather's input, a zip's output.

    Of several zips, one before the other, only the last is named.
    """

    passages: tuple[Passage, ...]
    gathers: tuple[tuple[int, int], ...]
    zips: tuple[tuple[int, int], ...]


class ZipPlan(NamedTuple):
    """An operator that pairs: the copies made by the gather `tee`, or, by number, the items of these sources.

    `own` are the sources from which nothing goes elsewhere.
    """

    node: int
    pairing: Pairing
    output: Destination
    lanes: tuple[Lane, ...]
    tee: int | None
    sources: tuple[int, ...] = ()
    own: tuple[int, ...] = ()


class SourcePlan(NamedTuple):
    """A queue that items come from."""

    name: str
    output: Destination


class EndPlan(NamedTuple):
    """A queue that results, or failures, end in."""

    name: str
    maxsize: int | None


class Plan(NamedTuple):
    """All of it. `sources` and `ends` are in the order of `Graph.sources()` and `Graph.ends()`.

    Of a `shard` only its part of the inputs is read.
    """

    name: str
    nodes: tuple[NodePlan, ...]
    stages: tuple[StagePlan, ...]
    gathers: tuple[GatherPlan, ...]
    sources: tuple[SourcePlan, ...]
    ends: tuple[EndPlan, ...]
    zips: tuple[ZipPlan, ...] = ()
    drains: tuple[DrainPlan, ...] = ()
    shard: Shard | None = None

    @property
    def numbered(self) -> frozenset[int]:
        """The sources whose items are paired by their numbers."""
        return frozenset(source for one in self.zips for source in one.sources)

    @property
    def tasks(self) -> list[StagePlan]:
        """The stages that a task leads; the others are a predicate's, or a key's."""
        return [stage for stage in self.stages if self.nodes[stage.nodes[0]].is_task]

    def stage_of(self, node: object) -> int:
        """The number of the stage that does the work of the node with this name.

        Raises:
            GraphError: there is none.
        """
        stages = {name: stage.number for stage in self.stages for name in stage.names}
        if isinstance(node, str) and node in stages:
            return stages[node]
        regroups = any(one.name == node for one in self.nodes)
        names = ", ".join(map(repr, stages))
        raise GraphError(
            f"pipeline {self.name!r} was asked for the work of {shorten(node)}.",
            "that only regroups what others have made." if regroups else "it has no node of that name.",
            f"{'' if regroups else nearest(node, stages)}Those that work are {names}.",
        )

    def explain(self) -> str:
        """The stages, engines and edges, as text."""
        lines = [f"{self.name}: {len(self.stages)} stages"]
        for stage in self.stages:
            names = " + ".join(self.nodes[node].name for node in stage.nodes)
            how = f"{stage.engine_name}, {stage.workers} worker{'s' * (stage.workers > 1)}"
            marks = (("at first", stage.resizes), ("ordered", stage.ordered), ("runs once", not stage.idempotent))
            extras = [word for word, on in marks if on]
            if stage.timeout is not None:
                extras.append(f"timeout {stage.timeout:g} s")
            extras += map(str, stage.limits)
            lines.append(
                f"  stage {stage.number}: {names} [{', '.join([how, *extras])}]{self._arrow(stage.ports, stage.sealed)}"
            )
        for number, gather in enumerate(self.gathers):
            lines.append(f"  op {number}: {self.nodes[gather.node].name} [scheduler]{self._arrow(gather.outputs)}")
        for number, one in enumerate(self.zips):
            how = "by number" if one.tee is None else f"by place, from op {one.tee}"
            lines.append(f"  zip {number}: {self.nodes[one.node].name} [scheduler, {how}]{self._arrow((one.output,))}")
        for source in self.sources:
            lines.append(f"  input {source.name}{self._arrow((source.output,))}")
        return "\n".join(lines)

    def _arrow(self, ports: tuple[Destination, ...], sealed: tuple[int, ...] = ()) -> str:
        told = [self._describe(port) + " (sealed)" * (number in sealed) for number, port in enumerate(ports)]
        return f" -> {', '.join(told)}"

    def _describe(self, port: Destination) -> str:
        if port.kind == "end":
            return f"output {self.ends[port.number].name}"
        if port.kind == "drain":
            output = self.drains[port.number].output
            return f"{self._describe(output)}, once, at the end" if output else "nothing"
        return f"{'op' if port.kind == 'gather' else port.kind} {port.number}"


def _engine_name(engine: Any) -> str:
    return engine if isinstance(engine, str) else getattr(engine, "__name__", type(engine).__name__)
