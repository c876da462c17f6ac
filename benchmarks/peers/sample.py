"""One measurement of one peer, made in a process that has done nothing else before (see `harness.fresh`).

What is imported late is imported before the clock runs, by a run with a few items; what that leaves warm (processes
that wait for more) is put away, so that start-up counts. Import and first runs have rows of their own.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

from benchmarks.harness import fresh
from benchmarks.harness.memory import peak_megabytes
from benchmarks.harness.turns import check, percentile
from benchmarks.peers.rows import BY_NAME, Row, Setting
from benchmarks.peers.ways import way_named

WARM_UP = 24
"""Items of the run before: each worker may meet one."""
LATE_EVERY, LATE = 100, 0.001
"""The slow end rests 1 ms after so many results."""
BYTES = 2 * 8_000_000
"""In and out, for each array."""
TEN = str([number + 1 for number in range(10)])


def measure(row_name: str, way_name: str, count: int, setting: Setting) -> list[float]:
    """The figures of the row, by this peer.

    Raises:
        WrongResult: it gave other answers than the plain loop.
    """
    row, way = BY_NAME[row_name], way_named(way_name)
    taker: Callable[[Row, ModuleType, int, Setting], list[float]] = getattr(sys.modules[__name__], row.measure)
    with tempfile.TemporaryDirectory(prefix="skorche-peers-") as target:
        return taker(row, way, count, {**setting, "target": target})


def microseconds_per_item(row: Row, way: ModuleType, count: int, setting: Setting) -> list[float]:
    """Of a whole run, start and end included."""
    return [seconds(row, way, count, setting)[0] / count * 1e6]


def gigabytes_per_second(row: Row, way: ModuleType, count: int, setting: Setting) -> list[float]:
    """Of arrays, in and out, that are looked at one by one as they come."""
    return [BYTES * count / seconds(row, way, count, setting)[0] / 1e9]


def seconds(row: Row, way: ModuleType, count: int, setting: Setting) -> list[float]:
    """Of a whole run, start and end included."""
    run = _run_of(row, way)
    run(row.inputs(min(count, WARM_UP), setting))
    _put_away(way)
    inputs = row.inputs(count, setting)
    gc.collect()
    began = perf_counter()
    found = run(inputs)
    taken = perf_counter() - began
    _compare(found, row.expected(count, setting))
    _put_away(way)
    return [taken]


def peak_of_all_processes(row: Row, way: ModuleType, count: int, setting: Setting) -> list[float]:
    """Megabytes."""
    from benchmarks.harness.tree import PeakOfTree

    run = _run_of(row, way)
    with PeakOfTree() as peak:
        found = run(row.inputs(count, setting))
        _put_away(way)
    _compare(found, row.expected(count, setting))
    return [peak.megabytes]


def peak_of_this_process(row: Row, way: ModuleType, count: int, setting: Setting) -> list[float]:
    """Megabytes, when whoever takes the results is slower than those who make them."""
    total = taken = 0

    def end(result: int) -> None:
        nonlocal total, taken
        total += result
        taken += 1
        if not taken % LATE_EVERY:
            time.sleep(LATE)

    getattr(way, row.way)(row.inputs(count, setting), end)
    peak = peak_megabytes()
    check((taken, total), (count, sum(row.expected(count, setting))))
    return [peak]


def latencies(row: Row, way: ModuleType, count: int, setting: Setting) -> list[float]:
    """p50 and p99 in milliseconds. The next item is put in when the last has come out."""
    warm_up = max(1, count // 10)
    taken, found = [], []
    with getattr(way, row.way)() as (put, get):
        for number in range(warm_up + count):
            began = perf_counter()
            put(number)
            result = get()
            taken.append(perf_counter() - began)
            found.append(result)
    check(found, row.expected(warm_up + count, setting))
    return [1e3 * percentile(taken[warm_up:], share) for share in (0.5, 0.99)]


def milliseconds_of_import(row: Row, way: ModuleType, count: int, setting: Setting) -> list[float]:
    """A fresh interpreter that imports it, from start to end."""
    return [1e3 * fresh.seconds_of_program(way.IMPORT)]


def milliseconds_of_program(row: Row, way: ModuleType, count: int, setting: Setting) -> list[float]:
    """A fresh interpreter that runs the peer's program, from start to end: a file, as a user has it."""
    file = Path(setting["target"]) / "program.py"
    file.write_text(getattr(way, row.way))
    return [1e3 * fresh.seconds_of_file(file, TEN)]


def _run_of(row: Row, way: ModuleType) -> Callable[[Iterable[Any]], list[Any]]:
    do = getattr(way, row.way)
    if row.way != "arrays":
        return lambda items: list(do(items))
    return lambda items: [(float(array[0]), float(array[-1]), len(array)) for array in do(items)]


def _put_away(way: ModuleType) -> None:
    if hasattr(way, "put_away"):
        way.put_away()


def _compare(found: list[Any], expected: list[Any]) -> None:
    if found != expected:
        check(sorted(found), sorted(expected))  # peers may give results in any order
