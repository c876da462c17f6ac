"""A pipeline that is saved and loaded again is an equal one, whatever operators it is made of."""

import inspect
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import Phase, given, settings

import skorche
from skorche import Pipeline, Queue
from skorche.spec.outline import outline

from . import functions
from .functions import add, decorated, double, is_even, pipelines

FUNCTIONS = [functions, functions.Plain]


@settings(max_examples=200, phases=[Phase.explicit, Phase.generate])  # shrinking what PyYAML reads takes minutes
@given(pipelines())
def test_a_random_pipeline_comes_back_equal(pipeline):
    text = pipeline.to_yaml()

    loaded = skorche.load(text, functions=FUNCTIONS)

    assert outline(loaded.graph) == outline(pipeline.graph)
    assert loaded.to_yaml() == text


def test_it_is_written_as_one_would_write_it():
    with Pipeline("thumbnails") as pipeline:
        photos = Queue("photos", ["a.jpg", "b.jpg"])
        small = skorche.map(decorated.options(max_workers=4), photos, queue_errors=Queue("failed"))
        even, odd = skorche.split(is_even, small, queue_out=(None, Queue("odd")))
        skorche.batch(even, batch_size=10, queue_out=Queue("batches", maxsize=3))
        skorche.apply(add, odd, scale=2, queue_out=Queue("results"))

    assert pipeline.to_yaml() == (
        "name: thumbnails\n"
        "inputs:\n"
        "  photos: [a.jpg, b.jpg]\n"
        "queues:\n"
        "  batches: {maxsize: 3}\n"
        "nodes:\n"
        "- map: decorated\n"
        "  from: photos\n"
        "  options: {max_workers: 4, retries: 2}\n"
        "  to: 1\n"
        "  errors: failed\n"
        "- split: is_even\n"
        "  from: 1\n"
        "  to: [2, odd]\n"
        "- {batch: 2, batch_size: 10, to: batches}\n"
        "- apply: add\n"
        "  from: [odd]\n"
        "  arguments: {scale: 2}\n"
        "  to: results\n"
    )


def test_names_are_those_of_the_registry():
    pipeline = Pipeline()
    pipeline.map(lambda number: number, Queue("a", [1]), queue_out=Queue("b"))
    (node,) = pipeline.graph.nodes
    registry = {"same": node.task.function}

    text = pipeline.to_yaml(functions=registry)

    assert "map: same" in text
    assert "name: <lambda>" in text
    assert outline(skorche.load(text, functions=registry).graph) == outline(pipeline.graph)


def test_a_loaded_pipeline_is_saved_with_the_names_it_was_loaded_with():
    text = "inputs: {a: [1]}\nnodes: [{map: same, from: a, to: b}]"

    loaded = skorche.load(text, functions={"same": lambda number: number})

    assert "{map: same, from: a, to: b}" in loaded.to_yaml()


def test_check_types_is_saved():
    pipeline = Pipeline(check_types=False)
    pipeline.map(double, Queue("a", [1]))

    assert not skorche.load(pipeline.to_yaml(), functions=functions).graph.check_types


def test_all_that_cannot_be_saved_is_told_at_once_with_node_and_line():
    def nested(number):
        return number

    with Pipeline() as pipeline, ThreadPoolExecutor() as pool:
        numbers = Queue("a", iter([1]))
        first = skorche.map(lambda number: number, numbers)
        second = skorche.map(nested, first)
        third = skorche.map(skorche.task(double).options(engine=pool), second)
        fourth = skorche.reduce(add, third, initial=(1, 2))
        skorche.map(partial(add, 3), fourth, queue_out=Queue("a"))
        line = inspect.currentframe().f_lineno

    with pytest.raises(skorche.SpecError) as caught:
        pipeline.to_yaml()

    told = [(one.what, one.why) for one in caught.value.findings]
    found = [
        (5, "queue 'a' has the fixed_inputs <list_iterator object", "only those who have it can read it."),
        (4, "task '<lambda>' has the function <function ", "no module has it under a plain name."),
        (3, "task 'nested' has the function <function ", "no module has it under a plain name."),
        (2, "task 'double' has the engine <concurrent.", "an object cannot be written down."),
        (1, "task 'add' has the initial (1, 2).", "it is no plain data, which YAML would give back as it is."),
        (0, "queue 'a' has the name of one of ", "a spec knows queues by their names."),
        (0, "task 'add(2)' has arguments that are bound by position: (3,).", "a spec has arguments by name."),
    ]
    here = [(f"{__file__}:{line - 1 - before}: {what}", why) for before, what, why in found]
    assert [
        (what[: len(start)], why) for (what, why), (start, _) in zip(sorted(told), sorted(here), strict=True)
    ] == sorted(here)


def test_a_pipeline_without_nodes_cannot_be_saved():
    with pytest.raises(skorche.SpecError, match="there is no node in it"):
        Pipeline().to_yaml()


def test_two_functions_of_one_name_cannot_be_saved(monkeypatch):
    pipeline = Pipeline()
    pipeline.map(pipelines_dumps, pipeline.map(json.dumps, Queue("a", [1])))
    monkeypatch.setattr(pipelines_dumps, "__qualname__", "dumps")
    monkeypatch.setitem(globals(), "dumps", pipelines_dumps)

    with pytest.raises(skorche.SpecError, match="another node has another one of that name"):
        pipeline.to_yaml()


def pipelines_dumps(value):
    return value


def test_graphs_that_differ_are_not_equal():
    def outline_of(name="p", task=double, items=(1, 2), out="out", **options):
        pipeline = Pipeline(name)
        pipeline.map(skorche.task(task).options(**options), Queue("a", items), queue_out=Queue(out))
        return outline(pipeline.graph)

    assert outline_of() == outline_of()
    others = [
        outline_of(name="q"),
        outline_of(task=add),
        outline_of(items=[1, True]),
        outline_of(out="b"),
        outline_of(retries=1),
    ]
    assert outline_of() not in others
