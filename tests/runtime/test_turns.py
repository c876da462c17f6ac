"""Events are handled in turns: by the thread that brings one, or by the keeper, never by two at a time."""

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Event, Thread, get_ident

import pytest

from skorche.runtime.engine import Lend
from skorche.runtime.turns import Turns

PATIENCE = 30.0


class Handler:
    """Writes down what it is given, and in which thread; `during` is called inside each turn."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.threads: list[int] = []
        self.during: Callable[[], None] = lambda: None
        self.inside = False
        self.failed: list[BaseException] = []

    def __call__(self, events: list[object]) -> None:
        assert not self.inside
        self.inside = True
        self.events += events
        self.threads.append(get_ident())
        self.during()
        self.inside = False


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def turns(handler: Handler) -> Turns:
    return Turns(handler, handler.failed.append)


@pytest.fixture
def lender() -> Iterator[Lend]:
    """Has a thread of its own do what it is given."""
    actions = SimpleQueue[Callable[[], None] | None]()

    def work_off() -> None:
        while (action := actions.get()) is not None:
            action()

    thread = Thread(target=work_off)
    thread.start()
    yield lambda action: actions.put(action) is None
    actions.put(None)
    thread.join(PATIENCE)


def in_thread(action: Callable[[], None]) -> int:
    """Do it in another thread, to its end; gives the thread's number."""
    numbers: list[int] = []
    thread = Thread(target=lambda: (numbers.append(get_ident()), action()))
    thread.start()
    thread.join(PATIENCE)
    return numbers[0]


def test_nothing_is_handled_before_the_keeper_opens(handler: Handler, turns: Turns):
    turns.emit("early")

    assert handler.events == []
    turns.open()
    assert handler.events == ["early"]


def test_who_emits_an_event_handles_it(handler: Handler, turns: Turns):
    turns.open()

    number = in_thread(lambda: turns.emit("mine"))

    assert handler.events == ["mine"]
    assert handler.threads[-1] == number


def test_who_posts_an_event_leaves_it_to_the_keeper(handler: Handler, turns: Turns):
    turns.open()

    in_thread(lambda: turns.post("yours"))

    assert handler.events == []
    turns.wait(PATIENCE)
    assert handler.events == ["yours"]
    assert handler.threads[-1] == get_ident()


def test_a_lent_thread_handles_what_was_posted(handler: Handler, turns: Turns):
    turns.open()
    lent: list[Callable[[], None]] = []

    in_thread(lambda: turns.post("yours", lambda action: lent.append(action) is None))

    assert handler.events == []
    assert in_thread(lent.pop()) == handler.threads[-1]
    assert handler.events == ["yours"]


def test_the_keeper_is_woken_when_no_thread_can_be_lent(handler: Handler, turns: Turns):
    turns.open()

    in_thread(lambda: turns.post("yours", lambda _: False))

    turns.wait(PATIENCE)
    assert handler.events == ["yours"]


def test_no_thread_is_asked_for_while_somebody_has_the_turn(handler: Handler, turns: Turns):
    turns.open()
    asked: list[object] = []
    handler.during = lambda: None if asked or len(handler.events) > 1 else turns.post("second", asked.append)

    in_thread(lambda: turns.emit("first"))

    assert (handler.events, asked) == (["first", "second"], [])


def test_nobody_is_lent_when_lending_is_off(handler: Handler, turns: Turns):
    turns.open()
    turns.lend = False

    in_thread(lambda: turns.emit("yours"))
    in_thread(lambda: turns.post("his", lambda action: action() is None))

    assert handler.events == []
    turns.wait(PATIENCE)
    assert handler.events == ["yours", "his"]


def test_an_event_that_comes_during_a_turn_is_handled_by_who_has_it(handler: Handler, turns: Turns):
    turns.open()
    more = [lambda: turns.emit("second"), lambda: turns.post("third")]
    handler.during = lambda: more.pop(0)() if more else None

    number = in_thread(lambda: turns.emit("first"))

    assert handler.events == ["first", "second", "third"]
    assert set(handler.threads[1:]) == {number}


def test_a_thread_is_not_kept_for_ever(handler: Handler, turns: Turns):
    turns.open()
    left = 100

    def once_more() -> None:
        nonlocal left
        if left:
            left -= 1
            turns.emit(left)

    handler.during = once_more
    in_thread(lambda: turns.emit(100))

    assert 0 < len(handler.events) < 20
    turns.wait(PATIENCE)
    assert handler.events == [*range(100, -1, -1)]


def test_the_keeper_takes_a_turn_without_events_when_its_time_is_over(handler: Handler, turns: Turns):
    turns.open()

    turns.wait(0.001)

    assert len(handler.threads) == 2
    assert handler.events == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize("lend", [True, False])
def test_no_event_of_many_threads_is_left_behind_or_handled_twice(
    handler: Handler, turns: Turns, lender: Lend, lend: bool
):
    turns.open()
    turns.lend = lend
    begin = Event()

    def bring(number: int) -> None:
        begin.wait(PATIENCE)
        for event in range(1000):
            if event % 3:
                turns.emit((number, event))
            else:
                turns.post((number, event), (None, lender)[number % 2])

    threads = [Thread(target=bring, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    handler.during = lambda: turns.ring() if len(handler.events) == 8000 else None  # others may have handled the last
    begin.set()
    while len(handler.events) < 8000:
        turns.wait(None)  # for ever, if an event is left behind
    for thread in threads:
        thread.join(PATIENCE)

    assert sorted(handler.events) == [(number, event) for number in range(8) for event in range(1000)]
    for number in range(8):  # in the order in which each thread brought them
        assert [event for event in handler.events if event[0] == number] == [(number, event) for event in range(1000)]


def test_who_handles_is_told_of_an_error_and_the_turn_is_free_again(turns: Turns, handler: Handler):
    def run_out() -> None:
        raise MemoryError

    turns.open()
    handler.during = run_out
    turns.emit("lost")
    handler.during, handler.inside = (lambda: None), False
    turns.emit("handled")

    assert [type(error) for error in handler.failed] == [MemoryError]
    assert handler.events == ["lost", "handled"]


@pytest.mark.parametrize("timeout", [1e10, 1e18, float("inf")])
def test_the_keeper_may_be_told_to_wait_longer_than_the_system_can(turns: Turns, timeout: float):
    turns.open()
    turns.ring()

    turns.wait(timeout)
