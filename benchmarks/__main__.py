"""`python -m benchmarks [names...]`: measure, print the table, add to the history; exit code 1 if a bound is missed."""

from __future__ import annotations

import argparse
import sys
from difflib import get_close_matches
from time import perf_counter
from typing import Any

from benchmarks.harness import fresh, history
from benchmarks.harness.figure import Figure
from benchmarks.harness.machine import Moment, shares
from benchmarks.harness.single import names


def main() -> int:
    """Do what the arguments say; gives the exit code."""
    arguments = _arguments()
    if arguments.table:
        return _print_table()
    entries, broken = _measure_all(arguments.names or names(), arguments.repeats)
    if not arguments.no_history:
        for one in entries:
            history.append(one)
    print(history.as_text(history.rows_of(entries)))
    missed = [kept for one in entries for kept in one["figures"] if kept["met"] is False]
    print(_verdict(missed, broken))
    return 1 if missed or broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", type=_known, metavar="name", help="all if none is given")
    parser.add_argument("--repeats", type=_positive, metavar="N", help="rounds of each; by default what each likes")
    parser.add_argument("--no-history", action="store_true", help="do not add to history.jsonl")
    parser.add_argument("--table", action="store_true", help="only write the last results into README.md")
    return parser.parse_args()


def _known(name: str) -> str:
    if name in names():
        return name
    close = get_close_matches(name, names(), 1)
    raise argparse.ArgumentTypeError(
        f"there is no benchmark {name!r}. " + (f"Did you mean {close[0]}?" if close else f"There are {names()}.")
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rounds")
    return int(text)


def _print_table() -> int:
    entries = history.last_entries()
    if not entries:
        print("history.jsonl is empty: run `python -m benchmarks` first", file=sys.stderr)
        return 1
    table = history.as_markdown(entries)
    history.write_readme(table)
    print(table)
    return 0


def _measure_all(chosen: list[str], repeats: int | None) -> tuple[list[dict[str, Any]], list[str]]:
    """The history lines of those that ran, and the names of those that broke."""
    entries, broken = [], []
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        before = Moment.now()
        began = perf_counter()
        try:
            figures = [
                Figure.from_dict(kept) for kept in fresh.call("benchmarks.harness.single", "measure", name, repeats)
            ]
        except fresh.FreshFailed as error:
            print(error, file=sys.stderr)
            broken.append(name)
            continue
        entries.append(history.entry(name, perf_counter() - began, shares(before, Moment.now()), figures))
    return entries, broken


def _verdict(missed: list[dict[str, Any]], broken: list[str]) -> str:
    lines = [f"missed: {kept['what']} ({kept['value']:g} {kept['unit']})" for kept in missed]
    lines += [f"broken: {name} did not come to an end; its error stands above" for name in broken]
    return "\n".join(["", *lines]) if lines else "\nall bounds are met"


if __name__ == "__main__":
    sys.exit(main())
