"""Do a thousand coroutines that wait 50 ms each keep waiting, as many at a time as they may?

Beside it the two ways to write it with bare asyncio: `workers`, a thousand coroutines that take numbers from one
iterator, about the best there is, since nothing is made per item; and `gathered`, what most people write, a semaphore
and a `gather` of ten thousand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import skorche
from benchmarks.harness.figure import Figure
from benchmarks.harness.job import results_of
from benchmarks.harness.turns import median_of, ratios, seconds_of, take_turns

REPEATS = 9
COUNT, AT_ONCE = 10_000, 1_000
WAIT = 0.05
QUICK = 100_000


async def wait(number: int) -> int:
    """A task that does nothing for 50 ms."""
    await asyncio.sleep(WAIT)
    return number


async def same(number: int) -> int:
    """A task that waits for nothing."""
    return number


def pipeline(task: Callable[[int], Coroutine[Any, Any, int]], count: int) -> list[int]:
    """One async task, a thousand items in flight."""
    wide = skorche.task(max_workers=AT_ONCE)(task)
    (results,) = results_of(lambda: [skorche.map(wide, skorche.Queue(fixed_inputs=range(count)))])
    return results


async def workers() -> list[int]:
    """A thousand coroutines, each of which takes the next number as long as there is one."""
    results: list[int] = []
    numbers = iter(range(COUNT))

    async def work() -> None:
        for number in numbers:
            results.append(await wait(number))

    await asyncio.gather(*[work() for _ in range(AT_ONCE)])
    return sorted(results)


async def gathered() -> list[int]:
    """A coroutine for each number, of which a semaphore lets a thousand through at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def work(number: int) -> int:
        async with room:
            return await wait(number)

    return list(await asyncio.gather(*[work(number) for number in range(COUNT)]))


async def awaited() -> list[int]:
    """One after the other, which is all it takes when nothing waits."""
    return [await same(number) for number in range(QUICK)]


def measure(repeats: int) -> list[Figure]:
    """Throughput as a share of that of bare asyncio, and the price of an item that does not wait."""
    numbers, quick = list(range(COUNT)), list(range(QUICK))
    rounds = take_turns(
        repeats,
        lambda: seconds_of(lambda: pipeline(wait, COUNT), numbers),
        lambda: seconds_of(lambda: asyncio.run(workers()), numbers),
        lambda: seconds_of(lambda: asyncio.run(gathered()), numbers),
    )
    short = take_turns(
        max(1, repeats // 3),
        lambda: 1e6 / QUICK * seconds_of(lambda: pipeline(same, QUICK), quick),
        lambda: 1e6 / QUICK * seconds_of(lambda: asyncio.run(awaited()), quick),
    )
    what, unit = "waits of 50 ms, 1,000 at a time", "of their throughput"
    by_workers = f"1,000 asyncio workers ({1e3 * median_of(rounds, 1):.0f} ms)"
    by_semaphore = f"asyncio.gather and a semaphore ({1e3 * median_of(rounds, 2):.0f} ms)"
    return [
        Figure.of(ratios(rounds, 1, 0), what, by_workers, count=COUNT, unit=unit, at_least=0.8),
        Figure.of(ratios(rounds, 2, 0), what, by_semaphore, count=COUNT, unit=unit, at_least=0.8),
        Figure.of(
            [price for price, _ in short],
            "an async task that does not wait",
            f"await in a for loop ({median_of(short, 1):.2f} us)",
            count=QUICK,
            unit="us per item",
        ),
    ]
