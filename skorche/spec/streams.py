"""Sources that a function makes anew for each run: generators, and coroutines that put or yield items.

A coroutine runs on an event loop of the thread that reads the source, between two items only: it is asked for one when
there is room for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import Any

PUT_ROOM = 64
"""Items a coroutine may put before it has to wait."""


class Generated:
    """What a function gives, called anew whenever it is read: an iterable, or an asynchronous one.

    >>> list(Generated(range, {}, 3))
    [0, 1, 2]
    """

    def __init__(self, function: Callable[..., Iterable[Any] | AsyncIterable[Any]], keywords: Any, *args: Any) -> None:
        self._function, self._args, self._keywords = function, args, keywords

    def __iter__(self) -> Iterator[Any]:
        made = self._function(*self._args, **self._keywords)
        return iter(made) if isinstance(made, Iterable) else _read(made)


def _read(items: AsyncIterable[Any]) -> Iterator[Any]:
    """The items of an asynchronous iterable, one at a time."""
    from asyncio import Runner, new_event_loop  # 40 ms to import

    async def begin() -> AsyncIterator[Any]:
        return aiter(items)

    async def read_one() -> tuple[Any] | None:
        try:
            return (await anext(iterator),)
        except StopAsyncIteration:
            return None

    with Runner(loop_factory=new_event_loop) as runner:
        iterator = runner.run(begin())
        while (found := runner.run(read_one())) is not None:
            yield found[0]


class Put:
    """What a coroutine puts into the `asyncio.Queue` it is given, started anew whenever it is read.

    >>> async def count(queue):
    ...     for number in range(3):
    ...         await queue.put(number)
    >>> list(Put(count))
    [0, 1, 2]
    """

    def __init__(self, coroutine: Callable[[Any], Coroutine[Any, Any, object]]) -> None:
        self._coroutine = coroutine

    def __iter__(self) -> Iterator[Any]:
        from asyncio import FIRST_COMPLETED, Queue, Runner, Task, create_task, new_event_loop, wait

        queue: Queue[Any] = Queue(PUT_ROOM)

        async def begin() -> Task[object]:
            return create_task(self._coroutine(queue))

        async def take_one(work: Task[object]) -> tuple[Any] | None:
            if queue.empty() and not work.done():
                coming = create_task(queue.get())
                await wait({coming, work}, return_when=FIRST_COMPLETED)
                if coming.done() or not coming.cancel():
                    return (coming.result(),)
            if not queue.empty():
                return (queue.get_nowait(),)
            work.result()
            return None

        with Runner(loop_factory=new_event_loop) as runner:
            work = runner.run(begin())
            while (found := runner.run(take_one(work))) is not None:
                yield found[0]
