"""Programs under `mpirun`, as a user would start them, and whether that works on this machine."""

import functools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .programs import PATH

SECONDS = 60.0


@functools.cache
def why_not() -> str:
    """Why nothing can be run under MPI here; "" if it can."""
    if shutil.which("mpirun") is None:
        return "mpirun is not installed; as root, `make mpi` installs it"
    done = start_ranks(2, "-c", "from mpi4py import MPI; print(MPI.COMM_WORLD.Get_size())")
    works = done.returncode == 0 and done.stdout.split() == ["2", "2"]
    return "" if works else f"mpirun and mpi4py do not work together: {done.stdout}{done.stderr}"


needs_mpi = pytest.mark.usefixtures("mpi")


def start_ranks(count: int, *arguments: str | Path, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """An interpreter with these arguments on so many ranks, run to the end; one that hangs fails the test."""
    with subprocess.Popen(
        command(count, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings(),
        cwd=folder,
        start_new_session=True,
    ) as launcher:
        try:
            output, errors = launcher.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            launcher.send_signal(signal.SIGTERM)  # which ends the ranks, too
            output, errors = launcher.communicate(timeout=SECONDS)
            pytest.fail(f"it hangs:\n{output}{errors}")
    return subprocess.CompletedProcess(launcher.args, launcher.returncode, output, errors)


def command(count: int, *arguments: str | Path) -> list[str]:
    """What starts it. There may be more ranks than processors, which Open MPI wants to be told."""
    version = subprocess.run(["mpirun", "--version"], capture_output=True, text=True, check=False).stdout
    more = ["--oversubscribe"] if "Open MPI" in version or "OpenRTE" in version else []
    return ["mpirun", "-n", str(count), *more, sys.executable, *map(str, arguments)]


def surroundings() -> dict[str, str]:
    """The environment. In a container everything runs as root, which Open MPI wants to be told twice.

    Output is buffered: a line that leaves a rank in pieces may be broken up by those of others.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return inherited | {"PYTHONPATH": os.pathsep.join(PATH)} | allowed
