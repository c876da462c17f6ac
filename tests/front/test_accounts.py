"""The report of a run, and the laws its numbers obey."""

import json

import pytest

import skorche
from skorche import Pipeline, Queue

pytestmark = pytest.mark.timeout(60)


@skorche.task(max_workers=3)
def shout(word):
    if word == "bad":
        raise ValueError("no")
    return word.upper()


def everything() -> Pipeline:
    """A pipeline in which items meet every end."""
    words = ["a bb bad", "", "ccc a", "bad", "a bb"]
    with Pipeline("words") as pipeline:
        single = skorche.unbatch(skorche.map(skorche.task(name="cut")(str.split), Queue(fixed_inputs=words)))
        short, long = skorche.split(lambda word: len(word) < 3, single)
        short = skorche.unbatch(skorche.batch(short, batch_size=2))
        long = skorche.filter(lambda word: word != "ccc", skorche.map(shout, long))
        skorche.merge((short, long))
    return pipeline


def test_each_source_item_is_counted_once_by_the_worst_end_of_what_was_made_of_it():
    report = everything().run(on_error="collect").wait()

    assert (report.admitted, report.delivered, report.filtered, report.failed, report.cancelled) == (5, 2, 1, 2, 0)
    assert report.ok is False


def test_every_node_accounts_for_what_it_received():
    report = everything().run(on_error="collect").wait()

    told = {name: (tally.received, tally.emitted, tally.failed) for name, tally in report.nodes.items()}
    assert told == {
        "cut": (5, 5, 0),
        "Unbatch": (5, 8, 0),
        "Split(<lambda>)": (8, 8, 0),
        "Batch(2)": (5, 3, 0),
        "Unbatch(2)": (3, 5, 0),
        "shout": (3, 1, 2),
        "Filter(<lambda>)": (1, 1, 0),
        "Merge": (6, 6, 0),
    }


def test_a_failure_tells_where_on_what_and_why():
    report = everything().run(on_error="collect").wait()

    failure = report.failures[0]
    assert (failure.node, failure.item, type(failure.error), failure.attempts) == ("shout", "bad", ValueError, 1)
    assert failure.traceback.splitlines()[0] == "Traceback (most recent call last):"
    assert failure.traceback.splitlines()[-1] == "ValueError: no"
    assert 'raise ValueError("no")' in failure.traceback
    assert "skorche/kernel.py" not in failure.traceback
    assert str(failure) == "shout failed for 'bad': ValueError: no"


def test_a_node_tells_its_times():
    report = everything().run(on_error="collect").wait()

    tally = report.nodes["shout"]
    assert tally.busy_seconds > 0
    assert tally.cpu_seconds >= 0
    assert 0 < tally.p50 <= tally.p90 <= tally.p99
    assert report.elapsed > 0


def test_a_node_that_did_nothing_has_no_times():
    with Pipeline() as pipeline:
        skorche.map(shout, Queue(fixed_inputs=[]))

    tally = pipeline.run().wait().nodes["shout"]

    assert (tally.received, tally.p50, tally.p90, tally.p99) == (0, None, None, None)


def test_a_run_without_trouble_is_ok():
    with Pipeline() as pipeline:
        skorche.map(shout, Queue(fixed_inputs=["a"]))

    report = pipeline.run().wait()

    assert (report.ok, report.rerun, report.abandoned_threads, report.failures) == (True, 0, 0, ())


def test_to_dict_is_fit_for_json():
    report = everything().run(on_error="collect").wait()

    told = json.loads(json.dumps(report.to_dict()))

    assert (told["name"], told["ok"], told["admitted"], told["failed"]) == ("words", False, 5, 2)
    assert told["nodes"]["Batch(2)"]["members"] == 5
    assert (told["failures"][0]["node"], told["failures"][0]["item"]) == ("shout", "'bad'")
    assert told["failures"][0]["error"] == "ValueError: no"
