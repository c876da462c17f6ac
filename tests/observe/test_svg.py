"""The SVG that skorche draws itself: for notebooks, and without Graphviz."""

import xml.etree.ElementTree

import skorche
from skorche.observe.picture import picture_of
from skorche.observe.svg import svg_of

SVG = "{http://www.w3.org/2000/svg}"


def named(name: str) -> skorche.Task:
    return skorche.task(name=name)(lambda item: item)


def small(name: str = "inc") -> skorche.Pipeline:
    pipeline = skorche.Pipeline("small")
    pipeline.map(named(name), skorche.Queue("numbers"), queue_out=skorche.Queue("results"))
    return pipeline


def test_a_task_between_two_named_ends_in_full():
    assert svg_of(picture_of(small().graph)) == (
        '<svg xmlns="http://www.w3.org/2000/svg" width="254" height="48" viewBox="0 0 254 48" role="img" '
        'font-family="Helvetica,Arial,sans-serif">\n'
        "<title>small</title>\n"
        '<rect width="254" height="48" fill="#ffffff"/>\n'
        '<g data-link="q1 n1">\n'
        '<path d="M74,24H103" fill="none" stroke="#555555"/>\n'
        '<polygon points="110,24 103,21 103,27" fill="#555555"/>\n'
        "</g>\n"
        '<g data-link="n1 q2">\n'
        '<path d="M154,24H183" fill="none" stroke="#555555"/>\n'
        '<polygon points="190,24 183,21 183,27" fill="#555555"/>\n'
        "</g>\n"
        '<g data-node="n1">\n'
        '<rect x="110" y="10" width="44" height="28" fill="#ffffff" stroke="#000000" stroke-width="1"/>\n'
        '<text x="132" y="28.2" text-anchor="middle" font-size="12" fill="#000000" xml:space="preserve">inc</text>\n'
        "</g>\n"
        '<g data-node="q1">\n'
        '<text x="42" y="28.2" text-anchor="middle" font-size="12" fill="#000000" xml:space="preserve">numbers</text>\n'
        "</g>\n"
        '<g data-node="q2">\n'
        '<text x="217" y="28.2" text-anchor="middle" font-size="12" fill="#000000" xml:space="preserve">'
        "results</text>\n"
        "</g>\n"
        "</svg>\n"
    )


def test_an_empty_pipeline_is_an_empty_picture():
    tree = xml.etree.ElementTree.fromstring(svg_of(picture_of(skorche.Pipeline().graph)))

    assert [one.tag.removeprefix(SVG) for one in tree] == ["title", "rect"]


def test_anonymous_queues_are_points_when_they_are_wanted():
    pipeline = skorche.Pipeline()
    pipeline.chain([named("f"), named("g")], skorche.Queue("numbers"))

    tree = xml.etree.ElementTree.fromstring(svg_of(picture_of(pipeline.graph, skip_anon_queues=False)))

    assert len(list(tree.iter(f"{SVG}circle"))) == 2


def test_the_way_of_failures_is_red():
    pipeline = skorche.Pipeline()
    pipeline.map(named("f"), skorche.Queue("numbers"), queue_errors=skorche.Queue("lost"))

    tree = xml.etree.ElementTree.fromstring(svg_of(picture_of(pipeline.graph)))

    colours = {one.get("data-link"): one.find(f"{SVG}path").get("stroke") for one in tree if one.get("data-link")}
    assert colours == {"q1 n1": "#555555", "n1 q3": "#d00000"}


def test_markup_in_a_name_is_shown_and_not_obeyed():
    name = "</text><script>alert('&quot;')</script>]]>"

    tree = xml.etree.ElementTree.fromstring(svg_of(picture_of(small(name).graph)))

    assert [one.text for one in tree.iter(f"{SVG}text")] == [name, "numbers", "results"]
    assert list(tree.iter(f"{SVG}script")) == []


def test_a_notebook_shows_the_picture_and_a_terminal_the_summary():
    from IPython.core.formatters import DisplayFormatter

    pipeline = small()

    shown, _ = DisplayFormatter().format(pipeline)

    assert shown["image/svg+xml"] == svg_of(picture_of(pipeline.graph))
    assert shown["text/plain"] == pipeline.summary()
    assert repr(pipeline) == "<Pipeline small: 1 nodes>"
