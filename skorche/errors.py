"""Every error skorche raises. Each says what happened, why it cannot be, and how to mend it.

The tree:

    SkorcheError
    ├── GraphError          the pipeline as declared cannot run            (also a ValueError)
    │   └── SpecError       a spec (YAML or dict) has no meaning, or a pipeline has no spec
    ├── QueueClosed         `put` after `close`, or into a run that stopped
    ├── AlreadyRunning      a pipeline was started while it runs
    ├── SplitError          a predicate gave a value that has no branch    (fails the item)
    ├── BatchError          a key cannot be used, or a weight is no weight (fails the item)
    ├── PairingError        an item that came to a zip has no partner      (fails the item)
    ├── LengthError         the inputs of a zip with strict=True differ    (also a ValueError)
    ├── TaskError           a task raised what is not an `Exception`       (fails the item; a source's: the run)
    ├── TaskTimeout         an item took longer than its task's `timeout`  (fails the item, also a TimeoutError)
    ├── WorkerCrash         the process working on an item died            (fails the item)
    ├── TransferError       an item or a result cannot cross to a process  (fails the item)
    ├── RemoteError         stands for an exception that cannot leave its process
    ├── TooManyFailures     `max_failures` was exceeded
    ├── StallError          nothing came back for `stall_timeout` seconds (with on_stall="raise")
    ├── RunCancelled        the run was cancelled before it ended
    ├── StoreError          the folder of a store cannot be used
    ├── EngineError         an engine cannot work at all, or has no memory left
    │   └── WorkerStartError   its workers die before they take an item
    └── InternalError       skorche broke a promise: please report it
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from skorche.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

LONGEST_REPR = 200


def shorten(value: object, longest: int = LONGEST_REPR) -> str:
    """The `repr` of a value, cut in the middle when long; never raises, since it is used to tell of errors.

    >>> shorten("abc")
    "'abc'"
    >>> len(shorten("x" * 10_000))
    200
    """
    if type(value) in (str, bytes, bytearray) and len(value) > 2 * longest:  # type: ignore[arg-type]  # it has a length
        value = value[:longest] + value[-longest:]  # type: ignore[index]  # what is between would be cut out again
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  # a broken __repr__ must not hide the error that is being told
        text = f"<{type(value).__name__} whose repr() raised {type(error).__name__}>"
    if len(text) <= longest:
        return text
    half = (longest - 3) // 2
    return text[: longest - 3 - half] + "..." + text[-half:]


def glance(value: object, longest: int) -> str:
    """As `shorten`, for threads that must not be kept: it looks into a large value only so far.

    >>> glance(list(range(1_000_000)), 40)
    '[0, 1, 2, 3, 4, 5, ...]'
    """
    from reprlib import Repr

    looker = Repr()
    looker.maxstring = looker.maxother = looker.maxlong = longest
    looker.repr_bytes = looker.repr_bytearray = looker.repr_str  # type: ignore[attr-defined]  # else all of it is told
    try:
        return looker.repr(value)
    except Exception as error:  # noqa: BLE001  # as above
        return f"<{type(value).__name__} whose repr() raised {type(error).__name__}>"


def text_of(error: BaseException) -> str:
    """The type and the text of an exception; never raises.

    >>> text_of(ValueError("too small"))
    'ValueError: too small'
    """
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except Exception as problem:  # noqa: BLE001  # a broken __str__ must not hide the error that is being told
        return f"{name}: <{name} whose str() raised {type(problem).__name__}>"


def nearest(name: object, known: Iterable[object]) -> str:
    """'Did you mean ...? ' when a known name is close, else an empty text.

    >>> nearest("audoi", ["img", "audio"])
    "Did you mean 'audio'? "
    """
    from difflib import get_close_matches  # only errors need it

    texts = {_plain(one): one for one in known}
    close = get_close_matches(_plain(name), texts, n=1)
    return f"Did you mean {texts[close[0]]!r}? " if close else ""


def _plain(name: object) -> str:
    return name[:LONGEST_REPR] if isinstance(name, str) else shorten(name)


HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Location(NamedTuple):
    """A file and a line of the user's program."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @classmethod
    def of_caller(cls) -> Location:
        """Where skorche was called from: the nearest frame outside of the package, or a line of what is being read.

        `Queue[int]()` is called by `typing`, for who wrote it.
        """
        if (read := _READ.get()) is not None:
            return read
        frame = sys._getframe(1)
        while frame.f_back is not None and (
            frame.f_code.co_filename.startswith(HERE) or frame.f_globals.get("__name__") == "typing"
        ):
            frame = frame.f_back
        return cls(frame.f_code.co_filename, frame.f_lineno)


_READ: ContextVar[Location | None] = ContextVar("skorche_read", default=None)


@contextmanager
def declared_at(location: Location | None) -> Iterator[None]:
    """What is declared in the block was written there, and not where skorche was called from. None changes nothing."""
    token = _READ.set(location or _READ.get())
    try:
        yield
    finally:
        _READ.reset(token)


OTHERWISE = "Otherwise "


class SkorcheError(Exception):
    """The root of the tree. `what`, `why` and `mend` are the parts of its text."""

    def __init__(self, what: str, why: str = "", mend: str = "") -> None:
        if mend.startswith(OTHERWISE):  # there is no name that is near, after which it would go on
            mend = mend.removeprefix(OTHERWISE)
            mend = mend[:1].upper() + mend[1:]
        self.what, self.why, self.mend = what, why, mend
        super().__init__(what, why, mend)

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  Why:  {self.why}")
        if self.mend:
            lines.append(f"  Mend: {self.mend}")
        return "\n".join(lines)


class GraphError(SkorcheError, ValueError):
    """The pipeline as declared cannot run. `findings` holds all that was found, this error included."""

    def __init__(self, what: str, why: str = "", mend: str = "", findings: Sequence[GraphError] = ()) -> None:
        super().__init__(what, why, mend)
        self.findings: tuple[GraphError, ...] = tuple(findings) or (self,)

    @classmethod
    def of(cls, findings: Sequence[GraphError]) -> GraphError:
        """One error that tells of all findings at once."""
        if len(findings) == 1:
            return findings[0]
        parts = "\n".join(f"{number}. {finding}" for number, finding in enumerate(findings, 1))
        return cls(f"{len(findings)} things keep this pipeline from running:\n{parts}", findings=findings)


class SpecError(GraphError):
    """What was read as a spec has no meaning, or a pipeline cannot be written as one. `findings` holds all of it."""


class QueueClosed(SkorcheError):
    """An item was put into a queue that takes no more."""


class AlreadyRunning(SkorcheError):
    """`run()` was called on a pipeline whose run has not ended."""


class SplitError(SkorcheError):
    """A split's predicate gave a value that none of its branches carries."""

    def __init__(self, node: str, value: object, allowed: Sequence[object]) -> None:
        self.node, self.value, self.allowed = node, value, tuple(allowed)
        branches = ", ".join(map(shorten, self.allowed))
        super().__init__(
            f"{node} met {shorten(value)}.",
            f"its branches are {branches}, so this item has nowhere to go.",
            f"{nearest(value, self.allowed)}Otherwise add {shorten(value)} to predicate_values.",
        )

    def __reduce__(self) -> tuple[type[SplitError], tuple[object, ...]]:
        return type(self), (self.node, self.value, self.allowed)


class BatchError(SkorcheError):
    """A batch's `key` gave what cannot be looked up, or its `weight` what is no number from 0 up."""


class PairingError(SkorcheError):
    """An item that came to a `zip` can have no partners."""


class LengthError(SkorcheError, ValueError):
    """The inputs of a `zip` with `strict=True` have different lengths."""


class TaskError(SkorcheError):
    """A task or source raised what is no `Exception`, such as `SystemExit`, or ends iterations; that is the cause."""


class TaskTimeout(SkorcheError, TimeoutError):
    """An item took longer than the `timeout` of its task, in seconds."""


class WorkerCrash(SkorcheError):
    """The process that worked on an item died. `exit_code` is negative for a signal, as in `subprocess`."""

    def __init__(self, what: str, why: str = "", mend: str = "", exit_code: int | None = None) -> None:
        super().__init__(what, why, mend)
        self.exit_code = exit_code


class TransferError(SkorcheError):
    """An item or a result cannot be pickled or unpickled, so it cannot go to a process or come back."""


class RemoteError(SkorcheError):
    """Stands for an exception that cannot be pickled or rebuilt; its type, text and traceback are in the message."""


class TooManyFailures(SkorcheError):
    """More items failed than `max_failures` allows. The cause is the last failure's error."""


class RunCancelled(SkorcheError):
    """The run was cancelled before all items had ended. `by_signal`: by Ctrl-C or SIGTERM, not by the program."""

    by_signal = False


class StallError(SkorcheError):
    """Nothing came back for `stall_timeout` seconds. `diagnosis` tells what the run waited for, and where that was."""

    def __init__(self, what: str, why: str = "", mend: str = "", diagnosis: str = "") -> None:
        super().__init__(what, why, mend)
        self.diagnosis = diagnosis


class StoreError(SkorcheError):
    """The folder given as a store cannot be made, is not the user's own, or leads elsewhere."""


class EngineError(SkorcheError):
    """An engine cannot work at all, whatever the item; or memory ran out in a part of skorche."""


class WorkerStartError(EngineError):
    """The engine's workers die, or cannot load a task, before they take their first item."""


class InternalError(SkorcheError):
    """skorche broke a promise of its own. Nobody should ever see this: please report it with its text."""

    def __init__(self, what: str, why: str = "", mend: str = "This is a bug in skorche: please report it.") -> None:
        super().__init__(what, why, mend)


def trimmed(error: BaseException) -> BaseException:
    """The error with its traceback starting in the user's code, not in ours."""
    traceback = _traceback_of(error)
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(HERE):
        traceback = traceback.tb_next
    return BaseException.with_traceback(error, traceback)


def _traceback_of(error: BaseException) -> TracebackType | None:
    """Its traceback, whatever its class does to attributes."""
    traceback: TracebackType | None = BaseException.__dict__["__traceback__"].__get__(error)
    return traceback


def drop_traceback(error: BaseException) -> None:
    """Let go of its frames, and of all they hold."""
    BaseException.with_traceback(error, None)


def add_note(error: BaseException, note: str) -> None:
    """As its method does, whatever its class does to attributes; one may be frozen."""
    notes = getattr(error, "__notes__", None)
    if not isinstance(notes, list):  # there are none, or its class has other plans with the name
        notes = [] if notes is None else [str(notes)]
        BaseException.__setattr__(error, "__notes__", notes)
    notes.append(note)


def describe(error: BaseException) -> str:
    """The traceback's text, as Python would print it; never raises."""
    from traceback import format_exception, format_tb  # 8 ms to import: only failures need it

    try:
        return "".join(format_exception(error)).rstrip()
    except Exception:  # noqa: BLE001  (its class has a __bool__ that raises, say: Python could not print it either)
        return "".join(["Traceback (most recent call last):\n", *format_tb(_traceback_of(error)), text_of(error)])


def blamed_on(who: str, error: BaseException, known: type[SkorcheError] = SkorcheError) -> BaseException:
    """The error, if it is `known` to end a run; else it is a fault of ours, and of this part of it.

    Where memory has run out it is nobody's.

    >>> print(blamed_on("the hub", ValueError("too small")).what)
    the hub failed with ValueError: too small
    >>> print(blamed_on("the hub", MemoryError()).what)
    memory ran out in the hub.
    """
    if isinstance(error, known):
        return error
    fault: SkorcheError
    if isinstance(error, MemoryError):
        fault = EngineError(
            f"memory ran out in {who}.",
            "this program may have no more of it, and items, or results that nobody has taken, fill what it has.",
            "take results while the run goes on: iterate over the queue, and give it a maxsize=.",
        )
    else:
        fault = InternalError(f"{who} failed with {text_of(error)}")
    fault.__cause__ = error
    return fault


def ordinary(error: BaseException) -> Exception:
    """What a task has raised, as it may go on: the error itself, or a `TaskError` in its place.

    In place of one that would end a program or an iteration, and of one that cannot even be asked for its notes.
    """
    try:
        getattr(error, "__notes__", None), error.__traceback__, error.__cause__, error.__context__
    except Exception as problem:  # noqa: BLE001  (whatever its class does: the item fails, and nothing else)
        return TaskError(
            f"a task raised {text_of(error)}",
            f"it stands for an exception that cannot be asked for what it carries: {text_of(problem)}",
            "see what its class does to attributes.",
        )
    if isinstance(error, Exception) and not isinstance(error, (StopIteration, StopAsyncIteration)):
        return error
    wrapped = TaskError(
        f"a task raised {shorten(error)}.",
        "it is no ordinary exception, and must neither end the program nor an iteration.",
        "raise an ordinary exception to fail an item; to leave one out, use filter.",
    )
    wrapped.__cause__ = error
    return wrapped
