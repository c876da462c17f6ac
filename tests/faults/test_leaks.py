"""The look that each test gets before and after: it sees every kind of leak, and says what it is, and where from."""

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from engines.census import FAMILY, SHARED_MEMORY, Census
from engines.programs import ROOT, run_program
from engines.waiting import wait_file, wait_until

pytestmark = pytest.mark.timeout(60)

LEAKING = Path(__file__).with_name("leaking.py")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What pytest says of each test in `leaking.py`; nothing of one that passes."""
    folder = tmp_path_factory.mktemp("leaking")
    options = ["-p", "leaks", "-p", "no:cacheprovider", "-c", ROOT / "setup.cfg", "--basetemp", folder / "temporary"]
    ended = run_program("-m", "pytest", *options, "--junitxml", folder / "said.xml", LEAKING, seconds=50)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    cases = ET.parse(folder / "said.xml").iter("testcase")
    return {case.get("name", "")[len("test_leaking[leave_") : -1]: "".join(case.itertext()) for case in cases}


def test_a_test_that_leaves_nothing_passes(said: dict[str, str]) -> None:
    assert said["nothing"] == ""


def test_a_thread_is_told_with_its_name_and_where_it_is(said: dict[str, str]) -> None:
    assert "something is left:" in said["a_thread"]
    assert "thread left behind, at" in said["a_thread"]
    assert "in wait_for_ever" in said["a_thread"]


def test_a_thread_that_threading_does_not_know_is_told_with_where_it_is(said: dict[str, str]) -> None:
    assert "which was not started by threading, at" in said["a_bare_thread"]
    assert "in wait_for_ever" in said["a_bare_thread"]


@pytest.mark.parametrize("leak", ["a_process", "an_orphan"])
def test_a_process_is_told_with_its_command_also_when_its_parent_has_died(said: dict[str, str], leak: str) -> None:
    assert "something is left:" in said[leak]
    assert "-c import time; time.sleep(1000)" in said[leak]


def test_a_process_that_nobody_has_waited_for_is_told(said: dict[str, str]) -> None:
    assert "it has ended, and nobody has waited for it" in said["a_dead_process"]


def test_a_descriptor_is_told_with_what_it_leads_to(said: dict[str, str]) -> None:
    assert f": {LEAKING}" in said["a_file"]


def test_a_descriptor_is_told_also_when_there_are_no_more_than_before(said: dict[str, str]) -> None:
    assert ": /dev/null" in said["a_file_in_place_of_another"]


def test_shared_memory_is_told_by_name(said: dict[str, str]) -> None:
    assert "shared memory skorche-leak-" in said["shared_memory"]


def test_a_temporary_file_is_told_by_name(said: dict[str, str]) -> None:
    assert "/left-behind" in said["a_temporary_file"]


@pytest.mark.parametrize(
    ("leak", "kind"),
    [
        ("a_file_to_the_collector", "ResourceWarning: unclosed file"),
        ("an_error_to_a_thread", "PytestUnhandledThreadExceptionWarning"),
        ("a_warning", "UserWarning: something is odd"),
    ],
)
def test_warnings_are_errors(said: dict[str, str], leak: str, kind: str) -> None:
    assert kind in said[leak]


def test_every_leak_is_looked_for(said: dict[str, str]) -> None:
    silent = [leak for leak, text in said.items() if not text]

    assert silent == ["nothing"]
    assert len(said) == 13


STRANGER = """
import multiprocessing, os, sys, time
lock = multiprocessing.get_context("spawn").Lock()
open(sys.argv[1], "x").close()
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)  # until the file is there
"""
LEAVE_A_STRANGER = f"""
import os, subprocess, sys
del os.environ[{FAMILY[0]!r}]
subprocess.Popen([sys.executable, "-c", {STRANGER!r}, *sys.argv[1:]], start_new_session=True, stdout=-3, stderr=-3)
"""


def test_shared_memory_of_programs_that_were_not_started_here_is_theirs(tmp_path: Path) -> None:
    before, begun, stop = Census.now(), tmp_path / "begun", tmp_path / "stop"

    run_program("-c", LEAVE_A_STRANGER, begun, stop)
    wait_file(begun)
    try:
        during = Census.now()
        theirs = {name for name in during.shared - before.shared if name.startswith("sem.mp-")}
        left = during.left_since(before)
    finally:
        stop.touch()

    assert theirs
    assert left == []
    wait_until(lambda: not theirs & set(os.listdir(SHARED_MEMORY)))
