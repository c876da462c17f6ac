"""The status page: one document that tells of a run, needs nothing else, and lets nobody's words be markup."""

import os
import re
from html.parser import HTMLParser

import pytest

import skorche
from skorche.errors import GraphError
from skorche.events import NOTHING_SEEN, NodeTally
from skorche.observe.overview import FailureText, Overview
from skorche.observe.page import POLICY, page_of, write_page

VOID = {"meta", "link"}
QUIET = Overview("job", "job: ok in 2.00 s", True, False, 2.0, {"admitted": 4, "delivered": 4}, {}, {})
ATTACK = "<script>alert(1)</script>\"'&"


class Elements(HTMLParser):
    """What a browser makes of the page: the elements, the text, and whether each is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def rows(page: str) -> list[list[str]]:
    """The cells of the table, without their markup."""
    lines = re.findall(r"<tr[^>]*>(.*?)</tr>", page, flags=re.DOTALL)
    return [[re.sub("<[^>]*>", " ", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", line)] for line in lines]


def failing(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def run_failing(count: int) -> skorche.Report:
    with skorche.Pipeline("odd ones") as pipeline:
        skorche.map(failing, skorche.Queue("numbers", fixed_inputs=range(count)), queue_out=skorche.Queue("even"))
    return pipeline.run(on_error="collect", progress=False).wait()


# -- what it tells --------------------------------------------------------------------------------------------------


def test_a_page_has_the_headline_the_diagram_the_table_and_the_failures():
    report = run_failing(4)
    page = Elements(report.to_html())

    assert report.headline in page.text
    assert len(page.all("svg")) == len(page.all("table")) == 1
    assert len(page.all("details")) == 2
    assert "ValueError: 1 is odd" in page.text
    assert 'raise ValueError(f"{number} is odd")' in page.text


def test_the_table_has_a_row_for_each_node():
    tally = NodeTally(
        received=1000,
        emitted=990,
        failed=10,
        busy_seconds=15.0,
        cpu_seconds=1.5,
        p50=0.0123,
        p99=1.5,
        stage="resize",
        engine="process",
        workers=2,
        bytes_in=12_345_678,
        bytes_out=999,
        worker_bytes=50_000_000,
        watched_seconds=10.0,
        worker_seconds=20.0,
        starved_seconds=3.0,
        blocked_seconds=2.0,
        queued_seconds=5.0,
        full_seconds=2.5,
        mean_waiting=7.25,
    )

    head, resize, merge = rows(page_of(QUIET._replace(nodes={"resize": tally, "Merge": NodeTally(received=990)})))

    assert head == [
        *("node", "received", "emitted", "failed", "time", "busy", "no input", "no room", "queue", "full"),
        *("p50", "p99", "busy s", "cpu s", "bytes in", "bytes out", "memory"),
    ]
    assert resize == [
        *("resize 2 processes", "1,000", "990", "10", "", "75 %", "15 %", "10 %", "7.2", "25 %"),
        *("12.3 ms", "1.5 s", "15.00", "1.50", "12.3 MB", "999 B", "50 MB"),
    ]
    assert merge[5:] == ["-", "-", "-", "-", "-", "-", "-", "0.00", "0.00", "-", "-", "-"]


def test_the_verdict_stands_above_the_diagram():
    seen = run_failing(2).overview()._replace(bottleneck="failing", verdict="failing limits: busy 98 %")
    page = page_of(seen)

    assert page.index("failing limits: busy 98 %") < page.index("<svg")
    assert '<tr class="failed limit">' in page


def test_without_a_verdict_nothing_is_said_of_one():
    page = Elements(page_of(QUIET))

    assert {attributes.get("class") for attributes in page.all("p")} & {"verdict"} == set()


def test_only_the_first_ten_failures_are_shown():
    page = Elements(run_failing(30).to_html())

    assert len(page.all("details")) == 10
    assert "... and 5 more in report.failures" in page.text


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (QUIET, "ok"),
        (QUIET._replace(ok=False), "not ok"),
        (QUIET._replace(running=True), "running"),
    ],
)
def test_the_state_stands_in_the_title(seen: Overview, state: str):
    assert f"<title>job: {state}</title>" in page_of(seen)


def test_a_snapshot_of_a_run_that_goes_on_is_a_page_too():
    with skorche.Pipeline("open") as pipeline:
        skorche.map(failing, skorche.Queue("numbers"))
    run = pipeline.run(progress=False)

    page = run.snapshot().to_html()
    run.shutdown()

    assert "open: running for" in page
    assert "as of 2" in page
    assert "open: ok in" in run.snapshot().to_html()


# -- what it needs --------------------------------------------------------------------------------------------------


def test_a_page_has_no_script_and_names_no_address():
    page = run_failing(4).to_html()
    found = Elements(page)

    assert found.all("script") == found.all("img") == []
    assert found.all("link") == [{"rel": "icon", "href": "data:,"}]
    assert re.findall(r"https?:[^\"]*", page) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in page
    assert "@import" not in page


def test_a_page_forbids_browsers_to_run_or_to_ask_for_anything():
    policies = [one for one in Elements(page_of(QUIET)).all("meta") if "Content-Security-Policy" in one.values()]

    assert POLICY == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert [one["content"] for one in policies] == [POLICY]


def test_a_page_is_made_for_light_and_dark_screens_and_for_paper():
    page = page_of(QUIET)

    assert "@media screen and (prefers-color-scheme:dark)" in page
    assert "@media print" in page


# -- escaping -------------------------------------------------------------------------------------------------------


def test_whatever_users_named_or_gave_is_text():
    tally = NodeTally(received=1, stage=ATTACK, engine=ATTACK, workers=1)
    failure = FailureText(ATTACK, ATTACK, ATTACK, f"trace {ATTACK}", 2, f"printed {ATTACK}")
    seen = Overview(
        *(ATTACK, ATTACK, True, False, 1.0, {"admitted": 1, "delivered": 1}, {ATTACK: tally}, {ATTACK: "ok"}),
        failures=[failure],
        failed=1,
        notes=[ATTACK],
        surroundings=NOTHING_SEEN,
        written=ATTACK,
        bottleneck=ATTACK,
        verdict=ATTACK,
    )

    page = Elements(page_of(seen, refresh=2))

    assert page.all("script") == []
    assert page.text.count(ATTACK) >= 10
    assert f"trace {ATTACK}" in page.text
    assert f"printed {ATTACK}" in page.text


def test_what_cannot_be_printed_or_encoded_is_shown_as_its_escape(tmp_path):
    failure = FailureText("task", "item", "bell \x07, half \ud800, turned \u202e", "line\n\tline\x00")
    path = tmp_path / "page.html"

    write_page(path, page_of(QUIET._replace(failures=[failure], failed=1)))

    text = path.read_text(encoding="utf-8")
    assert r"bell \x07, half \ud800, turned \u202e" in text
    assert "line\n\tline\\x00" in text


def test_endless_texts_are_cut_in_the_middle():
    failure = FailureText("task", "item", "e" * 5_000_000, "t" * 5_000_000)

    page = page_of(QUIET._replace(failures=[failure], failed=1))

    assert len(page) < 50_000
    assert "eee ... eee" in page


# -- as a file ------------------------------------------------------------------------------------------------------


def test_a_page_is_saved_whole_and_its_path_is_given(tmp_path):
    report = run_failing(2)

    path = report.save_page(tmp_path / "new" / "status.html")

    assert path == str(tmp_path / "new" / "status.html")
    assert os.listdir(tmp_path / "new") == ["status.html"]
    assert "odd ones: NOT ok" in (tmp_path / "new" / "status.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "taken").mkdir()

    with pytest.raises(OSError, match="taken"):
        run_failing(2).save_page(tmp_path / "taken")

    assert os.listdir(tmp_path) == ["taken"]


# -- of a run that was kept -----------------------------------------------------------------------------------------


def test_a_run_that_was_kept_has_the_same_diagram_and_a_page_in_its_folder(tmp_path):
    with skorche.Pipeline("odd ones") as pipeline:
        skorche.map(failing, skorche.Queue("numbers", fixed_inputs=range(4)), queue_out=skorche.Queue("even"))
    report = pipeline.run(on_error="collect", progress=False, store=tmp_path / "store").wait()

    kept = skorche.open_run(tmp_path / "store")

    assert kept.to_svg() == report.to_svg()
    assert kept.to_dot() == report.to_dot()
    assert rows(kept.to_html()) == rows(report.to_html())
    assert Elements(kept.to_html()).text.count("ValueError: 1 is odd") == 2
    assert rows((kept.path / "status.html").read_text(encoding="utf-8")) == rows(report.to_html())


def test_a_run_kept_without_a_picture_has_a_page_without_a_diagram(tmp_path):
    with skorche.Pipeline() as pipeline:
        skorche.map(abs, skorche.Queue(fixed_inputs=[1]))
    pipeline.run(progress=False, store=tmp_path).wait()
    kept = skorche.open_run(tmp_path)
    del kept._whole["picture"]

    assert "<svg" not in kept.to_html()
    assert rows(kept.to_html())[1][0].startswith("abs")


def test_shards_are_shown_as_one_run(tmp_path):
    with skorche.Pipeline("shards") as pipeline:
        skorche.map(abs, skorche.Queue("numbers", fixed_inputs=range(100)), queue_out=skorche.Queue("out"))
    reports = [pipeline.run(progress=False, store=tmp_path, shard=(number, 2)).wait() for number in (1, 2)]

    seen = skorche.open_run(tmp_path).overview()

    assert [link.flow for link in seen.picture.links] == [100, 100]
    assert seen.elapsed == max(report.elapsed for report in reports)
    assert "shards: ok; 100 admitted" in skorche.open_run(tmp_path).to_html()


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "why"),
    [("", "that is no path of a file."), (True, "that is no path of a file."), (".", "that is a folder.")],
)
def test_a_run_refuses_what_is_no_place_for_its_page(page: object, why: str):
    pipeline = skorche.Pipeline()
    pipeline.map(abs, skorche.Queue(fixed_inputs=[1]))

    with pytest.raises(GraphError) as caught:
        pipeline.run(page=page)

    assert str(caught.value) == (
        f"run() was given page={page!r}.\n"
        f"  Why:  {why}\n"
        "  Mend: give the file that the status page is to be written to: page='status.html'."
    )
