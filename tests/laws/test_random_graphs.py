"""Whatever the graph, the schedule and the faults: what comes out is what the graph means."""

from collections import Counter

from hypothesis import event, example, given, note
from hypothesis import strategies as st

from skorche.compile.planner import make_plan
from skorche.engines import EngineNames
from skorche.testing import Faults, Simulation, simulate

from .behaviour import NEVER, Bound, Graph, Label, Node, Trouble
from .effort import share
from .graphs import batched, graphs, journeys
from .pipelines import Built, build, label_of
from .reference import Meaning, interpret

SEEDS = st.integers(0, 2**32 - 1)
NO_FAULTS = Faults()
CHANCES = st.sampled_from([0.0, 0.3])
PAUSES = st.sampled_from([0.0, 0.0, 0.1])
DEATHS = st.builds(Faults, losses=CHANCES, crashes=CHANCES, cuts=CHANCES, pauses=PAUSES)
STOPS = st.builds(
    Faults, losses=CHANCES, crashes=CHANCES, cuts=CHANCES, stop=st.just(1.0), breakdown=CHANCES, pauses=PAUSES
)

RESIZES = st.builds(
    Faults,
    losses=CHANCES,
    crashes=CHANCES,
    cuts=CHANCES,
    pauses=PAUSES,
    resizes=st.sampled_from([0.05, 0.3]),
    holds=st.sampled_from([0.0, 0.1]),
)
RESIZED_STOPS = st.builds(
    Faults, stop=st.just(1.0), resizes=st.sampled_from([0.05, 0.3]), holds=st.sampled_from([0.0, 0.1])
)


EARLY_LISTS = Graph(
    sources=((0,) * 7 + ("none",) + (0,) * 9,),
    nodes=(
        Node(op="split", name="n0", inputs=(0,), outputs=(1, 2), rarity=2),
        Node(op="batch", name="n1", inputs=(1,), outputs=(3,), size=2, fill=False, loose=True),
        Node(op="batch", name="n2", inputs=(2,), outputs=(4,), fill=False, loose=True),
        Node(op="merge", name="n3", inputs=(3, 4), outputs=(5,), loose=True),
        Node(op="unbatch", name="n4", inputs=(5,), outputs=(6,), loose=True),
    ),
    ends={6: "item"},
    in_order=frozenset(),
    maxsizes={},
)
"""With seed 1 a list that was not full once left when all room was held for others."""


def run(graph: Graph, seed: int, faults: Faults = NO_FAULTS) -> tuple[Built, Simulation]:
    """Simulate the graph; failures are collected."""
    built = build(graph)
    plan = make_plan(built.pipeline.graph, engines=EngineNames(), cores=1)
    note(plan.explain())
    event(
        f"tasks that joined another: {sum(plan.nodes[one].is_task for stage in plan.stages for one in stage.nodes[1:])}"
    )
    return built, simulate(built.pipeline, seed=seed, faults=faults, clock=built.clock, on_error="collect")


WHY = ("size", "weight", "key", "end")


def members(labels: list[Label]) -> list[Label]:
    """The members of all lists."""
    return [one for label in labels for one in label]


def told(labels: list[Label]) -> list[str]:
    """Labels in no particular order, to be compared."""
    return sorted(map(repr, labels))


@given(graph=graphs(), seed=SEEDS, faults=DEATHS)
@example(graph=EARLY_LISTS, seed=1, faults=NO_FAULTS)
def test_a_run_gives_what_its_graph_means(graph: Graph, seed: int, faults: Faults) -> None:
    check_run(graph, seed, faults)


@share(0.3)
@given(graph=graphs(), seed=SEEDS, faults=RESIZES)
def test_a_run_whose_workers_change_gives_what_its_graph_means(graph: Graph, seed: int, faults: Faults) -> None:
    check_run(graph, seed, faults)


@share(0.5)
@given(graph=journeys(), seed=SEEDS, faults=DEATHS)
def test_a_run_whose_tasks_travel_together_gives_what_its_graph_means(graph: Graph, seed: int, faults: Faults) -> None:
    check_run(graph, seed, faults)


@given(graph=batched(), seed=SEEDS)
def test_lists_close_for_the_reasons_that_were_given(graph: Graph, seed: int) -> None:
    check_run(graph, seed, NO_FAULTS)


def check_run(graph: Graph, seed: int, faults: Faults) -> None:
    """A run of the graph, in all that is known of it."""
    meant = interpret(graph)

    built, simulation = run(graph, seed, faults)

    for queue, kind in graph.ends.items():
        check_end(queue, kind, built, simulation, meant)
    for queue in graph.in_order if not faults.resizes else ():  # more workers than one keep no order
        check_arrival(queue, graph.ends[queue], built, simulation, meant)
    check_failures(graph, simulation, meant)
    check_account(simulation, meant)
    check_nodes(graph, simulation, meant)


def check_end(queue: int, kind: str, built: Built, simulation: Simulation, meant: Meaning) -> None:
    """Items come in input order; of loose lists, only the members are known."""
    came, wanted = [label_of(item) for item in simulation.flush(built.queues[queue])], meant.flushed(queue)
    if kind == "loose":
        came, wanted = told(members(came)), told(members(wanted))
    assert came == wanted


def check_arrival(queue: int, kind: str, built: Built, simulation: Simulation, meant: Meaning) -> None:
    """Where everything keeps order, items arrive in input order too."""
    came, wanted = [label_of(item) for item in simulation.arrived(built.queues[queue])], meant.flushed(queue)
    if kind == "loose":
        came, wanted = members(came), members(wanted)
    assert came == wanted


def check_failures(graph: Graph, simulation: Simulation, meant: Meaning) -> None:
    """Each failure is listed once, with its node and its item, and after all attempts."""
    nodes = dict(zip(simulation.report.nodes, graph.nodes, strict=True))
    came = [(nodes[failure.node].name, label_of(failure.item)) for failure in simulation.report.failures]
    assert told(came) == told(meant.failures)
    assert all(failure.attempts == nodes[failure.node].retries + 1 for failure in simulation.report.failures)


def check_account(simulation: Simulation, meant: Meaning) -> None:
    """Each source item is counted once, by its worst end."""
    report = simulation.report
    assert {
        "admitted": report.admitted,
        "delivered": report.delivered,
        "filtered": report.filtered,
        "failed": report.failed,
        "cancelled": report.cancelled,
    } == {
        "admitted": len(meant.ends),
        "delivered": meant.ended("delivered"),
        "filtered": meant.ended("filtered"),
        "failed": meant.ended("failed"),
        "cancelled": 0,
    }


def check_nodes(graph: Graph, simulation: Simulation, meant: Meaning) -> None:
    """Each node counts what it does; where lists are loose, what can be known of it."""
    for node, tally in zip(graph.nodes, simulation.report.nodes.values(), strict=True):
        count = meant.counts[node.name]
        wanted = {name: count[name] for name in ("failed", "filtered")}
        if not node.loose:
            wanted |= {name: count[name] for name in ("received", "emitted")}
        if node.loose and node.op == "batch":
            wanted |= {"received": count["received"], "members": count["received"] - count["failed"]}
        if node.op == "batch" and node.fill and not (node.keys or node.max_weight or node.timeout):
            wanted["emitted"] = -(-count["received"] // node.size)
        if node.op == "batch":
            assert sum(tally.closed.values()) == tally.emitted
            assert node.loose or tally.closed == {why: count[why] for why in WHY if count[why]}
        if node.op == "unbatch":
            wanted |= {"emitted": count["emitted"], "members": count["emitted"]}
        assert {name: getattr(tally, name) for name in wanted} == wanted


@given(graph=graphs(), seed=SEEDS, faults=STOPS | RESIZED_STOPS)
def test_a_stopped_run_accounts_for_all_it_took_in_and_makes_nothing_up(
    graph: Graph, seed: int, faults: Faults
) -> None:
    meant = interpret(graph)

    built, simulation = run(graph, seed, faults)

    report = simulation.report
    assert report.admitted == report.delivered + report.filtered + report.failed + report.cancelled
    assert report.admitted <= len(meant.ends)
    for queue, kind in graph.ends.items():
        came = [label_of(item) for item in simulation.arrived(built.queues[queue])]
        check_nothing_made_up(came, meant.flushed(queue), kind)


@given(graph=graphs(), seed=SEEDS, faults=STOPS | RESIZED_STOPS)
def test_no_limit_is_exceeded_whatever_happens(graph: Graph, seed: int, faults: Faults) -> None:
    bounds = {bound for node in graph.nodes for bound in node.limits}

    built, simulation = run(graph, seed, faults)

    for bound in bounds:
        if bound.per is None:
            assert most_out(bound, graph, built, simulation) <= bound.most
        else:
            check_windows(bound.most, bound.per, [time for node, time in built.starts if bound in node.limits])


def check_windows(most: int, per: float, starts: list[float]) -> None:
    """From each start to the one that is `most` later, a whole window has passed."""
    starts = sorted(starts)
    assert [one for one, later in zip(starts, starts[most:], strict=False) if later < one + per - 1e-9] == []


def most_out(bound: Bound, graph: Graph, built: Built, simulation: Simulation) -> int:
    """How many items of tasks with this limit were out together at the worst moment, going by what was submitted."""
    limited = {node.name for node in graph.nodes if bound in node.limits}
    stages = [number for number, stage in enumerate(built.pipeline.plan().stages) if limited & set(stage.names)]
    out: set[object] = set()
    most = 0
    for _, kind, *numbers in simulation.trace:
        if kind == "Submit" and numbers[1] in stages:
            out.add(numbers[0])
        elif kind in ("Done", "Lost"):
            out.discard(numbers[0])
        most = max(most, len(out))
    return most


def check_nothing_made_up(came: list[Label], wanted: list[Label], kind: str) -> None:
    """All that came would have come anyway. Failures are left aside: a stopped run does not try again."""
    if kind == "loose":
        came, wanted = members(came), members(wanted)
    honest = [repr(label) for label in came if "failure" not in repr(label)]
    assert not Counter(honest) - Counter(map(repr, wanted))


@share(0.05)
@given(seed=SEEDS)
def test_a_failure_is_one_item_that_cannot_be_unbatched(seed: int) -> None:
    fail = Node("map", "fail", (0,), (1, 2), troubles=(Trouble("raise", NEVER),), errors=True)
    unbatch = Node("unbatch", "unbatch", (2,), (3,))
    graph = Graph((("none",),), (fail, unbatch), {1: "item", 3: "item"}, frozenset(), {})

    _, simulation = run(graph, seed)

    assert simulation.report.nodes["Unbatch"].failed == 1
