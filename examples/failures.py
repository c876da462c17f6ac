"""Four things to do about tasks that fail, from the strictest to the most patient.

By default the first failure stops the run, and `shutdown()` raises the task's own exception.
"""

import collections

import skorche


class Busy(Exception):
    """A failure that passes: worth another attempt."""


attempts: collections.Counter[str] = collections.Counter()


@skorche.task
def parse(text: str) -> int:
    return int(text)


@skorche.task(retries=2, backoff=0.01, retry_on=Busy)
def fetch(name: str) -> str:
    attempts[name] += 1
    if attempts[name] < 3:
        raise Busy(name)
    return f"content of {name}"


def stop_at_the_first() -> None:
    """The default: the error comes out of `wait()`, with notes that say which task and which item."""
    with skorche.Pipeline("strict") as pipeline:
        skorche.map(parse, skorche.Queue(fixed_inputs=["1", "two", "3"]))

    try:
        pipeline.run().wait()
    except ValueError as error:
        notes = "\n".join(error.__notes__)
    else:
        raise AssertionError("the failure was silent")

    assert "parse" in notes
    assert "'two'" in notes


def collect_failures() -> None:
    """`on_error="collect"`: the rest goes on, and the report holds what failed and why."""
    with skorche.Pipeline("collect") as pipeline:
        parsed = skorche.map(parse, skorche.Queue(fixed_inputs=["1", "two", "3", "four"]))

    report = pipeline.run(on_error="collect").wait()

    assert parsed.flush() == [1, 3]
    assert not report.ok
    assert sorted(failure.item for failure in report.failures) == ["four", "two"]
    assert all(isinstance(failure.error, ValueError) for failure in report.failures)


def route_failures() -> None:
    """`queue_errors=`: failures are a queue in the graph, and what is routed counts as handled."""
    with skorche.Pipeline("route") as pipeline:
        failures: skorche.Queue[skorche.Failure] = skorche.Queue(name="failures")
        texts = skorche.Queue(fixed_inputs=["1", "two", "3"])
        parsed = skorche.map(parse, texts, queue_errors=failures)

    report = pipeline.run().wait()

    assert parsed.flush() == [1, 3]
    assert [(failure.node, failure.item) for failure in failures.flush()] == [("parse", "two")]
    assert report.ok
    assert report.failed == 1


def retry_failures() -> None:
    """`retries=2`: three attempts in all, with a growing pause between them."""
    with skorche.Pipeline("retry") as pipeline:
        contents = skorche.map(fetch, skorche.Queue(fixed_inputs=["a", "b"]))

    report = pipeline.run().wait()

    assert contents.flush() == ["content of a", "content of b"]
    assert report.nodes["fetch"].retried == 4


def give_up_when_hopeless() -> None:
    """`max_failures=`: collect, but stop a run in which nearly everything fails."""
    with skorche.Pipeline("hopeless") as pipeline:
        skorche.map(parse, skorche.Queue(fixed_inputs=["no number"] * 1000))

    run = pipeline.run(on_error="collect", max_failures=10)
    try:
        run.wait()
    except skorche.TooManyFailures as error:
        print(f"gave up: {error}")
    else:
        raise AssertionError("a hopeless run went on to its end")

    assert run.report is not None
    assert 10 < run.report.failed < 1000


if __name__ == "__main__":
    stop_at_the_first()
    collect_failures()
    route_failures()
    retry_failures()
    give_up_when_hopeless()
    print("every failure was seen")
