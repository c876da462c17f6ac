"""What the command line understands."""

from __future__ import annotations

import argparse
from typing import Any

from skorche.named import NamedTuple

EXAMPLES = {
    "skorche": """examples:
  skorche check job.yaml --functions my_tasks
  skorche run job.yaml --functions my_tasks --inputs document_id=D0 page_num=0
  skorche run photos.py --engine process --max-workers thumbnail=8 --store store/
  skorche report store/

exit codes: 0 ok, 1 error, 2 usage or a refused pipeline, 3 finished with failed items, 130 Ctrl-C, 143 SIGTERM""",
    "run": """examples:
  skorche run job.yaml --functions my_tasks --inputs document_id=D0 page_num=0
  skorche run job.yaml --functions my_tasks --inputs-file rows.jsonl --json > results.jsonl
  skorche run photos.py:pipeline --max-workers thumbnail=8 --on-error collect --store store/
  skorche run my_package.jobs:nightly --shard 2/8""",
    "check": """examples:
  skorche check job.yaml --functions my_tasks
  skorche check photos.py --sample 20
  skorche check photos.py --keys""",
    "render": """examples:
  skorche render photos.py -o photos.svg
  skorche render job.yaml --functions my_tasks --ascii""",
    "replay": """examples:
  skorche replay store/ 0
  skorche replay store/runs/photos_2026-11-21_10-30-00 3 --pdb""",
    "report": """examples:
  skorche report store/
  skorche report store/runs/photos_2026-11-21_10-30-00 --json
  skorche report store/ --html status.html""",
}
FILE = "a pipeline: a YAML file, a Python file or module; FILE:NAME chooses one of several"
INPUT = "a value for an input, read as YAML: page_num=0 is a number"
ROWS = "rows of inputs, an item each: a file of JSON lines, or - for stdin"


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the examples, and leaves room for the options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)


def make_parser(version: str) -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _parser(argparse.ArgumentParser, "skorche", prog="skorche", description="Run pipelines, and look at them.")
    parser.add_argument("--version", action="version", version=f"skorche {version}")
    parser.add_argument(
        "--completion",
        choices=("bash", "zsh", "tcsh"),
        metavar="SHELL",
        help="print what makes bash, zsh or tcsh complete this command, and exit",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="run | check | render | report | replay", required=False)
    _add_run(_parser(verbs.add_parser, "run", "run", help="run a pipeline", description="Run a pipeline."))
    told = "Say what a run would do, and what keeps it from doing it, without running."
    _add_check(_parser(verbs.add_parser, "check", "check", help="say what a run would do", description=told))
    _add_render(_parser(verbs.add_parser, "render", "render", help="draw a pipeline", description="Draw a pipeline."))
    told = "Run an item that failed again, alone, in this process."
    _add_replay(_parser(verbs.add_parser, "replay", "replay", help="run an item that failed again", description=told))
    told = "Tell of a run that was kept in a store."
    _add_report(_parser(verbs.add_parser, "report", "report", help="tell of a run that was kept", description=told))
    return parser


def _parser(make: Any, name: str, *args: str, **options: Any) -> argparse.ArgumentParser:
    positional = args if name != "skorche" else ()
    made: argparse.ArgumentParser = make(
        *positional, epilog=EXAMPLES[name], formatter_class=Formatter, allow_abbrev=False, **options
    )
    return made


def _add_pipeline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=FILE)
    parser.add_argument(
        "--functions",
        metavar="MODULE",
        action="append",
        default=[],
        help="a module, or a Python file, whose functions a YAML file may name; may be given more than once",
    )


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--inputs", metavar="NAME=VALUE", nargs="+", action="extend", default=[], help=INPUT)
    parser.add_argument("--inputs-file", metavar="ROWS", help=ROWS)


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_pipeline(parser)
    _add_inputs(parser)
    parser.add_argument("--engine", help="where tasks run that choose no engine: thread, process, inline, ...")
    parser.add_argument(
        "--max-workers",
        metavar="TASK=N",
        nargs="+",
        action="extend",
        default=[],
        help="workers of a task; with --workers auto also N, for all of them together",
    )
    parser.add_argument("--workers", choices=("auto",), help="find out while it runs how many each task should have")
    parser.add_argument(
        "--tuning", metavar="FILE", help="keep what --workers auto finds in this file, and begin with it"
    )
    parser.add_argument("--memory", metavar="SIZE", help="hold the inputs while nearly as much is in use: 4GB")
    parser.add_argument("--on-error", choices=("raise", "collect"), help="stop at the first failure, or go on")
    parser.add_argument("--max-failures", metavar="N", help="collect failures, up to so many, or such a share: 0.05")
    parser.add_argument("--store", metavar="DIR", help="keep the run, and what tasks cache, in this folder")
    parser.add_argument("--page", metavar="FILE", help="write the status page, anew while the run goes on: status.html")
    parser.add_argument("--same-graph", action="store_true", help="refuse a store whose last run had another graph")
    parser.add_argument("--force", action="store_true", help="use nothing that was cached")
    parser.add_argument("--shard", metavar="K/N", help="do only this part of the items: 2/8 is the second of eight")
    parser.add_argument("--trace", metavar="FILE", help="write what each worker did when, for ui.perfetto.dev")
    parser.add_argument("--json", action="store_true", help="results as JSON lines")
    parser.add_argument("--stream", action="store_true", help="results as they come, not in input order at the end")
    parser.add_argument("--quiet", action="store_true", help="no progress and no report on stderr")


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_pipeline(parser)
    _add_inputs(parser)
    parser.add_argument("--engine", help="as for run")
    parser.add_argument("--sample", metavar="N", type=int, help="run N items of each input here, and measure")
    parser.add_argument("--keys", action="store_true", help="say what goes into the keys of cached tasks")


def _add_render(parser: argparse.ArgumentParser) -> None:
    _add_pipeline(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--ascii", action="store_true", help="print the graph as text")
    form.add_argument("--mermaid", action="store_true", help="print the graph for Mermaid")
    form.add_argument(
        "-o", "--output", metavar="PATH", help="the picture to write: .svg, .png, .pdf or .dot; NAME.svg if left out"
    )


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", nargs="+", help="the folder of a run, or a store, for its latest run")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="all that is known, as JSON")
    form.add_argument(
        "--html",
        metavar="FILE",
        nargs="?",
        const="",
        help="write the status page instead: NAME.html if left out, - for stdout",
    )


def _add_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the folder of a run, or a store, for its latest run")
    parser.add_argument("number", metavar="N", type=int, help="which failure, as the report counts them, from 0")
    parser.add_argument("--file", help="the pipeline, if `skorche run` did not run it, or it has moved")
    parser.add_argument("--functions", metavar="MODULE", action="append", default=[], help="as for run")
    parser.add_argument("--pdb", action="store_true", help="stop in the debugger where it fails")


class Assignment(NamedTuple):
    """`name=value`, as it was given."""

    name: str
    value: str


def assignment(text: str, option: str) -> Assignment:
    """The two sides of `name=value`.

    Raises:
        ValueError: there is no `=`, or nothing before it.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError(f"{option} was given {text!r}: write NAME=VALUE, such as {option} page_num=0")
    return Assignment(name, value)
