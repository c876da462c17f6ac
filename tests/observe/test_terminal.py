"""What is drawn keeps out of the way of what is written, to the byte."""

import io
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from skorche.observe.progress.terminal import Terminal

BARS = ["one", "two"]
DRAWN = "\rone\x1b[K\r\ntwo\x1b[J\r\x1b[1A"
ERASED = "\r\x1b[J"


class Line(NamedTuple):
    """A terminal, as its two ends."""

    stream: io.TextIOWrapper
    end: int

    @property
    def sent(self) -> str:
        """What has come since the last time, up to a mark that goes the same way."""
        os.write(self.stream.fileno(), b"\0")
        found = b""
        while not found.endswith(b"\0"):
            found += os.read(self.end, 10_000)
        return found[:-1].decode()


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    end, own = os.openpty()
    with open(own, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        yield Line(stream, end)
    os.close(end)


@pytest.fixture
def terminal(line: Line) -> Iterator[Terminal]:
    made = Terminal()
    made.open("run", line.stream)
    yield made
    made.close("run")


def test_lines_are_drawn_over_those_before_and_the_cursor_rests_on_the_first(line, terminal):
    terminal.show("run", BARS)

    assert line.sent == DRAWN


def test_what_is_written_comes_above_and_the_lines_are_drawn_again(line, terminal, monkeypatch):
    monkeypatch.setattr("skorche.observe.progress.terminal.REDRAW_SECONDS", 0.0)
    terminal.show("run", BARS)
    assert line.sent

    print("hello", file=line.stream)

    assert line.sent == f"{ERASED}hello\r\n{DRAWN}"


def test_a_line_that_has_been_begun_is_left_alone_until_it_ends(line, terminal, monkeypatch):
    monkeypatch.setattr("skorche.observe.progress.terminal.REDRAW_SECONDS", 0.0)
    terminal.show("run", BARS)
    assert line.sent

    print("name? ", end="", file=line.stream, flush=True)
    terminal.show("run", BARS)
    assert line.sent == f"{ERASED}name? "

    print(file=line.stream)
    assert line.sent == f"\r\n{DRAWN}"


def test_who_has_the_stream_and_not_its_name_is_heard_too(line, terminal):
    own = line.stream
    sys.stderr = io.StringIO()
    terminal.show("run", BARS)

    own.write("logged\n")

    assert line.sent.startswith(f"{DRAWN}{ERASED}logged\r\n")


def test_at_the_end_the_last_lines_stay_and_the_stream_is_as_it_was(line, terminal):
    terminal.show("run", BARS)
    assert "write" in vars(line.stream)

    terminal.close("run")
    print("after", file=line.stream, flush=True)

    assert line.sent == f"{DRAWN}{ERASED}one\r\ntwo\r\nafter\r\n"
    assert "write" not in vars(line.stream)


def test_a_write_that_was_put_there_before_is_there_again_afterwards(line):
    def write(text: str) -> int:
        return len(text)

    line.stream.write = write
    terminal = Terminal()

    terminal.open("run", line.stream)
    assert vars(line.stream)["write"] is not write
    terminal.close("run")

    assert vars(line.stream)["write"] is write


def test_a_write_that_was_put_there_meanwhile_is_left_there(line, terminal):
    ours = line.stream.write

    def write(text: str) -> int:
        return ours(text.upper())

    line.stream.write = write
    terminal.close("run")
    print("after", file=line.stream, flush=True)

    assert vars(line.stream)["write"] is write
    assert line.sent == "AFTER\r\n"


def test_the_lines_of_a_run_that_has_ended_stand_above_those_of_one_that_goes_on(line, terminal):
    terminal.open("other", line.stream)
    terminal.show("run", ["one"])
    terminal.show("other", ["two"])
    assert line.sent

    terminal.close("run")

    assert line.sent == f"{ERASED}one\r\n\rtwo\x1b[J\r"
    terminal.close("other")


def test_a_stream_that_leads_elsewhere_is_not_touched(line, tmp_path, monkeypatch):
    with open(tmp_path / "out", "w", encoding="utf-8") as elsewhere:
        monkeypatch.setattr(sys, "stdout", elsewhere)
        terminal = Terminal()
        terminal.open("run", line.stream)

        assert "write" not in vars(elsewhere)
        terminal.close("run")


def test_a_forked_child_writes_as_if_nothing_were_drawn(line, terminal):
    terminal.show("run", BARS)
    assert line.sent

    child = os.fork()
    if not child:
        line.stream.write("child\n")
        os._exit("write" in vars(line.stream))
    _, status = os.waitpid(child, 0)

    assert (line.sent, os.waitstatus_to_exitcode(status)) == ("child\r\n", 0)
