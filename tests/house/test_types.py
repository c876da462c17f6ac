"""What type checkers are told: `map(task, queue)` refuses the wrong pair in the editor."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FITS = """
from collections.abc import Iterable
from typing import assert_type

import skorche
from skorche import Failure, Queue, Report, Run, Task


@skorche.task
def size(word: str) -> int:
    return len(word)


@skorche.task(max_workers=4, retries=2)
def half(number: int) -> float:
    return number / 2


def is_long(word: str) -> bool:
    return len(word) > 3


def total(numbers: list[int]) -> int:
    return sum(numbers)


@skorche.task
async def fetch(url: str) -> bytes:
    return url.encode()


@skorche.task(unpack=True, max_workers=2)
def area(width: int, height: int) -> int:
    return width * height


async def weigh(data: bytes) -> float:
    return float(len(data))


@skorche.task
class Model:
    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, data: bytes) -> int:
        return len(data)


class Shop:
    @skorche.task
    def price(self, amount: int) -> float:
        return float(amount)


def letters(word: str) -> Iterable[str]:
    yield from word


def add_size(total: int, word: str) -> int:
    return total + len(word)


def longest(one: str, other: str) -> str:
    return max(one, other, key=len)


words: Queue[str] = Queue(name="words", fixed_inputs=["a", "b"])
lines: Queue[str] = Queue()
sentences: Queue[str] = Queue()
errors: Queue[Failure] = Queue()

assert_type(size, Task[str, int])
assert_type(half, Task[int, float])
assert_type(size("a"), int)
assert_type(Shop().price(2), float)
assert_type(Shop.price, Task[Shop, float])
assert_type(size.options(max_workers=2), Task[str, int])
assert_type(skorche.task(limits=[skorche.limit("gpu", 1), skorche.rate("api", 5, per=0.5)])(len)("a"), int)
assert_type(Queue(fixed_inputs=[b"a"]), Queue[bytes])

sizes = skorche.map(size, words, queue_errors=errors)
assert_type(sizes, Queue[int])
assert_type(skorche.chain((size, half), lines), Queue[float])
assert_type(skorche.chain((size,), Queue(fixed_inputs=["a"])), Queue[int])
assert_type(skorche.chain((size, half, str), Queue(fixed_inputs=["a"])), Queue[str])
assert_type(skorche.chain((size, half, str, size), Queue(fixed_inputs=["a"])), Queue[int])
skorche.chain((size, half, str, size, half, str), Queue(fixed_inputs=["a"]))
skorche.chain([size, half, str], Queue(fixed_inputs=["a"]))
tasks = [size, size.options(max_workers=2)]
skorche.chain(tasks, Queue(fixed_inputs=["a"]))

batches = skorche.batch(sizes, batch_size=10)
assert_type(batches, Queue[list[int]])
assert_type(skorche.map(total, skorche.batch(Queue(fixed_inputs=[1]))), Queue[int])
by_letter = skorche.batch(Queue(fixed_inputs=["a"]), timeout=2, key=str.lower, weight=size, max_weight=3)
assert_type(by_letter, Queue[list[str]])
assert_type(skorche.unbatch(batches), Queue[int])
assert_type(skorche.unbatch(Queue(fixed_inputs=[(1, 2)])), Queue[int])
assert_type(skorche.unbatch(Queue(fixed_inputs=["ab"])), Queue[str])

assert_type(skorche.split(is_long, sentences), tuple[Queue[str], ...])
assert_type(skorche.filter(is_long, Queue(fixed_inputs=["a"])), Queue[str])
assert_type(skorche.merge((Queue(fixed_inputs=[1]), Queue(fixed_inputs=[2]))), Queue[int])

assert_type(skorche.flat_map(letters, Queue(fixed_inputs=["a"])), Queue[str])
assert_type(skorche.flat_map(skorche.task(letters), Queue(fixed_inputs=["a"])), Queue[str])
assert_type(skorche.flat_map(str.split, Queue(fixed_inputs=["a b"])), Queue[str])
assert_type(skorche.reduce(add_size, Queue(fixed_inputs=["a"]), initial=0), Queue[int])
assert_type(skorche.reduce(longest, Queue(fixed_inputs=["a"])), Queue[str])
skorche.sink(print, Queue(fixed_inputs=["a"]))
skorche.sink(size, Queue(fixed_inputs=["a"]), queue_errors=Queue[Failure]())

assert_type(skorche.map(fetch, Queue(fixed_inputs=["a"])), Queue[bytes])
assert_type(skorche.map(area, Queue(fixed_inputs=[(1, 2)])), Queue[int])
assert_type(skorche.map(weigh, Queue(fixed_inputs=[b"a"])), Queue[float])
assert_type(skorche.map(Model("weights.bin"), Queue(fixed_inputs=[b"a"])), Queue[int])
skorche.chain([fetch, Model("weights.bin"), str], Queue(fixed_inputs=["a"]))

pipeline = skorche.Pipeline()
assert_type(pipeline.map(fetch, Queue(fixed_inputs=["a"])), Queue[bytes])
assert_type(pipeline.reduce(add_size, Queue(fixed_inputs=["a"]), initial=0), Queue[int])
assert_type(pipeline.flat_map(letters, Queue(fixed_inputs=["a"])), Queue[str])
assert_type(pipeline.batch(Queue(fixed_inputs=[1]), batch_size=2), Queue[list[int]])
assert_type(pipeline.map(size, Queue(fixed_inputs=["a"])), Queue[int])

with skorche.run() as run:
    assert_type(run, Run[Report])
assert_type(skorche.shutdown(), Report)
assert_type(words.flush(), list[str])
for word in words:
    assert_type(word, str)
"""
HEAD = """
import skorche
from skorche import Queue


@skorche.task
def size(word: str) -> int:
    return len(word)


@skorche.task
async def fetch(url: str) -> bytes:
    return url.encode()


def total(numbers: list[int]) -> int:
    return sum(numbers)


def is_long(word: str) -> bool:
    return len(word) > 3


words: Queue[str] = Queue()
chunks: Queue[bytes] = Queue()
numbers: Queue[int] = Queue()
"""
DOES_NOT_FIT = {
    "a task of words on a queue of bytes": "skorche.map(size, chunks)",
    "an async task of words on a queue of bytes": "skorche.map(fetch, chunks)",
    "a coroutine taken for what it gives": "skorche.map(fetch, words, queue_out=words)",
    "a plain function of words on a queue of bytes": "skorche.map(is_long, chunks)",
    "a task of lists on a queue of single items": "skorche.map(total, numbers)",
    "a task of single items on a queue of lists": "skorche.map(size, skorche.batch(words))",
    "an output of another type than the task gives": "skorche.map(size, words, queue_out=chunks)",
    "a chain that does not begin with what the queue holds": "skorche.chain((size, str), chunks)",
    "a chain whose tasks do not fit each other": "skorche.chain((size, size), words)",
    "a predicate of words on a queue of bytes": "skorche.filter(is_long, chunks)",
    "a split by a predicate of words on a queue of bytes": "skorche.split(is_long, chunks)",
    "a batch of bytes by a key of words": "skorche.batch(chunks, key=is_long)",
    "a batch by a weight that is no number": "skorche.batch(words, weight=str.lower, max_weight=3)",
    "a flat_map of a task that gives one": "skorche.flat_map(size, words)",
    "a reduce of words by a task that takes bytes": "skorche.reduce(bytes.__add__, words, initial=b'')",
    "a reduce that begins with something else": "skorche.reduce(int.__add__, numbers, initial='')",
    "a sink of words on a queue of bytes": "skorche.sink(size, chunks)",
    "an unbatch of what cannot be iterated": "skorche.unbatch(numbers)",
    "a merge of words and bytes taken for words": "merged: Queue[str] = skorche.merge((words, chunks))",
    "an item of another type": "words.put(3)",
    "a task called with another type": "size(3)",
    "an option that does not exist": "skorche.task(retrys=3)",
    "a limit that is only a name": 'skorche.task(limits=["gpu"])',
    "a mode that does not exist": 'skorche.run(on_error="ignore")',
}


def check(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program)
    command = ["-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(cache(folder)), "program.py"]
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


def cache(folder: Path) -> Path:
    """One for all of these tests: skorche itself is then checked only once."""
    return folder.parent / "mypy-cache"


def errors_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith("program.py:") and ": error:" in line]


@pytest.mark.timeout(180)
def test_what_fits_passes_with_the_types_one_expects(tmp_path):
    done = check(FITS, tmp_path)

    assert errors_of(done) == []


@pytest.mark.timeout(180)
def test_each_pair_that_does_not_fit_is_refused(tmp_path):
    first = HEAD.count("\n") + 1

    done = check(HEAD + "".join(f"{line}\n" for line in DOES_NOT_FIT.values()), tmp_path)

    refused = {int(line.split(":")[1]) for line in errors_of(done)}
    accepted = [what for number, what in enumerate(DOES_NOT_FIT, first) if number not in refused]
    assert accepted == []
    assert min(refused) >= first


def test_skorche_says_that_it_has_types():
    assert (ROOT / "skorche" / "py.typed").exists()


@pytest.mark.timeout(180)
def test_skorche_itself_passes_the_strict_check():
    done = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, timeout=170, check=False
    )

    assert done.returncode == 0, done.stdout
