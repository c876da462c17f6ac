"""The rows of the table: what is done, with which items, what must come out of it, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.peers import photos, work

Setting = dict[str, Any]
"""What was made once for all measurements: `turns` of 1 ms, the folder of the `photos`, and the `target` folder."""

Told = Literal["as measured", "efficiency", "more"]
"""`efficiency`: the plain loop's time, on two CPUs, as a share of it. `more`: what comes on top of the plain loop's."""

CPUS = 2
HEAVY_EVERY, HEAVY_TIMES = 100, 100


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind of work. `few` items are enough to see that it works; `way` is the function that does it."""

    name: str
    what: str
    count: int
    few: int
    rounds: int
    way: str
    measure: str
    units: tuple[str, ...]
    told: Told = "as measured"
    more_is_better: bool = False
    inputs: Callable[[int, Setting], Iterable[Any]] = lambda count, setting: range(count)
    expected: Callable[[int, Setting], list[Any]] = lambda count, setting: []


def _chain(count: int, setting: Setting) -> list[Any]:
    return [work.all_three(number) for number in range(count)]


def _demo(count: int, setting: Setting) -> list[Any]:
    found = []
    for number in range(count):
        unzipped = work.unzip(work.download(number))
        if work.is_image(unzipped):
            found += work.process_images([unzipped])
        elif work.is_wanted(unzipped):
            found.append(work.process_document(unzipped))
    return found


def _incremented(count: int, setting: Setting) -> list[Any]:
    return [work.increment(number) for number in range(count)]


def _numbers(count: int, setting: Setting) -> list[Any]:
    return list(range(count))


def _even(count: int, setting: Setting) -> list[int]:
    return [setting["turns"]] * count


def _skewed(count: int, setting: Setting) -> list[int]:
    turns = setting["turns"]
    return [turns if (number + 1) % HEAVY_EVERY else turns * HEAVY_TIMES for number in range(count)]


def _spun(turns: list[int]) -> list[Any]:
    results = {one: work.spin(one) for one in set(turns)}
    return [results[one] for one in turns]


def _photos(count: int, setting: Setting) -> list[Any]:
    made = json.loads((Path(setting["photos"]) / "expected.json").read_text())
    return [tuple(pair) for pair in made[:count]]


def _paths(count: int, setting: Setting) -> list[photos.Paths]:
    return photos.paths(setting["photos"], count, setting["target"])


def _scaled(count: int, setting: Setting) -> list[Any]:
    return [(2.0 * number, 2.0 * number, work.FLOATS) for number in range(count)]


PER_ITEM = ("us per item",)

ROWS = (
    Row(
        name="chain",
        what="three trivial tasks, a thread each",
        count=1_000_000,
        few=2_000,
        rounds=5,
        way="chain",
        measure="microseconds_per_item",
        units=PER_ITEM,
        expected=_chain,
    ),
    Row(
        name="demo",
        what="the demo's shape (split, batch, filter, merge), trivial tasks",
        count=1_000_000,
        few=2_000,
        rounds=5,
        way="demo",
        measure="microseconds_per_item",
        units=PER_ITEM,
        expected=_demo,
    ),
    Row(
        name="processes",
        what="one trivial task on 2 processes",
        count=1_000_000,
        few=2_000,
        rounds=5,
        way="processes",
        measure="microseconds_per_item",
        units=PER_ITEM,
        expected=_incremented,
    ),
    Row(
        name="waits",
        what="three waits of 2 ms, 16 workers each (ideal 125)",
        count=4_000,
        few=48,
        rounds=5,
        way="waits",
        measure="microseconds_per_item",
        units=PER_ITEM,
        expected=_numbers,
    ),
    Row(
        name="arrays",
        what="8 MB arrays in and out, 2 processes",
        count=60,
        few=4,
        rounds=3,
        way="arrays",
        measure="gigabytes_per_second",
        units=("GB/s",),
        more_is_better=True,
        inputs=lambda count, setting: work.arrays(count),
        expected=_scaled,
    ),
    Row(
        name="arrays_memory",
        what="the same: peak memory, all processes",
        count=60,
        few=4,
        rounds=1,
        way="arrays",
        measure="peak_of_all_processes",
        units=("MB",),
        inputs=lambda count, setting: work.arrays(count),
        expected=_scaled,
    ),
    Row(
        name="cpu",
        what="1 ms of CPU on 2 processes: share of the ideal",
        count=4_000,
        few=40,
        rounds=3,
        way="cpu",
        measure="seconds",
        units=("of the ideal",),
        told="efficiency",
        more_is_better=True,
        inputs=_even,
        expected=lambda count, setting: _spun(_even(count, setting)),
    ),
    Row(
        name="skewed",
        what="the same, every 100th item 100 ms",
        count=2_000,
        few=100,
        rounds=3,
        way="cpu",
        measure="seconds",
        units=("of the ideal",),
        told="efficiency",
        more_is_better=True,
        inputs=_skewed,
        expected=lambda count, setting: _spun(_skewed(count, setting)),
    ),
    Row(
        name="memory",
        what="a fast source, a slow end: peak memory",
        count=500_000,
        few=2_000,
        rounds=1,
        way="memory",
        measure="peak_of_this_process",
        units=("MB",),
        expected=_chain,
    ),
    Row(
        name="photos",
        what="photos: read, decode and shrink, hash and write PNG",
        count=300,
        few=6,
        rounds=3,
        way="photos",
        measure="seconds",
        units=("s",),
        inputs=_paths,
        expected=_photos,
    ),
    Row(
        name="latency",
        what="one item through three threads, p50",
        count=2_000,
        few=50,
        rounds=5,
        way="latency",
        measure="latencies",
        units=("ms", "ms (p99)"),
        expected=_chain,
    ),
    Row(
        name="import",
        what="import, on top of the interpreter",
        count=1,
        few=1,
        rounds=7,
        way="IMPORT",
        measure="milliseconds_of_import",
        units=("ms",),
        told="more",
    ),
    Row(
        name="start_threads",
        what="a program with 10 items on threads, on top of the interpreter",
        count=10,
        few=10,
        rounds=5,
        way="START_THREADS",
        measure="milliseconds_of_program",
        units=("ms",),
        told="more",
    ),
    Row(
        name="start_processes",
        what="the same on 2 processes",
        count=10,
        few=10,
        rounds=5,
        way="START_PROCESSES",
        measure="milliseconds_of_program",
        units=("ms",),
        told="more",
    ),
)

BY_NAME = {row.name: row for row in ROWS}
