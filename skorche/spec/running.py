"""Components as nodes: who takes what from whom, in the graph.

    rows ── tee ──▶ component ── tee ──▶ output
              └───▶ zip ──▶ component ──▶ output

A row holds the inputs of the pipeline by name, and is an item. A component with several outputs gives them in a dict.
One that needs several others reads a `zip` of what they give, so rows never mix; each is one node, and those that do
not need each other run at once.
"""

from __future__ import annotations

import inspect
import logging
from builtins import zip as in_step
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from skorche.call import Around, Making, is_async
from skorche.errors import InternalError, SpecError, declared_at, glance, nearest, shorten
from skorche.graph import AnyQueue
from skorche.ops.map import map
from skorche.ops.tee import tee
from skorche.ops.zip import zip
from skorche.options import TaskOptions
from skorche.queue import Queue
from skorche.spec.components import Component, ComponentSpec
from skorche.spec.findings import Findings
from skorche.spec.references import ROWS, Made, References, resolve
from skorche.spec.registry import Registry
from skorche.tasks import Task, task_of

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
            taken = _told(in_step([wire.label for wire in self._wires], values, strict=True))
            outputs = {self._outputs[0]: given} if len(self._outputs) == 1 else given if self._outputs else {}
            LOGGER.info("%s: inputs %s: outputs %s", self._title, taken, _told(outputs.items()))
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


def _told(values: Any) -> str:
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
    runners = {name: _runner(one, registry, findings) for name, one in spec.components.items()}
    if findings.torn:
        findings.settle()
    references = resolve(spec, findings)
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


class _Runner(NamedTuple):
    task: Task[Any, Any]
    parameters: tuple[int | str, ...]
    """For each input, the position or the name it is given by."""


def _runner(one: Component, registry: Registry, findings: Findings) -> _Runner | None:
    if not one.runner:
        return None  # which has been found
    function = registry.find(one.runner, one.runner_at, findings, f"component {one.name!r}: the runner")
    if function is None:
        return None
    task = task_of(function)
    if task.settings.unpack:
        why, mend = "a component gets its inputs one by one.", "register it without unpack=True."
        findings.add(one.runner_at, f"the runner {one.runner!r} of {one.name!r} has unpack=True.", why, mend)
    return _Runner(task, _parameters(one, task, findings))


def _parameters(one: Component, task: Task[Any, Any], findings: Findings) -> tuple[int | str, ...]:
    """Each input goes to the parameter of its name; if the runner has others, they go in order.

    That one of them has the name of a parameter which another would get is refused: nobody could tell what is meant.
    """
    labels = [taken.label for taken in one.inputs]
    in_order: tuple[int | str, ...] = tuple(range(len(labels)))
    by_name = len(set(labels)) == len(labels)
    signature = _signature(task)
    if signature is None:
        return tuple(labels) if one.inputs and one.inputs[0].parameter is not None else in_order
    names = [*signature.parameters]
    takes_any = any(given.kind is given.VAR_KEYWORD for given in signature.parameters.values())
    named = [
        name
        for name, given in signature.parameters.items()
        if given.kind in (given.POSITIONAL_OR_KEYWORD, given.KEYWORD_ONLY)
    ]
    if by_name and all(label in named or takes_any for label in labels):
        parameters: tuple[int | str, ...] = tuple(labels)
    elif one.inputs and one.inputs[0].parameter is not None:
        parameters = tuple(labels)
    else:
        parameters = in_order
        crossed = [at for at, label in enumerate(labels) if label in names and names.index(label) != at]
        if crossed and by_name:
            taken = one.inputs[crossed[0]]
            why = f"{one.runner!r} takes {', '.join(names)}, and {taken.label!r} would not be given as that."
            mend = "write the inputs as a mapping, `parameter: input`."
            findings.add(taken.where, f"{one.name}: it is not clear which input goes where.", why, mend)
            return parameters
    _check_call(one, signature, parameters, findings)
    return parameters


def _signature(task: Task[Any, Any]) -> inspect.Signature | None:
    function: Any = task.function
    try:
        if isinstance(function, Making):
            signature = inspect.signature(function.kind.__call__)
            return signature.replace(parameters=list(signature.parameters.values())[1:])
        return inspect.signature(function)
    except (TypeError, ValueError):  # it does not say
        return None


def _check_call(
    one: Component, signature: inspect.Signature, parameters: Sequence[int | str], findings: Findings
) -> None:
    args = [name for name in parameters if isinstance(name, int)]
    try:
        signature.bind(*args, **{name: None for name in parameters if isinstance(name, str)})
    except TypeError as error:
        given = ", ".join(taken.label for taken in one.inputs) or "nothing"
        findings.add(
            one.where,
            f"component {one.name!r} gives its runner {one.runner!r} {given}.",
            f"it takes {signature}: {error}.",
            "give it the inputs that it takes.",
        )


class _Reader(NamedTuple):
    """Who takes what a component gives: another one, or an output of the pipeline."""

    name: str
    is_output: bool = False


class _Wiring:
    """Queues of a graph of components: who reads what, and a tee where several do."""

    def __init__(self, spec: ComponentSpec, references: References, runners: Mapping[str, _Runner | None]) -> None:
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
