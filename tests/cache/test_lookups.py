"""Look-ups by names made while running are refused by what they are; modules handed on are looked into whole."""

import builtins
import importlib
import operator
import sys
from importlib import import_module
from operator import attrgetter
from sys import modules

import pytest

from skorche.cache.fingerprint import Code
from skorche.cache.lookups import UnknownCodeError

from . import conftest as helper

get = getattr
KEY = attrgetter("real")
CALLS = {"get": getattr}


class Base:
    key = attrgetter("real")


def fingerprint(function):
    return Code().fingerprint().of(function)


def imports(name):
    return import_module(name)


def imports_by_attribute(name):
    return importlib.import_module(name)


def imports_inside(name):
    from importlib import import_module as load

    return load(name)


def imports_importlib_inside(name):
    import importlib.util

    return importlib.import_module(name)


def reads_modules(name):
    return sys.modules[name]


def reads_modules_by_name(name):
    return modules[name]


def asks_vars(name):
    return vars(helper)[name]


def asks_a_getter(name):
    return attrgetter(name)(helper)


def asks_a_getter_by_attribute(name):
    return operator.attrgetter(name)(helper)


def asks_an_alias(name):
    return get(helper, name)


def asks_an_alias_of_its_own(name):
    found = getattr
    return found(helper, name)


def asks_a_builtin_by_attribute(name):
    return builtins.eval(name)


def asks_with_all_arguments(*names):
    return getattr(*names)


def asks_what_is_in_a_dict(name):
    return CALLS["get"](helper, name)


def asks_what_it_holds(name, get=getattr):
    return get(helper, name)


def asks_for_subclasses(number):
    return Base.__subclasses__()[number]


def asks_for_globals(name):
    return asks_vars.__globals__[name]


def uses_the_builtins(name):
    return __builtins__[name]


@pytest.mark.parametrize(
    "function",
    [
        imports,
        imports_by_attribute,
        imports_inside,
        imports_importlib_inside,
        reads_modules,
        reads_modules_by_name,
        asks_vars,
        asks_a_getter,
        asks_a_getter_by_attribute,
        asks_an_alias,
        asks_an_alias_of_its_own,
        asks_a_builtin_by_attribute,
        asks_with_all_arguments,
        asks_what_is_in_a_dict,
        asks_what_it_holds,
        asks_for_subclasses,
        asks_for_globals,
        uses_the_builtins,
    ],
)
def test_what_looks_up_by_a_made_name_is_refused(function):
    with pytest.raises(UnknownCodeError, match="cannot be told what"):
        fingerprint(function)


def eval_of_its_own(text):
    return text


def names_it(number):
    return attrgetter("real")(number), get(number, "imag"), operator.attrgetter("real")(number)


def uses_what_was_made_with_a_name(number):
    return KEY(number), Base.key(number), sys.maxsize, sys.argv


@pytest.mark.parametrize("function", [names_it, uses_what_was_made_with_a_name])
def test_what_looks_up_by_a_name_that_stands_there_is_fine(function):
    assert len(fingerprint(function)) == 32


def test_what_only_has_the_name_of_a_look_up_is_fine():
    eval = eval_of_its_own

    assert len(fingerprint(lambda number: eval(number) + 0)) == 32


MAIN = """
import sys
import skorche
{imports}

@skorche.task(cache=True)
{task}

with skorche.Pipeline() as pipeline:
    queue = skorche.map({made}, skorche.Queue(fixed_inputs=[3]))
report = pipeline.run(store="store", progress=False).wait()
print(queue.flush())
"""
HANDED = """def call(module, number):
    return module.work(number)

@skorche.task(cache=True)
def task(number):
    return call({what}, number)"""
KEPT = """class Kept:
    def __init__(self):
        self.module = h
    def __call__(self, number):
        return self.module.work(number)"""
INSIDE = """def task(number):
    import h as module
    call = lambda one: one.work(number)
    return call(module)"""
NAMED = "def task(number):\n    return h.__version__ + number"
WAYS = {
    "handed on": ("import h", HANDED.format(what="h"), "task"),
    "a part handed on": ("import package.h", HANDED.format(what="package.h"), "task"),
    "kept": ("import h", KEPT, "Kept()"),
    "imported inside": ("", INSIDE, "task"),
    "its dict": ("import h", "def task(number):\n    return h.__dict__['work'](number)", "task"),
    "a special name": ("import h", NAMED, "task"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_module_of_which_more_than_an_attribute_is_taken_counts_whole(program, way):
    imports, task, made = WAYS[way]
    text = MAIN.format(imports=imports, task=task, made=made)
    program.write("main.py", text.replace("@skorche.task(cache=True)\ndef call", "def call"))
    for name in ("h.py", "package/h.py"):
        program.write(
            name, "__version__ = 1\ndef work(number):\n    return helper(number)\ndef helper(n):\n    return n + 1\n"
        )

    before = program.run()[0]
    for name in ("h.py", "package/h.py"):
        program.write(
            name,
            "__version__ = 100\ndef work(number):\n    return helper(number)\ndef helper(n):\n    return n + 100\n",
        )

    assert (before, program.run()[0]) == ("[4]", "[103]")
