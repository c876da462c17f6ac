"""The folder of a store: made for the user alone, refused where others could write, and nothing in it leads out."""

import os
import stat

import pytest

import skorche
from skorche.store import Store, slug


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_are_made_for_the_user_alone_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        store = Store(tmp_path / "new" / "store").open()
    finally:
        os.umask(old)

    assert [mode_of(path) for path in (store.path, store.cache, store.runs)] == [0o700, 0o700, 0o700]


def test_a_store_can_be_opened_again(tmp_path):
    Store(tmp_path / "store").open()

    assert Store(tmp_path / "store").open().path == tmp_path / "store"


def test_nothing_is_made_before_a_store_is_opened(tmp_path):
    Store(tmp_path / "store")

    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_that_others_may_write_to_is_refused_with_the_command_that_mends_it(tmp_path, mode):
    tmp_path.chmod(mode)

    with pytest.raises(skorche.StoreError, match="can be written to by others") as caught:
        Store(tmp_path).open()

    assert caught.value.mend.startswith(f"say `chmod go-w {tmp_path}`")


def test_a_folder_that_others_may_only_read_is_fine(tmp_path):
    tmp_path.chmod(0o755)

    assert mode_of(Store(tmp_path).open().cache) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path):
    os.chown(tmp_path, 12345, 12345)

    with pytest.raises(skorche.StoreError, match="owned by another user"):
        Store(tmp_path).open()


def test_a_store_may_stand_behind_a_link(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert Store(tmp_path / "link").open().path == tmp_path / "real"


def test_a_link_in_a_store_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    store = tmp_path / "store"
    store.mkdir(mode=0o700)
    (store / "cache").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(skorche.StoreError, match="does not lie in the store"):
        Store(store).open()


@pytest.mark.parametrize("names", [("..", "other"), ("runs", "..", "..", "other"), ("/etc",)])
def test_what_lies_elsewhere_is_refused(tmp_path, names):
    store = Store(tmp_path / "store").open()

    with pytest.raises(skorche.StoreError, match="does not lie in the store"):
        store.inside(*names)


def test_a_file_in_the_place_of_the_store_is_refused(tmp_path):
    (tmp_path / "store").write_text("")

    with pytest.raises(skorche.StoreError, match="is no folder"):
        Store(tmp_path / "store").open()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a/b", "a_b"), ("..", "_"), (".hidden", "hidden"), ("../../etc/passwd", "etc_passwd"), ("größe 2", "größe_2")],
)
def test_a_name_becomes_one_part_of_a_path(name, expected):
    assert slug(name) == expected


@pytest.mark.parametrize("given", [7, "", b"store"])
def test_what_is_no_path_is_refused_before_anything_runs(given):
    pipeline = skorche.Pipeline()
    pipeline.map(len, skorche.Queue(fixed_inputs=["a"]))

    with pytest.raises(skorche.StoreError, match="store="):
        pipeline.run(store=given)


def test_a_pipeline_that_cannot_run_makes_no_store(tmp_path):
    pipeline = skorche.Pipeline()
    pipeline.map(len, skorche.Queue(fixed_inputs=["a"]))

    with pytest.raises(skorche.GraphError):
        pipeline.run(store=tmp_path / "store", engine="no such engine")

    assert not (tmp_path / "store").exists()


def test_a_run_makes_its_store(tmp_path):
    pipeline = skorche.Pipeline()
    sizes = pipeline.map(len, skorche.Queue(fixed_inputs=["a"]))

    pipeline.run(store=tmp_path / "store", progress=False).wait()

    assert sizes.flush() == [1]
    assert (tmp_path / "store" / "cache").is_dir()
