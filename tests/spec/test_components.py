"""The component form: what a spec of it makes of the rows that it is given."""

import logging
from pathlib import Path

import pytest

import skorche
from skorche import Queue

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(spec, *rows, functions, **options):
    """The results by output, for each row."""
    pipeline = skorche.load(spec, functions=functions)
    for row in rows or [{}]:
        pipeline.give(row)
    pipeline.run(progress=False, **options).shutdown()
    return {name: queue.flush() for name, queue in pipeline.outputs.items()}


def component(runner, inputs=(), outputs=(), **more):
    return {"runner": runner, "inputs": inputs, "outputs": list(outputs), **more}


def spec(inputs, outputs, **components):
    return {
        "pipeline": {
            "name": "test",
            "inputs": list(inputs),
            "outputs": list(outputs),
            "components": [{name: one} for name, one in components.items()],
        }
    }


def join(*values):
    return "+".join(map(str, values))


def shout(text):
    return str(text).upper()


def halves(text):
    return text[: len(text) // 2], text[len(text) // 2 :]


def sides(text):
    return {"right": text[-1], "left": text[0], "beside": None}


FUNCTIONS = {"join": join, "shout": shout, "halves": halves, "sides": sides}


@pytest.mark.parametrize("name", ["extraction.yaml", "extraction_lists.yaml"])
def test_the_example_in_both_forms(name):
    models = {
        "ImagePreprocessor": lambda document_id, page_num: f"{document_id}/{page_num + 1}",
        "OCRModel": lambda page_id: f"text of {page_id}",
        "ExtractionModel": lambda page_id: [page_id],
    }

    made = run(EXAMPLES / name, {"document_id": "D0", "page_num": 0}, functions=models)

    assert made == {"extractions": [["text of D0/1"]]}


def test_the_names_of_the_inputs_are_known_before_a_run():
    pipeline = skorche.load(
        EXAMPLES / "extraction.yaml",
        functions=dict.fromkeys(["ImagePreprocessor", "OCRModel", "ExtractionModel"], join),
    )

    assert pipeline.inputs == ("document_id", "page_num")
    assert list(pipeline.outputs) == ["extractions"]
    assert pipeline.name == "Extraction"


def test_components_tell_what_they_take_and_give_in_the_order_in_which_they_run(caplog):
    caplog.set_level(logging.INFO, "skorche")
    made = spec("a", ["c"], last=component("shout", ["first.b"], ["c"]), first=component("join", ["a", "a2"], ["b"]))
    made["pipeline"]["inputs"].append("a2")

    run(made, {"a": "x", "a2": 1}, functions=FUNCTIONS)

    assert [record.getMessage() for record in caplog.records] == [
        "test: inputs a='x', a2=1",
        "first (join): inputs a='x', a2=1: outputs b='x+1'",
        "last (shout): inputs b='x+1': outputs c='X+1'",
    ]


def test_two_branches_and_a_merge_of_outputs_of_the_same_name():
    made = spec(
        ["text"],
        ["whole"],
        left=component("shout", ["text"], ["part"]),
        right=component("join", ["text"], ["part"]),
        both=component("join", ["left.part", "right.part", "text"], ["whole"]),
    )

    assert run(made, {"text": "a"}, {"text": "b"}, functions=FUNCTIONS) == {"whole": ["A+a+a", "B+b+b"]}


def test_branches_that_part_and_meet_twice():
    text = """
    pipeline:
      name: Twice
      inputs: [text]
      outputs: [report, second]
      components:
        report: {runner: join, inputs: [meet.all, loud.part, text], outputs: [report], dependencies: [log]}
        log: {runner: shout, inputs: [meet.all], outputs: []}
        meet: {runner: join, inputs: [loud.part, cut.first], outputs: [all]}
        loud: {runner: shout, inputs: [text], outputs: [part]}
        cut: {runner: halves, inputs: [text], outputs: [first, second]}
    """

    results = run(text, {"text": "ab"}, {"text": "cd"}, functions=FUNCTIONS)

    assert results == {"report": ["AB+a+AB+ab", "CD+c+CD+cd"], "second": ["b", "d"]}


def test_independent_components_run_at_once():
    """Each waits for the other, so one after the other they would never end."""
    import threading

    meet = threading.Barrier(2, timeout=20)
    made = spec(
        ["text"],
        ["a", "b"],
        left=component("wait", ["text"], ["a"]),
        right=component("wait", ["text"], ["b"]),
    )

    results = run(made, {"text": 1}, functions={"wait": lambda text: sorted([meet.wait()]) and text})

    assert results == {"a": [1], "b": [1]}


def test_several_outputs_are_a_tuple_in_order_or_a_dict():
    made = spec(
        ["text"],
        ["first", "right", "joined"],
        cut=component("halves", ["text"], ["first", "second"]),
        ends=component("sides", ["text"], ["left", "right"]),
        all=component("join", ["cut.second", "ends.left"], ["joined"]),
    )

    assert run(made, {"text": "abcd"}, functions=FUNCTIONS) == {"first": ["ab"], "right": ["d"], "joined": ["cd+a"]}


@pytest.mark.parametrize(
    ("gives", "what", "mend"),
    [
        ({"left": 1, "rigth": 2}, "gave no 'right'.", "Did you mean 'rigth'? Give all of them."),
        ((1,), "gave (1,).", "give a dict of them, or a tuple of 2."),
        ("ab", "gave 'ab'.", "give a dict of them, or a tuple of 2."),
    ],
)
def test_an_item_fails_whose_runner_gives_other_outputs(gives, what, mend):
    made = spec(["text"], ["left"], cut=component("runner", ["text"], ["left", "right"]))

    with pytest.raises(skorche.SpecError) as caught:
        run(made, {"text": 1}, functions={"runner": lambda text: gives})

    assert str(caught.value) == f"cut (runner) {what}\n  Why:  its outputs are left, right.\n  Mend: {mend}"


def test_an_output_that_is_an_input_passes_through():
    made = spec(["text", "page"], ["page", "loud"], one=component("shout", ["text"], ["loud"]))

    rows = [{"text": "a", "page": 1}, {"text": "b", "page": 2}]

    assert run(made, *rows, functions=FUNCTIONS) == {"page": [1, 2], "loud": ["A", "B"]}


def test_an_output_of_a_component_wins_over_an_input_of_its_name():
    made = spec(["text"], ["text"], one=component("shout", ["text"], ["text"]))

    assert run(made, {"text": "a"}, functions=FUNCTIONS) == {"text": ["A"]}


def test_an_output_can_name_its_component():
    made = spec(
        ["text"],
        ["b.x", "a.x"],
        a=component("shout", ["text"], ["x"]),
        b=component("join", ["a.x", "text"], ["x"]),
    )

    assert run(made, {"text": "t"}, functions=FUNCTIONS) == {"b.x": ["T+t"], "a.x": ["T"]}


def test_inputs_go_to_the_parameters_of_their_names_or_else_in_order():
    def named(page, text):
        return f"{page=} {text=}"

    made = spec(
        ["text", "page"],
        ["a", "b", "c"],
        by_name=component("named", ["text", "page"], ["a"]),
        in_order=component("join", ["text", "page"], ["b"]),
        told=component("named", {"text": "page", "page": "text"}, ["c"]),
    )

    results = run(made, {"text": "t", "page": 1}, functions={"named": named, "join": join})

    assert results == {"a": ["page=1 text='t'"], "b": ["t+1"], "c": ["page='t' text=1"]}


def test_a_dependency_is_waited_for_without_its_value():
    ended = []
    made = spec(
        ["text"],
        ["result"],
        clean=component("clean", ["text"]),
        work=component("work", ["text"], ["result"], dependencies=["clean"]),
    )

    results = run(made, {"text": 1}, functions={"clean": ended.append, "work": lambda text: [*ended, text]})

    assert results == {"result": [[1, 1]]}


def test_a_component_without_inputs_runs_once_for_each_row():
    made = spec(
        ["text"], ["out"], load=component("load", [], ["model"]), use=component("join", ["load.model", "text"], ["out"])
    )

    results = run(made, {"text": 1}, {"text": 2}, functions={"load": lambda: "m", "join": join})

    assert results == {"out": ["m+1", "m+2"]}


def test_a_pipeline_without_inputs_takes_an_empty_row():
    made = spec([], ["model"], load=component("load", [], ["model"]))

    assert run(made, {}, functions={"load": lambda: "m"}) == {"model": ["m"]}


def test_components_that_lead_to_no_output_are_left_out_and_named(caplog):
    made = spec(
        ["text"],
        ["loud"],
        idle=component("halves", ["text"], ["first", "second"]),
        idler=component("shout", ["idle.first"], ["x"]),
        one=component("shout", ["text"], ["loud"]),
    )

    pipeline = skorche.load(made, functions=FUNCTIONS)

    assert [node.name for node in pipeline.graph.nodes] == ["one"]
    assert [record.getMessage() for record in caplog.records] == [
        "pipeline: components idle, idler: they lead to no output of the pipeline, and are left out"
    ]


def test_timeout_and_retries_are_options_of_the_task():
    made = spec(["text"], ["out"], one=component("decorated", ["text"], ["out"], timeout=2.5, retries=3))

    (node,) = skorche.load(made, functions={"decorated": skorche.task(max_workers=4)(shout)}).graph.nodes

    assert (node.name, node.task.settings.timeout, node.task.settings.retries) == ("one", 2.5, 3)
    assert node.task.settings.max_workers == 4


def test_runners_may_be_async_and_classes_with_an_instance_for_each_worker():
    made = []

    @skorche.task
    class Model:
        def __init__(self):
            made.append(self)

        def __call__(self, text):
            return text + "!"

    async def later(text):
        return text, text + "?"

    two = spec(
        ["text"], ["out", "b"], a=component("later", ["text"], ["a", "b"]), m=component("Model", ["a.b"], ["out"])
    )

    results = run(two, *({"text": str(number)} for number in range(3)), functions=[Model, later])

    assert results == {"out": ["0?!", "1?!", "2?!"], "b": ["0?", "1?", "2?"]}
    assert len(made) == 1


def test_components_may_be_a_mapping():
    made = spec(["text"], ["loud"], one=component("shout", ["text"], ["loud"]))
    made["pipeline"]["components"] = {"one": component("shout", ["text"], ["loud"])}

    assert run(made, {"text": "a"}, functions=FUNCTIONS) == {"loud": ["A"]}


def test_a_row_that_fails_leaves_the_others_together():
    def picky(text):
        if text == "b":
            raise ValueError(text)
        return text

    made = spec(
        ["text"],
        ["pair"],
        one=component("picky", ["text"], ["x"]),
        two=component("shout", ["text"], ["y"]),
        pair=component("join", ["one.x", "two.y"], ["pair"]),
    )

    results = run(
        made, *({"text": text} for text in "abc"), functions={**FUNCTIONS, "picky": picky}, on_error="collect"
    )

    assert results == {"pair": ["a+A", "c+C"]}


def test_it_is_saved_in_its_own_form():
    made = spec(
        ["text"],
        ["loud"],
        one=component("shout", ["text"], ["loud"], timeout=1.5),
        two=component("join", {"a": "one.loud"}, ["end"], dependencies=["one"]),
    )
    made["pipeline"]["outputs"].append("end")
    pipeline = skorche.load(made, functions={"shout": shout, "join": lambda a: a})

    assert pipeline.to_yaml() == (
        "pipeline:\n"
        "  name: test\n"
        "  inputs: [text]\n"
        "  outputs: [loud, end]\n"
        "  components:\n"
        "  - one:\n"
        "      runner: shout\n"
        "      inputs: [text]\n"
        "      outputs: [loud]\n"
        "      timeout: 1.5\n"
        "  - two:\n"
        "      runner: join\n"
        "      inputs: {a: one.loud}\n"
        "      outputs: [end]\n"
        "      dependencies: [one]\n"
    )


def test_what_was_declared_besides_components_cannot_be_saved_with_them():
    made = spec(["text"], ["loud"], one=component("shout", ["text"], ["loud"]))
    pipeline = skorche.load(made, functions=FUNCTIONS)
    pipeline.map(shout, pipeline.outputs["loud"], queue_out=Queue("louder"))

    with pytest.raises(skorche.SpecError, match=r"task 'shout' .* was declared besides the components of pipeline"):
        pipeline.to_yaml()


def count(text: str) -> int:
    return len(text)


def spell(number: str) -> str:
    return number


def test_runners_whose_types_do_not_fit_are_refused():
    made = spec(["text"], ["x"], a=component("count", ["text"], ["n"]), b=component("spell", ["a.n"], ["x"]))

    with pytest.raises(skorche.SpecError) as caught:
        skorche.load(made, functions=[count, spell])

    assert caught.value.what.startswith("pipeline.components[1].b.inputs[0]: ")
    assert "'spell'" in caught.value.what
    unchecked = skorche.load({"check_types": False, **made}, functions=[count, spell])
    assert unchecked.to_yaml().startswith("check_types: false\n")


@pytest.mark.timeout(60)
def test_components_run_on_processes_too():
    made = spec(
        ["text"],
        ["n", "second"],
        a=component("count", ["text"], ["n"]),
        b=component("halve", ["text"], ["f", "second"]),
    )

    results = run(made, {"text": "abcd"}, {"text": "ab"}, functions={"count": count, "halve": halves}, engine="process")

    assert results == {"n": [4, 2], "second": ["cd", "b"]}


@skorche.task(cache=True, version=1)
def first_word(text):
    return text.split()[0]


@skorche.task(cache=True, version=1)
def last_word(text):
    return text.split()[-1]


def test_results_are_kept_by_what_the_runner_is_and_by_what_it_is_given(tmp_path):
    def words(runner, taken):
        made = spec(["text", "more"], ["word"], one=component(runner, {"text": taken}, ["word"]))
        pipeline = skorche.load(made, functions=[first_word, last_word])
        pipeline.give(text="a b", more="c d")
        report = pipeline.run(progress=False, store=tmp_path).shutdown()
        return pipeline.outputs["word"].flush(), report.nodes["one"].cached

    assert words("first_word", "text") == (["a"], 0)
    assert words("first_word", "text") == (["a"], 1)
    assert words("last_word", "text") == (["b"], 0)
    assert words("first_word", "more") == (["c"], 0)
