"""Fingerprints: what is refused, by name; what only looks as if it mattered; and that they are the same anywhere."""

import collections
import contextlib
import functools
import json
import logging
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy
import pytest

import skorche
from skorche.cache.fingerprint import Code
from skorche.cache.lookups import UnknownCodeError

log = logging.getLogger(__name__)
lock = threading.Lock()
local = threading.local()
calls = []
counts = collections.Counter()
total = 0
opened = open(__file__)  # noqa: SIM115  (it is the state of an object that cannot be told)
opened.close()


def fingerprint(function):
    return Code().fingerprint().of(function)


def appends(number):
    with lock:
        calls.append(number)
    log.info("seen %s", number)
    return 2 * number


def counts_up(number):
    global total  # noqa: PLW0603  (it is what is tested)
    total += 1
    counts[number] += 1
    return number


def reads(number):
    calls.append(number)
    return len(calls)


def test_a_collection_that_is_only_written_to_takes_no_part():
    before = fingerprint(appends)

    calls.append(1)

    assert fingerprint(appends) == before


def test_a_counter_that_is_only_counted_up_takes_no_part():
    before = fingerprint(counts_up)

    counts_up(1)

    assert fingerprint(counts_up) == before


def test_a_collection_that_is_read_does():
    before = fingerprint(reads)

    calls.append(1)

    assert fingerprint(reads) != before


def test_what_a_closure_encloses_takes_part_unless_it_is_only_written_to():
    def make(seen, by):
        def scale(number):
            seen.append(number)
            return number * by

        return scale

    assert fingerprint(make([], 2)) == fingerprint(make([1], 2)) != fingerprint(make([], 3))


def test_functions_with_the_same_code_and_other_names_for_it_differ():
    assert fingerprint(lambda number: json.dumps([number])) != fingerprint(lambda number: json.loads([number]))


def test_fixed_arguments_take_part():
    assert len({fingerprint(functools.partial(appends, number)) for number in (1, 1.0, 2)}) == 3


def test_the_same_function_has_the_same_fingerprint_again():
    assert fingerprint(appends) == fingerprint(appends)


def test_an_edited_file_does_not_change_what_an_old_function_is_found_under(tmp_path):
    file = tmp_path / "edited.py"

    def load(text):
        file.write_text(text)
        names = {"__name__": "edited"}
        exec(compile(text, str(file), "exec"), names)
        return names["work"]

    old = load("def work(number):\n    return number + 1\n")
    before = fingerprint(old)
    new = load("def work(number):\n    return number + 2\n")

    assert len({before, fingerprint(old), fingerprint(new)}) == 3, "the old code must not be taken for the new"


def calls_eval(text):
    return eval(text)


def calls_globals(name):
    return globals()[name]


def calls_getattr(name):
    return getattr(json, name)


def calls_getattr_of_a_constant(text):
    return getattr(json, "loads")(text)  # noqa: B009  (it is what is tested)


def reads_a_file(number):
    return opened.read(number)


def waits(number, event=threading.Event().wait):  # noqa: B008  (a default with a state of its own)
    return event(number)


WITHOUT_SOURCE = eval("lambda number: number")


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (WITHOUT_SOURCE, "the source of .*<lambda> cannot be found"),
        (calls_eval, r"calls_eval calls: it uses eval\(\)"),
        (calls_globals, r"calls_globals calls: it uses globals\(\)"),
        (calls_getattr, "calls_getattr calls: it calls getattr with a name that is made while it runs"),
        (reads_a_file, "the global opened of .*reads_a_file is a _io.TextIOWrapper object"),
        (functools.partial(calls_eval, "1"), "calls_eval calls"),
    ],
)
def test_what_cannot_be_told_is_refused_by_name(function, why):
    with pytest.raises(UnknownCodeError, match=why):
        fingerprint(function)


@pytest.mark.parametrize("function", [calls_getattr_of_a_constant, numpy.linalg.norm, numpy.add, len, str.upper, print])
def test_what_python_and_packages_bring_goes_by_its_version(function):
    assert len(fingerprint(function)) == 32


def test_parts_tell_what_went_in():
    taken = Code().fingerprint()
    taken.of(lambda number: numpy.linalg.norm(number) + appends(number))

    assert list(taken.parts)[1:] == [f"function {__name__}.appends", f"numpy {numpy.__version__}"]


def test_what_a_function_has_for_itself_takes_part():
    def limited(number):
        return min(number, limited.limit)

    limited.limit = 1
    before = fingerprint(limited)
    limited.limit = 2

    assert fingerprint(limited) != before


def imports_what_is_not_there(text):
    try:
        import no_such_module as reader  # type: ignore[import-not-found]
    except ImportError:
        import json as reader
    return reader.loads(text)


def imports_a_package_that_is_not_loaded(number):
    import ipykernel

    return ipykernel, number


def test_imports_in_a_function_may_fail_and_packages_are_not_imported_for_it():
    program = (
        "import sys; from tests.cache import test_fingerprint as these; loaded = 'ipykernel' in sys.modules\n"
        "these.fingerprint(these.imports_what_is_not_there)\n"
        "these.fingerprint(these.imports_a_package_that_is_not_loaded)\n"
        "print(loaded, 'ipykernel' in sys.modules)"
    )
    root = Path(__file__).parents[2]

    said = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=50, check=True
    )

    assert said.stdout == "False False\n"


@dataclass
class Page:
    number: int

    def words(self):
        return self.number


def test_methods_and_instances_take_part_with_their_class():
    assert len({fingerprint(one) for one in (Page(1).words, Page(2).words, Page.words, Page, Page(1))}) == 5


class Refused:
    def __call__(self, number):
        return eval(str(number))


@pytest.fixture
def run(tmp_path):
    def run(task, items=(1,), **options):
        with skorche.Pipeline() as pipeline:
            queue = skorche.map(task, skorche.Queue(fixed_inputs=items))
        pipeline.run(store=tmp_path / "store", progress=False, **options).wait()
        return queue.flush()

    return run


def test_a_refusal_names_the_task_and_the_reason_and_two_mends(run):
    with pytest.raises(skorche.GraphError) as caught:
        run(skorche.task(cache=True)(calls_eval))

    assert caught.value.what.startswith("task 'calls_eval' (")
    assert caught.value.what.endswith(") has cache=True, and what its results depend on cannot be told.")
    assert caught.value.why == f"it cannot be told what {__name__}.calls_eval calls: it uses eval()."
    assert caught.value.mend == (
        'give it version="1", and another one whenever its code changes; or leave cache=True out.'
    )


def test_all_refusals_are_told_at_once(tmp_path):
    with skorche.Pipeline() as pipeline:
        first = skorche.map(skorche.task(cache=True)(calls_eval), skorche.Queue(fixed_inputs=[1]))
        skorche.map(skorche.task(cache=True)(calls_globals), first)

    with pytest.raises(skorche.GraphError) as caught:
        pipeline.run(store=tmp_path / "store")

    assert len(caught.value.findings) == 2


def test_a_version_stands_for_code_that_cannot_be_told(run):
    task = skorche.task(cache=True, version="1")(calls_eval)

    assert run(task, ["len(calls) * 0"]) == [0]


@pytest.mark.parametrize("change", [{"version": "2"}, {"version": 1}])
def test_another_version_is_another_key(change):
    def key(task):
        with skorche.Pipeline() as pipeline:
            skorche.map(task, skorche.Queue(fixed_inputs=[1]))
        return pipeline.explain(keys=True)

    task = skorche.task(cache=True, version="1")(calls_eval)

    assert key(task) == key(task.options(version="1")) != key(task.options(**change))
    assert "calls_eval, version '1'" in key(task)


def test_a_version_stands_for_the_code_but_not_for_the_arguments():
    def key(task):
        with skorche.Pipeline() as pipeline:
            skorche.map(task, skorche.Queue(fixed_inputs=[1]))
        return pipeline.explain(keys=True).splitlines()[3]

    task = skorche.task(cache=True, version="1")(waits)
    other = skorche.task(cache=True, version="1")(calls_eval)
    keys = {key(one) for one in (task, task.bind(event=1), task.bind(event=2), other)}

    assert len(keys) == 4


def test_classes_as_tasks_go_by_their_code_and_the_arguments_of_the_constructor():
    def key(task):
        with skorche.Pipeline() as pipeline:
            skorche.map(task, skorche.Queue(fixed_inputs=[1]))
        return pipeline.explain(keys=True).splitlines()[3]

    @skorche.task(cache=True)
    class Scale:
        def __init__(self, by):
            self.by = by

        def __call__(self, number):
            return number * self.by

    assert key(Scale(2)) == key(Scale(2)) != key(Scale(3))
    with pytest.raises(skorche.GraphError, match="it uses eval"):
        key(skorche.task(cache=True)(Refused))


def test_version_must_be_a_text_or_a_number():
    with pytest.raises(skorche.GraphError, match="version="):
        skorche.task(cache=True, version=["1"])


def test_wrappers_of_the_standard_library_are_followed():
    def make(by):
        @contextlib.contextmanager
        def scaled(number):
            yield number * by

        return lambda number: scaled(number).__enter__()

    assert fingerprint(make(1)) == fingerprint(make(1)) != fingerprint(make(2))
