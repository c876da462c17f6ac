"""What do `import skorche`, the first task and the first run add to the start of a program?

Whole programs in fresh interpreters, from start to end, less a bare `python -c pass` of the same round. Beside them,
`concurrent.futures` doing the same.
"""

from __future__ import annotations

from statistics import median

from benchmarks.harness.figure import Figure
from benchmarks.harness.fresh import seconds_of_program
from benchmarks.harness.turns import take_turns

REPEATS = 11
HEAVY = ("loky", "graphviz", "rich", "yaml", "cloudpickle")

IMPORT = "import skorche"

IMPORT_FUTURES = "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor"

TASK = """
import skorche

@skorche.task
def increment(number):
    return number + 1
"""

RUN = """
import skorche

@skorche.task(engine="{engine}", max_workers=2)
def increment(number):
    return number + 1

if __name__ == "__main__":
    with skorche.Pipeline() as pipeline:
        results = skorche.map(increment, skorche.Queue(fixed_inputs=range(10)))
    pipeline.run().wait()
    print(results.flush())
"""

RUN_FUTURES = """
from concurrent.futures import {executor}

def increment(number):
    return number + 1

if __name__ == "__main__":
    with {executor}(2) as executor:
        print(list(executor.map(increment, range(10))))
"""

NAME_HEAVY = f"import skorche, sys; print([name for name in {HEAVY!r} if name in sys.modules])"

TEN = str(list(range(1, 11)))

PROGRAMS = (
    ("pass", ""),
    (IMPORT, ""),
    (TASK, ""),
    (RUN.format(engine="thread"), TEN),
    (RUN.format(engine="process"), TEN),
    (IMPORT_FUTURES, ""),
    (RUN_FUTURES.format(executor="ThreadPoolExecutor"), TEN),
    (RUN_FUTURES.format(executor="ProcessPoolExecutor"), TEN),
)
"""Each with what it prints. The first is what all others are compared with."""


def measure(repeats: int) -> list[Figure]:
    """Milliseconds on top of a bare interpreter."""
    seconds_of_program(NAME_HEAVY, "[]")  # raises if one is imported; also warms the caches
    for program, printed in PROGRAMS:
        seconds_of_program(program, printed)
    rounds = take_turns(
        repeats,
        *(lambda one=one: 1e3 * seconds_of_program(*one) for one in PROGRAMS),
    )
    added = [[times[number] - times[0] for times in rounds] for number in range(len(PROGRAMS))]
    bare = f"python -c pass ({median(times[0] for times in rounds):.0f} ms)"
    return [
        Figure.of(added[1], "import skorche", bare, count="1 start", unit="ms more", at_most=60),
        Figure.of(
            [0.0], f"imported with it of {', '.join(HEAVY)}", "none", count=len(HEAVY), unit="modules", at_most=0
        ),
        *(_figure(what, added[number], added[futures]) for what, number, futures in COMPARED),
    ]


COMPARED = (
    ("import, first task", 2, 5),
    ("import, first run on threads", 3, 6),
    ("import, first run on processes", 4, 7),
)
"""What is told, its program, and the program of `concurrent.futures` beside it."""


def _figure(what: str, added: list[float], beside: list[float]) -> Figure:
    against = f"concurrent.futures ({median(beside):.0f} ms more)"
    return Figure.of(added, what, against, count="10" if "run" in what else "1 start", unit="ms more")
