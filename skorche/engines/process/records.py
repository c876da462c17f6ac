"""Log records on their way from a worker to the loggers of its parent. Only where something is logged is this imported.

A record crosses as plain values: its text is made in the worker, its traceback too, and what is attached to it crosses
as it is if it is a number, a text or None, else as its `repr`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from skorche.errors import shorten

LONGEST = 16_000
PLAIN = frozenset({str, int, float, bool, type(None)})


def take_logging(send: Callable[[dict[str, Any]], None], levels: dict[str, int], disabled: int) -> None:
    """In the worker: `send` every record to the parent, except those that it would not want; "" is the root logger."""
    logging.disable(disabled)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger().addHandler(_Handler(send))


def handle(values: dict[str, Any], task: str, item: str) -> None:
    """In the parent: as if it had been logged here. `record.task` and `record.item` say what the worker was on."""
    record = logging.makeLogRecord({"task": task, "item": item} | values)
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


class _Handler(logging.Handler):
    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._pass_on = send

    def createLock(self) -> None:  # noqa: N802  (its name in logging)
        """None: nothing is shared, and a fork must not find it held."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Without a lock, which that of Python 3.13 would take. Nobody filters here."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Send it."""
        try:
            self._pass_on(_pack(record))
        except Exception:  # noqa: BLE001  (such as an argument that does not fit the text: logging tells of it)
            self.handleError(record)


def _pack(record: logging.LogRecord) -> dict[str, Any]:
    values = {key: value if type(value) in PLAIN else shorten(value) for key, value in record.__dict__.items()}
    values |= {"msg": record.getMessage(), "args": None, "exc_info": None, "processName": "skorche worker"}
    if record.exc_info and not record.exc_text:
        values["exc_text"] = logging.Formatter().formatException(record.exc_info)
    return {key: _cut(value) if type(value) is str else value for key, value in values.items()}


def _cut(text: str) -> str:
    """The text, without its middle if it is long."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]}\n... {len(text) - LONGEST} characters are left out ...\n{text[-LONGEST // 2 :]}"
