"""Who the workers are, how many there may be, and which of them gets a job."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Sequence

from skorche.compile.plan import StagePlan
from skorche.engines.process import wire
from skorche.engines.process.breaker import MOST_FAILED_STARTS, Breaker, cannot_hire
from skorche.engines.process.job import Job
from skorche.engines.process.launch import WorkerProcess
from skorche.engines.process.listener import Mouth
from skorche.engines.process.member import Member


class Crew:
    """All workers of a hub, at most `most`. Only its thread touches them; others may look."""

    def __init__(self, most: int, breaker: Breaker, selector: selectors.BaseSelector, mouth: Mouth) -> None:
        self.members: list[Member] = []
        self.most = most
        self.first = 0
        """How many to begin with."""
        self.has_started = False
        """Whether one has shown that it can start."""
        self._breaker, self._selector, self._mouth = breaker, selector, mouth
        self._look: Callable[[], object] | None = None

    def adopt(self, processes: Sequence[WorkerProcess], look: Callable[[], object]) -> None:
        """Take over workers that were kept; each is asked whether it is fit. `look` says what new ones find."""
        self._look = look
        for process in processes:
            self._admit(process).call_to(wire.WAKE)

    def lay_to_rest(self) -> None:
        """Have those put down what is of this run that can be kept. They get nothing more."""
        self.first = 0
        for member in self.members:
            member.rests = not (member.dismissed or member.jobs or member.process.keeps_stderr)
            if member.rests:
                member.dismissed = True
                member.call_to(wire.REST)

    @property
    def are_at_rest(self) -> bool:
        """Whether all have done so. One that has no task yet has nothing to put down, and may still be starting."""
        return all(one.ready or not (one.rests and one.stages) for one in self.members)

    def release(self) -> list[WorkerProcess]:
        """Those that have are members no more."""
        rested = [one for one in self.members if one.rests and one.is_quiet and (one.ready or not one.stages)]
        for member in rested:
            self._selector.unregister(member.process.channel)
            self.members.remove(member)
        return [one.process for one in rested]

    def choose(self, stage: StagePlan, job: Job) -> Member | None:
        """An idle worker while the stage may use one more; else one that works for the stage and has none ahead."""
        busy = [member for member in self.members if member.jobs and member.jobs[0].stage.number == stage.number]
        if len(busy) < stage.workers:
            idle = next((member for member in self.members if not member.jobs and not member.dismissed), None)
            if idle is not None:
                return idle
            if self._may_hire():
                return self._hire()
            if not self._is_full:
                return None  # there will be one more as soon as others have shown that they can start
        if stage.timeout is not None or job.careful:
            return None
        return next((one for one in busy if len(one.jobs) == 1 and not one.jobs[0].careful and not one.dismissed), None)

    def hire_first(self) -> None:
        """The workers to begin with; most of them only when one has shown that they can start."""
        while len(self.members) < self.first and self._may_hire():
            self._hire()

    def _may_hire(self) -> bool:
        """Whether there may be one more. Where workers die as they start no more are started than it takes to know."""
        failed = self._breaker.failed_starts
        if failed or not self.has_started:
            most = MOST_FAILED_STARTS if failed else MOST_FAILED_STARTS - 1
            if failed + sum([member.is_starting for member in self.members]) >= most:
                return False
        return not self._is_full

    @property
    def _is_full(self) -> bool:
        return sum([not member.dismissed for member in self.members]) >= self.most

    def _hire(self) -> Member:
        born_with = None if self._look is None else self._look()
        try:
            process = WorkerProcess(self._mouth, keep_stderr=self._breaker.failed_starts > 0)
        except OSError as error:
            raise cannot_hire(error) from error
        process.born_with = born_with
        return self._admit(process)

    def _admit(self, process: WorkerProcess) -> Member:
        member = Member(process)
        self.members.append(member)
        self._selector.register(process.channel, selectors.EVENT_READ, member)
        return member
