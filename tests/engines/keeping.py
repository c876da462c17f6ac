"""Tasks for workers that are kept. They stand apart so that a worker that imports them imports no pytest."""

import logging
import os
import re
import resource
import sys
import threading
from pathlib import Path
from typing import Any

import skorche

from .deadly import die
from .waiting import wait_file, wait_until


def born_with(_: object) -> dict[str, Any]:
    """What this process has found when it started."""
    return {
        "environment": os.environ.get("SKORCHE_TEST_KEPT"),
        "folder": os.getcwd(),
        "path": sys.path[0],
        "arguments": sys.argv[1:],
        "level": logging.getLogger("keeping").level,
        "output": os.path.realpath("/proc/self/fd/1"),
        "cores": len(os.sched_getaffinity(0)),
        "most files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "mask": re.findall("Umask.*", Path("/proc/self/status").read_text()),
    }


def meet_all(folder: Path, workers: int, _: object) -> int:
    """Who does it, once so many processes have come here: then there are so many."""
    (folder / str(os.getpid())).touch()
    wait_until(lambda: len(list(folder.iterdir())) >= workers)
    return os.getpid()


def speak(item: object) -> object:
    """Print the item, and log it."""
    print("printed", item)
    logging.getLogger("keeping").warning("logged %s", item)
    return item


def speak_and_fail(item: object) -> object:
    """The same, and fail."""
    speak(item)
    raise ValueError(item)


def do(what: str) -> int:
    """As told: end the process, hang, fail, or say who does it."""
    if what == "die":
        die("SIGKILL")
    if what == "hang":
        threading.Event().wait()
    if what == "fail":
        raise ValueError(what)
    return os.getpid()


class Keeper:
    """Holds on to itself, and to the items that it gets."""

    def __init__(self, size: int) -> None:
        self.kept: list[Any] = [self, bytearray(size)]

    def __call__(self, item: object) -> int:
        self.kept.append(item)
        return os.getpid()


Held = skorche.task(Keeper)


@skorche.task
class Unending:
    """One whose end does not come."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __call__(self, item: object) -> int:
        return os.getpid()

    def close(self) -> None:
        """Wait for ever."""
        wait_file(self.marker, 3600.0)


@skorche.task
class LastWords:
    """One that is only ended as garbage, and says so."""

    def __init__(self) -> None:
        self.itself = self

    def __call__(self, item: object) -> object:
        return item

    def __del__(self) -> None:
        print("the last words")
