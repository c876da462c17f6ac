"""Each console block of docs/*.md is what a person would see: its commands run, and print what stands below them.

A page's files are its Python and YAML blocks that begin with `# name`. `...` stands for what differs from run to run;
on a line of its own, for any lines.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skorche

DOCS = Path(skorche.__file__).parents[1] / "docs"
BLOCK = re.compile(r"```console\n(?P<text>.*?)```", re.DOTALL)
FILE = re.compile(r"```(?:python|yaml)\n# (?P<name>[\w.]+\.(?:py|yaml))\n(?P<content>.*?)```", re.DOTALL)
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if BLOCK.search(page.read_text())]


def commands_of(text):
    """The commands of a page, each with what it prints."""
    for block in BLOCK.finditer(text):
        for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed


def pattern_of(printed):
    """What matches the lines as they stand, with `...` for anything."""
    lines = [
        "(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
        for line in printed.splitlines()
    ]
    return re.compile("".join(lines))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_print_what_the_page_says(page, tmp_path):
    text = page.read_text()
    for file in FILE.finditer(text):
        (tmp_path / file["name"]).write_text(file["content"])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "XDG_STATE_HOME": str(tmp_path / "state")}

    for command, printed in commands_of(text):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        shown = "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())
        assert pattern_of(printed).fullmatch(shown), f"$ {command}\n{shown}"
