"""From paths, which are relative to a chunk, to places, which are relative to the inputs."""

from __future__ import annotations

from collections.abc import Sequence

from skorche.kernel import Path, Paths
from skorche.place import Group, Place, Places, element


class Resolver:
    """Resolves the paths of one outcome.

    >>> Resolver(range(10, 13), [(1, 2)]).places([0, (1, 0), (1, 1)])
    [10, (11, 0), (11, 1)]
    """

    def __init__(self, places: Places, expansions: Sequence[tuple[Path, int]]) -> None:
        self._places = places
        self._counts = dict(expansions)

    def places(self, paths: Paths) -> Places:
        """The places of these paths."""
        if type(paths) is range:
            return self._places if len(paths) == len(self._places) else self._places[paths.start : paths.stop]
        if not self._counts:
            return list(map(self._places.__getitem__, paths))
        return self._elements(paths)

    def _elements(self, paths: Paths) -> list[Place]:
        found: list[Place] = []
        last: Path = None
        place: Place = 0
        members: Sequence[Place] | None = None
        for path in paths:
            if type(path) is int:
                found.append(self._places[path])
                continue
            whole = path[0] if len(path) == 2 else path[:-1]
            if whole != last:
                last, place = whole, self.place(whole)
                members = place if isinstance(place, Group) and len(place) == self._counts[whole] else None
            found.append(members[path[-1]] if members is not None else element(place, path[-1], -1))
        return found

    def place(self, path: Path) -> Place:
        """The place of one path."""
        if type(path) is int:
            return self._places[path]
        whole = path[0] if len(path) == 2 else path[:-1]
        return element(self.place(whole), path[-1], self._counts[whole])
