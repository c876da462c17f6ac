"""Pictures of runs: the colours and words of what became of each node, and how many items went where."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

import skorche
from skorche.errors import GraphError
from skorche.events import NodeTally
from skorche.observe.dot import dot_text
from skorche.observe.looks import LOOKS, counts_of, words_of

OK = 'color="#009e73" fillcolor="#d5efe6" style="filled"'
FAILED = 'color="#d55e00" fillcolor="#fbdcc6" style="filled" penwidth="2.5"'
SKIPPED = 'color="#777777" fillcolor="#f4f4f4" style="filled,dashed"'
END = 'margin="0.08,0.05" shape="plaintext" width="0"'


@dataclass
class Ended:
    """A report as far as pictures look at one."""

    status: Mapping[str, str]
    nodes: Mapping[str, NodeTally] = field(default_factory=dict)


def inc(number: int) -> int:
    return number + 1


def is_big(number: int) -> bool:
    return number > 3


@skorche.task
def picky(number: int) -> int:
    if number == 2:
        raise ValueError(number)
    return number


def run(pipeline: skorche.Pipeline) -> skorche.Report:
    return pipeline.run(on_error="collect", progress=False, engine="inline").wait()


def drawn(pipeline: skorche.Pipeline, **keywords: object) -> list[str]:
    """The lines for nodes and edges."""
    return [line.strip() for line in dot_text(pipeline.graph, **keywords).splitlines()[4:-1]]


def counts(pipeline: skorche.Pipeline, report: skorche.Report) -> dict[str | None, int | None]:
    """How many items went over each queue that has a name; None where that cannot be known."""
    known = counts_of(pipeline.graph, report.nodes)
    return {queue.name: known.get(id(queue)) for queue in pipeline.graph.queues.values() if queue.name}


# -- what is drawn --------------------------------------------------------------------------------------------------


def test_a_run_colours_its_nodes_and_counts_its_items():
    with skorche.Pipeline() as pipeline:
        good = skorche.map(picky, skorche.Queue("numbers", fixed_inputs=[1, 2, 3]))
        skorche.map(inc, good, queue_out=skorche.Queue("results"))

    assert drawn(pipeline, status=run(pipeline)) == [
        rf'n1 [label="picky\nfailed: 1 of 3" shape="box" {FAILED}]',
        rf'n2 [label="inc\nok" shape="box" {OK}]',
        f'q1 [label="numbers" {END}]',
        f'q3 [label="results" {END}]',
        'q1 -> n1 [label="3 items"]',
        'n1 -> n2 [label="2 items"]',
        'n2 -> q3 [label="2 items"]',
    ]


def test_what_got_nothing_since_a_node_before_it_failed_is_dashed():
    with skorche.Pipeline() as pipeline:
        skorche.map(inc, skorche.map(picky, skorche.Queue("numbers", fixed_inputs=[2])))

    assert drawn(pipeline, status=run(pipeline)) == [
        rf'n1 [label="picky\nfailed: 1 of 1" shape="box" {FAILED}]',
        rf'n2 [label="inc\nskipped" shape="box" {SKIPPED}]',
        f'q1 [label="numbers" {END}]',
        'q1 -> n1 [label="1 item"]',
        'n1 -> n2 [label="0 items"]',
    ]


def test_a_count_stands_below_the_value_and_the_name():
    with skorche.Pipeline() as pipeline:
        big, _ = skorche.split(is_big, skorche.Queue(fixed_inputs=range(10)))
        skorche.map(inc, big.nameit("big ones"), queue_errors=skorche.Queue("lost"))

    assert [line for line in drawn(pipeline, status=run(pipeline)) if "->" in line] == [
        r'n1 -> n2 [label="True\nbig ones\n6 items"]',
        'n2 -> q5 [label="0 items" color="red" fontcolor="red"]',
    ]


def test_a_status_is_in_the_summary_and_the_flowchart_too():
    with skorche.Pipeline() as pipeline:
        skorche.map(picky, skorche.Queue("numbers", fixed_inputs=[1, 2, 3]))
    report = run(pipeline)

    assert pipeline.summary(status=report).splitlines() == [
        "      numbers",
        "         |",
        "      3 items",
        "         |",
        "         v",
        "+----------------+",
        "|      picky     |",
        "| failed: 1 of 3 |",
        "+----------------+",
    ]
    assert pipeline.to_mermaid(status=report).splitlines()[1:5] == [
        '    n1["picky<br/>failed: 1 of 3"]:::failed',
        '    q1["numbers"]:::named',
        '    q1 -->|"3 items"| n1',
        "    classDef failed fill:#fbdcc6,stroke:#d55e00,color:#000000,stroke-width:3px",
    ]


@pytest.mark.parametrize("outcome", sorted(LOOKS))
def test_each_outcome_is_told_in_words_and_in_a_colour_of_its_own(outcome: str):
    pipeline = skorche.Pipeline()
    pipeline.map(inc, skorche.Queue())
    others = {look.border for name, look in LOOKS.items() if name != outcome}

    (node,) = drawn(pipeline, status=Ended({"inc": outcome}, {"inc": NodeTally()}))

    assert node.startswith(rf'n1 [label="inc\n{outcome}" shape="box" color="{LOOKS[outcome].border}"')
    assert LOOKS[outcome].border not in others


def test_an_outcome_without_a_colour_is_told_in_words():
    pipeline = skorche.Pipeline()
    pipeline.map(inc, skorche.Queue())

    assert drawn(pipeline, status=Ended({"inc": 'new"'}, {"inc": NodeTally()})) == [
        r'n1 [label="inc\nnew\"" shape="box"]',
    ]


def test_a_picture_of_the_default_pipeline_takes_a_status_after_the_end(tmp_path):
    skorche.map(picky, skorche.Queue("numbers", fixed_inputs=[1]))
    skorche.run(progress=False)
    report = skorche.shutdown()

    written = skorche.render_pipeline("ran", directory=str(tmp_path), format="dot", status=report)

    with open(written) as text:
        assert r'label="picky\nok"' in text.read()


# -- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "tally", "words"),
    [
        ("ok", NodeTally(received=3), "ok"),
        ("ok", None, "ok"),
        ("ok", NodeTally(received=3, filtered=2), "ok, 2 filtered"),
        ("failed", NodeTally(received=3, failed=1), "failed: 1 of 3"),
        ("failed", NodeTally(received=3, failed=1, filtered=1, cancelled=1), "failed: 1 of 3, 1 filtered, 1 cancelled"),
        ("failed", NodeTally(), "failed"),
        ("cached", NodeTally(received=3, cached=2, filtered=1), "cached, 1 filtered"),
        ("ok", NodeTally(received=3, cached=2), "ok, 2 cached"),
    ],
)
def test_an_outcome_in_words(outcome: str, tally: NodeTally | None, words: str):
    assert words_of(outcome, tally) == words


# -- counts ---------------------------------------------------------------------------------------------------------


def test_what_one_node_gives_and_another_takes_is_known_of_every_queue():
    with skorche.Pipeline() as pipeline:
        small, big = skorche.split(
            is_big,
            skorche.Queue("in", fixed_inputs=range(10)),
            queue_out=[skorche.Queue("big"), skorche.Queue("small")],
        )
        left, _ = skorche.tee(big, queue_out=[skorche.Queue("left"), skorche.Queue("right")])
        skorche.merge((skorche.filter(is_big, left), skorche.map(inc, small)), queue_out=skorche.Queue("out"))

    report = run(pipeline)

    assert counts(pipeline, report) == {"in": 10, "big": 6, "small": 4, "left": 4, "right": 4, "out": 6}


def test_failures_are_counted_on_their_own_queue():
    with skorche.Pipeline() as pipeline:
        lost = skorche.Queue("lost")
        skorche.map(
            picky, skorche.Queue("in", fixed_inputs=[1, 2, 2]), queue_errors=lost, queue_out=skorche.Queue("out")
        )

    assert counts(pipeline, run(pipeline)) == {"in": 3, "out": 1, "lost": 2}


def test_what_cannot_be_known_is_left_out():
    with skorche.Pipeline() as pipeline:
        ends = [skorche.Queue("a", fixed_inputs=range(3)), skorche.Queue("b", fixed_inputs=range(5))]
        branches = skorche.split(is_big, skorche.merge(ends), queue_out=[skorche.Queue("big"), skorche.Queue("small")])

    report = run(pipeline)

    assert len(branches) == 2
    assert counts(pipeline, report) == {"a": None, "b": None, "big": None, "small": None}


# -- what is refused ------------------------------------------------------------------------------------------------


def test_the_report_of_another_pipeline_is_refused(told):
    with skorche.Pipeline() as other:
        skorche.map(skorche.task(name="ink")(inc), skorche.Queue(fixed_inputs=[1]))
    report = run(other)
    pipeline = skorche.Pipeline()
    pipeline.map(inc, skorche.Queue("numbers"))

    with pytest.raises(GraphError) as caught:
        pipeline.render(status=report)

    assert told(caught) == (
        "render was given the report of a run that had no task 'inc' (here).\n"
        "  Why:  it tells of 1 nodes of other names, and says nothing of this one.\n"
        "  Mend: Did you mean 'ink'? Draw the pipeline that ran, as it was when it ran."
    )


def test_what_is_no_report_is_refused():
    pipeline = skorche.Pipeline()
    pipeline.map(inc, skorche.Queue("numbers"))

    with pytest.raises(GraphError) as caught:
        pipeline.summary(status="ok")

    assert str(caught.value) == (
        "render was given status='ok'.\n"
        "  Why:  str objects do not tell what became of the nodes.\n"
        "  Mend: give the report that run.wait() and shutdown() return."
    )
