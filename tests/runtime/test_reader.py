"""A source that is read on a thread: who takes the turns for what it gives."""

from collections.abc import Iterator
from itertools import count, repeat
from queue import SimpleQueue

import pytest

import skorche
from skorche.runtime import source
from skorche.runtime.source import SOON_SECONDS, Reader
from skorche.runtime.turns import Turns

PATIENCE = 20.0
ITEMS = 5


class Taker:
    """Takes what was read, as soon as it is told; notes which way it was told, and what there was."""

    def __init__(self, moments: Iterator[float], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(source, "perf_counter", lambda: next(moments))
        self.told: SimpleQueue[tuple[str, list[int]]] = SimpleQueue()
        self.reader = Reader(iter(range(ITEMS)), "numbers", lambda: self.take("here"), lambda: self.take("there"))
        self.reader.ask(ITEMS + 1)

    def take(self, where: str) -> None:
        self.told.put((where, self.reader.take()))

    def all_told(self) -> list[tuple[str, list[int]]]:
        assert self.reader.join(PATIENCE)
        return [self.told.get_nowait() for _ in range(self.told.qsize())]


def test_items_that_come_one_upon_the_other_are_left_to_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Taker(repeat(1.0), monkeypatch).all_told()

    assert told == [("here", [0]), *[("there", [number]) for number in range(1, ITEMS)], ("here", [])]


def test_an_item_that_comes_alone_is_handled_where_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Taker(count(1.0, 1.1 * SOON_SECONDS), monkeypatch).all_told()

    assert told == [*[("here", [number]) for number in range(ITEMS)], ("here", [])]


def test_what_is_read_until_another_thread_comes_is_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "perf_counter", lambda: 1.0)
    here, there = SimpleQueue[list[int]](), SimpleQueue[None]()
    reader = Reader(iter(range(ITEMS)), "numbers", lambda: here.put(reader.take()), lambda: there.put(None))
    reader.ask(ITEMS + 1)

    assert reader.join(PATIENCE)
    assert (here.get_nowait(), there.qsize()) == ([0], 1)  # the second was left, and all others with it
    assert here.get_nowait() == list(range(1, ITEMS))  # the source had ended


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_a_quick_generator_costs_no_turn_for_each_item(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    handle, items = Turns._handle_all, 20_000
    turns = count()

    def counted(self: Turns, *events: list[object]) -> int:
        next(turns)
        return handle(self, *events)

    monkeypatch.setattr(Turns, "_handle_all", counted)
    with skorche.Pipeline("quick") as pipeline:
        task = skorche.task(engine=engine, max_workers=2)(abs)
        results = skorche.map(task, skorche.Queue(fixed_inputs=(-number for number in range(items))))
    pipeline.run(progress=False).wait(60)

    assert results.flush() == list(range(items))
    assert next(turns) < items / 2
