"""One step at a time towards the best numbers of workers, each measured, and undone if it did not help. No clock here.

Measured is what the stages got through, in a window that begins with each change. A task gets more workers as soon as
a window tells something of all tasks; until then one more, if items wait in front of it and none behind it. Workers are
taken away only after a longer window, and only where several are idle: so numbers do not flap. What did not help is not
tried again, until a task takes another time per item than it did: then all is open once more. A task that is paused, or
held by its limits, or to which nothing more comes, keeps what it has: what it does now does not tell what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from skorche.events import RunFinished
from skorche.named import NamedTuple
from skorche.observe.analyze import Analysis, analyze, predict
from skorche.observe.window import since
from skorche.tuning.target import Target, find_target, present_speed

GROW_SECONDS = 0.25
"""A window that is long enough to add workers, doubled by each step that had to be undone, up to:"""
PATIENT_SECONDS = 10.0
JUDGE_SECONDS = 1.5
"""A window that is long enough to undo a step, and for taking workers away."""
LONG_SECONDS = 4.0
"""A longer window says what was, not what is."""
MANY = 20
"""Items of each task that tell what it takes."""
WORTH = 1.05
"""Times the throughput below which nothing is changed."""
SURE = 1.1
"""What is predicted to bring less cannot be told from chance. Nor is it worth taking workers from others for it."""
PART = 0.5
"""The part of what was predicted that must have come true."""
HARM = 0.85
"""A step that was to bring little is undone where it took so much away."""
BUSY = 0.7
"""A task that is less busy does not hold up anything."""
OTHER = 1.4
"""A task has changed if an item takes so many times as long as before, or the other way round."""
SLACK = 1.1
"""Times as many workers as are busy must be left when one is taken away that nobody else needs."""


class Step(NamedTuple):
    """Another number of workers for a task, and why."""

    node: str
    before: int
    after: int
    why: str


class _Trial(NamedTuple):
    """A step that was taken: at what rates of the stages, and what it was to bring."""

    step: Step
    rates: Mapping[str, float]
    predicted: float


class Tuner:
    """Decides for some tasks, given their workers, within a budget. `workers` are what they have now."""

    def __init__(self, workers: Mapping[str, int], budget: int) -> None:
        self.workers = dict(workers)
        self._budget = budget
        self._began: RunFinished | None = None
        self._trial: _Trial | None = None
        self._tried: set[tuple[str, int]] = set()
        self._patience = GROW_SECONDS
        self._seconds: dict[tuple[str, int], float] = {}

    def look(self, record: RunFinished) -> Step | None:
        """What to change now, given all that is known of the run."""
        if self._began is None:
            self._began = record
            return None
        window = since(self._began, record)
        analysis = analyze(window)
        if window.elapsed < GROW_SECONDS or not analysis.stages:
            return None
        self._notice_change(analysis)
        free = self._free(analysis)
        step = self._judge(window, free) or self._choose(analysis, window, free)
        if step is not None:
            self.workers[step.node] = step.after
        if step is not None or window.elapsed >= max(LONG_SECONDS, self._patience):
            self._began = record
        return step

    def _free(self, analysis: Analysis) -> dict[str, int]:
        """The workers of those tasks of which another number can be of use now."""
        at_work = [one.name for one in analysis.stages if not (one.ending or one.paused or one.gated)]
        return {name: count for name, count in self.workers.items() if name in at_work}

    # -- was it any good? -------------------------------------------------------------------------------------------

    def _judge(self, window: RunFinished, free: Mapping[str, int]) -> Step | None:
        """Undo the last step if it did not bring what it was to bring."""
        if self._trial is None:
            return None
        step, rates, predicted = self._trial
        if step.node not in free:
            self._trial = None
            return None
        gain = _gain(rates, _rates(window))
        if gain >= (1 + PART * (predicted - 1) if predicted >= SURE else HARM):
            self._trial, self._patience = None, GROW_SECONDS
            return None
        if window.elapsed < JUDGE_SECONDS:
            return None
        self._trial = None
        self._tried.add((step.node, step.after))
        self._patience = min(2 * self._patience, PATIENT_SECONDS)
        why = f"undone, since it brought {gain:.2f} times the throughput and not {predicted:.2f}"
        return Step(step.node, step.after, step.before, why)

    def _notice_change(self, analysis: Analysis) -> None:
        """A task that takes another time per item than it did with so many workers opens all questions again."""
        for stage in analysis.stages:
            if stage.items < MANY or not stage.seconds:
                continue
            what = stage.name, self.workers.get(stage.name, 0)
            before = self._seconds.setdefault(what, stage.seconds)
            if not before / OTHER < stage.seconds < before * OTHER:
                self._seconds[what] = stage.seconds
                self._tried.clear()
                self._patience = GROW_SECONDS

    # -- what next? -------------------------------------------------------------------------------------------------

    def _choose(self, analysis: Analysis, window: RunFinished, free: Mapping[str, int]) -> Step | None:
        if self._trial is not None or window.elapsed < self._patience or not free:
            return None
        if not all(stage.items >= MANY for stage in analysis.stages if stage.name in free):
            return self._add_one(analysis, window, free)
        held = sum(self.workers.values()) - sum(free.values())
        target = find_target(analysis, free, self._budget - held)
        return self._step_towards(target, analysis, window)

    def _step_towards(self, target: Target, analysis: Analysis, window: RunFinished) -> Step | None:
        loads = {stage.name: stage.load for stage in analysis.stages}
        wanted = [name for name, count in target.workers.items() if count > self.workers[name]]
        limited = max([loads[name] for name in target.workers]) >= BUSY
        gain = target.speed / present_speed(analysis)
        if limited and wanted and gain >= WORTH:
            for name in sorted(wanted, key=lambda one: -loads.get(one, 0.0)):
                step = self._grow(name, target, window, analysis)
                if step is not None:
                    return step
            return self._shrink(target, window, analysis, by_half=True) if gain >= SURE else None
        return self._shrink(target, window, analysis, by_half=False) if window.elapsed >= JUDGE_SECONDS else None

    def _grow(self, name: str, target: Target, window: RunFinished, analysis: Analysis) -> Step | None:
        now, free = self.workers[name], self._budget - sum(self.workers.values())
        after = now + min(free, (target.workers[name] - now + 1) // 2)
        if after <= now or any(node == name and now < count <= after for node, count in self._tried):
            return None
        return self._try(name, after, window, analysis)

    def _shrink(self, target: Target, window: RunFinished, analysis: Analysis, *, by_half: bool) -> Step | None:
        """Take workers from who has most too many: half of these where others are to have them, else one."""
        spare = {name: self.workers[name] - count for name, count in target.workers.items()}
        if not by_half:
            busy = {stage.name: stage.load * self.workers.get(stage.name, 0) for stage in analysis.stages}
            spare = {name: one for name, one in spare.items() if self.workers[name] - 1 >= SLACK * busy[name]}
        name = max(spare, key=lambda one: spare[one], default="")
        if not name or spare[name] < 1:
            return None
        after = self.workers[name] - ((spare[name] + 1) // 2 if by_half else 1)
        return None if (name, after) in self._tried else self._try(name, after, window, analysis)

    def _add_one(self, analysis: Analysis, window: RunFinished, free: Mapping[str, int]) -> Step | None:
        """Too little is known to say more than this: items wait in front of it, and none behind it."""
        if sum(self.workers.values()) >= self._budget or window.elapsed < 2 * GROW_SECONDS:
            return None
        stages = [stage for stage in analysis.stages if stage.name in free]
        for stage in sorted(stages, key=lambda one: -one.load):
            after = self.workers[stage.name] + 1
            held = stage.full > 0.9 and stage.blocked < 0.1 and stage.occupied > 0.9
            if held and (stage.name, after) not in self._tried:
                return self._try(stage.name, after, window, analysis)
        return None

    def _try(self, name: str, after: int, window: RunFinished, analysis: Analysis) -> Step:
        before, predicted = self.workers[name], predict(analysis, name, after)
        step = Step(name, before, after, _why(name, analysis, predicted, more=after > before))
        self._trial = _Trial(step, _rates(window), predicted)
        return step


def _why(name: str, analysis: Analysis, predicted: float, *, more: bool) -> str:
    stage = analysis.stage(name)
    if not more:
        return f"busy {stage.load:.0%}, which fewer can do"
    gain = f"about {predicted:.2f} times the throughput" if predicted >= WORTH else "others follow"
    return f"busy {stage.load:.0%}, its input full {stage.full:.0%} of the time; {gain}"


def _rates(window: RunFinished) -> dict[str, float]:
    """What each stage got through, items per second."""
    heads = {name: tally for name, tally in window.nodes.items() if tally.stage == name}
    return {
        name: (tally.emitted + tally.filtered + tally.failed or tally.received) / window.elapsed
        for name, tally in heads.items()
    }


def _gain(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """How many times as much the stages get through, in the middle."""
    ratios = [after[name] / rate for name, rate in before.items() if rate > 0 and name in after]
    return median(ratios) if ratios else 1.0
