"""The thread that looks at a run while it goes on; see `gauges`."""

from __future__ import annotations

import time
from random import Random
from threading import Event, Thread

from skorche.runtime.gauges import Gauges

FIRST_SECONDS, LONGEST_SECONDS = 0.005, 0.05
GROWTH = 1.5
"""Looks are frequent at first, so that something is known of a short run."""
WEIGH_SECONDS = 0.5


class Lookout:
    """Looks until stopped."""

    def __init__(self, gauges: Gauges, name: str) -> None:
        self._gauges = gauges
        self._ended = Event()
        # A daemon, as the coordinator is where a run is stuck; whoever starts it stops it.
        self._thread = Thread(target=self._watch, name=f"skorche lookout {name}", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        random, pause = Random(0), FIRST_SECONDS
        last = weighed = time.monotonic()
        while not self._ended.wait(pause * random.uniform(0.5, 1.5)):
            now = time.monotonic()
            self._gauges.look(now - last)
            last = now
            if now - weighed >= WEIGH_SECONDS:
                self._gauges.weigh()
                weighed = now
            pause = min(pause * GROWTH, LONGEST_SECONDS)
