"""The summary: a picture in characters, and that it can be read in one way only."""

import skorche
from skorche.observe.picture import Link, Mark, Picture
from skorche.observe.summary import summary_of


def lines_of(text: str) -> list[str]:
    """The lines of a picture that is written down between quotes."""
    return [line[8:] for line in text.splitlines()[1:-1]]


def load() -> int:
    return 1


def is_big(number: int) -> bool:
    return number > 3


def named(name: str) -> skorche.Task:
    return skorche.task(name=name)(lambda item: item)


def test_tasks_are_boxes_between_plain_ends():
    pipeline = skorche.Pipeline()
    pipeline.map(named("double"), skorche.Queue("numbers"), queue_out=skorche.Queue("results"))

    assert pipeline.summary().splitlines() == lines_of(
        """
          numbers
             |
             v
        +--------+
        | double |
        +--------+
             |
             v
          results
        """
    )


def test_a_way_that_splits_and_merges():
    pipeline = skorche.Pipeline()
    big, small = pipeline.split(is_big, skorche.Queue("numbers"))
    pipeline.merge((pipeline.map(named("halve"), big), small), queue_out=skorche.Queue("results"))

    assert pipeline.summary().splitlines() == lines_of(
        """
             numbers
                |
                v
        .---------------.
        | Split(is_big) |
        '---------------'
              |   |
            +-+   +-+
            |       |
          True    False
            |       |
            v       |
        +-------+   |
        | halve |   |
        +-------+   |
            |       |
            +-+   +-+
              v   v
            .-------.
            | Merge |
            '-------'
                |
                v
             results
        """
    )


def test_several_beginnings_stand_near_what_they_lead_to():
    with skorche.Pipeline() as pipeline:
        table = skorche.apply(named("normalize"), skorche.apply(skorche.task(name="load(csv)")(load)))
        base = skorche.apply(skorche.task(name="load(db)")(load))
        skorche.zip((table, base))

    assert pipeline.summary().splitlines() == lines_of(
        """
        +-----------+
        | load(csv) |
        +-----------+
              |
              v
        +-----------+   +----------+
        | normalize |   | load(db) |
        +-----------+   +----------+
              |               |
              +-----+   +-----+
                    v   v
                   .-----.
                   | Zip |
                   '-----'
        """
    )


def test_failures_of_a_task_go_over_a_line_that_says_errors():
    pipeline = skorche.Pipeline()
    mended = skorche.Queue("mended")
    pipeline.map(named("load"), skorche.Queue("names"), queue_out=skorche.Queue("good"), queue_errors=mended)
    pipeline.map(named("mend"), mended)

    assert pipeline.summary().splitlines() == lines_of(
        """
            names
              |
              v
          +------+
          | load |
          +------+
            |   |
          +-+   +---+
          v         |
        good     errors
                 mended
                    |
                    v
                +------+
                | mend |
                +------+
        """
    )


def test_a_named_queue_between_two_tasks_stands_in_the_line():
    pipeline = skorche.Pipeline()
    pipeline.map(named("g"), pipeline.map(named("f"), skorche.Queue(), queue_out=skorche.Queue("inner")))

    assert pipeline.summary().splitlines() == lines_of(
        """
        +---+
        | f |
        +---+
          |
        inner
          |
          v
        +---+
        | g |
        +---+
        """
    )


def test_lines_that_cross_are_broken_where_they_meet():
    crossed = Picture(
        "crossed",
        tuple(Mark(name, "task", (name,)) for name in "abcdef"),
        tuple(Link(tail, head) for tail, head in ("ad", "ae", "af", "bd", "be", "bf", "cd", "ce", "cf")),
    )

    assert summary_of(crossed).splitlines() == lines_of(
        """
        +---------+     +---------+     +---------+
        |    a    |     |    b    |     |    c    |
        +---------+     +---------+     +---------+
         |   |   |       |   |   |       |   |   |
         |   |   |       |   |   +-------|---|---|-----+
         |   |   +-------|---|-----------|---|---|---+ |
         |   +-----------|---|-----------|---|---|-+ | |
         |       +-------|---|-----------+   |   | | | |
         |   +---|-------+   |   +-----------+   | | | |
         |   |   |           |   |       +-------|-|-+ |
         |   |   |       +---|---|-------|-------|-+   |
         |   |   |       |   |   |       |   +---|-----+
         v   v   v       v   v   v       v   v   v
        +---------+     +---------+     +---------+
        |    d    |     |    e    |     |    f    |
        +---------+     +---------+     +---------+
        """
    )


def test_two_lines_between_the_same_boxes_stay_two():
    assert summary_of(
        Picture("", tuple(Mark(name, "task", (name,)) for name in "ab"), (Link("a", "b"), Link("a", "b")))
    ).splitlines() == lines_of(
        """
        +-----+
        |  a  |
        +-----+
         |   |
         v   v
        +-----+
        |  b  |
        +-----+
        """
    )


def test_chinese_names_and_accents_keep_the_box_closed():
    pipeline = skorche.Pipeline()
    pipeline.map(named("数据处理"), pipeline.map(named("cafe\u0301"), skorche.Queue()))

    assert pipeline.summary().splitlines() == lines_of(
        """
          +------+
          | café |
          +------+
              |
              v
        +----------+
        | 数据处理 |
        +----------+
        """
    )


def test_strange_names_stay_on_their_line_and_are_cut_when_long():
    pipeline = skorche.Pipeline()
    pipeline.map(named("two\nlines \x1b[31m" + "x" * 1000), skorche.Queue("\r\u202e"))

    assert pipeline.summary().splitlines() == lines_of(
        """
                                      \\r\\u202e
                                          |
                                          v
        +------------------------------------------------------------------+
        | two\\nlines \\x1b[31mxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxx |
        +------------------------------------------------------------------+
        """
    )


def test_an_empty_pipeline_says_so():
    assert skorche.Pipeline().summary() == "nothing is declared yet"
