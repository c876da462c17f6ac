"""What a run says on the logger "skorche". It goes on when a handler of that logger raises."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from traceback import print_exc

LOG = logging.getLogger("skorche")


def complain(text: str) -> None:
    """Say it as an error, with the traceback of the one that is being handled."""
    say(text, level=logging.ERROR, with_error=True)


def say(text: str, *parts: object, level: int = logging.WARNING, with_error: bool = False) -> None:
    """Log it; `with_error` adds the traceback of the error that is being handled.

    >>> logging.getLogger("skorche").setLevel(logging.ERROR)
    >>> say("%s items wait", 3)
    >>> logging.getLogger("skorche").setLevel(logging.NOTSET)
    """
    try:
        LOG.log(level, text, *parts, exc_info=with_error)
    except Exception:  # noqa: BLE001  (a broken handler is told of on stderr, and must not fail the run)
        with suppress(OSError, ValueError, AttributeError):  # stderr is closed, or there is none
            print_exc(file=sys.stderr)
