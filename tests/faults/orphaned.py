"""A program whose end its workers must not outlive. `python -m faults.orphaned WHAT FOLDER`, with a WHAT from below.

Each worker, and what it starts, leaves a file named for its process in the folder once it is at work; "ready" says that
all are there.
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from engines.waiting import wait_until

import skorche

WHAT, FOLDER = sys.argv[1], Path(sys.argv[2])
WORKERS = 2


def mark(pid: int) -> None:
    """Leave the file."""
    (FOLDER / str(pid)).touch()


def idle(number: int) -> int:
    mark(os.getpid())
    time.sleep(0.2)  # long enough that the other worker takes one too
    return number


def sleeping(number: int) -> int:
    mark(os.getpid())
    time.sleep(1000)
    return number


def busy_in_python(number: int) -> int:
    mark(os.getpid())
    while True:
        number += 1


def busy_in_c(number: int) -> int:
    mark(os.getpid())
    return int(str(7 ** (3 * 10**8))[:1])  # minutes, all of them with the GIL


def with_children(number: int) -> int:
    mark(os.getpid())
    mark(subprocess.Popen(["sleep", "1000"]).pid)
    child = os.fork()
    if child:
        mark(child)
    return busy_in_c(number)


def with_workers_of_its_own(number: int) -> int:
    mark(os.getpid())
    with skorche.Pipeline() as inner:
        skorche.map(skorche.task(engine="process")(busy_in_c), skorche.Queue(fixed_inputs=[number]))
    inner.run(progress=False).wait()
    return number


def with_a_fork_of_the_parent(number: int) -> int:
    return busy_in_python(number)


TASKS = [idle, sleeping, busy_in_python, busy_in_c, with_children, with_workers_of_its_own, with_a_fork_of_the_parent]
EACH = {"with_children": 3, "with_workers_of_its_own": 2}
"""Processes for each item, where there is more than one."""


def main() -> None:
    """Start, fork if that is asked for, and wait for the end."""
    (work,) = [one for one in TASKS if one.__name__ == WHAT]
    numbers: skorche.Queue[int] = skorche.Queue()
    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(engine="process", max_workers=WORKERS)(work), numbers)
    pipeline.run(progress=False)
    for number in range(WORKERS):
        numbers.put(number)
    wait_until(lambda: len(list(FOLDER.iterdir())) == WORKERS * EACH.get(WHAT, 1))
    if WHAT == "with_a_fork_of_the_parent" and not os.fork():
        sys.stdout.close()
        threading.Event().wait()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
