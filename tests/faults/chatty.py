"""Tasks that talk while they work, and then fail or not; for workers to find by name."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from engines.tasks import pause

from .speaking import get_logger


def talk(number: int) -> int:
    """Says something in three ways; every seventh number fails."""
    print("out of", number)
    get_logger().warning("record of %d", number)
    print("error of", number, end="", file=sys.stderr)
    if number % 7 == 0:
        raise ValueError(number)
    return number


def add_one(number: int) -> int:
    print("first step of", number)
    return number + 1


def refuse_three(number: int) -> int:
    print("second step of", number)
    if number == 3:
        raise ValueError(number)
    return number


def fail_at_length(number: int) -> int:
    for line in range(number):
        print("line", line)
    raise ValueError(number)


def fail_with_one_long_line(number: int) -> int:
    print("é" * number + "z")
    raise ValueError(number)


def fail_after_a_thread_has_talked(number: int) -> int:
    thread = threading.Thread(target=print, args=("from a thread",))
    thread.start()
    thread.join()
    raise ValueError(number)


def fail_after_a_fork_has_talked(number: int) -> int:
    child = os.fork()
    if not child:
        print("from the child")
        os._exit(0)
    os.waitpid(child, 0)
    print("from the parent")
    raise ValueError(number)


def fail_with_a_logged_error(number: int) -> int:
    try:
        raise KeyError(number)
    except KeyError:
        get_logger().exception("no %d", number)
    get_logger().debug("below the level")
    raise ValueError(number)


def talk_rarely(number: int) -> int:
    if number == 40_000:
        print("this is the one")
        raise ValueError(number)
    return number


def hang_talking(seconds: float) -> float:
    print("begins to wait")
    return pause(seconds)


def unpicklable(number: int) -> Any:
    print("makes a lock")
    return threading.Lock()


class TalkOnTheWay:
    """A result that talks when it is pickled, and ends the process."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        print("is pickled", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
        return TalkOnTheWay, ()


def give_what_talks(number: int) -> TalkOnTheWay:
    print("gives it")
    return TalkOnTheWay()


class TalkMoreEachTime(NamedTuple):
    """A task that fails, and says each time how often it did."""

    folder: Path

    def __call__(self, number: int) -> int:
        attempt = len(list(self.folder.iterdir()))
        (self.folder / str(attempt)).touch()
        print("attempt", attempt)
        raise ValueError(number)


class TalkWhenLoaded:
    """A task that talks when it is loaded, on no item yet."""

    __name__ = "talk_when_loaded"

    def __call__(self, number: int) -> int:
        return number

    def __getstate__(self) -> bool:
        return True

    def __setstate__(self, _: bool) -> None:
        print("is loaded")
