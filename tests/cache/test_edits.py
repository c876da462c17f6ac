"""Which edits of a program are seen: all that may change what a task gives, and none that cannot."""

import shutil

import pytest

from .conftest import Program

MAIN = """
import functools
import math
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import skorche
import package.helpers
from effects import note
from package import helpers, scale
from package.scale import twice as doubled

LIMIT = 10
WORDS = ["a", "b"]
DEFAULT = 5


class Mode(Enum):
    ADD = 1
    SUBTRACT = 2


class Pair(NamedTuple):
    left: int
    right: int = 3


@dataclass(frozen=True)
class Page:
    number: int
    weight: int = DEFAULT
    tags: list = field(default_factory=list)

    def size(self):
        return self.number * self.weight


class Base:
    offset = 1

    def shift(self, number):
        return number + self.offset


class Scaler(Base):
    def __init__(self, by):
        self.by = by

    def __call__(self, number):
        return self.shift(number) * self.by

    @staticmethod
    def unit():
        return 100

    @property
    def half(self):
        return self.by / 2


SCALER = Scaler(2)


def make_adder(amount):
    def add(number):
        return number + amount

    return add


adder = make_adder(7)
shorten = lambda text: text[:20]


def logged(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@logged
def decorated(number):
    return number - 1


@functools.lru_cache
def remembered(number):
    return number * 1


def recursive(number):
    return 0 if number == 0 else other(number - 1)


def other(number):
    return recursive(number) + 1


@skorche.task(cache=True)
def work(number, factor=3, *, shift=0):
    '''What it does.'''
    # A comment.
    note("work")
    from package import late
    import package.later

    total = factor * number + shift + math.floor(1.5)
    total += LIMIT + len(WORDS) + Mode.ADD.value + Pair(1).right + Page(number).size()
    total += SCALER(number) + Scaler.unit() + SCALER.half
    total += adder(number) + decorated(number) + remembered(number) + recursive(number)
    total += helpers.weigh(number) + scale.twice(number) + doubled(number) + late.answer() + package.later.five()
    inner = [one + 1 for one in range(3)]
    return shorten(str(total)) + str(inner)


def unrelated():
    return 1


if __name__ == "__main__":
    with skorche.Pipeline("edits") as pipeline:
        result = skorche.map(work, skorche.Queue(fixed_inputs=[1]))
    pipeline.run(store="store", progress=False).wait()
    print(*result.flush())
"""

HELPERS = """
from .scale import RATIO


def weigh(number):
    return number * RATIO * constant()


def constant():
    return 4


def unused():
    return 1
"""

SCALE = """
RATIO = 2


def twice(number):
    return number * 2
"""

LATE = """
def answer():
    return 42
"""

LATER = """
def five():
    return FIVE


FIVE = 5
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The program after its first run, and what that gave."""
    program = Program(tmp_path_factory.mktemp("first"))
    program.write("main.py", MAIN)
    program.write("package/__init__.py", "")
    program.write("package/helpers.py", HELPERS)
    program.write("package/scale.py", SCALE)
    program.write("package/late.py", LATE)
    program.write("package/later.py", LATER)
    before, called = program.run(seed="1")
    assert called == ["work"]
    return program, before


@pytest.fixture
def edited(first, tmp_path):
    """Edits the program and runs it again: whether the task was called again."""
    original, before = first
    shutil.copytree(original.folder, tmp_path / "program")
    program = Program(tmp_path / "program")

    def edit_and_run(file, old, new):
        program.edit(file, old, new)
        after, called = program.run(seed="2")
        assert called or after == before
        return called == ["work"]

    return edit_and_run


SEEN = [
    ("main.py", "factor * number", "factor + number"),
    ("main.py", "math.floor(1.5)", "math.ceil(1.5)"),
    ("main.py", "factor=3", "factor=4"),
    ("main.py", "shift=0", "shift=1"),
    ("main.py", "one + 1", "one + 2"),
    ("main.py", "LIMIT = 10", "LIMIT = 11"),
    ("main.py", "LIMIT = 10", "LIMIT = 10.0"),
    ("main.py", '["a", "b"]', '["a", "c"]'),
    ("main.py", "DEFAULT = 5", "DEFAULT = 6"),
    ("main.py", "ADD = 1", "ADD = 3"),
    ("main.py", "right: int = 3", "right: int = 4"),
    ("main.py", "default_factory=list", "default_factory=set"),
    ("main.py", "self.number * self.weight", "self.number + self.weight"),
    ("main.py", "frozen=True", "frozen=False"),
    ("main.py", "offset = 1", "offset = 2"),
    ("main.py", "number + self.offset", "number - self.offset"),
    ("main.py", "self.shift(number) * self.by", "self.shift(number) + self.by"),
    ("main.py", "return 100", "return 101"),
    ("main.py", "self.by / 2", "self.by / 4"),
    ("main.py", "Scaler(2)", "Scaler(3)"),
    ("main.py", "number + amount", "number - amount"),
    ("main.py", "make_adder(7)", "make_adder(8)"),
    ("main.py", "text[:20]", "text[:21]"),
    ("main.py", "return number - 1", "return number - 2"),
    ("main.py", "return function(*args)", "return 1 + function(*args)"),
    ("main.py", "number * 1", "number * 2"),
    ("main.py", "recursive(number) + 1", "recursive(number) + 2"),
    ("package/helpers.py", "number * RATIO", "number + RATIO"),
    ("package/helpers.py", "return 4", "return 5"),
    ("package/scale.py", "RATIO = 2", "RATIO = 3"),
    ("package/scale.py", "number * 2", "number * 3"),
    ("package/late.py", "return 42", "return 43"),
    ("package/later.py", "FIVE = 5", "FIVE = 6"),
]

NOT_SEEN = [
    ("main.py", "'''What it does.'''", "'''What it really does.'''"),
    ("main.py", "    '''What it does.'''\n", ""),
    ("main.py", "# A comment.", "# Another comment.\n\n"),
    ("main.py", "import functools\n", "import functools\n\n\n\n"),
    ("main.py", "factor * number + shift", "((factor * number)\n             + shift)"),
    ("main.py", "def size(self):\n", "def size(self):\n        '''It was measured.'''\n"),
    ("main.py", "class Base:\n", "class Base:\n    '''It has a docstring.'''\n\n"),
    ("main.py", "def unrelated():\n    return 1", "def unrelated():\n    return 2"),
    ("main.py", "cache=True", "cache=True, max_workers=2, retries=1, name='work'"),
    ("main.py", 'Pipeline("edits")', 'Pipeline("renamed")'),
    ("package/helpers.py", "def unused():\n    return 1", "def unused():\n    return 2"),
]


@pytest.mark.parametrize("edit", SEEN, ids=lambda edit: f"{edit[1]} to {edit[2]}")
def test_an_edit_that_may_change_the_result_is_seen(edited, edit):
    assert edited(*edit)


@pytest.mark.parametrize("edit", NOT_SEEN, ids=lambda edit: f"{edit[1]} to {edit[2]}"[:40])
def test_an_edit_that_cannot_change_the_result_is_not(edited, edit):
    assert not edited(*edit)
