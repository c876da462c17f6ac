"""`from_graph`: pipelines from a dict of nodes and of which leads to which."""

import asyncio
import re
from pathlib import Path
from typing import ClassVar

import pytest

import skorche
from skorche import GraphError


def run(spec, **options):
    """What comes out at each end."""
    pipeline = skorche.from_graph(spec, **options)
    pipeline.run(progress=False).wait()
    return {name: queue.flush() for name, queue in pipeline.outputs.items()}


def words(count=3):
    for number in range(count):
        yield f"word {number}"


def reverse(word):
    return word[::-1]


DIAMOND = {
    "nodes": {
        "inp": {"coro": words, "args": {"count": 2}},
        "n1": {"coro": reverse},
        "n2": {"coro": str.upper},
        "n3": {"coro": "/".join},
        "n4": {"coro": lambda item: item, "properties": {"aggregate_inputs": False}},
    },
    "graph": {"inp": ("n1",), "n1": ("n2", "n3"), "n2": ("n3", "n4"), "n3": ("n4",), "n4": None},
}


def test_a_line_of_nodes():
    made = run({"nodes": {"inp": {"coro": words}, "rev": {"coro": reverse}}, "graph": {"inp": ("rev",), "rev": None}})

    assert made == {"rev": ["0 drow", "1 drow", "2 drow"]}


def test_the_diamond_of_the_seed():
    made = run(DIAMOND)

    assert sorted(made["n4"]) == ["0 DROW", "0 drow/0 DROW", "1 DROW", "1 drow/1 DROW"]


def test_the_diamond_can_be_drawn(tmp_path):
    path = skorche.from_graph(DIAMOND).render("diamond", directory=str(tmp_path), format="dot")

    text = Path(path).read_text()
    assert all(f'label="{name}"' in text for name in ("inp", "n1", "n2", "n3", "n4", "Tee", "Zip", "Merge"))


def test_aggregated_inputs_come_in_the_order_of_the_edges():
    spec = {
        "nodes": {"inp": {"coro": words}, "rev": {"coro": reverse}, "out": {"coro": lambda pair: pair}},
        "graph": {"inp": ("rev", "out"), "rev": ("out",), "out": None},
    }

    assert run(spec)["out"][0] == ("word 0", "0 drow")


def test_args_are_given_by_keyword():
    spec = {
        "nodes": {
            "inp": {"coro": words, "args": {"count": 1}},
            "cut": {"coro": lambda word, at: word[:at], "args": {"at": 2}},
        },
        "graph": {"inp": ("cut",), "cut": None},
    }

    assert run(spec) == {"cut": ["wo"]}


def test_names_are_looked_up_in_functions():
    spec = {"nodes": {"inp": {"coro": "words"}, "rev": {"coro": "reverse"}}, "graph": {"inp": ("rev",), "rev": None}}

    made = run(spec, functions={"words": words, "reverse": skorche.task(reverse)})

    assert made == {"rev": ["0 drow", "1 drow", "2 drow"]}


def test_coroutines_and_asynchronous_generators():
    async def count(most):
        for number in range(most):
            await asyncio.sleep(0)
            yield number

    async def double(number):
        await asyncio.sleep(0)
        return 2 * number

    spec = {
        "nodes": {"count": {"coro": count, "args": {"most": 3}}, "double": {"coro": double}},
        "graph": {"count": ("double",), "double": None},
    }

    assert run(spec) == {"double": [0, 2, 4]}


def test_an_asynchronous_iterable_is_gone_through_once():
    class Rows:
        def __aiter__(self):
            return self.read()

        async def read(self):
            for number in range(3):
                yield number

    spec = {
        "nodes": {"rows": {"coro": Rows}, "same": {"coro": lambda row: row}},
        "graph": {"rows": ("same",), "same": None},
    }

    assert run(spec) == {"same": [0, 1, 2]}


def test_properties_are_options_of_the_task():
    spec = {
        "nodes": {"inp": {"coro": words}, "rev": {"coro": reverse, "properties": {"max_workers": 3, "retries": 1}}},
        "graph": {"inp": ("rev",), "rev": None},
    }

    (node,) = skorche.from_graph(spec).graph.nodes

    assert (node.task.settings.max_workers, node.task.settings.retries) == (3, 1)


def test_several_inputs_and_several_ends():
    spec = {
        "nodes": {
            "left": {"coro": range, "args": {}},
            "right": {"coro": words},
            "both": {"coro": lambda pair: pair},
            "rev": {"coro": reverse},
        },
        "graph": {"left": ("both",), "right": ("both", "rev"), "both": None, "rev": None},
    }
    spec["nodes"]["left"]["coro"] = lambda: range(3)

    made = run(spec)

    assert made["both"] == [(0, "word 0"), (1, "word 1"), (2, "word 2")]
    assert made["rev"] == ["0 drow", "1 drow", "2 drow"]


def test_a_pipeline_can_be_run_again():
    pipeline = skorche.from_graph(DIAMOND)

    first = pipeline.run().wait()
    second = pipeline.run().wait()

    assert first.delivered == second.delivered == 2


# -- coroutines written for the seed ---------------------------------------------------------------------------------


class StringFuncs:
    """As on the seed's page, but for the random strings."""

    shown: ClassVar[list] = []

    @classmethod
    async def reverse(cls, self=None, q_elt: tuple | None = None):
        return q_elt[0][::-1]

    @classmethod
    async def input_coro(cls, self=None, output_q: asyncio.Queue | None = None, count=200):
        for number in range(count):
            await output_q.put(f"{self.env_vars['prefix']}{number}")
            await asyncio.sleep(0)

    @classmethod
    async def output_coro(cls, self, q_elt):
        cls.shown.append((self.name, q_elt))


def test_the_first_program_of_the_seed_runs_unchanged():
    StringFuncs.shown = []
    spec = {
        "nodes": {
            "inp": {"coro": StringFuncs.input_coro},
            "rev": {"coro": StringFuncs.reverse},
            "out": {"coro": StringFuncs.output_coro},
        },
        "graph": {"inp": ("rev", "out"), "rev": ("out",), "out": None},
    }

    run(spec, style="processor", coro_map=lambda x: x, env_vars={"prefix": "s"})

    assert sorted(StringFuncs.shown) == sorted(("out", (f"s{n}", f"s{n}"[::-1])) for n in range(200))


def test_what_is_not_aggregated_comes_in_tuples_of_one():
    async def count(self, output_q, start):
        await output_q.put(start)

    async def show(self, q_elt):
        return q_elt

    spec = {
        "nodes": {
            "one": {"coro": "count", "args": {"start": 1}},
            "two": {"coro": "count", "args": {"start": 2}},
            "out": {"coro": "show", "properties": {"aggregate_inputs": False}},
        },
        "graph": {"one": ("out",), "two": ("out",), "out": None},
    }

    made = run(spec, style="processor", coro_map={"count": count, "show": show}.get)

    assert made == {"out": [(1,), (2,)]}


def test_a_coroutine_that_is_a_task_keeps_its_options():
    @skorche.task(retries=3, max_workers=7)
    async def show(self, q_elt):
        return q_elt

    async def count(self, output_q):
        await output_q.put(1)

    spec = {
        "nodes": {"inp": {"coro": count}, "out": {"coro": show, "properties": {"max_workers": 2}}},
        "graph": {"inp": ("out",), "out": None},
    }

    (node,) = skorche.from_graph(spec, style="processor").graph.nodes

    assert (node.task.settings.retries, node.task.settings.max_workers) == (3, 2)
    assert run(spec, style="processor") == {"out": [(1,)]}


def test_an_input_that_raises_ends_the_run_with_its_error():
    async def count(self, output_q):
        await output_q.put(1)
        raise ConnectionError("gone")

    async def show(self, q_elt):
        return q_elt

    spec = {"nodes": {"inp": {"coro": count}, "out": {"coro": show}}, "graph": {"inp": ("out",), "out": None}}

    with pytest.raises(ConnectionError, match="gone"):
        run(spec, style="processor")


# -- what has no meaning ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"nodes": None}, "it has no 'nodes' and 'graph'"),
        ({"graph": {"inp": ("reverse",), "rev": None}}, "'reverse', to which 'inp' leads"),
        ({"graph": {"inp": ("rev",), "rev": ("inp",)}}, "edges that go round: 'inp', 'rev'"),
        ({"graph": {"inp": ("rev", "rev"), "rev": None}}, "it leads to a node more than once"),
        ({"graph": {"inp": ("rev",), "out": None}}, "the edges of 'out'"),
        ({"graph": {"inp": None}}, "the node 'rev'"),
        ({"nodes": {"inp": {"coro": words}, "rev": {}}}, "it has no 'coro'"),
        ({"nodes": {"inp": {"coro": words}, "rev": {"coro": reverse, "arguments": {}}}}, "the key 'arguments'"),
        ({"nodes": {"inp": {"coro": words}, "rev": {"coro": reverse, "args": 3}}}, "3 as args of node 'rev'"),
        (
            {"nodes": {"inp": {"coro": "word"}, "rev": {"coro": reverse}}},
            "(?s)'word' as the function.*Did you mean 'words'",
        ),
        ({"nodes": {"inp": {"coro": words}, "rev": {"coro": 3}}}, "3 as the function of node 'rev'"),
        ({"ndes": {}}, "(?s)the key 'ndes'.*Did you mean 'nodes'"),
        ({"graph": {"inp": 5, "rev": None}}, "5 after 'inp'"),
        ({"graph": {"inp": [["rev"]], "rev": None}}, "these are no names"),
        ({"nodes": {"inp": {"coro": words, "properties": {"size": 3}}, "rev": {"coro": reverse}}}, "it is a source"),
        (
            {"nodes": {"inp": {"coro": words}, "rev": {"coro": reverse, "properties": {"aggregate_input": 0}}}},
            "(?s)'aggregate_input': 0 of node 'rev'.*Did you mean 'aggregate_inputs'",
        ),
    ],
)
def test_what_has_no_meaning_is_told(change, told):
    spec = {"nodes": {"inp": {"coro": words}, "rev": {"coro": reverse}}, "graph": {"inp": ("rev",), "rev": None}}

    with pytest.raises(GraphError, match=told):
        skorche.from_graph(spec | change, functions={"words": words})


def test_all_findings_are_told_at_once():
    spec = {"nodes": {"inp": {"coro": "a"}, "rev": {"coro": "b"}}, "graph": {"inp": ("rev",), "x": None}}

    with pytest.raises(GraphError) as caught:
        skorche.from_graph(spec)

    text = str(caught.value)
    assert all(re.search(told, text) for told in ("'a' as the function", "'b' as the function", "the edges of 'x'"))


def test_an_unknown_style_is_refused():
    with pytest.raises(GraphError, match="give 'function' or 'processor'"):
        skorche.from_graph(DIAMOND, style="plumber")
