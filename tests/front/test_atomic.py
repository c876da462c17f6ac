"""`skorche.atomic`: a file is there whole, or not at all."""

import os
import signal
from pathlib import Path

import pytest

import skorche

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def names():
    return sorted(os.listdir())


def test_a_block_that_ends_well_makes_the_file():
    with skorche.atomic("a.txt") as path:
        path.write_text("one")
        during = names()

    assert during == [path.name]
    assert (names(), Path("a.txt").read_text()) == (["a.txt"], "one")


def test_the_path_to_write_to_has_the_suffixes_and_the_folder_and_is_hidden(tmp_path):
    with skorche.atomic(tmp_path / "a.tar.gz") as path:
        path.touch()
        seen = list(skorche.files("*", missing_ok=True))

    assert (path.parent, path.suffixes[-2:]) == (tmp_path, [".tar", ".gz"])
    assert path.name.startswith(".skorche-")
    assert seen == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_raises_leaves_what_was_there_and_nothing_else(error):
    Path("a.txt").write_text("before")

    def write_half():
        with skorche.atomic("a.txt") as path:
            path.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()

    assert (names(), Path("a.txt").read_text()) == (["a.txt"], "before")


def test_a_block_that_raises_before_it_writes_raises_its_own_error():
    with pytest.raises(ZeroDivisionError), skorche.atomic("a.txt"):
        print(1 / 0)

    assert names() == []


def test_a_block_that_wrote_elsewhere_is_told():
    with (
        pytest.raises(FileNotFoundError, match=r"block of atomic\('a.txt'\) ended, and nothing was written"),
        skorche.atomic("a.txt"),
    ):
        Path("a.txt").write_text("it was not meant so")


def test_folders_on_the_way_are_made():
    with skorche.atomic("deep/er/a.txt") as path:
        path.write_text("one")

    assert Path("deep/er/a.txt").read_text() == "one"


def test_a_directory_is_made_whole_too():
    with skorche.atomic("a") as path:
        (path / "deep").mkdir(parents=True)
        (path / "deep" / "one.txt").write_text("one")
        (path / "link").symlink_to("nowhere")

    assert (names(), Path("a/deep/one.txt").read_text()) == (["a"], "one")


def test_a_directory_cannot_take_the_place_of_one_with_content_and_leaves_nothing():
    Path("a").mkdir()
    Path("a/one.txt").touch()

    with pytest.raises(OSError, match="not empty"), skorche.atomic("a") as path:
        path.mkdir()

    assert names() == ["a"]


@pytest.mark.parametrize("name", ["x" * 251 + ".txt", "é" * 120 + ".txt", "\N{SNAKE}" * 62 + ".txt"])
def test_a_name_as_long_as_names_can_be_is_none_too_long(name):
    with skorche.atomic(name) as path:
        path.touch()

    assert (names(), path.suffix) == ([name], ".txt")


def test_the_content_is_on_the_disk_before_the_name_is(monkeypatch):
    done = []

    def watch(name):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args: (done.append(name), real(*args))[1])

    watch("fsync")
    watch("replace")

    with skorche.atomic("a.txt") as path:
        path.write_text("one")

    assert done == ["fsync", "replace", "fsync"]


@skorche.task(engine="process", max_workers=4)
def write(letter):
    with skorche.atomic("shared.txt") as path:
        path.write_text(letter * 10_000)
    return len(set(Path("shared.txt").read_text())), len(Path("shared.txt").read_text())


def test_processes_that_write_the_same_file_leave_one_whole():
    with skorche.Pipeline() as pipeline:
        seen = skorche.map(write, skorche.Queue(fixed_inputs="abcdefgh" * 25))

    pipeline.run().wait()

    assert set(seen.flush()) == {(1, 10_000)}
    assert names() == ["shared.txt"]


@skorche.task(engine="process")
def die(name):
    with skorche.atomic(name) as path:
        path.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_leaves_no_half_file_but_one_that_can_be_known():
    with skorche.Pipeline() as pipeline:
        skorche.map(die, skorche.Queue(fixed_inputs=["a.txt"]))

    report = pipeline.run(on_error="collect").wait()

    (left,) = names()
    assert isinstance(report.failures[0].error, skorche.WorkerCrash)
    assert left.startswith(".skorche-")
    assert left.endswith("-a.txt")


def test_a_second_run_skips_what_the_first_has_done():
    def out(name):
        return Path(f"{name}.out")

    def work(name):
        with skorche.atomic(out(name)) as path:
            path.write_text(name)
            if name == "b":
                raise ValueError(name)
        return name

    def run(names):
        with skorche.Pipeline() as pipeline:
            new = skorche.filter(lambda name: not out(name).exists(), skorche.Queue(fixed_inputs=names))
            skorche.map(work, new)
        return pipeline.run(on_error="collect").wait()

    first, second = run("abc"), run("abcd")

    assert (first.delivered, first.failed) == (2, 1)
    assert (second.filtered, second.delivered, second.failed) == (2, 1, 1)
