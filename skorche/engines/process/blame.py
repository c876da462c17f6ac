"""What a dead worker was on: its slot, which outlives it, tells whom to blame. Numbers in, a verdict out.

it was loading, or between two slices    nobody: what has come back counts, the rest comes back to be done
it was reading or writing one item       that item
it was reading or writing several        not clear: they are done again one by one, which tells
it was in a large slice of quick items   not clear either
it was in a step                         the item it was on; those before it in the slice have run, and run again
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

from skorche.engines.process.slot import (
    ANY,
    IDLE,
    INDEX,
    LAST,
    LOADING,
    NONE,
    READING,
    STEP,
    TICKET,
    WRITING,
)
from skorche.errors import WorkerCrash, glance
from skorche.named import NamedTuple

LONGEST_ITEM = 100
"""Characters of an item in a message."""


class Verdict(NamedTuple):
    """The item to blame, if there is one, and how many of the others have run and will run again."""

    suspect: int | None = None
    rerun: int = 0
    unclear: bool = False


def judge(ticket: int, left: Sequence[int], slot: Sequence[int], entry: int = 0) -> Verdict:
    """Whom to blame. `left` are the indices of the items whose results have not come back; they began at step `entry`.

    >>> judge(7, [3, 4, 5, 6], {TICKET: 7, STEP: 0, INDEX: 5, LAST: 6})
    Verdict(suspect=5, rerun=2, unclear=False)
    """
    step, index = slot[STEP], slot[INDEX]
    if slot[TICKET] != ticket or step in (IDLE, LOADING):
        return Verdict()
    if step == READING:
        return _judge_whole(left) if index == NONE else Verdict(index)
    begun = [one for one in left if one <= slot[LAST]]
    if step == WRITING or index == ANY or (step > entry and index == NONE):
        return _judge_whole(begun)._replace(rerun=len(begun) if len(begun) > 1 else 0)
    if index not in left:
        return Verdict()  # the step had not come to its first item
    return Verdict(index, len(begun if step > entry else [one for one in begun if one <= index]) - 1)


def _judge_whole(items: Sequence[int]) -> Verdict:
    """All of them, or none, may be to blame."""
    if not items:
        return Verdict()
    return Verdict(items[0]) if len(items) == 1 else Verdict(unclear=True)


def told_ending(code: int) -> str:
    """How a process ended, for a message.

    >>> told_ending(3), told_ending(-9)
    ('exit code 3', 'signal 9, SIGKILL')
    """
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def given_up() -> WorkerCrash:
    """The worker was stopped by us."""
    return WorkerCrash("the item was given up.")


def explain_crash(
    code: int,
    task: str,
    slot: Sequence[int],
    item: tuple[Any, ...],
    memory_kills: int,
    *,
    hung_up: bool = False,
    behind: bool = False,
) -> WorkerCrash:
    """What to tell of a death. `item` holds the one to blame, if there is one.

    `memory_kills`: processes that the system has killed meanwhile because memory ran out. `hung_up`: it had closed its
    pipe, and it was we who killed it. `behind`: the task got what the steps before it had made of the item.
    """
    moment = {
        READING: ", while it was read and unpickled",
        WRITING: ", while its result was pickled and written",
    }.get(slot[STEP], "")
    where = (
        f"on {'what came of ' * behind}the item {glance(item[0], LONGEST_ITEM)} of task {task!r}{moment}"
        if item
        else f"at work for task {task!r}"
    )
    what = f"a worker process died ({told_ending(code)}) {where}."
    if hung_up:
        why = "the task, or a library, closed the pipe to its parent, so it was not heard any more, and killed."
        return WorkerCrash(what, why, "leave files alone that the task has not opened.", code)
    if code != -signal.SIGKILL:
        why = "the task, or a library it calls, ended the process."
        return WorkerCrash(what, why, "retries= tries again in a new process.", code)
    why = "it was killed from outside, probably because memory ran out"
    if memory_kills:
        why += f": the system says that it killed {memory_kills} for that since the run began"
    mend = "give it fewer workers or smaller items; max_worker_memory= replaces workers that have grown."
    return WorkerCrash(what, f"{why}.", mend, code)
