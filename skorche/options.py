"""How a task runs: its options, and what they may be."""

from __future__ import annotations

import re
from typing import Any, Literal

from skorche.errors import GraphError, nearest
from skorche.limits import AnyLimit, limits_of
from skorche.named import NamedTuple

OnError = Literal["raise", "collect"]
OnStall = Literal["warn", "raise"]
EngineChoice = Any  # Any: a name, a `concurrent.futures.Executor`, or a factory of one


class TaskOptions(NamedTuple):
    """How a task runs. Seconds as float; `None` leaves it to the run."""

    engine: EngineChoice = None
    max_workers: int | None = None
    retries: int = 0
    backoff: float = 0.5
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = Exception
    timeout: float | None = None
    on_error: OnError | None = None
    ordered: bool = False
    idempotent: bool = True
    isolate: bool = False
    tag: str | None = None
    max_items_per_worker: int | None = None
    max_worker_memory: int | str | None = None
    unpack: bool = False
    limits: tuple[AnyLimit, ...] = ()
    cache: bool = False
    version: str | int | None = None
    reload: bool = False
    pin: bool = False
    fuse: bool = True

    def check(self) -> None:
        """Raise a `GraphError` for a value that has no meaning."""
        Recycling.of("a task", self.max_items_per_worker, self.max_worker_memory)
        for name, fine, wanted in (
            ("max_workers", self.max_workers is None or _is_whole(self.max_workers, 1), "1 or more workers"),
            ("retries", _is_whole(self.retries, 0), "0 or more retries"),
            ("backoff", _is_number(self.backoff) and self.backoff >= 0, "0 or more seconds"),
            ("retry_on", _are_errors(self.retry_on), "an exception class, or a tuple of them"),
            ("timeout", self.timeout is None or (_is_number(self.timeout) and self.timeout > 0), TIMES),
            ("version", self.version is None or type(self.version) in (str, int), "a text or a number, or None"),
            ("on_error", self.on_error in (None, "raise", "collect"), "'raise', 'collect' or None"),
        ):
            if not fine:
                raise _meaningless("a task", name, getattr(self, name), wanted)


TIMES = "more than 0 seconds, or None"


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_errors(value: object) -> bool:
    kinds = value if isinstance(value, tuple) else (value,)
    return all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds)


SIZE = r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?"


class Recycling(NamedTuple):
    """When a worker process is replaced: after so many items of a task, or above so many bytes of memory."""

    items: int | None = None
    memory_bytes: int | None = None

    @classmethod
    def of(cls, who: str, items: object, memory: object) -> Recycling:
        """From the options of a task or a run; a size may be a text.

        >>> Recycling.of("a task", 100, "1.5 GB")
        Recycling(items=100, memory_bytes=1500000000)

        Raises:
            GraphError: a value has no meaning.
        """
        if items is not None and (type(items) is not int or items < 1):
            raise _meaningless(who, "max_items_per_worker", items, "1 or more items, or None")
        return cls(items, size_in_bytes(who, "max_worker_memory", memory))


def size_in_bytes(who: str, name: str, given: object) -> int | None:
    """A size that may be given as a text; None if none is given.

    >>> size_in_bytes("run()", "memory", "1.5 GB")
    1500000000

    Raises:
        GraphError: it is no size.
    """
    size = given if type(given) is int else _bytes_of(given) if isinstance(given, str) else 0
    if given is not None and size < 1:
        raise _meaningless(who, name, given, "bytes, or a text such as '500MB' or '2GiB', or None")
    return size or None


def _bytes_of(text: str) -> int:
    """A size in bytes; 0 if it is none. k, M, G and T are powers of 1000, with an i of 1024."""
    found = re.fullmatch(SIZE, text.strip(), re.IGNORECASE)
    if found is None:
        return 0
    return int(float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2].lower() or " "))


def _meaningless(who: str, name: str, value: object, wanted: str) -> GraphError:
    return GraphError(f"{who} was given {name}={value!r}.", "it has no meaning.", f"give {wanted}.")


MEANT = {
    **dict.fromkeys(("n_jobs", "n_workers", "num_workers", "workers", "processes", "threads"), "'max_workers'"),
    **dict.fromkeys(("backend", "executor", "pool"), "'engine'"),
    **dict.fromkeys(("retry", "max_retries", "tries", "attempts"), "'retries'"),
    **dict.fromkeys(("rate", "rate_limit", "limit"), "limits=[skorche.rate('name', 5, per=1)]"),
    **dict.fromkeys(("store", "memoize"), "cache=True, and run(store='folder/')"),
}
"""What other libraries call what is wanted, and what it is called here."""


def changed_options(options: TaskOptions, changes: dict[str, Any]) -> TaskOptions:
    """Options with changes, or an error that offers the nearest name."""
    for name in changes:
        if name not in TaskOptions._fields:
            known = ", ".join(TaskOptions._fields)
            meant = f"Did you mean {MEANT[name]}? " if name in MEANT else nearest(name, TaskOptions._fields)
            raise GraphError(
                f"a task was given the option {name!r}.", f"the options are {known}.", f"{meant}Otherwise leave it out."
            )
    if "limits" in changes:
        changes = changes | {"limits": limits_of(changes["limits"])}
    changed = options._replace(**changes)
    changed.check()
    return changed
