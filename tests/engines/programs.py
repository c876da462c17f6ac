"""Programs run apart from the tests, as a user would run them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start_program(*arguments: str | Path, **keywords: object) -> "subprocess.Popen[str]":
    """Start an interpreter with these arguments, in a session of its own; its output is piped."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
        **keywords,
    )


def run_program(*arguments: str | Path, stdin: str = "", seconds: float = 30.0) -> "subprocess.CompletedProcess[str]":
    """Run to the end; a program that hangs is killed, and fails the test."""
    with start_program(*arguments) as program:
        try:
            output, errors = program.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired:
            program.kill()
            raise
    return subprocess.CompletedProcess(program.args, program.returncode, output, errors)
