"""Waiting for a condition, with a limit. Tests wait for what they need, never for a time."""

import time
from collections.abc import Callable
from pathlib import Path

POLL_SECONDS = 0.002


def holds_within(seconds: float, condition: Callable[[], object]) -> bool:
    """Whether the condition becomes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Come back when the condition is true; fail when it takes too long."""
    assert holds_within(seconds, condition), f"it did not come true within {seconds} seconds"


def wait_file(path: str | Path, seconds: float = 20.0) -> None:
    """Come back when the file is there: the way for a task in another process to say so."""
    wait_until(Path(path).exists, seconds)
