"""Each Python block of README.md and docs/*.md runs, as a person would type it: a page is one program, from top to end.

The blocks of a page share their names, in a folder of their own. A block that cannot run says why, in an HTML comment
right before it: `<!-- not run: it needs a cluster -->`. A YAML block that begins with `# name.yaml` is that file.
"""

import linecache
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import skorche

ROOT = Path(__file__).parents[2]
PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))] if page.exists()]
BLOCK = re.compile(r"(?P<before>[^\n]*)\n+(?P<indent>[ ]*)```python\b[^\n]*\n(?P<code>.*?)\n(?P=indent)```", re.DOTALL)
YAML_FILE = re.compile(r"```yaml\n(?P<content># (?P<name>\w+\.yaml)\n.*?\n)```", re.DOTALL)
NOT_RUN = re.compile(r"<!--\s*not run:\s*(?P<reason>.*?)\s*-->\s*$")


def blocks_of(text: str) -> Iterator[tuple[int, str, str | None]]:
    """The line each Python block begins on, its code, and why it is not run (None: it is)."""
    for found in BLOCK.finditer("\n" + text):
        line = text.count("\n", 0, found.start("code") - 1) + 1
        code = re.sub(rf"^{found['indent']}", "", found["code"], flags=re.MULTILINE)
        excuse = NOT_RUN.search(found["before"])
        yield line, code, excuse["reason"] if excuse else None


def program_of(text: str) -> str:
    """The page as one program: its blocks where they stand, and nothing around them."""
    lines = [""] * (text.count("\n") + 1)
    for line, code, reason in blocks_of(text):
        if reason is None:
            lines[line - 1 : line + code.count("\n")] = code.split("\n")
    return "\n".join(lines) + "\n"


def write_files(text: str, folder: Path) -> None:
    """The files that a page shows."""
    for found in YAML_FILE.finditer(text):
        (folder / found["name"]).write_text(found["content"])


def run_page(page: Path, text: str) -> None:
    """Run the blocks of a page as the main module of a program; tracebacks name the lines of the page.

    To who asks for the source of a function, the page is a program.
    """
    module, real = ModuleType("__main__"), sys.modules["__main__"]
    sys.modules["__main__"] = module
    program = program_of(text)
    linecache.cache[str(page)] = (len(program), None, program.splitlines(keepends=True), str(page))
    try:
        for line, code, reason in blocks_of(text):
            if reason is None:
                show_source(page, line, code)
                exec(compile("\n" * (line - 1) + code, str(page), "exec"), vars(module))
    finally:
        linecache.cache.pop(str(page))
        sys.modules["__main__"] = real
        linecache.cache.pop(str(page), None)
        skorche.init()


def show_source(page: Path, line: int, code: str) -> None:
    """Let a block be found as source at its place in the page, as a notebook does with its cells."""
    before = linecache.cache.get(str(page), (0, None, [], ""))[2]
    lines = [*before, *["\n"] * (line - 1 - len(before)), *(one + "\n" for one in code.splitlines())]
    linecache.cache[str(page)] = (sum(map(len, lines)), None, lines, str(page))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    skorche.init()
    write_files(page.read_text(), tmp_path)

    run_page(page, page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_block_that_is_not_run_says_why(page):
    reasons = [reason for _, _, reason in blocks_of(page.read_text()) if reason is not None]

    assert all(reasons)


def test_blocks_are_found_with_their_lines_and_excuses():
    text = (
        "# Title\n\n```python\na = 1\n```\n\n<!-- not run: no cluster -->\n```python\nb = 2\n```\n\n```\nno = 3\n```\n"
    )

    assert list(blocks_of(text)) == [(4, "a = 1", None), (9, "b = 2", "no cluster")]


def test_a_page_may_begin_with_a_block():
    assert list(blocks_of("```python\na = 1\nb = 2\n```\n")) == [(2, "a = 1\nb = 2", None)]


def test_a_block_in_a_list_loses_its_indent():
    assert list(blocks_of("* like this:\n\n  ```python\n  if a:\n      b\n  ```\n")) == [(4, "if a:\n    b", None)]


def test_the_source_of_a_function_of_a_page_can_be_found(tmp_path):
    text = "# Title\n\n```python\ndef f(x):\n    return x\n```\n\n```python\nimport inspect\n\n"
    text += "assert inspect.getsource(f) == 'def f(x):\\n    return x\\n'\n```\n"

    run_page(tmp_path / "page.md", text)


def test_the_blocks_of_a_page_share_their_names(tmp_path):
    page = tmp_path / "page.md"
    text = "```python\na = 1\n```\n\n```python\nassert a == 1\n```\n"

    run_page(page, text)


def test_a_page_is_the_main_module_of_a_program(tmp_path):
    text = "```python\nif __name__ == '__main__':\n    1 / 0\n```\n"

    with pytest.raises(ZeroDivisionError):
        run_page(tmp_path / "page.md", text)


def test_a_block_that_fails_names_the_line_of_its_page(tmp_path):
    page = tmp_path / "page.md"
    text = "# Title\n\n```python\na = 1\n\nassert a == 2\n```\n"

    with pytest.raises(AssertionError) as caught:
        run_page(page, text)

    assert (str(caught.traceback[-1].path), caught.traceback[-1].lineno + 1) == (str(page), 6)


def test_a_yaml_block_with_a_name_is_a_file(tmp_path):
    write_files("```yaml\n# job.yaml\na: 1\n```\n\n```yaml\nb: 2\n```\n", tmp_path)

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("job.yaml", "# job.yaml\na: 1\n")]
