"""What does an item cost whose result is in the store: 10,000 of them, on a thread, the start of the run included?

Each is hashed, looked up in SQLite, checked and decoded. The first run, which makes and keeps them, is told beside it.
"""

from __future__ import annotations

import tempfile
from time import perf_counter

import skorche
from benchmarks.harness.figure import Figure

REPEATS = 7
COUNT = 10_000


@skorche.task(cache=True)
def describe(number: int) -> dict[str, object]:
    """The task, whose calls cost next to nothing: all that is measured is the cache."""
    return {"number": number, "square": number * number, "name": f"item {number}"}


def run(store: str, expected: int) -> float:
    """Microseconds per item of a run in which so many results are found."""
    wanted = [describe(number) for number in range(COUNT)]
    began = perf_counter()
    with skorche.Pipeline() as pipeline:
        queue = skorche.map(describe, skorche.Queue(fixed_inputs=range(COUNT)))
    report = pipeline.run(store=store, progress=False).wait()
    results = queue.flush()
    seconds = perf_counter() - began
    assert results == wanted
    assert report.nodes["describe"].cached == expected
    return seconds / COUNT * 1e6


def measure(repeats: int) -> list[Figure]:
    """Microseconds per item of runs that find everything."""
    with tempfile.TemporaryDirectory() as folder:
        first = run(folder, 0)
        again = [run(folder, COUNT) for _ in range(repeats)]
    return [
        Figure.of(
            again,
            "10,000 results found in the store, one thread",
            f"made and kept in the first run ({first:.0f} us per item)",
            count=COUNT,
            unit="us per item",
            at_most=40.0,
        )
    ]
