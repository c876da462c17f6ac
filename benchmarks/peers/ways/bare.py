"""What the machine gives at best: threads that only sleep, and two processes with nothing between them."""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Iterable
from threading import Thread

from benchmarks.peers import work

SETTINGS = {
    "waits": "48 threads that only sleep, each its share",
    "cpu": "two forks, half of the items each",
    "skewed": "two forks, half of the items each",
}
COUNTS: dict[str, int] = {}

STAGES, WORKERS, PROCESSES = 3, 16, 2


def waits(items: Iterable[int]) -> list[int]:
    """As many threads, each with its share of the waits and nothing else to do. No pipeline can beat them."""
    results = list(items)

    def sleep_share() -> None:
        for _ in range(-(-len(results) // WORKERS)):
            time.sleep(work.WAIT)

    threads = [Thread(target=sleep_share) for _ in range(STAGES * WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def cpu(items: Iterable[int]) -> list[int]:
    """Two processes, begun together, each with half of what there is to do."""
    ends = [_begin(half) for half in _halves(list(items))]
    results = []
    for pid, end in ends:
        with os.fdopen(end, "rb") as file:
            results += pickle.load(file)
        os.waitpid(pid, 0)
    return results


def _halves(items: list[int]) -> list[list[int]]:
    """Two lists of the same length and, as near as may be, the same work."""
    ordered = sorted(items)
    return [ordered[start::PROCESSES] for start in range(PROCESSES)]


def _begin(items: list[int]) -> tuple[int, int]:
    read, write = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    with os.fdopen(write, "wb") as file:
        pickle.dump([work.spin(turns) for turns in items], file)
    os._exit(0)
