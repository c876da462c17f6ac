"""How objects become bytes on their way to another process, and what to do with those that cannot.

Everything of the user's is pickled and unpickled inside a `try` here, so that an object can only fail its own item.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from skorche.errors import RemoteError, TransferError, shorten, text_of
from skorche.kernel import Kernel, Outcome, StepCount, Trouble, describe

PROTOCOL = 5
DEEPEST_CAUSE = 10


def dumps(value: Any) -> bytes:
    """Pickle; with cloudpickle what pickle cannot find in the other process, or would find only in this `__main__`."""
    try:
        data = pickle.dumps(value, PROTOCOL)
        if b"__main__" not in data:
            return data
    except (pickle.PicklingError, AttributeError, TypeError):
        pass  # cloudpickle may manage what pickle cannot; if not, its error is raised
    import cloudpickle  # 15 ms to import: only what pickle cannot do needs it

    return bytes(cloudpickle.dumps(value, PROTOCOL))


loads = pickle.loads


def dump_error(error: BaseException, depth: int = DEEPEST_CAUSE) -> bytes:
    """An exception as bytes that can be loaded for sure, with its notes and causes."""
    linked = [error.__cause__, error.__context__]
    links = [dump_error(one, depth - 1) if one is not None and depth else None for one in linked]
    return pickle.dumps((_dump_alone(error), *links, error.__suppress_context__), PROTOCOL)


def _dump_alone(error: BaseException) -> bytes:
    try:
        data = dumps(error)
        if type(loads(data)) is type(error):
            return data
    except Exception:  # noqa: BLE001  (the error is told all the same, by what stands for it)
        pass
    kind = type(error)
    stand_in = RemoteError(
        f"{kind.__module__}.{text_of(error)}",
        "this exception cannot be pickled or rebuilt, so its text stands for it.",
        "see the traceback in the failure; give the exception a __reduce__ to get it itself.",
    )
    stand_in.__notes__ = [str(note) for note in getattr(error, "__notes__", [])]
    return pickle.dumps(stand_in, PROTOCOL)


def load_error(data: bytes) -> BaseException:
    """The exception again; what cannot be rebuilt here is told by a `RemoteError`."""
    alone, cause, context, suppress = pickle.loads(data)
    try:
        error = loads(alone)
    except Exception as problem:  # noqa: BLE001  (rebuilt in the worker, but not here)
        error = RemoteError(f"an exception cannot be rebuilt: {type(problem).__name__}: {problem}")
    found: BaseException = error
    found.__cause__ = load_error(cause) if cause is not None else None
    found.__context__ = load_error(context) if context is not None else None
    found.__suppress_context__ = suppress
    return found


def encode(outcome: Outcome, kernel: Kernel) -> bytes:
    """An outcome as bytes; results that cannot be pickled become troubles of their items."""
    troubles = [_encode_trouble(trouble) for trouble in outcome.troubles]
    try:
        return dumps((outcome.ports, outcome.counts, troubles, outcome.expansions))
    except BaseException:  # noqa: BLE001  (found below, one by one, with the error of each)
        for port in range(len(outcome.ports)):
            _drop_unpicklable(outcome, port, kernel)
        troubles = [_encode_trouble(trouble) for trouble in outcome.troubles]
        return dumps((outcome.ports, outcome.counts, troubles, outcome.expansions))


def _drop_unpicklable(outcome: Outcome, port: int, kernel: Kernel) -> None:
    items, paths = outcome.ports[port]
    step = next(number for number, one in enumerate(kernel.steps) if ~port in one.branches)
    kept: list[tuple[Any, Any]] = []
    for item, path in zip(items, paths, strict=True):
        try:
            dumps(item)
            kept.append((item, path))
        except BaseException as error:  # noqa: BLE001  (whatever pickling raises fails the item)
            _refuse(outcome, step, path, item, error)
    outcome.ports[port] = ([item for item, _ in kept], [path for _, path in kept])


def _refuse(outcome: Outcome, step: int, path: Any, item: Any, error: BaseException) -> None:
    """The step did its work, but the result cannot leave: what was counted as through counts as failed instead."""
    problem = TransferError(
        f"a result cannot be pickled: {shorten(item)}: {type(error).__name__}: {error}",
        "a process gives its results back as bytes. The function did run.",
        "return something that can be pickled, such as a path or plain values, or use engine='thread'.",
    )
    problem.__cause__ = error
    count = outcome.counts[step] or StepCount()
    if count.members:  # an element of an expansion is one of many: it came in addition
        count = count._replace(received=count.received + 1, emitted=count.emitted - 1)
    else:
        count = count._replace(passed=count.passed - 1, emitted=count.emitted - 1)
    outcome.counts[step] = count
    outcome.troubles.append(Trouble(step, path, None, problem, describe(error)))


def _encode_trouble(trouble: Trouble) -> tuple[int, Any, bytes | None, bytes, str]:
    """The parent knows the items it sent; those made on the way go along, or their text if they cannot."""
    item = None
    if trouble.step or type(trouble.path) is not int:
        try:
            item = dumps(trouble.item)
        except BaseException:  # noqa: BLE001  (the failure is told all the same, with the item's text)
            item = dumps(shorten(trouble.item))
    return (trouble.step, trouble.path, item, dump_error(trouble.error), trouble.traceback)


def decode(data: bytes, items: Sequence[Any]) -> Outcome:
    """The outcome again. `items` are those of the chunk, which did not travel back."""
    ports, counts, troubles, expansions = loads(data)
    decoded = [_decode_trouble(items, *trouble) for trouble in troubles]
    outcome = Outcome(ports, counts, decoded, expansions)
    outcome.bytes_out = len(data)
    return outcome


def _decode_trouble(items: Sequence[Any], step: int, path: Any, item: bytes | None, error: bytes, text: str) -> Trouble:
    return Trouble(step, path, items[path] if item is None else loads(item), load_error(error), text)
