"""What holds for the picture of any graph: all of it is there, once, in its place, and names stay names.

The summary is read back: who follows its lines from box to box finds the graph again.
"""

import re
import xml.etree.ElementTree
from collections import Counter
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import skorche
from skorche.observe.channel import Stretch, route
from skorche.observe.dot import dot_of
from skorche.observe.layout import Size, lay_out
from skorche.observe.mermaid import mermaid_of
from skorche.observe.picture import Link, Mark, Picture, picture_of, shown
from skorche.observe.summary import summary_of
from skorche.observe.svg import svg_of

SVG = "{http://www.w3.org/2000/svg}"
TAGS = ("svg", "title", "rect", "g", "path", "polygon", "text")
FEW = settings(max_examples=200)
HOSTILE = st.text(
    st.sampled_from("\"'<>&;#`|\\[]{}()%-=\n\r\t\0\x1b\u202e\ud800a数\u0301 ") | st.characters(),
    min_size=1,
    max_size=70,
)


@st.composite
def pictures(draw, words=None):
    """Boxes, ends, and lines that go from earlier ones to later ones, any number between the same two."""
    count = draw(st.integers(1, 9))
    kinds = draw(st.lists(st.sampled_from(["task", "op"]), min_size=count, max_size=count))
    said = st.integers(0, 12).map("B".__mul__) if words is None else words
    marks = [Mark(f"n{own}", kind, (f"{own}:{draw(said)}",)) for own, kind in enumerate(kinds)]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    labels = st.lists(st.sampled_from(["T", "LABEL", "AB"]) if words is None else words, max_size=2).map(tuple)
    links = []
    for tail, head in draw(st.lists(pairs, max_size=14)) if count > 1 else []:
        links.append(Link(f"n{tail}", f"n{head}", draw(labels), errors=words is not None and draw(st.booleans())))
    for own in draw(st.sets(st.integers(0, count - 1), max_size=4)):
        marks.append(Mark(f"q{own}", "end", (f"{own + 100}:",)))
        links.append(draw(st.sampled_from([Link(f"q{own}", f"n{own}"), Link(f"n{own}", f"q{own}")])))
    return Picture("any", tuple(marks), tuple(links))


class Reading:
    """What one sees who looks at a summary: boxes and ends by their numbers, and where each line leads."""

    def __init__(self, text: str) -> None:
        self.rows = text.splitlines()
        self.seen: set[tuple[int, int]] = set()
        self.tops: dict[tuple[int, int], str] = {}
        self.feet: list[tuple[int, int, int, str]] = []
        for row, line in enumerate(self.rows):
            for found in re.finditer(r"(\d+):B*", line):
                self.look_at_box(row, found)

    def at(self, row: int, column: int) -> str:
        return self.rows[row][column] if 0 <= row < len(self.rows) and 0 <= column < len(self.rows[row]) else " "

    def look_at_box(self, row: int, found: re.Match[str]) -> None:
        left, right, top, foot = found.start(), found.end() - 1, row, row
        if int(found[1]) < 100:
            while self.at(row, left) != "|":
                left -= 1
            while self.at(row, right) != "|":
                right += 1
            top, foot = row - 1, row + 1
            middle = "-" * (right - left - 1)
            assert self.rows[top][left : right + 1] in (f"+{middle}+", f".{middle}.")
            assert self.rows[foot][left : right + 1] in (f"+{middle}+", f"'{middle}'")
        for column in range(left, right + 1):
            assert (top, column) not in self.tops, "boxes overlap"
            self.tops[top, column] = found[1]
            self.seen.update((one, column) for one in range(top, foot + 1))
        self.feet.append((foot, left, right, found[1]))

    def lines(self) -> Counter[tuple[str, str]]:
        found = Counter()
        for foot, left, right, number in self.feet:
            for column in range(left, right + 1):
                if self.at(foot + 1, column) == "|":
                    found[number, self.follow(foot + 1, column)] += 1
        return found

    def follow(self, row: int, column: int) -> str:
        """The box at the end of the line that begins here."""
        while self.at(row, column) != "v":
            assert self.at(row, column) != " ", "a line is broken"
            self.seen.add((row, column))
            if self.at(row, column) == "+":
                column = self.turn(row, column)
            row += 1
        self.seen.add((row, column))
        return self.tops[row + 1, column]

    def turn(self, row: int, column: int) -> int:
        (step,) = [step for step in (-1, 1) if self.at(row, column + step) == "-"]
        column += step
        while self.at(row, column) != "+":
            assert self.at(row, column) in "-|"
            self.seen.add((row, column))
            column += step
        self.seen.add((row, column))
        return column

    def strays(self) -> set[str]:
        """What belongs to no box and no line, but for the letters of labels."""
        everything = {(row, column) for row, line in enumerate(self.rows) for column in range(len(line))}
        return {self.at(*place) for place in everything - self.seen} - set(" TLABE")


@FEW
@given(pictures())
def test_who_follows_the_lines_of_a_summary_finds_the_graph_again(picture: Picture):
    number = {mark.own: mark.lines[0].split(":")[0] for mark in picture.marks}

    reading = Reading(summary_of(picture))

    assert sorted(reading.feet) == sorted(set(reading.feet))
    assert Counter(foot[3] for foot in reading.feet) == Counter(number.values())
    assert reading.lines() == Counter((number[link.tail], number[link.head]) for link in picture.links)
    assert reading.strays() == set()


@FEW
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=9))
def test_lines_of_one_channel_never_share_a_place(lines):
    starts, ends = dict.fromkeys(start for start, _ in lines), dict.fromkeys(end for _, end in lines)
    lines = [(2 * start, 2 * end) for start, end in zip(starts, ends, strict=False)]

    routes = route(lines)

    foot = max((stretch.row for each in routes for stretch in each), default=0) + 1
    drawn = [cells_of(line, each, foot) for line, each in zip(lines, routes, strict=True)]
    for (down, across, corners), (down2, across2, corners2) in combinations(drawn, 2):
        upon = down & down2 | across & across2
        through = corners & (down2 | across2) | corners2 & (down | across)
        assert (upon, through) == (set(), set())


Cells = set[tuple[int, int]]


def cells_of(line: tuple[int, int], stretches: list[Stretch], foot: int) -> tuple[Cells, Cells, Cells]:
    """Where a line goes down, where across, and where it turns, as rows and columns."""
    down, across, corners, row, column = set(), set(), set(), -1, line[0]
    for stretch in stretches:
        assert (stretch.start, stretch.row >= 0) == (column, True)
        down |= {(one, column) for one in range(row, stretch.row + 1)}
        row, column = stretch.row, stretch.end
        across |= {(row, one) for one in range(min(stretch.start, column), max(stretch.start, column) + 1)}
        corners |= {(row, stretch.start), (row, column)}
    assert column == line[1]
    return down | {(one, column) for one in range(row, foot + 1)}, across, corners


@FEW
@given(pictures())
def test_boxes_of_a_layer_stand_in_a_row_with_room_between(picture: Picture):
    numbers = {mark.own: number for number, mark in enumerate(picture.marks)}
    lines = [(numbers[link.tail], numbers[link.head]) for link in picture.links]
    labels = [Size(3, 1) if link.lines else None for link in picture.links]

    layout = lay_out([Size(own % 4, 3) for own in numbers.values()], lines, labels, gap=2, bare=Size(0, 0))

    assert sorted(own for layer in layout.layers for own in layer) == list(range(len(layout.spots)))
    for layer in layout.layers:
        for left, right in pairwise(layer):
            room = layout.spots[left].size.half + 2 + layout.spots[right].size.half
            assert layout.centres[right] - layout.centres[left] >= room
    for (tail, head), way in zip(lines, layout.ways, strict=True):
        first = layout.spots[tail].layer
        assert [layout.spots[own].layer for own in way] == list(range(first, layout.spots[head].layer + 1))


def boxes_of(tree: xml.etree.ElementTree.Element) -> list[tuple[float, float, float, float]]:
    found = [node.find(f"{SVG}rect") for node in tree.iter(f"{SVG}g") if "data-node" in node.attrib]
    return [tuple(float(one.get(name)) for name in ("x", "y", "width", "height")) for one in found if one is not None]


@FEW
@given(pictures(HOSTILE))
def test_an_svg_has_each_node_link_and_word_once_and_no_box_over_another(picture: Picture):
    picture = printable(picture)
    tree = xml.etree.ElementTree.fromstring(svg_of(picture))

    assert Counter(one.get("data-node") for one in tree.iter() if one.get("data-node")) == Counter(
        mark.own for mark in picture.marks
    )
    assert Counter(one.get("data-link") for one in tree.iter() if one.get("data-link")) == Counter(
        f"{link.tail} {link.head}" for link in picture.links
    )
    said = [line for drawn in (*picture.marks, *picture.links) for line in drawn.lines]
    assert Counter(one.text for one in tree.iter(f"{SVG}text")) == Counter(said)
    assert {one.tag for one in tree.iter()} <= {SVG + tag for tag in TAGS}
    boxes = boxes_of(tree)
    for number, (x, y, width, height) in enumerate(boxes):
        assert x >= 0
        assert y >= 0
        assert x + width <= float(tree.get("width"))
        assert y + height <= float(tree.get("height"))
        for x2, y2, width2, height2 in boxes[number + 1 :]:
            assert x + width < x2 or x2 + width2 < x or y + height < y2 or y2 + height2 < y


def printable(picture: Picture) -> Picture:
    """The picture with its names as they are shown."""

    def said(drawn):
        return drawn._replace(lines=tuple(map(shown, drawn.lines)))

    return Picture('"<any>', tuple(map(said, picture.marks)), tuple(map(said, picture.links)))


MERMAID_NODE = re.compile(r'    ([nq]\d+)\["([^"<>`\\|\[\]{}]*)"\]:::(task|op|named)')
MERMAID_LINK = re.compile(r'    ([nq]\d+) -->(?:\|"((?:[^"<>`\\|\[\]{}]|<br/>)*)"\|)? ([nq]\d+)')


@FEW
@given(pictures(HOSTILE))
def test_a_mermaid_text_has_each_node_and_link_once_on_a_line_of_its_own(picture: Picture):
    picture = printable(picture)

    head, *lines = mermaid_of(picture).splitlines()
    count = len(picture.marks), len(picture.links)
    nodes = [MERMAID_NODE.fullmatch(line) for line in lines[: count[0]]]
    links = [MERMAID_LINK.fullmatch(line) for line in lines[count[0] : sum(count)]]

    assert head == "flowchart LR"
    assert [found[1] for found in nodes] == [mark.own for mark in picture.marks]
    assert [(found[1], found[3]) for found in links] == [(link.tail, link.head) for link in picture.links]
    assert [unescaped(found[2]) for found in nodes] == [mark.lines[0] for mark in picture.marks]
    assert all(line.split()[0] in ("classDef", "linkStyle") for line in lines[sum(count) :])


def unescaped(label: str) -> str:
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label)


@FEW
@given(pictures(HOSTILE))
def test_a_dot_text_has_each_node_and_link_on_a_line_of_its_own(picture: Picture):
    picture = printable(picture)

    lines = dot_of(picture).splitlines()

    assert len(lines) == 5 + len(picture.marks) + len(picture.links)
    quoted = re.compile(r'[^"]*("(\\.|[^"\\])*"[^"]*)*')
    assert all(quoted.fullmatch(line) for line in lines)


# -- pictures of pipelines --------------------------------------------------------------------------------------------


@st.composite
def pipelines(draw):
    """A pipeline of any operators, with names on some queues."""
    pipeline = skorche.Pipeline()
    ends = [skorche.Queue(f"in{number}") for number in range(draw(st.integers(1, 3)))]
    for number in range(draw(st.integers(1, 8))):
        queue = ends.pop(draw(st.integers(0, len(ends) - 1)))
        out = draw(st.sampled_from([None, f"out{number}"]))
        match draw(st.sampled_from(["map", "errors", "tee", "split", "merge"])):
            case "map":
                ends.append(pipeline.map(skorche.task(str), queue, queue_out=out and skorche.Queue(out)))
            case "errors":
                failures = skorche.Queue(out)
                ends += [pipeline.map(skorche.task(int), queue, queue_errors=failures), failures]
            case "tee":
                ends += pipeline.tee(queue, n=3)
            case "split":
                ends += pipeline.split(bool, queue)
            case "merge":
                other = ends.pop() if ends else skorche.Queue(f"more{number}")
                ends.append(pipeline.merge((queue, other), queue_out=out and skorche.Queue(out)))
    return pipeline


@FEW
@given(pipelines())
def test_every_node_and_every_queue_between_nodes_is_in_the_picture_once(pipeline: skorche.Pipeline):
    graph = pipeline.graph
    picture = picture_of(graph)
    own = {node.name: f"n{number}" for number, node in enumerate(graph.nodes, 1)}
    expected = Counter()
    for number, (key, queue) in enumerate(graph.queues.items(), 1):
        stops = [own[known[key].name] if key in known else None for known in (graph.producers, graph.consumers)]
        tail, head = (one or (f"q{number}" if queue.name else None) for one in stops)
        expected.update([(tail, head)] if tail and head else [])

    assert [mark.own for mark in picture.marks if mark.own[0] == "n"] == list(own.values())
    assert Counter((link.tail, link.head) for link in picture.links) == expected


@pytest.mark.parametrize("draw", [summary_of, mermaid_of, svg_of, dot_of])
def test_a_large_graph_is_drawn_in_good_time_and_the_same_each_time(draw):
    marks = tuple(Mark(f"n{own}", "task", (f"step {own}",)) for own in range(300))
    links = tuple(Link(f"n{max(0, own - step)}", f"n{own}") for own in range(1, 300) for step in (1, 7))
    picture = Picture("large", marks, links)

    assert draw(picture) == draw(picture)


@FEW
@given(pictures(HOSTILE))
def test_no_name_breaks_the_lines_of_a_summary(picture: Picture):
    picture = printable(picture)

    text = summary_of(picture)

    assert text.splitlines() == text.split("\n")
    assert all(line.isprintable() for line in text.split("\n"))
