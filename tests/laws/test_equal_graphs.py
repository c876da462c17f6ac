"""Graphs that say the same in other words give the same."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import skorche
from skorche.testing import Faults, simulate

from .behaviour import NEVER, Graph, Label, Node, Trouble
from .effort import share
from .graphs import SOURCE, graphs, journeys, with_engine, with_fuse
from .pipelines import build, build_item, label_of, task_function
from .reference import interpret
from .test_random_graphs import DEATHS, NO_FAULTS, SEEDS, members, run, told

FIRST, SECOND = Node("map", "first", (), ()), Node("map", "second", (), (), makes="fan")
SIZES = st.integers(1, 5)


def flushed(graph: Graph, seed: int, faults: Faults = NO_FAULTS) -> list[list[Label]]:
    """What comes out at each end, in input order; of loose lists the members, in no order."""
    built, simulation = run(graph, seed, faults)
    made = {queue: [label_of(item) for item in simulation.flush(built.queues[queue])] for queue in graph.ends}
    return [told(members(made[queue])) if kind == "loose" else made[queue] for queue, kind in graph.ends.items()]


def source(labels: tuple[Label, ...]) -> Any:
    """A queue of the items these labels stand for."""
    return skorche.Queue(fixed_inputs=[build_item(label) for label in labels])


def labels_of(items: list[Any]) -> list[Label]:
    return [label_of(item) for item in items]


@share(0.4)
@given(graph=graphs(), faults=DEATHS, seed=SEEDS)
def test_a_range_is_worked_on_as_a_list_of_its_numbers(graph: Graph, faults: Faults, seed: int) -> None:
    lists = replace(graph, sources=tuple(map(tuple, graph.sources)))

    (ranged, of_ranges), (listed, of_lists) = run(graph, seed, faults), run(lists, seed, faults)

    assert of_ranges.trace == of_lists.trace
    for end in graph.ends:
        ours, theirs = of_ranges.arrived(ranged.queues[end]), of_lists.arrived(listed.queues[end])
        assert labels_of(ours) == labels_of(theirs)


@share(0.2)
@given(labels=SOURCE, size=SIZES, fill=st.booleans(), seed=SEEDS)
def test_unbatch_gives_back_what_batch_has_gathered(
    labels: tuple[Label, ...], size: int, fill: bool, seed: int
) -> None:
    with skorche.Pipeline() as pipeline:
        result = skorche.unbatch(skorche.batch(source(labels), batch_size=size, fill_batch=fill))

    simulation = simulate(pipeline, seed=seed)

    assert labels_of(simulation.flush(result)) == list(labels)


@share(0.2)
@given(labels=SOURCE, size=SIZES, fill=st.booleans(), workers=st.integers(1, 4), seed=SEEDS)
def test_a_batch_is_never_empty_nor_too_large(
    labels: tuple[Label, ...], size: int, fill: bool, workers: int, seed: int
) -> None:
    with skorche.Pipeline() as pipeline:
        task = skorche.task(max_workers=workers)(lambda item: item)
        result = skorche.batch(skorche.map(task, source(labels)), batch_size=size, fill_batch=fill)

    lengths = list(map(len, simulate(pipeline, seed=seed).arrived(result)))

    assert sum(lengths) == len(labels)
    assert all(1 <= length <= size for length in lengths)
    assert not fill or all(length == size for length in lengths[:-1])


@share(0.2)
@given(count=st.integers(0, 30), size=SIZES, fill=st.booleans(), seed=SEEDS)
def test_the_members_of_a_batch_stand_in_input_order(count: int, size: int, fill: bool, seed: int) -> None:
    with skorche.Pipeline() as pipeline:
        task = skorche.task(max_workers=4)(lambda item: item)
        result = skorche.batch(skorche.map(task, source(tuple(range(count)))), batch_size=size, fill_batch=fill)

    lists = simulate(pipeline, seed=seed).arrived(result)

    assert all(one == sorted(one) for one in lists)


@share(0.2)
@given(
    count=st.integers(0, 40),
    keys=st.integers(1, 4),
    closing=st.sampled_from([{}, {"timeout": 1e-3}, {"weight": float, "max_weight": 60}, {"batch_size": 3}]),
    bound=st.sampled_from([None, 1, 3]),
    workers=st.integers(1, 3),
    seed=SEEDS,
)
def test_what_a_batch_by_key_has_gathered_finds_its_partners_again(
    count: int, keys: int, closing: dict[str, Any], bound: int | None, workers: int, seed: int
) -> None:
    with skorche.Pipeline() as pipeline:
        one, other = skorche.tee(source(tuple(range(count))))
        lists = skorche.Queue(maxsize=bound)
        skorche.batch(
            one, key=lambda number: 1 // (number % 7) or number % keys, max_keys=2, queue_out=lists, **closing
        )
        task = skorche.task(max_workers=workers)(lambda numbers: numbers)
        result = skorche.zip((skorche.unbatch(skorche.map(task, lists)), other))

    simulation = simulate(pipeline, seed=seed, on_error="collect")

    assert simulation.flush(result) == [(number, number) for number in range(count) if number % 7]
    assert [failure.item for failure in simulation.report.failures] == list(range(0, count, 7))


@share(0.2)
@given(labels=SOURCE, seed=SEEDS)
def test_a_chain_is_its_maps_one_after_the_other(labels: tuple[Label, ...], seed: int) -> None:
    tasks = [task_function(FIRST), task_function(SECOND)]
    with skorche.Pipeline() as chained:
        one = skorche.chain(tasks, source(labels))
    with skorche.Pipeline() as mapped:
        other = skorche.map(tasks[1], skorche.map(tasks[0], source(labels)))

    results = simulate(chained, seed=seed).flush(one), simulate(mapped, seed=seed).flush(other)

    assert labels_of(results[0]) == labels_of(results[1])


@share(0.2)
@given(
    labels=SOURCE,
    size=st.none() | SIZES,
    options=st.sampled_from([{}, {"retries": 1}, {"ordered": True, "max_workers": 3}, {"timeout": 60.0}]),
    kind=st.sampled_from(["raise", "exit"]),
    times=st.sampled_from([1, NEVER]),
    seeds=st.tuples(SEEDS, SEEDS),
)
def test_a_flat_map_of_lists_is_a_map_and_an_unbatch(
    labels: tuple[Label, ...], size: int | None, options: dict[str, Any], kind: str, times: int, seeds: tuple[int, int]
) -> None:
    node = Node(
        "map", "many", (), (), makes="fan" if size is None else "each", troubles=(Trouble(kind, times),), rarity=3
    )

    def told_of(seed: int, expand: Any) -> Any:
        """What came out, what failed, and the account, of the lists that the node makes."""
        task = skorche.task(name="many", **options)(task_function(node))
        with skorche.Pipeline() as pipeline:
            items = source(labels) if size is None else skorche.batch(source(labels), batch_size=size)
            result = expand(task, items)
        simulation = simulate(pipeline, seed=seed, on_error="collect")
        report = simulation.report
        lost = told([label_of(failure.item) for failure in report.failures])
        return labels_of(simulation.flush(result)), lost, (report.delivered, report.filtered, report.failed)

    flat = told_of(seeds[0], skorche.flat_map)

    assert flat == told_of(seeds[1], lambda task, items: skorche.unbatch(skorche.map(task, items)))


@share(0.2)
@given(labels=SOURCE, workers=st.integers(1, 3), seed=SEEDS)
def test_a_sink_sees_what_a_map_would_give(labels: tuple[Label, ...], workers: int, seed: int) -> None:
    taken: list[Any] = []
    with skorche.Pipeline() as pipeline:
        items = skorche.map(skorche.task(max_workers=workers)(task_function(FIRST)), source(labels))
        skorche.sink(taken.append, items)

    report = simulate(pipeline, seed=seed).report

    assert told(labels_of(taken)) == told([("made", "first", label) for label in labels])
    assert report.delivered == len(labels)


@share(0.2)
@given(labels=SOURCE, seed=SEEDS, times=st.sampled_from([0, 1]))
def test_a_reduce_in_order_is_the_loop_that_everybody_knows(labels: tuple[Label, ...], seed: int, times: int) -> None:
    calls: list[int] = []

    def collect(seen: list[Any], item: Any) -> list[Any]:
        calls.append(len(seen))
        if len(calls) <= times:
            raise OSError("not yet")
        return [*seen, item]

    with skorche.Pipeline() as pipeline:
        task = skorche.task(retries=1, backoff=0)(collect)
        result = skorche.reduce(task, source(labels), initial=[])

    (made,) = simulate(pipeline, seed=seed).flush(result)

    assert told(labels_of(made)) == told(list(labels))
    assert times or labels_of(made) == list(labels)


@share(0.2)
@given(labels=SOURCE, seed=SEEDS, fuse=st.booleans())
def test_merge_after_split_keeps_every_item_once(labels: tuple[Label, ...], seed: int, fuse: bool) -> None:
    with skorche.Pipeline() as pipeline:
        result = skorche.merge(skorche.split(lambda item: hash(repr(item)) % 3, source(labels), fuse=fuse))

    simulation = simulate(pipeline, seed=seed)

    assert labels_of(simulation.flush(result)) == list(labels)


@share(0.2)
@given(labels=SOURCE, seed=SEEDS, fuse=st.booleans())
def test_a_filter_is_the_true_branch_of_a_split(labels: tuple[Label, ...], seed: int, fuse: bool) -> None:
    def predicate(item: Any) -> int:
        return hash(repr(item)) % 2

    with skorche.Pipeline() as filtering:
        kept = skorche.filter(predicate, source(labels), fuse=fuse)
    with skorche.Pipeline() as splitting:
        branch, _ = skorche.split(predicate, source(labels), fuse=fuse)

    results = simulate(filtering, seed=seed).flush(kept), simulate(splitting, seed=seed).flush(branch)

    assert labels_of(results[0]) == labels_of(results[1])


@share(0.1)
@given(graph=graphs(), seeds=st.tuples(SEEDS, SEEDS))
def test_fused_predicates_give_what_unfused_ones_give(graph: Graph, seeds: tuple[int, int]) -> None:
    fused, unfused = (flushed(with_fuse(graph, fuse), seed) for fuse, seed in zip((True, False), seeds, strict=True))

    assert fused == unfused


@share(0.2)
@given(graph=journeys(), seeds=st.tuples(SEEDS, SEEDS), faults=DEATHS)
def test_tasks_that_travel_together_give_what_they_give_alone(
    graph: Graph, seeds: tuple[int, int], faults: Faults
) -> None:
    together, alone = (
        flushed(with_fuse(graph, fuse), seed, faults) for fuse, seed in zip((True, False), seeds, strict=True)
    )

    assert together == alone


@share(0.1)
@given(
    graph=graphs(), seeds=st.tuples(SEEDS, SEEDS), engine=st.sampled_from(["thread", "process", "async"]), faults=DEATHS
)
def test_any_engine_gives_what_the_inline_engine_gives(
    graph: Graph, seeds: tuple[int, int], engine: str, faults: Faults
) -> None:
    lasting = with_engine(graph, engine, retries=1)
    inline = with_engine(graph, "inline", retries=1)

    assert flushed(lasting, seeds[0], faults) == flushed(inline, seeds[1])


@share(0.1)
@given(graph=graphs(), seed=SEEDS, faults=DEATHS)
def test_the_same_seed_gives_the_same_run(graph: Graph, seed: int, faults: Faults) -> None:
    _, once = run(graph, seed, faults)
    _, again = run(graph, seed, faults)

    assert once.trace == again.trace


@share(0.2)
@given(
    labels=st.lists(st.integers(0, 20), max_size=30),
    poison=st.sets(st.integers(0, 20)),
    size=st.integers(1, 8),
    ordered=st.booleans(),
    kind=st.sampled_from(["raise", "crash"]),
    seed=SEEDS,
)
def test_an_isolating_task_loses_only_the_poisoned_members_of_a_batch(
    labels: list[int], poison: set[int], size: int, ordered: bool, kind: str, seed: int
) -> None:
    def work(numbers: list[int]) -> list[int]:
        if poison & set(numbers):
            skorche.testing.crash() if kind == "crash" else int("poison")
        return numbers

    with skorche.Pipeline() as pipeline:
        task = skorche.task(engine="process", isolate=True, max_workers=3, ordered=ordered)(work)
        lists = skorche.map(task, skorche.batch(skorche.Queue(fixed_inputs=labels), batch_size=size))
        result = skorche.unbatch(lists)

    simulation = simulate(pipeline, seed=seed, on_error="collect")

    assert simulation.flush(result) == [number for number in labels if number not in poison]
    assert not ordered or simulation.arrived(result) == simulation.flush(result)
    lost = sorted(failure.item for failure in simulation.report.failures)
    assert lost == sorted([number] for number in labels if number in poison)


@share(0.1)
@given(graph=graphs(), seed=SEEDS, faults=DEATHS)
def test_a_run_fails_if_and_only_if_an_item_fails_that_nobody_handles(graph: Graph, seed: int, faults: Faults) -> None:
    meant = interpret(graph)
    handled = {node.name for node in graph.nodes if node.errors}
    unhandled = [node for node, _ in meant.failures if node not in handled]
    built = build(graph)

    simulation = simulate(built.pipeline, seed=seed, faults=faults, clock=built.clock)

    assert (simulation.error is not None) == bool(unhandled)
    assert simulation.report.ok == (not unhandled)


@share(0.2)
@given(labels=SOURCE, workers=st.integers(1, 3), seed=SEEDS)
def test_an_error_of_a_source_ends_the_run_as_itself_after_what_it_gave(
    labels: tuple[Label, ...], workers: int, seed: int
) -> None:
    def read() -> Any:
        yield from map(build_item, labels)
        raise OSError("the disk is gone")

    with skorche.Pipeline() as pipeline:
        task = skorche.task(max_workers=workers)(task_function(FIRST))
        result = skorche.map(task, skorche.Queue(fixed_inputs=read()))

    simulation = simulate(pipeline, seed=seed)

    report = simulation.report
    assert isinstance(simulation.error, OSError)
    assert report.admitted == len(labels) == report.delivered + report.cancelled
    assert len(simulation.arrived(result)) == report.delivered


@share(0.2)
@given(count=st.integers(0, 20), workers=st.integers(1, 3), retries=st.integers(0, 3), seed=SEEDS)
def test_what_never_ends_well_is_tried_as_often_as_was_said(count: int, workers: int, retries: int, seed: int) -> None:
    hopeless = Node("map", "hopeless", (), (), troubles=(Trouble("raise", NEVER),))
    options = skorche.task(name="hopeless", engine="process", retries=retries, max_workers=workers)
    with skorche.Pipeline() as pipeline:
        errors = skorche.Queue(maxsize=2)
        skorche.map(options(task_function(hopeless)), source(tuple(range(count))), queue_errors=errors)

    simulation = simulate(pipeline, seed=seed, faults=Faults(losses=0.3))

    assert [failure.attempts for failure in simulation.flush(errors)] == [retries + 1] * count
    assert simulation.report.nodes["hopeless"].retried == retries * count
