"""A total is shown where it is known, and nowhere else; rates are those of the last seconds."""

import pytest

import skorche
from skorche.events import NodeTally, RunFinished
from skorche.graph import Graph
from skorche.observe.outcome import Shape
from skorche.observe.progress.expected import Expected
from skorche.observe.progress.rows import Rows

BEGUN = RunFinished("job", 1.0, 0, 0, 0, 0, 0, 0, 0, 0, (), {}, running=True)


def shape_of(graph: Graph) -> Shape:
    return Shape(tuple(graph.nodes), graph.single)


def expected(pipeline: skorche.Pipeline, total: int | None, **tallies: NodeTally) -> dict[str, int]:
    """What is expected of each node; those without a tally have done nothing."""
    shape = shape_of(pipeline.graph)
    known = {node.name: tallies.get(node.name, NodeTally()) for node in shape.nodes}
    return Expected(shape, total).items(known)


def inc(number: int) -> int:
    return number + 1


def double(number: int) -> int:
    return 2 * number


@pytest.fixture
def chained() -> skorche.Pipeline:
    with skorche.Pipeline() as pipeline:
        skorche.chain([inc, double], skorche.Queue(fixed_inputs=range(10)))
    return pipeline


def test_each_item_goes_through_every_task_of_a_chain(chained):
    assert expected(chained, 10) == {"inc": 10, "double": 10}


def test_what_fails_before_a_task_does_not_come_to_it(chained):
    done = expected(chained, 10, inc=NodeTally(received=8, passed=5, emitted=5, failed=2))

    assert done == {"inc": 10, "double": 8}


def test_a_source_without_a_length_tells_nothing(chained):
    assert expected(chained, None) == {}


def test_sources_that_are_merged_are_added():
    with skorche.Pipeline() as pipeline:
        left, right = (skorche.Queue(fixed_inputs=range(count)) for count in (3, 4))
        skorche.map(double, skorche.merge((skorche.map(inc, left), right)))

    assert expected(pipeline, 7) == {"inc": 3, "Merge": 7, "double": 7}
    assert expected(pipeline, 7, inc=NodeTally(failed=2)) == {"inc": 3, "Merge": 5, "double": 5}


def test_each_branch_of_a_tee_gets_all():
    with skorche.Pipeline() as pipeline:
        left, right = skorche.tee(skorche.Queue(fixed_inputs=range(5)))
        skorche.map(inc, left)
        skorche.map(double, right)

    assert expected(pipeline, 5) == {"Tee": 5, "inc": 5, "double": 5}
    assert expected(pipeline, 5, Tee=NodeTally(passed=2, emitted=4)) == {"Tee": 5, "inc": 5, "double": 5}


def test_failures_that_go_to_a_queue_of_their_own_are_not_known_before():
    with skorche.Pipeline() as pipeline:
        errors = skorche.Queue()
        skorche.map(inc, skorche.Queue(fixed_inputs=range(5)), queue_errors=errors)
        skorche.map(str, errors)

    assert expected(pipeline, 5) == {"inc": 5}
    assert expected(pipeline, 5, inc=NodeTally(passed=4, failed=1), str=NodeTally(received=1))["str"] == 1


def test_behind_a_filter_the_total_is_known_when_all_have_passed_it():
    with skorche.Pipeline() as pipeline:
        skorche.map(double, skorche.filter(bool, skorche.Queue(fixed_inputs=range(10))))

    half = NodeTally(received=10, passed=4, emitted=4, filtered=1)
    whole = NodeTally(received=10, passed=9, emitted=9, filtered=1)
    assert expected(pipeline, 10, **{"Filter(bool)": half}, double=NodeTally(received=4)) == {"Filter(bool)": 10}
    assert expected(pipeline, 10, **{"Filter(bool)": whole}, double=NodeTally(received=9)) == {
        "Filter(bool)": 10,
        "double": 9,
    }


def test_the_parts_of_an_item_that_was_divided_are_items(chained):
    tally = NodeTally(received=10, divided=1, passed=9, failed=1, emitted=9)

    assert expected(chained, 10, inc=tally) == {"inc": 11, "double": 10}


@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_at_the_end_all_is_done_everywhere(engine):
    with skorche.Pipeline() as pipeline:
        numbers = skorche.flat_map(range, skorche.Queue(fixed_inputs=[1, 2, 3]))
        kept = skorche.filter(bool, skorche.unbatch(skorche.batch(numbers, batch_size=2)))
        left, right = skorche.tee(kept)
        skorche.sink(inc, left)
        skorche.reduce(max, right, initial=0)

    report = pipeline.run(engine=engine, progress=False).wait()

    done = Expected(shape_of(pipeline.graph), 3).items(report.nodes)
    assert done == {name: tally.received for name, tally in report.nodes.items()}


def test_at_the_end_all_is_done_where_items_were_divided():
    def halves(numbers: list[int]) -> list[float]:
        return [1 / number for number in numbers]

    with skorche.Pipeline() as pipeline:
        lists = skorche.batch(skorche.Queue(fixed_inputs=[1, 2, 0, 4]), batch_size=4)
        skorche.map(skorche.task(isolate=True)(halves), lists)

    report = pipeline.run(on_error="collect", progress=False).wait()
    _, (row,) = Rows("job", shape_of(pipeline.graph), 4).read(BEGUN._replace(nodes=report.nodes))

    assert report.nodes["halves"].divided > 0
    assert (row.done, row.failed, row.waiting) == (row.total, 1, 0)


def test_the_rows_are_the_run_and_its_tasks(chained):
    record = BEGUN._replace(
        delivered=3,
        failed=1,
        nodes={
            "inc": NodeTally(received=10, passed=7, emitted=7),
            "double": NodeTally(received=7, passed=3, failed=1, emitted=3),
        },
    )

    run, tasks = Rows("job", shape_of(chained.graph), 10).read(record)

    assert str(run) == "job: 4/10, 40 %, 4/s, 0:01 left, 1 failed"
    assert [str(task) for task in tasks] == [
        "inc: 7/10, 70 %, 7/s, 0:00 left",
        "double: 4/10, 40 %, 4/s, 0:01 left, 1 failed",
    ]


def test_a_rate_is_that_of_the_last_seconds_and_at_the_end_that_of_the_run():
    rows = Rows("job", None, 1000)
    seen = [(1.0, 500), (2.0, 510), (20.0, 528), (21.0, 530)]

    rates = [rows.read(BEGUN._replace(elapsed=at, delivered=count))[0].rate for at, count in seen]
    end = rows.read(BEGUN._replace(elapsed=100.0, delivered=1000, running=False))[0].rate

    assert rates == [500.0, 255.0, 1.0, 20 / 19]
    assert end == 10.0
