"""What becomes of an item that failed: divided, tried again, put into an error queue, collected, or the run's end.

    a list under isolate=True, longer than one  ▶ two halves enter the stage again
    attempts left, and the error is one to retry ▶ enters again after backoff * 2^(attempt-1) seconds, full jitter
    otherwise it has failed: to `queue_errors` if there is one; else `on_error` decides between raise and collect

Full jitter (a uniform draw from zero to the backoff) spreads retries best: Brooker, "Exponential Backoff And Jitter",
AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from skorche.compile.plan import NodePlan
from skorche.errors import InternalError, SkorcheError, TooManyFailures, add_note, drop_traceback, shorten
from skorche.events import Failure
from skorche.kernel import Trouble
from skorche.named import NamedTuple
from skorche.options import OnError, OnStall
from skorche.place import Group, Place, element, roots
from skorche.runtime.flow import Books, Target
from skorche.runtime.ledger import End
from skorche.runtime.order import Origin
from skorche.runtime.stage import Again, Flight, Stage

if TYPE_CHECKING:
    from random import Random

ARGUMENTS = "required positional argument"
"""What Python says that a call lacks."""
LONGEST_BACKOFF = 60.0
MOST_DOUBLINGS = 64
FEWEST_FOR_A_SHARE = 20


class Policy(NamedTuple):
    """What the run was told to do with failures. `max_failures`: a number of items, or a share of the source items.

    The share is one of all that were admitted, not of those that ended: a failed item ends at once, while a good one is
    still on its way. After `stall_timeout` seconds in which nothing came back, the run says what it waits for, and
    fails if `on_stall` is "raise".
    """

    on_error: OnError = "raise"
    max_failures: float | None = None
    stall_timeout: float | None = None
    on_stall: OnStall = "warn"


class Recovery:
    """Decides on failed items. Keeps the failures, and in `timers`, a heap, the items that wait to be tried again."""

    def __init__(self, books: Books, policy: Policy, seed: int | None = None) -> None:
        self._books, self._policy, self._seed = books, policy, seed
        self.timers: list[tuple[float, int, Stage, Again]] = []
        self._number = 0
        self._lost: set[int] = set()
        self.failures: list[Failure] = []
        self.unhandled = 0

    def handle(self, flight: Flight, trouble: Trouble, place: Place, now: float) -> bool:
        """Deal with one failed item; whether it will enter the stage again."""
        stage, chunk = flight.stage, flight.chunk
        index = trouble.path if type(trouble.path) is int else trouble.path[0]
        origin = flight.origins[index] if flight.origins else None
        known = chunk.attempts[index] if chunk.attempts and trouble.step == chunk.entry else 0
        number = stage.plan.nodes[trouble.step]
        node = self._books.plan.nodes[number]
        depth = stage.plan.sealed_depth
        if not self._books.stopping:
            if node.isolate and depth is not None:
                trouble = _opened(trouble, 0)  # it may be a list
            if node.isolate and isinstance(trouble.item, list) and len(trouble.item) > 1:
                self._divide(stage, trouble, place, number, origin)
                return True
            retries = known < node.retries and isinstance(trouble.error, node.retry_on)
            if retries and trouble.as_text:
                add_note(trouble.error, "not tried again: it cannot be pickled, so only its text came from the worker")
            elif retries:
                again = Again(trouble.item, place, known + 1, trouble.step, origin)
                self._delay(stage, again, node, number, now)
                return True
        if depth is not None:
            trouble = _opened(trouble, depth)
        target = stage.error_target.get(number)
        self._fail(number, trouble, place, known + 1, None if target is None else stage.targets[target])
        return False

    def reject(self, number: int, item: Any, place: Place, error: BaseException) -> None:
        """An operator that runs nothing cannot do anything with an item: it fails there."""
        self._fail(number, Trouble(0, 0, item, error, ""), place, 1, None)

    def _divide(self, stage: Stage, trouble: Trouble, place: Place, node: int, origin: Origin | None) -> None:
        items, half = trouble.item, len(trouble.item) // 2
        if isinstance(place, Group) and len(place) == len(items):
            places: list[Place] = [Group(place[:half]), Group(place[half:])]
        else:  # -1 elements: neither half stands for a member, also where the list was made from a batch of two
            self._books.ledger.multiply([place], 2)
            places = [element(place, 0, -1), element(place, 1, -1)]
        self._books.tallies[node].divided += 1
        if origin is not None:
            origin[0].divide()
        for part, where in zip((items[:half], items[half:]), places, strict=True):
            stage.due.append(Again(part, where, 0, trouble.step, origin))
        for target in stage.targets:
            target.hold(1)

    @cached_property
    def _random(self) -> Random:
        from random import Random  # 2 ms to import: only who tries again needs it

        return Random(self._seed)

    def _delay(self, stage: Stage, again: Again, node: NodePlan, number: int, now: float) -> None:
        self._books.tallies[number].retried += 1
        longest = min(LONGEST_BACKOFF, node.backoff * 2 ** min(again.attempts - 1, MOST_DOUBLINGS))
        self._number += 1
        heapq.heappush(self.timers, (now + self._random.uniform(0, longest), self._number, stage, again))
        stage.delayed += 1

    def _fail(self, number: int, trouble: Trouble, place: Place, attempts: int, errors: Target | None) -> None:
        node = self._books.plan.nodes[number]
        tally = self._books.tallies[number]
        tally.failed += 1
        failure = Failure(node.name, trouble.item, trouble.error, trouble.traceback, attempts, trouble.output)
        self.failures.append(failure)
        if errors is not None:
            drop_traceback(failure.error)  # its text is kept; frames would keep the items they hold
            tally.handled += 1
            self._books.ledger.mark(place, End.FAILED)
            errors.accept([failure], [place])
            return
        self._books.ledger.end([place], End.FAILED)
        self.unhandled += 1
        if isinstance(self._policy.max_failures, float):
            self._lost.update(roots(place))
        self._judge(node, failure)

    def _judge(self, node: NodePlan, failure: Failure) -> None:
        if self._books.fatal is not None:
            return
        if (node.on_error or self._policy.on_error) == "raise":
            self._books.fatal = explain_failure(node, failure)
        elif self._too_many():
            self._books.fatal = self._give_up(failure)
        else:
            drop_traceback(failure.error)  # its text is kept; frames would keep the items they hold

    def _too_many(self) -> bool:
        limit = self._policy.max_failures
        if limit is None:
            return False
        if isinstance(limit, int):
            return self.unhandled > limit
        ledger = self._books.ledger
        return sum(ledger.ended.values()) >= FEWEST_FOR_A_SHARE and len(self._lost) > limit * ledger.admitted

    def _give_up(self, failure: Failure) -> TooManyFailures:
        error = TooManyFailures(
            f"{self.unhandled} items failed, more than max_failures={self._policy.max_failures} allows; "
            f"the last: {failure}",
            "a run that fails so often is hopeless.",
            "see report.failures for all of them; raise max_failures to go on.",
        )
        error.__cause__ = failure.error
        return error

    def wake(self, now: float) -> None:
        """Items whose time has come enter their stage again."""
        while self.timers and self.timers[0][0] <= now:
            _, _, stage, again = heapq.heappop(self.timers)
            stage.delayed -= 1
            stage.due.append(again)

    def drop(self) -> Iterator[tuple[Stage, Again]]:
        """Forget the items that wait: the run stops."""
        while self.timers:
            _, _, stage, again = self.timers.pop()
            stage.delayed -= 1
            yield stage, again


def _opened(trouble: Trouble, depth: int) -> Trouble:
    """With the item as its task has it, for people to see; or its text, where it cannot be rebuilt in this process."""
    from skorche.sealed import opened  # which few runs need

    try:
        return trouble._replace(item=opened(trouble.item, depth))
    except BaseException:  # noqa: BLE001  (whatever its class raises: the failure is told all the same)
        return trouble._replace(item=shorten(trouble.item), as_text=True)


def explain_failure(node: NodePlan, failure: Failure) -> BaseException:
    """The task's own exception, with notes that say where, on what, and how to keep going."""
    error = failure.error
    if isinstance(error, InternalError):
        return error
    tries = "" if failure.attempts == 1 else f" (attempt {failure.attempts})"
    add_note(error, f"in {node.title}{tries}, for the item {shorten(failure.item)}")
    if failure.traceback and not isinstance(error, SkorcheError) and error.__traceback__ is None:
        add_note(error, f"where it was raised:\n{failure.traceback}")
    if node.is_task and _lacks_arguments(error, failure.item):
        add_note(error, "the item is one argument: with @skorche.task(unpack=True) its elements are the arguments.")
    if failure.output:
        add_note(error, f"what was said on this item:\n{failure.output.rstrip()}")
    more = ", queue_errors= makes them a queue, retries= tries again" if node.is_task else ""
    add_note(error, f"to keep going after a failure: run(on_error='collect') lists failures in the report{more}.")
    return error


def _lacks_arguments(error: BaseException, item: object) -> bool:
    """Whether a function was given a row of values as its first argument, and lacks others."""
    return type(error) is TypeError and isinstance(item, tuple | list | dict) and ARGUMENTS in str(error)
