"""The runs of shards in one store, or in several, are read as one."""

import pytest

import skorche


@pytest.fixture(autouse=True)
def state(tmp_path_factory, monkeypatch):
    """Where the user's secret for signing lies."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


def square(number):
    if number == 13:
        raise ValueError(number)
    return number**2


def run(shard, store, items=range(12), name="squares"):
    with skorche.Pipeline(name) as pipeline:
        skorche.map(square, skorche.Queue(fixed_inputs=items))
    return pipeline.run(shard=shard, store=store, on_error="collect", progress=False).wait()


def test_shards_in_one_store_are_one_run(tmp_path):
    reports = [run((number, 3), tmp_path) for number in (3, 1, 2)]
    whole = skorche.open_run(tmp_path)

    assert whole.ok
    assert whole.missing == []
    assert sorted(whole.results["square"]) == [number**2 for number in range(12)]
    assert whole.results["square"] == [
        *reports[1].results["square"],
        *reports[2].results["square"],
        *reports[0].results["square"],
    ]
    assert whole.nodes["square"].received == 12
    assert (whole.to_dict()["admitted"], whole.to_dict()["delivered"]) == (12, 12)
    assert [part.shard for part in whole.parts] == ["1/3", "2/3", "3/3"]


def test_shards_in_stores_of_their_own_are_one_run(tmp_path):
    stores = [tmp_path / str(number) for number in (1, 2)]
    for number, store in enumerate(stores, 1):
        run(f"{number}/2", store)

    assert sorted(skorche.open_run(*stores).results["square"]) == [number**2 for number in range(12)]


def test_a_shard_that_is_missing_is_told_and_the_whole_is_not_ok(tmp_path):
    run("1/2", tmp_path)
    half = skorche.open_run(tmp_path)

    assert (half.ok, half.missing) == (False, ["2/2"])
    assert "shards without a run: 2/2" in str(half)


def test_a_failure_in_one_shard_is_one_of_the_whole(tmp_path):
    for shard in ("1/2", "2/2"):
        run(shard, tmp_path, items=range(20))
    whole = skorche.open_run(tmp_path)

    assert (whole.ok, whole.status) == (False, {"square": "failed"})
    assert [failure["item"] for failure in whole.failures] == ["13"]


def test_a_shard_that_was_run_again_counts_once(tmp_path):
    run("1/2", tmp_path, items=range(20))
    run("2/2", tmp_path)
    run("1/2", tmp_path)

    assert sorted(skorche.open_run(tmp_path).results["square"]) == [number**2 for number in range(12)]


def test_other_runs_in_the_store_are_none_of_its_shards(tmp_path):
    run("1/3", tmp_path)
    run("1/2", tmp_path, name="others")
    run(None, tmp_path)
    for shard in ("1/2", "2/2"):
        run(shard, tmp_path)

    assert len(skorche.open_run(tmp_path).parts) == 2


def test_the_folder_of_one_shard_is_opened_as_that(tmp_path):
    for shard in ("1/2", "2/2"):
        run(shard, tmp_path)
    (folder,) = (tmp_path / "runs").glob("*shard_2*")
    part = skorche.open_run(folder)

    assert (part.missing, [one.shard for one in part.parts]) == (["1/2"], ["2/2"])


def test_runs_that_are_no_shards_are_not_read_as_one(tmp_path):
    for name in ("left", "right"):
        run(None, tmp_path / name)

    with pytest.raises(skorche.SkorcheError, match="is of no shard"):
        skorche.open_run(tmp_path / "left", tmp_path / "right")
