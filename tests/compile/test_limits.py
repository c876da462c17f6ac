"""Limits as declared: refused where they mean nothing or disagree, told by `explain()`, and kept apart when fusing."""

import math
import pickle

import pytest

import skorche
from skorche import GraphError, Pipeline, Queue
from skorche.compile.fuse import fuse
from skorche.graph import Graph, Node
from skorche.kernel import Work

GPU = skorche.limit("gpu", 1)
API = skorche.rate("api", 5, per=1.0)


def inc(number):
    return number + 1


def is_even(number):
    return number % 2 == 0


@skorche.task(max_workers=4, limits=[API, GPU])
def detect(photo):
    return photo


# -- what is given --------------------------------------------------------------------------------------------------


def test_limits_are_equal_frozen_and_travel():
    assert skorche.limit("gpu", 1) == GPU
    assert skorche.rate("api", 5) == API
    assert pickle.loads(pickle.dumps((GPU, API))) == (GPU, API)
    with pytest.raises(AttributeError):
        GPU.most = 2


def test_a_task_keeps_its_limits_each_once():
    task = skorche.task(limits=[GPU, API, skorche.limit("gpu", 1)])(inc)

    assert task.settings.limits == (GPU, API)
    assert task.options(limits=()).settings.limits == ()


@pytest.mark.parametrize(
    ("make", "what", "mend"),
    [
        (lambda: skorche.limit("gpu", 0), "limit('gpu', 0) lets nothing through.", "give 1 or more."),
        (lambda: skorche.limit("gpu", 1.5), "limit('gpu', 1.5) lets nothing through.", "give 1 or more."),
        (lambda: skorche.limit("", 1), "limit('', 1) has no name.", 'give it one, such as "api".'),
        (lambda: skorche.rate(5, 1), "rate(5, 1, per=1.0) has no name.", 'give it one, such as "api".'),
        (lambda: skorche.rate("api", -1), "rate('api', -1, per=1.0) lets nothing through.", "give 1 or more."),
        (lambda: skorche.rate("api", 5, per=0), "rate('api', 5, per=0) has no meaning.", "give per=1.0, say."),
        (lambda: skorche.rate("api", 5, per=math.nan), "rate('api', 5, per=nan) has no meaning.", "give per=1.0, say."),
        (lambda: skorche.rate("api", 5, per="1s"), "rate('api', 5, per='1s') has no meaning.", "give per=1.0, say."),
    ],
)
def test_a_limit_without_meaning_is_refused(make, what, mend):
    with pytest.raises(GraphError) as caught:
        make()

    assert (caught.value.what, caught.value.mend) == (what, mend)


@pytest.mark.parametrize("given", [GPU, API, "gpu", 5, ["gpu"], [GPU, None]])
def test_what_is_no_list_of_limits_is_refused(given):
    with pytest.raises(GraphError) as caught:
        skorche.task(limits=given)

    assert caught.value.what == f"a task was given limits={given!r}."
    assert caught.value.mend == 'give limits=[skorche.limit("gpu", 1), skorche.rate("api", 5, per=1.0)].'


def test_two_limits_of_one_name_on_one_task_must_agree():
    with pytest.raises(GraphError) as caught:
        skorche.task(limits=[skorche.limit("gpu", 1), skorche.limit("gpu", 2)])

    assert str(caught.value) == (
        "a task has the limit 'at most 1 at a time (gpu)', and it has 'at most 2 at a time (gpu)'.\n"
        "  Why:  a limit is known by its name, and these two differ.\n"
        "  Mend: give both the same object, or one of them another name than 'gpu'."
    )


@pytest.mark.parametrize("other", [skorche.rate("api", 5, per=2.0), skorche.rate("api", 6), skorche.limit("api", 5)])
def test_limits_of_one_name_in_one_run_must_agree(other):
    with Pipeline() as pipeline:
        skorche.map(skorche.task(name="one", limits=[API])(inc), Queue())
        skorche.map(skorche.task(name="other", limits=[GPU, other])(inc), Queue())

    with pytest.raises(GraphError) as caught:
        pipeline.run()

    assert "task 'one' (" in caught.value.what
    assert f"has the limit 'at most 5 per 1 s (api)', and task 'other' ({__file__}" in caught.value.what
    assert f"has '{other}'" in caught.value.what


# -- what becomes of it ---------------------------------------------------------------------------------------------


def test_explain_tells_of_limits():
    with Pipeline("photos") as pipeline:
        skorche.map(detect, Queue(name="photos"), queue_out=Queue(name="found"))

    assert pipeline.explain() == (
        "photos: 1 stages\n"
        "  stage 0: detect [thread, 4 workers, at most 5 per 1 s (api), at most 1 at a time (gpu)] -> output found\n"
        "  input photos -> stage 0"
    )


def test_a_predicate_still_rides_behind_a_task_with_limits():
    with Pipeline() as pipeline:
        skorche.filter(is_even, skorche.map(skorche.task(limits=[GPU])(inc), Queue()))

    (stage,) = pipeline.plan().stages
    assert stage.names == ("inc", "Filter(is_even)")
    assert stage.limits == (GPU,)


@pytest.mark.parametrize(
    ("limits", "stages"),
    [([GPU, API], [["a", "b"]]), ([API, GPU], [["a", "b"]]), ([GPU], [["a"], ["b"]]), ([], [["a"], ["b"]])],
)
def test_a_task_joins_no_stage_of_other_limits(limits, stages):
    queues = [Queue(), Queue(), Queue()]
    graph = Graph()
    for name, task, place in (
        ("a", skorche.task(limits=[GPU, API])(inc), 0),
        ("b", skorche.task(limits=limits)(inc), 1),
    ):
        graph.add(
            Node(
                label=name,
                name=name,
                inputs=(queues[place],),
                outputs=(queues[place + 1],),
                declared=task.declared,
                task=task,
                rides="anywhere",
                work=Work,
            )
        )

    made = fuse(graph, lambda node: "process")

    assert [[node.name for node in members.nodes] for members in made] == stages
