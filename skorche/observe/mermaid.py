"""A picture as a Mermaid flowchart, for pages that draw those: GitHub, GitLab, notebooks, MkDocs."""

from __future__ import annotations

from collections.abc import Iterator

from skorche.observe.looks import LOOKS
from skorche.observe.picture import Link, Mark, Picture

INDENT = "    "
CLASS_OF = {
    "op": "fill:#dddddd,stroke:#333333,color:#000000",
    "task": "fill:#ffffff,stroke:#333333,color:#000000",
    "named": "fill:none,stroke:none",
    "point": "fill:#555555,stroke:none",
}
HARMLESS = frozenset(" ,:()")
"""What may stand in a label as it is, besides letters and digits: Mermaid reads markup and entities in labels."""

HARMLESS_WITHIN = frozenset("_-.")
"""Harmless inside a word. `__init__` would be bold, and `1. load` a list."""


def mermaid_of(picture: Picture) -> str:
    """The picture as a flowchart: a line for each mark, a line for each link, then how they look."""
    lines = ["flowchart LR", *(INDENT + _mark(mark) for mark in picture.marks)]
    lines += [INDENT + _link(link) for link in picture.links]
    used = sorted({_class(mark) for mark in picture.marks})
    lines += [f"{INDENT}classDef {name} {_class_looks()[name]}" for name in used]
    red = [str(number) for number, link in enumerate(picture.links) if link.errors]
    lines += [f"{INDENT}linkStyle {','.join(red)} stroke:red,color:red"] if red else []
    return "\n".join([*lines, ""])


def _class(mark: Mark) -> str:
    kind = "named" if mark.kind == "end" else mark.kind  # "end" is a word of Mermaid's own
    return mark.outcome if mark.outcome in LOOKS else kind


def _class_looks() -> dict[str, str]:
    of_outcome = {
        name: f"fill:{look.fill},stroke:{look.border},color:#000000"
        + ",stroke-width:3px" * look.thick
        + ",stroke-dasharray:5 3" * look.dashed
        for name, look in LOOKS.items()
    }
    return CLASS_OF | of_outcome


def _mark(mark: Mark) -> str:
    label = _label(mark.lines) or " "
    drawn = f'(("{label}"))' if mark.kind == "point" else f'["{label}"]'
    return f"{mark.own}{drawn}:::{_class(mark)}"


def _link(link: Link) -> str:
    said = f'|"{_label(link.lines)}"|' if link.lines else ""
    return f"{link.tail} -->{said} {link.head}"


def _label(lines: tuple[str, ...]) -> str:
    """The lines, with everything that could mean something to Mermaid or to the page as a numbered entity."""
    return "<br/>".join("".join(_escaped(line)) for line in lines)


def _escaped(line: str) -> Iterator[str]:
    for before, one, after in zip(" " + line, line, line[1:] + " ", strict=False):
        within = one in HARMLESS_WITHIN and before.isalnum() and after.isalnum()
        yield one if one.isalnum() or one in HARMLESS or within else f"#{ord(one)};"
