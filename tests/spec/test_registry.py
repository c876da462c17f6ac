"""The registry: what a spec may name, and that nothing else is looked at."""

import json
import sys

import pytest

import skorche
from skorche.spec.findings import Findings, Where
from skorche.spec.registry import Registry

from . import functions
from .functions import decorated, double, renamed

HERE = Where("job.yaml", 3)


def found(name, given):
    findings = Findings()
    return Registry(given).find(name, HERE, findings), findings


def test_a_module_offers_its_public_tasks_and_functions_and_errors():
    names = Registry(functions).names

    assert {"double", "decorated", "later", "Scale", "Refused", "renamed"} <= set(names)
    assert {"_private", "skorche", "partial", "Queue", "Pipeline", "Plain", "st", "TASKS"}.isdisjoint(names)


def test_a_module_offers_bound_tasks_of_its_own(monkeypatch):
    monkeypatch.setattr(functions, "triple", decorated.bind(by=3), raising=False)
    monkeypatch.setattr(functions, "dumps", json.dumps, raising=False)

    names = Registry(functions).names

    assert "triple" in names
    assert "dumps" not in names


def test_a_list_may_hold_functions_tasks_and_modules():
    registry = Registry([len, renamed, functions])

    assert {"len", "under another name", "double"} <= set(registry.names)


def test_a_mapping_gives_its_own_names():
    assert found("twice", {"twice": double})[0] is double


@pytest.mark.parametrize("name", ["os.system", "functions.double", "double.__globals__", "__builtins__", "../double"])
def test_a_name_that_is_not_plain_finds_nothing(name):
    value, findings = found(name, functions)

    assert value is None
    with pytest.raises(skorche.SpecError) as caught:
        findings.settle()
    assert repr(name) in caught.value.what


def test_a_name_with_a_dot_finds_nothing_even_if_it_is_registered():
    assert found("os.system", {"os.system": double})[0] is None


def test_no_module_is_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)

    with pytest.raises(skorche.SpecError):
        skorche.load("inputs: {a: [1]}\nnodes: [{map: this.s, from: a, to: b}]", functions=functions)

    assert "this" not in sys.modules


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a": 3}, "functions= has 3 under 'a'."),
        ([3], "functions= holds 3."),
        ("double", "functions='double' holds no functions."),
        ([double, double.__get__(1)], "functions= has two that are called 'double'."),
    ],
)
def test_what_is_no_registry_is_refused(given, said):
    with pytest.raises(skorche.SpecError) as caught:
        Registry(given)

    assert caught.value.what == said


def test_without_functions_the_message_says_how_they_are_given():
    with pytest.raises(skorche.SpecError, match="no functions were given") as caught:
        skorche.load("inputs: {a: [1]}\nnodes: [{map: double, from: a, to: b}]")

    assert caught.value.mend == "give load(functions=...) a mapping, a module, or a list of functions."


def test_a_task_with_a_name_of_its_own_goes_by_that_of_its_function_too():
    def square(number):
        return number**2

    named = skorche.task(name="the square")(square)
    with skorche.Pipeline() as pipeline:
        skorche.map(named, skorche.Queue("numbers", [3]))

    again = skorche.load(pipeline.to_yaml(functions=[named]), functions=[named])
    assert again.run(progress=False).wait().results == {"the square": [9]}
    assert Registry([skorche.task(name="square")(abs), named]).names == ["square", "the square", "abs"]
