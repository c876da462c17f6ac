"""What a run is given: rows of values by name, put into the inputs that wait for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skorche.errors import nearest, shorten
from skorche.graph import AnyQueue, Graph
from skorche.spec.components import ComponentSpec
from skorche.spec.findings import Findings, Where
from skorche.spec.running import LOGGER, told


class LiveInputs:
    """The inputs of a graph that have a name and no items yet: each value of a row is an item of its queue."""

    def __init__(self, graph: Graph) -> None:
        self._queues: dict[str, AnyQueue] = {
            queue.name: queue for queue in graph.sources() if queue.name and queue.fixed_inputs is None
        }
        self._name = graph.name

    @property
    def names(self) -> tuple[str, ...]:
        """What a row has."""
        return tuple(self._queues)

    def give(self, row: Mapping[str, Any]) -> None:
        """Put a row in."""
        check_row(row, {name: Where(f"pipeline {self._name!r}") for name in self._queues}, Where(self._name))
        for name, queue in self._queues.items():
            queue.put(row[name])


class Rows:
    """The inputs of a component spec: a row is an item."""

    def __init__(self, spec: ComponentSpec, queue: AnyQueue) -> None:
        self._spec, self._queue = spec, queue

    @property
    def names(self) -> tuple[str, ...]:
        """What a row has."""
        return tuple(self._spec.inputs)

    def give(self, row: Mapping[str, Any]) -> None:
        """Put a row in."""
        check_row(row, self._spec.inputs, self._spec.where)
        given = {name: row[name] for name in self._spec.inputs}
        LOGGER.info("%s: inputs %s", self._spec.name, told(given.items()))
        self._queue.put(given)


def check_row(row: Mapping[str, Any], inputs: Mapping[str, Where], where: Where) -> None:
    """A row has a value for each input, and for nothing else.

    Raises:
        SpecError: it has not; all findings at once.
    """
    findings = Findings()
    missing = [name for name in inputs if name not in row]
    for name in row:
        if name not in inputs:
            known = ", ".join(inputs) or "there are none"
            meant = nearest(name, missing)
            mend = f"{meant or nearest(name, inputs)}Otherwise leave it out."
            findings.add(where, f"{shorten(name)} is given, and is no input.", f"inputs: {known}.", mend)
            missing = [one for one in missing if repr(one) not in meant]
    for name in missing:
        findings.add(inputs[name], f"the input {name!r} is not given.", "it has no value.", f"give {name}=...")
    findings.settle()
