"""What does each operator cost per item, beside a plain loop that does the same work?

A pipeline of only that operator, from its declaration to its results, so the way in and out is in each price; the task
and the predicates are as trivial as can be. Told, not judged: the bounds stand with the other questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
HEAVY = 45

Ends = Sequence[skorche.Queue[Any]]


def is_even(number: int) -> bool:
    """Half of them are."""
    return number % 2 == 0


def last_digit(number: int) -> int:
    """One of ten."""
    return number % 10


def count_up(start: int) -> Iterator[int]:
    """Ten numbers, one by one."""
    yield from range(start, start + MEMBERS)


def list_up(start: int) -> list[int]:
    """Ten numbers in a list."""
    return list(range(start, start + MEMBERS))


def add(total: int, number: int) -> int:
    """The sum of both."""
    return total + number


def ignore(number: int) -> None:
    """Do nothing."""


def numbers(start: int = 0, count: int = COUNT) -> skorche.Queue[int]:
    """A queue of numbers."""
    return skorche.Queue(fixed_inputs=range(start, start + count))


def loop_map() -> list[list[int]]:
    """`map` the plain way."""
    results = []
    for number in range(COUNT):
        results.append(increment(number))
    return [results]


def loop_map_unpacking() -> list[list[int]]:
    """Two arguments the plain way."""
    results = []
    for pair in PAIRS:
        results.append(add(*pair))
    return [results]


def loop_map_class() -> list[list[int]]:
    """An instance the plain way."""
    results, adding = [], Adding(1)
    for number in range(COUNT):
        results.append(adding(number))
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


def loop_batch_by_key() -> list[list[list[int]]]:
    """The same, with a list for each last digit."""
    batches = []
    open_lists: dict[int, list[int]] = {}
    for number in range(COUNT):
        batch = open_lists.setdefault(last_digit(number), [])
        batch.append(number)
        if len(batch) == MEMBERS:
            batches.append(open_lists.pop(last_digit(number)))
    return [batches]


def loop_batch_by_weight() -> list[list[list[int]]]:
    """The same, with numbers as heavy as their last digit."""
    batches: list[list[int]] = [[]]
    total = 0
    for number in range(COUNT):
        if total + last_digit(number) > HEAVY:
            batches.append([])
            total = 0
        batches[-1].append(number)
        total += last_digit(number)
        if total == HEAVY:
            batches.append([])
            total = 0
    return [[batch for batch in batches if batch]]


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


def loop_flat_map() -> list[list[int]]:
    """`flat_map` over generators the plain way."""
    results = []
    for start in range(0, COUNT, MEMBERS):
        for number in count_up(start):
            results.append(number)
    return [results]


def loop_flat_map_lists() -> list[list[int]]:
    """`flat_map` over lists the plain way."""
    results = []
    for start in range(0, COUNT, MEMBERS):
        for number in list_up(start):
            results.append(number)
    return [results]


def loop_reduce() -> list[list[int]]:
    """`reduce` the plain way."""
    total = 0
    for number in range(COUNT):
        total = add(total, number)
    return [[total]]


def loop_sink() -> list[list[int]]:
    """`sink` the plain way."""
    for number in range(COUNT):
        ignore(number)
    return []


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


def loop_map_list() -> list[list[int]]:
    """`map` over a list the plain way."""
    results = []
    for number in NUMBERS:
        results.append(increment(number))
    return [results]


def declare_map_list() -> Ends:
    """A trivial task, from a list."""
    return [skorche.map(increment, skorche.Queue(fixed_inputs=NUMBERS))]


def loop_map_generator() -> list[list[int]]:
    """`map` over a generator the plain way."""
    results = []
    for number in (one for one in NUMBERS):
        results.append(increment(number))
    return [results]


def declare_map_generator() -> Ends:
    """A trivial task, from a generator."""
    return [skorche.map(increment, skorche.Queue(fixed_inputs=(one for one in NUMBERS)))]


NUMBERS = list(range(COUNT))

PAIRS = [(number, 1) for number in range(COUNT)]


class Adding:
    """A class of which each worker makes an instance."""

    def __init__(self, by: int) -> None:
        self.by = by

    def __call__(self, number: int) -> int:
        return number + self.by


def declare_map_unpacking() -> Ends:
    """A trivial task of two arguments."""
    return [skorche.map(skorche.task(unpack=True)(add), skorche.Queue(fixed_inputs=PAIRS))]


def declare_map_class() -> Ends:
    """A trivial task that is a class."""
    return [skorche.map(skorche.task(Adding)(1), numbers())]


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


def declare_batch_in_time() -> Ends:
    """Lists of ten, which would leave within an hour."""
    return [skorche.batch(numbers(), batch_size=MEMBERS, timeout=3600)]


def declare_batch_by_key() -> Ends:
    """Lists of ten with the same last digit."""
    return [skorche.batch(numbers(), batch_size=MEMBERS, key=last_digit)]


def declare_batch_by_weight() -> Ends:
    """Lists of numbers whose last digits add up to no more than so much."""
    return [skorche.batch(numbers(), weight=last_digit, max_weight=HEAVY)]


def declare_unbatch() -> Ends:
    """The members of lists of ten."""
    return [skorche.unbatch(skorche.Queue(fixed_inputs=BATCHES))]


def declare_merge() -> Ends:
    """Two sources."""
    return [skorche.merge((numbers(0, COUNT // 2), numbers(COUNT // 2, COUNT // 2)))]


def declare_flat_map() -> Ends:
    """Generators of ten elements."""
    return [skorche.flat_map(count_up, skorche.Queue(fixed_inputs=range(0, COUNT, MEMBERS)))]


def declare_flat_map_lists() -> Ends:
    """Lists of ten elements."""
    return [skorche.flat_map(list_up, skorche.Queue(fixed_inputs=range(0, COUNT, MEMBERS)))]


def declare_reduce() -> Ends:
    """A sum."""
    return [skorche.reduce(add, numbers(), initial=0)]


def declare_sink() -> Ends:
    """A task that does nothing."""
    skorche.sink(ignore, numbers())
    return []


def declare_tee() -> Ends:
    """Two branches."""
    return skorche.tee(numbers())


def declare_zip() -> Ends:
    """Two sources, by number."""
    return [skorche.zip((numbers(), numbers()))]


def loop_apply() -> list[list[int]]:
    """`apply` the plain way."""
    results = []
    for left, right in zip(range(COUNT), range(COUNT), strict=True):
        results.append(add(left, right))
    return [results]


def declare_apply() -> Ends:
    """A trivial task of two arguments."""
    return [skorche.apply(add, numbers(), numbers())]


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
    Operator("map, from a list", declare_map_list, loop_map_list),
    Operator("map, from a generator", declare_map_generator, loop_map_generator),
    Operator("map, unpacking pairs", declare_map_unpacking, loop_map_unpacking),
    Operator("map, an instance per worker", declare_map_class, loop_map_class),
    Operator("chain of three", declare_chain, loop_chain),
    Operator("split in two", declare_split, loop_split),
    Operator("split in ten", declare_split_many, loop_split_many),
    Operator("filter", declare_filter, loop_filter),
    Operator("map, filter fused", declare_map_filter, loop_map_filter),
    Operator("batch of ten", declare_batch, loop_batch),
    Operator("batch of ten, in time", declare_batch_in_time, loop_batch),
    Operator("batch of ten, by key", declare_batch_by_key, loop_batch_by_key),
    Operator("batch by weight", declare_batch_by_weight, loop_batch_by_weight),
    Operator("unbatch of ten", declare_unbatch, loop_unbatch),
    Operator("merge of two", declare_merge, loop_merge),
    Operator("flat_map, generators of ten", declare_flat_map, loop_flat_map),
    Operator("flat_map, lists of ten", declare_flat_map_lists, loop_flat_map_lists),
    Operator("reduce", declare_reduce, loop_reduce),
    Operator("sink", declare_sink, loop_sink),
    Operator("tee in two", declare_tee, loop_tee),
    Operator("zip of two sources", declare_zip, loop_zip),
    Operator("zip of a tee", declare_tee_zip, loop_zip),
    Operator("apply of two sources", declare_apply, loop_apply),
)


def measure(repeats: int) -> list[Figure]:
    """The price list."""
    return [operator.price(repeats) for operator in OPERATORS]
