"""The status page of a run that goes on: written anew until its end, and no reason for a run to fail."""

import logging
import os
import threading
from pathlib import Path

import pytest
from engines.waiting import wait_until

import skorche
from skorche.events import NodeTally, RunFinished
from skorche.observe.live_page import LivePage
from skorche.observe.report import Report

REFRESH = '<meta http-equiv="refresh" content="2">'
ENDED = RunFinished("job", 14.0, 40, 30, 0, 2, 0, 0, 2, 0, (), {"inc": NodeTally(received=40)})


class Going:
    """A run that goes on, and admits one more item each time it is looked at."""

    def __init__(self) -> None:
        self.looks = 0

    def counts(self) -> dict[str, int]:
        return {}

    def awaited(self) -> tuple[str, ...]:
        return ()

    def total(self) -> int | None:
        return None

    def snapshot(self) -> RunFinished:
        self.looks += 1
        return ENDED._replace(admitted=self.looks, running=True)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_the_page_is_written_anew_while_the_run_goes_on_and_asks_to_be_read_anew(tmp_path):
    path, view = tmp_path / "status.html", Going()
    live = LivePage("job", path, Report.of, seconds=0.01)

    live.start(view)
    wait_until(lambda: view.looks > 2)
    going = read(path)
    live.stop(ENDED)
    ended = read(path)

    assert "job: running for 14.00 s" in going
    assert REFRESH in going
    assert "job: NOT ok in 14.00 s; 40 admitted" in ended
    assert REFRESH not in ended
    assert os.listdir(tmp_path) == ["status.html"]
    assert [thread for thread in threading.enumerate() if thread.name.startswith("skorche")] == []


def test_a_reader_never_finds_half_a_page(tmp_path):
    path, view = tmp_path / "status.html", Going()
    live = LivePage("job", path, Report.of, seconds=0.001)

    live.start(view)
    wait_until(path.exists)
    pages = {read(path)[-8:] for _ in range(1000)}
    live.stop(ENDED)

    assert pages == {"</html>\n"}


def test_a_run_writes_its_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with skorche.Pipeline("job") as pipeline:
        results = skorche.map(abs, skorche.Queue("numbers", fixed_inputs=[-1, -2]), queue_out=skorche.Queue("out"))

    report = pipeline.run(page="made/status.html", progress=False).wait()

    page = read(tmp_path / "made" / "status.html")
    assert results.flush() == [1, 2]
    assert report.headline in page
    assert "2 items" in page
    assert REFRESH not in page


def test_the_page_of_an_open_run_is_there_before_its_end(tmp_path):
    path = tmp_path / "status.html"
    with skorche.Pipeline("open") as pipeline:
        skorche.map(abs, skorche.Queue("numbers"))

    run = pipeline.run(page=path, progress=False)
    wait_until(path.exists)
    going = read(path)
    run.shutdown()

    assert "open: running for" in going
    assert REFRESH in going
    assert "open: ok in" in read(path)


def test_a_program_that_changes_its_folder_has_its_page_where_the_run_began(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with skorche.Pipeline("open") as pipeline:
        skorche.map(abs, skorche.Queue("numbers"))

    run = pipeline.run(page="status.html", progress=False)
    monkeypatch.chdir("elsewhere")
    run.shutdown()

    assert (tmp_path / "status.html").exists()


def test_a_run_that_fails_has_a_page_that_says_so(tmp_path):
    with skorche.Pipeline("job") as pipeline:
        skorche.map(len, skorche.Queue("numbers", fixed_inputs=[1]))

    with pytest.raises(TypeError):
        pipeline.run(page=tmp_path / "status.html", progress=False).wait()

    assert "<title>job: not ok</title>" in read(tmp_path / "status.html")


def test_a_page_that_cannot_be_written_is_told_once_and_the_run_goes_on(tmp_path, caplog):
    (tmp_path / "file").write_text("a file, and no folder")
    view = Going()
    live = LivePage("job", tmp_path / "file" / "status.html", Report.of, seconds=0.001)

    with caplog.at_level(logging.WARNING, logger="skorche"):
        live.start(view)
        wait_until(lambda: view.looks > 3)
        live.stop(ENDED)

    (record,) = caplog.records
    assert record.getMessage().startswith(f"the status page {tmp_path}/file/status.html cannot be written: ")
    assert record.getMessage().endswith("; the run goes on")


def test_a_page_that_cannot_be_made_fails_no_run(tmp_path, caplog, monkeypatch):
    def refuse(self: Report) -> str:
        raise RuntimeError("no page today")

    monkeypatch.setattr(Report, "overview", refuse)
    with skorche.Pipeline() as pipeline:
        results = skorche.map(abs, skorche.Queue(fixed_inputs=[-1]))

    report = pipeline.run(page=tmp_path / "status.html", progress=False).wait()

    assert report.ok
    assert results.flush() == [1]
    assert "no page today" in caplog.text
