"""Where the results of cached tasks lie in a store: under the keys of their nodes."""

from __future__ import annotations

import os

from skorche.cache.keys import Keys
from skorche.cache.results import Shelf
from skorche.errors import GraphError
from skorche.graph import Graph
from skorche.store import Store


def find_shelves(graph: Graph, store: Store, *, force: bool) -> tuple[dict[str, Shelf], list[GraphError]]:
    """A shelf for each cached node, by name, and what was found that keeps a node from being cached."""
    keys, run = Keys(graph, force=force), os.urandom(8).hex()
    shelves: dict[str, Shelf] = {}
    findings: list[GraphError] = []
    for node in graph.nodes:
        if node.task is None or not node.task.settings.cache:
            continue
        try:
            found = keys.of(node)
        except GraphError as finding:
            findings.append(finding)
        else:
            shelves[node.name] = Shelf(found.key, str(store.cache), node.name, run, found.reload)
    return shelves, findings
