"""Programs run apart from the tests, as a user would run them."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


PATH = (str(ROOT), str(ROOT / "tests"))
"""Where programs find skorche, and these tests."""


@contextmanager
def start_program(
    *arguments: str | Path, path: Sequence[str] = PATH, folder: Path | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """An interpreter with these arguments, in a session of its own, for as long as the block lasts. Output is piped."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path)}
    with subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=folder,
        start_new_session=True,
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def run_program(
    *arguments: str | Path,
    stdin: str = "",
    path: Sequence[str] = PATH,
    folder: Path | None = None,
    seconds: float = 30.0,
) -> "subprocess.CompletedProcess[str]":
    """Run to the end; a program that hangs is killed, and fails the test."""
    with start_program(*arguments, path=path, folder=folder) as program:
        output, errors = program.communicate(stdin, timeout=seconds)
    return subprocess.CompletedProcess(program.args, program.returncode, output, errors)
