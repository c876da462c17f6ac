"""What skorche says on the logger of that name. It goes on when a handler of that logger raises."""

from __future__ import annotations

import sys
from contextlib import suppress

WARNING, ERROR = 30, 40
"""As in `logging`, which takes some milliseconds to import: only what is said needs it."""


def complain(text: str) -> None:
    """Say it as an error, with the traceback of the one that is being handled."""
    say(text, level=ERROR, with_error=True)


def say(text: str, *parts: object, level: int = WARNING, with_error: bool = False) -> None:
    """Log it; `with_error` adds the traceback of the error that is being handled.

    >>> import logging
    >>> logging.getLogger("skorche").setLevel(logging.ERROR)
    >>> say("%s items wait", 3)
    >>> logging.getLogger("skorche").setLevel(logging.NOTSET)
    """
    import logging

    try:
        logging.getLogger("skorche").log(level, text, *parts, exc_info=with_error)
    except Exception:  # noqa: BLE001  (a broken handler is told of on stderr, and must not fail the run)
        from traceback import print_exc

        with suppress(OSError, ValueError, AttributeError):  # stderr is closed, or there is none
            print_exc(file=sys.stderr)
