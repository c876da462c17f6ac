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

from skorche.engines.transfer import LEAST_BYTES, Aside, Complete, decode_found, dumps, encode_by
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
ITEM_SECONDS, COPY_SECONDS = 1e-6, 1e-9
"""What it takes at least to receive something sealed and pass it on; and, of pickling, for each byte, to copy it."""
MOST_TIMES = 2
"""What it may take to seal something, in time and in room, in terms of what it takes not to."""
SLICES_A_LOOK = 20
"""It is tried again after as many slices as have gone by, but at least so many for each time as much that it took."""
NEW_SHARE = 0.3
"""Of a cost that rises; what falls is believed at once, since nothing is quicker than it can be."""
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
    """What `pack_results` has made bytes of, so many."""

    items: list[Any]
    seconds: float
    cpu_seconds: float
    size: int


class Sealing:
    """Packs the results of a stage, in a worker. Those of the `ports` that lead to other workers only may be sealed.

    Each result is pickled once. One that comes alone is sealed. Several at once are where it pays: it saves work on the
    way, and takes not much more at both ends than in one pickle, where they share what they have in common, such as
    their class. That is found out by doing, ever less often, what does not pay.
    """

    def __init__(self, ports: Sequence[int] = ()) -> None:
        self._ports = tuple(ports)
        self._sealed, self._plain = _Cost(), _Cost()
        self._turn, self._looked = 0, 2

    def pack(self, ports: Sequence[tuple[list[Any], Any]], *told: Any) -> list[Piece]:
        """Items by port, with what is told of them besides."""
        count = sum([len(ports[port][0]) for port in self._ports])
        if not count:
            return pack((ports, *told, ()))
        if count == 1:
            return self._pack_sealed(ports, told)
        seals = self._choose()
        began = perf_counter()
        pieces = self._pack_sealed(ports, told) if seals else pack((ports, *told, ()))
        cost = self._sealed if seals else self._plain
        cost.learn((perf_counter() - began) / count, size_of(pieces) / count)
        return pieces

    def _choose(self) -> bool:
        """Whether to seal now: if that pays, but for a look at the other way now and then."""
        self._turn += 1
        sealed, plain = self._sealed, self._plain
        if plain.seconds - COPY_SECONDS * plain.size < ITEM_SECONDS:  # as it is while nothing is known
            return False
        times = max(sealed.seconds / plain.seconds, sealed.size / plain.size)
        pays = times <= MOST_TIMES
        if self._turn - self._looked < max(self._looked, times * SLICES_A_LOOK * (not pays)):
            return pays
        self._looked = self._turn
        return not pays

    def _pack_sealed(self, ports: Sequence[tuple[list[Any], Any]], told: Sequence[Any]) -> list[Piece]:
        passed_on = list(ports)
        for port in self._ports:
            items, paths = ports[port]
            passed_on[port] = ([_sealed_parts(item) for item in items], paths)
        return pack((passed_on, *told, self._ports))


class _Cost:
    """What a result takes to pack, on the average, in seconds and bytes."""

    def __init__(self) -> None:
        self.seconds = self.size = 0.0

    def learn(self, seconds: float, size: float) -> None:
        """Take a slice into account."""
        if not self.seconds:
            self.seconds, self.size = seconds, size
            return
        self.seconds += min(seconds - self.seconds, NEW_SHARE * self.seconds)
        self.size += NEW_SHARE * (size - self.size)


def _sealed_parts(item: Any) -> tuple[Any, ...]:
    """What a `Sealed` is made of."""
    aside = Aside()
    data = dumps(item, aside)
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
    found = unpack(data, take)
    ports, sealed = found[0], found[-1]
    for port in sealed:
        parts, paths = ports[port]
        ports[port] = list(starmap(Sealed, parts)), paths
    if len(found) == 4:  # of results it is told only how long they took
        return Results(ports[0][0], found[1], found[2], len(data))
    return decode_found(found[:-1], items, len(data))
