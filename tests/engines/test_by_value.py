"""Functions of a script on worker processes: the plain ones travel without cloudpickle, the others with it."""

import textwrap

import pytest

from .programs import run_program

pytestmark = pytest.mark.timeout(60)

BEGIN = """
import json, math, sys
from typing import TypeVar
import skorche

def has_cloudpickle(_):
    return "cloudpickle" in sys.modules

def on_processes(function):
    with skorche.Pipeline() as pipeline:
        out = skorche.map(skorche.task(function, engine="process", max_workers=1), skorche.Queue(fixed_inputs=[3]))
    pipeline.run().wait()
    return out.flush()
"""

PLAIN = {
    "what it calls": (
        """
        def triple(number): return BY * number
        BY = 3
        def work(number): return triple(number)
        """,
        "[9]",
    ),
    "itself": (
        "def work(number): return number * work(number - 1) if number else 1",
        "[6]",
    ),
    "each other": (
        """
        def is_even(number): return number == 0 or work(number - 1)
        def work(number): return number != 0 and is_even(number - 1)
        """,
        "[True]",
    ),
    "functions and classes inside": (
        """
        WORD = "odd"
        def work(number):
            class Told:
                word = WORD
            return [(lambda: math.sqrt(one), Told.word)[1] + str((lambda: math.floor(one))()) for one in [number + 0.5]]
        """,
        "[['odd3']]",
    ),
    "its defaults, keywords, words and attributes": (
        '''
        def work(number, by=2, *, more=1) -> int:
            """Words."""
            return number * by + more, work.__doc__, work.__annotations__, work.unit, work.__name__, work.__module__
        work.unit = "m"
        ''',
        "[(7, 'Words.', {'return': <class 'int'>}, 'm', 'work', '__main__')]",
    ),
    "globals that it shares and changes": (
        """
        COUNT, SEEN = 0, []
        def note(number):
            global COUNT
            COUNT += 1
            SEEN.append(number)
        def work(number):
            note(number)
            return COUNT, SEEN[:], __name__
        """,
        "[(1, [3], '__main__')]",
    ),
    "a lambda": ("work = lambda number: math.floor(number + 0.5)", "[3]"),
}

ELSE = {
    "a closure": (
        """
        def make(by):
            def work(number): return by * number
            return work
        work = make(4)
        """,
        "[12]",
    ),
    "a class of the script": (
        """
        class Point:
            def __init__(self, x): self.x = x
        ORIGIN = Point(1)
        def work(number): return Point(number).x + ORIGIN.x
        """,
        "[4]",
    ),
    "a type variable of the script": (
        """
        T = TypeVar("T")
        def work(number: T) -> T: return number
        """,
        "[3]",
    ),
    "a module with modules": ("def work(number): return json.dumps([number])", "['[3]']"),
    "a task of the script": (
        """
        @skorche.task
        def triple(number): return 3 * number
        def work(number): return triple(number)
        """,
        "[9]",
    ),
}

END = """
print(on_processes(work), "cloudpickle" in sys.modules, on_processes(has_cloudpickle))
"""


def said_by(program: str) -> str:
    ended = run_program("-c", BEGIN + textwrap.dedent(program) + END)
    assert ended.stderr == ""
    return ended.stdout.rstrip()


@pytest.mark.parametrize(("program", "results"), PLAIN.values(), ids=PLAIN)
def test_a_plain_function_travels_without_cloudpickle_with(program: str, results: str) -> None:
    assert said_by(program) == f"{results} False [False]"


@pytest.mark.parametrize(("program", "results"), ELSE.values(), ids=ELSE)
def test_cloudpickle_takes_a_function_with(program: str, results: str) -> None:
    assert said_by(program) == f"{results} True [False]"


def test_a_function_of_no_module_is_taken_by_cloudpickle() -> None:
    program = """
    made = {}
    exec("def work(number): return number + 1", made)
    work = made["work"]
    """
    assert said_by(program) == "[4] True [False]"


def test_modules_that_cloudpickle_was_told_to_take_by_value_are_taken_so() -> None:
    program = """
    import types, cloudpickle
    sys.modules["local"] = local = types.ModuleType("local")
    exec("def add(number): return number + 1", local.__dict__)
    add = local.add
    cloudpickle.register_pickle_by_value(local)
    def work(number): return add(number)
    """
    assert said_by(program).startswith("[4] True ")
