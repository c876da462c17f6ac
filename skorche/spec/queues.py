"""The queues of a spec: its inputs, which are there first, and those that nodes fill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from skorche.errors import shorten
from skorche.file import files, lines
from skorche.graph import AnyQueue
from skorche.queue import Queue
from skorche.spec.document import Entry, listed
from skorche.spec.findings import Findings, Where
from skorche.spec.registry import Registry
from skorche.spec.shape import mapping_of

INPUT_KEYS = ("items", "files", "root", "missing_ok", "lines", "encoding", "errors", "maxsize", "key")

Reference = str | int
"""How a spec names a queue: by its name, or, if it has none, by a number."""


class Queues:
    """The queues of a spec, by name or number."""

    def __init__(self, registry: Registry, findings: Findings) -> None:
        self._registry, self._findings = registry, findings
        self._inputs: dict[Reference, Where] = {}
        self._bounds: dict[Reference, int | None] = {}
        self._places: dict[Reference, Where] = {}
        self._made: dict[Reference, AnyQueue] = {}

    def read(self, top: Mapping[str, Entry]) -> None:
        """The inputs, which are made in their order, and the bounds of other queues."""
        for reference, given, where in self._section(top, "inputs"):
            self._inputs[reference] = where
            with self._findings.at(where):
                self._made[reference] = self._input(reference, given)
        for reference, given, where in self._section(top, "queues"):
            self._places[reference] = where
            parts = mapping_of(given, f"queue {reference!r}", ("maxsize",), self._findings)
            self._bounds[reference] = self._maxsize(parts)

    def _section(self, top: Mapping[str, Entry], name: str) -> Iterator[tuple[Reference, Entry, Where]]:
        entry = top.get(name)
        if entry is None or entry.content is None:
            return
        if not isinstance(entry.content, dict):
            why, mend = "it is a mapping of queues.", "write `name:` with its items."
            self._findings.add(entry.where, f"{name} is {entry.kind}.", why, mend)
            return
        for key, given in entry.content.items():
            if type(key) in (str, int) and key != "":
                yield key, given, entry.at(key)
            else:
                why, mend = "a queue goes by its name, or by a number.", "put it in quotes."
                self._findings.add(entry.at(key), f"{name} has the key {shorten(key)}.", why, mend)

    def _input(self, reference: Reference, given: Entry) -> AnyQueue:
        name = reference if isinstance(reference, str) else None
        if _are_items(given):
            return Queue(name, given.plain())
        if given.content is None:
            return Queue(name)
        parts = mapping_of(given, f"the input {reference!r}", INPUT_KEYS, self._findings)
        items, key = self._items(reference, parts, given), self._key(parts)
        return Queue(name, items, maxsize=self._maxsize(parts), key=key)

    def _items(self, reference: Reference, parts: Mapping[str, Entry], given: Entry) -> Iterable[Any] | None:
        sources = [key for key in ("items", "files", "lines") if key in parts]
        if len(sources) > 1:
            why, mend = "an input has one source.", f"leave out all but one of {', '.join(sources)}."
            self._findings.add(given.where, f"the input {reference!r} has {len(sources)}.", why, mend)
        if "files" in parts:
            options = {key: parts[key].plain() for key in ("root", "missing_ok") if key in parts}
            return files(*(one.plain() for one in listed(parts["files"])), **options)
        if "lines" in parts:
            options = {key: parts[key].plain() for key in ("encoding", "errors") if key in parts}
            return lines(parts["lines"].plain(), **options)
        if "items" in parts and not _are_items(parts["items"]):
            why, mend = "they are a list.", "write each behind a dash; [x] for a single one."
            self._findings.add(parts["items"].where, f"items are {parts['items'].kind}.", why, mend)
            return None
        return parts["items"].plain() if "items" in parts else None

    def _key(self, parts: Mapping[str, Entry]) -> Any:
        """The function that gives the key of an item, by its name."""
        given = parts.get("key")
        if given is None or given.content is None:
            return None
        return self._registry.find(given.plain(), given.where, self._findings, "the key")

    def _maxsize(self, parts: Mapping[str, Entry]) -> int | None:
        given = parts.get("maxsize")
        if given is None or given.content is None:
            return None
        if type(given.content) is int and given.content > 0:
            return given.content
        why, mend = "it is a whole number of items.", "give 1 or more."
        self._findings.add(given.where, f"maxsize is {given.kind}.", why, mend)
        return None

    def check(self, filled: Sequence[tuple[Reference, Where]], read: Sequence[tuple[Reference, Where]]) -> None:
        """Every queue that is read is filled, or an input; every input is read."""
        known = {reference for reference, _ in filled} | self._inputs.keys()
        for reference, where in read:
            if reference not in known:
                mend = "Otherwise fill it with the `to` of a node, or add it to `inputs`."
                names = [one for one in known if isinstance(one, str)]
                self._findings.unknown(where, "the queue", reference, sorted(names), mend)
        named = {reference for reference, _ in read}
        for reference, where in self._inputs.items() if named <= known else ():
            if reference not in named:
                why, mend = "nobody would take its items.", "name it in the `from` of a node, or leave it out."
                self._findings.add(where, f"no node reads the input {reference!r}.", why, mend)
        for reference, where in self._places.items():
            if reference not in known:
                self._findings.unknown(where, "the queue", reference, sorted(map(str, known)), "")
            elif reference in self._inputs:
                why = "its bound belongs there."
                self._findings.add(where, f"{reference!r} is an input.", why, "give its maxsize in `inputs`.")

    def get(self, given: tuple[Reference, Where] | None) -> AnyQueue | None:
        """The queue; made when it is first named."""
        if given is None:
            return None
        reference, _ = given
        if reference not in self._made:
            name = reference if isinstance(reference, str) else None
            self._made[reference] = Queue(name, maxsize=self._bounds.get(reference))
        return self._made[reference]


def _are_items(entry: Entry) -> bool:
    """A list is; in a dict whatever else can be iterated, too."""
    if isinstance(entry.content, list) or not entry.given:
        return isinstance(entry.content, list)
    return isinstance(entry.content, Iterable) and not isinstance(entry.content, dict | str | bytes)
