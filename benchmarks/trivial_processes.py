"""One trivial task on two processes, nothing tuned: is it slower than a `multiprocessing.Pool` tuned by hand?

The pool is given chunks of 5,000 items; skorche has to find out by itself. Both are timed from before their processes
start until after they have gone.
"""

from __future__ import annotations

from multiprocessing import Pool

import skorche
from benchmarks.chain_threads import increment
from benchmarks.harness.figure import Figure
from benchmarks.harness.job import results_of
from benchmarks.harness.turns import median_of, ratios, seconds_of, take_turns

REPEATS = 7
COUNT = 2_000_000
WORKERS, POOL_CHUNK = 2, 5_000


def pipeline() -> list[int]:
    """With skorche."""
    task = skorche.task(engine="process", max_workers=WORKERS)(increment)
    (results,) = results_of(lambda: [skorche.map(task, skorche.Queue(fixed_inputs=range(COUNT)))])
    return results


def pool() -> list[int]:
    """With the standard library."""
    with Pool(WORKERS) as processes:
        return list(processes.imap(increment, range(COUNT), chunksize=POOL_CHUNK))


def measure(repeats: int) -> list[Figure]:
    """The ratio, in interleaved pairs."""
    expected = [increment(number) for number in range(COUNT)]
    rounds = take_turns(repeats, lambda: seconds_of(pipeline, expected), lambda: seconds_of(pool, expected))
    return [
        Figure.of(
            ratios(rounds, 0, 1),
            "one trivial task, two processes, start included",
            f"Pool(2).imap, chunks of 5,000 ({median_of(rounds, 1) / COUNT * 1e6:.2f} us per item)",
            count=COUNT,
            unit="times the pool",
            at_most=1.0,
        )
    ]
