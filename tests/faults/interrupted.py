"""Programs that signals are sent to. `python -m faults.interrupted PLACE ENGINE [SECONDS]`, with a PLACE from below.

Each says "ready" when the items are at work and its main thread is in that place, and "stopping" when a signal has
stopped its run and the main thread waits for the end of that.
"""

import asyncio
import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engines.waiting import wait_until

import skorche

PLACE, ENGINE, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0.2
STUCK = 1000.0


def work(number: int) -> int:
    """Takes its time: asleep, or for ever in C with the GIL."""
    os.environ["AT_WORK"] = "yes"
    if SECONDS == 0:
        return int(str(7 ** (3 * 10**8))[:1])
    time.sleep(SECONDS)
    return number


def wait(run: Any, numbers: Any, out: Any) -> None:
    run.wait()


def wait_for_a_while(run: Any, numbers: Any, out: Any) -> None:
    run.wait(timeout=STUCK)


def shutdown(run: Any, numbers: Any, out: Any) -> None:
    run.shutdown()


def block(run: Any, numbers: Any, out: Any) -> None:
    with run:
        out.flush()


def block_twice(run: Any, numbers: Any, out: Any) -> None:
    try:
        with run:
            out.flush()
    finally:
        run.shutdown()


def own_code(run: Any, numbers: Any, out: Any) -> None:
    while True:
        time.sleep(0.1)  # not for long: a signal that comes just before it is heard after it


def own_code_with_finally(run: Any, numbers: Any, out: Any) -> None:
    try:
        own_code(run, numbers, out)
    finally:
        run.shutdown()


def get(run: Any, numbers: Any, out: Any) -> None:
    while True:
        out.get()


def get_in_time(run: Any, numbers: Any, out: Any) -> None:
    while True:
        out.get(timeout=STUCK)


def iterate(run: Any, numbers: Any, out: Any) -> None:
    for _ in out:
        pass


def flush(run: Any, numbers: Any, out: Any) -> None:
    out.flush()


def put(run: Any, numbers: Any, out: Any) -> None:
    for number in itertools.count():
        numbers.put(number)


def join_thread(run: Any, numbers: Any, out: Any) -> None:
    waiting = threading.Thread(target=run.join)
    waiting.start()
    while waiting.is_alive():
        waiting.join(0.1)


def loop(run: Any, numbers: Any, out: Any) -> None:
    async def main() -> None:
        with run:
            await asyncio.to_thread(run.join)

    asyncio.run(main())


def loop_that_is_blocked(run: Any, numbers: Any, out: Any) -> None:
    async def main() -> None:
        run.wait()

    asyncio.run(main())


def paused(run: Any, numbers: Any, out: Any) -> None:
    """Would wait for ever."""
    run.pause("work")
    run.shutdown()


def exit(run: Any, numbers: Any, out: Any) -> None:
    pass


def report(run: Any, numbers: Any, out: Any) -> None:
    """Tells what became of the items."""
    try:
        run.wait()
    except KeyboardInterrupt:
        told = run.report
        print(told.admitted == told.delivered + told.cancelled, told.delivered, told.cancelled > 0)
        raise


def keep_going(run: Any, numbers: Any, out: Any) -> None:
    """Has a handler of its own, for both signals."""
    run.wait()
    print("delivered", run.report.delivered)


# In an event loop, in which the run is started, too.


async def wait_async(run: Any, numbers: Any, out: Any) -> None:
    await run.wait_async()


async def wait_async_twice(run: Any, numbers: Any, out: Any) -> None:
    try:
        await run.wait_async()
    finally:
        await run.wait_async()


async def block_async(run: Any, numbers: Any, out: Any) -> None:
    async with run:
        await asyncio.sleep(STUCK)


async def iterate_async(run: Any, numbers: Any, out: Any) -> None:
    async for _ in out:
        pass


async def put_async(run: Any, numbers: Any, out: Any) -> None:
    for number in itertools.count():
        await numbers.put_async(number)


async def group(run: Any, numbers: Any, out: Any) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run.wait_async())
        tasks.create_task(iterate_async(run, numbers, out))


async def group_without_work(run: Any, numbers: Any, out: Any) -> None:
    """The run ends at once, perhaps before the tasks are cancelled."""
    await group(run, numbers, out)


async def background(run: Any, numbers: Any, out: Any) -> None:
    waiting = asyncio.create_task(run.wait_async())
    await asyncio.sleep(STUCK)
    await waiting


ASYNC_PLACES = [
    wait_async,
    wait_async_twice,
    block_async,
    iterate_async,
    put_async,
    group,
    group_without_work,
    background,
]
LIVE = ("put", "put_async", "group_without_work")
PLACES = [
    *(wait, wait_for_a_while, shutdown, block, block_twice, own_code, own_code_with_finally, get, get_in_time),
    *(iterate, flush, put, join_thread, loop, loop_that_is_blocked, paused, exit, report),
    keep_going,
]
WHERE: dict[Callable[..., Any], str] = {
    wait: "wait_ended",
    wait_for_a_while: "wait_ended",
    shutdown: "wait_ended",
    report: "wait_ended",
    block: "flush",
    block_twice: "flush",
    flush: "flush",
    get: "next",
    get_in_time: "next",
    iterate: "next",
    put: "put",
    join_thread: "join",
    loop: "select",
    loop_that_is_blocked: "wait_ended",
    paused: "wait_ended",
    exit: "_leave",
    keep_going: "wait_ended",
} | dict.fromkeys(ASYNC_PLACES, "select")
"""The function of the library, or of Python, in which the main thread waits."""


def blocked() -> Iterator[int]:
    """A source that never gives a second item, and cannot be closed either."""
    try:
        yield 0
        threading.Event().wait()
    finally:
        raise ValueError("it does not like to be closed")


SOURCES: dict[str, Any] = {"blocked": blocked, "endless": itertools.count}


def declare() -> tuple[Any, Any, Any]:
    """The pipeline, its input and its output."""
    source = SOURCES.get(os.environ.get("SOURCE", ""), lambda: range(100))
    with skorche.Pipeline("interrupted") as pipeline:
        numbers: Any = skorche.Queue(fixed_inputs=None if PLACE in LIVE else source(), maxsize=4)
        out = skorche.map(skorche.task(max_workers=2)(work), numbers)
    return pipeline, numbers, out


def tell(run: Any, place: Callable[..., Any]) -> None:
    """Say what the one who sends the signals waits for."""
    main, where = threading.main_thread().ident, WHERE.get(place, place.__name__)
    assert main is not None
    wait_until(lambda: where in names_in(main))
    wait_until(lambda: has_begun(run))
    print("ready", flush=True)
    # Not before the main thread waits for the run: a second signal would be raised while Python tells of the first.
    waits = {"select" if place in ASYNC_PLACES else "wait_ended"}
    wait_until(lambda: not run.running or (run.interruption is not None and waits <= names_in(main)), seconds=60)
    sys.stdout.write("stopping\n")  # in one piece: the program may end meanwhile, and print what it has so far
    sys.stdout.flush()


def has_begun(run: Any) -> bool:
    """Whether items are at work. A run in line, which is at work itself, cannot be asked."""
    return PLACE in LIVE or ("AT_WORK" in os.environ if ENGINE == "inline" else run.statistics()["work"].received > 0)


def names_in(thread: int) -> set[str]:
    """The functions a thread is in."""
    frame, names = sys._current_frames().get(thread), set()
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return names


def main() -> None:
    """Start, and go to the place."""
    (place,) = [one for one in (*PLACES, *ASYNC_PLACES) if one.__name__ == PLACE]
    if place is keep_going:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: print("mine", number, flush=True))
    pipeline, numbers, out = declare()
    engine = ThreadPoolExecutor(2) if ENGINE == "executor" else ENGINE

    def start() -> Any:
        run = pipeline.run(engine=engine, progress=False)
        threading.Thread(target=tell, args=(run, place), daemon=True).start()
        return run

    async def start_in_loop(place: Callable[..., Coroutine[Any, Any, None]]) -> None:
        await place(start(), numbers, out)

    if place in ASYNC_PLACES:
        asyncio.run(start_in_loop(place))
    else:
        place(start(), numbers, out)


if __name__ == "__main__":
    main()
