"""The public names: listed by hand, documented, with examples that run."""

import ast
import doctest
import importlib
import inspect
import pkgutil

import pytest

import skorche
from skorche.testing import drive

VALUES = {"QUEUE_SENTINEL"}
WITHOUT_EXAMPLE = {
    "Failure": "a run makes it",
    "NodeTally": "a run makes it",
    "Report": "a run makes it",
    "StoredRun": "open_run makes it",
    "init": "it would cancel what is around it",
    "last_report": "it depends on what ran before",
    "render_pipeline": "it writes a file",
    "run": "see Pipeline.run",
    "shutdown": "see Pipeline.shutdown",
}


def is_error(name: str) -> bool:
    value = getattr(skorche, name)
    return isinstance(value, type) and issubclass(value, BaseException)


def modules() -> list[str]:
    found = pkgutil.walk_packages(skorche.__path__, "skorche.")
    return ["skorche", *(module.name for module in found if not module.name.endswith("__main__"))]


def test_all_lists_what_exists_in_order():
    missing = [name for name in skorche.__all__ if not hasattr(skorche, name)]

    assert missing == []
    assert skorche.__all__ == sorted(skorche.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))


def test_what_type_checkers_are_told_is_what_is_imported_when_first_used():
    tree = ast.parse(inspect.getsource(skorche))
    (told,) = [node for node in tree.body if isinstance(node, ast.If)]

    imports = {alias.name: one.module for one in told.body for alias in one.names}

    assert imports == skorche._MODULE_OF
    assert set(imports) == set(skorche.__all__)


@pytest.mark.parametrize("name", sorted(set(skorche.__all__) - VALUES))
def test_a_public_name_is_documented(name):
    text = inspect.getdoc(getattr(skorche, name)) or ""

    assert text.splitlines()[:1] != [], f"write a docstring for skorche.{name}"
    assert name in WITHOUT_EXAMPLE or is_error(name) or _has_example(name), f"write an example for skorche.{name}"


def _has_example(name: str) -> bool:
    value = getattr(skorche, name)
    texts = [value, *(vars(value).values() if isinstance(value, type) else ())]
    return any(">>> " in (inspect.getdoc(one) or "") for one in texts)


@pytest.mark.parametrize("name", sorted(set(skorche.__all__) - VALUES))
def test_the_methods_of_a_public_class_are_documented(name):
    value = getattr(skorche, name)
    methods = vars(value).items() if isinstance(value, type) else ()

    bare = [key for key, one in methods if not key.startswith("_") and callable(one) and not inspect.getdoc(one)]

    assert bare == []


@pytest.mark.parametrize("name", sorted(name for name in skorche.__all__ if is_error(name)))
def test_every_error_stands_in_the_tree(name):
    assert f" {name} " in inspect.getdoc(skorche.errors) or f"{name}\n" in inspect.getdoc(skorche.errors)
    assert issubclass(getattr(skorche, name), skorche.SkorcheError)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module_run(name):
    module = importlib.import_module(name)
    known = {public: getattr(skorche, public) for public in skorche.__all__} | {"skorche": skorche, "drive": drive}
    runner = doctest.DocTestRunner()
    said: list[str] = []

    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name, globs=known | vars(module)):
        skorche.init()
        runner.run(test, out=said.append)
    skorche.init()

    assert runner.summarize(verbose=False).failed == 0, "".join(said)
