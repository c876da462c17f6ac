"""On a terminal a run is a few lines with bars, below all that is printed. Each is looked at on a real one."""

import re
from pathlib import Path

import pytest
from engines.programs import ROOT, run_program
from terminals import needs_tmux, screen_of

pytestmark = pytest.mark.timeout(120)

PROGRAM = """
import logging, sys
from pathlib import Path
import skorche
from engines.waiting import wait_file, wait_until

def gate(name, count, last):
    if count == last:
        wait_file(name, 60)
"""

JOB = """
@skorche.task
def fetch(number):
    return number

@skorche.task(max_workers=2, timeout=60)  # with a timeout items are counted one by one
def shrink(number):
    if number == 3:
        raise ValueError(number)
    if number >= 5:
        wait_file(sys.argv[1], 60)
    return number

with skorche.Pipeline("photos") as pipeline:
    lists = skorche.batch(skorche.chain([fetch, shrink], skorche.Queue(fixed_inputs=range(10))), batch_size=2)
    skorche.map(skorche.task(name="index")(len), lists)
"""
RUN = """
report = pipeline.run(on_error="collect").wait()
print("patched", *["write" in vars(stream) for stream in (sys.stdout, sys.stderr)])
"""


def written(folder: Path, text: str) -> Path:
    """A program with this text."""
    program = folder / "program.py"
    program.write_text(PROGRAM + text)
    return program


def cells_of(line: str) -> list[str]:
    """What stands in a line, without the bar."""
    return re.sub("[━╸╺]+", "", line).split()


@needs_tmux
def test_each_task_has_a_line_with_its_count_and_failures_and_a_bar_where_the_total_is_known(tmp_path):
    gate = tmp_path / "gate"
    with screen_of(written(tmp_path, JOB + RUN), gate) as screen:
        lines = screen.wait_lines("photos", "5/10")

        run, fetch, shrink, index = lines[:4]
        assert cells_of(run)[:4] == ["photos", "50", "%", "5/10"]
        assert cells_of(fetch)[:4] == ["fetch", "100", "%", "10/10"]
        assert cells_of(shrink)[:4] == ["shrink", "50", "%", "5/10"]
        assert cells_of(index)[:2] == ["index", "2"]
        assert [" 1 failed" in line for line in lines[:4]] == [True, False, True, False]
        assert ["━" in line for line in lines[:4]] == [True, True, True, False]

        gate.touch()
        lines = screen.wait_lines("exit 0")

    run, fetch, shrink, index = lines[:4]
    assert cells_of(run)[:4] == ["photos", "100", "%", "10/10"]
    assert cells_of(shrink)[:4] == ["shrink", "100", "%", "10/10"]
    assert cells_of(index)[:4] == ["index", "100", "%", "5/5"]
    assert lines[4:] == ["patched False False", "exit 0"]


SPEAKING = r"""
logging.basicConfig(format="%(message)s", level=logging.INFO)

@skorche.task(timeout=60)
def say(number):
    gate(sys.argv[1], number, 2)
    sys.stdout.write(f"a task prints {number}\n")  # print() writes the end of a line by itself: others may come between
    logging.info("a task logs %d", number)
    sys.stderr.write(f"to stderr {number}\n")
    return number

@skorche.task(engine="process", timeout=60)
def tell(number):
    print("a worker prints", number)
    gate(sys.argv[2], number, 3)
    return number

with skorche.Pipeline("talk") as pipeline:
    skorche.chain([say, tell], skorche.Queue(fixed_inputs=range(4)))
"""


@needs_tmux
def test_what_is_printed_and_logged_stands_whole_above_the_bars(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    with screen_of(written(tmp_path, SPEAKING + RUN), first, second, lines=40) as screen:
        screen.wait_lines("talk", "2/4")
        first.touch()
        lines = screen.wait_lines("a worker prints 3", "talk ", "  say ", "  tell ", "3/4")
        second.touch()
        last = screen.wait_lines("exit 0")

    said = [f"{what} {number}" for number in range(4) for what in ("a task prints", "a task logs", "to stderr")]
    told = [f"[tell {number}] a worker prints {number}" for number in range(4)]
    assert sorted(lines[:16]) == sorted(said + told)
    assert [cells_of(line)[0] for line in lines[16:]] == ["talk", "say", "tell"]
    assert sorted(last[:16]) == sorted(said + told)
    assert last[19:] == ["patched False False", "exit 0"]


@needs_tmux
def test_what_goes_into_a_pipe_is_the_same_as_without_bars(tmp_path):
    first, second, out = tmp_path / "first", tmp_path / "second", tmp_path / "out"
    with screen_of(written(tmp_path, SPEAKING + RUN), first, second, more=f"| tee {out} > /dev/null") as screen:
        screen.wait_lines("talk", "2/4")
        first.touch()
        second.touch()
        lines = screen.wait_lines("exit 0")

    printed = out.read_text().splitlines()
    assert sorted(printed[:8]) == sorted(
        line for number in range(4) for line in (f"a task prints {number}", f"[tell {number}] a worker prints {number}")
    )
    assert printed[8:] == ["patched False False"]
    assert [cells_of(line)[0] for line in lines[-4:]] == ["talk", "say", "tell", "exit"]


@needs_tmux
def test_bars_of_a_run_that_is_interrupted_stay_above_its_traceback(tmp_path):
    with screen_of(written(tmp_path, JOB + RUN), tmp_path / "gate", lines=60) as screen:
        screen.wait_lines("photos", "5/10")
        screen.press("C-c")
        screen.wait_lines("8/10")  # what waited is cancelled, what is in flight may end
        (tmp_path / "gate").touch()
        lines = screen.wait_lines("exit 130")

    bars = [cells_of(line)[0] for line in lines if "/10" in line]
    assert bars == ["photos", "fetch", "shrink"]
    assert "KeyboardInterrupt" in lines, lines
    assert sum("stopped by RunCancelled" in line for line in lines) == 1


@needs_tmux
def test_a_run_that_fails_gives_the_terminal_back(tmp_path):
    failing = JOB + 'try:\n    pipeline.run().wait()\nexcept ValueError as error:\n    print("raised", error)\n'
    failing = failing.replace("number == 3", "number == 5 and not wait_file(sys.argv[1], 60)")
    with screen_of(written(tmp_path, failing + 'print("write" in vars(sys.stdout))\n'), tmp_path / "gate") as screen:
        screen.wait_lines("photos", "5/10")
        (tmp_path / "gate").touch()
        lines = screen.wait_lines("exit 0")

    assert lines[-4:] == ["stopped by ValueError", "raised 5", "False", "exit 0"]


TWO = """
def waits(number):
    wait_file(sys.argv[1], 60)

def job(name):
    with skorche.Pipeline(name) as pipeline:
        skorche.map(skorche.task(name=f"work of {name}")(waits), skorche.Queue(fixed_inputs=[1]))
    return pipeline.run()

for run in [job("left"), job("right")]:
    run.wait()
"""


@needs_tmux
def test_runs_side_by_side_have_their_bars_one_below_the_other(tmp_path):
    with screen_of(written(tmp_path, TWO), tmp_path / "gate") as screen:
        lines = screen.wait_lines("left ", "right ")
        assert sorted([lines[0].split()[0], lines[2].split()[0]]) == ["left", "right"]
        assert len(lines) == 4
        (tmp_path / "gate").touch()
        lines = screen.wait_lines("exit 0")

    assert [line.split("  ")[0] for line in lines if "100 %" in line and "work of" not in line] in (
        ["left", "right"],
        ["right", "left"],
    )
    assert len(lines) == 5


MANY = """
def waits(number):
    wait_file(sys.argv[1], 60)

with skorche.Pipeline("many") as pipeline:
    queue = skorche.Queue(fixed_inputs=[1])
    for number in range(30):
        queue = skorche.map(skorche.task(name=f"task {number}")(waits), queue)
pipeline.run().wait()
"""


@needs_tmux
def test_no_more_lines_are_drawn_than_the_terminal_has(tmp_path):
    with screen_of(written(tmp_path, MANY), tmp_path / "gate", lines=10, columns=70) as screen:
        lines = screen.wait_lines("many ", "more tasks")
        (tmp_path / "gate").touch()
        screen.wait_lines("exit 0")

    assert [line.strip().split("  ")[0] for line in lines] == [
        *("many", *[f"task {number}" for number in range(7)], "... and 23 more tasks"),
    ]


SHORT = """
with skorche.Pipeline() as pipeline:
    skorche.map(abs, skorche.Queue(fixed_inputs=[1]))
pipeline.run().wait()
print("rich" in sys.modules, "skorche.observe.progress.terminal" in sys.modules)
"""


@needs_tmux
def test_a_short_run_on_a_terminal_draws_nothing_and_loads_nothing_for_it(tmp_path):
    with screen_of(written(tmp_path, SHORT)) as screen:
        assert screen.wait_lines("exit 0") == ["False False", "exit 0"]


KIND = "from skorche.observe.progress import kind_of_display\nprint(kind_of_display())\n"


@needs_tmux
@pytest.mark.parametrize(
    ("term", "more", "kind"),
    [
        ("", "", "bars"),
        ("dumb", "", "lines"),
        ("", "2>&1 | cat", "lines"),
        ("", "2> /dev/null", "lines"),
        ("", "| cat", "bars"),
    ],
    ids=["a terminal", "a dumb one", "both piped", "stderr to a file", "stdout piped"],
)
def test_what_suits_the_place(tmp_path, term, more, kind):
    with screen_of(written(tmp_path, KIND), term=term, more=more) as screen:
        assert screen.wait_lines("exit 0") == [kind, "exit 0"]


@needs_tmux
def test_at_an_interactive_prompt_there_are_lines(tmp_path):
    with screen_of(written(tmp_path, "sys.ps1 = '>>> '\n" + KIND)) as screen:
        assert screen.wait_lines("exit 0") == ["lines", "exit 0"]


def test_nothing_is_drawn_where_stderr_is_no_stream_of_the_interpreter():
    program = f"import io, sys\nsys.stderr = io.StringIO()\n{KIND}sys.stderr = None\nprint(kind_of_display())\n"

    assert run_program("-c", program).stdout == "lines\nlines\n"


@needs_tmux
def test_the_command_line_shows_bars_on_stderr_unless_told_to_be_quiet(tmp_path):
    job = tmp_path / "job.py"
    job.write_text(PROGRAM + JOB.replace("sys.argv[1]", repr(str(tmp_path / "gate"))))
    command = tmp_path / "command.py"
    command.write_text("from skorche.cli.main import main\nimport sys\nsys.exit(main())\n")
    out = tmp_path / "out"
    arguments = ("run", job, "--on-error", "collect")

    with screen_of(command, *arguments, more=f"> {out}") as screen:
        screen.wait_lines("photos", "5/10")
        (tmp_path / "gate").touch()
        screen.wait_lines("exit 3")
    with screen_of(command, *arguments, "--quiet") as screen:
        quiet = screen.wait_lines("exit 3")

    assert sorted(quiet[:-1]) == sorted(out.read_text().splitlines()) == ["index: 1", *["index: 2"] * 4]


@needs_tmux
def test_the_demo_shows_bars_on_a_terminal(tmp_path):
    with screen_of(ROOT / "examples" / "archive_job.py", "--output", tmp_path, lines=60) as screen:
        lines = screen.wait_lines("archive_job  ", "download  ", "unzip  ", "thumbnails  ", "index_text", "index_page")
        last = screen.wait_lines("exit 0", "pipeline and plain loop agree")

    assert sum("━" in line for line in lines) >= 3
    rows = {row[0]: row[1:] for row in map(cells_of, last) if "/s" in " ".join(row)}
    assert rows["archive_job"][:3] == ["100", "%", "36/36"]
    assert rows["archive_job"][-2:] == ["2", "failed"]
    assert rows["download"][:3] == ["100", "%", "36/36"]
    assert rows["unzip"][-2:] == ["1", "failed"]


def test_the_demo_writes_plain_lines_where_it_is_piped(tmp_path):
    ended = run_program(ROOT / "examples" / "archive_job.py", "--output", tmp_path, folder=tmp_path, seconds=100)

    lines = [line for line in ended.stderr.splitlines() if line.startswith("archive_job: ")]
    assert re.match(r"archive_job: 1 s, \d+ admitted, \d+ delivered, ", lines[0])
    assert "\x1b" not in ended.stdout + ended.stderr
