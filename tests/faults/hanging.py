"""Tasks that stand still, for worker processes to find by name."""

import ctypes
import signal
import threading
import time
from pathlib import Path

LONG = 60.0


class HangOn:
    """Stands still on one item, in one of several ways."""

    def __init__(self, item: int, how: str) -> None:
        self.item, self.how = item, how

    def __call__(self, item: int) -> int:
        if item == self.item:
            getattr(self, f"_hang_in_{self.how}")()
        return item

    def _hang_in_python(self) -> None:
        stand_still()

    def _hang_in_c(self) -> None:
        hold_the_interpreter()

    def _hang_in_deaf(self) -> None:
        for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):
            signal.signal(number, signal.SIG_DFL)
        stand_still()


def stand_still() -> None:
    threading.Event().wait(LONG)


def hold_the_interpreter() -> None:
    """A C function that never lets go of the interpreter lock; it comes back early when a signal interrupts it."""
    ctypes.PyDLL(None).sleep(int(LONG))


class WaitFor:
    """Waits for a file to appear, one item after the other; fails when a signal has interrupted it."""

    def __init__(self, opened: Path) -> None:
        self.opened = opened

    def __call__(self, item: int) -> int:
        while not self.opened.exists():
            if ctypes.CDLL(None).usleep(20_000):  # it ends early, and says so, when a signal comes
                raise InterruptedError("a signal has come")
        return item


def take(seconds: float) -> float:
    time.sleep(seconds)
    return seconds
