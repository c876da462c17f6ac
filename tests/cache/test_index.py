"""The index: looking for many results in one go holds nobody up."""

from skorche.cache.index import Entry, Index


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
