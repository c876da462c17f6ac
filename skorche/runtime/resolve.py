"""From paths, which are relative to a chunk, to places, which are relative to the inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, cast

from skorche.compact import Elements, Groups, Selected, Spread, select
from skorche.expansion import Part
from skorche.kernel import Path, Paths
from skorche.place import Group, Place, Places, element

_NONE: dict[Path, int] = {}


class Resolver:
    """Resolves the paths of one outcome.

    >>> Resolver(range(10, 13), [(1, 2)]).places([0, (1, 0), (1, 1)])
    [10, (11, 0), (11, 1)]
    """

    __slots__ = ("_counts", "_places")

    def __init__(self, places: Places, expansions: Sequence[tuple[Path, int]], parts: Sequence[Part] = ()) -> None:
        self._places = places
        self._counts = dict(expansions) if expansions else _NONE
        if parts:  # -1 elements: nobody knows how many there will be, so none stands for a member of a batch
            self._counts = self._counts | {part.path: -1 for part in parts}

    def places(self, paths: Paths) -> Places:
        """The places of these paths."""
        if type(paths) is range:
            return self._places if len(paths) == len(self._places) else self._places[paths.start : paths.stop]
        if type(paths) is Selected:
            return select(self.places(paths.of), paths.flags, len(paths))
        if type(paths) is Spread:
            return self._spread(paths)
        run = self._places.listed if type(self._places) is Selected else self._places
        number: Callable[[Any], Place] = run.__getitem__
        if type(run) is range:
            number = run.start.__add__  # half of the time
        if not self._counts:
            return list(map(number, paths))
        if type(paths) is Elements and (type(run) is range or set(map(type, run)) == {int}):
            return Elements(list(map(number, paths.wholes)), paths.indices)  # type: ignore[arg-type]  # all numbers
        if type(paths) is Elements and len(paths) == sum(self._counts.values()) and min(self._counts.values()) >= 0:
            return self._all_elements()
        return self._elements(paths)

    def _spread(self, paths: Spread) -> Places:
        """The places of all elements of some items, in that form still if those are plain ones."""
        places = self._places
        if self.gives_members_back and len(paths.wholes) == len(places):
            return cast("Groups", places).numbers
        if type(places) is range or type(places) is Selected or set(map(type, places)) == {int}:
            wholes = cast("Sequence[int]", Resolver(places, ()).places(paths.wholes))
            return Spread(wholes.smallest if type(wholes) is Selected else wholes, paths.counts)
        return self.places(paths.elements)

    @property
    def gives_members_back(self) -> bool:
        """Whether all items are batches of numbers, and each gave as many elements as it had members."""
        places, counts = self._places, self._counts
        if type(places) is not Groups or list(counts) != list(range(len(places))):
            return False
        return list(counts.values()) == places.sizes

    def _all_elements(self) -> list[Place]:
        """The elements of all items that were expanded, which are all there are, as they follow each other."""
        found: list[Place] = []
        for whole, count in self._counts.items():
            place = self._places[whole]
            if isinstance(place, Group) and len(place) == count:
                found += place
            else:
                found += [element(place, index, -1) for index in range(count)]
        return found

    def _elements(self, paths: Paths) -> list[Place]:
        """Paths of which some are elements of expansions; those of one expansion stand side by side."""
        found: list[Place] = []
        for whole, inner in groupby(paths, _whole_of):
            if whole is None:
                found += map(self._places.__getitem__, inner)
                continue
            place, indices = self.place(whole), [path[-1] for path in inner]
            if isinstance(place, Group) and len(place) == self._counts[whole]:
                found += place if len(indices) == len(place) else map(place.__getitem__, indices)
            else:
                found += [element(place, index, -1) for index in indices]
        return found

    def place(self, path: Path) -> Place:
        """The place of one path."""
        if type(path) is int:
            return self._places[path]
        whole = path[0] if len(path) == 2 else path[:-1]
        return element(self.place(whole), path[-1], self._counts[whole])


def _whole_of(path: Path) -> Path:
    """The path of what this is an element of; None for a path that is none."""
    if type(path) is int:
        return None
    return path[0] if len(path) == 2 else path[:-1]
