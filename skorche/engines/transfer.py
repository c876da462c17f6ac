"""How objects become bytes on their way to another process, and what to do with those that cannot.

Everything of the user's is pickled and unpickled inside a `try` here, so that an object can only fail its own item.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from functools import partial
from types import GeneratorType
from typing import TYPE_CHECKING, Any, TypeVar

from skorche.errors import GraphError, RemoteError, TransferError, describe, shorten, text_of
from skorche.expansion import Part
from skorche.kernel import Kernel, Outcome, StepCount, Trouble
from skorche.named import NamedTuple

if TYPE_CHECKING:
    from skorche.compile.plan import StagePlan  # which a worker, that needs this module, does without

D = TypeVar("D")

PROTOCOL = 5
GENERATORS = "give the task to skorche.flat_map, which makes items of what its generator gives."
set_attribute = BaseException.__setattr__
"""Whatever the class of an exception does to attributes; one may be frozen."""
LEAST_BYTES = 1 << 16
"""A smaller buffer travels in the pickle: two pieces more to write cost as much as to copy it."""
MOST_LINKED = 100
"""Exceptions that one may bring along."""


class Aside:
    """Takes large `buffers`, such as the memory of arrays, that are to travel beside a pickle and not in it."""

    def __init__(self) -> None:
        self.buffers: list[memoryview] = []

    def leaves(self, buffer: pickle.PickleBuffer) -> bool:
        """Whether this one stays in the pickle: pickle asks of each."""
        try:
            raw = buffer.raw()
        except BufferError:  # it is not in one piece
            return True
        if raw.nbytes < LEAST_BYTES:
            return True
        self.buffers.append(raw)
        return False


def dumps(value: Any, aside: Aside | None = None) -> bytes:
    """Pickle; with cloudpickle what pickle cannot find in the other process, or would find only in this `__main__`."""
    leaves = None if aside is None else aside.leaves
    data = _dump_by_name(value, leaves)
    if data is not None:
        return data
    import cloudpickle  # 15 ms to import: only what pickle cannot do needs it

    if aside is not None:
        aside.buffers.clear()
    return bytes(cloudpickle.dumps(value, PROTOCOL, buffer_callback=leaves))


def _dump_by_name(value: Any, leaves: Callable[[pickle.PickleBuffer], bool] | None = None) -> bytes | None:
    """Pickle; None for what it cannot find in the other process, or would find only in this `__main__`."""
    try:
        data = pickle.dumps(value, PROTOCOL, buffer_callback=leaves)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None  # cloudpickle may manage what pickle cannot; if not, its error is raised
    return None if b"__main__" in data else data


loads = pickle.loads


def dump_kernel(stage: StagePlan) -> bytes:
    """The kernel of a stage as bytes.

    Raises:
        GraphError: it cannot be pickled.
    """
    try:
        return _dump_by_name(stage.kernel) or _dump_by_value(stage.kernel)
    except Exception as error:
        name = stage.edge.rpartition(" into ")[2]
        raise GraphError(
            f"task {name!r} cannot travel to another process: {text_of(error)}",
            "the function, or something it refers to, cannot be pickled.",
            "make it a function of a module, open files and locks inside it, or use engine='thread'.",
        ) from error


def _dump_by_value(kernel: Kernel) -> bytes:
    from skorche.by_value import dump_by_value  # only functions of `__main__` need it

    try:
        return dump_by_value(kernel, PROTOCOL)
    except Exception:  # noqa: BLE001  (whatever it is, it may be no matter for cloudpickle; if not, that raises)
        return dumps(kernel)


Dump = Callable[[Any], bytes]


def dump_error(error: BaseException, dump: Dump = dumps) -> bytes:
    """An exception as bytes that can be loaded for sure, with its notes, its causes and, of a group, its members."""
    links = _Links()
    links.number(error)
    told: list[Any] = []
    for one in links.found:  # which grows meanwhile
        data, whole = _dump_alone(one, dump)
        members = one.exceptions if whole and isinstance(one, BaseExceptionGroup) else ()
        linked = [links.number(other) for other in (one.__cause__, one.__context__, *members)]
        told.append((data, tuple(_Account.of(one)), *linked[:2], one.__suppress_context__, linked[2:]))
    return pickle.dumps(told, PROTOCOL)


class _Account(NamedTuple):
    """An exception in words, for when it cannot be had."""

    text: str
    notes: list[str]

    @classmethod
    def of(cls, error: BaseException) -> _Account:
        notes = getattr(error, "__notes__", ())
        texts = [note if isinstance(note, str) else shorten(note) for note in notes] if isinstance(notes, list) else []
        return cls(f"{type(error).__module__}.{text_of(error)}", texts)

    def stand_in(self, why: str) -> RemoteError:
        """What stands in its place."""
        error = RemoteError(
            self.text, why, "see the traceback in the failure; give the exception a __reduce__ to get it itself."
        )
        for note in self.notes:
            error.add_note(note)
        return error


class _Links:
    """The exceptions reached from one, numbered: any may be reached in several ways, and in circles."""

    def __init__(self) -> None:
        self.found: list[BaseException] = []
        self._numbers: dict[int, int] = {}

    def number(self, error: BaseException | None) -> int | None:
        """The number of an exception; None for none, and for one too far off."""
        if error is None:
            return None
        number = self._numbers.get(id(error))
        if number is None and len(self.found) < MOST_LINKED:
            number = self._numbers[id(error)] = len(self.found)
            self.found.append(error)
        return number


class _Call:
    """Pickles as a call, whose result stands in its place when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


def _dump_alone(error: BaseException, dump: Dump) -> tuple[bytes, bool]:
    """An exception without what it is linked with; and whether it is the exception itself, not a stand-in."""
    spare: bytes | None = None
    group = isinstance(error, BaseExceptionGroup)
    parts = partial(_dump_parts, dump=dump)
    for way in (parts, dump) if group else (dump, parts):
        try:
            data = way(error)
            copy = loads(data)
            alike = text_of(copy) == text_of(error)
        except BaseException:  # noqa: BLE001  (the error is told all the same, another way)
            continue
        if type(copy) is type(error):
            if alike:
                return data, True
            spare = spare or data  # a text may hold an address, and differ for that
    return (spare, True) if spare is not None else (_dump_text(error), False)


def _dump_parts(error: BaseException, dump: Dump) -> bytes:
    """For an exception whose constructor wants other arguments than it passes on: rebuilt without calling it."""
    base = _built_in(type(error))
    reduced: Any = base.__reduce__(error)  # type, arguments and, if there is any, state
    arguments = reduced[1]
    if isinstance(error, BaseExceptionGroup):
        arguments = (error.message, [_Call(loads, _dump_alone(member, dump)[0]) for member in error.exceptions])
    return dump(_Call(_rebuild, type(error), arguments, *reduced[2:]))


def _rebuild(
    kind: type[BaseException], arguments: tuple[Any, ...], state: dict[str, Any] | None = None
) -> BaseException:
    base = _built_in(kind)
    error: BaseException = base.__new__(kind, *arguments)
    base.__init__(error, *arguments)
    if kind.__setstate__ is BaseException.__setstate__:
        for name, value in (state or {}).items():
            set_attribute(error, name, value)
    else:
        error.__setstate__(state)
    return error


def _built_in(kind: type[BaseException]) -> type[BaseException]:
    return next(one for one in kind.__mro__ if one.__module__ == "builtins")


def _dump_text(error: BaseException) -> bytes:
    stand_in = _Account.of(error).stand_in("this exception cannot be pickled or rebuilt, so its text stands for it.")
    return pickle.dumps(stand_in, PROTOCOL)


def load_error(data: bytes) -> BaseException:
    """The exception again; what cannot be rebuilt here is told by a `RemoteError`."""
    told = pickle.loads(data)
    errors = [_load_alone(data, _Account(*account)) for data, account, *_ in told]
    for group, (*_, members) in zip(errors, told, strict=True):
        for number, member in zip(members, getattr(group, "exceptions", ()), strict=False):
            if number is not None:
                errors[number] = member
    for error, (_, _, cause, context, suppress, _) in zip(errors, told, strict=True):
        set_attribute(error, "__cause__", None if cause is None else errors[cause])
        set_attribute(error, "__context__", None if context is None else errors[context])
        set_attribute(error, "__suppress_context__", suppress)
    return errors[0]


def _load_alone(data: bytes, account: _Account) -> BaseException:
    try:
        error: BaseException = loads(data)
    except BaseException as problem:  # noqa: BLE001  (rebuilt in the worker, but not here)
        error = account.stand_in(
            f"this exception could not be rebuilt here, so its text stands for it: {text_of(problem)}"
        )
    return error


Complete = Callable[[Sequence[Trouble]], Sequence[Trouble]]
"""Adds to troubles what is known of them besides."""


def encode(outcome: Outcome, kernel: Kernel) -> bytes:
    """An outcome as bytes; results that cannot be pickled become troubles of their items."""
    return encode_by(dumps, outcome, kernel)


def encode_by(dump: Callable[[Any], D], outcome: Outcome, kernel: Kernel, complete: Complete | None = None) -> D:
    """The same, pickled by `dump`."""
    try:
        return dump(_plain_outcome(outcome, complete))
    except BaseException:  # noqa: BLE001  (found below, one by one, with the error of each)
        for port in range(len(outcome.ports)):
            _drop_unpicklable(outcome, port, kernel)
        return dump(_plain_outcome(outcome, complete))


def _plain_outcome(outcome: Outcome, complete: Complete | None) -> tuple[Any, ...]:
    found = outcome.troubles if complete is None else complete(outcome.troubles)
    troubles = [_encode_trouble(trouble) for trouble in found]
    plain, parts = _plain(outcome.counts), [tuple(part) for part in outcome.parts]
    return outcome.ports, plain, troubles, outcome.expansions, outcome.dropped, parts


def largest_result(outcome: Outcome) -> int:
    """How many bytes the largest of the results takes, all of which can be pickled."""
    return max([largest(items) for items, _ in outcome.ports], default=0)


def largest(results: Sequence[Any]) -> int:
    """The same of these results."""
    return max([len(dumps(result)) for result in results], default=0)


def _plain(counts: Sequence[StepCount | None]) -> list[tuple[float, ...] | None]:
    """Counts without their class, which would have to be looked up at the other side each time."""
    return [count and tuple(count) for count in counts]


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
        f"a result cannot be pickled: {shorten(item)}: {text_of(error)}",
        "a process gives its results back as bytes. The function did run.",
        GENERATORS
        if isinstance(item, GeneratorType)
        else "return something that can be pickled, such as a path or plain values, or use engine='thread'.",
    )
    problem.__cause__ = error
    count = outcome.counts[step] or StepCount()
    if count.members:  # an element of an expansion is one of many: it is one more to account for
        count = count._replace(divided=count.divided + 1, emitted=count.emitted - 1)
    else:
        count = count._replace(passed=count.passed - 1, emitted=count.emitted - 1)
    outcome.counts[step] = count
    outcome.troubles.append(Trouble(step, path, item, problem, describe(error)))


def _encode_trouble(trouble: Trouble) -> tuple[int, Any, bytes | None, bytes, str, str, bool]:
    """The parent knows the items it sent; those made on the way go along, or their text if they cannot."""
    item, as_text = None, trouble.as_text
    if trouble.step or type(trouble.path) is not int:
        try:
            item = dumps(trouble.item)
        except BaseException:  # noqa: BLE001  (the failure is told all the same, with the item's text)
            item, as_text = dumps(shorten(trouble.item)), True
    return (trouble.step, trouble.path, item, dump_error(trouble.error), trouble.traceback, trouble.output, as_text)


def decode(data: bytes, items: Sequence[Any]) -> Outcome:
    """The outcome again. `items` are those of the chunk, which did not travel back."""
    return decode_found(loads(data), items, len(data))


def decode_found(found: Sequence[Any], items: Sequence[Any], size: int) -> Outcome:
    """The same of what was made bytes of, which were so many."""
    ports, plain, troubles, expansions, dropped, parts = found
    counts = [count and StepCount._make(count) for count in plain]
    decoded = [_decode_trouble(items, *trouble) for trouble in troubles]
    outcome = Outcome(ports, counts, decoded, expansions, dropped, list(map(Part._make, parts)))
    outcome.bytes_out = size
    return outcome


def _decode_trouble(
    items: Sequence[Any], step: int, path: Any, item: bytes | None, error: bytes, text: str, output: str, as_text: bool
) -> Trouble:
    return Trouble(step, path, items[path] if item is None else loads(item), load_error(error), text, output, as_text)
