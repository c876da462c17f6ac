"""Pictures: the DOT text in full, what becomes of strange names, and what is written where."""

import logging
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import pytest

import skorche
from skorche.errors import GraphError
from skorche.observe import render
from skorche.observe.dot import dot_text

HEAD = """\
digraph "pipeline" {
    graph [fontname="Helvetica,Arial,sans-serif" nodesep="0.3" pad="0.1" rankdir="LR" ranksep="0.4"]
    node [fontname="Helvetica,Arial,sans-serif" fontsize="12" height="0.4" margin="0.15,0.05" width="0.6"]
    edge [arrowsize="0.7" color="#555555" fontname="Helvetica,Arial,sans-serif" fontsize="10"]
"""
OP = 'fillcolor="#dddddd" shape="box" style="filled"'
END = 'margin="0.08,0.05" shape="plaintext" width="0"'

STRANGE_NAMES = [
    "two\nlines",
    'a "quoted" name',
    "<b>bold</b>",
    "<",
    "back\\slash",
    "ends with \\",
    '\\"',
    "\\N \\l",
    "R&D &lt; &#955;",
    "nul \0, bell \a",
    "half a pair \ud800",
    "naïve 数据",
    "x" * 10_000,
    "\n" * 10_000,
]


def inc(number: int) -> int:
    return number + 1


def is_big(number: int) -> bool:
    return number > 3


def body(pipeline: skorche.Pipeline, **keywords: object) -> list[str]:
    """The lines for nodes and edges."""
    text = dot_text(pipeline.graph, **keywords)
    assert text.startswith(HEAD)
    assert text.endswith("}\n")
    return [line.strip() for line in text.removeprefix(HEAD).splitlines()[:-1]]


def small(name: str = "inc") -> skorche.Pipeline:
    pipeline = skorche.Pipeline()
    pipeline.map(skorche.task(name=name)(inc), skorche.Queue("numbers"), queue_out=skorche.Queue("results"))
    return pipeline


def words(picture: Path) -> list[str]:
    """What can be read in an SVG, line by line."""
    tree = xml.etree.ElementTree.parse(picture)
    return [element.text or "" for element in tree.iter("{http://www.w3.org/2000/svg}text")]


@pytest.fixture
def dot() -> None:
    if shutil.which("dot") is None:
        pytest.skip("needs Graphviz's dot")


@pytest.fixture
def without_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


def put_dot(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """A program of that name that does something else."""
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


# -- what is drawn --------------------------------------------------------------------------------------------------


def test_a_task_between_two_named_ends_is_a_box_between_plain_texts():
    drawn = dot_text(small().graph)

    assert drawn == (
        HEAD
        + f"""\
    n1 [label="inc" shape="box"]
    q1 [label="numbers" {END}]
    q2 [label="results" {END}]
    q1 -> n1
    n1 -> q2
}}
"""
    )


def test_an_empty_pipeline_is_an_empty_picture():
    assert dot_text(skorche.Pipeline().graph) == HEAD + "}\n"


def test_operators_are_grey_boxes_and_a_splits_edges_carry_its_values():
    pipeline = skorche.Pipeline()
    big, rest = pipeline.split(is_big, skorche.Queue("numbers"))
    big = pipeline.unbatch(pipeline.map(sum, pipeline.batch(big, batch_size=10)))
    rest = pipeline.filter(is_big, rest)
    pipeline.merge((big, rest), queue_out=skorche.Queue("results"))

    drawn = body(pipeline)

    assert drawn == [
        f'n1 [label="Split(is_big)" {OP}]',
        f'n2 [label="Batch(10)" {OP}]',
        'n3 [label="sum" shape="box"]',
        f'n4 [label="Unbatch" {OP}]',
        f'n5 [label="Filter(is_big)" {OP}]',
        f'n6 [label="Merge" {OP}]',
        f'q1 [label="numbers" {END}]',
        f'q8 [label="results" {END}]',
        "q1 -> n1",
        'n1 -> n2 [label="True"]',
        'n1 -> n5 [label="False"]',
        "n2 -> n3",
        "n3 -> n4",
        "n4 -> n6",
        "n5 -> n6",
        "n6 -> q8",
    ]


def test_a_named_inner_queue_labels_its_edge_below_the_value_of_a_split():
    pipeline = skorche.Pipeline()
    queues = (skorche.Queue("images"), skorche.Queue("documents"))
    images, _ = pipeline.split(str, skorche.Queue(), predicate_values=("img", "doc"), queue_out=queues)
    pipeline.map(inc, pipeline.map(inc, images, queue_out=skorche.Queue("inner")))

    drawn = body(pipeline)

    assert drawn == [
        f'n1 [label="Split(str)" {OP}]',
        'n2 [label="inc" shape="box"]',
        'n3 [label="inc(2)" shape="box"]',
        f'q3 [label="documents" {END}]',
        r'n1 -> n2 [label="img\nimages"]',
        'n1 -> q3 [label="doc"]',
        'n2 -> n3 [label="inner"]',
    ]


def test_error_queues_are_red_edges():
    pipeline = skorche.Pipeline()
    mended = skorche.Queue("mended")
    pipeline.map(inc, skorche.Queue("numbers"), queue_errors=mended)
    pipeline.map(str, mended, queue_errors=skorche.Queue("lost"))

    drawn = body(pipeline)

    assert drawn[-3:] == [
        "q1 -> n1",
        'n1 -> n2 [label="mended" color="red" fontcolor="red"]',
        'n2 -> q5 [color="red" fontcolor="red"]',
    ]


def test_two_nodes_of_the_same_function_are_two_nodes():
    pipeline = skorche.Pipeline()
    task = skorche.task(inc)
    once = pipeline.filter(is_big, pipeline.map(task, skorche.Queue()))
    pipeline.map(task.options(tag="last"), pipeline.filter(is_big, pipeline.map(task, once)))

    drawn = body(pipeline)

    assert drawn == [
        'n1 [label="inc" shape="box"]',
        f'n2 [label="Filter(is_big)" {OP}]',
        'n3 [label="inc(2)" shape="box"]',
        f'n4 [label="Filter(is_big)" {OP}]',
        'n5 [label="inc(last)" shape="box"]',
        "n1 -> n2",
        "n2 -> n3",
        "n3 -> n4",
        "n4 -> n5",
    ]


def test_anonymous_queues_are_points_when_they_are_wanted():
    pipeline = skorche.Pipeline()
    pipeline.chain([inc, inc], skorche.Queue("numbers"))

    drawn = body(pipeline, skip_anon_queues=False)

    assert drawn[2:] == [
        f'q1 [label="numbers" {END}]',
        'q2 [label="" shape="point" width="0.06"]',
        'q3 [label="" shape="point" width="0.06"]',
        "q1 -> n1",
        "n1 -> q2",
        "q2 -> n2",
        "n2 -> q3",
    ]


def test_the_same_declarations_give_the_same_text():
    assert dot_text(small().graph) == dot_text(small().graph)


# -- where it begins ------------------------------------------------------------------------------------------------


def test_only_what_lies_downstream_of_the_root_is_drawn():
    pipeline = skorche.Pipeline()
    left, right = skorche.Queue("left"), skorche.Queue("right")
    pipeline.merge((pipeline.map(inc, left), pipeline.map(str, right)), queue_out=skorche.Queue("results"))

    drawn = body(pipeline, root=right)

    assert drawn == [
        'n2 [label="str" shape="box"]',
        f'n3 [label="Merge" {OP}]',
        f'q3 [label="right" {END}]',
        f'q5 [label="results" {END}]',
        "q3 -> n2",
        "n2 -> n3",
        "n3 -> q5",
    ]


def test_all_inputs_as_roots_are_the_same_as_no_root():
    pipeline = skorche.Pipeline()
    left, right = skorche.Queue("left"), skorche.Queue("right")
    pipeline.merge((pipeline.map(inc, left), pipeline.map(str, right)))

    assert body(pipeline, root=(left, right)) == body(pipeline, root=[right, left]) == body(pipeline)


def test_an_inner_queue_may_be_the_root_and_then_is_an_end():
    pipeline = skorche.Pipeline()
    inner = pipeline.map(inc, skorche.Queue("numbers"), queue_out=skorche.Queue("inner"))
    pipeline.map(str, inner)

    assert body(pipeline, root=inner) == ['n2 [label="str" shape="box"]', f'q2 [label="inner" {END}]', "q2 -> n2"]


def test_a_root_from_elsewhere_is_refused_and_the_nearest_name_offered(tmp_path: Path):
    pipeline = small()

    with pytest.raises(GraphError) as caught:
        pipeline.render(root=skorche.Queue("number"), directory=str(tmp_path))

    assert str(caught.value) == (
        "render was given queue 'number' as a root, which is not in pipeline 'pipeline'.\n"
        "  Why:  no operator of that pipeline reads or fills it, so nothing can be drawn from there.\n"
        "  Mend: Did you mean 'numbers'? Its inputs: queue 'numbers'. Without root all of them are drawn."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_is_no_queue_is_refused():
    with pytest.raises(GraphError, match="render was given 7 as a root") as caught:
        dot_text(small().graph, root=7)

    assert caught.value.why == "int objects are no queues."


# -- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("two\nlines", r"two\\nlines"),
        ('a "quoted" name', r"a \"quoted\" name"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("back\\slash", r"back\\slash"),
        ("R&D", "R&amp;D"),
        ("x" * 10_000, "x" * 29 + "..." + "x" * 28),
    ],
)
def test_a_strange_name_stays_within_its_label(name: str, said: str):
    pipeline = skorche.Pipeline()
    pipeline.map(skorche.task(name=name)(inc), skorche.Queue(name))

    assert body(pipeline) == [f'n1 [label="{said}" shape="box"]', f'q1 [label="{said}" {END}]', "q1 -> n1"]


@pytest.mark.usefixtures("dot")
@pytest.mark.parametrize("name", STRANGE_NAMES, ids=range(len(STRANGE_NAMES)))
def test_a_strange_name_is_shown_as_it_is(name: str, tmp_path: Path):
    pipeline = skorche.Pipeline(name)
    images, _ = pipeline.split(str, skorche.Queue(name), predicate_values=(name, "other"))
    pipeline.map(skorche.task(name=name)(inc), images.nameit(name), queue_out=skorche.Queue(name))

    picture = Path(pipeline.render(directory=str(tmp_path)))

    printable = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name[:20])
    named = [text for text in words(picture) if text.startswith(printable.strip()[:20])]
    assert len(named) == 5  # an input, a value, an inner queue, a task, an output
    assert max(map(len, named)) <= 120
    assert os.listdir(tmp_path) == ["pipeline.svg"]


# -- what is written ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("dot")
def test_the_picture_is_the_only_file_and_its_text_stays_text(tmp_path: Path):
    written = small().render("demo", directory=str(tmp_path / "graphviz"))

    assert written == str(tmp_path / "graphviz" / "demo.svg")
    assert os.listdir(tmp_path / "graphviz") == ["demo.svg"]
    assert sorted(words(Path(written))) == ["inc", "numbers", "results"]


@pytest.mark.usefixtures("dot")
@pytest.mark.parametrize(("format", "beginning"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"digraph")])
def test_the_format_chooses_the_kind_of_picture(format: str, beginning: bytes, tmp_path: Path):
    written = Path(small().render(f"demo.{format}", directory=str(tmp_path), format=format))

    assert written == tmp_path / f"demo.{format}"
    assert written.read_bytes().startswith(beginning)


@pytest.mark.usefixtures("dot")
def test_a_picture_replaces_the_one_before_and_is_as_readable_as_any_file(tmp_path: Path):
    picture, ordinary = tmp_path / "demo.svg", tmp_path / "ordinary"
    picture.write_text("old")
    ordinary.touch()

    small().render("demo", directory=str(tmp_path))

    assert picture.read_text().startswith("<?xml")
    assert picture.stat().st_mode == ordinary.stat().st_mode


def test_a_folder_below_the_directory_is_made(tmp_path: Path):
    written = small().render("jobs/demo", directory=str(tmp_path), format="dot")

    assert written == str(tmp_path / "jobs" / "demo.dot")


def test_the_path_is_as_relative_as_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    assert small().render(format="dot") == os.path.join("graphviz", "pipeline.dot")


@pytest.mark.parametrize("filename", ["../demo", "jobs/../../demo", "/tmp/demo", "", "jobs/", "nul\0", ".dot"])
def test_a_filename_outside_of_the_directory_is_refused(filename: str, tmp_path: Path):
    directory = tmp_path / "graphviz"

    with pytest.raises(GraphError) as caught:
        small().render(filename, directory=str(directory), format="dot")

    assert str(caught.value) == (
        f"render was given filename={filename!r}.\n"
        f"  Why:  that is no file inside the directory {str(directory)!r}.\n"
        "  Mend: give a name such as 'demo', and the folder as directory=."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_folder_elsewhere_is_no_way_out(tmp_path: Path):
    (tmp_path / "graphviz").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "graphviz" / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(GraphError, match="no file inside the directory"):
        small().render("link/demo", directory=str(tmp_path / "graphviz"), format="dot")

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_unknown_format_is_refused_and_the_nearest_offered(tmp_path: Path):
    with pytest.raises(GraphError) as caught:
        small().render(directory=str(tmp_path), format="pngs")

    assert str(caught.value) == (
        "render was given format='pngs'.\n"
        "  Why:  the formats are 'svg', 'png', 'pdf', 'dot'.\n"
        "  Mend: Did you mean 'png'? Otherwise leave it out, for a picture in SVG."
    )


@pytest.mark.parametrize(("filename", "why"), [("demo", "File exists"), ("x" * 10_000, "File name too long")])
def test_a_place_that_cannot_be_written_is_named_with_the_reason(filename: str, why: str, tmp_path: Path):
    directory = tmp_path / "graphviz"
    if filename == "demo":
        directory.touch()

    with pytest.raises(OSError, match="the picture cannot be written") as caught:
        small().render(filename, directory=str(directory), format="dot")

    assert caught.value.strerror == f"the picture cannot be written ({why}); choose another place with directory="
    assert caught.value.filename == str(directory / f"{filename}.dot")
    assert directory.is_file() or list(directory.iterdir()) == []


# -- without dot ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("without_dot")
@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_without_dot_an_svg_and_the_text_are_written_with_a_hint_what_to_install(
    format: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    pipeline = small()

    written = pipeline.render(f"demo.{format}", directory=str(tmp_path), format=format)

    assert written == str(tmp_path / "demo.svg")
    assert sorted(os.listdir(tmp_path)) == ["demo.dot", "demo.svg"]
    assert sorted(words(Path(written))) == ["inc", "numbers", "results"]
    assert (tmp_path / "demo.dot").read_text() == dot_text(pipeline.graph)
    assert [(record.name, record.levelno) for record in caplog.records] == [("skorche", logging.WARNING)]
    hint = "apt install graphviz (Debian, Ubuntu), brew install graphviz (macOS) or conda install graphviz"
    drawn = f"skorche drew the picture itself: {written} (and as DOT text: {tmp_path / 'demo.dot'})"
    assert caplog.messages == [f"Graphviz's program dot is not installed ({hint}). {drawn}"]


def test_without_dot_a_script_goes_on_and_the_hint_is_on_stderr(tmp_path: Path):
    (tmp_path / "script.py").write_text(
        "import skorche\n"
        "skorche.map(len, skorche.Queue('words', fixed_inputs=['a']))\n"
        "print(skorche.render_pipeline('demo'))\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )

    assert done.stdout == f"{os.path.join('graphviz', 'demo.svg')}\n"
    assert "apt install graphviz" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_dot_that_fails_is_told_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    put_dot(monkeypatch, tmp_path, "echo 'no fonts' >&2; exit 3")

    written = small().render("demo", directory=str(tmp_path / "graphviz"))

    text = tmp_path / "graphviz" / "demo.dot"
    assert sorted(os.listdir(tmp_path / "graphviz")) == ["demo.dot", "demo.svg"]
    drawn = f"skorche drew the picture itself: {written} (and as DOT text: {text})"
    assert caplog.messages == [f"{tmp_path / 'dot'} failed with exit code 3 (no fonts). {drawn}"]


def test_a_dot_that_draws_nothing_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    put_dot(monkeypatch, tmp_path, "exit 0")

    written = small().render("demo", directory=str(tmp_path / "graphviz"))

    assert written == str(tmp_path / "graphviz" / "demo.svg")
    assert "failed with exit code 0 (it said nothing)" in caplog.text


def test_a_dot_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    put_dot(monkeypatch, tmp_path, "exec sleep 1000")
    monkeypatch.setattr(render, "DOT_PATIENCE", 0.05)

    written = small().render("demo", directory=str(tmp_path / "graphviz"))

    assert written == str(tmp_path / "graphviz" / "demo.svg")
    assert f"{tmp_path / 'dot'} was stopped after 0.05 s" in caplog.text


def test_a_dot_that_cannot_be_run_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    put_dot(monkeypatch, tmp_path, "")
    (tmp_path / "dot").write_text("#!/nowhere/at/all\n")

    written = small().render("demo", directory=str(tmp_path / "graphviz"))

    assert written == str(tmp_path / "graphviz" / "demo.svg")
    assert f"{tmp_path / 'dot'} cannot be run (No such file or directory)" in caplog.text
