"""Nobody outlives the parent: neither workers, whatever they are doing, nor what they have started."""

import os
import signal
from pathlib import Path

import pytest
from engines.census import find_family, is_gone, mark_family
from engines.programs import start_program
from engines.waiting import holds_within, wait_until

pytestmark = pytest.mark.timeout(60)
mark_family()

SECONDS = 2.0
KILLED = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGHUP, signal.SIGQUIT)


def orphans_of(what: str, folder: Path, number: int) -> list[int]:
    """Have the program killed; gives those of its family that are there two seconds later, and ends them."""
    with start_program("-m", "faults.orphaned", what, folder) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        workers = {int(path.name) for path in folder.iterdir()}
        wait_until(lambda: workers <= {*find_family()})  # a program that has just been started has no environment yet
        family = {pid for pid in find_family() if os.getsid(pid) != os.getsid(0)} - {program.pid}
        os.kill(program.pid, number)
        program.wait()
        holds_within(SECONDS, lambda: all(map(is_gone, workers)))
        left = [pid for pid in workers if not is_gone(pid)]
        for pid in family:
            if not is_gone(pid):
                os.kill(pid, signal.SIGKILL)
    return left


@pytest.mark.parametrize(
    "what",
    [
        *("idle", "sleeping", "busy_in_python", "busy_in_c"),
        *("with_children", "with_workers_of_its_own", "with_a_fork_of_the_parent"),
    ],
)
def test_no_worker_outlives_a_killed_parent(what: str, tmp_path: Path) -> None:
    left = orphans_of(what, tmp_path, signal.SIGKILL)

    assert left == []


@pytest.mark.parametrize("number", KILLED[1:])
def test_no_worker_outlives_a_parent_that_died_of_another_signal(number: int, tmp_path: Path) -> None:
    left = orphans_of("busy_in_c", tmp_path, number)

    assert left == []
