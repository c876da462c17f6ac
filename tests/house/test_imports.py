"""What a program pays for before it has asked for it: nothing."""

import subprocess
import sys

import pytest

HEAVY = {
    *("asyncio", "cloudpickle", "graphviz", "hashlib", "http", "json", "loky", "mpi4py", "numpy", "pathlib", "rich"),
    *("sqlite3", "ssl", "subprocess", "tempfile", "urllib", "xml", "yaml"),
}

RUN = """
with skorche.Pipeline() as pipeline:
    results = skorche.map(abs, skorche.Queue(fixed_inputs=[-1]))
pipeline.run().wait()
assert results.flush() == [1]
"""


@pytest.mark.parametrize("program", ["", RUN], ids=["import", "first run on threads"])
def test_what_is_heavy_is_loaded_by_those_who_use_it(program):
    told = f"import sys, skorche\n{program}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)

    assert HEAVY & set(done.stdout.split()) == set()
