"""A scheduler and the few words a test needs to drive it by hand."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import skorche
from skorche.kernel import Outcome, StepCount
from skorche.runtime.command import Command, Deliver, Event, Fed, Submit
from skorche.runtime.engine import Capabilities, Done
from skorche.runtime.recovery import Policy
from skorche.runtime.scheduler import Scheduler

KILLABLE = Capabilities(kill=True, ahead=False, chunk_seconds=0.005)
COLLECT = Policy("collect")
UNSTOPPABLE = Capabilities(kill=False, ahead=False, chunk_seconds=0.005)


class Hand:
    """Gives a scheduler events, keeps its commands, and does the work of its engines when told to."""

    def __init__(self, pipeline: skorche.Pipeline, capabilities: Capabilities, policy: Policy, seed: int) -> None:
        plan = pipeline.plan()
        self.scheduler = Scheduler(plan, [capabilities] * len(plan.stages), policy, seed)
        self.commands: list[Command] = []
        self.tell(now=0.0)

    def tell(self, *events: Event, now: float = 0.0) -> list[Command]:
        """Hand events over; gives the commands that follow."""
        commands = self.scheduler.handle(events, now)
        self.commands += commands
        return commands

    def feed(self, *items: Any, source: int = 0, ended: bool = False, now: float = 0.0) -> list[Submit]:
        """A source gives items; gives what is submitted for them."""
        return submitted(self.tell(Fed(source, list(items), ended), now=now))

    def work(self, *submits: Submit, seconds: float = 0.0, now: float = 0.0) -> list[Submit]:
        """The engine has done these chunks; gives what is submitted next."""
        return submitted(self.tell(*(self.done(submit, seconds) for submit in submits), now=now))

    def done(self, submit: Submit, seconds: float = 0.0) -> Done:
        """The event that says that a chunk has been worked on, each step taking so many seconds."""
        kernel = self.scheduler.plan.stages[submit.stage].kernel
        portion = submit.chunk.portion and submit.chunk.portion._replace(seconds=math.inf)
        outcome = kernel.run(submit.chunk.items, entry=submit.chunk.entry, portion=portion)
        outcome.counts = [count and count._replace(seconds=seconds) for count in outcome.counts]
        return Done(submit.ticket, outcome)

    def finish(self) -> None:
        """End all sources, and do whatever is out until the run has ended."""
        ends = [Fed(feed.number, [], ended=True) for feed in self.scheduler.parts.feeds if not feed.exhausted]
        out = submitted(self.tell(*ends))
        out = [submit for submit in submitted(self.commands) if submit.ticket in self.scheduler.flights]
        while out:
            out = self.work(*out, now=1e9)

    @property
    def delivered(self) -> list[Any]:
        """What has come out, at all ends, in order of arrival."""
        return [item for command in self.commands if isinstance(command, Deliver) for item in command.items]


def submitted(commands: Sequence[Command]) -> list[Submit]:
    """The chunks among these commands."""
    return [command for command in commands if isinstance(command, Submit)]


def outcome(items: Sequence[Any] = (), seconds: float = 0.0, received: int | None = None) -> Outcome:
    """What a kernel of one step and one port gives for as many items."""
    count = StepCount(received=len(items) if received is None else received, seconds=seconds)
    return Outcome([(list(items), range(len(items)))], [count], [], [], [])


@contextmanager
def by_hand(
    capabilities: Capabilities = KILLABLE,
    policy: Policy = COLLECT,
    seed: int = 0,
) -> Iterator[Any]:
    """Declare a pipeline in the block; after it, the yielded function gives a `Hand` that drives it.

    >>> with by_hand() as drive:
    ...     skorche.map(abs, skorche.Queue(fixed_inputs=[]))
    >>> drive().feed(-1)[0].chunk.items
    [-1]
    """
    with skorche.Pipeline() as pipeline:
        yield lambda: Hand(pipeline, capabilities, policy, seed)
