"""`python -m benchmarks.peers`: skorche beside its peers; exit code 1 if a bound is missed or skorche failed."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.harness import history
from benchmarks.peers import bounds, kept, photos, table, work
from benchmarks.peers.kept import Entry
from benchmarks.peers.rounds import take_turns
from benchmarks.peers.rows import BY_NAME, Row, Setting
from benchmarks.peers.ways import LOOP, WAYS, is_there, way_named

QUICK_TURNS = 1_000


def main() -> int:
    """Do what the arguments say; gives the exit code."""
    arguments = _arguments()
    if arguments.table:
        return _tell(kept.last_entries())
    keep = not arguments.quick and not arguments.no_history and arguments.peers == list(WAYS)
    entries = _measure(arguments, keep=keep)
    if keep:
        history.write_readme(table.as_markdown(kept.last_entries()), table.BEGIN, table.END)
    print(table.as_text(entries))
    if arguments.quick:
        print("\nquick: it works; the figures mean nothing, and are not kept")
        return 1 if any(one["failed"] for one in entries) else 0
    return _judge(entries)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--rows", type=_names_of("row", list(BY_NAME)), default=list(BY_NAME), metavar="A,B")
    parser.add_argument(
        "--peers", type=_names_of("peer", list(WAYS)), default=list(WAYS), metavar="A,B", help="then nothing is kept"
    )
    parser.add_argument("--repeats", type=int, metavar="N", help="rounds of each row; by default what each likes")
    parser.add_argument("--quick", action="store_true", help="a few items, one round: does it work?")
    parser.add_argument("--no-history", action="store_true", help="do not add to peers.jsonl, nor to the README")
    parser.add_argument("--table", action="store_true", help="only write the last results into README.md")
    return parser.parse_args()


def _names_of(what: str, known: list[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                close = get_close_matches(name, known, 1)
                raise argparse.ArgumentTypeError(
                    f"there is no {what} {name!r}. " + (f"Did you mean {close[0]}?" if close else f"There are {known}.")
                )
        return [name for name in known if name in names]

    return read


def _tell(entries: Sequence[Entry]) -> int:
    told = table.as_markdown(entries)
    history.write_readme(told, table.BEGIN, table.END)
    print(told)
    return 0


def _measure(arguments: argparse.Namespace, *, keep: bool) -> list[Entry]:
    there = [name for name in arguments.peers if is_there(name)]
    missing = [name for name in arguments.peers if name not in there]
    if missing:
        print(f"not installed: {', '.join(missing)}", file=sys.stderr)
    load = os.getloadavg()[0]
    entries = []
    with tempfile.TemporaryDirectory(prefix="skorche-photos-") as folder:
        setting = _set_up(Path(folder), arguments)
        for name in arguments.rows:
            row = BY_NAME[name]
            counts, settings = _counts_of(row, there, arguments.quick)
            print(f"{name}: {', '.join(counts)} ...", file=sys.stderr, flush=True)
            began = perf_counter()
            rounds = 1 if arguments.quick else arguments.repeats or row.rounds
            taken = take_turns(row, counts, setting, rounds)
            seconds = perf_counter() - began
            entries.append(
                kept.entry(row, taken, counts, settings, missing=missing, seconds=seconds, load=round(load, 2))
            )
            if keep:
                kept.append(entries[-1])
            print(f"  {seconds:.0f} s, {taken.again} rounds taken again", file=sys.stderr, flush=True)
    return entries


def _counts_of(row: Row, names: Sequence[str], quick: bool) -> tuple[dict[str, int], dict[str, str]]:
    """The items that each peer is given, and how it is set; only of those that do the row. The loop always runs."""
    counts, settings = {}, {}
    for name in dict.fromkeys((LOOP, *names)):
        way = way_named(name)
        if hasattr(way, row.way):
            wanted = row.few if quick else row.count
            counts[name] = min(wanted, way.COUNTS.get(row.name, wanted))
            settings[name] = way.SETTINGS.get(row.name, "")
    return counts, settings


def _set_up(folder: Path, arguments: argparse.Namespace) -> Setting:
    """What all measurements share: the turns of 1 ms, and the photos with what must come of them."""
    if "photos" in arguments.rows:
        count = BY_NAME["photos"].few if arguments.quick else BY_NAME["photos"].count
        print(f"making {count} photos ...", file=sys.stderr, flush=True)
        photos.make(folder, count)
        with tempfile.TemporaryDirectory() as target:
            expected = [photos.all_three(paths) for paths in photos.paths(str(folder), count, target)]
        (folder / "expected.json").write_text(json.dumps(expected))
    return {"turns": QUICK_TURNS if arguments.quick else _turns_per_millisecond(), "photos": str(folder)}


def _turns_per_millisecond() -> int:
    trial, seconds = 20_000, []
    for _ in range(51):
        began = perf_counter()
        work.spin(trial)
        seconds.append(perf_counter() - began)
    return round(trial * 0.001 / median(seconds))


def _judge(entries: Sequence[Entry]) -> int:
    told = bounds.figures_of(entries)
    if told:
        print("\n" + history.as_text([history.row_of(row, figure) for row, figure in told]))
    missed = [figure for _, figure in told if not figure.met]
    broken = [one["row"] for one in entries if "skorche" in one["failed"]]
    for row in broken:
        print(f"broken: skorche failed in {row}; its error stands above")
    print(f"\n{len(missed)} of {len(told)} bounds are missed")
    return 1 if missed or broken else 0


if __name__ == "__main__":
    sys.exit(main())
