"""skorche's own form of a spec: every operator, with its queues by name.

    name: thumbnails                  # all but `nodes` may be left out
    limits: {gpu: 1, api: {most: 5, per: 1.0}}
    inputs:
      photos: [a.jpg, b.jpg]          # items; `{files: "*.jpg"}`; `{lines: names.txt}`; nothing: put while it runs
    queues:
      small: {maxsize: 100}           # those that are bounded
    nodes:                            # see `operators` for what may stand in each
      - map: resize
        from: photos
        to: small

A queue goes by its name, or, if it has none, by a number. All is read first, then declared, and each storey tells all
its findings at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skorche.errors import GraphError, nearest, shorten
from skorche.named import NamedTuple
from skorche.spec.document import Entry, listed
from skorche.spec.findings import Findings, Where
from skorche.spec.operators import FORMS, Form
from skorche.spec.queues import Queues, Reference
from skorche.spec.registry import Registry
from skorche.spec.shape import mapping_of, plain_mapping_of
from skorche.spec.task_entry import TaskReader, read_limits

TOP_KEYS = ("name", "check_types", "limits", "inputs", "queues", "nodes")


class _Step(NamedTuple):
    """A node of a spec, read."""

    operator: str
    where: Where
    call: Any
    reads: dict[Reference, tuple[Reference, Where]]
    """By the parameter of an `apply`, or by number."""
    after: list[tuple[Reference, Where]]
    fills: list[tuple[Reference, Where] | None] | None
    errors: tuple[Reference, Where] | None
    settings: dict[str, Any]
    constants: dict[Any, Any]

    @property
    def form(self) -> Form:
        return FORMS[self.operator]


def declare_nodes(top: Mapping[str, Entry], registry: Registry, findings: Findings) -> None:
    """Declare all that an own-form spec says, in the current graph.

    Raises:
        SpecError: something has no meaning; all findings at once.
    """
    limits = read_limits(top["limits"], findings) if "limits" in top else {}
    reader = _Reader(TaskReader(registry, limits, findings), findings)
    steps = [step for entry in reader.entries(top["nodes"]) if (step := reader.read(entry)) is not None]
    queues = Queues(registry, findings)
    queues.read(top)
    filled = [one for step in steps for one in (*(step.fills or ()), step.errors) if one is not None]
    if not findings.torn:
        queues.check(filled, [one for step in steps for one in (*step.reads.values(), *step.after)])
    findings.settle()
    for step in steps:
        with findings.at(step.where):
            _declare(step, queues)
    findings.settle()


class _Reader:
    """Nodes, from what stands in the document."""

    def __init__(self, tasks: TaskReader, findings: Findings) -> None:
        self._tasks, self._findings = tasks, findings

    def entries(self, nodes: Entry) -> list[Entry]:
        """One for each node."""
        if isinstance(nodes.content, list) and nodes.content:
            return nodes.content
        mend = "write each behind a dash, such as `- map: resize`."
        what = "there are no nodes." if nodes.content in ([], None) else f"nodes is {nodes.kind}."
        self._findings.torn = True
        self._findings.add(nodes.where, what, "it is a list of operators.", mend)
        return []

    def read(self, entry: Entry) -> _Step | None:
        """What a node says; None, and more findings, if it has no operator."""
        found = [key for key in entry.content if key in FORMS] if isinstance(entry.content, dict) else []
        if len(found) != 1:
            given = list(entry.content) if isinstance(entry.content, dict) else [entry.content]
            close = "" if found else next(filter(None, (nearest(key, FORMS) for key in given)), "")
            what = f"a node has {len(found)} operators" if found else "a node has no operator"
            mend = f"{close}Begin it with one of {', '.join(FORMS)}."
            self._findings.torn = True
            self._findings.add(entry.where, f"{what}: {shorten(entry.plain(), 60)}.", "it has one.", mend)
            return None
        (operator,) = found
        form, value = FORMS[operator], entry.content[operator]
        beside = mapping_of(entry, f"the {operator}", [operator, *form.keys], self._findings)
        self._findings.torn |= len(beside) < len(entry.content) and not {"from", "to"} <= beside.keys()
        reads = self._reads(operator, form, value, entry, beside)
        after = self._references(beside.get("after"))
        fills = self._fills(form, beside)
        errors = next(iter(self._references(beside.get("errors"))), None)
        settings = {name: self._setting(form, name, beside[name]) for name in form.settings if name in beside}
        constants: dict[Any, Any] = {}
        if form.reads == "arguments" and "arguments" in beside:
            constants = plain_mapping_of(beside["arguments"], "arguments", self._findings)
        call = self._call(form, value, beside)
        return _Step(operator, entry.at(operator), call, reads, after, fills, errors, settings, constants)

    def _call(self, form: Form, value: Entry, beside: Mapping[str, Entry]) -> Any:
        if form.calls == "task":
            return self._tasks.task(value, beside, binds=form.reads != "arguments")
        if form.calls == "tasks":
            return [self._tasks.task(one, {}) for one in listed(value)]
        return self._tasks.predicate(value, beside) if form.calls == "predicate" else None

    def _setting(self, form: Form, name: str, entry: Entry) -> Any:
        if name in form.functions and entry.content is not None:
            return self._tasks.function(entry, f"the {name}")
        value = entry.plain()
        return [_hashable(one) for one in value] if name == "predicate_values" and isinstance(value, list) else value

    def _reads(
        self, operator: str, form: Form, value: Entry, entry: Entry, beside: Mapping[str, Entry]
    ) -> dict[Reference, tuple[Reference, Where]]:
        given = value if form.calls == "nothing" else beside.get("from")
        if given is None and form.reads != "arguments":
            self._findings.torn = True
            self._findings.add(entry.where, f"the {operator} has no `from`.", "it reads a queue.", "name the queue.")
            return {}
        if form.reads == "arguments" and given is not None and isinstance(given.content, dict):
            named = [(key, one) for key, single in given.content.items() for one in self._references(single)]
            return dict(named)
        found = self._references(given)
        if form.reads == "one" and len(found) > 1:
            mend = "merge them first, or zip them."
            self._findings.add(entry.where, f"the {operator} has {len(found)} inputs.", "it reads one queue.", mend)
        return dict(enumerate(found))

    def _fills(self, form: Form, beside: Mapping[str, Entry]) -> list[tuple[Reference, Where] | None] | None:
        if "to" not in beside:
            return None
        given = beside["to"]
        if form.fills == "many" and isinstance(given.content, list):
            return [next(iter(self._references(one)), None) for one in given.content]
        found = self._references(given)
        if form.fills == "one" and len(found) == 1:
            return list(found)
        if not found and given.content not in ([], None):
            return None  # which has been found
        much, mend = ("one queue", "name it.") if form.fills == "one" else ("a list of queues", "write [left, right].")
        self._findings.add(given.where, f"`to` is {given.kind}.", f"the operator fills {much}.", mend)
        return None

    def _references(self, entry: Entry | None) -> list[tuple[Reference, Where]]:
        found: list[tuple[Reference, Where]] = []
        for one in listed(entry) if entry is not None else ():
            if type(one.content) in (str, int) and one.content != "":
                found.append((one.content, one.where))
            else:
                mend = "give its name, in quotes if it is yes, no, on or off."
                self._findings.add(one.where, f"{one.kind} is no queue.", "a queue has a name, or a number.", mend)
        return found


def _hashable(value: Any) -> Any:
    """Values that items are split by may be tuples, which are lists in a spec."""
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _declare(step: _Step, queues: Queues) -> None:
    options: dict[str, Any] = dict(step.settings)
    if step.errors is not None:
        options["queue_errors"] = queues.get(step.errors)
    if step.fills is not None:
        made = [queues.get(one) for one in step.fills]
        options["queue_out"] = made if step.form.fills == "many" else made[0]
        if step.operator == "tee":
            options["n"] = len(made)
    if step.form.reads == "arguments":
        _declare_apply(step, queues, options)
        return
    called = [] if step.form.calls == "nothing" else [step.call]
    read = [queues.get(one) for one in step.reads.values()]
    step.form.declare(*called, tuple(read) if step.form.reads == "many" else read[0], **options)


def _declare_apply(step: _Step, queues: Queues, options: dict[str, Any]) -> None:
    given = {key: queues.get(one) for key, one in step.reads.items()}
    both = given | {key: value for key, value in step.constants.items() if key not in given}
    positions = sorted(key for key in both if isinstance(key, int))
    if positions != list(range(len(positions))):
        raise GraphError(
            f"the apply gives arguments at the positions {', '.join(map(str, positions))}.",
            "they are counted from 0, without gaps.",
            "give them by name.",
        )
    args = [both[key] for key in positions]
    keywords = {str(key): value for key, value in both.items() if not isinstance(key, int)}
    after = [queues.get(one) for one in step.after]
    step.form.declare(step.call, *args, after=after, **options, **keywords)
