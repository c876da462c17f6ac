"""What workers log and print comes out in the parent: whole, tagged with task and item, bounded, never waited for."""

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

import skorche
from skorche.engines.process import listener as listening
from skorche.engines.process.listener import Listener
from skorche.engines.process.voice import ERR, HEADER, LAST, LONGEST_TEXT, OUT, RECORD, Voice
from tests.engines.census import Census, check_nothing_left
from tests.engines.runs import collect, mapping
from tests.engines.waiting import wait_until

from . import speaking

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = Census.now()
    yield
    check_nothing_left(before)


class Kept(logging.Handler):
    """Keeps the records that come."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def kept() -> Iterator[Kept]:
    """A handler of the logger that the tasks use."""
    handler, logger = Kept(), logging.getLogger("speaking")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def level() -> Iterator[Callable[[str, int], None]]:
    """Sets the level of a logger for a test."""
    before: dict[str, int] = {}

    def set_level(name: str, level: int) -> None:
        before.setdefault(name, logging.getLogger(name).level)
        logging.getLogger(name).setLevel(level)

    yield set_level
    for name, old in before.items():
        logging.getLogger(name).setLevel(old)


def drops(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "were dropped" in record.getMessage()]


# -- log records ----------------------------------------------------------------------------------------------------


def test_a_record_reaches_the_handlers_of_the_parent_tagged_with_task_and_item(kept: Kept) -> None:
    _, (worker,) = collect(speaking.log, [7], name="look", engine="process")

    (record,) = kept.records
    assert record.getMessage() == "seen 7"
    assert (record.task, record.item, record.process) == ("look", "7", worker)
    assert (record.name, record.levelname, record.funcName) == ("speaking", "WARNING", "log")
    assert worker != os.getpid()


def test_each_record_carries_the_item_it_was_made_for(kept: Kept) -> None:
    collect(speaking.log, range(300), engine="process", max_workers=2)

    assert sorted((int(record.item), record.getMessage()) for record in kept.records) == [
        (number, f"seen {number}") for number in range(300)
    ]


def test_levels_of_the_parent_are_those_of_the_workers(kept: Kept, level: Callable[[str, int], None]) -> None:
    level("speaking", logging.INFO)
    level("speaking.own", logging.ERROR)

    _, (made,) = collect(speaking.log_at_all_levels, [0], engine="process")

    assert kept.texts == ["plain 20", "plain 30", "own 40", "plain 40"]
    assert made == [20, 30, 40]


def test_what_is_switched_off_in_the_parent_is_so_in_the_workers(kept: Kept) -> None:
    logging.disable(logging.WARNING)
    try:
        _, (made,) = collect(speaking.log_at_all_levels, [0], engine="process")
    finally:
        logging.disable(logging.NOTSET)

    assert kept.texts == ["own 40", "plain 40"]
    assert made == [40]


def test_a_level_that_was_raised_since_the_workers_started_counts_too(
    kept: Kept, level: Callable[[str, int], None]
) -> None:
    with skorche.Pipeline() as pipeline:
        numbers: skorche.Queue[int] = skorche.Queue()
        out = skorche.map(skorche.task(engine="process")(speaking.log), numbers)
    run = pipeline.run()
    numbers.put(1)
    out.get(timeout=20)
    wait_until(lambda: kept.texts == ["seen 1"])

    level("speaking", logging.ERROR)
    numbers.put(2)
    run.shutdown()

    assert kept.texts == ["seen 1"]


def test_the_traceback_of_a_logged_error_comes_along(kept: Kept) -> None:
    collect(speaking.log_an_error, [7], engine="process")

    (record,) = kept.records
    text = logging.Formatter("%(message)s").format(record)
    assert text.startswith("failed on 7\nTraceback (most recent call last):\n")
    assert text.endswith('raise ValueError("too small")\nValueError: too small')


def test_what_is_attached_to_a_record_comes_along_in_plain_values(kept: Kept) -> None:
    collect(speaking.log_with_attachments, [7], engine="process")

    (record,) = kept.records
    assert (record.size, record.lock) == (3, "<class 'threading.Thread'>")
    assert (record.task, record.item) == ("the user's own", "7")


def test_a_record_whose_arguments_do_not_fit_is_told_of_as_logging_does(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    report, _ = collect(speaking.log_what_does_not_fit, [7], engine="process", name="look")

    said = capsys.readouterr().err
    assert report.ok
    assert kept.records == []
    assert "[look 7] --- Logging error ---\n" in said
    assert "[look 7] Message: '%d'\n" in said


def test_of_a_very_long_record_the_middle_is_left_out(kept: Kept) -> None:
    collect(speaking.log_at_length, [7], engine="process")

    assert kept.texts == ["a" * 8000 + "\n... 84000 characters are left out ...\n" + "z" * 8000]


def test_a_task_that_looks_whether_logging_is_there_before_it_imports_it_is_heard(kept: Kept) -> None:
    collect(speaking.find_and_log, [7], engine="process")

    assert kept.texts == ["7 is found"]


def test_a_worker_whose_tasks_log_nothing_does_not_even_import_logging() -> None:
    _, results = collect(speaking.has_logging, [7], engine="process")

    assert results == [False]


def test_on_threads_records_are_as_they_are_anywhere_in_the_process(kept: Kept) -> None:
    collect(speaking.log, [7])

    (record,) = kept.records
    assert (record.getMessage(), record.process) == ("seen 7", os.getpid())
    assert not hasattr(record, "item")


# -- prints ---------------------------------------------------------------------------------------------------------


def test_printed_lines_come_out_of_the_same_stream_tagged_with_task_and_item(
    capsys: pytest.CaptureFixture[str],
) -> None:
    collect(speaking.print_both, [7], name="show", engine="process")

    assert tuple(capsys.readouterr()) == ("[show 7] out of 7\n", "[show 7] error of 7\n")


def test_lines_are_tagged_with_the_step_they_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    with skorche.Pipeline() as pipeline:
        steps = [skorche.task(engine="process")(one) for one in (speaking.print_as_first, speaking.print_as_second)]
        skorche.chain(steps, skorche.Queue(fixed_inputs=["a"]))

    pipeline.run(progress=False).wait()

    assert capsys.readouterr().out == "[print_as_first 'a'] first step\n[print_as_second 'a'] second step\n"


def test_lines_of_several_workers_and_threads_are_never_mixed(capsys: pytest.CaptureFixture[str]) -> None:
    collect(speaking.print_from_threads, range(6), name="show", engine="process", max_workers=3)

    lines = capsys.readouterr().out.splitlines()
    expected = {f"{'a' * 30}-{'b' * 30}-{thread}-{number}" for thread in range(4) for number in range(50)}
    assert len(lines) == 6 * len(expected)
    assert {re.sub(r"^\[show \d\] ", "", line) for line in lines} == expected


def test_lines_of_a_child_that_a_task_forks_come_out_too(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    collect(speaking.print_from_a_fork, [7], name="show", engine="process")

    assert capsys.readouterr().out == "[show 7] before\n[show 7] from the child\n"
    assert drops(caplog) == []


def test_a_line_that_a_thread_has_begun_is_not_lost_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    collect(speaking.begin_lines_in_threads, [7], engine="process")

    assert re.fullmatch(r"\[worker \d+\] begun in a thread\n", capsys.readouterr().out)


def test_a_long_line_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    collect(speaking.print_at_length, [7], name="show", engine="process")

    assert capsys.readouterr().out == f"[show 7] {'x' * 10_000}{'y' * 10_000}\n"


def test_a_line_without_end_is_broken(listener: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    voice = Voice(listener.pipe, [0, 0, 0])

    for _ in range(8):
        voice.say(OUT, "x" * LONGEST_TEXT)
    listener.start()
    listener.finish()

    lines = capsys.readouterr().out.splitlines()
    tag = f"[worker {os.getpid()}] "
    assert lines == [tag + "x" * 7 * LONGEST_TEXT, tag + "x" * LONGEST_TEXT]


def test_a_line_that_is_never_ended_comes_out_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    collect(speaking.print_no_end, [7], name="show", engine="process")

    assert re.fullmatch(r"\[worker \d+\] first 7 \n", capsys.readouterr().out)


def test_bytes_go_the_way_they_always_went(capfd: pytest.CaptureFixture[str]) -> None:
    collect(speaking.write_bytes, [7], engine="process")

    assert tuple(capfd.readouterr()) == ("bytes\n", "raw\n")


def test_the_streams_can_be_used_like_any(capsys: pytest.CaptureFixture[str]) -> None:
    _, results = collect(speaking.describe_streams, [7], name="show", engine="process")

    assert results == [(False, 1, 2, "utf-8")]
    assert capsys.readouterr().out == "[show 7] a\n[show 7] b\n"


def test_writing_what_is_no_text_fails_as_it_does_anywhere() -> None:
    report, _ = collect(speaking.write_a_number, [7], engine="process")

    (failure,) = report.failures
    assert repr(failure.error) == "TypeError('write() argument must be str, not int')"


def test_an_item_whose_repr_prints_or_fails_is_tagged_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    collect(speaking.print_something, [speaking.Talkative()], name="show", engine="process")
    collect(speaking.print_something, [speaking.Shy()], name="show", engine="process")

    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["[show] looked at", "[show Talkative()] something"]
    assert re.fullmatch(r"\[show <Shy instance at 0x\w+>\] something", said[2])


def test_of_a_long_item_the_tag_shows_the_ends(capsys: pytest.CaptureFixture[str]) -> None:
    collect(speaking.print_something, ["a" * 500 + "z" * 500], name="show", engine="process")

    assert capsys.readouterr().out == f"[show '{'a' * 17}...{'z' * 18}'] something\n"


# -- the end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["exit", "segfault", "kill"])
def test_last_words_arrive(how: str, kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    report, _ = collect(speaking.SayAndDie(how), [7], name="die", engine="process")

    (failure,) = report.failures
    assert type(failure.error) is skorche.WorkerCrash
    printed, begun = capsys.readouterr().out.splitlines()
    assert printed == f"[die 7] printed before {how}"
    assert re.fullmatch(rf"\[worker \d+\] begun before {how}", begun)
    assert kept.texts == [f"logged before {how}"]


def test_everything_has_come_out_when_the_run_has_ended(kept: Kept) -> None:
    for _ in range(5):
        collect(speaking.log, range(100), engine="process", max_workers=2)

    assert len(kept.records) == 500


# -- bounds ---------------------------------------------------------------------------------------------------------


class Slow(Kept):
    """A handler that takes a record only when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.go_on.wait(30)
        super().emit(record)


@pytest.fixture
def slow() -> Iterator[Slow]:
    handler, logger = Slow(), logging.getLogger("speaking")
    logger.addHandler(handler)
    logger.propagate = False
    yield handler
    handler.go_on.set()
    logger.removeHandler(handler)
    logger.propagate = True


def test_a_flood_is_dropped_and_counted_in_one_line_and_never_blocks_a_worker(
    slow: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline, out = mapping(speaking.flood, [1, 2], engine="process", max_workers=2)

    run = pipeline.run(progress=False)
    results = {out.get(timeout=40), out.get(timeout=40)}  # while the handler has not taken a single record
    taken_meanwhile = len(slow.records)
    slow.go_on.set()
    run.wait(timeout=20)

    (line,) = drops(caplog)
    dropped = int(line.split()[2])
    assert (results, taken_meanwhile) == ({1, 2}, 0)
    assert line == (
        f"at least {dropped} log records or printed texts of workers were dropped: they came faster than they could be "
        "written here, or could not be written"
    )
    assert len(slow.records) + dropped == 40_000


def test_a_handler_that_hangs_does_not_keep_a_run_from_ending(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "FINISH_SECONDS", 0.2)
    began = time.monotonic()

    report, results = collect(speaking.log, [7], engine="process")

    assert (report.ok, len(results)) == (True, 1)
    assert time.monotonic() - began < 10
    slow.go_on.set()


def test_a_filter_that_fails_costs_the_record_not_the_run(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise RuntimeError("not this one")

    kept.addFilter(refuse)
    report, _ = collect(speaking.log, [7], engine="process")

    assert report.ok
    assert drops(caplog)[0].startswith("at least 1 log records")


def test_a_stream_that_is_closed_costs_the_line_not_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "stdout", None)

    report, _ = collect(speaking.print_something, [7], engine="process")

    assert report.ok
    assert drops(caplog)[0].startswith("at least 1 log records")


# -- the two ends of the pipe, without processes --------------------------------------------------------------------


@pytest.fixture
def listener() -> Listener:
    return Listener({3: ("first", "second")})


def test_messages_cut_into_pieces_are_put_together(listener: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    voice = Voice(listener.pipe, [0, 0, 0])

    voice.say(OUT, "é" * LONGEST_TEXT + "\n")
    listener.start()
    listener.finish()

    assert capsys.readouterr().out == f"[worker {os.getpid()}] {'é' * LONGEST_TEXT}\n"


def test_what_has_no_room_is_dropped_at_once_and_counted(
    listener: Listener, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    voice = Voice(listener.pipe, [0, 0, 0])

    for number in range(30_000):  # nobody reads yet
        voice.say(ERR, f"{number}\n")
    listener.start()
    wait_until(lambda: not listener._waiting and capsys.readouterr().err == "")
    voice.say(LAST, None)
    listener.finish()

    (line,) = drops(caplog)
    assert 0 < int(line.split()[2]) < 30_000


def test_how_much_was_said_is_told_though_there_is_no_room_for_it_yet(
    listener: Listener,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    voice = Voice(listener.pipe, [0, 0, 0])
    wait_for_room = voice._wait_for_room

    def begin_to_read() -> None:
        listener.start()
        wait_for_room()

    monkeypatch.setattr(voice, "_wait_for_room", begin_to_read)
    for number in range(30_000):  # nobody reads yet
        voice.say(ERR, f"{number}\n")
    with suppress(BlockingIOError):
        while True:  # nor is there room for a short message
            os.write(listener.pipe, HEADER.pack(0, 0, 0, 0, 0))
    voice.end()
    listener.finish()

    written = len(capsys.readouterr().err.splitlines())
    (line,) = drops(caplog)
    assert written + int(line.split()[2]) == 30_000


def test_what_waits_in_the_parent_is_bounded(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MOST_WAITING", 10)
    voice = Voice(listener.pipe, [0, 0, 0])
    for number in range(50):
        voice.say(OUT, f"{number}\n")

    listener._read()

    assert (len(listener._waiting), listener._dropped) == (10, 40)
    listener.finish()


def test_bytes_that_wait_in_the_parent_are_bounded(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MOST_WAITING_BYTES", 5000)
    voice = Voice(listener.pipe, [0, 0, 0])
    for _ in range(5):
        voice.say(OUT, "x" * 2000)

    listener._read()

    assert (len(listener._waiting), listener._dropped) == (2, 3)
    listener.finish()


def test_a_record_too_large_for_any_pipe_is_dropped_and_counted(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    voice = Voice(listener.pipe, [0, 0, 0])

    voice.say(LAST, None)
    voice.say(RECORD, {f"attached {number}": "x" * 1000 for number in range(1000)})
    voice.end()
    listener.start()
    listener.finish()

    assert drops(caplog)[0].startswith("at least 1 log records")
