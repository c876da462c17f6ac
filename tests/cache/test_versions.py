"""A version stands for the code of a task, and for nothing else: not for what makes functions of one code differ."""

import functools

import pytest

import skorche


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(function, items=(3,), **options):
        with skorche.Pipeline() as pipeline:
            queue = skorche.map(
                skorche.task(cache=True, version="1", **options)(function), skorche.Queue(fixed_inputs=items)
            )
        report = pipeline.run(store="store", progress=False).wait()
        (tally,) = report.nodes.values()
        return queue.flush(), tally.cached

    return run


class Scaler:
    def __init__(self, by):
        self.by = by

    def __call__(self, number):
        return eval("number * self.by")

    def scale(self, number):
        return eval("number * self.by")


def decorated(function):
    @functools.wraps(function)
    def around(number):
        return function(number)

    return around


@decorated
def evaluates(number):
    return eval("number + 1")


def made(by):
    def inner(number):
        return number * by

    return inner


def defaulted(by):
    def inner(number, by=by):
        return number * by

    return inner


def test_instances_with_another_state_are_other_tasks(run):
    assert run(Scaler(2)) == ([6], 0)
    assert run(Scaler(5)) == ([15], 0)
    assert run(Scaler(5)) == ([15], 1)


def test_methods_of_two_instances_are_two_tasks(run):
    assert run(Scaler(2).scale) == ([6], 0)
    assert run(Scaler(5).scale) == ([15], 0)
    assert run(Scaler(5).scale) == ([15], 1)


@pytest.mark.parametrize("make", [made, defaulted])
def test_functions_that_hold_other_values_are_other_tasks(run, make):
    assert run(make(2), name="scale") == ([6], 0)
    assert run(make(5), name="scale") == ([15], 0)
    assert run(make(5), name="scale") == ([15], 1)


def test_functions_without_a_name_of_their_own_are_refused_unless_the_task_has_one(run):
    for function in (lambda number: number + 1, made(2), functools.partial(made(2))):
        with pytest.raises(skorche.GraphError) as caught:
            run(function)
        assert "can be told from others by its name, and" in caught.value.why
        assert 'name="..."' in caught.value.mend

    assert run(lambda number: number + 1, name="one") == ([4], 0)
    assert run(lambda number: number * 10, name="ten") == ([30], 0)


def test_the_name_of_a_task_is_no_part_of_the_key_where_the_function_has_one(run):
    assert run(evaluates, name="one") == ([4], 0)
    assert run(evaluates, name="other") == ([4], 1)


def test_a_version_stands_for_the_code_of_what_is_wrapped_too(run):
    for found in (0, 1):
        assert run(evaluates) == ([4], found)


def test_what_a_task_holds_and_cannot_be_told_is_refused_for_all_its_version(run):
    with pytest.raises(skorche.GraphError, match="whose state cannot be told"):
        run(Scaler(one for one in "ab"))
    with pytest.raises(skorche.GraphError, match="whose state cannot be told"):
        run(made(one for one in "ab"), name="scale")


MAIN = """
import skorche

@skorche.task(cache=True, version="1")
def task(number):
    return number + 1

with skorche.Pipeline() as pipeline:
    queue = skorche.map(task, skorche.Queue(fixed_inputs=[3]))
report = pipeline.run(store="store", progress=False).wait()
print(queue.flush(), report.nodes["task"].cached)
"""


def test_two_scripts_do_not_share_what_they_call_alike(program):
    program.write("main.py", MAIN)
    program.write("other.py", MAIN.replace("number + 1", "number * 100"))

    assert [program.run()[0] for _ in range(2)] == ["[4] 0", "[4] 1"]
    assert program.run(script="other.py")[0] == "[300] 0"


def test_in_a_program_that_is_no_file_a_task_needs_a_name(program):
    program.write(
        "main.py", f"import runpy, sys\nnames = {{'__name__': '__main__'}}\ndel __file__\nexec({MAIN!r}, names)"
    )

    with pytest.raises(AssertionError, match="can be told from others by its name"):
        program.run()
