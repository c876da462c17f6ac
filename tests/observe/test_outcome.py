"""What a report tells of each node by name: its status and phase, and what the ends gave."""

import pickle

import pytest

import skorche


def square(x):
    return x**2


def cube(x):
    return x**3


def ratio(a, b):
    return a / b


def broken(x):
    raise ValueError(f"no {x}")


def diamond(beta=cube, then=ratio):
    """The diamond of two steps and one that needs both, each of which runs once."""
    with skorche.Pipeline("diamond") as pipeline:
        left, right = skorche.apply(square, 3), skorche.apply(skorche.task(name="beta")(beta), 2)
        skorche.apply(then, left, right)
    return pipeline


def collect(pipeline, **options):
    return pipeline.run(on_error="collect", progress=False, **options).wait()


# -- statuses ---------------------------------------------------------------------------------------------------------


def test_what_did_its_work_is_ok():
    report = collect(diamond())

    assert report.status == {"square": "ok", "beta": "ok", "Zip": "ok", "ratio": "ok"}
    assert report.causes == {}


@pytest.mark.parametrize("on_error", ["collect", "raise"])
def test_what_stands_behind_a_failure_was_skipped_and_the_cause_is_named(on_error):
    run = diamond(beta=broken).run(on_error=on_error, progress=False)
    report = run.join()

    assert report.status["beta"] == "failed"
    assert report.status["ratio"] == "skipped"
    assert report.causes["ratio"] == "beta"


def test_the_cause_is_told_through_what_was_skipped_itself():
    with skorche.Pipeline() as pipeline:
        skorche.chain([broken, square, cube], skorche.Queue(fixed_inputs=[1]))
    report = collect(pipeline)

    assert report.status == {"broken": "failed", "square": "skipped", "cube": "skipped"}
    assert report.causes == {"square": "broken", "cube": "broken"}
    assert "cube was skipped: broken failed" in str(report)


def test_what_some_items_came_to_was_not_skipped():
    def odd(number):
        if number % 2 == 0:
            raise ValueError(number)
        return number

    with skorche.Pipeline() as pipeline:
        skorche.chain([odd, square], skorche.Queue(fixed_inputs=range(4)))
    report = collect(pipeline)

    assert report.status == {"odd": "failed", "square": "ok"}
    assert report.results["square"] == [1, 9]


def test_what_got_nothing_although_nothing_failed_is_ok():
    with skorche.Pipeline() as pipeline:
        none = skorche.filter(lambda number: False, skorche.Queue(fixed_inputs=[1]))
        skorche.map(square, none)
    report = collect(pipeline)

    assert set(report.status.values()) == {"ok"}
    assert report.results["square"] == []


def test_what_was_stopped_before_its_items_were_done_is_cancelled():
    with skorche.Pipeline() as pipeline:
        items = skorche.Queue()
        skorche.map(square, items)
    items.put(1)
    run = pipeline.run(progress=False)
    run.pause("square")
    items.put(2)
    run.cancel()
    report = run.join()

    assert report.cancelled
    assert report.status == {"square": "cancelled"}


def test_there_is_a_line_for_each_node_with_its_phase_and_status():
    lines = str(collect(diamond(beta=broken))).splitlines()

    assert [line.split()[:3] for line in lines[1:6]] == [
        ["node", "phase", "status"],
        ["square", "0", "ok"],
        ["beta", "0", "failed"],
        ["Zip", "1", "ok"],
        ["ratio", "1", "skipped"],
    ]


# -- phases -----------------------------------------------------------------------------------------------------------


def test_a_phase_is_how_many_tasks_stand_before_on_the_longest_way():
    with skorche.Pipeline() as pipeline:
        short, long = skorche.tee(skorche.Queue(fixed_inputs=[1]), n=2)
        long = skorche.chain([square, cube], long)
        skorche.map(skorche.task(name="last")(sum), skorche.zip((short, long)))
    report = collect(pipeline)

    assert report.phases == {"Tee": 0, "square": 0, "cube": 1, "Zip": 2, "last": 2}


def test_phases_do_not_depend_on_the_order_of_declaration():
    with skorche.Pipeline() as pipeline:
        between = skorche.Queue()
        skorche.map(cube, between)
        skorche.map(square, skorche.Queue(fixed_inputs=[2]), queue_out=between)
    report = collect(pipeline)

    assert report.phases == {"cube": 1, "square": 0}
    assert report.status == {"cube": "ok", "square": "ok"}


# -- results ----------------------------------------------------------------------------------------------------------


def test_results_go_by_the_name_of_the_end_node_in_input_order():
    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(max_workers=3)(square), skorche.Queue(fixed_inputs=range(50)))
    report = collect(pipeline)

    assert dict(report.results) == {"square": [number**2 for number in range(50)]}


def test_what_runs_once_gives_the_value_itself():
    assert collect(diamond()).results["ratio"] == 1.125


def test_one_item_of_a_queue_is_still_a_list():
    with skorche.Pipeline() as pipeline:
        skorche.map(square, skorche.Queue(fixed_inputs=[3]))

    assert collect(pipeline).results["square"] == [9]


def test_a_reduce_gives_its_value():
    def add(total, number):
        return total + number

    with skorche.Pipeline() as pipeline:
        skorche.reduce(add, skorche.Queue(fixed_inputs=[1, 2]), initial=0)

    assert collect(pipeline).results["add"] == 3


def test_several_outputs_of_one_node_are_told_apart():
    with skorche.Pipeline() as pipeline:
        skorche.split(lambda number: number % 3, skorche.Queue(fixed_inputs=range(5)), predicate_values=(0, 1, 2))
        skorche.tee(skorche.Queue(fixed_inputs="a"), n=2)
        skorche.map(broken, skorche.Queue(fixed_inputs=[7]), queue_errors=skorche.Queue())
    report = collect(pipeline)

    assert {name: report.results[name] for name in report.results if "errors" not in name} == {
        "Split(<lambda>)[0]": [0, 3],
        "Split(<lambda>)[1]": [1, 4],
        "Split(<lambda>)[2]": [2],
        "Tee[0]": ["a"],
        "Tee[1]": ["a"],
    }
    (failure,) = report.results["broken[errors]"]
    assert failure.item == 7


def test_what_failed_or_was_skipped_and_gave_nothing_is_not_there():
    report = collect(diamond(beta=broken))

    assert dict(report.results) == {}
    with pytest.raises(KeyError, match="ratio: it gave none; there are results of no end"):
        report.results["ratio"]


def test_looking_at_results_leaves_them_in_the_queue():
    with skorche.Pipeline() as pipeline:
        squares = skorche.map(square, skorche.Queue(fixed_inputs=[1, 2]))
    report = collect(pipeline)

    assert report.results["square"] == [1, 4]
    assert squares.flush() == [1, 4]
    assert report.results["square"] == [1, 4]


@pytest.mark.parametrize("read", [skorche.Queue.flush, skorche.Queue.get, list])
def test_what_was_read_before_is_not_there_and_that_is_said(read):
    with skorche.Pipeline() as pipeline:
        squares = skorche.map(square, skorche.Queue(fixed_inputs=[1, 2]))
    report = collect(pipeline)
    read(squares)

    assert list(report.results) == []
    with pytest.raises(KeyError, match="square: its results were read from the queue"):
        report.results["square"]


def test_each_run_has_results_of_its_own():
    with skorche.Pipeline() as pipeline:
        skorche.map(square, skorche.Queue(fixed_inputs=[2]))
    first, second = collect(pipeline), collect(pipeline)

    assert first.results == second.results == {"square": [4]}


def test_nodes_declared_after_the_run_began_are_none_of_its():
    with skorche.Pipeline() as pipeline:
        squares = skorche.map(square, skorche.Queue(fixed_inputs=[2]))
    report = collect(pipeline)
    pipeline.map(cube, squares)

    assert report.results == {"square": [4]}
    assert report.status == {"square": "ok"}


def test_a_report_can_be_pickled_with_its_results():
    report = pickle.loads(pickle.dumps(collect(diamond())))

    assert report.results == {"ratio": 1.125}
    assert report.status["ratio"] == "ok"
