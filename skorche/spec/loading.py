"""`load`: which form a spec has, and what it declares.

    nodes:        skorche's own form, see `nodes` and `operators`
    pipeline:     the component form, see `components` and `running`

What a program does with a pipeline that was loaded, whatever its form:

    pipeline = skorche.load("job.yaml", functions=module)
    pipeline.inputs                                   names of what each row must have
    pipeline.give({"document_id": "D0", "page_num": 0})    a row in; as often as there are rows; all is checked at once
    pipeline.run().shutdown()                         says that no more rows come, and waits
    pipeline.outputs["extractions"].flush()           a result for each row, in their order
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from skorche.errors import nearest
from skorche.named import NamedTuple
from skorche.spec.components import ComponentSpec, read_components
from skorche.spec.document import Entry, read_spec
from skorche.spec.findings import Findings
from skorche.spec.intake import Rows
from skorche.spec.nodes import TOP_KEYS, declare_nodes
from skorche.spec.registry import Functions, Registry
from skorche.spec.running import declare_components
from skorche.spec.shape import mapping_of, text_of

Spec = Mapping[str, Any] | str | os.PathLike[str]
FORMS_OF_SPECS = "Begin with `nodes:`, or with `pipeline:` for components; see docs/specs.md."


class Read(NamedTuple):
    """A spec, read, before anything is declared."""

    name: str
    check_types: bool
    declare: Callable[[], Rows | None]
    components: ComponentSpec | None = None


def read_pipeline(spec: Spec, functions: Functions | None) -> Read:
    """What a spec says.

    Raises:
        SpecError: it is no YAML, or has neither form.
    """
    findings, registry = Findings(), Registry(functions)
    entry = read_spec(spec, findings)
    keys = list(entry.content) if isinstance(entry.content, dict) else []
    if "nodes" not in keys and "pipeline" not in keys:
        close = next(filter(None, (nearest(key, ("nodes", "pipeline")) for key in keys)), "")
        why = "it has neither `nodes` nor `pipeline`."
        findings.add(entry.where, f"this is no pipeline, but {entry.kind}.", why, close + FORMS_OF_SPECS)
        findings.torn = True
    if findings.torn:
        findings.settle()
    if "pipeline" in keys:
        return _read_components(entry, registry, findings)
    top = mapping_of(entry, "the spec", TOP_KEYS, findings)
    name = text_of(top["name"], "the name", findings) if "name" in top else None
    return Read(name or "pipeline", _checks_types(top, findings), lambda: declare_nodes(top, registry, findings))


def _read_components(entry: Entry, registry: Registry, findings: Findings) -> Read:
    top = mapping_of(entry, "the spec", ["check_types", "pipeline"], findings)
    components = read_components(top["pipeline"], findings)

    def declare() -> Rows:
        return Rows(components, declare_components(components, registry, findings))

    return Read(components.name, _checks_types(top, findings), declare, components)


def _checks_types(top: Mapping[str, Entry], findings: Findings) -> bool:
    given = top.get("check_types")
    if given is None or isinstance(given.content, bool):
        return given is None or bool(given.content)
    findings.add(given.where, f"check_types is {given.kind}.", "it is a truth.", "write true or false.")
    return True
