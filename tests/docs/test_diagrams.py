"""`graphviz/` holds what is declared today, and `docs/diagrams.py --check` says so when it does not."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
NAMES = [
    "apply",
    "archive_job",
    "batch",
    "chain",
    "demo",
    "demo_status",
    "filter",
    "flat_map",
    "map",
    "merge",
    "plumber",
    "reduce",
    "sink",
    "split",
    "split_many",
    "status",
    "tee",
    "unbatch",
    "zip",
]


@pytest.fixture(scope="module")
def diagrams() -> ModuleType:
    spec = importlib.util.spec_from_file_location("diagrams", ROOT / "docs" / "diagrams.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy of the pictures that are kept in the repository."""
    return Path(shutil.copytree(ROOT / "graphviz", tmp_path / "graphviz"))


def test_the_kept_pictures_are_those_of_today(diagrams: ModuleType, kept: Path, capsys: pytest.CaptureFixture[str]):
    status = diagrams.main(["--check", "--directory", str(kept)])

    assert (status, *capsys.readouterr()) == (0, "", "")


def test_the_check_names_what_differs_and_what_is_missing(
    diagrams: ModuleType, kept: Path, capsys: pytest.CaptureFixture[str]
):
    with (kept / "map.dot").open("a") as text:
        text.write("// another hand\n")
    (kept / "demo.svg").unlink()

    status = diagrams.main(["--check", "--directory", str(kept)])

    assert status == 1
    assert capsys.readouterr().err == (
        f"{kept / 'map.dot'} is not what would be drawn now\n"
        f"{kept / 'demo.svg'} is missing\n"
        "`make diagrams` draws them anew.\n"
    )


def test_the_check_does_not_compare_pictures(diagrams: ModuleType, kept: Path):
    (kept / "map.svg").write_text("<svg/>")

    assert diagrams.main(["--check", "--directory", str(kept)]) == 0


def test_drawing_writes_a_text_and_a_picture_for_each_name(diagrams: ModuleType, tmp_path: Path):
    if shutil.which("dot") is None:
        pytest.skip("needs Graphviz's dot")

    status = diagrams.main(["--directory", str(tmp_path / "new")])

    assert status == 0
    assert sorted(os.listdir(tmp_path / "new")) == sorted(f"{name}.{kind}" for name in NAMES for kind in ("dot", "svg"))
    assert diagrams.main(["--check", "--directory", str(tmp_path / "new")]) == 0


@pytest.mark.timeout(120)
def test_the_picture_of_the_demo_is_the_one_the_demo_draws(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo.py"],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": os.pathsep.join(sys.path)},  # without the dot program its text is written
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    drawn = (tmp_path / "graphviz" / "demo.dot").read_text()
    assert drawn == (ROOT / "graphviz" / "demo.dot").read_text()
