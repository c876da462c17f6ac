"""What `docs/coming-from/` says of other libraries is true: their first programs run as they stand there.

Each is a program of its own, since pools may stay behind in a process that used one. A library that is not installed,
or cannot be imported by this Python, is left out. Our own programs run with all other blocks in `test_snippets.py`.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_snippets import blocks_of

PAGES = sorted((Path(__file__).parents[2] / "docs" / "coming-from").glob("*.md"))
THEIRS = re.compile(r"tests/docs/test_coming_from\.py runs it as a program, with (?P<peer>[\w.]+)")


def programs() -> list[tuple[str, str]]:
    """The libraries, and the programs for them."""
    blocks = [block for page in PAGES for block in blocks_of(page.read_text())]
    told = [(THEIRS.search(reason or ""), code) for _, code, reason in blocks]
    return [(found["peer"], code) for found, code in told if found]


def run_program(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(code)
    return run("program.py", folder=folder)


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command, paths = [sys.executable, *arguments], os.pathsep.join(sys.path)
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_programs_are_found():
    assert sorted(peer for peer, _ in programs()) == ["concurrent.futures", "joblib", "pypeln"]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("peer", "code"), programs(), ids=lambda value: value if len(value) < 30 else "")
def test_a_first_program_of_another_library_runs(peer: str, code: str, tmp_path: Path):
    if run_program(tmp_path, f"import {peer}").returncode:
        pytest.skip(f"needs {peer}")

    done = run_program(tmp_path, code)

    assert done.returncode == 0, done.stderr
    assert "assert " in code


@pytest.mark.timeout(120)
def test_the_command_for_a_yaml_file_prints_what_the_page_says(tmp_path: Path):
    page = (PAGES[0].parent / "mlpipeline.md").read_text()
    (tmp_path / "pipeline.yaml").write_text(re.search(r'PIPELINE = """\n(.*?)"""', page, re.DOTALL)[1])
    (tmp_path / "runners.py").write_text(re.search(r"(def ImagePreprocessor.*?)RUNNERS", page, re.DOTALL)[1])
    command, printed = re.search(r"```sh\nskorche (.*?)\n```\n\n```\n(.*?)```", page, re.DOTALL).groups()

    done = run("-m", "skorche", *command.split(), folder=tmp_path)

    assert (done.stdout, done.returncode) == (printed, 0), done.stderr
