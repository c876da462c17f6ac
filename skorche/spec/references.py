"""What the names in a component spec stand for: who makes each value, who needs whom, and who leads to an output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from skorche.errors import nearest
from skorche.named import NamedTuple
from skorche.spec.components import Component, ComponentSpec
from skorche.spec.findings import Findings, Where

ROWS = ""
"""Stands for the inputs of the pipeline, in place of a component's name."""


class Made(NamedTuple):
    """A value: who makes it (`ROWS`: the inputs), and the name it goes by there."""

    maker: str
    name: str


class References(NamedTuple):
    """All names of a spec, resolved."""

    outputs: Mapping[str, Made]
    inputs: Mapping[str, tuple[Made, ...]]
    """By component, in the order of its inputs."""
    needs: Mapping[str, tuple[str, ...]]
    """By component, those that must have ended before, in the order in which they are named; `ROWS` among them."""
    order: tuple[str, ...]
    """The components that lead to an output, each behind those that it needs."""
    idle: tuple[str, ...]
    """Those that lead to none."""


def resolve(spec: ComponentSpec, findings: Findings) -> References:
    """Resolve every name; what stands for nothing becomes findings."""
    inputs = {name: tuple(_inputs(spec, one, findings)) for name, one in spec.components.items()}
    needs = {
        name: tuple(dict.fromkeys([*(made.maker for made in inputs[name]), *_dependencies(spec, one, findings)]))
        for name, one in spec.components.items()
    }
    outputs = {
        name: made for name, where in spec.outputs.items() if (made := _output(spec, name, where, findings)) is not None
    }
    ordered = _in_order(spec, needs, findings)
    leading, ahead = set[str](), [made.maker for made in outputs.values()]
    while ahead:
        name = ahead.pop()
        if name != ROWS and name not in leading:
            leading.add(name)
            ahead += needs[name]
    order = tuple(name for name in ordered if name in leading)
    return References(outputs, inputs, needs, order, tuple(name for name in spec.components if name not in leading))


def _all_outputs(spec: ComponentSpec) -> list[str]:
    return [f"{one.name}.{output}" for one in spec.components.values() for output in one.outputs]


def _meant(spec: ComponentSpec, reference: str) -> str:
    """What somebody may have meant by a name that stands for nothing."""
    known = [*spec.inputs, *_all_outputs(spec)]
    same = [one for one in known if one.rpartition(".")[2] == reference]
    if same:
        return f"Did you mean {same[0]!r}? "
    part, _, output = reference.partition(".")
    if part in spec.components:
        known = [f"{part}.{one}" for one in spec.components[part].outputs] or known
    found = nearest(reference, known)
    return found or next((f"Did you mean {one!r}? " for one in known if output and one.endswith(f".{output}")), "")


def _inputs(spec: ComponentSpec, one: Component, findings: Findings) -> Iterator[Made]:
    for taken in one.inputs:
        maker, dot, output = taken.reference.partition(".")
        if not dot and maker in spec.inputs:
            yield Made(ROWS, maker)
        elif dot and maker in spec.components and output in spec.components[maker].outputs:
            yield Made(maker, output)
        else:
            why = f"no input of the pipeline is called {maker!r}."
            if dot and maker not in spec.components:
                why = f"there is no component {maker!r}."
            elif dot:
                given = ", ".join(spec.components[maker].outputs) or "nothing"
                why = f"component {maker!r} gives {given}."
            mend = f"{_meant(spec, taken.reference)}Name an input of the pipeline, or `component.output`."
            findings.add(taken.where, f"{one.name}: missing input {taken.reference!r}.", why, mend)


def _dependencies(spec: ComponentSpec, one: Component, findings: Findings) -> Iterator[str]:
    for name, where in one.dependencies:
        if name in spec.components:
            yield name
        else:
            mend = "Otherwise leave it out: what a component takes from another makes it wait by itself."
            findings.unknown(where, f"{one.name}: the dependency", name, spec.components, mend)


def _output(spec: ComponentSpec, name: str, where: Where, findings: Findings) -> Made | None:
    """A value that a component makes, named with or without it; else an input, which passes through."""
    part, dot, output = name.partition(".")
    if dot and part in spec.components and output in spec.components[part].outputs:
        return Made(part, output)
    makers = [one.name for one in spec.components.values() if name in one.outputs]
    if len(makers) == 1:
        return Made(makers[0], name)
    if makers:
        why, mend = f"{' and '.join(makers)} make one each.", f"write {makers[-1]}.{name}, or that of another."
        findings.add(where, f"the output {name!r} could be either of {len(makers)}.", why, mend)
    elif name in spec.inputs:
        return Made(ROWS, name)
    else:
        mend = f"{_meant(spec, name)}Name an output of a component, or an input of the pipeline."
        findings.add(where, f"nobody makes the output {name!r}.", "no component has it among its outputs.", mend)
    return None


def _in_order(spec: ComponentSpec, needs: Mapping[str, tuple[str, ...]], findings: Findings) -> list[str]:
    """The components, each behind those that it needs; circles become findings."""
    left = {name: [one for one in before if one != ROWS] for name, before in needs.items()}
    while True:
        try:
            return list(TopologicalSorter(left).static_order())
        except CycleError as error:
            circle = list(reversed(error.args[1]))  # each is needed by the one before
            first = min(circle, key=lambda name: list(spec.components).index(name))
            turn = circle[:-1].index(first)
            names = [*circle[turn:-1], *circle[:turn], first]
            findings.add(
                spec.components[first].where,
                f"components need each other in a circle: {' needs '.join(names)}.",
                "none of them could ever begin.",
                f"take one of these out of the inputs or the dependencies of another: {', '.join(names[:-1])}.",
            )
            for name in circle:
                left.pop(name, None)
            left = {name: [one for one in before if one in left] for name, before in left.items()}
