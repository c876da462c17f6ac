"""What a program pays for before it has asked for it: nothing."""

import subprocess
import sys

import pytest

HEAVY = {
    *("asyncio", "cloudpickle", "graphviz", "hashlib", "http", "json", "loky", "mpi4py", "numpy", "pathlib", "rich"),
    *("sqlite3", "ssl", "subprocess", "tempfile", "urllib", "xml", "yaml"),
    *("ast", "copy", "dataclasses", "dis", "inspect", "logging", "random", "textwrap", "traceback", "weakref"),
}
NEEDED_BY_PROCESSES = {"subprocess"}
NEEDED_FOR_SCRIPTS = {"dis"}
"""Their functions travel by value, and dis tells what they refer to; a worker needs no such thing."""

RUN = """
with skorche.Pipeline() as pipeline:
    results = skorche.map(abs, skorche.Queue(fixed_inputs=[-1]))
pipeline.run().wait()
assert results.flush() == [1]
"""

ON_PROCESSES = """
@skorche.task(engine="process")
def modules(number):
    import sys
    return list(sys.modules)

with skorche.Pipeline() as pipeline:
    results = skorche.map(modules, skorche.Queue(fixed_inputs=[1]))
pipeline.run().wait()
"""


def imported_by(program: str, told: str = "sys.modules") -> set[str]:
    """What a fresh interpreter has imported at the end of a program; or what that has found."""
    words = f"import sys, skorche\n{program}\nprint(*{told})"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize("program", ["", RUN], ids=["import", "first run on threads"])
def test_what_is_heavy_is_loaded_by_those_who_use_it(program):
    assert HEAVY & imported_by(program) == set()


def test_a_first_run_on_processes_loads_what_starts_them():
    assert HEAVY & imported_by(ON_PROCESSES) == NEEDED_BY_PROCESSES | NEEDED_FOR_SCRIPTS


def test_what_keeps_workers_is_loaded_by_who_keeps_them():
    assert "skorche.engines.process.kept" not in imported_by(ON_PROCESSES)


def test_a_worker_loads_nothing_heavy_and_none_of_what_declares_or_runs():
    loaded = imported_by(ON_PROCESSES, "results.flush()[0]")

    assert HEAVY & loaded == set()
    assert not [one for one in loaded if one.startswith(("skorche.api", "skorche.compile", "skorche.observe"))]


def test_a_first_run_loads_no_operator_that_it_does_not_use():
    loaded = imported_by(RUN)

    assert {one for one in loaded if one.startswith("skorche.ops.")} == {"skorche.ops.function", "skorche.ops.map"}


def test_a_first_run_loads_nothing_that_only_type_checkers_traces_or_other_processes_need():
    unused = {"skorche.run_options", "skorche.runtime.tap", "skorche.runtime.served"}

    assert imported_by(RUN).isdisjoint(unused)
