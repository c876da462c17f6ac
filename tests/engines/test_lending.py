"""What users put is handled by a thread that an engine lends, so that nobody else need be woken for it."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, current_thread
from typing import Any

import pytest

import skorche
from skorche.engines.process.engine import ProcessEngine
from skorche.engines.thread import ThreadEngine
from skorche.runtime.chunk import Chunk
from skorche.runtime.turns import Turns

from . import tasks

pytestmark = pytest.mark.timeout(60)


def test_only_an_idle_thread_is_lent() -> None:
    released, begun = Event(), SimpleQueue[int]()

    def hang(number: int) -> int:
        begun.put(number)
        assert released.wait(20)
        return number

    with skorche.Pipeline("lent") as pipeline:
        skorche.map(hang, skorche.Queue(fixed_inputs=[]))
    engine, events, threads = ThreadEngine(), SimpleQueue[Any](), SimpleQueue[str]()
    engine.open(pipeline.plan().stages, events.put)

    def note() -> None:
        threads.put(current_thread().name)

    assert not engine.lend(0, note)  # there is no thread yet
    engine.submit(1, 0, Chunk([0], range(1)))
    assert begun.get(timeout=20) == 0
    assert not engine.lend(0, note)  # it is at work
    released.set()
    assert events.get(timeout=20).ticket == 1
    assert engine.lend(0, note)
    assert threads.get(timeout=20) == "skorche hang"

    engine.close("drain")
    assert not engine.lend(0, note)
    assert threads.empty()


@pytest.mark.parametrize(
    ("engine", "name", "lender"),
    [(ThreadEngine, "thread", "skorche is_none"), (ProcessEngine, "process", "skorche processes")],
)
def test_what_a_user_puts_is_handled_by_a_thread_of_the_first_tasks_engine(
    monkeypatch: pytest.MonkeyPatch, engine: type[ThreadEngine | ProcessEngine], name: str, lender: str
) -> None:
    threads, lend = set[str](), engine.lend

    def lend_and_tell(engine: Any, stage: int, action: Callable[[], None]) -> bool:
        def act() -> None:
            threads.add(current_thread().name)
            action()

        return lend(engine, stage, act)

    monkeypatch.setattr(engine, "lend", lend_and_tell)
    with skorche.Pipeline("live") as pipeline:
        items: skorche.Queue[int] = skorche.Queue()
        out = skorche.map(skorche.task(engine=name)(tasks.is_none), items)
    with pipeline.run():
        for number in range(1000):  # the first has no thread yet, and of others some come while a turn goes on
            items.put(number)
            assert out.get(timeout=20) is False

    assert threads == {lender}


@pytest.mark.parametrize(("engine", "lent"), [("inline", False), ("thread", True)])
def test_an_engine_that_works_as_it_is_given_a_chunk_is_lent_no_turn_not_even_the_first(
    monkeypatch: pytest.MonkeyPatch, engine: str, lent: bool
) -> None:
    opened, open_turns = list[bool](), Turns.open

    def note(turns: Turns) -> None:
        opened.append(turns.lend)
        open_turns(turns)

    monkeypatch.setattr(Turns, "open", note)
    with skorche.Pipeline() as pipeline:
        out = skorche.map(tasks.is_none, skorche.Queue(fixed_inputs=[1]))
    pipeline.run(engine=engine).wait(20)

    assert (opened, out.flush()) == ([lent], [False])
