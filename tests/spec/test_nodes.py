"""skorche's own form of a spec: what each operator says in it, and what is wrong with one."""

from pathlib import Path

import pytest

import skorche
from skorche import Pipeline, Queue
from skorche.spec.outline import outline

from . import functions
from .functions import add, double, is_even, several


def run(text, **options):
    """What comes out at each end that has a name."""
    pipeline = skorche.load(text, functions=functions)
    pipeline.run(progress=False, **options).shutdown()
    return {name: queue.flush() for name, queue in pipeline.outputs.items()}


EVERY_OPERATOR = """
name: everything
limits:
  gpu: 1
  api: {most: 5, per: 0.001}
inputs:
  numbers: [1, 2, 3, 4]
  others: {items: [5, 6], maxsize: 4}
queues:
  doubled: {maxsize: 2}
nodes:
  - map: double
    from: numbers
    to: doubled
    options: {max_workers: 2, retries: 1, retry_on: [OSError, Refused], limits: [gpu, api]}
  - tee: doubled
    to: [left, right]
  - map: Scale
    from: left
    to: scaled
    name: times_ten
    instance: {by: 10}
  - map: decorated
    from: right
    to: bound
    arguments: {by: 3}
  - zip: [scaled, bound]
    to: pairs
  - unbatch: pairs
    to: 1
  - merge: [1, others]
    to: 2
  - filter: is_above
    arguments: {least: 7}
    from: 2
    to: 3
  - split: is_even
    from: 3
    to: [even, odd]
  - chain: [double, double]
    from: even
    to: 4
  - batch: 4
    batch_size: 3
    to: batches
  - reduce: add
    from: odd
    initial: 0
    to: total
  - apply: add
    from: [batches]
    arguments: {right: [0]}
    to: batched
"""


def test_every_operator_runs():
    made = run(EVERY_OPERATOR)

    # Times ten 20, 40, 60, 80 and times three 6, 12, 18, 24, and 5, 6; above 7 all are even; four times that, and a 0:
    assert made["total"] == [0]
    assert sorted(number for batch in made["batched"] for number in batch) == [0, 0, 0, 48, 72, 80, 96, 160, 240, 320]


def test_every_operator_is_what_declaring_it_gives():
    with Pipeline("small") as pipeline:
        numbers, failed = Queue("numbers", [1, 2, 3]), Queue("failed")
        expanded = skorche.flat_map(several, numbers, queue_errors=failed)
        even, _ = skorche.split(is_even, expanded, queue_out=[None, Queue("odd")])
        skorche.sink(skorche.task(double).options(max_workers=2), even)
        skorche.map(double, failed, queue_out=Queue("told"))

    loaded = skorche.load(
        """
        name: small
        inputs: {numbers: [1, 2, 3]}
        nodes:
          - {flat_map: several, from: numbers, to: 1, errors: failed}
          - {split: is_even, from: 1, to: [2, odd]}
          - {sink: double, from: 2, options: {max_workers: 2}}
          - {map: double, from: failed, to: told}
        """,
        functions=functions,
    )

    assert outline(loaded.graph) == outline(pipeline.graph)


def test_nodes_may_stand_in_any_order():
    made = run("inputs: {a: [1, 2]}\nnodes: [{map: double, from: b, to: c}, {map: double, from: a, to: b}]")

    assert made == {"c": [4, 8]}


def test_a_queue_may_be_read_by_several_applies():
    made = run(
        """
        inputs: {a: [1, 2], b: [10, 20]}
        nodes:
          - {apply: double, from: [a], to: twice}
          - {apply: add, from: {left: a, right: b}, arguments: {scale: 2}, after: [b], to: sum}
        """
    )

    assert made == {"twice": [2, 4], "sum": [22, 44]}


def test_inputs_may_be_files_and_lines(tmp_path):
    (tmp_path / "names.txt").write_text("a\nb\n")

    made = run(
        f"""
        inputs:
          found: {{files: "*.txt", root: {tmp_path}}}
          read: {{lines: {tmp_path}/names.txt}}
        nodes:
          - {{merge: [read], to: lines}}
          - {{merge: [found], to: files}}
        """
    )

    assert made == {"lines": ["a", "b"], "files": [tmp_path / "names.txt"]}


def test_inputs_without_items_are_given_by_name_while_it_runs():
    pipeline = skorche.load("inputs: {a: , b: }\nnodes: [{zip: [a, b], to: pairs}]")

    assert pipeline.inputs == ("a", "b")
    with pipeline.run(progress=False):
        pipeline.give(a=1, b=2)
        pipeline.give({"a": 3}, b=4)

    assert pipeline.outputs["pairs"].flush() == [(1, 2), (3, 4)]


def test_a_row_that_is_not_whole_puts_nothing_in():
    pipeline = skorche.load("inputs: {a: , b: }\nnodes: [{zip: [a, b], to: pairs}]")

    with pytest.raises(skorche.SpecError, match="the input 'b' is not given"):
        pipeline.give(a=1)

    assert pipeline.run(progress=False).shutdown().admitted == 0


def test_a_dict_is_read_as_a_file_is():
    spec = {"inputs": {"a": iter([(1, 2), 3])}, "nodes": [{"map": "double", "from": "a", "to": "b"}]}

    pipeline = skorche.load(spec, functions=[double])
    pipeline.run(progress=False).wait()

    assert pipeline.outputs["b"].flush() == [(1, 2, 1, 2), 6]


def test_nodes_know_the_lines_that_declare_them(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("inputs: {a: [1]}\nnodes:\n  - map: double\n    from: a\n    to: b\n")

    pipeline = skorche.load(path, functions=functions)

    assert str(pipeline.graph.nodes[0].declared) == f"{path}:3"
    assert str(pipeline.graph.sources()[0].declared) == f"{path}:1"


RIGHT = """\
limits: {gpu: 1}
inputs:
  numbers: [1, 2, 3]
nodes:
  - map: double
    from: numbers
    to: doubled
    options: {max_workers: 4, limits: [gpu]}
  - batch: doubled
    batch_size: 2
    to: lists
"""
WRONG = {
    "a function that is not known": ("map: double", "map: doubel", 5, "the function 'doubel' is unknown.", "'double'"),
    "a queue that nobody fills": ("from: numbers", "from: number", 6, "the queue 'number' is unknown.", "'numbers'"),
    "an operator that is none": ("- batch:", "- bach:", 9, "a node has no operator", "Did you mean 'batch'?"),
    "two operators": (
        "- batch: doubled",
        "- batch: doubled\n    unbatch: doubled",
        9,
        "a node has 2 operators",
        "Begin",
    ),
    "no operator at all": ("- batch: doubled\n", "- 3\n  - batch: doubled\n", 9, "a node has no operator: 3.", "Begin"),
    "a key that is none": ("batch_size", "batchsize", 10, "the batch has the unknown key 'batchsize'.", "'batch_size'"),
    "an option that is none": ("max_workers", "max_wokers", 8, "options has the unknown key", "'max_workers'"),
    "an option without meaning": (": 4", ": many", 8, "a task was given max_workers='many'.", "give 1 or more"),
    "a limit that is none": ("[gpu]", "[gpi]", 8, "the limit 'gpi' is unknown.", "Did you mean 'gpu'?"),
    "a limit without meaning": ("gpu: 1", "gpu: none", 1, "limit('gpu', 'none') lets nothing through.", "give 1"),
    "a setting without meaning": ("size: 2", "size: many", 9, "batch was given batch_size='many'.", "give 1 or more."),
    "an input nobody reads": ("[1, 2, 3]", "[1]\n  more:", 4, "no node reads the input 'more'.", "leave it out"),
    "a queue filled twice": ("to: lists", "to: doubled", 9, "(job.yaml:9) fills", "give each its own queue"),
    "an input that is filled": ("to: lists", "to: numbers", 9, "(job.yaml:9) fills", "use a queue without"),
    "no from": ("    from: numbers\n", "", 5, "the map has no `from`.", "name the queue."),
    "several inputs": ("from: numbers", "from: [numbers, lists]", 5, "the map has 2 inputs.", "merge them first"),
    "a truth for a queue": ("to: lists", "to: yes", 11, "True is no queue.", "in quotes"),
    "items that are none": ("[1, 2, 3]", "{items: 3}", 3, "items are 3.", "[x] for a single one."),
    "a bound without meaning": ("[1, 2, 3]", "{items: [1], maxsize: 0}", 3, "maxsize is 0.", "give 1 or more."),
    "instance beside a function": (
        "to: doubled",
        "to: doubled\n    instance: {a: 1}",
        5,
        "`instance` was",
        "arguments",
    ),
    "an engine that is no name": ("max_workers: 4", "engine: 4", 8, "the engine is 4.", "give a text."),
    "an exception that is none": ("max_workers: 4", "retry_on: OSEror", 8, "the exception 'OSEror'", "Register it"),
    "nodes that are none": (RIGHT, "nodes: 3", 1, "nodes is 3.", "write each behind a dash"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_told_once_with_its_line_and_a_mend(mistake, tmp_path, monkeypatch):
    old, new, line, what, mend = WRONG[mistake]
    assert RIGHT.count(old) == 1
    monkeypatch.chdir(tmp_path)
    Path("job.yaml").write_text(RIGHT.replace(old, new))

    with pytest.raises(skorche.SpecError) as caught:
        skorche.load("job.yaml", functions=functions)

    assert len(caught.value.findings) == 1
    assert f"job.yaml:{line}" in caught.value.what
    assert what in caught.value.what
    assert mend in caught.value.mend


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines():
    text = RIGHT.replace("gpu: 1", "gpu: 0").replace("map: double", "map: os.system").replace(": 4", ": -4")

    with pytest.raises(skorche.SpecError) as caught:
        skorche.load(text, functions=functions)

    assert [one.what for one in caught.value.findings] == [
        "<text>:1: limit('gpu', 0) lets nothing through.",
        "<text>:5: the function 'os.system' has a dot in its name.",
        "<text>:8: a task was given max_workers=-4.",
    ]


def test_tasks_whose_types_do_not_fit_are_refused_with_their_line():
    def words(number: int) -> str:
        return str(number)

    def count(number: int) -> int:
        return number

    text = "inputs: {a: [1]}\nnodes:\n  - {map: words, from: a, to: b}\n  - {map: count, from: b, to: c}\n"

    with pytest.raises(skorche.SpecError, match=r"<text>:4: ") as caught:
        skorche.load(text, functions=[words, count])

    assert "check_types" in str(caught.value)
    assert skorche.load("check_types: false\n" + text, functions=[words, count]).graph.nodes


def test_add_is_what_the_specs_above_take_it_for():
    assert add(1, 2, scale=2) == 6
