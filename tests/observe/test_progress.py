"""A long run says how far it is, on stderr, and a short one says nothing."""

import io
import logging
import sys
import threading

import pytest
from engines.waiting import wait_until

import skorche
from skorche.events import NodeTally, RunFinished, Surroundings
from skorche.observe.progress import Progress

ENDED = RunFinished("job", 14.0, 40, 30, 0, 2, 0, 0, 2, 0, (), {})
COUNTS = {"admitted": 40, "filtered": 0, "delivered": 30, "cancelled": 0, "failed": 2}


class Counted:
    """A run as it is seen at one moment."""

    def __init__(self, *awaited: str) -> None:
        self._awaited = awaited

    def counts(self) -> dict[str, int]:
        return COUNTS

    def awaited(self) -> tuple[str, ...]:
        return self._awaited

    def total(self) -> int | None:
        return None

    def snapshot(self) -> RunFinished:
        return ENDED


class Written(io.StringIO):
    """A stream that tells when a line has been written."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()

    def flush(self) -> None:
        super().flush()
        self.told.set()


def test_a_line_comes_every_few_seconds_until_the_run_ends(monkeypatch):
    stream = Written()
    monkeypatch.setattr(sys, "stderr", stream)
    progress = Progress("job", seconds=0.01)

    progress.start(Counted("urls"))
    assert stream.told.wait(10)
    progress.stop(ENDED)

    assert stream.getvalue().startswith("job: 0 s, 40 admitted, 30 delivered, 2 failed, ")
    assert (
        stream.getvalue()
        .splitlines()[0]
        .endswith("; waits for input urls, which is open: close() it, or call shutdown()")
    )
    assert [thread for thread in threading.enumerate() if thread.name.startswith("skorche")] == []


def test_a_closed_stderr_ends_the_lines_and_not_the_run(monkeypatch):
    stream = Written()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    progress = Progress("job", seconds=0.001)

    progress.start(Counted())
    progress._thread.join(10)

    assert not progress._thread.is_alive()
    progress.stop(ENDED)


def test_a_short_run_says_nothing(capfd):
    with skorche.Pipeline() as pipeline:
        skorche.map(abs, skorche.Queue(fixed_inputs=[1, 2]))

    pipeline.run().wait()

    assert capfd.readouterr() == ("", "")


def test_a_broken_observer_is_logged_and_the_run_goes_on(monkeypatch, caplog):
    def refuse(self, view):
        raise RuntimeError("no progress today")

    monkeypatch.setattr(Progress, "start", refuse)
    with skorche.Pipeline() as pipeline:
        results = skorche.map(abs, skorche.Queue(fixed_inputs=[-1]))

    with caplog.at_level(logging.ERROR, logger="skorche"):
        report = pipeline.run().wait()

    assert report.ok
    assert results.flush() == [1]
    assert "an observer of the run failed" in caplog.text


def test_progress_can_be_turned_off(monkeypatch):
    started = []
    monkeypatch.setattr(Progress, "start", lambda self, view: started.append(self))
    with skorche.Pipeline() as pipeline:
        skorche.map(abs, skorche.Queue(fixed_inputs=[1]))

    pipeline.run(progress=False).wait()

    assert started == []


def test_a_run_that_has_nothing_to_do_but_to_wait_for_an_input_names_it():
    with skorche.Pipeline() as pipeline:
        skorche.map(abs, skorche.Queue(name="numbers"))
    run = pipeline.run(progress=False)
    coordinator = run._coordinator

    wait_until(lambda: coordinator.awaited() == ["numbers"])
    run.close()
    run.wait(10)
    assert coordinator.awaited() == []


def test_a_line_tells_how_much_is_left_and_what_limits_the_run(monkeypatch):
    class Known(Counted):
        def total(self) -> int:
            return 640

        def snapshot(self) -> RunFinished:
            busy = NodeTally(
                received=40,
                emitted=40,
                busy_seconds=13.7,
                stage="shrink",
                engine="thread",
                workers=1,
                watched_seconds=14.0,
                worker_seconds=14.0,
                queued_seconds=13.0,
            )
            around = Surroundings(cores=2, watched_seconds=14.0)
            return ENDED._replace(nodes={"shrink": busy}, surroundings=around, running=True)

    stream = Written()
    monkeypatch.setattr(sys, "stderr", stream)
    progress = Progress("job", seconds=0.01)

    progress.start(Known())
    assert stream.told.wait(10)
    progress.stop(ENDED)

    line = stream.getvalue().splitlines()[0]
    assert ", 5 % of 640, " in line
    assert line.endswith(
        " left; `shrink` limits: busy 98%, items waiting for it 93% of the time; +1 worker (max_workers=2): "
        "about 2.0 times"
    )


def test_drawing_that_fails_is_logged_once_and_the_run_goes_on(monkeypatch, caplog):
    class Broken(Counted):
        def snapshot(self) -> RunFinished:
            raise RuntimeError("no snapshot today")

    monkeypatch.setattr(sys, "stderr", Written())
    progress = Progress("job", seconds=0.001)

    with caplog.at_level(logging.ERROR, logger="skorche"):
        progress.start(Broken())
        progress._thread.join(10)
        progress.stop(ENDED)

    assert caplog.text.count("progress of the run cannot be shown any more") == 1
    assert "no snapshot today" in caplog.text


def test_what_is_no_way_to_show_progress_is_refused(told):
    with skorche.Pipeline() as pipeline:
        skorche.map(abs, skorche.Queue(fixed_inputs=[1]))

    with pytest.raises(skorche.GraphError) as caught:
        pipeline.run(progress="bar")

    assert told(caught) == (
        "run() was given progress='bar'.\n"
        "  Why:  it has no meaning.\n"
        "  Mend: give 'auto' for what suits the place, 'lines' for plain lines, or False for none."
    )
