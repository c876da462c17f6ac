"""Mermaid flowcharts: the text in full, and what becomes of strange names."""

import pytest

import skorche


def named(name: str) -> skorche.Task:
    return skorche.task(name=name)(lambda item: item)


def is_big(number: int) -> bool:
    return number > 3


def test_a_flowchart_has_a_line_for_each_node_and_each_queue():
    pipeline = skorche.Pipeline()
    lost = skorche.Queue("lost")
    big, small = pipeline.split(is_big, skorche.Queue("numbers"))
    big = pipeline.map(named("halve"), big.nameit("big ones"), queue_errors=lost)
    pipeline.merge((big, small), queue_out=skorche.Queue("end"))

    assert pipeline.to_mermaid() == (
        "flowchart LR\n"
        '    n1["Split(is_big)"]:::op\n'
        '    n2["halve"]:::task\n'
        '    n3["Merge"]:::op\n'
        '    q1["numbers"]:::named\n'
        '    q5["lost"]:::named\n'
        '    q6["end"]:::named\n'
        "    q1 --> n1\n"
        '    n1 -->|"True<br/>big ones"| n2\n'
        '    n1 -->|"False"| n3\n'
        "    n2 --> n3\n"
        "    n2 --> q5\n"
        "    n3 --> q6\n"
        "    classDef named fill:none,stroke:none\n"
        "    classDef op fill:#dddddd,stroke:#333333,color:#000000\n"
        "    classDef task fill:#ffffff,stroke:#333333,color:#000000\n"
        "    linkStyle 4 stroke:red,color:red\n"
    )


def test_an_empty_pipeline_is_an_empty_flowchart():
    assert skorche.Pipeline().to_mermaid() == "flowchart LR\n"


def test_the_same_declarations_give_the_same_text():
    texts = set()
    for _ in range(3):
        pipeline = skorche.Pipeline()
        pipeline.map(named("f"), skorche.Queue("numbers"))
        texts.add(pipeline.to_mermaid())

    assert len(texts) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ('a "quoted" name', "a #34;quoted#34; name"),
        ("<script>", "#60;script#62;"),
        ("#quot;", "#35;quot#59;"),
        ("`**bold**`", "#96;#42;#42;bold#42;#42;#96;"),
        ("__init__", "#95;#95;init#95;#95;"),
        ("read_file", "read_file"),
        ("1. load", "1#46; load"),
        ("n1 --> n2", "n1 #45;#45;#62; n2"),
        ("%%{init: {}}%%", "#37;#37;#123;init: #123;#125;#125;#37;#37;"),
        ("two\nlines", "two#92;nlines"),
        ("数据", "数据"),
        ("x" * 10_000, "x" * 29 + "..." + "x" * 28),
    ],
)
def test_a_strange_name_stays_within_its_label(name: str, said: str):
    pipeline = skorche.Pipeline()
    pipeline.map(named(name), skorche.Queue())

    said = said.replace("...", "#46;#46;#46;")
    assert pipeline.to_mermaid().splitlines()[1] == f'    n1["{said}"]:::task'
