"""What tasks may share: `limit`, so many items at a time, and `rate`, so many starts in a window of time. Data only.

A limit is known by its name. All tasks that name it share it, whatever engines they run on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from skorche.errors import GraphError, shorten
from skorche.named import NamedTuple


class Limit(NamedTuple):
    """At most `most` items at work at a time, over all tasks that name it. Made by `limit`.

    >>> print(limit("gpu", 1))
    at most 1 at a time (gpu)
    """

    name: str
    most: int

    def __str__(self) -> str:
        return f"at most {self.most} at a time ({self.name})"


class Rate(NamedTuple):
    """At most `most` starts in any `per` seconds, over all tasks that name it. Made by `rate`.

    >>> print(rate("api", 5, per=2))
    at most 5 per 2 s (api)
    """

    name: str
    most: int
    per: float

    def __str__(self) -> str:
        return f"at most {self.most} per {self.per:g} s ({self.name})"


AnyLimit = Limit | Rate


def limit(name: str, most: int) -> Limit:
    """At most so many items at work at a time, over all tasks that are given it.

    >>> gpu = limit("gpu", 1)
    >>> @task(max_workers=4, limits=[gpu])
    ... def detect(photo):
    ...     return photo
    >>> detect.settings.limits
    (Limit(name='gpu', most=1),)

    No worker waits for it. Tasks that share it take turns.

    Raises:
        GraphError: the name is empty, or the number below 1.
    """
    _check(f"limit({shorten(name)}, {shorten(most)})", name, most)
    return Limit(name, most)


def rate(name: str, most: int, *, per: float = 1.0) -> Rate:
    """At most so many starts in any window of `per` seconds, over all tasks that are given it.

    >>> api = rate("api", 5, per=1.0)
    >>> @task(max_workers=32, limits=[api])
    ... def look_up(name):
    ...     return name
    >>> print(*look_up.settings.limits)
    at most 5 per 1 s (api)

    Every attempt counts: retries, and items that a worker's death has given back. No worker waits for it. Tasks that
    share it take turns.

    Raises:
        GraphError: the name is empty, the number below 1, or `per` no number of seconds above 0.
    """
    what = f"rate({shorten(name)}, {shorten(most)}, per={shorten(per)})"
    _check(what, name, most)
    if isinstance(per, bool) or not isinstance(per, int | float) or not 0 < per < math.inf:
        raise GraphError(f"{what} has no meaning.", "per= is a number of seconds above 0.", "give per=1.0, say.")
    return Rate(name, most, float(per))


def _check(what: str, name: object, most: object) -> None:
    if not isinstance(name, str) or not name:
        raise GraphError(f"{what} has no name.", "tasks share it by its name.", 'give it one, such as "api".')
    if type(most) is not int or most < 1:
        raise GraphError(f"{what} lets nothing through.", "it is a whole number of items.", "give 1 or more.")


def limits_of(given: object) -> tuple[AnyLimit, ...]:
    """What a task was given as `limits`, each once.

    >>> limits_of([limit("gpu", 1), limit("gpu", 1)])
    (Limit(name='gpu', most=1),)

    Raises:
        GraphError: they are no limits and rates, or two of one name differ.
    """
    if isinstance(given, Iterable) and not isinstance(given, Limit | Rate):
        listed = list(given)
        if all(isinstance(one, Limit | Rate) for one in listed):
            return _each_once(listed)
    raise GraphError(
        f"a task was given limits={shorten(given)}.",
        "it is a list of limits and rates.",
        'give limits=[skorche.limit("gpu", 1), skorche.rate("api", 5, per=1.0)].',
    )


def _each_once(listed: Iterable[AnyLimit]) -> tuple[AnyLimit, ...]:
    found: dict[str, AnyLimit] = {}
    for one in listed:
        known = found.setdefault(one.name, one)
        if known != one:
            raise disagreement(known, "a task", one, "it")
    return tuple(found.values())


def disagreement(one: AnyLimit, holder: str, other: AnyLimit, other_holder: str) -> GraphError:
    """Two limits have one name and are not the same."""
    return GraphError(
        f"{holder} has the limit {str(one)!r}, and {other_holder} has {str(other)!r}.",
        "a limit is known by its name, and these two differ.",
        f"give both the same object, or one of them another name than {one.name!r}.",
    )
