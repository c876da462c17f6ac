"""Objects on their way through a pipe: pickled, with large buffers beside the pickle, so that nobody copies them.

    in band        the pickle
    out of band    MARK  count  size of the pickle  sizes of the buffers │ the pickle │ buffers, each on a round address

Arrays give their memory away as buffers where the pickle protocol allows it ("Pickle protocol 5 with out-of-band data",
PEP 574). What is packed is a list of pieces, written one after the other; what is read is one piece of memory,
in which a lone buffer stays: an array that comes of it has that memory to itself, and may be written to. Large memory
is used again when nobody has it any more (`buffers`).
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from typing import Any, Protocol

from skorche.engines.transfer import Aside, Complete, decode_found, dumps, encode_by
from skorche.kernel import Kernel, Outcome, StepCount
from skorche.named import NamedTuple

Piece = bytes | memoryview


class Take(Protocol):
    """Gives memory of a size, with whatever was in it; `exact` if there may be no more of it behind."""

    def __call__(self, size: int, /, *, exact: bool = False) -> memoryview: ...


MARK = 0
"""No pickle begins with it."""
TAKEN_BYTES = 1 << 18
"""From this size on it is worth while to use memory again."""
ROUND = 16
"""What is read stands on such addresses, as `malloc` gives them: arrays that do not are slow."""
_HEAD = struct.Struct("<QQ")


def pack(value: Any) -> list[Piece]:
    """Pickle; with cloudpickle what pickle cannot find in the other process, or would find only in this `__main__`.

    >>> pack([1, 2]) == [dumps([1, 2])], unpack(b"".join(pack("some text")))
    (True, 'some text')
    """
    aside = Aside()
    data = dumps(value, aside)
    return _with_buffers(data, aside.buffers) if aside.buffers else [data]


def _with_buffers(data: bytes, buffers: Sequence[memoryview]) -> list[Piece]:
    sizes = [len(buffer) for buffer in buffers]
    head = bytes([MARK]).ljust(8, b"\0") + _HEAD.pack(len(sizes), len(data)) + struct.pack(f"<{len(sizes)}Q", *sizes)
    parts: list[Piece] = [head + data]
    length = len(head) + len(data)
    for buffer in buffers:
        gap = -length % ROUND
        parts += [bytes(gap), buffer] if gap else [buffer]
        length += gap + len(buffer)
    return parts


def unpack(data: bytes | bytearray | memoryview, take: Take | None = None) -> Any:
    """What was packed. `data` is kept where a lone large buffer stands in it, and must be writable then.

    Of several each gets memory of its own, since who keeps one must not keep all of them: if it is large, by `take`.
    """
    view = memoryview(data)
    if not is_marked(view):
        return pickle.loads(view)
    count, size = _HEAD.unpack_from(view, 8)
    start = 8 + _HEAD.size
    sizes = struct.unpack_from(f"<{count}Q", view, start)
    start += 8 * count
    pickled, start = view[start : start + size], start + size
    buffers: list[memoryview | bytearray] = []
    for size in sizes:
        start += -start % ROUND
        one = view[start : start + size]
        buffers.append(one if count == 1 else _copied(one, take))
        start += size
    return pickle.loads(pickled, buffers=buffers)


def _copied(buffer: memoryview, take: Take | None) -> memoryview | bytearray:
    if take is None or len(buffer) < TAKEN_BYTES:
        return bytearray(buffer)
    copy = take(len(buffer), exact=True)  # classes may look at all of what they are rebuilt from
    copy[:] = buffer
    return copy


def is_marked(data: bytes | bytearray | memoryview) -> bool:
    """Whether there are buffers beside the pickle."""
    return len(data) > 0 and data[0] == MARK


def size_of(parts: Sequence[Piece]) -> int:
    """How many bytes there are in all."""
    return sum(map(len, parts))


def padded(parts: list[Piece]) -> list[Piece]:
    """The same with so many bytes behind it, which nobody reads, that what follows stands on a round address."""
    gap = -size_of(parts) % ROUND
    return [*parts, bytes(gap)] if gap else parts


# -- what comes back -------------------------------------------------------------------------------------------------


class Results(NamedTuple):
    """What `pack_results` has made bytes of."""

    items: list[Any]
    seconds: float
    cpu_seconds: float


def pack_outcome(outcome: Outcome, kernel: Kernel, complete: Complete | None = None) -> list[Piece]:
    """An outcome; see `transfer.encode`."""
    return encode_by(pack, outcome, kernel, complete)


def pack_results(results: list[Any], kernel: Kernel, indices: Sequence[int], seconds: float, cpu: float) -> list[Piece]:
    """The same for items of which each has given one result, by the only step: shorter, and quicker at both ends."""
    try:
        return pack((results, seconds, cpu))
    except BaseException:  # noqa: BLE001  (found below, one by one, with the error of each)
        count = len(results)
        counted = StepCount(count, count, count, seconds=seconds, cpu_seconds=cpu)
        return pack_outcome(Outcome([(results, indices)], [counted], [], [], []), kernel)


def unpack_outcome(
    data: bytes | bytearray | memoryview, items: Sequence[Any], take: Take | None = None
) -> Outcome | Results:
    """The outcome again, or the results. `items` are those of the chunk, which did not travel back."""
    found = unpack(data, take)
    return Results._make(found) if len(found) == len(Results._fields) else decode_found(found, items, len(data))
