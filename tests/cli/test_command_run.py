"""`skorche run`: results on stdout, all else on stderr, and an exit code that tells the truth."""

import json
import signal
from pathlib import Path

import pytest

import skorche

pytestmark = pytest.mark.timeout(120)


# -- what is printed --------------------------------------------------------------------------------------------------


def test_results_go_to_stdout_by_name_and_the_report_to_stderr(skorche_command):
    (skorche_command.folder / "job.py").write_text(
        "import skorche\n"
        "with skorche.Pipeline('sizes') as pipeline:\n"
        "    skorche.map(len, skorche.Queue(fixed_inputs=['a', 'bc']), queue_out=skorche.Queue(name='sizes'))\n"
        "    skorche.map(str.upper, skorche.Queue(fixed_inputs=['d']))\n"
    )
    done = skorche_command("run", "job.py")

    assert (done.returncode, done.stdout) == (0, "sizes: 1\nsizes: 2\nupper: D\n")
    assert done.stderr.startswith("sizes: ok in ")


def test_results_can_be_json_lines(skorche_command):
    done = skorche_command("run", "job.py", "--on-error", "collect", "--json")

    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"name": "checked", "value": value} for value in (0, 1, 4, 16, 25)
    ]


def test_quiet_leaves_results_only(skorche_command):
    done = skorche_command("run", "job.py", "--on-error", "collect", "--quiet")

    assert done.stdout.splitlines() == ["checked: 0", "checked: 1", "checked: 4", "checked: 16", "checked: 25"]
    assert done.stderr == ""


# -- exit codes -------------------------------------------------------------------------------------------------------


def test_a_failure_that_stops_the_run_is_told_with_its_task_and_what_was_done_is_printed(skorche_command):
    done = skorche_command("run", "job.py")

    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert told[:2] == ["error: ValueError: no 9", "where it was raised:"]
    assert told[2].endswith('job.py", line 9, in refuse_nine')
    assert told[3].strip() == 'raise ValueError(f"no {x}")'
    assert told[4].startswith("in task 'refuse_nine' (")
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[:3] == ["checked: 0", "checked: 1", "checked: 4"]


def test_failed_items_that_were_collected_give_exit_code_3(skorche_command):
    done = skorche_command("run", "job.py", "--on-error", "collect")

    assert done.returncode == 3
    assert "failure 0: refuse_nine failed for 9: ValueError: no 9" in done.stderr


def test_a_run_that_finds_its_workers_keeps_what_it_has_found(skorche_command):
    done = skorche_command(
        *("run", "job.py", "--quiet", "--on-error", "collect", "--memory", "8GB"),
        *("--workers", "auto", "--max-workers", "5", "square=3", "--tuning", "tuned.json"),
    )

    assert done.returncode == 3, done.stderr
    assert json.loads((skorche_command.folder / "tuned.json").read_text())["workers"]["square"] == 3


def test_too_many_failures_stop_the_run(skorche_command):
    done = skorche_command("run", "job.py", "--max-failures", "0")

    assert done.returncode == 1
    assert "error: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run"], "the following arguments are required: FILE"),
        (["run", "job.py", "--nope"], "unrecognized arguments: --nope"),
        (["jump"], "invalid choice: 'jump'"),
        (["run", "nope.py"], "error: there is no file 'nope.py'."),
        (["run", "no_such_module"], "error: there is no module 'no_such_module'."),
        (["run", "jobb"], "Did you mean 'job.py'?"),
        (["run", "counting.yaml", "--functions", "functionz"], "Did you mean 'functions.py'?"),
        (["run", ":x"], "is no name of a module"),
        (["run", "rows.txt"], "its name ends neither with .py nor with .yaml"),
        (["run", "nope.yaml"], "error: there is no file 'nope.yaml'."),
        (["run", "job.py:pipelin"], "Did you mean 'pipeline'?"),
        (["run", "job.py:square"], "error: 'square' of job.py is no pipeline."),
        (["run", "functions.py"], "error: functions.py declares no pipeline."),
        (["run", "job.py", "--inputs", "x=1"], "error: pipeline 'squares' takes no inputs."),
        (["run", "job.py", "--max-workers", "sqare=2"], "Did you mean 'square'?"),
        (["run", "job.py", "--max-workers", "square"], "write TASK=N or N"),
        (["run", "job.py", "--max-workers", "4"], "without workers='auto'"),
        (["run", "job.py", "--workers", "many"], "invalid choice: 'many'"),
        (["run", "job.py", "--memory", "much"], "'much'"),
        (["run", "job.py", "--tuning", "nope.json"], "nope.json"),
        (["run", "job.py", "--max-workers", "square=0"], "with 1 or more for N"),
        (["run", "job.py", "--engine", "treads"], "Did you mean 'thread'?"),
        (["run", "job.py", "--max-failures", "many"], "--max-failures was given 'many'."),
        (["run", "counting.yaml", "--functions", "functions"], "it waits for text."),
        (["run", "counting.yaml", "--functions", "functions", "--inputs", "txt=a"], "Did you mean 'text'?"),
        (["run", "counting.yaml", "--functions", "functions", "--inputs", "text"], "write NAME=VALUE"),
        (["run", "counting.yaml", "--functions", "functions", "--inputs", "text=a", "text=b"], "'text' twice"),
        (["run", "counting.yaml", "--functions", "functions", "--inputs-file", "no.jsonl"], "there is no file"),
        (["run", "counting.yaml", "--inputs", "text=a"], "split_words"),
    ],
)
def test_what_cannot_be_is_refused_with_exit_code_2_and_no_traceback(skorche_command, arguments, told):
    done = skorche_command(*arguments)

    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import no_such_thing\n", "No module named 'no_such_thing'"),
        ("x = = 1\n", "SyntaxError: invalid syntax"),
        ("raise ValueError('not today')\n", "ValueError: not today"),
    ],
)
def test_a_file_that_cannot_be_imported_is_an_error_with_its_line(skorche_command, code, told):
    (skorche_command.folder / "broken.py").write_text(f"first = 1\n{code}")
    done = skorche_command("run", "broken.py")

    assert done.returncode == 1
    assert told in done.stderr
    assert 'broken.py", line 2' in done.stderr
    assert "skorche" not in done.stderr.replace(str(skorche_command.folder), "")


def test_a_pipeline_that_ran_when_its_file_was_imported_is_told(skorche_command):
    (skorche_command.folder / "eager.py").write_text(
        "import skorche\n"
        "with skorche.Pipeline() as pipeline:\n"
        "    skorche.map(abs, skorche.Queue(fixed_inputs=[-1]))\n"
        "pipeline.run(progress=False).wait()\n"
    )
    done = skorche_command("run", "eager.py", "--quiet")

    assert done.stdout == "abs: 1\n"
    assert "eager.py has run its pipeline when it was imported" in done.stderr
    refused = skorche_command("run", "eager.py", "--engine", "treads")
    assert (refused.returncode, refused.stdout) == (2, "")


SLEEPER = """
import time
import skorche

def sleep(seconds):
    print("sleeping", flush=True)
    time.sleep(seconds)

with skorche.Pipeline() as pipeline:
    skorche.map(sleep, skorche.Queue(fixed_inputs=[0.1] * 10_000))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_interrupted_says_so_and_leaves_no_traceback(skorche_command, number, code):
    (skorche_command.folder / "sleeper.py").write_text(SLEEPER)
    running = skorche_command.begin("run", "sleeper.py")
    with running:
        assert running.stdout.readline() == "sleeping\n"
        running.send_signal(number)
        _, stderr = running.communicate(timeout=60)

    assert running.returncode == code
    assert "Traceback" not in stderr
    assert "cancelled" in stderr


# -- inputs -----------------------------------------------------------------------------------------------------------


def test_an_input_is_given_by_name_and_read_as_yaml(skorche_command):
    (skorche_command.folder / "types.yaml").write_text(
        "inputs: {value: }\nnodes:\n- {map: kind, from: value, to: kind}\n"
    )
    (skorche_command.folder / "functions.py").write_text("def kind(value):\n    return type(value).__name__\n")
    kinds = []
    for text in ("1", "1.5", "yes it is", "true", "[1, 2]", "null", "'1'"):
        done = skorche_command("run", "types.yaml", "--functions", "functions", "--quiet", "--inputs", f"value={text}")
        kinds.append(done.stdout.strip())

    assert kinds == [f"kind: {name}" for name in ("int", "float", "str", "bool", "list", "NoneType", "str")]


def test_rows_of_a_file_are_items_one_each(skorche_command):
    (skorche_command.folder / "rows.jsonl").write_text('{"text": "one"}\n\n{"text": "two words"}\n"a plain row, too"\n')
    done = skorche_command(
        "run", "counting.yaml", "--functions", "functions.py", "--inputs-file", "rows.jsonl", "--quiet"
    )

    assert (done.returncode, done.stdout) == (0, "size: 1\nsize: 2\nsize: 4\n")


def test_rows_can_come_from_stdin(skorche_command):
    rows = "".join(f"{json.dumps({'text': 'word ' * number})}\n" for number in range(3000))
    done = skorche_command(
        "run", "counting.yaml", "--functions", "functions", "--inputs-file", "-", "--quiet", stdin=rows
    )

    assert [int(line.removeprefix("size: ")) for line in done.stdout.splitlines()] == list(range(3000))


def test_a_row_that_is_no_json_is_named_with_its_line(skorche_command):
    (skorche_command.folder / "rows.jsonl").write_text('{"text": "one"}\n{"text: \n')
    done = skorche_command("run", "counting.yaml", "--functions", "functions", "--inputs-file", "rows.jsonl")

    assert (done.returncode, done.stdout) == (1, "size: 1\n")
    assert "error: rows.jsonl:2:" in done.stderr


ROWS = '{"text": "one"}\n{"txt": "two"}\n{"text": "three more words"}\n'


def test_a_bad_row_ends_the_input_and_what_came_before_is_done(skorche_command):
    done = skorche_command(
        "run", "counting.yaml", "--functions", "functions", "--inputs-file", "-", "--quiet", stdin=ROWS + "[1\n"
    )

    assert (done.returncode, done.stdout) == (1, "size: 1\n")


def test_a_bad_row_among_others_is_left_out_where_failures_are_collected(skorche_command):
    (skorche_command.folder / "pairs.yaml").write_text(
        "inputs: {left: , right: }\nnodes:\n- {apply: add, from: [left, right], to: sum}\n"
    )
    rows = '{"left": 1, "right": 2}\n{"left": 1, "rihgt": 2}\n{"left": 3, "right": 4}\n'
    done = skorche_command(
        "run", "pairs.yaml", "--functions", "functions", "--inputs-file", "-", "--on-error", "collect", stdin=rows
    )

    assert (done.returncode, done.stdout) == (3, "sum: 3\nsum: 7\n"), done.stderr
    assert "error: -:2: " in done.stderr
    assert "Did you mean 'right'?" in done.stderr


def test_a_first_row_that_is_bad_is_refused(skorche_command):
    rows = '{"left": 1}\n'
    (skorche_command.folder / "pairs.yaml").write_text(
        "inputs: {left: , right: }\nnodes:\n- {apply: add, from: [left, right], to: sum}\n"
    )
    done = skorche_command("run", "pairs.yaml", "--functions", "functions", "--inputs-file", "-", stdin=rows)

    assert (done.returncode, done.stdout) == (2, "")


# -- as they come -----------------------------------------------------------------------------------------------------

SLOW = """
import pathlib, time
import skorche

def wait(name):
    while not pathlib.Path(name).exists():
        time.sleep(0.01)
    return name

with skorche.Pipeline() as pipeline:
    skorche.map(skorche.task(max_workers=2)(wait), skorche.Queue(fixed_inputs=["second", "first"]))
"""


def test_results_are_printed_as_they_come_if_that_is_asked_for(skorche_command):
    (skorche_command.folder / "slow.py").write_text(SLOW)
    running = skorche_command.begin("run", "slow.py", "--stream", "--quiet")
    with running:
        for name in ("first", "second"):
            (skorche_command.folder / name).touch()
            assert running.stdout.readline() == f"wait: {name}\n"
        assert running.wait(60) == 0


def test_a_run_whose_results_nobody_reads_any_more_is_cancelled(skorche_command):
    (skorche_command.folder / "endless.py").write_text(
        "import itertools, skorche\n"
        "with skorche.Pipeline() as pipeline:\n"
        "    skorche.map(str, skorche.Queue(fixed_inputs=itertools.count()))\n"
    )
    running = skorche_command.begin("run", "endless.py", "--stream", "--quiet")
    with running:
        assert running.stdout.readline() == "str: 0\n"
        running.stdout.close()
        assert running.wait(60) == 1


# -- where pipelines are found ----------------------------------------------------------------------------------------


def test_a_pipeline_of_a_module_by_name(skorche_command):
    assert skorche_command("run", "job:pipeline", "--quiet", "--on-error", "collect").stdout.startswith("checked: 0\n")


def test_what_a_function_makes(skorche_command):
    (skorche_command.folder / "maker.py").write_text(
        "import skorche\n"
        "def make():\n"
        "    with skorche.Pipeline() as pipeline:\n"
        "        skorche.map(len, skorche.Queue(fixed_inputs=['abc']))\n"
        "    return pipeline\n"
    )

    assert skorche_command("run", "maker.py:make", "--quiet").stdout == "len: 3\n"


def test_what_was_declared_in_the_default_pipeline(skorche_command):
    (skorche_command.folder / "plain.py").write_text(
        "import skorche\nskorche.map(len, skorche.Queue(fixed_inputs=['abc']))\n"
    )

    assert skorche_command("run", "plain.py", "--quiet").stdout == "len: 3\n"


def test_one_of_several_must_be_chosen(skorche_command):
    (skorche_command.folder / "two.py").write_text(
        "import skorche\nfirst, second = skorche.Pipeline('first'), skorche.Pipeline('second')\n"
        "first.map(len, skorche.Queue(fixed_inputs=['abc']))\n"
    )
    done = skorche_command("run", "two.py")

    assert done.returncode == 2
    assert "they are first, second." in done.stderr
    assert skorche_command("run", "two.py:first", "--quiet").stdout == "len: 3\n"


def test_functions_of_a_file_reach_worker_processes(skorche_command):
    done = skorche_command("run", "job.py", "--engine", "process", "--on-error", "collect", "--quiet")

    assert done.stdout.splitlines() == ["checked: 0", "checked: 1", "checked: 4", "checked: 16", "checked: 25"]


# -- options ----------------------------------------------------------------------------------------------------------


def test_workers_of_a_task_can_be_set(skorche_command):
    (skorche_command.folder / "together.py").write_text(
        "import threading, skorche\n"
        "barrier = threading.Barrier(4)\n"
        "with skorche.Pipeline() as pipeline:\n"
        "    skorche.map(lambda item: barrier.wait(30) >= 0, skorche.Queue(fixed_inputs=range(4)))\n"
    )
    done = skorche_command("run", "together.py", "--max-workers", "<lambda>=4", "--quiet")

    assert done.stdout == "<lambda>: True\n" * 4


def test_a_run_is_kept_and_told_again(skorche_command):
    skorche_command("run", "job.py", "--on-error", "collect", "--store", "store")
    told = skorche_command("report", "store")

    assert told.returncode == 3
    assert "refuse_nine  <square>" in told.stdout
    assert "checked: [0, 1, 4, 16, 25]" in told.stdout
    assert "failure 0: refuse_nine failed for 9" in told.stdout
    run = skorche.open_run(skorche_command.folder / "store")
    assert json.loads(skorche_command("report", run.path, "--json").stdout)["results"] == dict(run.results)


def test_a_store_of_another_graph_is_refused_where_the_same_is_asked_for(skorche_command):
    inputs = ("--functions", "functions", "--inputs", "text=a", "--store", "store", "--same-graph")
    assert skorche_command("run", "counting.yaml", *inputs).returncode == 0
    done = skorche_command("run", "job.py", "--store", "store", "--same-graph")

    assert done.returncode == 1
    assert "the last run in this store was of another graph" in done.stderr


def test_output_that_nobody_reads_any_more_ends_quietly(skorche_command):
    (skorche_command.folder / "many.py").write_text(
        "import skorche\n"
        "with skorche.Pipeline() as pipeline:\n"
        "    skorche.map(str, skorche.Queue(fixed_inputs=range(200_000)))\n"
    )
    running = skorche_command.begin("run", "many.py", "--quiet")
    with running:
        assert running.stdout.readline() == "str: 0\n"
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait(60) == 1


# -- the example of components ----------------------------------------------------------------------------------------

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("form", ["extraction.yaml", "extraction_lists.yaml"])
def test_components_run_in_order_and_tell_what_they_were_given_and_made(skorche_command, form):
    done = skorche_command(
        "run",
        EXAMPLES / form,
        "--functions",
        EXAMPLES / "extraction_functions.py",
        *("--inputs", "document_id=D0", "page_num=0"),
    )

    assert (done.returncode, done.stdout) == (
        0,
        "extractions: {'source': 'text of D0, page 0', 'total': '12.50'}\n",
    )
    told = done.stderr.splitlines()
    assert [line.split()[0] for line in told[1:4]] == ["image_preprocessing", "image_ocr", "extractor"]
    assert told[0] == "Extraction: inputs document_id='D0', page_num=0"
    assert told[1].endswith("inputs document_id='D0', page_num=0: outputs page_id='image of D0, page 0'")


GOOD = (EXAMPLES / "extraction.yaml").read_text()
OCR = GOOD[GOOD.index("    - image_ocr:") : GOOD.index("    - extractor:")]


BROKEN = {
    "renamed input": ("- image_ocr.page_id", "- image_ocr.pageid", 26, "Did you mean 'image_ocr.page_id'?"),
    "missing component": (OCR, "", 20, "there is no component 'image_ocr'"),
    "cycle": ("ImagePreprocessor", "ImagePreprocessor\n        dependencies: [extractor]", 10, "image_ocr"),
    "duplicate": (OCR, OCR + OCR, 23, "the component 'image_ocr' stands here twice"),
    "bad type": ("runner: OCRModel", "runner: [OCRModel]", 18, "runner"),
    "wrong indentation": ("        runner: OCRModel", "      runner: OCRModel", 19, ""),
    "unknown key": ("runner: OCRModel", "runer: OCRModel", 18, "Did you mean 'runner'?"),
    "output nobody makes": ("    - extractions\n  comp", "    - extraction\n  comp", 8, "nobody makes the output"),
    "input not given": ("    - page_num\n  out", "    - page_num\n    - zoom\n  out", 7, "'zoom' is not given"),
    "runner not registered": ("runner: OCRModel", "runner: OCRModl", 18, "Did you mean 'OCRModel'?"),
}


@pytest.mark.parametrize(("right", "wrong", "line", "told"), BROKEN.values(), ids=BROKEN)
def test_a_spec_with_a_mistake_gives_one_message_with_its_line_and_runs_nothing(
    skorche_command, right, wrong, line, told
):
    assert right in GOOD
    broken = GOOD.replace(right, wrong, 1)
    (skorche_command.folder / "broken.yaml").write_text(broken)
    done = skorche_command(
        "run",
        "broken.yaml",
        *("--functions", EXAMPLES / "extraction_functions.py"),
        *("--inputs", "document_id=D0", "page_num=0"),
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr
    assert f"error: broken.yaml:{line}: " in done.stderr
    assert told in done.stderr
    assert "Mend: " in done.stderr
    assert "outputs page_id" not in done.stderr
