"""`skorche.files`: which files it finds, in what order, when, and what it says when there are none."""

import glob
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import skorche

NAMES = ("a", "b.x", ".h", "a.y")
PARTS = ("*", "**", "a", "*.x", "?", ".*", "[ab]*", "b.x", ".h")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(*paths):
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path))


def found(*patterns, **options):
    return [str(path) for path in skorche.files(*patterns, **options)]


def test_files_come_in_the_order_of_their_paths_at_any_depth():
    make("photos/b/2.jpg", "photos/b/1.jpg", "photos/a.jpg", "photos/c.jpg", "photos/b/deep/er/0.jpg", "photos/b/x.txt")

    made = found("photos/**/*.jpg")

    assert made == [
        *("photos/a.jpg", "photos/b/1.jpg", "photos/b/2.jpg", "photos/b/deep/er/0.jpg", "photos/c.jpg"),
    ]


def test_each_is_a_path():
    make("a.txt")

    assert list(skorche.files("*.txt")) == [Path("a.txt")]


def test_two_stars_at_the_end_give_every_file_below():
    make("a/b/c.txt", "a/d.jpg", "e.txt")

    assert found("a/**") == ["a/b/c.txt", "a/d.jpg"]


def test_a_file_that_several_patterns_match_comes_once_and_all_in_one_order():
    make("a.jpg", "b.png", "c.jpg", "d.txt")

    assert found("*.jpg", "*.png", "?.jpg") == ["a.jpg", "b.png", "c.jpg"]


def test_names_that_begin_with_a_dot_are_found_by_a_dot_alone():
    make(".hidden.txt", "seen.txt", ".git/config", ".git/seen.txt")

    assert found("**/*") == ["seen.txt"]
    assert found("*", ".*", ".git/*") == [".git/config", ".git/seen.txt", ".hidden.txt", "seen.txt"]


def test_directories_are_no_files_and_files_no_directories():
    make("a.txt/b.txt", "c.txt")

    assert found("*.txt", "c.txt/*") == ["c.txt"]


def test_patterns_may_be_absolute_and_have_parents(tmp_path):
    make("here/x.txt", "there/y.txt")

    assert found(tmp_path / "here" / "*.txt") == [str(tmp_path / "here/x.txt")]
    assert found("here/../there/*.txt") == ["here/../there/y.txt"]


def test_the_root_is_a_name_and_no_pattern():
    make("[2024]/a.txt", "2/b.txt")

    assert found("*.txt", root="[2024]") == ["[2024]/a.txt"]


def test_links_are_followed_by_name_but_not_by_two_stars():
    make("real/a.txt")
    Path("circle").symlink_to(".")
    Path("real/link.txt").symlink_to("a.txt")
    Path("real/broken.txt").symlink_to("nowhere")

    assert found("**/*.txt") == ["real/a.txt", "real/link.txt"]
    assert found("circle/real/a.txt", "*/real/a*") == ["circle/real/a.txt"]


@settings(max_examples=150)
@given(
    paths=st.sets(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join), max_size=8),
    pattern=st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("/".join),
)
def test_what_is_found_is_what_glob_finds(tmp_path_factory, paths, pattern):
    root = tmp_path_factory.mktemp("tree")
    for path in sorted(paths):
        if not any(other.startswith(path + "/") for other in paths):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()

    expected = {Path(path) for path in glob.glob(f"{root}/{pattern}", recursive=True) if os.path.isfile(path)}

    assert list(skorche.files(pattern, root=root, missing_ok=True)) == sorted(expected)


# -- when ------------------------------------------------------------------------------------------------------------


def test_nothing_is_looked_for_before_it_is_read_and_each_run_looks_anew():
    source = skorche.files("*.txt")
    make("a.txt")
    with skorche.Pipeline() as pipeline:
        names = skorche.map(str, skorche.Queue(fixed_inputs=source))

    pipeline.run().wait()
    first = names.flush()
    make("b.txt")
    pipeline.run().wait()

    assert (first, names.flush()) == (["a.txt"], ["a.txt", "b.txt"])


def test_a_directory_is_looked_into_when_its_turn_comes():
    make("a/1.txt", "b/2.txt")
    reading = iter(skorche.files("*/*.txt"))

    first = next(reading)
    make("b/1.txt")

    assert [first, *reading] == [Path("a/1.txt"), Path("b/1.txt"), Path("b/2.txt")]


def test_a_directory_that_is_removed_meanwhile_is_empty():
    make("a/1.txt", "b/2.txt", "c/3.txt")
    reading = iter(skorche.files("**/*.txt"))

    first = next(reading)
    Path("b/2.txt").unlink()
    Path("b").rmdir()

    assert [first, *reading] == [Path("a/1.txt"), Path("c/3.txt")]


# -- when nothing is there -------------------------------------------------------------------------------------------


def test_a_run_fails_when_nothing_matches(tmp_path):
    with skorche.Pipeline() as pipeline:
        skorche.map(str, skorche.Queue(fixed_inputs=skorche.files("*.jpg", "*.png")))

    with pytest.raises(FileNotFoundError) as caught:
        pipeline.run().wait()

    assert str(caught.value) == (
        "no file matches '*.jpg' or '*.png'.\n"
        f"  Why:  the patterns are relative to {tmp_path}, and directories are no files.\n"
        "  Mend: see whether that is the folder; give missing_ok=True if there may be none."
    )


def test_nothing_is_no_error_where_it_may_be_missing():
    assert found("*.jpg", missing_ok=True) == []


def test_one_pattern_that_matches_is_enough():
    make("a.jpg")

    assert found("*.jpg", "*.jpeg") == ["a.jpg"]


@pytest.mark.parametrize("patterns", [(), (["*.jpg"],), ("",), (b"*.jpg",)])
def test_what_is_no_pattern_is_refused_at_once(patterns):
    with pytest.raises(skorche.GraphError, match=r"files\(\) was given"):
        skorche.files(*patterns)


def test_what_it_is_can_be_seen():
    assert repr(skorche.files("*.jpg", "*.png")) == "files('*.jpg', '*.png')"
