"""What `run(store=...)` keeps of a run, and what `open_run` gives of it."""

import json
import logging
import os
import pickle
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from engines.programs import run_program

import skorche


@pytest.fixture(autouse=True)
def state(tmp_path_factory, monkeypatch):
    """Where the user's secret for signing lies."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


def square(x):
    return x**2


def cube(x):
    return x**3


def ratio(a, b):
    return a / b


def broken(x):
    raise ValueError(f"no {x}")


def diamond(beta=cube, name="diamond"):
    with skorche.Pipeline(name) as pipeline:
        left, right = skorche.apply(square, 3), skorche.apply(skorche.task(name="beta")(beta), 2)
        skorche.apply(skorche.task(name="gamma")(ratio), left, right)
    return pipeline


def stream(function, items, name="stream"):
    with skorche.Pipeline(name) as pipeline:
        skorche.map(skorche.task(name="end")(function), skorche.Queue(fixed_inputs=items))
    return pipeline


def run(pipeline, store, **options):
    return pipeline.run(store=store, on_error="collect", progress=False, **options).wait()


def folders(store):
    return sorted((Path(store) / "runs").iterdir())


# -- what is kept -----------------------------------------------------------------------------------------------------


def test_a_folder_holds_what_there_is_to_know_of_a_run(tmp_path):
    report = run(diamond(), tmp_path)

    (folder,) = folders(tmp_path)
    assert folder.name.startswith("diamond_20")
    assert {"graph.json", "log.txt", "report.json", "report.txt", "results", "summary.txt"} <= {
        one.name for one in folder.iterdir()
    }
    assert (folder / "report.txt").read_text() == f"{report}\n"
    assert json.loads((folder / "report.json").read_text())["report"] == json.loads(json.dumps(report.to_dict()))


def test_the_summary_has_a_line_for_each_task(tmp_path):
    run(diamond(), tmp_path)

    assert skorche.open_run(tmp_path).summary == (
        "name    arguments         phase  status  result\n"
        "square  3                 0      ok      -\n"
        "beta    2                 0      ok      -\n"
        "gamma   <square>, <beta>  1      ok      results/gamma.json\n"
    )


def test_the_summary_tells_what_failed_and_what_was_skipped(tmp_path):
    run(diamond(beta=broken), tmp_path)

    assert [line.split()[-2:] for line in skorche.open_run(tmp_path).summary.splitlines()[1:]] == [
        ["ok", "-"],
        ["failed", "-"],
        ["skipped", "-"],
    ]


def test_a_run_opened_again_tells_what_its_report_told(tmp_path):
    report = run(diamond(beta=broken), tmp_path)
    kept = skorche.open_run(tmp_path)

    assert (kept.name, kept.ok, str(kept)) == ("diamond", False, str(report))
    assert (kept.status, kept.phases) == (report.status, report.phases)
    assert kept.arguments == {"square": "3", "beta": "2", "gamma": "<square>, <beta>"}
    (failure,) = kept.failures
    assert (failure["node"], failure["error"]) == ("beta", "ValueError: no 2")
    assert kept.graph["edges"] == [["square", "Zip"], ["beta", "Zip"], ["Zip", "gamma"]]


def test_the_pipeline_is_kept_as_yaml_that_can_be_loaded_again(tmp_path):
    with skorche.Pipeline("squares") as pipeline:
        skorche.map(square, skorche.Queue("numbers", [3]))
    run(pipeline, tmp_path)

    (folder,) = folders(tmp_path)
    again = skorche.load(folder / "pipeline.yaml", functions=[square])
    assert run(again, tmp_path).results == {"square": [9]}


def test_where_the_pipeline_cannot_be_written_down_the_reasons_are(tmp_path):
    run(stream(lambda x: x, [1]), tmp_path)

    (folder,) = folders(tmp_path)
    told = (folder / "pipeline.yaml").read_text()
    assert "lambda" in told
    assert all(line.startswith("# ") for line in told.splitlines())


def test_a_run_that_raises_is_kept_too(tmp_path):
    with pytest.raises(ValueError, match="no 2"):
        diamond(beta=broken).run(store=tmp_path, progress=False).wait()

    assert skorche.open_run(tmp_path).status["beta"] == "failed"


def test_what_was_logged_is_kept_and_goes_where_it_went(tmp_path, caplog):
    def talk(x):
        logging.getLogger("job").warning("working on %s", x)
        return x

    run(stream(talk, [7]), tmp_path)

    log = skorche.open_run(tmp_path).log
    assert "WARNING job: working on 7" in log
    assert log.splitlines()[0].endswith("INFO skorche: stream begins")
    assert "stream: ok in" in log.splitlines()[-1]
    assert "working on 7" in caplog.text


def test_warnings_reach_stderr_where_a_program_has_set_up_no_logging(tmp_path):
    program = (
        "import logging, skorche\n"
        "def talk(x):\n"
        "    logging.getLogger('job').warning('careful with %s', x)\n"
        "with skorche.Pipeline() as pipeline:\n"
        "    skorche.map(talk, skorche.Queue(fixed_inputs=[7]))\n"
        f"pipeline.run(store={str(tmp_path / 'store')!r}, progress=False).wait()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stderr == "careful with 7\n"
    assert "careful with 7" in skorche.open_run(tmp_path / "store").log


def test_a_run_opened_again_can_be_drawn(tmp_path):
    pipeline = diamond(beta=broken)
    report = run(pipeline, tmp_path)

    assert pipeline.summary(status=skorche.open_run(tmp_path)) == pipeline.summary(status=report)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_what_is_kept_is_for_its_owner_only(tmp_path, umask):
    before = os.umask(umask)
    try:
        run(stream(Point, [1]), tmp_path / "store")
        run(stream(square, [1]), tmp_path / "store")
    finally:
        os.umask(before)

    kept = list((tmp_path / "store" / "runs").rglob("*"))
    assert {stat.S_IMODE(one.stat().st_mode) for one in kept} == {0o700, 0o600}


def test_a_report_that_names_files_elsewhere_is_not_followed(tmp_path):
    run(stream(lambda x: b"mine", [1]), tmp_path / "store")
    (tmp_path / "secret.bin").write_bytes(b"secret")
    (folder,) = folders(tmp_path / "store")
    report = folder / "report.json"
    report.write_text(
        report.read_text().replace('"results/end"', '"../../../secret.bin"').replace('"many": true', '"many": false')
    )

    with pytest.raises(skorche.StoreError, match="does not lie in the folder of its run"):
        skorche.open_run(folder).results["end"]


def test_a_report_that_is_damaged_is_told(tmp_path):
    run(diamond(), tmp_path)
    (folder,) = folders(tmp_path)
    (folder / "report.json").write_text("{")

    with pytest.raises(skorche.StoreError, match="is damaged"):
        skorche.open_run(folder)


def test_what_cannot_be_written_as_text_is_written_as_its_escape(tmp_path):
    run(stream(square, ["half a character: \ud800"], name="odd \ud800"), tmp_path)

    assert "\\ud800" in skorche.open_run(tmp_path).failures[0]["item"]


def test_results_are_found_by_the_name_of_their_queue_too(tmp_path):
    with skorche.Pipeline() as pipeline:
        skorche.map(square, skorche.Queue(fixed_inputs=[3]), queue_out=skorche.Queue("squares"))
        skorche.tee(skorche.Queue(fixed_inputs=["a"]), n=2, queue_out=[skorche.Queue("left"), skorche.Queue("square")])
    report = run(pipeline, tmp_path)

    for results in (report.results, skorche.open_run(tmp_path).results):
        assert dict(results) == {"square": [9], "Tee[0]": ["a"], "Tee[1]": ["a"]}
        assert (results["squares"], results["left"]) == ([9], ["a"])
        assert results["square"] == [9]  # the name of a node comes first


# -- results ----------------------------------------------------------------------------------------------------------


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return isinstance(other, Point) and other.x == self.x

    def __repr__(self):
        return f"Point({self.x})"

    __hash__ = None


@pytest.mark.parametrize(
    ("results", "files"),
    [
        ([1, 2.5, None, True, "é\n"], ["end.jsonl"]),
        (["half a character: \ud800"], ["end.pickle"]),
        ([{"a": [1, {"b": "c"}]}, []], ["end.jsonl"]),
        ([], ["end.json"]),
        ([b"\x00", b""], ["0.bin", "1.bin"]),
        ([(1, 2), {3}], ["end.pickle"]),
        ([Point(3)], ["end.pickle"]),
        ([1, b"x"], ["end.pickle"]),
        ([{1: 2}], ["end.pickle"]),
    ],
    ids=str,
)
def test_results_come_back_exactly_from_open_formats_where_possible(tmp_path, results, files):
    run(stream(lambda place: results[place], range(len(results))), tmp_path)

    (folder,) = folders(tmp_path)
    assert sorted(one.name for one in (folder / "results").rglob("*.*")) == files
    assert skorche.open_run(tmp_path).results["end"] == results


def test_arrays_stand_in_numbered_files_in_order(tmp_path):
    numpy = pytest.importorskip("numpy")
    run(stream(numpy.arange, range(12)), tmp_path)

    (folder,) = folders(tmp_path)
    assert len(list((folder / "results" / "end").glob("*.npy"))) == 12
    assert [len(one) for one in skorche.open_run(tmp_path).results["end"]] == list(range(12))


def test_what_is_read_while_the_run_goes_on_is_kept_all_the_same(tmp_path):
    with skorche.Pipeline() as pipeline:
        squares = skorche.map(square, skorche.Queue(fixed_inputs=range(5)), queue_out=skorche.Queue(maxsize=1))
    with pipeline.run(store=tmp_path, progress=False):
        assert sorted(squares) == [0, 1, 4, 9, 16]

    assert skorche.open_run(tmp_path).results["square"] == [0, 1, 4, 9, 16]


def test_names_that_look_alike_as_files_get_files_of_their_own(tmp_path):
    with skorche.Pipeline() as pipeline:
        for number, name in enumerate(("a/b", "a:b", "../../a")):
            skorche.map(skorche.task(name=name)(square), skorche.Queue(fixed_inputs=[number]))
    run(pipeline, tmp_path)

    (folder,) = folders(tmp_path)
    assert len(list((folder / "results").iterdir())) == 3
    assert skorche.open_run(tmp_path).results == {"a/b": [0], "a:b": [1], "../../a": [4]}


def test_results_that_cannot_be_pickled_are_told_and_the_rest_is_kept(tmp_path, caplog):
    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(name="letters")(lambda x: (y for y in "ab")), skorche.Queue(fixed_inputs=[1]))
        skorche.map(square, skorche.Queue(fixed_inputs=[2]))
    report = run(pipeline, tmp_path)

    assert report.ok
    assert "the results of letters could not be stored" in caplog.text
    assert dict(skorche.open_run(tmp_path).results) == {"square": [4]}


def test_a_pickle_that_was_changed_is_read_only_if_it_is_trusted(tmp_path):
    run(stream(Point, [3]), tmp_path)
    (folder,) = folders(tmp_path)
    (folder / "results" / "end.pickle").write_bytes(pickle.dumps(["somebody else's"]))

    with pytest.raises(skorche.StoreError, match="was not written by a run of yours"):
        skorche.open_run(tmp_path).results["end"]
    assert skorche.open_run(tmp_path, trust=True).results["end"] == ["somebody else's"]


def test_a_pickle_of_another_user_is_read_only_if_it_is_trusted(tmp_path, monkeypatch):
    run(stream(Point, [3]), tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another home"))

    with pytest.raises(skorche.StoreError, match="was not written by a run of yours"):
        skorche.open_run(tmp_path).results["end"]
    assert skorche.open_run(tmp_path, trust=True).results["end"] == [Point(3)]


@pytest.mark.parametrize("entry", [{"format": "pickle"}, {"format": "pickle and files"}, {"format": "json"}])
def test_a_folder_of_anything_but_bytes_and_arrays_is_not_read(tmp_path, entry):
    run(stream(square, [3]), tmp_path)
    (folder,) = folders(tmp_path)
    (folder / "results" / "0").mkdir()
    (folder / "results" / "0" / "0").write_bytes(pickle.dumps("somebody else's"))
    report = json.loads((folder / "report.json").read_text())
    report["results"] = {"end": {"file": "results/0", "many": True, "seal": ""} | entry}
    (folder / "report.json").write_text(json.dumps(report))

    with pytest.raises(skorche.StoreError, match="do not trust it"):
        skorche.open_run(tmp_path).results["end"]


def test_why_a_run_ended_is_kept(tmp_path):
    def rows():
        yield 1
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        run(stream(square, rows()), tmp_path)

    kept = skorche.open_run(tmp_path)
    assert kept.error == "OSError: the disk is gone"
    assert all("ended by OSError: the disk is gone" in text for text in (str(kept), kept.log, kept.to_html()))


def test_a_file_that_the_disk_has_no_room_for_is_not_there_at_all(tmp_path):
    program = """
import resource, signal, skorche, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with skorche.Pipeline("full") as pipeline:
    for name, size in (("large", 100_000), ("small", 10), ("many", 100_000)):
        items = [b"xx", b"x" * size] if name == "many" else ["x" * size]
        skorche.map(skorche.task(name=name)(lambda item: item), skorche.Queue(fixed_inputs=items))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
pipeline.run(store=sys.argv[1], progress=False).wait()
"""
    done = run_program("-c", program, tmp_path, seconds=60)

    (folder,) = folders(tmp_path)
    assert done.returncode == 0
    assert [what in done.stderr for what in ("results of large", "results of small", "results of many")] == [1, 0, 1]
    assert [path.name for path in (folder / "results").iterdir()] == ["small.jsonl"]
    assert dict(skorche.open_run(tmp_path).results) == {"small": ["x" * 10]}


# -- several runs -----------------------------------------------------------------------------------------------------


def test_a_store_gives_its_latest_run_and_each_folder_its_own(tmp_path):
    for number in (2, 3):
        run(stream(square, [number]), tmp_path)

    assert len(folders(tmp_path)) == 2
    assert skorche.open_run(tmp_path).results["end"] == [9]
    assert sorted(skorche.open_run(one).results["end"][0] for one in folders(tmp_path)) == [4, 9]


def test_runs_at_the_same_time_have_folders_of_their_own(tmp_path):
    runs = [stream(square, [number]).run(store=tmp_path, progress=False) for number in range(3)]
    for one in runs:
        one.wait()

    assert sorted(skorche.open_run(one).results["end"][0] for one in folders(tmp_path)) == [0, 1, 4]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(skorche.SkorcheError, match="there is no run in"):
        skorche.open_run(tmp_path)


def test_a_run_that_was_killed_is_told_from_one_that_ended(tmp_path):
    program = (
        "import os, signal, skorche\n"
        "def die(x):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "with skorche.Pipeline() as pipeline:\n"
        "    skorche.map(die, skorche.Queue(fixed_inputs=[7]))\n"
        f"pipeline.run(store={str(tmp_path / 'store')!r}, progress=False).wait()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL

    (folder,) = folders(tmp_path / "store")
    with pytest.raises(skorche.SkorcheError, match="has not ended"):
        skorche.open_run(folder)
    with pytest.raises(skorche.SkorcheError, match="there is no run in"):
        skorche.open_run(tmp_path / "store")


def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path):
    def refuse():
        raise RuntimeError("no pool today")

    with pytest.raises(RuntimeError, match="no pool today"):
        run(stream(square, [1]), tmp_path, engine=refuse)

    assert folders(tmp_path) == []


# -- same_graph -------------------------------------------------------------------------------------------------------


def test_another_graph_is_refused_where_the_same_is_asked_for(tmp_path):
    run(diamond(), tmp_path, same_graph=True)

    with pytest.raises(skorche.StoreError) as caught:
        run(stream(square, [1]), tmp_path, same_graph=True)
    assert "new here: end" in caught.value.what
    assert "only there: square -> Zip" in caught.value.what
    assert len(folders(tmp_path)) == 1


def test_other_code_and_parameters_are_no_other_graph(tmp_path):
    run(diamond(), tmp_path, same_graph=True)
    run(diamond(beta=square), tmp_path, same_graph=True)

    assert len(folders(tmp_path)) == 2


def test_the_same_nodes_with_other_edges_are_another_graph(tmp_path):
    def chain(*functions):
        with skorche.Pipeline() as pipeline:
            skorche.chain(functions, skorche.Queue(fixed_inputs=[1]))
        return pipeline

    run(chain(square, cube), tmp_path)
    with pytest.raises(skorche.StoreError, match=r"new here: cube -> square; only there: square -> cube"):
        run(chain(cube, square), tmp_path, same_graph=True)
    run(chain(cube, square), tmp_path)


# -- options ----------------------------------------------------------------------------------------------------------


def test_an_option_that_does_not_exist_is_refused_with_the_nearest():
    with pytest.raises(TypeError, match=r"run\(\) has no option 'on_eror'. Did you mean 'on_error'\?"):
        diamond().run(on_eror="collect")
