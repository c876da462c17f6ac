"""The report: as text, as a dictionary, and whether all went well."""

import json
import pickle

import pytest

import skorche
from skorche.errors import RunCancelled
from skorche.events import Failure, NodeTally, RunFinished


def finished(**changes: object) -> RunFinished:
    """A run of two items that went well, except for the changes."""
    quiet = {
        "name": "sums",
        "elapsed": 1.5,
        "admitted": 2,
        "delivered": 2,
        "filtered": 0,
        "failed": 0,
        "cancelled": 0,
        "rerun": 0,
        "unhandled": 0,
        "abandoned_threads": 0,
        "failures": (),
        "nodes": {"inc": NodeTally(received=2, emitted=2, busy_seconds=0.25, p50=0.001, p90=0.01, p99=2.0)},
    }
    return RunFinished(**quiet | changes)


def report_of(**changes: object) -> skorche.Report:
    return skorche.Report.of(finished(**changes))


def failures(count: int) -> tuple[Failure, ...]:
    return tuple(Failure("inc", item, ValueError(f"no {item}"), "Traceback ...") for item in range(count))


def refuse_odd(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


# -- as text --------------------------------------------------------------------------------------------------------


def test_a_report_is_a_headline_and_a_table():
    printed = str(report_of())

    assert printed == (
        "sums: ok in 1.50 s; 2 admitted, 2 delivered\n"
        "node  received  emitted  busy s  cpu s   p50  p99\n"
        "inc          2        2    0.25   0.00  1 ms  2 s"
    )


def test_columns_appear_when_there_is_something_in_them():
    nodes = {"inc": NodeTally(received=2, emitted=1, failed=1), "is_big": NodeTally(received=1, filtered=1, p50=2e-9)}

    printed = str(report_of(delivered=0, filtered=1, failed=1, nodes=nodes))

    assert printed == (
        "sums: ok in 1.50 s; 2 admitted, 0 delivered, 1 filtered, 1 failed\n"
        "node    received  emitted  filtered  failed  busy s  cpu s   p50  p99\n"
        "inc            2        1         0       1    0.00   0.00     -    -\n"
        "is_big         1        0         1       0    0.00   0.00  2 ns    -"
    )


def test_failures_are_listed_below_the_table():
    printed = str(report_of(delivered=0, failed=2, unhandled=2, failures=failures(2)))

    assert printed.startswith("sums: NOT ok in 1.50 s; 2 admitted, 0 delivered, 2 failed\n")
    assert printed.splitlines()[-2:] == [
        "failure 0: inc failed for 0: ValueError: no 0",
        "failure 1: inc failed for 1: ValueError: no 1",
    ]


def test_a_long_list_of_failures_is_cut_and_the_rest_counted():
    lines = str(report_of(failed=10_000, unhandled=10_000, failures=failures(10_000))).splitlines()

    assert [line.partition(":")[0] for line in lines[3:-1]] == [f"failure {number}" for number in range(10)]
    assert lines[-1] == "... and 9990 more in report.failures"


def test_a_long_message_is_cut():
    long = Failure("inc", "x" * 10_000, ValueError("y" * 10_000), "")

    line = str(report_of(failed=1, unhandled=1, failures=(long,))).splitlines()[-1]

    assert len(line) < 1100
    assert line.endswith("yyy... (all of it in report.failures)")


def test_guarantees_that_are_weaker_are_said_at_the_end():
    printed = str(report_of(guarantees=("an item may run twice",)))

    assert printed.splitlines()[-1] == "an item may run twice"


def test_it_is_told_why_lists_were_closed_unless_they_were_full_or_the_last():
    nodes = {
        "Batch(2)": NodeTally(received=3, emitted=2, members=3, closed={"size": 1, "end": 1}),
        "Batch(9)": NodeTally(received=3, emitted=2, members=3, closed={"end": 1, "timeout": 1}),
    }

    printed = str(report_of(nodes=nodes))

    assert printed.splitlines()[-1] == "Batch(9) closed its lists: 1 timeout, 1 end"


def test_a_task_that_went_on_with_fewer_workers_is_named():
    printed = str(report_of(nodes={"inc": NodeTally(shed_workers=2), "half": NodeTally()}))

    assert printed.splitlines()[-1] == (
        "inc went on with 2 workers fewer: so many were killed, probably because memory ran out"
    )


def test_other_things_that_happened_are_in_the_headline():
    printed = str(report_of(cancelled=3, rerun=4, abandoned_threads=1))

    assert printed.splitlines()[0] == (
        "sums: NOT ok in 1.50 s; 2 admitted, 2 delivered, 3 cancelled, 4 rerun, 1 threads abandoned"
    )


@pytest.mark.parametrize("name", ["[red]inc[/red]", ":smile:", "a" * 90, "https://example.org"])
def test_a_nodes_name_is_printed_as_it_is(name: str):
    table = str(report_of(nodes={name: NodeTally(received=7)})).splitlines()[1:]

    assert table[-1].split() == [name, "7", "0", "0.00", "0.00", "-", "-"]


def test_a_very_long_name_leaves_the_counts_readable():
    table = str(report_of(nodes={"x" * 10_000: NodeTally(received=7)})).splitlines()[1:]

    assert max(map(len, table)) <= 1000
    assert table[1].split()[1:] == ["7", "0", "0.00", "0.00", "-", "-"]


def test_a_report_of_nothing_can_be_printed():
    assert str(report_of(admitted=0, delivered=0, nodes={})).startswith("sums: ok in 1.50 s; 0 admitted, 0 delivered\n")


# -- as a dictionary ------------------------------------------------------------------------------------------------


def test_a_report_goes_through_json_unchanged():
    report = report_of(failed=1, failures=failures(1), guarantees=("an item may run twice",))

    there_and_back = json.loads(json.dumps(report.to_dict(), allow_nan=False))

    assert there_and_back == {
        "name": "sums",
        "ok": True,
        "elapsed": 1.5,
        "admitted": 2,
        "delivered": 2,
        "filtered": 0,
        "failed": 1,
        "cancelled": 0,
        "rerun": 0,
        "abandoned_threads": 0,
        "failures": [
            {
                "node": "inc",
                "item": "0",
                "error": "ValueError: no 0",
                "traceback": "Traceback ...",
                "attempts": 1,
                "output": "",
            }
        ],
        "nodes": {
            "inc": {
                "received": 2,
                "emitted": 2,
                "filtered": 0,
                "failed": 0,
                "cancelled": 0,
                "retried": 0,
                "divided": 0,
                "members": 0,
                "busy_seconds": 0.25,
                "cpu_seconds": 0.0,
                "p50": 0.001,
                "p90": 0.01,
                "p99": 2.0,
                "shed_workers": 0,
                "closed": {},
                "paused": False,
                "cached": 0,
                "stage": "",
                "engine": "",
                "workers": 0,
                "bytes_in": 0,
                "bytes_out": 0,
                "worker_bytes": 0,
                "watched_seconds": 0.0,
                "worker_seconds": 0.0,
                "starved_seconds": 0.0,
                "blocked_seconds": 0.0,
                "queued_seconds": 0.0,
                "full_seconds": 0.0,
                "mean_waiting": 0.0,
                "held_seconds": 0.0,
                "serial": False,
                "ordered": False,
                "limits": [],
                "passed": 0,
                "pinned": False,
                "ending": False,
            }
        },
        "guarantees": ["an item may run twice"],
        "recycled": 0,
        "status": {},
        "causes": {},
        "phases": {},
        "shard": None,
        "surroundings": {
            "cores": 0,
            "watched_seconds": 0.0,
            "source_seconds": 0.0,
            "sink_seconds": 0.0,
            "memory_seconds": 0.0,
            "cpu_seconds": 0.0,
            "resident_bytes": 0,
            "reading_seconds": 0.0,
            "gil_seconds": 0.0,
            "lined_seconds": 0.0,
            "source": "",
            "output": "",
        },
        "running": False,
        "bottleneck": "",
        "verdict": "it was too short to tell what limits it: 0.00 s were watched",
        "decisions": [],
        "error": "",
        "folder": "",
    }


def test_items_and_errors_that_cannot_be_shown_do_not_keep_a_report_from_being_read():
    report = report_of(failed=1, unhandled=1, failures=(Failure("inc", Unshowable(), Unspeakable(), ""),))

    told = json.loads(json.dumps(report.to_dict()))["failures"][0]

    assert told["item"] == "<Unshowable whose repr() raised RuntimeError>"
    assert told["error"] == "Unspeakable: <Unspeakable whose str() raised RuntimeError>"
    assert "whose str() raised RuntimeError>" in str(report).splitlines()[-1]


# -- why it ended ---------------------------------------------------------------------------------------------------


def test_what_ended_a_run_is_told():
    def rows():
        yield 1
        raise OSError("the disk is gone")

    with skorche.Pipeline("rows") as pipeline:
        skorche.map(str, skorche.Queue(name="rows", fixed_inputs=rows()))
    with pytest.raises(OSError, match="the disk is gone") as caught:
        pipeline.run().wait()

    report = pipeline.last_run.report
    assert report.error is caught.value
    assert report.to_dict()["error"] == "OSError: the disk is gone"
    assert "ended by OSError: the disk is gone" in str(report).splitlines()
    assert "ended by OSError: the disk is gone" in report.to_html()
    (note,) = report.error.__notes__
    assert note.startswith("in the source of 'rows' (")
    assert note.endswith(f"test_report.py:{rows.__code__.co_firstlineno + 5}), after 1 item")


def test_a_failure_that_ended_a_run_is_told_once():
    report = report_of(error=(error := ValueError("no")), failures=(Failure("inc", 1, error, ""),))

    assert str(report).count("ValueError: no") == 1


# -- whether all went well ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "ok"),
    [
        ({}, True),
        ({"filtered": 2}, True),
        ({"failed": 2, "failures": failures(2)}, True),  # a queue_errors took them
        ({"failed": 2, "unhandled": 1, "failures": failures(2)}, False),
        ({"cancelled": 1}, False),
        ({"error": RunCancelled("stopped")}, False),
    ],
)
def test_ok_means_that_nothing_failed_unhandled_and_nothing_was_cancelled(changes: dict[str, object], ok: bool):
    assert report_of(**changes).ok is ok


def test_failures_that_went_to_an_error_queue_count_and_leave_the_run_ok():
    errors = skorche.Queue("errors")
    with skorche.Pipeline("sums") as pipeline:
        even = skorche.map(refuse_odd, skorche.Queue(fixed_inputs=range(4)), queue_errors=errors)

    report = pipeline.run(engine="inline").wait()

    assert (report.ok, report.admitted, report.delivered, report.failed) == (True, 4, 2, 2)
    assert even.flush() == [0, 2]
    assert [(failure.item, str(failure.error)) for failure in errors.flush()] == [(1, "1 is odd"), (3, "3 is odd")]


def test_failures_that_were_collected_leave_the_run_not_ok():
    with skorche.Pipeline("sums") as pipeline:
        skorche.map(refuse_odd, skorche.Queue(fixed_inputs=range(4)))

    report = pipeline.run(engine="inline", on_error="collect").wait()

    assert (report.ok, report.admitted, report.delivered, report.failed) == (False, 4, 2, 2)
    assert sorted(failure.item for failure in report.failures) == [1, 3]
    assert report.nodes["refuse_odd"].received == 4
    assert str(report).splitlines()[0].startswith("sums: NOT ok in ")
    assert str(report).splitlines()[2].split()[:6] == ["refuse_odd", "0", "failed", "4", "2", "2"]
    assert json.loads(json.dumps(report.to_dict()))["failures"][0]["error"] == "ValueError: 1 is odd"


# -- as an object -----------------------------------------------------------------------------------------------------


def test_a_report_cannot_be_changed():
    report = report_of()

    with pytest.raises(AttributeError, match="a Report cannot be changed: ok"):
        report.ok = False
    with pytest.raises(AttributeError, match="a Report cannot be changed: okay"):
        report.okay = False
    with pytest.raises(AttributeError, match="a Report cannot be changed: ok"):
        del report.ok

    assert report.ok


def test_reports_are_equal_if_they_tell_the_same():
    assert report_of() == report_of()
    assert report_of() != report_of(elapsed=1.6)
    assert report_of() != finished()


def test_a_report_travels():
    with skorche.Pipeline() as pipeline:
        skorche.map(refuse_odd, skorche.Queue(fixed_inputs=[2, 4]))
    report = pipeline.run().wait()

    travelled = pickle.loads(pickle.dumps(report))

    assert travelled == report
    assert travelled.verdict == report.verdict
    assert travelled.results == report.results == {"refuse_odd": [2, 4]}


def test_the_repr_of_a_report_tells_all_but_its_results():
    shown = repr(report_of())

    assert shown.startswith("Report(name='sums', ok=True, elapsed=1.5, admitted=2, delivered=2,")
    assert "results" not in shown
