"""Records from one task on a process to the next, in batches: what is it worth that nobody unpickles them in between?

Each task has one process. The first makes lists of dictionaries, the second reads batches of such. Once they go as they
do, sealed; once the planner is told that there is nobody to seal them for; and once through two pools of the standard
library, whose chunks are set by hand. All are timed from before their processes start until after they have gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from multiprocessing import Pool
from unittest.mock import patch

import skorche
from benchmarks.harness.figure import Figure
from benchmarks.harness.job import results_of
from benchmarks.harness.turns import median_of, ratios, seconds_of, take_turns
from skorche.compile import planner

REPEATS = 7
COUNT, RECORDS, BATCH = 6_000, 100, 10
Record = dict[str, int | str]


def parse(number: int) -> list[Record]:
    """Records, as a parser gives them."""
    return [{"number": number, "line": line, "text": f"record {line} of {number}"} for line in range(RECORDS)]


def add_up(batch: list[list[Record]]) -> list[int]:
    """A number for each list."""
    return [sum([int(record["line"]) + len(str(record["text"])) for record in records]) for records in batch]


def _in_batches(items: Iterable[list[Record]]) -> Iterator[list[list[Record]]]:
    rest = iter(items)
    while batch := [*islice(rest, BATCH)]:
        yield batch


def _declare() -> list[skorche.Queue[list[int]]]:
    parsed = skorche.map(skorche.task(engine="process", max_workers=1)(parse), skorche.Queue(fixed_inputs=range(COUNT)))
    batches = skorche.batch(parsed, batch_size=BATCH)
    return [skorche.map(skorche.task(engine="process", max_workers=1)(add_up), batches)]


def sealed() -> list[list[int]]:
    """As it is."""
    (results,) = results_of(_declare)
    return results


def unsealed() -> list[list[int]]:
    """As it would be without."""
    with patch.object(planner._Planner, "_seals", lambda self, destination: False):
        return sealed()


def pools() -> list[list[int]]:
    """By hand. Ten items at a time are the best of 1, 10 and 100."""
    with Pool(1) as first, Pool(1) as second:
        return list(second.imap(add_up, _in_batches(first.imap(parse, range(COUNT), chunksize=BATCH))))


def measure(repeats: int) -> list[Figure]:
    """Both ratios, in interleaved rounds."""
    expected = [*map(add_up, _in_batches(map(parse, range(COUNT))))]
    ways = (sealed, unsealed, pools)
    rounds = take_turns(repeats, *[lambda way=way: seconds_of(way, expected) for way in ways])
    what = f"lists of {RECORDS} records from process to process, batches of {BATCH}, start included"
    return [
        Figure.of(
            ratios(rounds, 0, number),
            what,
            f"{told} ({median_of(rounds, number) / COUNT * 1e6:.0f} us per list)",
            count=COUNT,
            unit="times as long",
            at_most=at_most,
        )
        for number, told, at_most in (
            (1, "the same, unpickled and pickled again in between", 0.9),
            (2, "two Pool(1), chunks of 10", 1.0),
        )
    ]
