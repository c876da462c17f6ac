"""A folder with jobs, and the command line as people call it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

JOB = """
import skorche

def square(x):
    return x * x

def refuse_nine(x):
    if x == 9:
        raise ValueError(f"no {x}")
    return x

with skorche.Pipeline("squares") as pipeline:
    checked = skorche.Queue(name="checked")
    skorche.chain([square, refuse_nine], skorche.Queue(fixed_inputs=range(6)), queue_out=checked)
"""

FUNCTIONS = """
def split_words(text):
    return text.split()

def count(words):
    return len(words)

def add(left, right):
    return left + right
"""

SPEC = """
name: counting
inputs:
  text:
nodes:
- {map: split_words, from: text, to: words}
- {map: count, from: words, to: size}
"""


@pytest.fixture
def folder(tmp_path):
    """Where the jobs lie, and commands are given."""
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    (tmp_path / "counting.yaml").write_text(SPEC)
    (tmp_path / "rows.txt").write_text("")
    return tmp_path


@pytest.fixture
def skorche_command(folder):
    """Calls the command line in the folder; `begin` starts it and does not wait."""
    environment = os.environ | {"XDG_STATE_HOME": str(folder / "state")}

    def call(*arguments, stdin=None):
        command = [sys.executable, "-W", "error", "-m", "skorche", *map(str, arguments)]
        return subprocess.run(
            command, cwd=folder, env=environment, input=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    def begin(*arguments):
        command = [sys.executable, "-W", "error", "-m", "skorche", *map(str, arguments)]
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    call.begin = begin
    call.folder = Path(folder)
    return call
