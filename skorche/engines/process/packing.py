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
from itertools import starmap
from time import perf_counter
from typing import Any, Protocol

from skorche.engines.transfer import LEAST_BYTES, Aside, Complete, decode_found, dump_by_name, dumps, encode_by
from skorche.kernel import Kernel, Outcome, StepCount
from skorche.named import NamedTuple
from skorche.sealed import Sealed

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
MESSAGE_SECONDS, ITEM_SECONDS = 1e-5, 1e-6
"""To pick them apart and pickle them again takes about as long for items that take longer than that to pickle once."""
MOST_ROOM, GROWN = 2, 2
"""How many times as much room results may take up sealed, which is found out again when there are more at once."""
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


class Sealing:
    """Packs the results of a stage, in a worker. Those of the `ports` that lead to other workers only may be sealed.

    They are if pickling takes long, since who passes them on then need not do it twice. They are not if they take up
    much more room one by one, since they have much in common; nor if their classes have to travel with them.
    """

    def __init__(self, ports: Sequence[int] = ()) -> None:
        self._ports = tuple(ports)
        self._seals, self._compared = False, 0

    def pack(self, ports: Sequence[tuple[list[Any], Any]], *told: Any) -> list[Piece]:
        """Items by port, with what is told of them besides."""
        count = sum([len(ports[port][0]) for port in self._ports])
        if not count:
            return pack((ports, *told, ()))
        began, plain = perf_counter(), None
        if not self._seals or count > GROWN * self._compared:
            plain = pack((ports, *told, ()))
            self._seals = _is_slow(began, count)
            if not self._seals or count <= GROWN * self._compared:
                return plain
            began, self._compared = perf_counter(), count
        sealed = self._pack_sealed(ports, told)
        if sealed is None or (plain is not None and size_of(sealed) > MOST_ROOM * size_of(plain)):
            self._ports = ()
            return plain or self.pack(ports, *told)
        self._seals = _is_slow(began, count)
        return sealed

    def _pack_sealed(self, ports: Sequence[tuple[list[Any], Any]], told: Sequence[Any]) -> list[Piece] | None:
        passed_on = list(ports)
        for port in self._ports:
            items, paths = ports[port]
            parts = [_sealed_parts(item) for item in items]
            if None in parts:
                return None
            passed_on[port] = (parts, paths)
        return pack((passed_on, *told, self._ports))


def _is_slow(began: float, count: int) -> bool:
    """Whether so many items took long to pack."""
    return perf_counter() - began > MESSAGE_SECONDS + count * ITEM_SECONDS


def _sealed_parts(item: Any) -> tuple[Any, ...] | None:
    """What a `Sealed` is made of; None for an item that takes its class with it. Raises what pickling raises."""
    aside = Aside()
    data = dump_by_name(item, aside.leaves)
    if data is None:
        dumps(item)
        return None
    return pickle.PickleBuffer(data) if len(data) >= LEAST_BYTES else data, *map(pickle.PickleBuffer, aside.buffers)


def pack_outcome(
    outcome: Outcome, kernel: Kernel, complete: Complete | None = None, sealing: Sealing | None = None
) -> list[Piece]:
    """An outcome; see `transfer.encode`."""
    pack_with = (sealing or Sealing()).pack
    return encode_by(lambda made: pack_with(*made), outcome, kernel, complete)


def pack_results(
    results: list[Any], kernel: Kernel, indices: Sequence[int], seconds: float, cpu: float, sealing: Sealing
) -> list[Piece]:
    """The same for items of which each has given one result, by the only step: shorter, and quicker at both ends."""
    try:
        return sealing.pack([(results, ())], seconds, cpu)
    except BaseException:  # noqa: BLE001  (found below, one by one, with the error of each)
        count = len(results)
        counted = StepCount(count, count, count, seconds=seconds, cpu_seconds=cpu)
        return pack_outcome(Outcome([(results, indices)], [counted], [], [], []), kernel, None, sealing)


def unpack_outcome(
    data: bytes | bytearray | memoryview, items: Sequence[Any], take: Take | None = None
) -> Outcome | Results:
    """The outcome again, or the results. `items` are those of the chunk, which did not travel back."""
    ports, *told, sealed = unpack(data, take)
    for port in sealed:
        parts, paths = ports[port]
        ports[port] = list(starmap(Sealed, parts)), paths
    if len(told) == 2:
        return Results(ports[0][0], *told)
    return decode_found([ports, *told], items, len(data))
