"""Looks at a run for the tuner, and has its steps carried out. In a thread of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from threading import Event, Thread

from skorche.compile.plan import Plan, StagePlan
from skorche.events import Decision, RunFinished, View
from skorche.log import ERROR, say
from skorche.runtime.command import Resize
from skorche.tuning.tuned import write_tuned
from skorche.tuning.tuner import Tuner

LOOK_SECONDS = 0.125
COMPUTES = 0.5
"""Tasks that compute for a larger share of their time need a core each while they are at work."""


class Pilot:
    """Steers the stages of a plan that may be resized; see `runtime.observers.Observer`.

    `shares` says which stages run in one engine. If the run goes well, `path` is to hold what was found. Whoever makes
    it says with `steer` who carries out what it wants.
    """

    def __init__(
        self,
        plan: Plan,
        steered: Collection[int],
        budget: int,
        shares: Sequence[Sequence[int]],
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        self._stages: dict[str, StagePlan] = {stage.names[0]: stage for stage in plan.stages}
        self._shares, self._name, self._path = shares, plan.name, path
        own = {stage.names[0]: stage.workers for stage in plan.stages if stage.number in steered}
        kept = sum(stage.workers for stage in plan.tasks if stage.number not in steered)
        self.tuner = Tuner(own, budget - kept)
        self.steer: Callable[[Resize], None] | None = None
        self._ended = Event()
        self._thread: Thread | None = None

    def start(self, view: View) -> None:
        """The run begins."""
        # A daemon: a run that is stuck holds no exit.
        self._thread = Thread(target=self._watch, args=(view,), name=f"skorche pilot {self._name}", daemon=True)
        self._thread.start()

    def stop(self, record: RunFinished) -> None:
        """The run has ended."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._path is not None and record.error is None:
            write_tuned(self._path, record.name, self.tuner.workers)

    def _watch(self, view: View) -> None:
        try:
            while not self._ended.wait(LOOK_SECONDS):
                wanted = self.look(view.snapshot())
                if wanted is not None and self.steer is not None:
                    self.steer(wanted)
        except Exception:  # noqa: BLE001  (whatever it is, the run goes on with the workers it has)
            say("%s: tuning has failed; workers stay as they are", self._name, level=ERROR, with_error=True)

    def look(self, record: RunFinished) -> Resize | None:
        """What is to be changed, if anything."""
        step = self.tuner.look(record)
        if step is None:
            return None
        stage = self._stages[step.node]
        decision = Decision(record.elapsed, *step)
        return Resize(stage.number, step.after, self._most(record, stage.number), decision)

    def _most(self, record: RunFinished, number: int) -> int:
        """How many calls at a time are of use to the engine of a stage: one for each core to those that compute."""
        together = next(one for one in self._shares if number in one)
        on_cores = sum([tally.cpu_seconds for tally in record.nodes.values() if tally.engine == "process"])
        in_line = record.surroundings.lined_seconds / on_cores if on_cores else 0.0
        computing = waiting = 0
        for name, stage in self._stages.items():
            if stage.number in together:
                tally = record.nodes[name]
                workers = self.tuner.workers.get(name, stage.workers)
                if tally.cpu_seconds * (1 + in_line) > COMPUTES * tally.busy_seconds:
                    computing += workers
                else:
                    waiting += workers
        return waiting + min(computing, max(1, record.surroundings.cores))
