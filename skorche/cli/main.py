"""The entry point: which verb, and what the exit code tells.

0 ok    1 error    2 usage, or a refused pipeline    3 finished with failed items    130 Ctrl-C    143 SIGTERM
"""

from __future__ import annotations

import importlib
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence

from skorche import __version__
from skorche.cli.arguments import make_parser
from skorche.errors import GraphError, SkorcheError

OK, ERROR, REFUSED, FAILED_ITEMS, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say (those of the program, if none are given), and give the exit code."""
    parser = make_parser(__version__)
    given = parser.parse_args(arguments)
    if given.completion:
        return _completion(parser, given.completion)
    if given.verb is None:
        parser.print_help(sys.stderr)
        return REFUSED
    try:
        code = _verb(given.verb)(given)
        sys.stdout.flush()
        return code
    except GraphError as error:
        return _tell(error, REFUSED)
    except (SkorcheError, OSError, ImportError) as error:
        return _output_ended() if isinstance(error, BrokenPipeError) else _tell(error, ERROR)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _verb(name: str) -> Callable[[Namespace], int]:
    """A verb is loaded when it is used: help comes at once."""
    verb: Callable[[Namespace], int] = getattr(importlib.import_module(f"skorche.cli.{name}"), name)
    return verb


def _tell(error: BaseException, code: int) -> int:
    from skorche.cli.job import told

    print(f"error: {told(error)}", file=sys.stderr)
    return code


def _output_ended() -> int:
    """Whoever read our output has stopped: nothing more can be said there, not even at the exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ERROR


def _completion(parser: ArgumentParser, shell: str) -> int:
    try:
        import shtab
    except ImportError:
        print("error: completion needs the package shtab: pip install 'skorche[completion]'", file=sys.stderr)
        return ERROR
    print(shtab.complete(parser, shell))
    return OK
