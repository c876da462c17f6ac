"""The page on reliability tells of every fault, and names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
ROW = re.compile(r"^\| (F\d+) \| ([^|]+) \| ([^|]+) \| ([^|]*)\|$", flags=re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
NOT_LOCAL = "Does not concern a local run"
CLOCKS = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}


def rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall(PAGE.read_text())


def test_every_fault_has_its_row_once():
    assert [number for number, *_ in rows()] == [f"F{number}" for number in range(1, 36)]


@pytest.mark.parametrize(("number", "happens", "tests"), [(one, happens, tests) for one, _, happens, tests in rows()])
def test_a_fault_names_its_tests_or_says_that_it_cannot_happen(number: str, happens: str, tests: str):
    assert bool(TEST.findall(tests)) != happens.startswith(NOT_LOCAL)


@pytest.mark.parametrize(("file", "test"), sorted(set(TEST.findall(PAGE.read_text())) - {("tests/leaks.py", "")}))
def test_a_test_that_is_named_exists(file: str, test: str):
    tree = ast.parse((ROOT / file).read_text())

    assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_no_clock_that_can_be_set_is_read():
    read = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "skorche").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if (node.value.id, node.attr) in CLOCKS
    ]

    assert read == []
