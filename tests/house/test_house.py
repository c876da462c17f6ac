"""The house: storeys, sizes, names, and nothing unlisted."""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skorche
from skorche.engines import BUILT_IN

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "skorche"
MODULES = sorted(PACKAGE.rglob("*.py"))
NO_OPERATORS = {"__init__", "function", "keyed"}
OPERATORS = sorted(path.stem for path in (PACKAGE / "ops").glob("*.py") if path.stem not in NO_OPERATORS)
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "base"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions_of(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def settings() -> configparser.ConfigParser:
    read = configparser.ConfigParser()
    read.read(ROOT / "setup.cfg")
    return read


# -- storeys ---------------------------------------------------------------------------------------------------------


def test_arrows_point_down_and_every_file_has_a_storey():
    checker = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"

    done = subprocess.run(
        [sys.executable, "-c", checker], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_of_skorche_is_one():
    folders = {path.parent for path in MODULES}

    assert [name_of(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


# -- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_can_be_read_in_one_sitting(path):
    lines = len(path.read_text().splitlines())

    assert lines <= LONGEST_MODULE, f"{name_of(path)} has {lines} lines: split it by kind of thing"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_function_can_be_seen_at_once(path):
    long = [
        f"{one.name}: {one.end_lineno - one.lineno + 1} lines"
        for one in functions_of(path)
        if one.end_lineno - one.lineno + 1 > LONGEST_FUNCTION
    ]

    assert long == []


# -- names -----------------------------------------------------------------------------------------------------------


def test_no_module_has_a_name_that_says_nothing():
    names = {part for path in MODULES for part in path.relative_to(PACKAGE).with_suffix("").parts}

    assert names & NAMES_THAT_SAY_NOTHING == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_opens_with_what_it_holds(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_exemption_from_the_types_carries_its_reason(path):
    bare = [
        line.strip()
        for line in path.read_text().splitlines()
        if "# type: ignore" in line and not re.search(r"# type: ignore\[[\w, -]+\]  # \S", line)
    ]

    assert bare == []


# -- operators -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_is_public(name):
    line = f"    from skorche.ops.{name} import {name}"

    assert line in (PACKAGE / "__init__.py").read_text().splitlines(), f"add to skorche/__init__.py:\n{line}"
    assert name in skorche.__all__, f"add {name!r} to skorche.__all__"


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_has_its_tests(name):
    assert (ROOT / f"tests/ops/test_{name}.py").exists(), f"write tests/ops/test_{name}.py"


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_is_a_method_of_a_pipeline(name):
    assert callable(getattr(skorche.Pipeline, name, None)), f"add {name} to skorche.Pipeline"


# -- engines ---------------------------------------------------------------------------------------------------------


def test_built_in_engines_come_through_the_door_that_strangers_use():
    lines = settings()["options.entry_points"]["skorche.engines"].split("\n")
    entries = dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in lines if line)

    assert entries == BUILT_IN


# -- weight ----------------------------------------------------------------------------------------------------------


def test_an_import_of_skorche_loads_nothing_heavy():
    heavy = ["cloudpickle", "graphviz", "loky", "mpi4py", "multiprocessing", "rich", "yaml"]
    program = f"import skorche, sys; print([name for name in {heavy} if name in sys.modules])"

    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert said.stdout == "[]\n"
