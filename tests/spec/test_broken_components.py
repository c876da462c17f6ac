"""A component spec with a mistake is refused, with one message that names its line and a mend; nothing runs."""

import threading
from pathlib import Path

import pytest

import skorche

RIGHT = (Path(__file__).parents[2] / "examples" / "extraction.yaml").read_text()
NAMES = ["ImagePreprocessor", "OCRModel", "ExtractionModel"]


def never(*values):
    raise AssertionError(f"it ran, with {values}")


def changed(*changes):
    """The right spec with texts replaced, each of which stands there once."""
    text = RIGHT
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def without_component(name, following):
    return RIGHT[: RIGHT.index(f"    - {name}:")] + RIGHT[RIGHT.index(f"    - {following}:") :]


BROKEN = {
    "a renamed input": (
        changed(("    - page_num\n  outputs", "    - page\n  outputs")),
        "job.yaml:14: image_preprocessing: missing input 'page_num'.",
        "no input of the pipeline is called 'page_num'.",
        "Did you mean 'page'? Name an input of the pipeline, or `component.output`.",
    ),
    "a missing component": (
        without_component("image_ocr", "extractor"),
        "job.yaml:20: extractor: missing input 'image_ocr.page_id'.",
        "there is no component 'image_ocr'.",
        "Did you mean 'image_preprocessing.page_id'? Name an input of the pipeline, or `component.output`.",
    ),
    "a circle": (
        changed(("          - page_num\n        outputs", "          - image_ocr.page_id\n        outputs")),
        (
            "job.yaml:10: components need each other in a circle: image_preprocessing needs image_ocr needs "
            "image_preprocessing."
        ),
        "none of them could ever begin.",
        "take one of these out of the inputs or the dependencies of another: image_preprocessing, image_ocr.",
    ),
    "a component that stands there twice": (
        changed(("    - image_ocr:", "    - image_preprocessing:")),
        "job.yaml:17: the component 'image_preprocessing' stands here twice.",
        "it stands in job.yaml:10 too.",
        "give one of them another name.",
    ),
    "a key that stands there twice": (
        changed(("        runner: OCRModel\n", "        runner: OCRModel\n        runner: OCRModel\n")),
        "job.yaml:19: the key 'runner' stands here twice.",
        "it stands in job.yaml:18 too.",
        "leave one of them out.",
    ),
    "an input that stands there twice": (
        changed(("    - page_num\n  outputs", "    - page_num\n    - document_id\n  outputs")),
        "job.yaml:7: the input 'document_id' stands here twice.",
        "it stands in job.yaml:5 too.",
        "leave one of them out.",
    ),
    "a text where a number belongs": (
        changed(("        runner: OCRModel\n", "        runner: OCRModel\n        retries: many\n")),
        "job.yaml:19: a task was given retries='many'.",
        "it has no meaning.",
        "give 0 or more retries.",
    ),
    "a number where names belong": (
        changed(("  inputs:\n    - document_id\n    - page_num\n", "  inputs: 3\n")),
        "job.yaml:4: the inputs are 3.",
        "they are a list of names.",
        "write each behind a dash.",
    ),
    "a truth where a name belongs": (
        changed(("    - page_num\n  outputs", "    - yes\n  outputs")),
        "job.yaml:6: one of the inputs is True.",
        "it is a text.",
        "put it in quotes: YAML takes yes, no, on, off for truths, and digits for numbers.",
    ),
    "an indentation that is no YAML": (
        changed(("        runner: OCRModel\n", "      runner: OCRModel\n")),
        "job.yaml:19: this is no YAML.",
        "mapping values are not allowed here.",
        "See that this line, and the one before it, are indented as those around them; text with `: ` needs quotes.",
    ),
    "a tab": (
        changed(("        runner: OCRModel\n", "\t\trunner: OCRModel\n")),
        "job.yaml:18: this is no YAML.",
        "found character '\\t' that cannot start any token (while scanning for the next token).",
        "Indent with spaces only, the same number at each level.",
    ),
    "keys of a component beside its name": (
        changed(
            ("    - extractor:\n        runner: ExtractionModel\n", "    - extractor:\n      runner: ExtractionModel\n")
        )
        .replace("        inputs:\n          - image_ocr.page_id\n", "      inputs:\n        - image_ocr.page_id\n")
        .replace("        outputs:\n          - extractions\n", "      outputs:\n        - extractions\n"),
        "job.yaml:24: 'runner' is indented wrongly.",
        "it stands beside the name of a component, and not below it.",
        "indent the keys of 'extractor' deeper than its name.",
    ),
    "an unknown key": (
        changed(("runner: OCRModel", "runer: OCRModel")),
        "job.yaml:18: component 'image_ocr' has the unknown key 'runer'.",
        "known: runner, inputs, outputs, dependencies, timeout, retries.",
        "Did you mean 'runner'? Otherwise leave it out, or see that it is indented as what it belongs to.",
    ),
    "an output that nobody makes": (
        changed(("    - extractions\n  components", "    - extraction\n  components")),
        "job.yaml:8: nobody makes the output 'extraction'.",
        "no component has it among its outputs.",
        "Did you mean 'extractor.extractions'? Name an output of a component, or an input of the pipeline.",
    ),
    "an output that two make": (
        changed(("    - extractions\n  components", "    - page_id\n  components")),
        "job.yaml:8: the output 'page_id' could be either of 2.",
        "image_preprocessing and image_ocr make one each.",
        "write image_ocr.page_id, or that of another.",
    ),
    "a runner that is not registered": (
        changed(("OCRModel", "OCRModle")),
        "job.yaml:18: component 'image_ocr': the runner 'OCRModle' is unknown.",
        "known: ImagePreprocessor, OCRModel, ExtractionModel.",
        (
            "Did you mean 'OCRModel'? Otherwise register it: give load(functions=...) a mapping, a module, "
            "or a list of functions."
        ),
    ),
    "a runner with a dot": (
        changed(("OCRModel", "os.system")),
        "job.yaml:18: component 'image_ocr': the runner 'os.system' has a dot in its name.",
        "a spec imports nothing: plain names are looked up among the functions that the program gives.",
        "Register the function, and name it without its module.",
    ),
    "a dependency that does not exist": (
        changed(
            ("        runner: OCRModel\n", "        runner: OCRModel\n        dependencies: [image_preprocesing]\n")
        ),
        "job.yaml:19: image_ocr: the dependency 'image_preprocesing' is unknown.",
        "known: image_preprocessing, image_ocr, extractor.",
        (
            "Did you mean 'image_preprocessing'? Otherwise leave it out: what a component takes from another "
            "makes it wait by itself."
        ),
    ),
    "no outputs": (
        changed(("  outputs:\n    - extractions\n  components", "  components")),
        "job.yaml:3: the pipeline has no outputs.",
        "it must say what comes out, and how.",
        "add `outputs:` below `pipeline:`, indented as its other keys are.",
    ),
    "another thing": (
        "pipelines: 3",
        "job.yaml:1: this is no pipeline, but a mapping.",
        "it has neither `nodes` nor `pipeline`.",
        "Did you mean 'pipeline'? Begin with `nodes:`, or with `pipeline:` for components; see docs/specs.md.",
    ),
    "nothing": (
        "# to be written\n",
        "job.yaml: there is nothing in it.",
        "a spec is a mapping.",
        "see docs/specs.md.",
    ),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_mistake_is_told_once_with_its_line_and_a_mend(mistake, tmp_path, monkeypatch):
    text, *told = BROKEN[mistake]
    monkeypatch.chdir(tmp_path)
    Path("job.yaml").write_text(text)
    threads = threading.active_count()

    with pytest.raises(skorche.SpecError) as caught:
        skorche.load("job.yaml", functions=dict.fromkeys(NAMES, never))

    assert [caught.value.what, caught.value.why, caught.value.mend] == told
    assert len(caught.value.findings) == 1
    assert threading.active_count() == threads


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines():
    text = changed(
        ("    - extractions\n  components", "    - extraction\n  components"),
        ("runner: OCRModel", "runner: OCRModle"),
        ("image_ocr.page_id", "imageocr.page_id"),
        ("          - page_num", "          - pagenum"),
    )

    with pytest.raises(skorche.SpecError) as caught:
        skorche.load(text, functions=dict.fromkeys(NAMES, never))

    assert [one.what for one in caught.value.findings] == [
        "<text>:8: nobody makes the output 'extraction'.",
        "<text>:14: image_preprocessing: missing input 'pagenum'.",
        "<text>:18: component 'image_ocr': the runner 'OCRModle' is unknown.",
        "<text>:26: extractor: missing input 'imageocr.page_id'.",
    ]


def test_in_a_dict_the_way_to_a_value_stands_for_its_line():
    spec = {
        "pipeline": {"inputs": ["a"], "outputs": ["b"], "components": [{"one": {"runner": "no", "outputs": ["b"]}}]}
    }

    with pytest.raises(skorche.SpecError) as caught:
        skorche.load(spec, functions={"yes": never})

    assert caught.value.what.startswith("pipeline.components[0].one.runner: component 'one': the runner 'no'")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"document_id": "D0"}, ["<text>:6: the input 'page_num' is not given."]),
        ({}, ["<text>:5: the input 'document_id' is not given.", "<text>:6: the input 'page_num' is not given."]),
        ({"document_id": 1, "pagenum": 0}, ["<text>:3: 'pagenum' is given, and is no input."]),
        ({"document_id": 1, "page_num": 0, "more": 0}, ["<text>:3: 'more' is given, and is no input."]),
    ],
)
def test_a_row_has_a_value_for_each_input_and_no_other(row, told):
    pipeline = skorche.load(RIGHT, functions=dict.fromkeys(NAMES, never))

    with pytest.raises(skorche.SpecError) as caught:
        pipeline.give(row)

    assert [one.what for one in caught.value.findings] == told
    assert pipeline.run(progress=False).shutdown().admitted == 0


def swapped(image, words):
    return image, words


@pytest.mark.parametrize(
    ("inputs", "runner", "what"),
    [
        (["text"], lambda: None, "gives its runner 'runner' text."),
        (["text", "page"], len, "gives its runner 'runner' text, page."),
        ([], swapped, "gives its runner 'runner' nothing."),
        ({"imag": "text", "words": "page"}, swapped, "gives its runner 'runner' imag, words."),
    ],
)
def test_a_runner_that_cannot_take_its_inputs_is_refused(inputs, runner, what):
    spec = {
        "pipeline": {
            "inputs": ["text", "page"],
            "outputs": ["x"],
            "components": [{"one": {"runner": "runner", "inputs": inputs, "outputs": ["x"]}}],
        }
    }

    with pytest.raises(skorche.SpecError) as caught:
        skorche.load(spec, functions={"runner": runner})

    assert caught.value.what == f"pipeline.components[0].one: component 'one' {what}"


def test_inputs_that_would_go_to_parameters_of_other_names_are_refused():
    spec = {
        "pipeline": {
            "inputs": ["text", "image"],
            "outputs": ["x"],
            "components": [{"one": {"runner": "swapped", "inputs": ["text", "image"], "outputs": ["x"]}}],
        }
    }

    with pytest.raises(skorche.SpecError) as caught:
        skorche.load(spec, functions=[swapped])

    assert caught.value.what.endswith("one: it is not clear which input goes where.")
    assert caught.value.mend == "write the inputs as a mapping, `parameter: input`."
