"""The component form of a spec, read: components that take values by name, and give values by name.

    pipeline:
      name: My pipeline
      inputs: [document_id, page_num]
      outputs: [extractions]
      components:
        - preprocess:
            runner: ImagePreprocessor
            inputs: [document_id, page_num]
            outputs: [page_id]
        - extractor:
            runner: ExtractionModel
            inputs: [preprocess.page_id]        # or {page: preprocess.page_id}, by the runner's parameters
            outputs: [extractions]
            dependencies: [preprocess]          # must have ended before
            timeout: 10
            retries: 2

Each of these mappings may as well be a list of mappings of one key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from skorche.errors import shorten
from skorche.named import NamedTuple
from skorche.options import TaskOptions, changed_options
from skorche.spec.document import Entry
from skorche.spec.findings import Findings, Where
from skorche.spec.shape import mapping_of, once, text_of, texts_of

PIPELINE_KEYS = ("name", "inputs", "outputs", "components")
COMPONENT_KEYS = ("runner", "inputs", "outputs", "dependencies", "timeout", "retries")
OPTIONS = ("timeout", "retries")


class Taken(NamedTuple):
    """An input of a component: where its value comes from, and the parameter it is for, if that is said."""

    reference: str
    where: Where
    parameter: str | None = None

    @property
    def label(self) -> str:
        """What it is called: by the parameter, or by the last part of the reference."""
        return self.parameter or self.reference.rpartition(".")[2]


class Component(NamedTuple):
    """A component as a spec has it."""

    name: str
    where: Where
    runner: str
    runner_at: Where
    inputs: tuple[Taken, ...]
    outputs: tuple[str, ...]
    dependencies: tuple[tuple[str, Where], ...]
    options: Mapping[str, Any]


class ComponentSpec(NamedTuple):
    """A whole spec of this form."""

    name: str
    where: Where
    inputs: Mapping[str, Where]
    outputs: Mapping[str, Where]
    components: Mapping[str, Component]


def read_components(pipeline: Entry, findings: Findings) -> ComponentSpec:
    """What stands under `pipeline`; what is wrong with its form becomes findings."""
    folded = _folded(pipeline, PIPELINE_KEYS, findings)
    top = mapping_of(folded, "pipeline", PIPELINE_KEYS, findings)
    unknown = len(folded.content) - len(top) if isinstance(folded.content, dict) else 1
    findings.torn |= unknown > 0
    for key in ("outputs", "components"):
        if not unknown and (key not in top or not top[key].content):
            findings.torn = True
            mend = f"add `{key}:` below `pipeline:`, indented as its other keys are."
            findings.add(pipeline.where, f"the pipeline has no {key}.", "it must say what comes out, and how.", mend)
    name = text_of(top["name"], "the name", findings) if "name" in top else "pipeline"
    inputs = _names(top, "inputs", "the input", findings)
    outputs = dict(_once(top, "outputs", "the output", findings))
    components = _components(top["components"], findings) if "components" in top and top["components"].content else {}
    return ComponentSpec(name or "pipeline", pipeline.where, inputs, outputs, components)


def _components(entry: Entry, findings: Findings) -> dict[str, Component]:
    components: dict[str, Component] = {}
    for key, where, body in _bodies(entry, findings):
        findings.torn |= key in components or "." in key
        if key in components:
            why, mend = f"it stands in {components[key].where} too.", "give one of them another name."
            findings.add(where, f"the component {key!r} stands here twice.", why, mend)
        elif "." in key:
            why, mend = "the dot parts a component from its output.", f"call it {key.replace('.', '_')!r}."
            findings.add(where, f"the component {key!r} has a dot in its name.", why, mend)
        else:
            components[key] = _component(key, where, body, findings)
    return components


def _folded(entry: Entry, known: tuple[str, ...], findings: Findings) -> Entry:
    """A list of mappings of one key as the mapping that it stands for."""
    if not isinstance(entry.content, list):
        return entry
    content: dict[Any, Entry] = {}
    keys: dict[Any, Where] = {}
    for one in entry.content:
        if not isinstance(one.content, dict) or not one.content:
            why, mend = "each is a key with its value.", f"write `- {known[0]}: ...`."
            findings.add(one.where, f"{one.kind} stands in a list of keys.", why, mend)
            continue
        for key, value in one.content.items():
            if key in keys:
                why = f"it stands in {keys[key]} too."
                findings.add(one.at(key), f"the key {shorten(key)} stands here twice.", why, "leave one of them out.")
            else:
                content[key], keys[key] = value, one.at(key)
    return Entry(content, entry.where, keys)


def _once(top: Mapping[str, Entry], key: str, what: str, findings: Findings) -> Iterator[tuple[str, Where]]:
    if key in top:
        yield from once(texts_of(top[key], f"the {key}", findings), what, findings)


def _names(top: Mapping[str, Entry], key: str, what: str, findings: Findings) -> dict[str, Where]:
    """Names of their own, which have no dot."""
    found = dict(_once(top, key, what, findings))
    for name, where in found.items():
        if "." in name:
            why, mend = "the dot parts a component from its output.", f"call it {name.replace('.', '_')!r}."
            findings.add(where, f"{what} {name!r} has a dot in its name.", why, mend)
    return found


def _bodies(entry: Entry, findings: Findings) -> Iterator[tuple[str, Where, Entry]]:
    """The components by name, in their order."""
    for one in entry.content if isinstance(entry.content, list) else [entry]:
        if not isinstance(one.content, dict):
            findings.torn = True
            why, mend = "components are named mappings.", "write `- name:`, and its keys below, indented."
            findings.add(one.where, f"{one.kind} stands where a component belongs.", why, mend)
            continue
        stray = [key for key in one.content if key in COMPONENT_KEYS]
        if stray and len(one.content) > 1:
            name = next((key for key in one.content if key not in COMPONENT_KEYS), "component")
            why = "it stands beside the name of a component, and not below it."
            mend = f"indent the keys of {shorten(name)} deeper than its name."
            findings.torn = True
            findings.add(one.at(stray[0]), f"{stray[0]!r} is indented wrongly.", why, mend)
            continue
        for name, body in one.content.items():
            if isinstance(name, str) and name:
                yield name, one.at(name), body
            else:
                findings.torn = True
                findings.add(one.at(name), f"a component is called {shorten(name)}.", "it needs a text.", "quote it.")


def _component(name: str, where: Where, body: Entry, findings: Findings) -> Component:
    what = f"component {name!r}"
    folded = _folded(body, COMPONENT_KEYS, findings)
    if folded.content is None:
        folded = Entry({}, where)
    parts = mapping_of(folded, what, COMPONENT_KEYS, findings)
    runner = text_of(parts["runner"], f"the runner of {what}", findings) if "runner" in parts else ""
    unknown = len(folded.content) - len(parts) if isinstance(folded.content, dict) else 1
    findings.torn |= unknown > 0 and not {"inputs", "outputs"} <= parts.keys()
    if "runner" not in parts and not unknown:
        why, mend = "it is the function that does its work.", "add `runner:` with the name of a registered one."
        findings.add(where, f"{what} has no runner.", why, mend)
    inputs = tuple(_taken(parts["inputs"], what, findings)) if "inputs" in parts else ()
    outputs = tuple(_names(parts, "outputs", f"the output of {what}", findings))
    dependencies = tuple(_once(parts, "dependencies", f"the dependency of {what}", findings))
    options = {}
    for key in OPTIONS:
        if key in parts:
            with findings.at(parts[key].where):
                changed_options(TaskOptions(), {key: parts[key].plain()})
                options[key] = parts[key].plain()
    runner_at = folded.at("runner") if "runner" in parts else where
    return Component(name, where, runner or "", runner_at, inputs, outputs, dependencies, options)


def _taken(entry: Entry, what: str, findings: Findings) -> Iterator[Taken]:
    if not isinstance(entry.content, dict):
        for reference, where in once(texts_of(entry, f"the inputs of {what}", findings), "the input", findings):
            yield Taken(reference, where)
        return
    for parameter, given in entry.content.items():
        named = text_of(given, f"the input {shorten(parameter)} of {what}", findings)
        if named is not None and isinstance(parameter, str):
            yield Taken(named, given.where, parameter)
        elif named is not None:
            findings.add(entry.at(parameter), f"the parameter {shorten(parameter)} is no name.", "it is a text.", "")


def saved_components(spec: ComponentSpec, *, check_types: bool) -> dict[str, Any]:
    """The spec as plain data, in its form with mappings."""
    return ({} if check_types else {"check_types": False}) | {
        "pipeline": {
            "name": spec.name,
            "inputs": list(spec.inputs),
            "outputs": list(spec.outputs),
            "components": [{one.name: _saved(one)} for one in spec.components.values()],
        }
    }


def _saved(one: Component) -> dict[str, Any]:
    named = any(taken.parameter is not None for taken in one.inputs)
    inputs = {taken.label: taken.reference for taken in one.inputs} if named else [t.reference for t in one.inputs]
    saved: dict[str, Any] = {"runner": one.runner, "inputs": inputs, "outputs": list(one.outputs)}
    if one.dependencies:
        saved["dependencies"] = [name for name, _ in one.dependencies]
    return saved | dict(one.options)
