"""`skorche.lines`: what is a line, of files, packed files and streams."""

import bz2
import gzip
import io
import lzma
import signal
from pathlib import Path

import pytest
from engines.programs import start_program

import skorche


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_lines_come_without_their_newline_and_with_their_blanks():
    Path("a.txt").write_bytes(b" one \n\ntwo\r\nthree")

    assert list(skorche.lines("a.txt")) == [" one ", "", "two", "three"]


def test_an_empty_file_has_no_line():
    Path("a.txt").touch()

    assert list(skorche.lines(Path("a.txt"))) == []


@pytest.mark.parametrize(("suffix", "module"), [(".gz", gzip), (".bz2", bz2), (".xz", lzma)])
def test_a_packed_file_is_unpacked(suffix, module):
    Path(f"a.txt{suffix}").write_bytes(module.compress("één\ntwee\n".encode()))

    assert list(skorche.lines(f"a.txt{suffix}")) == ["één", "twee"]


def test_a_file_is_utf_8_unless_it_is_said_otherwise():
    Path("a.txt").write_bytes("é".encode("latin-1"))

    with pytest.raises(UnicodeDecodeError):
        list(skorche.lines("a.txt"))
    assert list(skorche.lines("a.txt", encoding="latin-1")) == ["é"]
    assert list(skorche.lines("a.txt", errors="replace")) == ["\N{REPLACEMENT CHARACTER}"]


def test_a_file_is_opened_when_it_is_read_and_anew_for_each_run():
    source = skorche.lines("a.txt")
    with skorche.Pipeline() as pipeline:
        made = skorche.map(str.upper, skorche.Queue(fixed_inputs=source))

    Path("a.txt").write_text("one\n")
    pipeline.run().wait()
    first = made.flush()
    Path("a.txt").write_text("one\ntwo\n")
    pipeline.run().wait()

    assert (first, made.flush()) == (["ONE"], ["ONE", "TWO"])


def test_a_file_that_is_not_there_fails_the_run():
    with skorche.Pipeline() as pipeline:
        skorche.map(str.upper, skorche.Queue(fixed_inputs=skorche.lines("nowhere.txt")))

    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt"):
        pipeline.run().wait()


def test_a_file_is_closed_when_its_run_stops_early():
    Path("a.txt").write_text("one\n" * 100_000)
    with skorche.Pipeline() as pipeline:
        skorche.map(int, skorche.Queue(fixed_inputs=skorche.lines("a.txt")))

    with pytest.raises(ValueError, match="one"):
        pipeline.run().wait()  # a file left open would be seen after this test


def test_a_stream_is_read_once_and_a_second_run_is_refused():
    with skorche.Pipeline() as pipeline:
        made = skorche.map(str.upper, skorche.Queue(fixed_inputs=skorche.lines(io.StringIO("one\ntwo\n"))))
    pipeline.run().wait()

    with pytest.raises(skorche.GraphError, match=r"was given lines\(.*\), which an earlier run has consumed"):
        pipeline.run()

    assert made.flush() == ["ONE", "TWO"]


ECHO = """
import skorche, sys

with skorche.Pipeline() as pipeline:
    made = skorche.map(str.upper, skorche.Queue(fixed_inputs=skorche.lines({source})))
with pipeline.run(progress=False):
    for line in made:
        print(line, flush=True)
"""


@pytest.mark.parametrize("source", ['"-"', "sys.stdin"])
def test_a_line_of_standard_input_is_worked_on_before_the_next_comes(source):
    with start_program("-W", "error", "-c", ECHO.format(source=source)) as program:
        said = []
        for line in ("one", "two"):
            program.stdin.write(f"{line}\n")
            program.stdin.flush()
            said.append(program.stdout.readline())
        rest, _ = program.communicate(timeout=20)

    assert (said, rest, program.returncode) == (["ONE\n", "TWO\n"], "", 0)


def test_standard_input_that_gives_nothing_holds_no_program_that_is_interrupted():
    with start_program("-c", ECHO.format(source='"-"')) as program:
        program.stdin.write("one\n")
        program.stdin.flush()
        first = program.stdout.readline()
        program.send_signal(signal.SIGINT)
        program.wait(timeout=20)  # its input is still open
        errors = program.stderr.read()

    assert (first, program.returncode) == ("ONE\n", -signal.SIGINT)
    assert errors.startswith("the source inputs did not come back from its iterable; its thread is left behind\n")
    assert errors.endswith("\nKeyboardInterrupt\n")


@pytest.mark.parametrize("source", [None, 3, io.BytesIO(b"one\n"), ["a.txt"]])
def test_what_has_no_lines_of_text_is_refused_at_once(source):
    with pytest.raises(skorche.GraphError, match=r"lines\(\) was given .*\n.*it is neither a path nor"):
        skorche.lines(source)


def test_a_stream_with_an_encoding_is_refused():
    with pytest.raises(skorche.GraphError, match="was given an encoding for"):
        skorche.lines(io.StringIO("one"), encoding="latin-1")


def test_what_it_is_can_be_seen():
    assert repr(skorche.lines("a.txt")) == "lines('a.txt')"
    assert repr(skorche.lines("-")) == "lines('-')"
