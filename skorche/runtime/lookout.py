"""The thread that looks at a run while it goes on; see `gauges`."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from threading import Event, Thread

from skorche.log import say
from skorche.runtime.engine import Engine, can_cut
from skorche.runtime.gauges import Gauges
from skorche.runtime.memory import MemoryBudget
from skorche.runtime.vitals import Vitals

UNSEEN_SECONDS = 0.005
"""A run that is over by then is not looked at: a thread would cost it more than there is to see."""
FIRST_SECONDS, LONGEST_SECONDS = 0.005, 0.05
GROWTH = 1.5
"""Looks are frequent at first, so that something is known of a short run."""
WEIGH_SECONDS = 0.1
"""How often memory is looked at, who stands in line for a core, and which chunks take far too long."""
MULTIPLIER, MODULUS = 48_271, 2**31 - 1
"""The "minimal standard" generator (Park, Miller and Stockmeyer, CACM 36(7), 1993): `random` takes 2 ms to import."""
LATE_SHARE = 0.4
"""Of what a thread that runs Python may keep its lock (5 ms): who wakes so late had to wait for it. Who comes at any
time waits longer than that in four cases of five and more; who waits for a core alone, in one of ten."""


class Lookout:
    """Looks until stopped."""

    def __init__(
        self, gauges: Gauges, name: str, budget: MemoryBudget | None = None, engines: Sequence[Engine] = ()
    ) -> None:
        self._gauges, self._budget = gauges, budget
        self._cutting = [engine for engine in engines if can_cut(engine)]
        self._ended = Event()
        self._due = self._seen_from = time.monotonic() + UNSEEN_SECONDS
        # A daemon, as the coordinator is where a run is stuck; whoever starts it stops it.
        self._thread = Thread(target=self._watch, name=f"skorche lookout {name}", daemon=True)

    def patience(self, seconds: float | None) -> float | None:
        """How long who calls `begin` may sleep, who would sleep so long (None: for ever)."""
        if self._due == math.inf:
            return seconds
        soon = max(0.0, self._due - time.monotonic())
        return soon if seconds is None else min(seconds, soon)

    def begin(self, *, early: bool = False) -> None:
        """Begin to look, if it is time. Where there is no room for one thread more the run goes on unseen.

        Who cannot come back when it is time begins `early`: the thread then waits in its place.
        """
        if self._due == math.inf or (not early and time.monotonic() < self._due):
            return
        self._due = math.inf
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
        if self._ended.wait(max(0.0, self._seen_from - time.monotonic())):
            return
        vitals = Vitals()
        try:
            self._look_on(vitals)
        except MemoryError:  # the run goes on, or ends, unseen
            pass
        finally:
            vitals.close()

    def _look_on(self, vitals: Vitals) -> None:
        draw, pause = 1, FIRST_SECONDS
        late = LATE_SHARE * sys.getswitchinterval()
        last = weighed = time.monotonic()
        while True:
            draw = MULTIPLIER * draw % MODULUS
            due, stood = time.monotonic() + pause * (0.5 + draw / MODULUS), vitals.seconds_in_line()
            if self._ended.wait(due - time.monotonic()):
                return
            now = time.monotonic()
            self._gauges.look(now - last, locked=now - due - (vitals.seconds_in_line() - stood) > late)
            last = now
            if now - weighed >= WEIGH_SECONDS:
                self._weigh(vitals)
                for engine in self._cutting:
                    engine.cut()
                weighed = now
            pause = min(pause * GROWTH, LONGEST_SECONDS)

    def _weigh(self, vitals: Vitals) -> None:
        used = self._gauges.weigh(vitals.resident_bytes())
        if self._budget is not None:
            self._budget.weigh(used)
