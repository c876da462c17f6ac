"""The status page in Chromium: nothing in the console, no request to anywhere, light and dark."""

import pytest
from browser import CHROMIUM, Browser, browser, open_in

import skorche
from skorche.observe.page import page_of

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt install chromium)"),
]

ATTACK = "<script>console.error('I ran')</script><img src=http://127.0.0.1:9/seen onerror=alert(1)>"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="module")
def report() -> skorche.Report:
    """A run with failures, whose names and items want to be markup."""

    def refuse(item: str) -> str:
        if item.startswith("<"):
            raise ValueError(f"no {item}")
        return item

    with skorche.Pipeline(f"{ATTACK} job") as pipeline:
        items = skorche.Queue(ATTACK, fixed_inputs=["a", ATTACK, "b"])
        skorche.map(skorche.task(name=ATTACK)(refuse), items, queue_out=skorche.Queue("out"))
    return pipeline.run(on_error="collect", progress=False).wait()


def test_the_page_opens_without_a_complaint_and_asks_for_nothing(chromium: Browser, report: skorche.Report):
    seen = open_in(chromium, report.to_html())

    assert seen.complaints == []
    assert seen.requests == ["/status.html"]
    assert seen.facts["scripts"] == 0
    assert (seen.facts["boxes"], seen.facts["details"]) == (3, 1)
    assert f"ValueError: no {ATTACK}" in seen.text
    assert not seen.facts["wider"]


def test_the_page_follows_a_dark_screen(chromium: Browser, report: skorche.Report):
    light, dark = (open_in(chromium, report.to_html(), scheme=scheme) for scheme in ("light", "dark"))

    assert (light.facts["background"], dark.facts["background"]) == ("rgb(244, 246, 248)", "rgb(15, 19, 24)")
    assert dark.complaints == []


def test_the_page_of_a_run_that_goes_on_opens_as_well(chromium: Browser, report: skorche.Report):
    going = page_of(report.overview()._replace(running=True), refresh=60)

    seen = open_in(chromium, going)

    assert seen.complaints == []
    assert seen.requests == ["/status.html"]
    assert "reads it anew every 60 s" in seen.text.lower()


def test_what_another_page_does_would_be_seen(chromium: Browser):
    bad = "<!DOCTYPE html><body><img src=/lost.png><script>console.error('I ran'); nothing.here</script>"

    seen = open_in(chromium, bad)

    assert "/lost.png" in seen.requests
    assert any("I ran" in one for one in seen.complaints)
    assert any("nothing is not defined" in one for one in seen.complaints)
    assert any("404" in one for one in seen.complaints)
