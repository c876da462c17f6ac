"""Programs on a terminal, as a user would see them: a session of tmux, whose screen can be read at any time."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from engines.census import is_gone
from engines.programs import PATH
from engines.waiting import holds_within, wait_until

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed; `make tmux` installs it")
SECONDS = 40.0


class Screen:
    """A terminal on which a program runs."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def tmux(self, *arguments: str) -> str:
        """A command of tmux, for this terminal."""
        command = ["tmux", "-S", str(self._socket), "-f", os.devnull, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    @property
    def lines(self) -> list[str]:
        """What stands there now, without the empty lines at the end."""
        return self.tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def wait_lines(self, *texts: str) -> list[str]:
        """Wait until each of these stands somewhere on one screen, and give its lines."""
        seen: list[str] = []

        def stands() -> bool:
            seen[:] = self.lines
            return all(any(text in line for line in seen) for text in texts)

        assert holds_within(SECONDS, stands), "\n".join([f"{texts} did not come to stand on", *seen])
        return seen

    def press(self, key: str) -> None:
        """As a user does: "C-c"."""
        self.tmux("send-keys", key)


@contextmanager
def screen_of(
    program: Path, *arguments: str | Path, more: str = "", term: str = "", columns: int = 100, lines: int = 24
) -> Iterator[Screen]:
    """The screen of a program, which says `exit N` there when it ends. The shell gets `more` behind its arguments."""
    command = (
        f"trap : INT; {shlex.join([sys.executable, str(program), *map(str, arguments)])} {more}; echo exit $?; cat"
    )
    environment = [f"PYTHONPATH={os.pathsep.join(PATH)}", *([f"TERM={term}"] if term else [])]
    with tempfile.TemporaryDirectory() as folder:
        screen = Screen(Path(folder, "tmux"))
        size = ["-x", str(columns), "-y", str(lines)]
        wrapped = shlex.join(["env", *environment, "sh", "-c", command])
        screen.tmux("new-session", "-d", *size, "-c", folder, wrapped)
        processes = [*map(int, screen.tmux("display-message", "-p", "#{pid} #{pane_pid}").split())]
        try:
            yield screen
        finally:
            screen.tmux("kill-server")
            wait_until(lambda: all(map(is_gone, processes)))  # whether or not the system has buried them
