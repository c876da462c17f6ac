"""What is kept, found again, counted and told; and that nothing which goes wrong in a store fails an item."""

import asyncio
import dataclasses
import datetime
import logging
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy
import pytest

import skorche
from skorche.cache import results as results_module
from skorche.cache.codec import decode, encode
from skorche.cache.index import Index
from skorche.cache.seal import secret_file

LOG = "effects"
"""In the folder of the test. A text, since what is in the file of a `Path` counts."""


def note(text):
    with Path(LOG).open("a") as log:
        print(text, file=log)


def noted():
    """What was noted since the last look."""
    lines = Path(LOG).read_text().split() if Path(LOG).exists() else []
    Path(LOG).unlink(missing_ok=True)
    return lines


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(task, items, *, operator=skorche.map, store="store", **options):
    """The results, and how many of them were found."""
    with skorche.Pipeline() as pipeline:
        queue = operator(task, skorche.Queue(fixed_inputs=items))
    report = pipeline.run(store=store, progress=False, **options).wait()
    (tally,) = report.nodes.values()
    assert tally.received == len(items)
    return queue.flush(), tally.cached


@skorche.task(cache=True)
def double(number):
    note(number)
    return 2 * number


@skorche.task(cache=True)
async def double_later(number):
    note(number)
    await asyncio.sleep(0)
    return 2 * number


@skorche.task(cache=True)
def spread(number):
    note(number)
    yield from range(number)


@skorche.task(cache=True)
async def spread_later(number):
    note(number)
    return (one for one in range(number))


@skorche.task(cache=True)
class Adder:
    def __init__(self, amount):
        self.amount = amount

    def __call__(self, number):
        note(number)
        return number + self.amount


ENGINES = ["inline", "thread", "process"]


# -- the same on all engines -------------------------------------------------------------------------------------------


@pytest.mark.timeout(60)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("later", ENGINES)
def test_what_one_engine_has_made_another_one_finds(engine, later):
    assert run(double, [1, 2, 3], engine=engine) == ([2, 4, 6], 0)
    assert sorted(noted()) == ["1", "2", "3"]

    assert run(double, [3, 4, 1], engine=later) == ([6, 8, 2], 2)
    assert noted() == ["4"]


@pytest.mark.timeout(60)
def test_executors_find_it_too():
    run(double, [1, 2])
    with ThreadPoolExecutor(2) as executor:
        assert run(double, [1, 2, 3], engine=executor) == ([2, 4, 6], 2)
        assert run(double, [1, 2, 3], engine=executor) == ([2, 4, 6], 3)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_async_tasks_are_cached(engine):
    assert run(double_later, [1, 2, 3], engine=engine) == ([2, 4, 6], 0)
    assert run(double_later, [1, 2, 3], engine=engine) == ([2, 4, 6], 3)
    assert len(noted()) == 3


@pytest.mark.timeout(60)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_generator_gives_is_cached_as_a_whole(engine):
    for found in (0, 3):
        assert run(spread, [2, 0, 3], operator=skorche.flat_map, engine=engine) == ([0, 1, 0, 1, 2], found)
    assert len(noted()) == 3


@pytest.mark.timeout(60)
@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_what_an_async_task_gives_many_of_is_cached_as_a_whole(engine):
    for found in (0, 2):
        assert run(spread_later, [2, 3], operator=skorche.flat_map, engine=engine) == ([0, 1, 0, 1, 2], found)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("engine", ENGINES)
def test_classes_are_cached(engine):
    assert run(Adder(1), [1, 2], engine=engine) == ([2, 3], 0)
    assert run(Adder(1), [1, 2], engine=engine) == ([2, 3], 2)
    assert run(Adder(2), [1, 2], engine=engine) == ([3, 4], 0)


@pytest.mark.timeout(60)
def test_many_workers_share_a_store():
    task = double.options(max_workers=8)

    assert run(task, range(500)) == ([2 * number for number in range(500)], 0)
    assert run(task, range(500)) == ([2 * number for number in range(500)], 500)


def test_unpacked_items_are_keys_like_others():
    task = skorche.task(cache=True, unpack=True)(pow)

    assert run(task, [(2, 3), (3, 2)]) == ([8, 9], 0)
    assert run(task, [(3, 2)]) == ([9], 1)


def test_a_task_that_is_not_cached_is_called_for_every_item():
    plain = double.options(cache=False)

    run(plain, [1])
    run(plain, [1])

    assert noted() == ["1", "1"]


def test_equal_items_of_other_types_are_other_items():
    @skorche.task(cache=True)
    def kind(item):
        return type(item).__name__

    assert run(kind, [1, 1.0, True, "1"], engine="inline") == (["int", "float", "bool", "str"], 0)


# -- policies ----------------------------------------------------------------------------------------------------------


@skorche.task(cache=True, retries=1, backoff=0)
def fails_first(number):
    note(number)
    if Path(LOG).read_text().count(f"{number}\n") == 1:
        raise ValueError
    return number


@skorche.task(cache=True, on_error="collect")
def refuses_odd(number):
    note(number)
    if number % 2:
        raise ValueError(number)
    return number


def test_failures_are_never_cached():
    assert run(refuses_odd, [1, 2, 3, 4]) == ([2, 4], 0)
    assert noted() == ["1", "2", "3", "4"]

    assert run(refuses_odd, [1, 2, 3, 4]) == ([2, 4], 2)
    assert noted() == ["1", "3"]


def test_a_result_of_a_later_attempt_is_cached():
    assert run(fails_first, [1, 2]) == ([1, 2], 0)
    assert len(noted()) == 4

    assert run(fails_first, [1, 2]) == ([1, 2], 2)
    assert noted() == []


def test_a_generator_that_fails_keeps_nothing():
    @skorche.task(cache=True, on_error="collect")
    def breaks(number):
        yield number
        raise ValueError

    for _ in range(2):
        assert run(breaks, [1], operator=skorche.flat_map) == ([], 0)


@pytest.mark.parametrize("operator", [skorche.sink, skorche.reduce])
def test_where_results_cannot_be_found_again_a_cached_task_is_refused(operator):
    with skorche.Pipeline(), pytest.raises(skorche.GraphError, match="a task with cache=True") as caught:
        operator(double, skorche.Queue(fixed_inputs=[1]))

    assert "double.options(cache=False)" in caught.value.mend


def test_without_a_store_a_cached_task_just_runs_and_one_line_says_so(caplog):
    assert run(double, [1, 2], store=None) == ([2, 4], 0)
    assert run(double, [1, 2], store=None) == ([2, 4], 0)

    assert [record.getMessage() for record in caplog.records] == [
        "pipeline: run() was given no store, so results of double are not kept; give run(store='store/')"
    ] * 2


def test_the_report_has_a_column_for_what_was_found_if_there_is_something():
    with skorche.Pipeline() as pipeline:
        skorche.map(double, skorche.Queue(fixed_inputs=[1, 2]))

    first = str(pipeline.run(store="store", progress=False).wait())
    second = str(pipeline.run(store="store", progress=False).wait())

    assert "cached" not in first
    headings, row = (line.split() for line in second.splitlines()[1:3])
    assert headings[:6] == ["node", "phase", "status", "received", "emitted", "cached"]
    assert row[:6] == ["double", "0", "cached", "2", "2", "2"]


# -- upstream ----------------------------------------------------------------------------------------------------------


def test_an_uncached_task_upstream_takes_part_by_its_code():
    def run_both(first):
        with skorche.Pipeline() as pipeline:
            queue = skorche.chain([first, double], skorche.Queue(fixed_inputs=[1]))
        return pipeline.run(store="store", progress=False).wait().nodes["double"].cached, queue.flush()

    assert run_both(lambda number: number + 1) == (0, [4])
    assert run_both(lambda number: number + 1) == (1, [4])
    assert run_both(lambda number: 1 + number) == (0, [4])


def test_where_its_code_cannot_be_told_what_it_makes_takes_part_alone():
    def run_both(first):
        with skorche.Pipeline() as pipeline:
            queue = skorche.chain([first, double], skorche.Queue(fixed_inputs=[1]))
        return pipeline.run(store="store", progress=False).wait().nodes["double"].cached, queue.flush()

    assert run_both(eval("lambda number: number + 1")) == (0, [4])
    assert run_both(eval("lambda number: 1 + number")) == (1, [4])
    assert run_both(eval("lambda number: number + 2")) == (0, [6])


def test_names_and_options_of_running_take_no_part():
    run(double, [1])

    assert run(double.options(name="twice", tag="x", max_workers=3, ordered=True, retries=2), [1]) == ([2], 1)


# -- what is kept ------------------------------------------------------------------------------------------------------


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("value", "codec"),
    [
        (b"raw", "bytes"),
        (None, "json"),
        ([1, 2.5, "a", None, True, {"b": []}], "json"),
        ("\U0001f600", "json"),
        (10**1000, "json"),
        ((1, 2), "pickle"),
        ({1: 2}, "pickle"),
        ("\ud83d\ude00", "pickle"),
        (10**5000, "pickle"),
        (float("inf"), "json"),
        (bytearray(b"x"), "pickle"),
        ({"a": (1,)}, "pickle"),
        (Point(1), "pickle"),
        (datetime.date(2020, 1, 2), "pickle"),
    ],
    ids=lambda one: type(one).__name__ if type(one) is int else ascii(one)[:20],
)
def test_a_value_comes_back_as_it_was_from_the_plainest_format_that_holds_it(value, codec):
    name, data = encode(value)
    again = decode(name, data)

    assert name == codec
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize(
    "array", [numpy.arange(6).reshape(2, 3), numpy.zeros((0, 3), "f4"), numpy.array("2020", "M8[Y]")]
)
def test_arrays_come_back_without_pickle(array):
    name, data = encode(array)
    again = decode(name, data)

    assert name == "npy"
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert numpy.array_equal(again, array)
    again.flags.writeable = True


def test_arrays_of_objects_are_pickled():
    assert encode(numpy.array([None, []], dtype=object))[0] == "pickle"


@skorche.task(cache=True)
def large(number):
    note(number)
    return "x" * 100_000 + str(number)


def values():
    return [path for path in Path("store/cache/values").rglob("*") if path.is_file()]


def test_large_values_lie_in_files_that_are_named_by_hashes_and_for_the_user_alone():
    run(large, [1, 2])

    assert {len(path.name) for path in values()} == {64}
    assert {stat.S_IMODE(path.stat().st_mode) for path in [*values(), Path("store/cache/index.sqlite")]} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in Path("store/cache").rglob("*") if path.is_dir()} == {0o700}
    assert run(large, [1, 2])[1] == 2


def test_changing_a_result_changes_nothing_that_is_kept():
    @skorche.task(cache=True)
    def listed(number):
        return [number]

    for found in (0, 1, 1):
        (made,), cached = run(listed, [1])
        made.append("changed")
        assert (made, cached) == ([1, "changed"], found)


# -- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["torn", "empty", "changed", "gone", "linked"])
def test_a_file_that_is_not_what_was_written_is_a_miss(harm, tmp_path):
    run(large, [1])
    noted()
    (file,) = values()
    text = file.read_bytes()
    if harm in ("gone", "linked"):
        file.unlink()
    if harm == "linked":
        (tmp_path / "copy").write_bytes(text)
        file.symlink_to(tmp_path / "copy")
    elif harm != "gone":
        file.write_bytes({"torn": text[:1000], "empty": b"", "changed": text[:-2] + b'2"'}[harm])

    assert run(large, [1]) == (["x" * 100_000 + "1"], 0)
    assert noted() == ["1"]
    assert run(large, [1])[1] == 1


class Poison:
    def __reduce__(self):
        return note, ("poisoned",)


@skorche.task(cache=True)
def point(number):
    return Point(number)


def test_a_pickle_that_somebody_else_wrote_is_never_read():
    import pickle

    run(point, [1])
    with sqlite3.connect("store/cache/index.sqlite") as index:
        ((codec,),) = index.execute("SELECT codec FROM entries").fetchall()
        index.execute("UPDATE entries SET data = ?", (pickle.dumps(Poison()),))
    index.close()

    assert codec == "pickle"
    assert run(point, [1]) == ([Point(1)], 0)
    assert noted() == []


def test_an_entry_put_under_another_key_is_a_miss():
    run(point, [1, 2])
    with sqlite3.connect("store/cache/index.sqlite") as index:
        one, other = index.execute("SELECT codec, data, file, seal FROM entries").fetchall()
        index.execute("UPDATE entries SET data = ?, seal = ? WHERE seal = ?", (one[1], one[3], other[3]))
    index.close()

    points, cached = run(point, [1, 2])

    assert (points, cached) == ([Point(1), Point(2)], 1)


def test_the_secret_lies_outside_of_the_store_and_nobody_else_can_read_it(state):
    run(point, [1])

    assert secret_file().is_relative_to(state)
    assert stat.S_IMODE(secret_file().stat().st_mode) == 0o600
    assert len(secret_file().read_bytes()) == 32


def test_with_another_secret_pickles_are_misses_and_plain_formats_are_not():
    run(point, [1])
    run(double, [1])
    secret_file().write_bytes(b"x" * 32)

    assert run(point, [1])[1] == 0
    assert run(double, [1])[1] == 1


def test_a_secret_that_others_can_read_is_not_used(caplog):
    run(point, [1])
    secret_file().chmod(0o644)

    assert run(point, [1, 2]) == ([Point(1), Point(2)], 0)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["point"]
    assert "is no key of the user's own that nobody else can read" in caplog.text


@pytest.mark.parametrize("text", [b"", b"no database at all, but some text that is long enough" * 100])
def test_an_index_that_is_damaged_is_put_aside_and_a_new_one_begun(text):
    run(double, [1])
    index = Path("store/cache/index.sqlite")
    index.write_bytes(text)
    for other in ("-wal", "-shm"):
        index.with_name(index.name + other).unlink(missing_ok=True)

    assert run(double, [1]) == ([2], 0)
    assert run(double, [1]) == ([2], 1)
    aside = [path.read_bytes() for path in index.parent.glob("index.sqlite.damaged-*") if "-wal" not in path.name]
    assert aside == ([text] if text else [])


def test_pages_that_are_damaged_are_found_when_they_are_read():
    run(double, range(2000))
    index = Path("store/cache/index.sqlite")
    sqlite3.connect(index).close()
    data = bytearray(index.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    index.write_bytes(data)

    results, _ = run(double, range(2000))

    assert results == [2 * number for number in range(2000)]
    assert run(double, range(2000))[1] == 2000
    assert len(list(index.parent.glob("index.sqlite.damaged-1"))) == 1


def test_an_index_of_a_later_version_is_let_be(caplog):
    run(double, [1])
    with sqlite3.connect("store/cache/index.sqlite") as index:
        index.execute("PRAGMA user_version=99")
    index.close()

    assert run(double, [1, 2]) == ([2, 4], 0)
    assert "it was written by a later version of skorche" in caplog.text
    assert len(caplog.records) == 1


class FullIndex(Index):
    """An index on a disk without room."""

    def add(self, entries):
        self._read("PRAGMA max_page_count=1")
        super().add(entries)


def test_on_a_full_disk_results_are_delivered_and_it_is_told_once(caplog, monkeypatch):
    monkeypatch.setattr(results_module, "Index", FullIndex)
    filler = skorche.task(cache=True)(lambda number: "x" * 50_000)

    results, cached = run(filler, range(100), max_items_per_worker=None)

    assert ({len(text) for text in results}, cached) == ({50_000}, 0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "results cannot be kept (OperationalError: database or disk is full)" in caplog.text


@skorche.task(cache=True)
def name_of(item):
    note(type(item).__name__)
    return type(item).__name__


def test_an_item_without_a_canonical_form_is_worked_on_and_its_type_told_once(caplog):
    locks = [threading.Lock(), threading.Lock()]

    for _ in range(2):
        assert run(name_of, [*locks, 1, 2])[0] == ["lock", "lock", "int", "int"]

    assert [record.getMessage() for record in caplog.records] == [
        "name_of: _thread.lock objects have no canonical form, so what it makes of them is not cached"
    ] * 2
    assert noted() == ["lock", "lock", "int", "int", "lock", "lock"]


class Moody:
    """Its state can be told, but not pickled in full."""

    def __reduce__(self):
        raise RuntimeError("not today")


@pytest.mark.timeout(60)
def test_what_is_told_by_several_processes_is_told_once(caplog):
    task = skorche.task(cache=True, max_workers=2)(returns_a_lambda)

    with pytest.raises(skorche.TransferError):
        run(task, [1], engine="process")

    assert len(caplog.records) == 1


def returns_a_lambda(number):
    return (one for one in range(number))


def test_a_result_that_cannot_be_pickled_is_delivered_and_told_once(caplog):
    @skorche.task(cache=True)
    def lazy(number):
        return iter(lambda: number, None)

    for _ in range(2):
        results, cached = run(lazy, [1, 2])
        assert ([next(one) for one in results], cached) == ([1, 2], 0)

    told = [text for text in caplog.messages if text.startswith("lazy: a result cannot be pickled (")]
    assert len(told) == 2


def test_an_item_that_cannot_be_asked_for_its_state_is_worked_on(caplog):
    assert run(name_of, [Moody()]) == (["Moody"], 0)
    assert "Moody objects have no canonical form" in caplog.text


def test_methods_of_the_class_of_an_item_take_part(tmp_path):
    def make(by):
        class Page:
            def size(self):
                return by

        return Page()

    @skorche.task(cache=True)
    def size(page):
        return page.size()

    assert run(size, [make(1)]) == ([1], 0)
    assert run(size, [make(2)]) == ([2], 0)
    assert run(size, [make(2)]) == ([2], 1)


# -- dicts -------------------------------------------------------------------------------------------------------------

FORTH, BACK = {"a": 1, "b": 2}, {"b": 2, "a": 1}


@skorche.task(cache=True)
def names_of(row):
    return ",".join(row)


def test_the_order_of_a_dict_among_items_counts():
    for found in (0, 2):
        assert run(names_of, [FORTH, BACK]) == (["a,b", "b,a"], found)


def test_the_order_of_a_dict_that_a_task_holds_counts():
    @skorche.task(cache=True)
    def line(number, columns, **more):
        return ",".join([*columns, *more])

    for columns, expected in ((FORTH, "a,b"), (BACK, "b,a")):
        assert run(line.bind(columns=columns), [1]) == ([expected], 0)
        assert run(line.bind(columns=columns), [1]) == ([expected], 1)
    assert run(line.bind(columns=[], **FORTH), [1]) == (["a,b"], 0)
    assert run(line.bind(columns=[], **BACK), [1]) == (["b,a"], 0)


# -- files -------------------------------------------------------------------------------------------------------------


@skorche.task(cache=True)
def read(path):
    note(path.name)
    return path.read_text()


def test_a_path_among_items_stands_for_what_is_in_its_file(tmp_path):
    file = tmp_path / "input.txt"
    file.write_text("one")

    assert run(read, [file]) == (["one"], 0)
    file.touch()
    assert run(read, [file]) == (["one"], 1)
    file.write_text("two")
    assert run(read, [file]) == (["two"], 0)


def test_files_as_inputs_are_read_again_only_when_they_have_changed(tmp_path):
    (tmp_path / "inputs").mkdir()
    for name in "abc":
        (tmp_path / "inputs" / name).write_text(name)
    with skorche.Pipeline() as pipeline:
        texts = skorche.map(read, skorche.Queue(fixed_inputs=skorche.files("inputs/*")))

    for found in ([], ["a", "c"]):
        report = pipeline.run(store="store", progress=False).wait()
        assert report.nodes["read"].cached == len(found)
        assert texts.flush() == ["a", "changed" if found else "b", "c"]
        (tmp_path / "inputs" / "b").write_text("changed")
        if not found:
            noted()
    assert noted() == ["b"]


def test_what_is_made_of_a_file_that_changed_meanwhile_is_not_kept(tmp_path):
    file = tmp_path / "input.txt"
    file.write_text("one")

    @skorche.task(cache=True)
    def read_and_change(path):
        text = path.read_text()
        path.write_text(text + "!")
        return text

    assert run(read_and_change, [file]) == (["one"], 0)
    file.write_text("one")
    assert run(read_and_change, [file]) == (["one"], 0)


def test_a_result_that_is_the_path_of_a_file_which_is_gone_is_made_again(tmp_path):
    @skorche.task(cache=True)
    def write(number):
        path = Path(f"output {number}").absolute()
        path.write_text(str(number))
        return {"paths": [path]}

    for found in (0, 1):
        (made,), cached = run(write, [1])
        assert cached == found
    made["paths"][0].unlink()

    assert run(write, [1])[1] == 0
    assert made["paths"][0].read_text() == "1"


def test_a_result_that_names_a_file_to_be_made_later_is_found_again():
    @skorche.task(cache=True)
    def target(number):
        return Path(f"later {number}")

    for found in (0, 1):
        assert run(target, [1]) == ([Path("later 1")], found)


def test_a_path_to_nothing_is_an_item_like_others(tmp_path):
    @skorche.task(cache=True)
    def name(path):
        return path.name

    for found in (0, 1):
        assert run(name, [tmp_path / "nothing"]) == (["nothing"], found)


@skorche.task(cache=True)
def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_made_of_a_folder_is_not_kept_and_told_once(tmp_path, caplog):
    inputs = tmp_path / "inputs"
    inputs.mkdir()

    for name in "ab":
        (inputs / name).touch()
        assert run(names_in, [inputs, inputs])[1] == 0

    assert run(names_in, [inputs]) == ([["a", "b"]], 0)
    assert {one.getMessage() for one in caplog.records} == {
        "names_in: an item is, or holds, the path of a folder, so what it makes of it is not cached"
    }
    assert len(caplog.records) == 3, "once for each run"


def test_a_result_that_is_the_path_of_a_folder_is_not_kept(tmp_path, caplog):
    @skorche.task(cache=True)
    def folder_of(number):
        return [tmp_path]

    for _ in range(2):
        assert run(folder_of, [1]) == ([[tmp_path]], 0)
    assert "a result is, or holds, the path of a folder" in caplog.text


@dataclasses.dataclass
class Written:
    path: Path


@pytest.mark.parametrize("holds", [Path, Written, lambda path: {path: [path]}], ids=["itself", "object", "dict"])
def test_a_result_that_is_the_path_of_a_file_which_has_changed_is_made_again(tmp_path, holds):
    @skorche.task(cache=True)
    def write(number, by):
        file = Path("output.txt").absolute()
        file.write_text(str(number * by))
        return holds(file)

    for by, found in [(1, 0), (1, 1), (2, 0), (1, 0), (1, 1)]:
        assert run(write.bind(by=by), [7])[1] == found
        assert (tmp_path / "output.txt").read_text() == str(7 * by)


CONFIG = Path("config.txt")


def of_a_global(number):
    return CONFIG.read_text()


def of_an_argument(number, path):
    return path.read_text()


def of_a_default(number, path=CONFIG):
    return path.read_text()


def of_a_closure(path):
    def read(number):
        return path.read_text()

    return read


@pytest.mark.parametrize(
    "make",
    [
        lambda: skorche.task(cache=True)(of_a_global),
        lambda: skorche.task(cache=True)(of_an_argument).bind(path=CONFIG),
        lambda: skorche.task(cache=True)(of_an_argument).bind(path=CONFIG).options(version="1"),
        lambda: skorche.task(cache=True)(of_a_default),
        lambda: skorche.task(cache=True)(of_a_closure(CONFIG)),
    ],
    ids=["global", "argument", "argument and version", "default", "closure"],
)
def test_a_path_that_a_task_holds_stands_for_what_is_in_its_file(make):
    for text in ("one", "two"):
        CONFIG.write_text(text)
        assert run(make(), [1]) == ([text], 0)
        assert run(make(), [1]) == ([text], 1)


def test_a_folder_that_a_task_holds_counts_by_its_name(tmp_path):
    task = skorche.task(cache=True)(lambda number, folder: folder.name)

    for found in (0, 1):
        assert run(task.bind(folder=tmp_path), [1]) == ([tmp_path.name], found)
        (tmp_path / "new").touch()
