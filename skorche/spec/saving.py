"""A pipeline as a spec in skorche's own form: `to_yaml`. What a spec cannot say is refused, all findings at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skorche.call import Placing
from skorche.errors import shorten
from skorche.file import Files, Lines
from skorche.graph import AnyQueue, Graph, Node
from skorche.ops.batch import ONE
from skorche.ops.reduce import MISSING
from skorche.spec.document import MOST_VALUES
from skorche.spec.findings import Findings, Where
from skorche.spec.operators import FORMS
from skorche.spec.queues import Reference
from skorche.spec.registry import Registry
from skorche.spec.task_saving import TaskSaver, is_plain, where_of

DEFAULTS: dict[str, dict[str, Any]] = {
    "filter": {"fuse": False},
    "split": {"predicate_values": (True, False), "fuse": False},
    "batch": {
        "batch_size": ONE,
        "fill_batch": True,
        **dict.fromkeys(("timeout", "weight", "max_weight", "key", "max_keys")),
    },
    "reduce": {"initial": MISSING},
    "zip": {"missing": "drop", "strict": False},
}


def saved_graph(graph: Graph, registry: Registry) -> dict[str, Any]:
    """The graph as plain data, in the form that `nodes` reads.

    Raises:
        SpecError: something in it cannot be said in a spec; all findings.
    """
    findings = Findings()
    saver = _Saver(graph, registry, findings)
    nodes = [saver.node(node) for node in graph.nodes if id(node) not in saver.derived]
    if not nodes:
        findings.add(
            Where(f"pipeline {graph.name!r}"),
            "there is no node in it.",
            "a spec has one or more.",
            "declare one first.",
        )
    inputs, queues = saver.inputs(), saver.queues()
    findings.settle()
    top: dict[str, Any] = {"name": graph.name}
    if not graph.check_types:
        top["check_types"] = False
    sections = {"limits": saver.tasks.saved_limits(), "inputs": inputs, "queues": queues}
    return top | {name: section for name, section in sections.items() if section} | {"nodes": nodes}


def as_yaml(spec: Mapping[str, Any]) -> str:
    """A spec as YAML text."""
    from yaml import SafeDumper, ScalarNode, dump

    class Dumper(SafeDumper):
        """Writes what stands twice twice: a spec is for people to read."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

        def represent_str(self, data: str) -> ScalarNode:
            """With escapes where a line would be folded, and U+0085 come back as another end of line."""
            return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if data.isprintable() else '"')

    Dumper.add_representer(str, Dumper.represent_str)
    text: str = dump(dict(spec), Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    return text


class _Saver:
    """One graph on its way into a spec."""

    def __init__(self, graph: Graph, registry: Registry, findings: Findings) -> None:
        self._graph, self._registry, self._findings = graph, registry, findings
        self.tasks = TaskSaver(registry, findings)
        self._references: dict[int, Reference] = {}
        self._named: dict[str, AnyQueue] = {}
        self.derived: set[int] = set()
        """By identity, the nodes that `apply` declares by itself."""
        self._original: dict[int, AnyQueue] = {}
        """By identity of a branch that `apply` made, the queue that it was given."""
        self._find_derived()

    # -- what apply made ---------------------------------------------------------------------------------------------

    def _find_derived(self) -> None:
        for key, name in self._graph.shared.items():
            reader = self._graph.consumers.get(key)
            if name and reader is not None and reader.name == name:
                self.derived.add(id(reader))
                self._original |= {id(branch): reader.inputs[0] for branch in reader.outputs}
        for node in self._graph.nodes:
            if node.task is not None and isinstance(node.task.function, Placing) and not node.task.function.alone:
                maker = self._graph.producers.get(id(node.inputs[0]))
                if maker is not None:
                    self.derived.add(id(maker))

    def _given(self, node: Node) -> list[AnyQueue]:
        """The queues that an `apply` was given, in the order of its tuples."""
        task, (read,) = node.task, node.inputs
        if task is None or not isinstance(task.function, Placing):
            return []
        maker = self._graph.producers.get(id(read))
        if not task.function.alone and maker is None:
            return []  # constants only: called once
        branches = (read,) if task.function.alone or maker is None else maker.inputs
        return [self._original.get(id(branch), branch) for branch in branches]

    # -- queues ------------------------------------------------------------------------------------------------------

    def _reference(self, queue: AnyQueue) -> Reference:
        """The queue's name, or a number that stands for it here."""
        if id(queue) not in self._references:
            numbers = sum(isinstance(one, int) for one in self._references.values())
            self._references[id(queue)] = queue.name or numbers + 1
            if queue.name and self._named.setdefault(queue.name, queue) is not queue:
                other = self._named[queue.name]
                where, mend = where_of(queue.declared), f"name one of them {queue.name + '_2'!r}, say."
                why = "a spec knows queues by their names."
                self._findings.add(where, f"{queue.title} has the name of one of {other.declared}.", why, mend)
        return self._references[id(queue)]

    def _output(self, queue: AnyQueue) -> Reference | None:
        """Nothing for a queue that has no name, no bound and no reader."""
        plain = not queue.name and queue.maxsize is None
        return None if plain and id(queue) not in self._graph.consumers else self._reference(queue)

    def inputs(self) -> dict[Reference, Any]:
        """The queues that no node fills."""
        once = {id(node.inputs[0]) for node in self._graph.nodes if self._is_once(node)}
        return {self._reference(one): self._input(one) for one in self._graph.sources() if id(one) not in once}

    def _is_once(self, node: Node) -> bool:
        placing = node.task is not None and isinstance(node.task.function, Placing)
        return placing and not self._given(node)

    def _input(self, queue: AnyQueue) -> Any:
        given = queue.fixed_inputs
        if given is None:
            source: dict[str, Any] = {}
        elif isinstance(given, Files):
            source = {"files": list(given.patterns)}
            source |= {"root": str(given.root)} if str(given.root) != "." else {}
            source |= {"missing_ok": True} if given.missing_ok else {}
        elif isinstance(given, Lines):
            source = {"lines": str(given.path), "encoding": given.encoding}
            source |= {"errors": given.errors} if given.errors is not None else {}
        else:
            source = {"items": self._items(queue, given)}
        if queue.maxsize is not None:
            source["maxsize"] = queue.maxsize
        if queue.key is not None:
            source["key"] = self._key(queue)
        return source["items"] if list(source) == ["items"] else source or None

    def _key(self, queue: AnyQueue) -> str | None:
        name = self._registry.name_for(queue.key)
        if name is None:
            why, mend = "a spec names functions, and this one has no name to find it by.", "register it under a name."
            self._findings.add(where_of(queue.declared), f"{queue.title} has the key {shorten(queue.key)}.", why, mend)
        return name

    def _items(self, queue: AnyQueue, given: Any) -> list[Any] | None:
        where = where_of(queue.declared)
        if not isinstance(given, list | tuple | range | str):
            why = "only those who have it can read it."
            mend = "give a list, skorche.files() or skorche.lines(), or put the items while it runs."
            self._findings.add(where, f"{queue.title} has the fixed_inputs {shorten(given)}.", why, mend)
            return None
        if len(given) > MOST_VALUES // 2:
            why, mend = (
                f"a spec has {MOST_VALUES} values at most.",
                "keep them in a file, and give skorche.lines(path).",
            )
            self._findings.add(where, f"{queue.title} has {len(given)} items.", why, mend)
            return None
        items = list(given)
        for item in items:
            if not is_plain(item):
                why, mend = (
                    "YAML would not give it back as it is.",
                    "use None, truths, numbers, texts, lists and dicts.",
                )
                self._findings.add(where, f"{queue.title} has the item {shorten(item)}.", why, mend)
                break
        return items

    def queues(self) -> dict[Reference, Any]:
        """The queues besides inputs that are bounded."""
        bounded = [one for key, one in self._graph.queues.items() if key in self._graph.producers and one.maxsize]
        return {self._reference(one): {"maxsize": one.maxsize} for one in bounded}

    # -- nodes -------------------------------------------------------------------------------------------------------

    def node(self, node: Node) -> dict[str, Any]:
        """A node, as `operators` has it."""
        if node.operator not in FORMS:
            why, mend = "only operators of skorche can be in a spec.", "declare it with one of them."
            self.tasks.refuse(node, "was declared by no operator that a spec knows.", why, mend)
            return {}
        if node.task is not None and isinstance(node.task.function, Placing):
            return self._apply(node, node.task, node.task.function)
        form = FORMS[node.operator]
        reads = [self._reference(queue) for queue in node.inputs]
        read: Any = reads if form.reads == "many" else reads[0]
        if form.calls == "nothing":
            saved: dict[str, Any] = {node.operator: read}
        else:
            called = self._called(node)
            saved = {node.operator: called.pop("function"), "from": read, **called}
        return saved | self._settings(node) | self._outputs(node)

    def _called(self, node: Node) -> dict[str, Any]:
        if node.task is not None:
            return self.tasks.task(node, node.task)
        return self.tasks.predicate(node, node.settings["predicate_fn"])

    def _outputs(self, node: Node) -> dict[str, Any]:
        saved: dict[str, Any] = {}
        outputs = [self._output(queue) for queue in node.outputs]
        if FORMS[node.operator].fills == "many":
            saved["to"] = outputs
        elif outputs and outputs[0] is not None:
            saved["to"] = outputs[0]
        if node.errors is not None:
            saved["errors"] = self._reference(node.errors)
        return saved

    def _settings(self, node: Node) -> dict[str, Any]:
        saved: dict[str, Any] = {}
        form = FORMS[node.operator]
        for name in form.settings:
            value, default = node.settings[name], DEFAULTS[node.operator].get(name, MISSING)
            if value is default or (type(value) is type(default) and repr(value) == repr(default)):
                continue  # by their repr: 1 == True
            if name in form.functions and value is not None:
                saved[name] = self.tasks.function(node, value, f"the {name}")
            else:
                listed = [_listed(one) for one in value] if name == "predicate_values" else value
                saved[name] = self.tasks.plain(node, f"the {name}", listed)
        return saved

    def _apply(self, node: Node, task: Any, placing: Placing) -> dict[str, Any]:
        queues = [self._reference(queue) for queue in self._given(node)]
        called = self.tasks.task(node, task)
        saved = {"apply": called.pop("function")}
        placed = {key: queues[place] for key, place in placing.from_item.items()}
        if placed:
            saved["from"] = list(placed.values()) if list(placed) == list(range(len(placed))) else placed
        later = [queue for place, queue in enumerate(queues) if place not in placing.from_item.values()]
        if later:
            saved["after"] = later
        constants = dict(self.tasks.plain(node, "the arguments", placing.constants))
        for key, value in called.pop("arguments", {}).items():
            constants.setdefault(key, value)
        if constants:
            saved["arguments"] = constants
        return saved | called | self._outputs(node)


def _listed(value: Any) -> Any:
    """Values that items are split by may be tuples, which are lists in a spec."""
    return [_listed(one) for one in value] if isinstance(value, tuple) else value
