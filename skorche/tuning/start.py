"""What a run that is to find its workers begins with: the plan, the budget, and who steers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from skorche.compile.plan import Plan, StagePlan
from skorche.errors import GraphError
from skorche.run_settings import RunSettings
from skorche.runtime.engine import Engine, can_resize
from skorche.tuning.pilot import Pilot
from skorche.tuning.tuned import read_tuned, with_workers

DEFAULT_BUDGET = 32


def tuned_plan(plan: Plan, settings: RunSettings) -> Plan:
    """The plan with the workers that an earlier run has found, if there is a file of it.

    Raises:
        GraphError: the file is not there and nothing will be tuned, or it does not fit.
    """
    if settings.tuning is None or (settings.workers == "auto" and not Path(settings.tuning).exists()):
        return plan
    return with_workers(plan, read_tuned(settings.tuning, plan))


def make_pilot(plan: Plan, engines: Sequence[tuple[Engine, Sequence[StagePlan]]], settings: RunSettings) -> Pilot:
    """Who steers the run.

    Raises:
        GraphError: the tasks begin with more workers than there may be.
    """
    begin = sum(stage.workers for stage in plan.tasks)
    budget = settings.max_workers or max(DEFAULT_BUDGET, 2 * begin)
    if begin > budget:
        raise GraphError(
            f"run() was given max_workers={budget}, and the tasks begin with {begin} workers.",
            "each needs at least one, and max_workers of a task (or a tuning file) say where it begins.",
            f"give max_workers={begin} or more, or let tasks begin with fewer.",
        )
    resizable = [stage.number for engine, stages in engines if can_resize(engine) for stage in stages]
    shares = [[stage.number for stage in stages] for _, stages in engines]
    steered = [stage.number for stage in plan.stages if stage.resizes and stage.number in resizable]
    return Pilot(plan, steered, budget, shares, settings.tuning)
