"""A spec as it was written: each value with the line it stands on.

YAML is only composed, never constructed: no tag makes an object. Its size, depth and number of values (aliases counted
each time they are used) are bounded, and a key that stands twice is a finding. A dict becomes the same, with the way to
a value in place of a line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skorche.errors import SpecError, nearest, shorten, text_of
from skorche.named import NamedTuple
from skorche.spec.findings import Findings, Where

if TYPE_CHECKING:
    from yaml import Node, SafeLoader

MOST_BYTES = 1 << 20
MOST_VALUES = 100_000
DEEPEST = 50
TEXT = "<text>"
"""What stands in place of a file's name where a spec is given as a text."""
MERGE = "tag:yaml.org,2002:merge"
TABS = "Indent with spaces only, the same number at each level."
PLAIN = (type(None), bool, int, float, str, bytes)
"""Types of scalars that YAML gives back as they were."""
COLLECTION_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq")}
PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "binary", "timestamp")}


class Entry(NamedTuple):
    """A value of a spec: a scalar, a list of entries, or a dict of them; `keys` tells where its keys stand."""

    content: Any
    where: Where
    keys: Mapping[Any, Where] = {}
    given: tuple[Any, ...] = ()
    """What stands in a dict, as it is; of YAML there is nothing else."""

    @property
    def kind(self) -> str:
        """What it is, for messages."""
        if isinstance(self.content, dict):
            return "a mapping"
        if isinstance(self.content, list):
            return "a list"
        return "nothing" if self.content is None else shorten(self.content, 60)

    def at(self, key: Any) -> Where:
        """Where a key stands, or else the whole."""
        return self.keys.get(key, self.where)

    def plain(self) -> Any:
        """The value as Python has it."""
        if self.given:
            return self.given[0]
        if isinstance(self.content, dict):
            return {key: entry.plain() for key, entry in self.content.items()}
        if isinstance(self.content, list):
            return [entry.plain() for entry in self.content]
        return self.content


def read_spec(spec: Mapping[Any, Any] | str | os.PathLike[str], findings: Findings) -> Entry:
    """The document: of a dict, of a file, or of a text, which is what has a line break or a colon with a space.

    Raises:
        SpecError: there is no such file, or it is no YAML.
    """
    if isinstance(spec, Mapping):
        return _entry_of(spec)
    if isinstance(spec, str) and ("\n" in spec or ": " in spec):
        return read_text(spec, TEXT, findings)
    if not isinstance(spec, str | os.PathLike):
        raise SpecError(
            f"load() was given {shorten(spec)}.",
            "a spec is a dict, the path of a YAML file, or YAML as a text.",
            'give one of them, such as load("job.yaml").',
        )
    path = Path(spec)
    return read_text(_text_of(path), str(path), findings)


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) <= MOST_BYTES:
            return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path} cannot be read.", f"it is no UTF-8: {error}.", "save it as UTF-8.") from error
    except OSError as error:
        beside = os.listdir(path.parent) if path.parent.is_dir() else []
        close = nearest(path.name, [name for name in beside if name.endswith((".yaml", ".yml"))])
        raise SpecError(
            f"{path} cannot be read.", f"{error.strerror}.", f"{close}Give the path of a YAML file."
        ) from error
    raise _too_large(str(path), f"{len(content)} bytes", f"{MOST_BYTES} bytes")


def _too_large(source: str, what: str, most: str) -> SpecError:
    return SpecError(
        f"{source}: there are {what} or more in it.",
        f"a spec may have {most}.",
        "items do not belong into a spec when there are many: give `lines:` or `files:` as the input.",
    )


def read_text(text: str, source: str, findings: Findings) -> Entry:
    """The document that a YAML text is.

    Raises:
        SpecError: it is no YAML, or larger, deeper or more than a spec may be.
    """
    from yaml import SafeLoader, YAMLError

    if len(text) > MOST_BYTES:
        raise _too_large(source, f"{len(text)} characters", f"{MOST_BYTES}")
    loader: SafeLoader | None = None
    try:
        loader = SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise SpecError(f"{source}: there is nothing in it.", "a spec is a mapping.", "see docs/specs.md.")
        return _Composed(loader, source, findings).entry(node, 0)
    except YAMLError as error:
        raise _unparsable(source, error) from error
    except RecursionError as error:
        raise _too_deep(Where(source)) from error
    finally:
        if loader is not None:
            loader.dispose()


def _too_deep(where: Where) -> SpecError:
    return SpecError(f"{where}: values are nested too deep.", f"there may be {DEEPEST} levels.", "see docs/specs.md.")


def _unparsable(source: str, error: Exception) -> SpecError:
    """What PyYAML says, in our form. Its marks count lines from 0."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    context = getattr(error, "context", None)
    where = Where(source, mark.line + 1 if mark else None)
    mend = "See that this line, and the one before it, are indented as those around them; text with `: ` needs quotes."
    if "\\t" in problem or "tab" in problem:
        mend = TABS
    why = f"{problem}{f' ({context})' if context else ''}."
    return SpecError(f"{where}: this is no YAML.", why, mend)


class _Composed:
    """Entries from the nodes of a YAML document."""

    def __init__(self, loader: SafeLoader, source: str, findings: Findings) -> None:
        self._loader, self._source, self._findings, self._values = loader, source, findings, 0

    def entry(self, node: Node, depth: int) -> Entry:
        from yaml import MappingNode, SequenceNode

        where = self._where(node)
        self._values += 1
        if self._values > MOST_VALUES:
            raise _too_large(self._source, f"{MOST_VALUES} values (aliases counted)", f"{MOST_VALUES} values")
        if depth > DEEPEST:
            raise _too_deep(where)
        if isinstance(node, MappingNode | SequenceNode) and node.tag not in COLLECTION_TAGS:
            self._refuse(node, where)
        if isinstance(node, MappingNode):
            return self._mapping(node, where, depth)
        if isinstance(node, SequenceNode):
            return Entry([self.entry(one, depth + 1) for one in node.value], where)
        return Entry(self._scalar(node, where), where)

    def _where(self, node: Node) -> Where:
        return Where(self._source, node.start_mark.line + 1)

    def _scalar(self, node: Node, where: Where) -> Any:
        if node.tag not in PLAIN_TAGS:
            self._refuse(node, where)
            return None
        try:
            return self._loader.construct_object(node)
        except Exception as error:  # noqa: BLE001  (such as 2026-13-45; PyYAML raises many things for `!!int ''`)
            self._findings.add(where, f"{shorten(node.value)} has no value.", f"{text_of(error)}.", "put it in quotes.")
            return None

    def _refuse(self, node: Node, where: Where) -> None:
        self._findings.torn = True
        self._findings.add(
            where,
            f"the tag {shorten(node.tag)} has no meaning here.",
            "a spec is plain data, which makes no objects.",
            "leave the tag out; put text that begins with ! in quotes.",
        )

    def _mapping(self, node: Node, where: Where, depth: int) -> Entry:
        content: dict[Any, Entry] = {}
        merged: dict[Any, Entry] = {}
        keys: dict[Any, Where] = {}
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                merged = self._merged(value_node, depth) | merged
                continue
            key, at = self.entry(key_node, depth + 1).content, self._where(key_node)
            if isinstance(key, list | dict):
                self._findings.add(at, "a key is a list or a mapping.", "keys are texts.", "put it in quotes.")
            elif key in keys:
                self._findings.add(
                    at,
                    f"the key {key!r} stands here twice.",
                    f"it stands in {keys[key]} too.",
                    "leave one of them out.",
                )
            else:
                keys[key], content[key] = at, self.entry(value_node, depth + 1)
        return Entry(merged | content, where, keys)

    def _merged(self, node: Node, depth: int) -> dict[Any, Entry]:
        """What `<<` brings: a mapping, or several, of which the first wins."""
        given = self.entry(node, depth + 1)
        merged: dict[Any, Entry] = {}
        for one in reversed(given.content if isinstance(given.content, list) else [given]):
            if isinstance(one.content, dict):
                merged |= one.content
            else:
                self._findings.add(one.where, f"`<<` was given {one.kind}.", "it merges mappings.", "give `*name`.")
        return merged


def _entry_of(value: Any, path: str = "", depth: int = 0) -> Entry:
    """An entry from a dict."""
    where = Where(path or "the spec")
    if depth > DEEPEST:
        raise _too_deep(where)
    if isinstance(value, Mapping):
        ways = {key: f"{path}.{key}" if path else str(key) for key in value}
        content = {key: _entry_of(one, ways[key], depth + 1) for key, one in value.items()}
        return Entry(content, where, {key: Where(way) for key, way in ways.items()}, (value,))
    if isinstance(value, list | tuple):
        listed = [_entry_of(one, f"{path}[{at}]", depth + 1) for at, one in enumerate(value)]
        return Entry(listed, where, {}, (value,))
    return Entry(value, where, {}, (value,))


def typed(text: str) -> Any:
    """The value that a text is by the rules of YAML; the text itself where it is no YAML.

    >>> typed("0"), typed("D0"), typed("1.5"), typed("true"), typed("[1, two]"), typed("*.jpg")
    (0, 'D0', 1.5, True, [1, 'two'], '*.jpg')
    """
    findings = Findings()
    try:
        value = read_text(text, TEXT, findings).plain() if text.strip() else None
    except SpecError:
        return text
    return text if findings else value


def listed(entry: Entry) -> Iterator[Entry]:
    """The entries of a list; one that is none stands for itself, nothing for none."""
    if isinstance(entry.content, list):
        yield from entry.content
    elif entry.content is not None:
        yield entry
