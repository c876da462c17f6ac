"""The runners of components: which tasks they are, and whether what they are given fits them."""

from __future__ import annotations

import inspect
from builtins import zip as in_step
from collections.abc import Mapping, Sequence
from typing import Any

from skorche.call import Making
from skorche.hints.items import NOTHING_KNOWN, Items
from skorche.named import NamedTuple
from skorche.spec.components import Component, ComponentSpec
from skorche.spec.findings import Findings
from skorche.spec.references import ROWS, References
from skorche.spec.registry import Registry
from skorche.tasks import Task, task_of


class Runner(NamedTuple):
    """The task that does the work of a component."""

    task: Task[Any, Any]
    parameters: tuple[int | str, ...]
    """For each input, the position or the name it is given by."""


def find_runner(one: Component, registry: Registry, findings: Findings) -> Runner | None:
    """The runner of a component; None, and more findings, if there is none that fits."""
    if not one.runner:
        return None  # which has been found
    function = registry.find(one.runner, one.runner_at, findings, f"component {one.name!r}: the runner")
    if function is None:
        return None
    task = task_of(function)
    if task.settings.unpack:
        why, mend = "a component gets its inputs one by one.", "register it without unpack=True."
        findings.add(one.runner_at, f"the runner {one.runner!r} of {one.name!r} has unpack=True.", why, mend)
    return Runner(task, _parameters(one, task, findings))


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


def check_types(
    spec: ComponentSpec, references: References, runners: Mapping[str, Runner | None], findings: Findings
) -> None:
    """What a runner says it gives must fit what the next says it takes; one of several outputs says nothing."""
    gives: dict[str, Items] = {ROWS: NOTHING_KNOWN}
    for name in references.order:
        one, runner = spec.components[name], runners[name]
        if runner is None:
            continue
        for parameter, taken, made in in_step(runner.parameters, one.inputs, references.inputs[name], strict=True):
            with findings.at(taken.where):
                gives[made.maker].through(runner.task, parameter)
        gives[name] = NOTHING_KNOWN.through(runner.task) if len(one.outputs) == 1 else NOTHING_KNOWN
