"""What was found can be kept in a file, and used by a later run."""

import json
import os
import time
from pathlib import Path
from threading import Lock

import pytest

import skorche
from skorche import GraphError


def pipeline_of(*names: str, workers: int = 1) -> skorche.Pipeline:
    """A chain of tasks of these names."""
    with skorche.Pipeline("job") as pipeline:
        tasks = [skorche.task(abs, name=name, max_workers=workers) for name in names]
        skorche.chain(tasks, skorche.Queue(fixed_inputs=range(10)))
    return pipeline


def write(path: Path, content: object) -> Path:
    """A file with this in it."""
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_run_begins_with_what_another_has_found(tmp_path: Path):
    path = write(tmp_path / "tuned.json", {"pipeline": "job", "workers": {"b": 3}})

    report = pipeline_of("a", "b").run(tuning=path).wait()

    assert {name: node.workers for name, node in report.nodes.items()} == {"a": 1, "b": 3}


def test_a_predicate_is_called_one_at_a_time_however_many_workers_the_file_gives_the_task_before(tmp_path: Path):
    path, busy, met = write(tmp_path / "tuned.json", {"workers": {"a": 4}}), Lock(), []

    def alone(_number: int) -> bool:
        met.append(not busy.acquire(blocking=False))
        time.sleep(0)  # lets go of Python's lock, so that another call may begin
        if not met[-1]:
            busy.release()
        return True

    with skorche.Pipeline("job") as pipeline:
        waiting = skorche.task(wait, name="a")
        skorche.filter(alone, skorche.map(waiting, skorche.Queue(fixed_inputs=range(200))))
    report = pipeline.run(tuning=path).wait()

    assert report.nodes["a"].workers == 4
    assert not any(met)


def wait(number: int) -> int:
    """The same, after a while."""
    time.sleep(0.0005)  # the work: as long as it takes, other workers get numbers too
    return number


def test_tasks_that_would_travel_together_have_workers_of_their_own_in_the_file(tmp_path: Path):
    path = write(tmp_path / "tuned.json", {"workers": {"a": 1, "b": 2}})
    away = skorche.task(abs, engine="process", max_workers=os.cpu_count())
    with skorche.Pipeline("job") as pipeline:
        tasks = [away.options(name="a"), away.options(name="b")]
        skorche.chain(tasks, skorche.Queue(fixed_inputs=range(10)))

    report = pipeline.run(tuning=path).wait()

    assert {name: node.workers for name, node in report.nodes.items()} == {"a": 1, "b": 2}


def test_a_tuned_run_writes_what_it_has_found(tmp_path: Path):
    path = tmp_path / "new" / "tuned.json"

    pipeline_of("a", "b", workers=2).run(workers="auto", tuning=path).wait()

    assert json.loads(path.read_text(encoding="utf-8")) == {"pipeline": "job", "workers": {"a": 2, "b": 2}}


def test_a_tuned_run_begins_with_what_the_last_one_has_found(tmp_path: Path):
    path = write(tmp_path / "tuned.json", {"pipeline": "job", "workers": {"a": 4}})

    report = pipeline_of("a").run(workers="auto", tuning=path).wait()

    assert report.nodes["a"].workers == 4
    assert json.loads(path.read_text(encoding="utf-8"))["workers"] == {"a": 4}


def test_a_failed_run_writes_nothing(tmp_path: Path):
    path = tmp_path / "tuned.json"
    with skorche.Pipeline() as pipeline:
        skorche.map(int, skorche.Queue(fixed_inputs=["x"]))

    with pytest.raises(ValueError, match="invalid literal"):
        pipeline.run(workers="auto", tuning=path).wait()

    assert not path.exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "it cannot be read: FileNotFoundError"),
        ("{", "it cannot be read: JSONDecodeError"),
        ([1], "it cannot be read: TypeError"),
        ({"pipeline": "job"}, "it cannot be read: KeyError"),
        ({"workers": {"a": 0}}, "it has no whole numbers of workers above 0, by the names of tasks."),
        ({"workers": {"a": 1.5}}, "it has no whole numbers of workers above 0, by the names of tasks."),
        ({"workers": {"aa": 1}}, "it tells of 'aa', and there is no task of that name."),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, content: object, why: str):
    path = tmp_path / "tuned.json"
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")

    with pytest.raises(GraphError) as caught:
        pipeline_of("a", "b").run(tuning=path)

    assert caught.value.what == f"run() was given tuning={str(path)!r}, which does not fit."
    assert caught.value.why.startswith(why)
    assert caught.value.mend.removeprefix("Did you mean 'a'? ").startswith(
        "give a file that run(workers='auto', tuning=...) of this pipeline has written"
    )
