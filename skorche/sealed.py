"""`Sealed`: an item as bytes, on its way from one worker process to another, which nobody in between looks into."""

from __future__ import annotations

from pickle import PickleBuffer, loads
from typing import Any

Bytes = bytes | bytearray | memoryview


class Sealed:
    """Pickles as the item that is in it: who unpickles it has that. Large buffers lie beside its `data`.

    >>> from pickle import dumps, loads
    >>> one = Sealed(dumps("an item"))
    >>> one, loads(dumps([one, 2], 5))
    ('an item', ['an item', 2])
    """

    __slots__ = ("_buffers", "_data")

    def __init__(self, data: Bytes, *buffers: Bytes) -> None:
        self._data, self._buffers = data, buffers

    def open(self) -> Any:
        """What is in it; whatever its class raises where it cannot be rebuilt."""
        return loads(self._data, buffers=self._buffers)

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        """The item, in another process."""
        if self._buffers:
            return _opened_with, (_passed_on(self._data), *map(PickleBuffer, self._buffers))
        return loads, (_passed_on(self._data),)

    def __repr__(self) -> str:
        """That of the item, since users who read it know of nothing else."""
        try:
            item = self.open()
        except BaseException as error:  # noqa: BLE001  (whatever its class raises: this is only to name it)
            return f"<an item of {len(self._data)} bytes that cannot be rebuilt here: {type(error).__name__}>"
        return repr(item)


def opened(item: Any, depth: int = 0) -> Any:
    """An item as its task has it, which may be a batch of what is sealed, or at a depth one of batches.

    >>> from pickle import dumps
    >>> opened([Sealed(dumps(1)), 2], depth=1)
    [1, 2]

    Raises:
        Exception: whatever a class raises that cannot be rebuilt here.
    """
    if type(item) is Sealed:
        return item.open()
    if depth > 0 and type(item) is list:
        return [opened(one, depth - 1) for one in item]
    return item


def _opened_with(data: Bytes, *buffers: Bytes) -> Any:
    return loads(data, buffers=buffers)


def _passed_on(data: Bytes) -> Bytes | PickleBuffer:
    """So that it is not copied, if it is large."""
    return data if type(data) is bytes else PickleBuffer(data)
