"""What two neighbouring projects promise of their caches holds here, and where they were wrong it does not."""

import pytest

import skorche

EZPYP = """
import skorche
from effects import note

@skorche.task(cache=True)
def alpha(x):
    note("alpha")
    return x**2

@skorche.task(cache=True)
def beta(x):
    note("beta")
    return x**3

@skorche.task(cache=True)
def gamma(a, b):
    note("gamma")
    return a / b

with skorche.Pipeline("ezpyp") as pipeline:
    result = skorche.apply(gamma, skorche.apply(alpha, 3), skorche.apply(beta, 2))
report = pipeline.run(store="store", progress=False).wait()
print(*result.flush(), [tally.cached for name, tally in report.nodes.items() if tally.cached])
"""


def test_a_second_run_executes_nothing_and_an_edit_what_depends_on_it(program):
    program.write("main.py", EZPYP)

    assert program.run() == ("1.125 []", ["alpha", "beta", "gamma"])
    assert program.run(seed="1") == ("1.125 [1, 1, 1]", [])

    program.edit("main.py", "x**2", "x ** 3")
    assert program.run(seed="2") == ("3.375 [1]", ["alpha", "gamma"])
    assert program.run() == ("3.375 [1, 1, 1]", [])

    program.edit("main.py", "x ** 3", "x**2")
    assert program.run() == ("1.125 [1, 1, 1]", []), "what was made before the edit is still there"


@pytest.fixture
def sequential(tmp_path):
    """pyperunner's four steps; gives the numbers of those that were executed."""
    log = tmp_path / "log"

    def simple(data, number, param):
        with open(log, "a") as effects:
            print(number, file=effects)
        return "simple-task"

    def run(params=(1, 2, 3, 4), reload=None, **options):
        log.write_text("")
        task = skorche.task(simple, name="simple")
        steps = [
            task.bind(number=number, param=param).options(cache=True, reload=number == reload)
            for number, param in enumerate(params, 1)
        ]
        with skorche.Pipeline("sequential") as pipeline:
            skorche.chain(steps, skorche.Queue(fixed_inputs=["start"]))
        pipeline.run(store=tmp_path / "store", progress=False, **options).wait()
        return [int(line) for line in log.read_text().split()]

    assert run() == [1, 2, 3, 4]
    return run


def test_run_again_nothing_is_executed(sequential):
    assert sequential() == []


def test_with_reload_a_task_and_all_after_it_are_executed(sequential):
    assert sequential(reload=3) == [3, 4]
    assert sequential() == []


def test_with_force_all_are_executed(sequential):
    assert sequential(force=True) == [1, 2, 3, 4]
    assert sequential() == []


def test_with_another_parameter_a_task_and_all_after_it_are_executed_though_the_results_are_equal(sequential):
    assert sequential(params=(1, "CHANGED", 3, 4)) == [2, 3, 4]
    assert sequential() == []
