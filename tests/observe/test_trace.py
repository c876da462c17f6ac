"""The trace of a run: every chunk on the track of who did it, how full queues were, and what went wrong."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from engines.waiting import wait_until

import skorche
from skorche.events import Happened, Queued, RunFinished, Worked
from skorche.observe.trace import MOST_NOTES, Trace
from skorche.observe.tracks import LANES_START, Tracks

pytestmark = pytest.mark.timeout(60)

ENDED = RunFinished("job", 1.0, 0, 0, 0, 0, 0, 0, 0, 0, (), {})

Line = dict[str, Any]


def pause_briefly(item: int) -> int:
    time.sleep(0.001)
    return item


def whose_process(item: int) -> int:
    return os.getpid()


def whose_thread(item: int) -> int:
    time.sleep(0.001)
    return threading.get_native_id()


async def wait_briefly(item: int) -> int:
    await asyncio.sleep(0.001)
    return item


def is_even(item: int) -> bool:
    return item % 2 == 0


def refuse_seven(item: int) -> int:
    if item == 7:
        raise ValueError("no 7")
    return item


def die_on_seven(item: int) -> int:
    if item == 7:
        os._exit(3)
    return item


def lines_of(path: Path) -> list[Line]:
    """The trace of a run that came to its end: it is JSON as it stands."""
    lines: list[Line] = json.loads(path.read_text())
    return lines


def chunks_of(lines: list[Line], name: str = "") -> list[Line]:
    return [line for line in lines if line.get("cat") == "chunk" and name in ("", line["name"])]


def tracks_of(slices: list[Line]) -> dict[tuple[int, int], list[Line]]:
    tracks = defaultdict(list)
    for one in slices:
        tracks[one["pid"], one["tid"]].append(one)
    return tracks


def names_of(lines: list[Line], what: str) -> dict[int, str]:
    return {line["tid"]: line["args"]["name"] for line in lines if line["name"] == what}


def instants_of(lines: list[Line]) -> dict[str, dict[str, str]]:
    return {line["name"]: line["args"] for line in lines if line["ph"] == "i"}


def overlaps(slices: list[Line]) -> list[tuple[Line, Line]]:
    """Pairs of neighbours, of which the first has not ended when the second begins."""
    in_order = sorted(slices, key=lambda one: one["ts"])
    return [(one, two) for one, two in pairwise(in_order) if one["ts"] + one["dur"] > two["ts"]]


def chain_of(*tasks: Any, count: int = 300) -> skorche.Pipeline:
    with skorche.Pipeline("job") as pipeline:
        skorche.chain(tasks, skorche.Queue(fixed_inputs=range(count)))
    return pipeline


# -- slices and tracks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "task",
    [
        skorche.task(pause_briefly, name="work", max_workers=3),
        skorche.task(pause_briefly, name="work", max_workers=2, engine="process"),
        skorche.task(pause_briefly, name="work", max_workers=1, engine="inline"),
        skorche.task(wait_briefly, name="work", max_workers=5),
        skorche.task(pause_briefly, name="work", max_workers=2, engine=lambda: ThreadPoolExecutor(2)),
        skorche.task(pause_briefly, name="work", max_workers=2, timeout=30),
        skorche.task(pause_briefly, name="work", max_workers=2, ordered=True),
    ],
    ids=["thread", "process", "inline", "async", "executor", "timeout", "ordered"],
)
def test_every_item_is_in_a_slice_and_no_two_slices_of_a_track_overlap(task, tmp_path):
    report = chain_of(task).run(trace=tmp_path / "trace.json").wait()

    slices = chunks_of(lines_of(tmp_path / "trace.json"))
    tracks = tracks_of(slices)
    assert {one["name"] for one in slices} == {"work"}
    assert sum(one["args"]["items"] for one in slices) == report.nodes["work"].received == 300
    assert len(tracks) <= task.settings.max_workers
    assert [overlaps(track) for track in tracks.values()] == [[]] * len(tracks)
    assert all(one["dur"] > 0 for one in slices)


def test_a_worker_process_is_a_process_with_its_own_number(tmp_path):
    with skorche.Pipeline() as pipeline:
        task = skorche.task(whose_process, engine="process", max_workers=2)
        processes = skorche.map(task, skorche.Queue(fixed_inputs=range(50)))

    pipeline.run(trace=tmp_path / "trace.json").wait()

    lines = lines_of(tmp_path / "trace.json")
    workers = {pid for pid, _ in tracks_of(chunks_of(lines))}
    assert workers == set(processes.flush())
    assert os.getpid() not in workers
    assert names_of(lines, "thread_name") == {os.getpid(): "run"} | {pid: f"worker {pid}" for pid in workers}


def test_a_worker_thread_is_a_thread_of_this_process_with_its_own_number(tmp_path):
    with skorche.Pipeline() as pipeline:
        task = skorche.task(whose_thread, max_workers=3)
        threads = skorche.map(task, skorche.Queue(fixed_inputs=range(100)))

    pipeline.run(trace=tmp_path / "trace.json").wait()

    lines = lines_of(tmp_path / "trace.json")
    tracks = tracks_of(chunks_of(lines))
    assert set(tracks) == {(os.getpid(), thread) for thread in threads.flush()}
    named = set(names_of(lines, "thread_name").values())
    assert named == {"run"} | {f"whose_thread {number + 1}" for number in range(len(tracks))}


def test_slices_are_as_long_as_the_work_took(tmp_path):
    report = chain_of(pause_briefly, count=100).run(trace=tmp_path / "trace.json").wait()

    length = sum(one["dur"] for one in chunks_of(lines_of(tmp_path / "trace.json"))) / 1e6
    assert length == pytest.approx(report.nodes["pause_briefly"].busy_seconds, rel=0.05)


def test_the_steps_of_a_fused_stage_lie_inside_its_slices(tmp_path):
    with skorche.Pipeline() as pipeline:
        skorche.filter(is_even, skorche.map(pause_briefly, skorche.Queue(fixed_inputs=range(60))), fuse=True)

    pipeline.run(trace=tmp_path / "trace.json").wait()

    lines = lines_of(tmp_path / "trace.json")
    slices, steps = chunks_of(lines), [line for line in lines if line.get("cat") == "step"]
    assert {one["name"] for one in slices} == {"pause_briefly + Filter(is_even)"}
    assert sum(one["args"]["items"] for one in steps if one["name"] == "pause_briefly") == 60
    assert overlaps(steps) == []
    spans = [(one["ts"], one["ts"] + one["dur"]) for one in slices]
    assert all(any(begin <= one["ts"] <= one["ts"] + one["dur"] <= end for begin, end in spans) for one in steps)


def test_a_slice_says_which_item_was_its_first_and_what_crossed_the_border(tmp_path):
    task = skorche.task(pause_briefly, engine="process")

    report = chain_of(task).run(trace=tmp_path / "trace.json").wait()

    slices = chunks_of(lines_of(tmp_path / "trace.json"))
    following = {one["args"]["first"] + one["args"]["items"] for one in slices}
    assert following == {one["args"]["first"] for one in slices} - {0} | {300}
    assert sum(one["args"]["bytes_in"] for one in slices) == report.nodes["pause_briefly"].bytes_in > 0
    assert sum(one["args"]["bytes_out"] for one in slices) == report.nodes["pause_briefly"].bytes_out > 0


# -- counters -------------------------------------------------------------------------------------------------------


def test_counters_begin_and_end_at_nothing_and_are_never_below(tmp_path):
    chain_of(refuse_seven, pause_briefly).run(trace=tmp_path / "trace.json", on_error="collect").wait()

    counts = defaultdict(list)
    for line in lines_of(tmp_path / "trace.json"):
        if line["ph"] == "C":
            counts[line["name"]].append((line["ts"], line["args"]["items"]))
    assert set(counts) == {"waiting for refuse_seven", "waiting for pause_briefly"}
    for samples in counts.values():
        in_order = [items for _, items in sorted(samples, key=lambda one: one[0])]
        assert in_order[0] == in_order[-1] == 0
        assert min(in_order) == 0
    assert max(items for _, items in counts["waiting for pause_briefly"]) > 0


# -- what went wrong ------------------------------------------------------------------------------------------------


def test_a_failure_is_an_instant_and_counted_in_its_slice(tmp_path):
    chain_of(refuse_seven).run(trace=tmp_path / "trace.json", on_error="collect").wait()

    lines = lines_of(tmp_path / "trace.json")
    assert instants_of(lines) == {"failure: refuse_seven": {"node": "refuse_seven", "told": "ValueError: no 7"}}
    assert sum(one["args"].get("failures", 0) for one in chunks_of(lines)) == 1


def test_retries_are_told_and_each_attempt_has_a_slice(tmp_path):
    task = skorche.task(refuse_seven, retries=2, backoff=0.0)

    report = chain_of(task).run(trace=tmp_path / "trace.json", on_error="collect").wait()

    lines = lines_of(tmp_path / "trace.json")
    retries = [line["args"]["told"] for line in lines if line["name"] == "retry: refuse_seven"]
    assert retries == ["1 item", "1 item"]
    assert sum(one["args"]["items"] for one in chunks_of(lines)) == 300 + report.nodes["refuse_seven"].retried


def test_the_death_of_a_worker_is_told_and_its_last_chunk_has_a_slice(tmp_path):
    task = skorche.task(die_on_seven, engine="process", max_workers=1)

    chain_of(task, count=20).run(trace=tmp_path / "trace.json", on_error="collect").wait()

    lines = lines_of(tmp_path / "trace.json")
    slices = chunks_of(lines)
    (lost,) = [one for one in slices if "lost" in one["args"]]
    assert instants_of(lines)["worker died"] == {"told": f"process {lost['pid']}, exit code 3"}
    assert "WorkerCrash: a worker process died (exit code 3)" in lost["args"]["lost"]
    assert sum(one["args"]["items"] for one in slices) == 20
    assert {one["pid"] for one in slices} > {lost["pid"]}


def test_pauses_and_stops_are_told(tmp_path):
    with skorche.Pipeline() as pipeline:
        inputs = skorche.Queue[int](name="inputs")
        skorche.map(pause_briefly, inputs)
    run = pipeline.run(trace=tmp_path / "trace.json")
    run.pause("pause_briefly")
    run.resume("pause_briefly")
    run.cancel()
    run.join()

    told = instants_of(lines_of(tmp_path / "trace.json"))
    assert list(told) == ["pause: pause_briefly", "resume: pause_briefly", "stop"]
    assert told["stop"]["told"].startswith("RunCancelled: the run was cancelled.")


def test_the_run_itself_is_a_slice_which_says_how_it_ended(tmp_path):
    with pytest.raises(ValueError, match="no 7"):
        chain_of(refuse_seven).run(trace=tmp_path / "trace.json").wait()

    (run,) = [line for line in lines_of(tmp_path / "trace.json") if line.get("cat") == "run"]
    assert (run["name"], run["pid"], run["tid"]) == ("job", os.getpid(), os.getpid())
    assert run["args"]["failed"] == 1
    assert run["args"]["error"] == "ValueError: no 7"


# -- the file ---------------------------------------------------------------------------------------------------------


def test_the_trace_of_a_program_that_was_killed_lacks_only_its_last_bracket(tmp_path):
    program = textwrap.dedent("""
        import time
        import skorche

        def work(item):
            time.sleep(0.001)
            return item

        with skorche.Pipeline() as pipeline:
            skorche.map(work, skorche.Queue(fixed_inputs=iter(int, 1), maxsize=10), queue_out=skorche.Queue("ends"))
        pipeline.run(trace="trace.json", progress=False).wait()
    """)
    path = tmp_path / "trace.json"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=environment) as process:
        wait_until(lambda: path.exists() and '"cat":"chunk"' in path.read_text())
        process.send_signal(signal.SIGKILL)

    text = path.read_text()
    assert not text.endswith("]")
    assert chunks_of(json.loads(f"{text}]"), "work") != []


def test_a_file_that_cannot_be_written_is_refused_before_anything_runs(tmp_path):
    pipeline = chain_of(pause_briefly)

    with pytest.raises(skorche.GraphError) as refused:
        pipeline.run(trace=tmp_path / "nowhere" / "trace.json")

    assert refused.value.what.startswith("run() was given trace=")
    assert refused.value.what.endswith("which cannot be written.")
    assert "No such file or directory" in refused.value.why
    assert refused.value.mend == "give the path of a file, in a folder that is there."
    assert pipeline.last_run is None


def test_what_is_no_path_is_refused():
    with pytest.raises(skorche.GraphError, match=r"expected str, bytes or os\.PathLike object, not bool"):
        chain_of(pause_briefly).run(trace=True)  # type: ignore[arg-type]  # it is refused


def test_a_run_that_could_not_begin_leaves_an_empty_trace(tmp_path):
    def refuse() -> ThreadPoolExecutor:
        raise RuntimeError("no executor today")

    with pytest.raises(RuntimeError):
        chain_of(skorche.task(pause_briefly, engine=refuse)).run(trace=tmp_path / "trace.json")

    assert lines_of(tmp_path / "trace.json") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_a_full_disk_is_told_of_once_and_the_run_goes_on(caplog):
    report = chain_of(pause_briefly, count=1000).run(trace="/dev/full").wait()

    assert report.delivered == 1000
    (told,) = [record.message for record in caplog.records if "trace" in record.message]
    assert told == (
        "the trace /dev/full cannot be written any more ([Errno 28] No space left on device); "
        "the run goes on without it"
    )


def test_nothing_of_the_trace_stays_behind(tmp_path):
    chain_of(pause_briefly).run(trace=tmp_path / "trace.json").wait()

    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("skorche trace")] == []


def test_the_command_line_writes_one_too(tmp_path):
    (tmp_path / "job.py").write_text(
        "import skorche\n"
        "with skorche.Pipeline('job') as pipeline:\n"
        "    skorche.map(abs, skorche.Queue(fixed_inputs=[-1, 2]))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "skorche", "run", "job.py", "--quiet", "--trace", "trace.json"]

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "abs: 1\nabs: 2\n")
    assert sum(one["args"]["items"] for one in chunks_of(lines_of(tmp_path / "trace.json"))) == 2


# -- notes as lines ---------------------------------------------------------------------------------------------------


def worked(began: float, ended: float, worker: int | None = None, process: bool = False) -> Worked:
    return Worked(0, 1, worker, process, began, ended, 1, 0)


def drawn(tracks: Tracks, *notes: Worked | Queued | Happened) -> list[Line]:
    return [json.loads(line) for line in tracks.lines(notes)]


def tracks(workers: int = 2) -> Tracks:
    return Tracks(chain_of(skorche.task(pause_briefly, max_workers=workers)).plan(), 100.0)


def test_slices_whose_worker_is_not_known_take_a_lane_that_is_free():
    slices = chunks_of(drawn(tracks(), worked(100, 102), worked(101, 103), worked(102, 104), worked(103.5, 105)))

    assert [one["tid"] - LANES_START for one in slices] == [0, 1, 0, 1]
    assert [one["ts"] for one in slices] == [0, 1_000_000, 2_000_000, 3_500_000]


def test_there_are_no_more_lanes_than_workers():
    slices = chunks_of(drawn(tracks(1), worked(100, 102), worked(101, 103)))

    assert [one["tid"] - LANES_START for one in slices] == [0, 0]
    assert [(one["ts"], one["dur"]) for one in slices] == [(0, 2_000_000), (2_000_000, 1_000_000)]


def test_a_slice_that_would_overlap_begins_where_the_one_before_it_ends():
    slices = chunks_of(drawn(tracks(), worked(100, 102, worker=7), worked(101.5, 103, worker=7)))

    assert [(one["ts"], one["dur"]) for one in slices] == [(0, 2_000_000), (2_000_000, 1_000_000)]


def test_a_change_of_workers_is_told():
    (_, instant) = drawn(tracks(2), Queued(101.0, 0, 5, 3))

    assert instant["name"] == "resize: pause_briefly"
    assert instant["args"]["told"] == "2 to 3 workers"


def test_what_comes_faster_than_it_can_be_written_is_left_out_and_told(tmp_path):
    complaints: list[str] = []
    trace = Trace(tmp_path / "trace.json", chain_of(pause_briefly).plan(), complaints.append)

    for _ in range(MOST_NOTES + 5):  # its thread has not begun
        trace.note(Queued(0.0, 0, 1, 1))
    trace.start(None)  # type: ignore[arg-type]  # it asks nothing of the run
    trace.stop(ENDED)

    told = instants_of(lines_of(tmp_path / "trace.json"))
    assert told == {"left out": {"told": "5 notes, since more came than could be written"}}
    assert complaints == []
