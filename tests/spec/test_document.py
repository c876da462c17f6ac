"""Reading YAML: nothing in it makes objects, and it can be neither too much nor too deep."""

from pathlib import Path

import pytest

import skorche
from skorche.spec.document import MOST_BYTES, MOST_VALUES, typed


def double(number):
    return 2 * number


SPEC = "inputs:\n  numbers: {items}\nnodes:\n  - map: double\n    from: numbers\n    to: doubled\n"


def load(items):
    return skorche.load(SPEC.format(items=items), functions=[double])


def refused(items):
    with pytest.raises(skorche.SpecError) as caught:
        load(items)
    return str(caught.value)


@pytest.mark.parametrize(
    "tagged",
    [
        "!!python/object/apply:os.system [ls]",
        "[!!python/name:os.system x]",
        "!!python/object/new:os.system [ls]",
        "[!!set {a}]",
        "[!mine 3]",
    ],
)
def test_no_tag_makes_an_object(tagged):
    told = refused(tagged)

    assert told.startswith("<text>:2: the tag '")
    assert "a spec is plain data, which makes no objects." in told


def test_aliases_are_what_they_stand_for():
    pipeline = load("[&a 1, *a, 3]")

    assert pipeline.graph.sources()[0].flush() == [1, 1, 3]


def test_merged_mappings_bring_keys_that_are_not_there():
    text = (
        "inputs: {a: [1], b: [2]}\n"
        "nodes:\n"
        "  - &first {map: double, from: a, to: c, options: {retries: 2}}\n"
        "  - {<<: *first, from: b, to: d}\n"
    )

    pipeline = skorche.load(text, functions=[double])

    assert [node.task.settings.retries for node in pipeline.graph.nodes] == [2, 2]
    assert list(pipeline.outputs) == ["c", "d"]


def test_aliases_that_grow_beyond_measure_are_refused():
    bomb = "[&a [1,1,1,1,1,1,1,1,1,1]" + "".join(
        f", &{name} [{','.join([f'*{before}'] * 10)}]" for before, name in zip("abcdefg", "bcdefgh", strict=True)
    )

    assert f"there are {MOST_VALUES} values (aliases counted) or more in it." in refused(bomb + "]")


def test_an_alias_of_what_it_stands_in_is_refused():
    assert "nested too deep" in refused("&a [*a]")


@pytest.mark.parametrize("depth", [60, 100_000])
def test_what_is_nested_too_deep_is_refused(depth):
    assert "nested too deep" in refused("[" * depth + "]" * depth)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("#" * (MOST_BYTES + 1))

    with pytest.raises(skorche.SpecError, match=f"{MOST_BYTES + 1} bytes or more"):
        skorche.load(path)


def test_a_file_that_is_not_there_offers_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("job.yaml").write_text("")

    with pytest.raises(skorche.SpecError) as caught:
        skorche.load("jobs.yaml")

    assert str(caught.value) == (
        "jobs.yaml cannot be read.\n"
        "  Why:  No such file or directory.\n"
        "  Mend: Did you mean 'job.yaml'? Give the path of a YAML file."
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "it is no UTF-8"),
        (b"a: \x07", "special characters are not allowed"),
        (b"a: 1\n---\nb: 2\n", "but found another document"),
        (b"a: *b\n", "found undefined alias 'b'"),
        (b"a: 'open\n", "found unexpected end of stream"),
        (b"a: 2026-13-45\n", "month must be in 1..12"),
        (b"? [a]\n: 1\n", "keys are texts."),
    ],
)
def test_what_cannot_be_read_is_an_error_of_ours(content, said, tmp_path):
    path = tmp_path / "job.yaml"
    path.write_bytes(content)

    with pytest.raises(skorche.SpecError) as caught:
        skorche.load(path)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("D0", "D0"), ("1e3", "1e3"), ("1.5", 1.5), ("yes", True), ("null", None), ("", None), ("'0'", "0")],
)
def test_a_value_of_the_command_line_is_typed_as_in_yaml(text, value):
    assert typed(text) == value


@pytest.mark.parametrize("text", ["*.jpg", "http://x/?a=b", "[open", "a: b: c", "@", "%", "!tag x"])
def test_a_value_that_is_no_yaml_is_a_text(text):
    assert typed(text) == text


def test_load_takes_no_other_things():
    with pytest.raises(skorche.SpecError, match="a spec is a dict, the path of a YAML file"):
        skorche.load(3)
