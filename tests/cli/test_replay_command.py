"""`skorche replay`: an item that failed runs again."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def kept(skorche_command):
    """The store of a run with a failure."""
    skorche_command("run", "job.py", "--on-error", "collect", "--store", "store", "--quiet")
    return skorche_command


def test_the_item_fails_again_with_the_lines_of_the_task(kept):
    done = kept("replay", "store", "0")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("refuse_nine on 9\nTraceback (most recent call last):\n")
    assert 'job.py", line 9, in refuse_nine' in done.stderr
    assert done.stderr.endswith("ValueError: no 9\n")
    assert "replay.py" not in done.stderr


def test_a_task_that_was_mended_gives_its_result(kept):
    job = kept.folder / "job.py"
    job.write_text(job.read_text().replace("if x == 9", "if x == 10"))

    done = kept("replay", "store", "0")
    assert (done.returncode, done.stdout) == (0, "refuse_nine: 9\n")


def told_by(kept, change):
    """The file of the run that says what the command line was given, changed."""
    (path,) = (kept.folder / "store").glob("runs/*/job.json")
    path.write_text(change(path.read_text()))


OTHER = ('job.py"', 'other.py"')


@pytest.mark.parametrize("change", [lambda text: text.replace(*OTHER), lambda text: text[:-20], str.upper])
def test_a_job_that_no_run_of_ours_has_written_is_not_run(kept, change):
    (kept.folder / "other.py").write_text("print('somebody else runs')")
    told_by(kept, change)

    done = kept("replay", "store", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "with --file." in done.stderr
    assert "ValueError: no 9" in kept("replay", "store", "0", "--file", "job.py").stderr


def test_the_debugger_stops_where_it_fails(kept):
    done = kept("replay", "store", "0", "--pdb", stdin="p x * 100\nq\n")

    assert "-> raise ValueError" in done.stdout
    assert "(Pdb) 900" in done.stdout


def test_it_is_found_from_another_folder(kept):
    done = subprocess.run(
        [sys.executable, "-m", "skorche", "replay", str(kept.folder / "store"), "0"],
        cwd="/",
        env=os.environ | {"XDG_STATE_HOME": str(kept.folder / "state")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "ValueError: no 9" in done.stderr


def test_functions_of_a_spec_are_found_again(skorche_command):
    (skorche_command.folder / "functions.py").write_text("def half(number):\n    return 1 / number\n")
    (skorche_command.folder / "halves.yaml").write_text("inputs: {number: }\nnodes:\n- {map: half, from: number}\n")
    skorche_command("run", "halves.yaml", "--functions", "functions", "--inputs", "number=0", "--store", "store")

    done = skorche_command("replay", "store", "0")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_failure_that_is_not_there_is_told(kept):
    done = kept("replay", "store", "1")

    assert done.returncode == 1
    assert "there are 1 failures, counted from 0" in done.stderr


def test_a_run_of_a_program_needs_the_file(skorche_command):
    program = "from job import pipeline\npipeline.run(on_error='collect', store='store', progress=False).wait()\n"
    subprocess.run([sys.executable, "-c", program], cwd=skorche_command.folder, check=True, timeout=60)

    done = skorche_command("replay", "store", "0")
    assert (done.returncode, "name the file with --file job.py" in done.stderr) == (2, True)
    assert "ValueError: no 9" in skorche_command("replay", "store", "0", "--file", "job.py").stderr
