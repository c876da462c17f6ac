"""`apply`: a task with several arguments, some from queues, others constant."""

import functools

import pytest

import skorche
from skorche import GraphError, Pipeline, Queue


def source(*items):
    return Queue(fixed_inputs=items)


def collect(left, right="-", *more, scale=1):
    return (left, right, *more, scale)


def test_queues_are_read_in_step_and_constants_given_as_they_are():
    with Pipeline() as pipeline:
        made = skorche.apply(collect, source(1, 2), "c", source("a", "b"), scale=3)
    pipeline.run(engine="inline").wait()

    assert made.flush() == [(1, "c", "a", 3), (2, "c", "b", 3)]


def test_keywords_may_be_queues():
    with Pipeline() as pipeline:
        made = skorche.apply(collect, "first", scale=source(1, 2))
    pipeline.run(engine="inline").wait()

    assert made.flush() == [("first", "-", 1), ("first", "-", 2)]


def test_with_constants_only_the_task_is_called_once():
    with Pipeline() as pipeline:
        made = skorche.apply(collect, 1, scale=2)
    report = pipeline.run(engine="inline").wait()

    assert made.flush() == [(1, "-", 2)]
    assert (report.admitted, report.delivered) == (1, 1)


def test_one_queue_may_be_several_arguments():
    with Pipeline() as pipeline:
        numbers = source(2, 3)
        made = skorche.apply(pow, numbers, numbers)
    pipeline.run(engine="inline").wait()

    assert made.flush() == [4, 27]


def test_an_item_that_is_a_tuple_stays_one_argument():
    with Pipeline() as pipeline:
        made = skorche.apply(len, source((1, 2, 3), ()))
    pipeline.run(engine="inline").wait()

    assert made.flush() == [3, 0]


def test_steps_that_depend_on_each_other_are_the_same_language():
    with Pipeline() as pipeline:
        alpha = skorche.apply(lambda x: x**2, 3)
        beta = skorche.apply(lambda a, b: a + b, alpha, 1)
        gamma = skorche.apply(lambda a, b, c: (a, b, c), alpha, beta, skorche.apply(lambda: "other"))
    report = pipeline.run().wait()

    assert gamma.flush() == [(9, 10, "other")]
    assert report.nodes["Tee"].emitted == 2


def test_a_queue_that_three_applies_read_is_teed_in_three():
    with Pipeline() as pipeline:
        numbers = Queue(name="numbers", fixed_inputs=[1, 2])
        made = [skorche.apply(collect, numbers, scale=scale) for scale in (1, 2, 3)]
    pipeline.run(engine="inline").wait()

    assert [queue.flush()[1] for queue in made] == [(2, "-", 1), (2, "-", 2), (2, "-", 3)]
    (tee,) = [node for node in pipeline.graph.nodes if node.label == "Tee"]
    assert len(tee.outputs) == 3


def test_after_waits_for_items_without_taking_their_values():
    order = []

    def note(word):
        order.append(word)
        return word

    with Pipeline() as pipeline:
        first = skorche.apply(note, "first")
        last = skorche.apply(note, "last", after=[first])
    pipeline.run().wait()

    assert last.flush() == ["last"]
    assert order == ["first", "last"]


def test_what_was_filtered_out_leads_to_no_call():
    with Pipeline() as pipeline:
        numbers = skorche.filter(lambda number: number > 1, source(1, 2))
        made = skorche.apply(collect, numbers, source("a", "b"))
    pipeline.run(engine="inline").wait()

    assert made.flush() == [(2, "b", 1)]


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_tasks_keep_their_options_and_their_name(engine):
    task = skorche.task(name="adding", engine=engine, max_workers=2)(functools.partial(sum, start=1))
    with Pipeline() as pipeline:
        made = skorche.apply(task, source([1], [2, 3]))
    report = pipeline.run().wait()

    assert made.flush() == [2, 6]
    assert report.nodes["adding"].received == 2


def test_a_class_is_made_once_and_called_with_all_arguments():
    @skorche.task
    class Scale:
        def __init__(self, by):
            self.by = by

        def __call__(self, left, right):
            return self.by * (left + right)

    with Pipeline() as pipeline:
        made = skorche.apply(Scale(10), source(1, 2), source(3, 4))
    pipeline.run().wait()

    assert made.flush() == [40, 60]


def test_async_functions_are_awaited():
    async def add(left, right):
        return left + right

    with Pipeline() as pipeline:
        made = skorche.apply(add, source(1, 2), source(3, 4))
    pipeline.run().wait()

    assert made.flush() == [4, 6]


def test_failures_go_to_their_queue():
    with Pipeline() as pipeline:
        errors = Queue()
        made = skorche.apply(lambda a, b: a / b, source(1, 2), source(0, 2), queue_errors=errors)
    pipeline.run(engine="inline").wait()

    assert made.flush() == [1.0]
    assert [failure.item for failure in errors.flush()] == [(1, 0)]


def test_a_queue_that_another_operator_reads_is_refused():
    with Pipeline():
        numbers = source(1)
        skorche.map(abs, numbers)

        with pytest.raises(GraphError, match="consumes"):
            skorche.apply(abs, numbers)


def test_what_comes_after_must_be_queues():
    with Pipeline(), pytest.raises(GraphError, match="after=3"):
        skorche.apply(abs, source(1), after=[3])


def test_a_task_that_unpacks_is_refused():
    with Pipeline(), pytest.raises(GraphError, match="unpack=True"):
        skorche.apply(skorche.task(unpack=True)(pow), source(1), source(2))


def test_what_is_refused_leaves_nothing_behind():
    with Pipeline() as pipeline:
        left, right = source(1), source(2)
        taken = skorche.map(abs, source(3))

        with pytest.raises(GraphError, match="fills"):
            skorche.apply(max, left, right, queue_out=taken)
        made = skorche.apply(max, left, right)
    pipeline.run(engine="inline").wait()

    assert made.flush() == [2]
    assert [node.name for node in pipeline.graph.nodes] == ["abs", "Zip", "max"]


def test_hints_of_the_parameters_are_compared():
    def name(number: int) -> str:
        return str(number)

    def add(left: int, right: int) -> int:
        return left + right

    with Pipeline(), pytest.raises(GraphError, match="cannot take what task 'name'"):
        skorche.apply(add, 1, right=skorche.map(name, source(1)))


@pytest.mark.parametrize("constant", [[Queue()], (Queue(),), {"key": Queue()}])
def test_queues_hidden_in_constants_are_refused(constant):
    with Pipeline(), pytest.raises(GraphError, match="which is or holds a queue"):
        skorche.apply(len, constant)


def test_bind_refuses_a_queue():
    with pytest.raises(GraphError, match=r"pow.bind\(mod=...\)"):
        skorche.task(pow).bind(mod=Queue())


def test_arguments_that_do_not_fit_the_function_are_refused_when_they_are_bound():
    def add(left, right, scale=1):
        return scale * (left + right)

    numbers = Queue(fixed_inputs=[1])
    with pytest.raises(GraphError) as caught:
        skorche.apply(add, numbers, scal=2)
    assert "missing a required argument: 'right'" in caught.value.what
    assert caught.value.why == "it is called as add(left, right, scale=1)."
    assert skorche._global_pipeline.graph.nodes == []
