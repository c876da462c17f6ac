"""What tasks say, kept by item until it is known whether that fails: for `capture="item"`.

    worker: prints, log records ──▶ transcript of the item it is on ──item fails──▶ Trouble.output
                                    (shared memory)                 ──it dies────▶ the parent reads it there

The transcript of the item in hand lies in memory shared with the parent, so it survives the process. Those of the other
items of a slice wait beside it until the slice is done. Each is bounded; of a long one the end is kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import RLock
from typing import Any

from skorche.kernel import Trouble

SAID_INDEX, SAID_BYTES = 5, 6
"""Where in its slot a worker says whose transcript there is, and how long that is."""
TRANSCRIPT_BYTES = 1 << 13
"""The room for one. When it is full, the older half is left out."""
LEFT_OUT = b"... what was said before is left out ...\n"
_HALF = TRANSCRIPT_BYTES // 2


class Transcript:
    """The worker's end: `clear` it before a slice, `add` what is said, and `attach` it to what has failed."""

    def __init__(self, slot: memoryview, region: memoryview) -> None:
        self._slot, self._region = slot, region
        self._others: dict[int, bytes] = {}
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = RLock()  # a task may have threads, and a handler of a signal may speak in the middle of a word

    def clear(self) -> None:
        """Forget what was said."""
        with self._lock:
            self._others.clear()
            self._slot[SAID_BYTES] = 0

    def add(self, index: int, text: str) -> None:
        """Something was said on the item of this index."""
        with self._lock:
            if index != self._slot[SAID_INDEX] or not self._slot[SAID_BYTES]:
                self._turn_to(index)
            self._append(text.encode(errors="backslashreplace"))

    def _turn_to(self, index: int) -> None:
        if self._slot[SAID_BYTES]:
            self._others[self._slot[SAID_INDEX]] = bytes(self._region[: self._slot[SAID_BYTES]])
        self._slot[SAID_BYTES] = 0
        self._slot[SAID_INDEX] = index
        self._append(self._others.pop(index, b""))

    def _append(self, data: bytes) -> None:
        end = self._slot[SAID_BYTES]
        if end + len(data) > TRANSCRIPT_BYTES:
            data = LEFT_OUT + (bytes(self._region[:end]) + data)[-_HALF:]
            end = 0
        self._region[end : end + len(data)] = data
        self._slot[SAID_BYTES] = end + len(data)

    def attach(self, troubles: Sequence[Trouble]) -> list[Trouble]:
        """The troubles, each with what was said on its item, unless a worker has died on it: then that is known."""
        with self._lock:
            return [one._replace(output=one.output or self._of(_index_of(one))) for one in troubles]

    def _of(self, index: int) -> str:
        if index == self._slot[SAID_INDEX]:
            return read_transcript(self._slot, self._region)[index]
        return self._others.get(index, b"").decode(errors="replace")


def _index_of(trouble: Trouble) -> int:
    index: int = trouble.path if type(trouble.path) is int else trouble.path[0]
    return index


def read_transcript(slot: Sequence[int], region: memoryview) -> dict[int | None, str]:
    """The transcript in shared memory, by the index of its item."""
    return {slot[SAID_INDEX]: bytes(region[: slot[SAID_BYTES]]).decode(errors="replace")}


def line_of(record: dict[str, Any]) -> str:
    """A log record, as it is sent, as a line; with its traceback, if it has one."""
    parts = [f"{record['levelname']}:{record['name']}:{record['msg']}", record["exc_text"], record["stack_info"]]
    return "\n".join([part for part in parts if part]) + "\n"
