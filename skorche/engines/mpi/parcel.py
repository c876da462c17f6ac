"""How the end of a run travels from the rank that led it to the others.

They run the same script, so what stands in its `__main__` is found there by its name: a class of the script stays that
class, and `except MyError` catches what another rank raised. Only what has no name goes by value.
"""

from __future__ import annotations

import pickle
from typing import Any

from skorche.engines.transfer import PROTOCOL, dump_error, dumps, load_error, loads
from skorche.errors import TransferError, shorten, text_of
from skorche.events import Failure, RunFinished
from skorche.runtime.served import Ending, Results


def dump_named(value: Any) -> bytes:
    """Pickle, by name as far as there are names."""
    try:
        return pickle.dumps(value, PROTOCOL)
    except Exception:  # noqa: BLE001  (cloudpickle may manage; if not, its error is raised)
        return dumps(value)


def pack(ending: Ending) -> bytes:
    """The end of a run as bytes. Results of a queue that cannot be pickled go as the error that says so."""
    record = ending.record
    counts = [tally._replace(closed=dict(tally.closed)) for tally in record.nodes.values()]
    nodes = dict(zip(record.nodes, counts, strict=True))
    plain = record._replace(nodes=nodes, failures=(), error=None)
    failures = [_pack_failure(failure) for failure in record.failures]
    results = [_pack_results(kept) for kept in ending.results]
    return pickle.dumps((tuple(plain), failures, pack_error(record.error), results), PROTOCOL)


def unpack(data: bytes | bytearray) -> Ending:
    """The end of a run again."""
    plain, failures, error, results = loads(data)
    record = RunFinished._make(plain)
    record = record._replace(
        failures=tuple(_unpack_failure(*failure) for failure in failures),
        error=None if error is None else load_error(error),
    )
    return Ending(record, [_unpack_results(*kept) for kept in results])


def pack_error(error: BaseException | None) -> bytes | None:
    """An error as bytes, with its causes."""
    return None if error is None else dump_error(error, dump_named)


def _pack_failure(failure: Failure) -> tuple[Any, ...]:
    try:
        item = dump_named(failure.item)
    except Exception:  # noqa: BLE001  (the failure is told all the same, with the item's text)
        item = dump_named(shorten(failure.item))
    error = dump_error(failure.error, dump_named)
    return failure.node, item, error, failure.traceback, failure.attempts, failure.output


def _unpack_failure(node: str, item: bytes, error: bytes, *rest: Any) -> Failure:
    return Failure(node, loads(item), load_error(error), *rest)


def _pack_results(kept: Results) -> tuple[bytes | None, bytes | None]:
    """What was kept, or the error in its place."""
    if isinstance(kept, BaseException):
        return None, pack_error(kept)
    try:
        return dump_named(kept), None
    except Exception as error:  # noqa: BLE001  (whatever pickling raises)
        return None, pack_error(_unsendable(error))


def _unpack_results(data: bytes | None, error: bytes | None) -> Results:
    if error is not None:
        return load_error(error)
    assert data is not None
    try:
        results: list[Any] = loads(data)
    except Exception as problem:  # noqa: BLE001  (whatever unpickling raises)
        return _unsendable(problem)
    return results


def _unsendable(cause: BaseException) -> TransferError:
    problem = TransferError(
        f"the results of a queue did not reach this rank: {text_of(cause)}",
        "rank 0 sends them to the others as bytes.",
        "read the queue on rank 0 only, or have tasks return what can be pickled.",
    )
    problem.__cause__ = cause
    return problem
