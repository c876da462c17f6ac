"""What does each operator cost per item, beside a plain loop that does the same work?

A pipeline of only that operator, from its declaration to its results, so the way in and out is in each price; the task
and the predicates are as trivial as can be. Told, not judged: the bounds stand with the other questions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import skorche
from benchmarks.chain_threads import double, increment, square
from benchmarks.harness.figure import Figure
from benchmarks.harness.job import results_of
from benchmarks.harness.turns import median_of, seconds_of, take_turns

REPEATS = 5
COUNT = 500_000
MEMBERS = 10

Ends = Sequence[skorche.Queue[Any]]


def is_even(number: int) -> bool:
    """Half of them are."""
    return number % 2 == 0


def last_digit(number: int) -> int:
    """One of ten."""
    return number % 10


def numbers(start: int = 0, count: int = COUNT) -> skorche.Queue[int]:
    """A queue of numbers."""
    return skorche.Queue(fixed_inputs=range(start, start + count))


def loop_map() -> list[list[int]]:
    """`map` the plain way."""
    results = []
    for number in range(COUNT):
        results.append(increment(number))
    return [results]


def loop_chain() -> list[list[int]]:
    """`chain` the plain way."""
    results = []
    for number in range(COUNT):
        results.append(square(double(increment(number))))
    return [results]


def loop_split() -> list[list[int]]:
    """`split` in two the plain way."""
    evens, odds = [], []
    for number in range(COUNT):
        if is_even(number):
            evens.append(number)
        else:
            odds.append(number)
    return [evens, odds]


def loop_split_many() -> list[list[int]]:
    """`split` in ten the plain way."""
    branches: dict[int, list[int]] = {digit: [] for digit in range(10)}
    for number in range(COUNT):
        branches[last_digit(number)].append(number)
    return list(branches.values())


def loop_filter() -> list[list[int]]:
    """`filter` the plain way."""
    results = []
    for number in range(COUNT):
        if is_even(number):
            results.append(number)
    return [results]


def loop_map_filter() -> list[list[int]]:
    """`map` and `filter` the plain way."""
    results = []
    for number in range(COUNT):
        result = increment(number)
        if is_even(result):
            results.append(result)
    return [results]


def loop_batch() -> list[list[list[int]]]:
    """`batch` the plain way."""
    batches, batch = [], []
    for number in range(COUNT):
        batch.append(number)
        if len(batch) == MEMBERS:
            batches.append(batch)
            batch = []
    return [batches]


BATCHES = loop_batch()[0]


def loop_unbatch() -> list[list[int]]:
    """`unbatch` the plain way."""
    results = []
    for batch in BATCHES:
        for number in batch:
            results.append(number)
    return [results]


def loop_merge() -> list[list[int]]:
    """`merge` the plain way."""
    results = []
    for source in (range(COUNT // 2), range(COUNT // 2, COUNT)):
        for number in source:
            results.append(number)
    return [results]


def loop_tee() -> list[list[int]]:
    """`tee` the plain way."""
    left, right = [], []
    for number in range(COUNT):
        left.append(number)
        right.append(number)
    return [left, right]


def loop_zip() -> list[list[tuple[int, int]]]:
    """`zip` the plain way."""
    results = []
    for pair in zip(range(COUNT), range(COUNT), strict=True):
        results.append(pair)
    return [results]


def declare_map() -> Ends:
    """A trivial task."""
    return [skorche.map(increment, numbers())]


def declare_chain() -> Ends:
    """Three trivial tasks."""
    return [skorche.chain([increment, double, square], numbers())]


def declare_split() -> Ends:
    """Two branches."""
    return skorche.split(is_even, numbers())


def declare_split_many() -> Ends:
    """Ten branches."""
    return skorche.split(last_digit, numbers(), predicate_values=range(10))


def declare_filter() -> Ends:
    """Half of the items stay."""
    return [skorche.filter(is_even, numbers())]


def declare_map_filter() -> Ends:
    """A filter that travels with the task before it."""
    return [skorche.filter(is_even, skorche.map(increment, numbers()), fuse=True)]


def declare_batch() -> Ends:
    """Lists of ten."""
    return [skorche.batch(numbers(), batch_size=MEMBERS)]


def declare_unbatch() -> Ends:
    """The members of lists of ten."""
    return [skorche.unbatch(skorche.Queue(fixed_inputs=BATCHES))]


def declare_merge() -> Ends:
    """Two sources."""
    return [skorche.merge((numbers(0, COUNT // 2), numbers(COUNT // 2, COUNT // 2)))]


def declare_tee() -> Ends:
    """Two branches."""
    return skorche.tee(numbers())


def declare_zip() -> Ends:
    """Two sources, by number."""
    return [skorche.zip((numbers(), numbers()))]


def declare_tee_zip() -> Ends:
    """The branches of a tee, by place."""
    return [skorche.zip(skorche.tee(numbers()))]


@dataclass(frozen=True)
class Operator:
    """An operator's name, its pipeline, and the same in plain Python."""

    name: str
    declare: Callable[[], Ends]
    loop: Callable[[], list[list[Any]]]

    def price(self, repeats: int) -> Figure:
        """Microseconds per item."""
        expected = self.loop()
        rounds = take_turns(
            repeats,
            lambda: self._micros(lambda: results_of(self.declare), expected),
            lambda: self._micros(self.loop, expected),
        )
        against = f"for loop ({median_of(rounds, 1):.2f} us)"
        return Figure.of([pipeline for pipeline, _ in rounds], self.name, against, count=COUNT, unit="us per item")

    @staticmethod
    def _micros(job: Callable[[], Any], expected: Any) -> float:
        return 1e6 * seconds_of(job, expected) / COUNT


OPERATORS = (
    Operator("map", declare_map, loop_map),
    Operator("chain of three", declare_chain, loop_chain),
    Operator("split in two", declare_split, loop_split),
    Operator("split in ten", declare_split_many, loop_split_many),
    Operator("filter", declare_filter, loop_filter),
    Operator("map, filter fused", declare_map_filter, loop_map_filter),
    Operator("batch of ten", declare_batch, loop_batch),
    Operator("unbatch of ten", declare_unbatch, loop_unbatch),
    Operator("merge of two", declare_merge, loop_merge),
    Operator("tee in two", declare_tee, loop_tee),
    Operator("zip of two sources", declare_zip, loop_zip),
    Operator("zip of a tee", declare_tee_zip, loop_zip),
)


def measure(repeats: int) -> list[Figure]:
    """The price list."""
    return [operator.price(repeats) for operator in OPERATORS]
