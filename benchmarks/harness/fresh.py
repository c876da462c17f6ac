"""Fresh interpreters: a function called in one, and a program run by one.

`python -m benchmarks.harness.fresh MODULE FUNCTION ARGUMENTS` prints what the function gives, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0
"""Seconds before a fresh process is given up, so that a run that hangs is a failure and not a wait."""


class FreshFailed(Exception):
    """A fresh process ended badly, or not at all."""


def call(module: str, function: str, *arguments: object) -> Any:
    """Call a function in a fresh process; arguments and result travel as JSON.

    Raises:
        FreshFailed: it raised (the traceback is on stderr), or took longer than `PATIENCE`.
    """
    words = [sys.executable, "-m", "benchmarks.harness.fresh", module, function, *map(json.dumps, arguments)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        said, _ = process.communicate(timeout=PATIENCE)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)  # with its own workers: they are in its session
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise FreshFailed(f"{module}.{function} took longer than {PATIENCE:g} s") from None
        raise
    if process.returncode:
        raise FreshFailed(f"{module}.{function} ended with exit code {process.returncode}")
    return json.loads(said.splitlines()[-1])


def seconds_of_program(program: str, expected: str = "") -> float:
    """The seconds a fresh interpreter takes for a program, from its start to its end; its output is compared."""
    return _seconds_of(["-c", program], expected)


def seconds_of_file(file: Path, expected: str = "") -> float:
    """The same for a program that stands in a file."""
    return _seconds_of([str(file)], expected)


def _seconds_of(arguments: list[str], expected: str) -> float:
    began = perf_counter()
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    seconds = perf_counter() - began
    if ended.returncode or ended.stdout.strip() != expected:
        raise FreshFailed(f"the program printed {ended.stdout!r}, not {expected!r}\n{ended.stderr}")
    return seconds


if __name__ == "__main__":
    name, function_name, *texts = sys.argv[1:]
    print(json.dumps(getattr(import_module(name), function_name)(*map(json.loads, texts))))
