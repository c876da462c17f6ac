"""A run that is killed in the middle of its work costs the next one only what was not kept."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

PROGRAM = """
import os, sys, time
import skorche

def work(number):
    with open("effects", "a") as log:
        log.write(f"{number}\\n")
    time.sleep(0.005)
    return bytes([number % 256]) * SIZE

with skorche.Pipeline() as pipeline:
    task = skorche.task(cache=True, engine=sys.argv[1], max_workers=2)(work)
    out = skorche.map(task, skorche.Queue(fixed_inputs=range(200)))
report = pipeline.run(store="store", progress=False).wait()
assert out.flush() == [bytes([number % 256]) * SIZE for number in range(200)]
print(report.nodes["work"].cached)
"""


def lines_of(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("size", [100, 100_000], ids=["in the index", "in files"])
@pytest.mark.parametrize("engine", ["thread", "process"])
def test_what_was_kept_before_a_kill_is_found_and_the_rest_is_made(tmp_path, engine, size):
    (tmp_path / "program.py").write_text(PROGRAM.replace("SIZE", str(size)))
    command = [sys.executable, "program.py", engine]
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")}
    with subprocess.Popen(command, cwd=tmp_path, env=environment) as killed:
        while lines_of(tmp_path / "effects") < 60:
            assert killed.poll() is None
        workers = psutil.Process(killed.pid).children(recursive=True)
        killed.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
    begun = lines_of(tmp_path / "effects")

    done = subprocess.run(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, timeout=100, check=True
    )
    cached = int(done.stdout)
    assert 0 < cached <= begun
    assert lines_of(tmp_path / "effects") == begun + 200 - cached
