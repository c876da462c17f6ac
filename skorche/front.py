"""Pipelines from data: `load` reads specs, `from_graph` the dicts of `pipelines`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skorche.api import Pipeline
from skorche.spec.loading import Spec, read_pipeline
from skorche.spec.origin import Origin
from skorche.spec.plumber import Style, declare_spec
from skorche.spec.registry import Functions


def from_graph(
    spec: Mapping[str, Any],
    *,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    name: str = "pipeline",
    style: Style = "function",
    coro_map: Callable[[Any], Callable[..., Any]] | None = None,
    env_vars: Mapping[str, Any] | None = None,
) -> Pipeline:
    """A pipeline from a dict of nodes and of which leads to which; its `outputs` go by the names of the last nodes.

    A node's function, or coroutine function, takes an item, a tuple of them where several nodes lead to it, and the
    node's `args` by keyword. A node that none leads to is a generator function, sync or async, called with its `args`.
    `properties` are options of the task; `"aggregate_inputs": False` takes items as they come, not in tuples. A name in
    place of a function is looked up in `functions`.

    >>> pipeline = from_graph(
    ...     {
    ...         "nodes": {"numbers": {"coro": lambda: range(3)}, "half": {"coro": lambda number: number / 2}},
    ...         "graph": {"numbers": ("half",), "half": None},
    ...     }
    ... )
    >>> report = pipeline.run().wait()
    >>> pipeline.outputs["half"].flush()
    [0.0, 0.5, 1.0]

    `style="processor"` runs coroutines written for `pipelines` as they are: `coro(self, q_elt, **args)`, where `q_elt`
    is always a tuple, and for a node that none leads to `coro(self, output_q, **args)`; `self` has the `name` of the
    node and `env_vars`. `coro_map` gives the coroutine for what stands under "coro".

    Raises:
        GraphError: something in the dict has no meaning; all findings at once.
    """
    with Pipeline(name) as pipeline:
        declare_spec(spec, functions or {}, style, coro_map, env_vars or {})
    return pipeline


def load(spec: Spec, *, functions: Functions | None = None) -> Pipeline:
    """A pipeline from a spec: the path of a YAML file, YAML as a text, or the same as a dict.

    It names functions that `functions` has: a mapping of names to them; a module, with its public tasks and functions;
    or a list of functions, tasks and modules. Nothing is imported. Both forms of specs are described in docs/specs.md.

    >>> pipeline = load(
    ...     '''
    ...     inputs:
    ...       words: [a, bc]
    ...     nodes:
    ...       - {map: size, from: words, to: sizes}
    ...     ''',
    ...     functions={"size": len},
    ... )
    >>> report = pipeline.run().wait()
    >>> pipeline.outputs["sizes"].flush()
    [1, 2]

    Raises:
        SpecError: something in it has no meaning; all findings at once, each with its line.
    """
    read = read_pipeline(spec, functions)
    pipeline = Pipeline(read.name, check_types=read.check_types)
    with pipeline:
        rows = read.declare()
    pipeline._origin = Origin(functions, rows, read.components, tuple(pipeline.graph.nodes))
    return pipeline
