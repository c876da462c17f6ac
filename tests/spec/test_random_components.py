"""Random component specs are judged as an independent judge does, and give what that says."""

from collections import Counter

import pytest
import yaml

import skorche

from .judge import draw, judge, made_of, written

SEEDS = range(200)


def runner(count):
    def make(*values):
        made = made_of(f"make{count}", values)
        return made[0] if count == 1 else tuple(made)

    return make


RUNNERS = {f"make{count}": runner(count) for count in range(5)}


def rows_of(spec):
    return [{name: f"{name}{row}" for name in spec["inputs"]} for row in range(2)]


def results_of(data):
    pipeline = skorche.load(data, functions=RUNNERS)
    for row in rows_of({"inputs": pipeline.inputs}):
        pipeline.give(row)
    pipeline.run(progress=False).shutdown()
    return {name: queue.flush() for name, queue in pipeline.outputs.items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_spec_is_judged_right(seed):
    spec = draw(seed)
    data = written(spec, lists=seed % 3 == 0)
    expected = [judge(spec, row) for row in rows_of(spec)]

    if expected[0] is None:
        with pytest.raises(skorche.SpecError):
            skorche.load(yaml.safe_dump(data, sort_keys=False), functions=RUNNERS)
    else:
        results = results_of(yaml.safe_dump(data, sort_keys=False) if seed % 5 else data)
        assert results == {name: [row[name] for row in expected] for name in expected[0]}


def test_there_are_many_of_both_kinds():
    judged = Counter(judge(draw(seed), rows_of(draw(seed))[0]) is None for seed in SEEDS)

    assert judged[True] >= 40
    assert judged[False] >= 80


def test_many_have_several_components_that_run():
    sizes = [len(draw(seed)["components"]) for seed in SEEDS if judge(draw(seed), rows_of(draw(seed))[0])]

    assert sum(size > 3 for size in sizes) >= 40
