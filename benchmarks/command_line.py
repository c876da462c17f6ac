"""How long does `skorche --help` take, and how long a run of one item, from the shell and back?

Whole programs in fresh interpreters, beside a bare `python -c pass` of the same round.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.harness.figure import Figure
from benchmarks.harness.fresh import PATIENCE, ROOT
from benchmarks.harness.turns import take_turns

REPEATS = 11
JOB = "import skorche\nwith skorche.Pipeline() as p:\n    skorche.map(abs, skorche.Queue(fixed_inputs=[-1]))\n"


def seconds_of(*arguments: str) -> float:
    """What the interpreter takes with these arguments."""
    began = perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, timeout=PATIENCE, check=True)
    return perf_counter() - began


def measure(repeats: int) -> list[Figure]:
    """Milliseconds of help, and of a run."""
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder, "job.py")
        job.write_text(JOB)
        rounds = take_turns(
            repeats,
            lambda: seconds_of("-c", "pass"),
            lambda: seconds_of("-m", "skorche", "--help"),
            lambda: seconds_of("-m", "skorche", "run", str(job)),
        )
    bare, help_, run = ([1e3 * one for one in taken] for taken in zip(*rounds, strict=True))
    against = f"python -c pass ({median(bare):.0f} ms)"
    return [
        Figure.of(help_, "skorche --help", against, count=1, unit="ms", at_most=150),
        Figure.of(run, "skorche run of one item", against, count=1, unit="ms"),
    ]
