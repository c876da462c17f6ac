"""The peers' benchmark: every peer that is here gives the right answers, and the README tells what was measured."""

import doctest
import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.harness.history import README
from benchmarks.harness.turns import WrongResult
from benchmarks.peers import bounds, kept, photos, sample, table
from benchmarks.peers.rows import BY_NAME, ROWS
from benchmarks.peers.ways import WAYS, is_there, way_named

ROOT = Path(__file__).parents[2]
ROWS_OF_A_WAY = """
import json, sys
from benchmarks.peers.rows import ROWS
from benchmarks.peers.sample import measure
from benchmarks.peers.ways import way_named
name, setting = json.loads(sys.argv[1])
for row in ROWS:
    if hasattr(way_named(name), row.way):
        print(row.name, measure(row.name, name, row.few, setting))
"""


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    pytest.importorskip("PIL")
    folder, target = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("small")
    few = BY_NAME["photos"].few
    photos.make(folder, few)
    expected = [photos.all_three(paths) for paths in photos.paths(str(folder), few, str(target))]
    (folder / "expected.json").write_text(json.dumps(expected))
    return {"turns": 100, "photos": str(folder)}


def entry(row: str, rounds: list[dict[str, list[float]]], **more: object) -> dict[str, object]:
    names = [name for name in WAYS if name in rounds[0]]
    told = {"date": "2026-11-21T10:00:00+00:00", "python": "3.11.7", "cpus": 2, "load": 0.25, "steal": 0.01}
    told |= {"others": 0.02, "row": row, "again": 1, "counts": dict.fromkeys(names, 1_000), "rounds": rounds}
    told |= {"versions": {"pypeln": "0.4.9"}, "settings": {"pypeln": "maxsize=9"}, "missing": [], "failed": []}
    return told | more


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", WAYS)
def test_a_peer_gives_the_expected_answers_in_every_row_that_it_does(name: str, setting: dict[str, object]):
    if not is_there(name):
        pytest.skip(f"needs {name}")
    words = [sys.executable, "-c", ROWS_OF_A_WAY, json.dumps([name, setting])]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=290, check=False)

    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        row.name for row in ROWS if hasattr(way_named(name), row.way)
    ]


def test_a_peer_that_gives_a_wrong_answer_has_no_time():
    wrong = ModuleType("wrong")
    wrong.chain = lambda items: [0 for _ in items]

    with pytest.raises(WrongResult, match="expected"):
        sample.seconds(BY_NAME["chain"], wrong, 5, {})


def test_the_readme_tells_the_last_results():
    told = README.read_text().split(table.BEGIN)[1].split(table.END)[0]

    assert told == f"\n{table.as_markdown(kept.last_entries())}\n"


def test_a_table_shows_medians_the_best_peer_and_who_is_missing_or_failed():
    rounds = [{"loop": [0.1], "skorche": [0.2], "pypeln": [22.0], "spdl": [430.0], "pyper": [6.0]}] * 3
    measured = entry("chain", rounds, missing=["bytewax"], failed=["pyper"])

    lines = table.as_markdown([measured]).splitlines()

    assert lines[0] == (
        "Measured 2026-11-21 with Python 3.11.7 on 2 shared CPUs; the load before it was 0.2. Of all CPU time at most"
        " 1% was stolen during a round, and 2% went to other programs; 3 rounds were kept, 1 taken again."
        " Versions: pypeln 0.4.9."
    )
    assert lines[2] == "| work |  | plain loop | skorche | pypeln | pyper | SPDL | bytewax |"
    assert lines[4] == (
        "| three trivial tasks, a thread each | us per item | 0.100 | 0.200 | **22.00** | failed | 430 | - |"
    )
    assert "| chain | pypeln | 1,000 | 22.00 us per item | 22.00 .. 22.00 | maxsize=9 |" in lines


def test_what_is_wanted_is_judged_by_ratios_within_a_round():
    rounds = [{"loop": [1.0], "skorche": [1.5]}, {"loop": [2.0], "skorche": [4.0]}, {"loop": [1.0], "skorche": [1.75]}]

    ((row, figure),) = bounds.figures_of([entry("chain", rounds)])

    assert (row, figure.against, figure.value, figure.met) == ("chain", "plain loop", 1.75, True)


def test_the_loop_and_skorche_are_no_peers_and_the_best_is_judged_by_what_the_row_tells():
    rounds = [{"loop": [4.0], "bare": [2.0], "skorche": [2.1], "pool": [2.2], "loky": [2.05]}]

    assert table.best_peer(entry("cpu", rounds)) == "loky"


def test_every_bound_is_of_a_row_and_beside_somebody_who_does_it():
    sides = {(bound.row, bound.beside) for bound in bounds.BOUNDS if bound.beside != bounds.BEST}

    strangers = [side for side in sides if side[0] not in BY_NAME or side[1] not in WAYS]

    assert strangers == []


@pytest.mark.parametrize("name", ["harness.tree", "peers.kept", "peers.rounds", "peers.work"])
def test_the_examples_of_the_benchmark_run(name: str):
    assert doctest.testmod(importlib.import_module(f"benchmarks.{name}")).failed == 0
