"""Shards: a job in several runs that know nothing of each other. Together they do everything, once."""

import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import skorche

ROOT = Path(__file__).parents[2]
VALUES = st.one_of(
    st.integers(),
    st.text(max_size=5),
    st.none(),
    st.floats(),
    st.binary(max_size=5),
    st.tuples(st.integers(), st.text(max_size=3)),
    st.frozensets(st.text(max_size=3), max_size=4),
)
FOUR = [(number, 4) for number in range(1, 5)]


def same(item: Any) -> Any:
    return item


def mapping(items: Any, **of_queue: Any) -> tuple[skorche.Pipeline, skorche.Queue[Any]]:
    with skorche.Pipeline("job") as pipeline:
        out = skorche.map(same, skorche.Queue("items", fixed_inputs=items, **of_queue))
    return pipeline, out


def run_shard(items: Any, shard: Any, **of_queue: Any) -> list[Any]:
    pipeline, out = mapping(items, **of_queue)
    pipeline.run(shard=shard, engine="inline").wait()
    return out.flush()


# -- every item once ---------------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(items=st.lists(VALUES, max_size=20), total=st.integers(1, 5))
def test_all_shards_together_take_every_item_exactly_once(items: list[Any], total: int) -> None:
    parts = [run_shard(items, (number, total)) for number in range(1, total + 1)]

    assert Counter(repr(item) for part in parts for item in part) == Counter(map(repr, items))


def test_shards_are_about_equal() -> None:
    sizes = [len(run_shard(range(4000), shard)) for shard in FOUR]

    assert sum(sizes) == 4000
    assert max(sizes) - min(sizes) < 200


def test_the_shards_of_values_are_those_of_every_machine_and_every_version() -> None:
    items = [*range(4), "a", "b", "photos/cat.jpg", PurePosixPath("photos/cat.jpg"), None, 1.5, (1, "a"), {"a": [True]}]

    found = [next(number for number, total in FOUR if item in run_shard([item], (number, total))) for item in items]

    assert found == [1, 2, 1, 3, 4, 2, 1, 1, 2, 1, 4, 3]


def test_the_shard_of_an_item_does_not_depend_on_the_process() -> None:
    program = (
        "import json, skorche\n"
        "items = [frozenset('abcde'[:n]) for n in range(6)] + list('abcdef') + [{'x': 1, 'y': n} for n in range(6)]\n"
        "with skorche.Pipeline() as pipeline:\n"
        "    out = skorche.map(repr, skorche.Queue(fixed_inputs=items, key=lambda item: item))\n"
        "    numbers = skorche.map(items.index, skorche.Queue(fixed_inputs=items))\n"
        "pipeline.run(shard='1/2').wait()\n"
        "print(json.dumps(numbers.flush()))\n"
    )

    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout
        for seed in ("0", "1", "2")
    }

    assert len(told) == 1
    assert 0 < len(json.loads(told.pop())) < 18


def test_results_keep_the_order_of_the_inputs() -> None:
    assert run_shard(range(100), "2/3") == sorted(run_shard(range(100), "2/3"))


# -- keys --------------------------------------------------------------------------------------------------------------


def test_items_of_one_key_are_in_one_shard() -> None:
    parts = [run_shard(range(100), shard, key=lambda number: number // 10) for shard in FOUR]

    assert sorted(number for part in parts for number in part) == list(range(100))
    assert all(len(part) % 10 == 0 for part in parts)


def test_a_key_makes_paths_alike_that_differ_from_machine_to_machine() -> None:
    here, there = [[PurePosixPath(root, f"{number}.jpg") for number in range(50)] for root in ("/home/a", "/mnt/b")]

    mine, others = [run_shard(paths, "1/3", key=lambda path: path.name) for paths in (here, there)]

    assert [path.name for path in mine] == [path.name for path in others]


def test_what_has_no_stable_value_is_refused_and_a_key_mends_it(told: Any) -> None:
    class Odd:
        def __init__(self, number: int) -> None:
            self.number, self.look = number, lambda: None

        def __repr__(self) -> str:
            return f"Odd {self.number}"

    with pytest.raises(skorche.GraphError) as caught:
        run_shard([Odd(1)], "1/2")

    assert told(caught).splitlines()[0].startswith("an item of queue 'items' belongs to no shard: Odd 1: ")
    assert "give the queue a key=" in str(caught.value)
    assert len(run_shard([Odd(1)], "1/1", key=lambda odd: odd.number)) == 1


def test_what_a_key_raises_is_raised_by_the_run() -> None:
    with pytest.raises(ZeroDivisionError):
        run_shard(range(5), "1/2", key=lambda number: 1 // number)


def first_letter(name: str) -> str:
    return name[0]


def test_a_spec_names_the_key_of_an_input() -> None:
    spec = """\
        inputs:
          names: {items: [anna, adam, bert, bob], key: first_letter}
        nodes:
        - {map: same, from: names, to: found}
        """

    def run(number: int) -> list[str]:
        pipeline = skorche.load(textwrap.dedent(spec), functions={"same": same, "first_letter": first_letter})
        assert "key: first_letter" in pipeline.to_yaml()
        pipeline.run(shard=(number, 3)).wait()
        return pipeline.outputs["found"].flush()

    parts = [run(number) for number in (1, 2, 3)]

    assert sorted(name for part in parts for name in part) == ["adam", "anna", "bert", "bob"]
    assert all(len(part) % 2 == 0 for part in parts)


def test_a_key_without_a_name_cannot_be_written_down() -> None:
    pipeline, _ = mapping([1], key=lambda number: number)

    with pytest.raises(skorche.SkorcheError, match="queue 'items' has the key <function"):
        pipeline.to_yaml()


def test_a_key_that_is_not_registered_is_refused_with_its_line() -> None:
    spec = "inputs:\n  names: {items: [anna], key: first_leter}\nnodes:\n- {map: same, from: names}\n"

    with pytest.raises(skorche.SkorcheError) as caught:
        skorche.load(spec, functions={"same": same, "first_letter": first_letter})

    assert "the key 'first_leter'" in str(caught.value)
    assert "Did you mean 'first_letter'?" in str(caught.value)


# -- sources -----------------------------------------------------------------------------------------------------------


def test_each_of_several_sources_is_dealt_out() -> None:
    def run(shard: tuple[int, int]) -> list[Any]:
        with skorche.Pipeline("both") as pipeline:
            both = skorche.merge((skorche.Queue(fixed_inputs=range(50)), skorche.Queue(fixed_inputs="abcdefgh")))
            out = skorche.map(same, both)
        pipeline.run(shard=shard).wait()
        return out.flush()

    parts = [run(shard) for shard in FOUR]

    assert Counter(item for part in parts for item in part) == Counter([*range(50), *"abcdefgh"])
    assert all(parts)


def zipped(**of_first: Any) -> tuple[skorche.Pipeline, skorche.Queue[Any]]:
    with skorche.Pipeline("pairs") as pipeline:
        numbers = skorche.Queue("numbers", fixed_inputs=range(20), **of_first)
        names = skorche.Queue("names", fixed_inputs=[f"number {number}" for number in range(20)])
        pairs = skorche.zip((skorche.map(same, numbers), names))
    return pipeline, pairs


def test_sources_that_are_zipped_are_dealt_out_by_number_so_that_pairs_stay_pairs() -> None:
    found = []
    for shard in FOUR:
        pipeline, pairs = zipped()
        pipeline.run(shard=shard).wait()
        found += pairs.flush()

    assert sorted(found) == [(number, f"number {number}") for number in range(20)]


def test_a_key_of_a_source_that_is_zipped_is_refused_in_a_run_of_a_shard(told: Any) -> None:
    pipeline, pairs = zipped(key=str)

    with pytest.raises(skorche.GraphError) as caught:
        pipeline.run(shard=(1, 4))
    pipeline.run().wait()

    assert told(caught).splitlines()[0] == "queue 'numbers' has a key, and is zipped with another source by number."
    assert len(pairs.flush()) == 20


def test_what_is_put_is_dealt_out_also_what_was_put_before_the_run() -> None:
    def run(shard: tuple[int, int]) -> list[int]:
        with skorche.Pipeline("live") as pipeline:
            numbers: skorche.Queue[int] = skorche.Queue("numbers")
            out = skorche.map(same, numbers)
        numbers.put(0)
        numbers.put(1)
        with pipeline.run(shard=shard) as run:
            for number in range(2, 40):
                numbers.put(number)
        assert run.report.admitted == run.report.delivered
        numbers.put(99)
        assert numbers.inbox.take(None) == [99]  # after the run the queue is as before
        return out.flush()

    assert sorted(number for shard in FOUR for number in run(shard)) == list(range(40))


def test_what_cannot_be_dealt_out_is_refused_where_it_is_put() -> None:
    numbers: skorche.Queue[Any] = skorche.Queue("numbers")
    with skorche.Pipeline("live") as pipeline:
        skorche.map(same, numbers)

    with pipeline.run(shard="1/2"), pytest.raises(skorche.GraphError, match="belongs to no shard"):
        numbers.put(lambda: None)


def test_a_source_without_an_end_is_closed_when_the_run_stops() -> None:
    closed = []

    def count() -> Iterator[int]:
        try:
            yield from iter(lambda: 1, 0)
        finally:
            closed.append(True)

    def fail(number: int) -> None:
        raise ValueError(number)

    source = count()
    with skorche.Pipeline() as pipeline:
        skorche.map(fail, skorche.Queue(fixed_inputs=source, key=lambda number: None))
    shard = next(shard for shard in [(1, 2), (2, 2)] if run_shard([None], shard))

    with pytest.raises(ValueError, match="1"):
        pipeline.run(shard=shard).wait()

    assert closed == [True]


# -- what is told ------------------------------------------------------------------------------------------------------


def test_the_report_names_the_shard_and_counts_only_its_items() -> None:
    pipeline, out = mapping(range(100))

    report = pipeline.run(shard=(2, 8)).wait()

    assert report.shard == report.to_dict()["shard"] == "2/8"
    assert str(report).startswith("job, shard 2/8: ok in ")
    assert report.admitted == report.delivered == len(out.flush()) < 100


def test_a_run_of_everything_has_no_shard() -> None:
    pipeline, _ = mapping(range(3))

    report = pipeline.run().wait()

    assert report.shard is None
    assert str(report).startswith("job: ok in ")


@pytest.mark.parametrize(
    ("shard", "why"),
    [
        ((0, 8), "shards are counted from 1 to 8."),
        ((9, 8), "shards are counted from 1 to 8."),
        ("3/0", "shards are counted from 1."),
        ("2 of 8", "a shard is its number and how many there are."),
        ("2/8/3", "a shard is its number and how many there are."),
        ((2,), "a shard is its number and how many there are."),
        ((1.0, 2), "a shard is its number and how many there are."),
        (3, "a shard is its number and how many there are."),
    ],
)
def test_what_is_no_shard_is_refused(shard: Any, why: str) -> None:
    pipeline, _ = mapping(range(3))

    with pytest.raises(skorche.GraphError) as caught:
        pipeline.run(shard=shard)

    assert caught.value.why == why
    assert "'2/8', for the second of eight" in caught.value.mend


def test_a_key_that_is_no_function_is_refused() -> None:
    with pytest.raises(skorche.GraphError, match="was given key='name'"):
        skorche.Queue(key="name")  # type: ignore[arg-type]  # it is refused


def test_a_key_of_a_queue_that_is_filled_is_refused() -> None:
    with skorche.Pipeline(), pytest.raises(skorche.GraphError, match="which has a key"):
        skorche.map(same, skorche.Queue(fixed_inputs=[1]), queue_out=skorche.Queue("out", key=str))
