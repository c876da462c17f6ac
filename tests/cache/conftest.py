"""What the tests of the cache share: a secret of their own, and programs that are edited between two runs."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the secret of these tests lies."""
    folder = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder


class Program:
    """Files of a program. Each of its tasks writes its name to `effects` when it is called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write(
            "effects.py", "def note(name):\n    with open('effects', 'a') as log:\n        print(name, file=log)\n"
        )

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def run(self, *arguments: str, seed: str = "0", script: str = "main.py") -> tuple[str, list[str]]:
        """Run a script in a process of its own: what it printed, and which tasks were called."""
        log = self.folder / "effects"
        log.write_text("")
        done = subprocess.run(
            [sys.executable, script, *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), sorted(log.read_text().split())


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """An empty program."""
    (tmp_path / "program").mkdir(mode=0o700)
    return Program(tmp_path / "program")


@pytest.fixture
def effects(tmp_path: Path) -> Callable[[], list[str]]:
    """The calls that were written to the file "effects" since the last look, in order."""
    log = tmp_path / "effects"
    log.write_text("")

    def take() -> list[str]:
        lines = log.read_text().split()
        log.write_text("")
        return lines

    return take
