"""How each operator stands in a spec.

- map: resize              an operator with a function names it; `from` is what it reads, `to` what it fills
  from: photos
  to: small
- batch: small             one without a function names what it reads
  batch_size: 10
  to: batches
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from skorche.named import NamedTuple
from skorche.ops.apply import apply
from skorche.ops.batch import batch
from skorche.ops.chain import chain
from skorche.ops.filter import filter
from skorche.ops.flat_map import flat_map
from skorche.ops.map import map
from skorche.ops.merge import merge
from skorche.ops.reduce import reduce
from skorche.ops.sink import sink
from skorche.ops.split import split
from skorche.ops.tee import tee
from skorche.ops.unbatch import unbatch
from skorche.ops.zip import zip


class Form(NamedTuple):
    """An operator as a spec has it: what it calls, how many queues it reads and fills, and its own settings."""

    declare: Callable[..., Any]
    calls: Literal["task", "tasks", "predicate", "nothing"] = "nothing"
    reads: Literal["one", "many", "arguments"] = "one"
    fills: Literal["one", "many", "none"] = "one"
    settings: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    """Settings that are functions, so they go by name."""

    @property
    def keys(self) -> list[str]:
        """What may stand beside the name of the operator."""
        named = self.calls != "nothing"
        keys = ["from"] * named + ["to"] * (self.fills != "none")
        keys += {"task": ["errors", "name", "instance", "arguments", "options"], "predicate": ["arguments"]}.get(
            self.calls, []
        )
        return [*keys, *(["after"] if self.reads == "arguments" else []), *self.settings]


FORMS = {
    "map": Form(map, "task"),
    "chain": Form(chain, "tasks"),
    "flat_map": Form(flat_map, "task"),
    "reduce": Form(reduce, "task", settings=("initial",)),
    "sink": Form(sink, "task", fills="none"),
    "apply": Form(apply, "task", reads="arguments"),
    "filter": Form(filter, "predicate", settings=("fuse",)),
    "split": Form(split, "predicate", fills="many", settings=("predicate_values", "fuse")),
    "batch": Form(
        batch,
        settings=("batch_size", "fill_batch", "timeout", "weight", "max_weight", "key", "max_keys"),
        functions=("weight", "key"),
    ),
    "unbatch": Form(unbatch),
    "merge": Form(merge, reads="many"),
    "tee": Form(tee, fills="many"),
    "zip": Form(zip, reads="many", settings=("missing", "strict")),
}
