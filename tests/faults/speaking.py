"""Tasks that print and log, for worker processes to find by name. `logging` is imported only where it is used."""

import ctypes
import os
import signal
import sys
from threading import Thread


def get_logger(name: str = "speaking"):
    import logging

    return logging.getLogger(name)


def log(item: int) -> int:
    get_logger().warning("seen %d", item)
    return os.getpid()


def find_and_log(item: int) -> None:
    from importlib.util import find_spec

    assert find_spec("logging") is not None
    get_logger().warning("%d is found", item)


def log_at_all_levels(item: int) -> list[int]:
    """Gives the levels at which this process would make a record at all."""
    levels = (10, 20, 30, 40)
    for level in levels:
        get_logger("speaking.own").log(level, "own %d", level)
        get_logger("speaking").log(level, "plain %d", level)
    return [level for level in levels if get_logger().isEnabledFor(level)]


def log_an_error(item: int) -> int:
    try:
        raise ValueError("too small")
    except ValueError:
        get_logger().exception("failed on %d", item)
    return item


def log_with_attachments(item: int) -> int:
    get_logger().warning("attached", extra={"size": 3, "lock": Thread, "task": "the user's own"})
    return item


def log_what_does_not_fit(item: int) -> int:
    get_logger().warning("%d", "no number")
    return item


def log_at_length(item: int) -> int:
    get_logger().warning("a" * 50_000 + "z" * 50_000)
    return item


def flood(item: int) -> int:
    for number in range(20_000):
        get_logger().warning("flood %d", number)
    return item


def print_both(item: int) -> int:
    print("out of", item)
    print("error of", item, file=sys.stderr)
    return item


def print_in_pieces(item: int) -> int:
    for number in range(50):
        print("a" * 30, "b" * 30, item, number, sep="-")
    return item


def print_from_threads(item: int) -> int:
    threads = [Thread(target=print_in_pieces, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return item


def print_from_a_fork(item: int) -> int:
    print("before")
    child = os.fork()
    if not child:
        print("from the child")
        os._exit(0)
    os.waitpid(child, 0)
    return item


def begin_lines_in_threads(item: int) -> int:
    thread = Thread(target=lambda: print("begun in a thread", end=""))
    thread.start()
    thread.join()
    return item


def print_at_length(item: int) -> int:
    print("x" * 10_000, "y" * 10_000, sep="")
    return item


def print_no_end(item: int) -> int:
    print("first", item, end=" ")
    return item


def write_bytes(item: int) -> int:
    sys.stdout.buffer.write(b"bytes\n")
    sys.stdout.flush()
    os.write(2, b"raw\n")
    return item


def describe_streams(item: int) -> tuple[bool, int, int, str]:
    sys.stdout.reconfigure(line_buffering=True)
    sys.stdout.writelines(["a\n", "b\n"])
    return sys.stdout.isatty(), sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.encoding


def has_logging(item: int) -> bool:
    return "logging" in sys.modules


def write_a_number(item: int) -> int:
    return sys.stdout.write(item)


class SayAndDie:
    """Says its last words, then ends the process."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __call__(self, item: int) -> int:
        print("printed", "before", self.how)
        print("begun before", self.how, end="", flush=True)
        get_logger().warning("logged before %s", self.how)
        getattr(self, f"_{self.how}")()
        return item

    def _exit(self) -> None:
        os._exit(3)

    def _segfault(self) -> None:
        ctypes.string_at(0)

    def _kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Talkative:
    """An item that prints when somebody looks at it."""

    def __repr__(self) -> str:
        print("looked at")
        return "Talkative()"


class Shy:
    """An item that cannot be looked at."""

    def __repr__(self) -> str:
        raise RuntimeError("go away")


def print_something(item: object) -> int:
    print("something")
    return 1


def print_as_first(item: int) -> int:
    print("first step")
    return item


def print_as_second(item: int) -> int:
    print("second step")
    return item
