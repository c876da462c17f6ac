"""Components as nodes: who takes what from whom, in the graph.

    rows ── tee ──▶ component ── tee ──▶ output
              └───▶ zip ──▶ component ──▶ output

A row holds the inputs of the pipeline by name, and is an item. A component with several outputs gives them in a dict.
One that needs several others reads a `zip` of what they give, so rows never mix; each is one node, and those that do
not need each other run at once.
"""

from __future__ import annotations

import logging
from builtins import zip as in_step
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skorche.call import Around, is_async
from skorche.errors import InternalError, SpecError, declared_at, glance, nearest, shorten
from skorche.graph import SCOPE, AnyQueue
from skorche.named import NamedTuple
from skorche.ops.map import map
from skorche.ops.tee import tee
from skorche.ops.zip import zip
from skorche.options import TaskOptions
from skorche.queue import Queue
from skorche.spec.components import Component, ComponentSpec
from skorche.spec.findings import Findings
from skorche.spec.references import ROWS, Made, References, resolve
from skorche.spec.registry import Registry
from skorche.spec.runners import Runner, check_types, find_runner
from skorche.tasks import Task

LOGGER = logging.getLogger("skorche")
LONGEST_VALUE = 100


class Wire(NamedTuple):
    """A value on its way to a parameter: of which of the results, and under which key (None: the result itself)."""

    parameter: int | str
    label: str
    result: int
    key: str | None


class Working(Around):
    """Calls a runner with what its component takes, and gives what it gives; logs both, at INFO."""

    def __init__(
        self, function: Callable[..., Any], title: str, wires: Sequence[Wire], outputs: Sequence[str], *, alone: bool
    ) -> None:
        super().__init__(function)
        self._title, self._wires, self._outputs, self._alone = title, tuple(wires), tuple(outputs), alone
        self._waits = is_async(function)

    def __call__(self, item: Any) -> Any:
        results = (item,) if self._alone else item
        values = [results[wire.result] for wire in self._wires]
        values = [one if wire.key is None else one[wire.key] for wire, one in in_step(self._wires, values, strict=True)]
        args = [one for wire, one in in_step(self._wires, values, strict=True) if isinstance(wire.parameter, int)]
        named = {
            wire.parameter: one
            for wire, one in in_step(self._wires, values, strict=True)
            if isinstance(wire.parameter, str)
        }
        made = self.function(*args, **named)
        return self._await(made, values) if self._waits else self._give(made, values)

    async def _await(self, coming: Awaitable[Any], values: list[Any]) -> Any:
        return self._give(await coming, values)

    def _give(self, made: Any, values: list[Any]) -> Any:
        given = made if len(self._outputs) < 2 else self._by_name(made)
        if LOGGER.isEnabledFor(logging.INFO):
            taken = told(in_step([wire.label for wire in self._wires], values, strict=True))
            outputs = {self._outputs[0]: given} if len(self._outputs) == 1 else given if self._outputs else {}
            LOGGER.info("%s: inputs %s: outputs %s", self._title, taken, told(outputs.items()))
        return given

    def _by_name(self, made: Any) -> dict[str, Any]:
        wanted = ", ".join(self._outputs)
        if isinstance(made, Mapping):
            missing = [name for name in self._outputs if name not in made]
            if not missing:
                return {name: made[name] for name in self._outputs}
            close = nearest(missing[0], made)
            raise SpecError(
                f"{self._title} gave no {missing[0]!r}.", f"its outputs are {wanted}.", f"{close}Give all of them."
            )
        if isinstance(made, tuple | list) and len(made) == len(self._outputs):
            return dict(in_step(self._outputs, made, strict=True))
        raise SpecError(
            f"{self._title} gave {shorten(made)}.",
            f"its outputs are {wanted}.",
            f"give a dict of them, or a tuple of {len(self._outputs)}.",
        )


def told(values: Iterable[tuple[str, Any]]) -> str:
    """Values by name, for the log; only the beginning of long ones."""
    return ", ".join(f"{name}={glance(value, LONGEST_VALUE)}" for name, value in values) or "none"


@dataclass(frozen=True)
class Picking:
    """Gives one of several values.

    >>> Picking("page")({"page": 1, "words": []})
    1
    """

    key: str

    def __call__(self, values: Any) -> Any:
        return values[self.key]


def declare_components(spec: ComponentSpec, registry: Registry, findings: Findings) -> AnyQueue:
    """Declare all components that lead to an output, in the current graph; the queue of the rows.

    Raises:
        SpecError: a name stands for nothing, or a runner cannot take what it is given; all findings at once.
    """
    runners = {name: find_runner(one, registry, findings) for name, one in spec.components.items()}
    if findings.torn:
        findings.settle()
    references = resolve(spec, findings)
    findings.settle()
    if SCOPE.graph.check_types:
        check_types(spec, references, runners, findings)
        findings.settle()
    rows: AnyQueue = Queue("inputs")
    with findings.at(spec.where):
        _Wiring(spec, references, runners).declare(rows)
    findings.settle()
    _warn(spec, references)
    return rows


def _warn(spec: ComponentSpec, references: References) -> None:
    if references.idle:
        why = "they lead to no output of the pipeline, and are left out"
        LOGGER.warning("%s: components %s: %s", spec.where, ", ".join(references.idle), why)


class _Reader(NamedTuple):
    """Who takes what a component gives: another one, or an output of the pipeline."""

    name: str
    is_output: bool = False


class _Wiring:
    """Queues of a graph of components: who reads what, and a tee where several do."""

    def __init__(self, spec: ComponentSpec, references: References, runners: Mapping[str, Runner | None]) -> None:
        self._spec, self._references, self._runners = spec, references, runners
        self._readers: dict[str, list[_Reader]] = {maker: [] for maker in (ROWS, *references.order)}
        for name in references.order:
            for maker in self._needs(name):
                self._readers[maker].append(_Reader(name))
        for output, made in references.outputs.items():
            self._readers[made.maker].append(_Reader(output, True))
        self._branches: dict[tuple[str, str], AnyQueue] = {}

    def _needs(self, name: str) -> Sequence[str]:
        """What a component waits for: a row, if for nothing else."""
        return self._references.needs[name] or (ROWS,)

    def declare(self, rows: AnyQueue) -> None:
        """Everything, each component behind those that it needs."""
        self._spread(ROWS, rows)
        for name in self._references.order:
            one = self._spec.components[name]
            with declared_at(one.where.location):
                read = [self._branches[maker, name] for maker in self._needs(name)]
                queue = read[0] if len(read) == 1 else zip(read)
                readers = self._readers[name]
                single = self._queue(readers[0], name) if len(readers) == 1 else None
                self._spread(name, map(self._task(one), queue, queue_out=single))

    def _task(self, one: Component) -> Task[Any, Any]:
        runner, needs = self._runners[one.name], self._needs(one.name)
        if runner is None:
            raise InternalError(f"component {one.name!r} has no runner, and nobody found that.")
        made = self._references.inputs[one.name]
        wires = [
            Wire(parameter, taken.label, needs.index(value.maker), self._key(value))
            for parameter, taken, value in in_step(runner.parameters, one.inputs, made, strict=True)
        ]
        title = f"{one.name} ({one.runner})"
        working = Working(runner.task.function, title, wires, one.outputs, alone=len(needs) == 1)
        task: Task[Any, Any] = Task(working, one.name, runner.task.settings)
        task.declared = runner.task.declared
        return task.options(**one.options)

    def _key(self, made: Made) -> str | None:
        """Under which key the value stands in what its maker gives: of one output it is the value itself."""
        single = made.maker != ROWS and len(self._spec.components[made.maker].outputs) == 1
        return None if single else made.name

    def _queue(self, reader: _Reader, maker: str) -> AnyQueue | None:
        """The queue of an output that is what the maker gives, as it is; others need none of their own."""
        plain = reader.is_output and self._key(self._references.outputs[reader.name]) is None
        return Queue(reader.name) if plain else None

    def _spread(self, maker: str, queue: AnyQueue) -> None:
        """A branch of what the maker gives for each of its readers."""
        readers = self._readers[maker]
        branches: Sequence[AnyQueue] = [queue]
        if len(readers) > 1:
            branches = tee(queue, n=len(readers), queue_out=[self._queue(one, maker) for one in readers])
        for reader, branch in in_step(readers, branches, strict=False):
            if not reader.is_output:
                self._branches[maker, reader.name] = branch
            elif (key := self._key(self._references.outputs[reader.name])) is not None:
                picking: Task[Any, Any] = Task(Picking(key), reader.name, TaskOptions(engine="inline"))
                map(picking, branch, queue_out=Queue(reader.name))
