"""A plan: frozen, picklable, and told in full by `explain()`."""

import pickle

import pytest

import skorche
from skorche import GraphError, Pipeline, Queue

KNOWN = (
    "the engines are async, inline, mpi, process, thread, a concurrent.futures.Executor, or a function that makes one."
)


@skorche.task
def download(url):
    return url


@skorche.task(engine="process", max_workers=4, ordered=True, idempotent=False)
def thumbnails(paths):
    return paths


@skorche.task(timeout=2.5, max_workers=2)
def index(path):
    return path


@skorche.task
def scale(number, by=1):
    return number * by


def is_image(path):
    return path.endswith(".jpg")


def everything() -> Pipeline:
    """A pipeline with each kind of part."""
    with Pipeline("everything") as pipeline:
        files = skorche.map(download, Queue(name="urls", fixed_inputs=["a.jpg", "b.txt"]))
        images, texts = skorche.split(is_image, files)
        images = skorche.unbatch(skorche.map(thumbnails, skorche.batch(images, batch_size=10)))
        texts = skorche.map(index, texts, queue_errors=Queue(name="errors"))
        skorche.merge((images, texts), queue_out=Queue(name="outputs"))
    return pipeline


def test_explain_names_stages_engines_and_edges():
    assert everything().explain() == (
        "everything: 3 stages\n"
        "  stage 0: download + Split(is_image) [thread, 1 worker] -> op 0, stage 2\n"
        "  stage 1: thumbnails + Unbatch [process, 4 workers, ordered, runs once] -> op 1\n"
        "  stage 2: index [thread, 2 workers, timeout 2.5 s] -> op 1\n"
        "  op 0: Batch(10) [scheduler] -> stage 1\n"
        "  op 1: Merge [scheduler] -> output outputs\n"
        "  input urls -> stage 0"
    )


def test_a_batch_by_key_is_told_with_what_asks_and_what_remembers():
    with Pipeline("lists") as pipeline:
        skorche.batch(Queue(name="files"), batch_size=10, key=is_image, queue_out=Queue(name="lists"))

    assert pipeline.explain() == (
        "lists: 1 stages\n"
        "  stage 0: Batch(10) [thread, 1 worker] -> op 0\n"
        "  op 0: Batch(10) [scheduler] -> output lists\n"
        "  input files -> stage 0"
    )


def test_explain_of_nothing_is_short():
    assert Pipeline("nothing").explain() == "nothing: 0 stages"


def test_explain_calls_queues_without_a_name_unnamed():
    with Pipeline("small") as pipeline:
        skorche.map(download, Queue())

    assert pipeline.explain() == (
        "small: 1 stages\n  stage 0: download [thread, 1 worker] -> output (unnamed)\n  input (unnamed) -> stage 0"
    )


def test_a_plan_is_frozen():
    plan = everything().plan()

    with pytest.raises(AttributeError):
        plan.name = "another"
    with pytest.raises(AttributeError):
        plan.stages[0].workers = 2
    with pytest.raises(AttributeError):
        plan.nodes[0].retries = 2


def test_a_plan_can_be_pickled():
    plan = everything().plan()

    copy = pickle.loads(pickle.dumps(plan))

    assert copy.explain() == plan.explain()
    assert copy.nodes == plan.nodes


def test_a_batch_by_key_can_be_pickled():
    with Pipeline() as pipeline:
        skorche.batch(Queue(), key=is_image, timeout=2)

    copy = pickle.loads(pickle.dumps(pipeline.plan()))

    ((_, key, weight),) = copy.stages[0].kernel.run(["a.jpg"]).ports[0][0]
    assert weight == 0.0
    assert copy.gathers[0].make().feed([("a.jpg", key, weight)], range(1)) == ([], [])


def test_the_kernels_of_a_pickled_plan_work():
    plan = everything().plan()

    copy = pickle.loads(pickle.dumps(plan))

    assert copy.stages[0].kernel.run(["a.jpg", "b.txt"]).ports == plan.stages[0].kernel.run(["a.jpg", "b.txt"]).ports
    assert [items for items, _ in copy.stages[0].kernel.run(["a.jpg", "b.txt"]).ports] == [["a.jpg"], ["b.txt"]]


def test_a_task_with_bound_arguments_can_be_pickled():
    with Pipeline() as pipeline:
        skorche.map(scale.bind(by=3), Queue())

    copy = pickle.loads(pickle.dumps(pipeline.plan()))

    assert copy.stages[0].kernel.run([1, 2]).ports[0][0] == [3, 6]


def test_a_task_bound_twice_can_be_pickled():
    with Pipeline() as pipeline:
        skorche.map(scale.bind(by=3).bind(by=4), Queue())

    copy = pickle.loads(pickle.dumps(pipeline.plan()))

    assert copy.stages[0].kernel.run([1, 2]).ports[0][0] == [4, 8]


def test_planning_runs_nothing():
    seen = []

    def read():
        seen.append("source")
        yield 1

    with Pipeline() as pipeline:
        skorche.filter(seen.append, skorche.map(seen.append, Queue(fixed_inputs=read())))
    pipeline.plan()

    assert seen == []


def test_planning_twice_gives_the_same_plan():
    pipeline = everything()

    assert pipeline.plan().explain() == pipeline.plan().explain()


def test_an_unknown_engine_is_refused_with_the_nearest_name(told):
    away = skorche.task(engine="proces")(len)

    with Pipeline() as pipeline:
        skorche.map(away, Queue())
    with pytest.raises(GraphError) as caught:
        pipeline.plan()

    assert told(caught) == (
        f"task 'len' (here) was given engine='proces'.\n  Why:  {KNOWN}\n  Mend: Did you mean 'process'?"
    )


def test_an_unknown_engine_of_the_run_is_refused(told):
    with pytest.raises(GraphError) as caught:
        Pipeline().plan(engine="gpu")

    assert told(caught) == (f"run() was given engine='gpu'.\n  Why:  {KNOWN}\n  Mend: choose one of these.")


def test_what_is_neither_a_name_nor_an_executor_is_no_engine():
    with pytest.raises(GraphError, match=r"run\(\) was given engine=3\."):
        Pipeline().plan(engine=3)


def test_a_pipeline_that_has_run_can_be_explained_though_its_iterator_cannot_be_read_again():
    with Pipeline() as pipeline:
        skorche.map(abs, Queue(name="numbers", fixed_inputs=iter([1, 2])))
    pipeline.run(engine="inline").wait()

    assert "input numbers" in pipeline.explain()


def test_all_findings_come_at_once(told):
    numbers = iter([1, 2])

    with Pipeline() as pipeline:
        sizes = skorche.map(skorche.task(name="first")(abs), Queue(name="numbers", fixed_inputs=numbers))
        sizes = skorche.map(skorche.task(engine="thred", name="second")(abs), sizes)
        skorche.map(skorche.task(engine="inlin", name="third")(abs), sizes)
    for node in pipeline.graph.nodes[:1]:
        node.inputs[0].started = True  # as after a run
    with pytest.raises(GraphError) as caught:
        pipeline.run()

    assert [finding.what.partition(" ")[0] for finding in caught.value.findings] == ["queue", "task", "task"]
    assert told(caught) == (
        "3 things keep this pipeline from running:\n"
        f"1. queue 'numbers' (here) was given {numbers!r}, which an earlier run has consumed.\n"
        "  Why:  an iterator gives its items once.\n"
        "  Mend: give a list, or another object that can be iterated again, or declare a new queue.\n"
        f"2. task 'second' (here) was given engine='thred'.\n  Why:  {KNOWN}\n  Mend: Did you mean 'thread'?\n"
        f"3. task 'third' (here) was given engine='inlin'.\n  Why:  {KNOWN}\n  Mend: Did you mean 'inline'?"
    )


def test_a_consumed_iterator_is_refused_by_name_on_the_second_run(told):
    def count():
        yield from range(3)

    with Pipeline() as pipeline:
        made = skorche.map(abs, Queue(name="numbers", fixed_inputs=count()))
    pipeline.run(engine="inline").wait()
    with pytest.raises(GraphError) as caught:
        pipeline.run(engine="inline")

    assert made.flush() == [0, 1, 2]
    assert told(caught).startswith("queue 'numbers' (here) was given <generator object ")
    assert caught.value.why == "an iterator gives its items once."
    assert caught.value.mend == ("give a list, or another object that can be iterated again, or declare a new queue.")


def test_a_list_can_be_read_by_run_after_run():
    with Pipeline() as pipeline:
        made = skorche.map(abs, Queue(fixed_inputs=[-1, -2]))

    first = (pipeline.run(engine="inline").wait(), made.flush())
    second = (pipeline.run(engine="inline").wait(), made.flush())

    assert first[1] == second[1] == [1, 2]
    assert first[0].admitted == second[0].admitted == 2


def test_an_iterator_that_two_queues_would_read_is_refused(told):
    numbers = iter([1, 2])
    with Pipeline() as pipeline:
        skorche.map(abs, Queue(name="first", fixed_inputs=numbers))
        skorche.map(str, Queue(name="second", fixed_inputs=numbers))

    with pytest.raises(GraphError) as caught:
        pipeline.run()

    assert told(caught) == (
        f"queue 'second' (here) was given {numbers!r}, which queue 'first' reads too.\n"
        "  Why:  an iterator gives its items once: each item would go to one of the two.\n"
        "  Mend: tee() one queue, which gives every item to both; or give each an object that can be iterated again."
    )


def test_two_queues_may_read_one_list():
    numbers = [-1, -2]
    with Pipeline() as pipeline:
        made = [skorche.map(abs, Queue(fixed_inputs=numbers)) for _ in range(2)]
    pipeline.run(engine="inline").wait()

    assert [one.flush() for one in made] == [[1, 2], [1, 2]]


def test_a_queue_cannot_be_read_as_items_by_its_own_pipeline(told):
    with Pipeline() as pipeline:
        upper = skorche.map(str.upper, Queue(fixed_inputs="ab")).nameit("upper")
        skorche.map(len, Queue(name="again", fixed_inputs=upper))

    with pytest.raises(GraphError) as caught:
        pipeline.run()

    assert told(caught) == (
        "queue 'again' (here) was given queue 'upper' of the same pipeline as fixed_inputs.\n"
        "  Why:  it would be read as if by a user: as long as the run goes on, each waits for the other.\n"
        "  Mend: give the queue itself to the operator; tee() it first, if another one needs it too."
    )


def test_a_queue_may_be_read_as_items_by_another_pipeline():
    with Pipeline() as first:
        upper = skorche.map(str.upper, Queue(fixed_inputs="ab"))
    with Pipeline() as second:
        sizes = skorche.map(len, Queue(fixed_inputs=upper))
    first.run().wait()
    second.run().wait()

    assert sizes.flush() == [1, 1]


def test_a_generator_that_has_ended_is_refused_whoever_has_read_it(told):
    numbers = (number for number in range(3))
    with Pipeline() as pipeline:
        skorche.map(abs, Queue(name="numbers", fixed_inputs=numbers))
    assert next(numbers) == 0
    pipeline.plan()  # it has begun, and may go on
    assert list(numbers) == [1, 2]

    with pytest.raises(GraphError) as caught:
        pipeline.run()

    assert told(caught).startswith("queue 'numbers' (here) was given <generator object ")
    assert caught.value.what.endswith(", which has been read to its end.")
