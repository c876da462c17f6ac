"""Tests that leave something behind, one of each kind. `test_leaks.py` runs them apart, and reads what is said."""

import _thread
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import leaks
import pytest
from engines.census import find_family

leaks.PATIENCE = 0.1  # what is left here does not end

KEPT: list[Any] = []
"""Holds what is leaked, so that the garbage collector does not mend it."""

SLEEPER = [sys.executable, "-c", "import time; time.sleep(1000)"]
ORPHAN = f"import subprocess; subprocess.Popen({SLEEPER!r}, start_new_session=True)"


@pytest.fixture(scope="session", autouse=True)
def _end_what_was_left() -> Iterator[None]:
    """The leaks are ours only as long as we look at them."""
    yield
    for pid in find_family():
        os.kill(pid, signal.SIGKILL)
    for child in KEPT:
        if isinstance(child, subprocess.Popen):
            child.wait()


def wait_for_ever() -> None:
    """What a thread is left in."""
    while True:
        time.sleep(1)


def leave_nothing() -> None:
    """The one that is well-behaved."""
    with tempfile.TemporaryFile(), subprocess.Popen([sys.executable, "-c", ""]):
        pass


def leave_a_thread() -> None:
    """A thread that never ends."""
    threading.Thread(target=wait_for_ever, name="left behind", daemon=True).start()


def leave_a_bare_thread() -> None:
    """A thread that `threading` does not know."""
    _thread.start_new_thread(wait_for_ever, ())


def leave_a_process() -> None:
    """A child."""
    KEPT.append(subprocess.Popen(SLEEPER))


def leave_an_orphan() -> None:
    """A grandchild in a session of its own, whose parent has ended."""
    subprocess.run([sys.executable, "-c", ORPHAN], check=True)


def leave_a_dead_process() -> None:
    """A child that has ended, and that nobody has waited for."""
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        child.stdout.read()
    KEPT.append(child)


def leave_a_file() -> None:
    """A descriptor."""
    KEPT.append(os.open(__file__, os.O_RDONLY))


def leave_a_file_in_place_of_another() -> None:
    """A descriptor, and one that was there before is closed: there are no more than before."""
    os.close(KEPT.pop())
    KEPT.append(os.open(os.devnull, os.O_RDONLY))


def leave_shared_memory() -> None:
    """A segment that is not removed. It stays mapped, so that a look elsewhere sees that it is ours."""
    KEPT.append(shared_memory.SharedMemory(create=True, size=100, name=f"skorche-leak-{os.getpid()}"))


def leave_a_temporary_file() -> None:
    """A file under the folder for such."""
    Path(tempfile.gettempdir(), "left-behind").touch()


def leave_a_file_to_the_collector() -> None:
    """A file that was opened and not closed: Python closes it, with a warning."""
    open(__file__)  # noqa: SIM115  (this is the leak)


def leave_an_error_to_a_thread() -> None:
    """An exception that ends a thread."""
    thread = threading.Thread(target=lambda: int("no number"))
    thread.start()
    thread.join()


def leave_a_warning() -> None:
    """Any warning at all."""
    warnings.warn("something is odd", stacklevel=1)


LEAKS = [thing for name, thing in list(globals().items()) if name.startswith("leave_")]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_leaking(leak: Any) -> None:
    """Leaves what it is told to."""
    leak()
