"""What a value of a spec must be: read, or one more finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from skorche.errors import nearest, shorten
from skorche.spec.document import Entry
from skorche.spec.findings import Findings, Where

QUOTES = "put it in quotes: YAML takes yes, no, on, off for truths, and digits for numbers."


def mapping_of(entry: Entry, what: str, known: Iterable[str], findings: Findings) -> dict[str, Entry]:
    """The entries by their keys, as far as they are known ones."""
    if not isinstance(entry.content, dict):
        findings.add(entry.where, f"{what} is {entry.kind}.", "it is a mapping.", f"its keys: {', '.join(known)}.")
        return {}
    names, found = list(known), {}
    for key, value in entry.content.items():
        if key in names:
            found[key] = value
        else:
            close = nearest(key, names)
            mend = f"{close}Otherwise leave it out, or see that it is indented as what it belongs to."
            findings.add(
                entry.at(key), f"{what} has the unknown key {shorten(key)}.", f"known: {', '.join(names)}.", mend
            )
    return found


def text_of(entry: Entry, what: str, findings: Findings) -> str | None:
    """A text that is not empty."""
    if isinstance(entry.content, str) and entry.content:
        return entry.content
    findings.torn = True
    mend = QUOTES if isinstance(entry.content, bool | int | float) else "give one."
    findings.add(entry.where, f"{what} is {entry.kind}.", "it is a text.", mend)
    return None


def texts_of(entry: Entry, what: str, findings: Findings) -> list[tuple[str, Where]]:
    """Texts with where they stand; nothing stands for none."""
    if entry.content is None:
        return []
    if not isinstance(entry.content, list):
        findings.torn = True
        findings.add(entry.where, f"{what} are {entry.kind}.", "they are a list of names.", "write each behind a dash.")
        return []
    texts = [(text_of(one, f"one of {what}", findings), one.where) for one in entry.content]
    return [(text, where) for text, where in texts if text is not None]


def once(texts: Iterable[tuple[str, Where]], what: str, findings: Findings) -> Iterator[tuple[str, Where]]:
    """Each text that does not stand there twice."""
    seen: dict[str, Where] = {}
    for text, where in texts:
        if text in seen:
            findings.add(
                where,
                f"{what} {text!r} stands here twice.",
                f"it stands in {seen[text]} too.",
                "leave one of them out.",
            )
        else:
            seen[text] = where
            yield text, where


def plain_mapping_of(entry: Entry, what: str, findings: Findings) -> dict[Any, Any]:
    """A mapping of whatever plain data."""
    if isinstance(entry.content, dict):
        return {key: value.plain() for key, value in entry.content.items()}
    findings.add(entry.where, f"{what} are {entry.kind}.", "they are a mapping.", "write `name: value`.")
    return {}
