"""The status diagram: colour is utilisation, width is flow, red is failures, and what limits the run is marked."""

import pickle
import re
import xml.etree.ElementTree

import pytest

import skorche
from skorche.events import NodeTally, RunFinished
from skorche.observe.diagram import diagram_of
from skorche.observe.load import (
    LIMITS,
    THICKEST,
    THINNEST,
    UNKNOWN,
    Load,
    limiting_marks,
    load_picture,
    loads_of,
    shade,
)
from skorche.observe.outcome import Shape
from skorche.observe.overview import Overview
from skorche.observe.picture import Mark

SVG = "{http://www.w3.org/2000/svg}"
WATCHED = {"workers": 2, "watched_seconds": 10.0, "worker_seconds": 20.0}


def fetch(number: int) -> int:
    return number


def is_even(number: int) -> bool:
    return number % 2 == 0


def declare() -> skorche.Pipeline:
    with skorche.Pipeline("job") as pipeline:
        even, _ = skorche.split(is_even, skorche.map(fetch, skorche.Queue("numbers")))
        lost = skorche.Queue("lost")
        skorche.map(skorche.task(name="store")(fetch), even, queue_out=skorche.Queue("kept"), queue_errors=lost)
    return pipeline


NODES = {
    "fetch": NodeTally(
        received=1000,
        emitted=1000,
        busy_seconds=4.5,
        stage="fetch",
        engine="process",
        starved_seconds=2.0,
        blocked_seconds=13.0,
        queued_seconds=9.0,
        full_seconds=8.0,
        **WATCHED,
    ),
    "Split(is_even)": NodeTally(received=1000, emitted=1000, busy_seconds=0.5, stage="fetch", engine="process"),
    "store": NodeTally(
        received=500, emitted=497, failed=3, busy_seconds=19.6, stage="store", engine="thread", **WATCHED
    ),
}


def overview(bottleneck: str = "", *, nodes: dict[str, NodeTally] = NODES, elapsed: float = 10.0) -> Overview:
    """The run of ten seconds that those nodes tell of."""
    record = RunFinished("job", elapsed, 1000, 997, 0, 3, 0, 0, 3, 0, (), nodes)
    graph = declare().graph
    report = skorche.Report.of(record, shape=Shape(tuple(graph.nodes), graph.single))
    return report.overview()._replace(bottleneck=bottleneck)


def marks(seen: Overview) -> dict[str, Mark]:
    return {mark.node or mark.lines[0]: mark for mark in load_picture(seen).marks}


# -- numbers --------------------------------------------------------------------------------------------------------


def test_the_first_node_of_a_stage_tells_of_all_of_it_and_the_others_of_their_own_work():
    loads = loads_of(NODES)

    assert loads["fetch"] == Load(busy=0.25, starved=0.1, blocked=0.65, queued=0.9, full=0.8)
    assert loads["Split(is_even)"] == Load(busy=0.025)


def test_nothing_is_known_of_what_nobody_looked_at():
    assert loads_of({"Merge": NodeTally(received=3), "short": NodeTally(stage="short", busy_seconds=1.0)}) == {
        "Merge": Load(),
        "short": Load(),
    }


def test_no_worker_is_busy_for_more_than_the_time_there_was():
    tally = NodeTally(stage="a", busy_seconds=21.0, **WATCHED)

    assert loads_of({"a": tally})["a"].busy == 1.0


# -- what is drawn --------------------------------------------------------------------------------------------------


def test_the_colour_of_a_box_is_how_busy_it_was_and_the_words_say_it_too():
    seen = marks(overview())

    assert {name: mark.look.fill for name, mark in seen.items() if mark.look} == {
        "fetch": shade(0.25),
        "Split(is_even)": shade(0.0),
        "store": shade(1.0),
    }
    assert seen["fetch"].lines == ("fetch", "25 % busy, 2 processes")
    assert seen["Split(is_even)"].lines == ("Split(is_even)", "2 % busy")
    assert len({shade(part / 10) for part in range(11)}) == 11


def test_what_is_not_known_is_grey():
    quiet = {name: NodeTally() for name in NODES}

    assert {mark.look.fill for mark in marks(overview(nodes=quiet)).values() if mark.look} == {UNKNOWN}


def test_the_width_of_a_line_is_what_went_over_it_and_its_words_are_items_and_rate():
    links = {link.lines[:-2] or link.lines: link for link in load_picture(overview()).links}

    assert links[("True",)].lines == ("True", "500 items", "50/s")
    assert links[("True",)].width == pytest.approx(THINNEST + (THICKEST - THINNEST) / 2)
    assert max(link.width for link in links.values()) == THICKEST
    assert load_picture(overview()).links[0].lines == ("1,000 items", "100/s")


def test_a_line_whose_items_nobody_counted_is_thin():
    with skorche.Pipeline() as pipeline:
        sources = [skorche.Queue(name, fixed_inputs=[1, 2]) for name in "ab"]
        skorche.merge(sources, queue_out=skorche.Queue("both"))
    report = pipeline.run(engine="inline", progress=False).wait()

    widths = [(link.flow, link.width) for link in load_picture(report.overview()).links]

    assert widths == [(None, THINNEST), (None, THINNEST), (4, THICKEST)]


def test_failures_are_told_on_a_badge():
    seen = marks(overview())

    assert [mark.badges for mark in seen.values() if mark.badges] == [("3 failed",)]


@pytest.mark.parametrize(
    ("bottleneck", "marked"),
    [
        ("store", {"store"}),
        ("source", {"numbers"}),
        ("sink", {"kept", "lost"}),
        ("cpu", set()),
        ("memory", set()),
        ("", set()),
        ("no such node", set()),
    ],
)
def test_what_limits_the_run_is_marked(bottleneck: str, marked: set[str]):
    seen = marks(overview(bottleneck))

    assert {name for name, mark in seen.items() if "bottleneck" in mark.badges} == marked


@pytest.mark.parametrize("limit", sorted(LIMITS))
def test_what_limits_it_besides_nodes_is_said_in_the_legend(limit: str):
    assert f">{LIMITS[limit]}</text>" in diagram_of(overview(limit))


def test_a_node_that_is_called_like_another_limit_is_the_node():
    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(name="sink")(fetch), skorche.Queue("in", fixed_inputs=[1]))
    seen = pipeline.run(engine="inline", progress=False).wait().overview()._replace(bottleneck="sink")

    assert limiting_marks(seen) == {"n1"}


# -- as SVG, as DOT -------------------------------------------------------------------------------------------------


def test_the_diagram_is_one_document_without_scripts_ids_or_addresses():
    text = diagram_of(overview("store"))
    tree = xml.etree.ElementTree.fromstring(text)

    assert {one.tag.removeprefix(SVG) for one in tree.iter()} <= {
        *("svg", "title", "style", "rect", "g", "path", "polygon", "text"),
    }
    assert not any("id" in one.attrib or "href" in one.attrib for one in tree.iter())
    assert re.findall(r"https?:[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in text


def test_a_meter_is_as_long_as_its_worker_was_busy():
    tree = xml.etree.ElementTree.fromstring(diagram_of(overview()))
    widths = {
        kind: [float(one.attrib["width"]) for one in tree.iter(f"{SVG}rect") if one.attrib.get("class") == kind]
        for kind in ("sk-track", "sk-full")
    }

    shares = [full / track for full, track in zip(widths["sk-full"], widths["sk-track"], strict=True)]
    assert shares == pytest.approx([0.25, 0.025, 0.98], abs=0.001)


def test_failed_items_go_over_red_lines():
    tree = xml.etree.ElementTree.fromstring(diagram_of(overview()))
    red = [one for one in tree.iter(f"{SVG}path") if one.attrib.get("stroke") == "#c62828"]

    assert len(red) == 2  # and the legend's


def test_the_same_run_gives_the_same_diagram():
    assert diagram_of(overview("store")) == diagram_of(overview("store"))


def test_names_are_words_and_nothing_else():
    name = "</text><script>1</script>\x00\ud800"
    with skorche.Pipeline(name) as pipeline:
        skorche.map(skorche.task(name=name)(fetch), skorche.Queue(name, fixed_inputs=[1]))
    report = pipeline.run(engine="inline", progress=False).wait()

    text = report.to_svg()

    assert "<script" not in text
    assert r"&lt;script&gt;1&lt;/script&gt;\x00\ud800" in text
    xml.etree.ElementTree.fromstring(text)


def test_graphviz_gets_the_same_colours_words_and_widths():
    with skorche.Pipeline("small") as pipeline:
        skorche.map(fetch, skorche.Queue("in", fixed_inputs=[1, 2]), queue_out=skorche.Queue("out"))
    record = RunFinished("small", 4.0, 2, 2, 0, 0, 0, 0, 0, 0, (), {"fetch": NODES["store"]._replace(stage="fetch")})
    graph = pipeline.graph
    report = skorche.Report.of(record, shape=Shape(tuple(graph.nodes), graph.single))

    look = 'color="#c62828" fillcolor="#4f9fe3" style="filled" penwidth="2.5"'
    assert [line.strip() for line in report.to_dot().splitlines()[4:-1]] == [
        rf'n1 [label="fetch\n98 % busy, 2 threads\n3 failed" shape="box" {look}]',
        'q1 [label="in" margin="0.08,0.05" shape="plaintext" width="0"]',
        'q2 [label="out" margin="0.08,0.05" shape="plaintext" width="0"]',
        r'q1 -> n1 [label="500 items\n125/s" penwidth="9"]',
        r'n1 -> q2 [label="497 items\n124/s" penwidth="9"]',
    ]


# -- from reports ---------------------------------------------------------------------------------------------------


def run_small() -> skorche.Report:
    with skorche.Pipeline("small") as pipeline:
        skorche.map(fetch, skorche.Queue("in", fixed_inputs=[1, 2]), queue_out=skorche.Queue("out"))
    return pipeline.run(engine="inline", progress=False).wait()


def test_a_report_that_has_travelled_has_its_diagram_with_it():
    report = run_small()

    assert pickle.loads(pickle.dumps(report)).to_svg() == report.to_svg()


def test_a_report_shows_the_graph_as_it_was_when_it_ran():
    with skorche.Pipeline("small") as pipeline:
        out = skorche.map(fetch, skorche.Queue("in", fixed_inputs=[1, 2]))
    report = pipeline.run(engine="inline", progress=False).wait()
    with pipeline:
        skorche.map(skorche.task(name="later")(fetch), out)

    assert "later" not in report.to_svg()


def test_a_report_without_a_graph_has_a_diagram_without_boxes():
    report = skorche.Report.of(RunFinished("bare", 1.0, 0, 0, 0, 0, 0, 0, 0, 0, (), {}))

    assert "data-node" not in report.to_svg()
    assert "<svg" not in report.to_html()
