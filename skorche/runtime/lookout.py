"""The thread that looks at a run while it goes on; see `gauges`."""

from __future__ import annotations

import sys
import time
from random import Random
from threading import Event, Thread

from skorche.runtime.gauges import Gauges
from skorche.runtime.log import say
from skorche.runtime.memory import MemoryBudget
from skorche.runtime.vitals import Vitals

FIRST_SECONDS, LONGEST_SECONDS = 0.005, 0.05
GROWTH = 1.5
"""Looks are frequent at first, so that something is known of a short run."""
WEIGH_SECONDS = 0.1
"""How often memory is looked at, and who stands in line for a core."""
LATE_SHARE = 0.8
"""Of what a thread that runs Python may keep its lock (5 ms): who wakes so late had to wait for it."""


class Lookout:
    """Looks until stopped."""

    def __init__(self, gauges: Gauges, name: str, budget: MemoryBudget | None = None) -> None:
        self._gauges, self._budget = gauges, budget
        self._ended = Event()
        # A daemon, as the coordinator is where a run is stuck; whoever starts it stops it.
        self._thread = Thread(target=self._watch, name=f"skorche lookout {name}", daemon=True)

    def start(self) -> None:
        """Begin to look. Where there is no room for one thread more the run goes on unseen, which is told."""
        try:
            self._thread.start()
        except RuntimeError as error:
            say("%s, so the report will not tell what limits the run", error)

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _watch(self) -> None:
        vitals = Vitals()
        try:
            self._look_on(vitals)
        finally:
            vitals.close()

    def _look_on(self, vitals: Vitals) -> None:
        random, pause = Random(0), FIRST_SECONDS
        late = LATE_SHARE * sys.getswitchinterval()
        last = weighed = time.monotonic()
        while True:
            due, stood = time.monotonic() + pause * random.uniform(0.5, 1.5), vitals.seconds_in_line()
            if self._ended.wait(due - time.monotonic()):
                return
            now = time.monotonic()
            self._gauges.look(now - last, locked=now - due - (vitals.seconds_in_line() - stood) > late)
            last = now
            if now - weighed >= WEIGH_SECONDS:
                self._weigh(vitals)
                weighed = now
            pause = min(pause * GROWTH, LONGEST_SECONDS)

    def _weigh(self, vitals: Vitals) -> None:
        used = self._gauges.weigh(vitals.resident_bytes())
        if self._budget is not None:
            self._budget.weigh(used)
