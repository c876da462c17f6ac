"""`skorche check`, `render` and `report`, help and completion."""

import json
import re
import subprocess

import pytest

import skorche
from skorche.cli.main import main

pytestmark = pytest.mark.timeout(120)


# -- check ------------------------------------------------------------------------------------------------------------


def test_check_tells_the_plan_and_runs_nothing(skorche_command):
    (skorche_command.folder / "loud.py").write_text(
        "import skorche\n"
        "with skorche.Pipeline('loud') as pipeline:\n"
        "    skorche.map(print, skorche.Queue(fixed_inputs=['I ran']))\n"
    )
    done = skorche_command("check", "loud.py")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("loud: 1 stages\n  stage 0: print [thread, 1 worker] -> output")
    assert "I ran" not in done.stdout


def test_check_refuses_what_run_would_refuse(skorche_command):
    (skorche_command.folder / "job.yaml").write_text("nodes:\n- {map: splt_words, from: text}\n")
    done = skorche_command("check", "job.yaml", "--functions", "functions")

    assert done.returncode == 2
    assert "job.yaml:2" in done.stderr
    assert "Did you mean 'split_words'?" in done.stderr


def test_a_sample_tells_types_bytes_seconds_and_an_estimate(skorche_command):
    (skorche_command.folder / "mixed.py").write_text(
        "import threading, skorche\n"
        "def widen(number):\n"
        "    return bytes(1000)\n"
        "def lock(data):\n"
        "    return threading.Lock()\n"
        "with skorche.Pipeline('mixed') as pipeline:\n"
        "    skorche.chain([widen, lock], skorche.Queue(fixed_inputs=range(1000)))\n"
    )
    done = skorche_command("check", "mixed.py", "--sample", "5")

    assert done.returncode == 0, done.stderr
    assert "sample: 5 items in" in done.stdout
    assert re.search(r"edge from widen: 5 bytes; 1\.0\d kB per item", done.stdout)
    assert "edge from lock: 5 lock; cannot be pickled: TypeError: cannot pickle '_thread.lock' object" in done.stdout
    assert re.search(r"task widen: [\d.]+ [num]?s per item", done.stdout)
    assert re.search(r"estimate: 1000 items in about [\d.]+ [num]?s; \w+ takes longest", done.stdout)


def test_a_sample_of_a_source_without_a_length_has_no_total(skorche_command):
    (skorche_command.folder / "endless.py").write_text(
        "import itertools, skorche\n"
        "with skorche.Pipeline('endless') as pipeline:\n"
        "    skorche.map(str, skorche.Queue(fixed_inputs=itertools.count()))\n"
    )
    done = skorche_command("check", "endless.py", "--sample", "5")

    assert "estimate: how many items there are is not known; str takes longest" in done.stdout


def test_a_sample_goes_through_every_kind_of_operator(skorche_command):
    (skorche_command.folder / "all.py").write_text(
        "import skorche\n"
        "async def wait(x):\n"
        "    return x\n"
        "def total(sum, x):\n"
        "    return sum + x\n"
        "with skorche.Pipeline('all') as pipeline:\n"
        "    left, right = skorche.tee(skorche.Queue(fixed_inputs=range(100)), n=2)\n"
        "    even, odd = skorche.split(lambda x: x % 2 == 0, left)\n"
        "    lists = skorche.batch(skorche.filter(bool, even), batch_size=2)\n"
        "    both = skorche.merge((skorche.unbatch(lists), skorche.map(wait, odd)))\n"
        "    skorche.reduce(total, both, initial=0)\n"
        "    skorche.sink(print, skorche.flat_map(range, right))\n"
    )
    done = skorche_command("check", "all.py", "--sample", "4")

    assert done.returncode == 0, done.stderr
    assert "edge from Split(<lambda>) (True): 2 int" in done.stdout
    assert "edge from wait: 2 int" in done.stdout
    assert "edge from range: 6 int" in done.stdout


def test_a_sample_whose_items_fail_says_so(skorche_command):
    done = skorche_command("check", "job.py", "--sample", "4")

    assert done.returncode == 3
    assert "refuse_nine failed for 9: ValueError: no 9" in done.stdout


def test_keys_tell_what_a_cached_task_depends_on(skorche_command):
    (skorche_command.folder / "cached.py").write_text(
        "import skorche\n"
        "def helper(x):\n"
        "    return x + 1\n"
        "@skorche.task(cache=True)\n"
        "def grow(x):\n"
        "    return helper(x)\n"
        "with skorche.Pipeline() as pipeline:\n"
        "    skorche.map(grow, skorche.Queue(fixed_inputs=[1]))\n"
    )
    done = skorche_command("check", "cached.py", "--keys")

    assert done.returncode == 0, done.stderr
    assert "cached.grow" in done.stdout
    assert "cached.helper" in done.stdout


# -- render -----------------------------------------------------------------------------------------------------------


def test_render_writes_the_picture_that_is_asked_for(skorche_command):
    done = skorche_command("render", "job.py", "-o", "pictures/squares.svg")

    assert (done.returncode, done.stdout) == (0, "pictures/squares.svg\n")
    assert "refuse_nine" in (skorche_command.folder / "pictures" / "squares.svg").read_text()


def test_render_prints_text_and_mermaid(skorche_command):
    assert "| square |" in skorche_command("render", "job.py", "--ascii").stdout
    assert skorche_command("render", "job.py", "--mermaid").stdout.startswith("flowchart LR\n")


def test_render_refuses_a_picture_it_cannot_draw(skorche_command):
    done = skorche_command("render", "job.py", "-o", "squares.gif")

    assert done.returncode == 2
    assert "pictures end with .svg, .png, .pdf, .dot." in done.stderr


# -- report -----------------------------------------------------------------------------------------------------------


def test_report_of_what_is_no_run_is_an_error(skorche_command):
    done = skorche_command("report", ".")

    assert (done.returncode, done.stdout) == (1, "")
    assert "error: there is no run in '.'." in done.stderr


# -- help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["", "run", "check", "render", "report", "replay"])
def test_help_has_examples(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*verb.split(), "--help"])

    assert ended.value.code == 0
    assert f"examples:\n  skorche {verb}" in capsys.readouterr().out


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])

    assert capsys.readouterr().out == f"skorche {skorche.__version__}\n"


def test_no_verb_is_usage(capsys):
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("usage: skorche")


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_there_is_completion_for_shells(shell, capsys):
    assert main(["--completion", shell]) == 0
    assert "--on-error" in capsys.readouterr().out


def test_the_completion_for_bash_is_a_program_of_bash(capsys, tmp_path):
    main(["--completion", "bash"])
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out)

    subprocess.run(["bash", "-n", script], check=True)


def test_help_loads_nothing_heavy(skorche_command):
    program = (
        "import sys\n"
        "from skorche.cli.main import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "finally:\n"
        "    import json; print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    import sys

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stderr))
    assert not loaded & {"rich", "yaml", "cloudpickle", "asyncio", "sqlite3", "shtab", "skorche.api"}


# -- status pages -----------------------------------------------------------------------------------------------------


def keep_a_run(skorche_command) -> None:
    done = skorche_command("run", "job.py", "--on-error", "collect", "--store", "store", "--quiet")
    assert done.returncode == 3, done.stderr


def test_report_writes_the_status_page_and_says_where(skorche_command):
    keep_a_run(skorche_command)
    named = skorche_command("report", "store", "--html", "made/page.html")
    unnamed = skorche_command("report", "store", "--html")

    assert (named.returncode, named.stdout, named.stderr) == (3, "", "the status page: made/page.html\n")
    assert (unnamed.returncode, unnamed.stdout, unnamed.stderr) == (3, "", "the status page: squares.html\n")
    assert "ValueError: no 9" in (skorche_command.folder / "made" / "page.html").read_text(encoding="utf-8")
    assert "<svg" in (skorche_command.folder / "squares.html").read_text(encoding="utf-8")


def test_report_prints_the_status_page_alone(skorche_command):
    keep_a_run(skorche_command)
    done = skorche_command("report", "store", "--html", "-")

    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert done.stdout.endswith("</html>\n")


def test_run_writes_the_status_page(skorche_command):
    done = skorche_command("run", "job.py", "--on-error", "collect", "--quiet", "--page", "status.html")

    assert done.returncode == 3
    assert "squares: NOT ok" in (skorche_command.folder / "status.html").read_text(encoding="utf-8")
