"""What becomes of the words of workers: `run(capture=...)` hands them on, keeps them with failures, or lets them be."""

import pickle
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engines.runs import mapping

import skorche
from skorche.engines.process.transcript import LEFT_OUT, SAID_BYTES, TRANSCRIPT_BYTES, Transcript, read_transcript
from skorche.kernel import Trouble

from . import chatty, speaking

pytestmark = pytest.mark.timeout(60)


def run_with(capture: Any, task: Callable[[Any], Any], items: Any, **options: Any) -> skorche.Report:
    """The report of a run on processes that lists its failures."""
    pipeline, _ = mapping(task, items, engine="process", **options)
    return pipeline.run(on_error="collect", capture=capture, progress=False).wait()


def outputs(report: skorche.Report) -> dict[Any, str]:
    return {failure.item: failure.output for failure in report.failures}


# -- kept with the failure ---------------------------------------------------------------------------------------------


def test_a_failure_carries_what_was_said_on_its_item_and_nothing_else_comes_out(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    report = run_with("item", chatty.talk, range(1, 300), max_workers=2)

    said = "out of {0}\nWARNING:speaking:record of {0}\nerror of {0}"
    assert outputs(report) == {number: said.format(number) for number in range(7, 300, 7)}
    assert (tuple(capfd.readouterr()), caplog.records) == (("", ""), [])


def test_one_quick_item_among_many_is_told_apart() -> None:
    report = run_with("item", chatty.talk_rarely, range(50_000))

    assert outputs(report) == {40_000: "this is the one\n"}


def test_what_the_steps_of_a_stage_say_on_one_item_is_kept_together() -> None:
    with skorche.Pipeline("steps") as pipeline:
        task = skorche.task(engine="process")(chatty.add_one)
        skorche.filter(chatty.refuse_three, skorche.map(task, skorche.Queue(fixed_inputs=range(50))), fuse=True)

    report = pipeline.run(on_error="collect", capture="item", progress=False).wait()

    assert outputs(report) == {3: "first step of 2\nsecond step of 3\n"}


@pytest.mark.parametrize("how", ["exit", "segfault", "kill"])
def test_the_last_words_before_a_death_are_kept(how: str) -> None:
    report = run_with("item", speaking.SayAndDie(how), [7])

    assert outputs(report) == {7: f"printed before {how}\nbegun before {how}WARNING:speaking:logged before {how}\n"}


def test_the_last_words_of_what_dies_on_its_way_back_are_kept() -> None:
    report = run_with("item", chatty.give_what_talks, [7])

    assert outputs(report) == {7: "gives it\nis pickled\n"}


def test_what_was_said_before_a_timeout_is_kept() -> None:
    report = run_with("item", chatty.hang_talking, [0.0, 60.0], timeout=0.5)

    assert outputs(report) == {60.0: "begins to wait\n"}


def test_what_was_said_for_a_result_that_cannot_be_pickled_is_kept() -> None:
    report = run_with("item", chatty.unpicklable, [7])

    (failure,) = report.failures
    assert (type(failure.error), failure.output) == (skorche.TransferError, "makes a lock\n")


def test_of_several_attempts_the_last_one_is_kept(tmp_path: Path) -> None:
    report = run_with("item", chatty.TalkMoreEachTime(tmp_path), [7], retries=2, backoff=0.0)

    assert outputs(report) == {7: "attempt 2\n"}


def test_threads_and_forks_of_a_task_are_heard() -> None:
    by_thread = run_with("item", chatty.fail_after_a_thread_has_talked, [7])
    by_fork = run_with("item", chatty.fail_after_a_fork_has_talked, [7])

    assert outputs(by_thread) == {7: "from a thread\n"}
    assert outputs(by_fork) == {7: "from the child\nfrom the parent\n"}


def test_a_logged_error_is_kept_with_its_traceback_and_what_is_below_the_level_is_not() -> None:
    report = run_with("item", chatty.fail_with_a_logged_error, [7])

    assert re.fullmatch(
        r"ERROR:speaking:no 7\nTraceback \(most recent call last\):\n(.*\n)+KeyError: 7\n", outputs(report)[7]
    )


@pytest.mark.parametrize(
    ("task", "start", "end"),
    [(chatty.fail_at_length, "line 9", "line 9999\n"), (chatty.fail_with_one_long_line, "é", "éz\n")],
)
def test_of_much_the_end_is_kept(task: Callable[[int], int], start: str, end: str) -> None:
    text = outputs(run_with("item", task, [10_000]))[10_000]

    first, _, rest = text.partition("\n")
    assert f"{first}\n" == LEFT_OUT.decode()
    assert (start in rest[:20], rest[-len(end) :]) == (True, end)
    assert TRANSCRIPT_BYTES // 2 - 10 < len(text.encode()) <= TRANSCRIPT_BYTES


def test_it_goes_to_the_queue_of_errors_and_wherever_a_failure_goes() -> None:
    errors: skorche.Queue[skorche.Failure] = skorche.Queue(name="errors")
    with skorche.Pipeline("errors") as pipeline:
        task = skorche.task(engine="process")(chatty.unpicklable)
        skorche.map(task, skorche.Queue(fixed_inputs=[7]), queue_errors=errors)

    report = pipeline.run(capture="item", progress=False).wait()

    (failure,) = errors.flush()
    assert pickle.loads(pickle.dumps(failure)).output == failure.output == "makes a lock\n"
    assert report.to_dict()["failures"][0]["output"] == "makes a lock\n"


def test_a_run_that_raises_tells_it_in_a_note() -> None:
    pipeline, _ = mapping(chatty.refuse_three, [3], engine="process")

    with pytest.raises(ValueError, match="3") as caught:
        pipeline.run(capture="item", progress=False).wait()

    assert "what was said on this item:\nsecond step of 3" in caught.value.__notes__


def test_what_is_said_on_no_item_comes_out_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    report = run_with("item", chatty.TalkWhenLoaded(), [1, 2])

    assert report.ok
    assert re.fullmatch(r"\[worker \d+\] is loaded\n", capsys.readouterr().out)


# -- streamed, and let be ----------------------------------------------------------------------------------------------


def test_what_is_streamed_is_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    report = run_with("stream", chatty.refuse_three, [3])

    assert outputs(report) == {3: ""}
    assert capsys.readouterr().out == "[refuse_three 3] second step of 3\n"


def test_workers_that_are_let_be_write_to_the_files_they_have(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    report = run_with("off", chatty.talk, [7, 8])

    out, error = capfd.readouterr()
    assert outputs(report) == {7: ""}
    assert out == "out of 7\nout of 8\n"
    assert sorted(error) == sorted("record of 7\nerror of 7record of 8\nerror of 8")
    assert caplog.records == []


def test_nobody_listens_to_workers_that_are_let_be() -> None:
    with skorche.Pipeline("off") as pipeline:
        numbers: skorche.Queue[int] = skorche.Queue()
        out = skorche.map(skorche.task(engine="process")(speaking.has_logging), numbers)

    with pipeline.run(capture="off", progress=False):
        numbers.put(1)
        out.get(timeout=20)
        names = [thread.name for thread in threading.enumerate()]

    assert "skorche processes" in names
    assert "skorche listener" not in names


def test_on_threads_words_are_nobodys(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline, _ = mapping(chatty.refuse_three, [3])

    report = pipeline.run(on_error="collect", capture="item", progress=False).wait()

    assert outputs(report) == {3: ""}
    assert capsys.readouterr().out == "second step of 3\n"


def test_another_choice_is_refused() -> None:
    with pytest.raises(skorche.GraphError) as caught:
        skorche.run(capture="tee")  # type: ignore[arg-type]  # it is refused

    assert str(caught.value) == (
        "run() was given capture='tee'.\n  Why:  it has no meaning.\n  Mend: give 'stream', 'item' or 'off'."
    )


# -- the transcript, without processes ---------------------------------------------------------------------------------


def test_items_may_be_taken_in_turns() -> None:
    slot, region = memoryview(bytearray(7 * 8)).cast("q"), memoryview(bytearray(TRANSCRIPT_BYTES))
    transcript = Transcript(slot, region)
    troubles = [Trouble(0, path, None, ValueError(), "") for path in (0, (1, 5), 2)]

    for index, word in [(0, "a"), (1, "b"), (0, "c"), (1, "d")]:
        transcript.add(index, word)

    assert [trouble.output for trouble in transcript.attach(troubles)] == ["ac", "bd", ""]
    assert read_transcript(slot, region) == {1: "bd"}


def test_a_new_slice_begins_with_nothing_said() -> None:
    slot, region = memoryview(bytearray(7 * 8)).cast("q"), memoryview(bytearray(TRANSCRIPT_BYTES))
    transcript = Transcript(slot, region)
    transcript.add(0, "a")
    transcript.add(1, "b")

    transcript.clear()

    troubles = [Trouble(0, path, None, ValueError(), "") for path in (0, 1)]
    assert [trouble.output for trouble in transcript.attach(troubles)] == ["", ""]
    assert slot[SAID_BYTES] == 0
