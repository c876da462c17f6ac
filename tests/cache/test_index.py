"""The index: looking for many results in one go holds nobody up."""

import pytest

from skorche.cache.index import Entry, Index, is_on_network

MOUNTS = b"""22 1 8:1 / / rw - ext4 /dev/sda rw
40 22 0:40 / /mnt/lab\\040share rw - nfs4 server:/share rw
41 22 0:41 / /media/M\xfcller rw - vfat /dev/sdb rw
"""


def entry(name):
    return Entry(name.encode(), "json", b"1", None, b"seal")


def test_what_is_looked_for_together_is_read_in_one_transaction_up_to_the_first_miss(tmp_path):
    ours, others = Index(str(tmp_path)), Index(str(tmp_path))
    ours.add([entry("known")])

    with ours.together():
        assert ours.find(b"known") == entry("known")
        assert ours._connection.in_transaction
        others.add([entry("new")])
        assert ours.find(b"missing") is None  # so a task works now
        assert not ours._connection.in_transaction
        assert ours.find(b"new") == entry("new")
    assert not ours._connection.in_transaction
    for one in (ours, others):
        one.close()


def test_what_is_kept_meanwhile_is_written_and_found(tmp_path):
    index = Index(str(tmp_path))
    index.add([entry("known")])

    with index.together():
        assert index.find(b"known") == entry("known")
        index.add([entry("made")])
        assert index.find(b"made") == entry("made")
    index.close()


def test_other_workers_write_while_one_reads(tmp_path):
    ours, others = Index(str(tmp_path)), Index(str(tmp_path))
    ours.add([entry("known")])

    with ours.together():
        assert ours.find(b"known") == entry("known")
        others.add([entry("known")._replace(data=b"2")])
    assert ours.find(b"known").data == b"2"
    for one in (ours, others):
        one.close()


@pytest.mark.parametrize(
    ("folder", "far"), [("/mnt/lab share/store", True), ("/mnt/lab share", True), ("/mnt/lab", False), ("/home", False)]
)
def test_a_folder_on_another_host_is_known_whatever_the_names_of_mounts(tmp_path, folder, far):
    mounts = tmp_path / "mountinfo"
    mounts.write_bytes(MOUNTS)

    assert is_on_network(folder, str(mounts)) == far
